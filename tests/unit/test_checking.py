"""What a check finds: all that would stop a build, at once."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from longhop import Builder, Recipe
from longhop.checking import check_recipe
from longhop.cli import main
from longhop.engines import probe
from longhop.errors import CheckError, EngineError, PromptError, SourceError, StorageError, TokenizerError
from tests.hub import Hub
from tests.integration.corpus import write_corpus, write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


def test_everything_is_said_at_once(recipe: Path, tmp_path: Path) -> None:
    """A source, the tokenizer, a prompt, an engine and the folder, each in its own words and as its own error."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "nosuch.md").write_text("x")
    (tmp_path / "file").write_text("x")
    data = Recipe.load(recipe).resolved()
    data["sources"].append({**data["sources"][0], "path": str(tmp_path / "gone")})
    data["tokenizer"] = str(tmp_path / "tokenizer.json")
    data["prompts"] = str(tmp_path / "prompts")
    data["engines"]["judge"] |= {"kind": "openai", "model": "m", "urls": ["http://127.0.0.1:9/v1"]}
    data["engines"]["writer"] |= {"kind": "openai", "model": "m", "urls": ["http://h/v1"], "key_env": "NO_SUCH_KEY"}
    broken = Recipe.parse(data)
    report = check_recipe(broken, str(tmp_path / "file" / "run"))
    kinds = [type(problem) for problem in report.problems]
    assert kinds == [SourceError, TokenizerError, PromptError, EngineError, EngineError, StorageError]
    assert [source.items for source in report.sources] == [8]
    text = " ".join(str(report).split())
    for word in ("gone", "tokenizer.json", "nosuch.md", "NO_SUCH_KEY", "no server answers", "a file stands"):
        assert word in text
    with pytest.raises(CheckError, match="6 problems") as caught:
        Builder(broken, tmp_path / "file" / "run").check()
    assert caught.value.problems[0].args == report.problems[0].args


def test_one_problem_is_raised_as_what_it_is(recipe: Path, tmp_path: Path) -> None:
    """So that who catches engine errors catches them here, too."""
    broken = Recipe.load(recipe, ["engines.judge={kind: openai, model: m, urls: ['http://127.0.0.1:9/v1']}"])
    with pytest.raises(EngineError, match="no server answers"):
        Builder(broken, tmp_path / "run").check()


def test_servers_that_say_nothing_are_waited_for_together(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one role after the other: three of them would be a minute of silence."""
    monkeypatch.setattr(probe, "_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        engine = f"{{kind: openai, model: m, urls: ['http://127.0.0.1:{silent.getsockname()[1]}/v1']}}"
        roles = ("writer", "reader", "judge")
        broken = Recipe.load(recipe, [f"engines.{role}={engine}" for role in roles])
        began = time.monotonic()
        report = check_recipe(broken, str(tmp_path / "run"))
    assert time.monotonic() - began < 2.5
    assert sorted(str(problem).split(":")[0] for problem in report.problems) == [
        f"engines.{role}" for role in sorted(roles)
    ]


def test_what_roles_share_is_said_once(recipe: Path, tmp_path: Path) -> None:
    """They share vLLM's servers, so that its command is missing is one problem."""
    engine = "{kind: vllm, model: m, command: [no-such-command], gpus: [0]}"
    broken = Recipe.load(recipe, [f"engines.{role}={engine}" for role in ("writer", "reader", "judge")])
    assert len(check_recipe(broken, str(tmp_path / "run")).problems) == 1


def test_nothing_is_written(recipe: Path, tmp_path: Path) -> None:
    """Neither where the run would be nor elsewhere."""
    before = sorted(tmp_path.rglob("*"))
    report = Builder(Recipe.load(recipe), tmp_path / "new" / "run").check()
    assert sorted(tmp_path.rglob("*")) == before
    assert "a new run" in report.out
    assert "free in" in report.disk


def test_a_folder_of_another_recipe_is_found(recipe: Path, tmp_path: Path) -> None:
    """Before anything is built."""
    Builder(Recipe.load(recipe), tmp_path / "run").build()
    assert "goes on with the run there" in Builder(Recipe.load(recipe), tmp_path / "run").check().out
    with pytest.raises(StorageError, match="holds a run of the recipe `small`"):
        Builder(Recipe.load(recipe, ["name=other"]), tmp_path / "run").check()


def test_files_that_are_all_empty_or_closed_are_found(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their names."""
    closed = tmp_path / "books" / "chapter_03.md"
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, _: Path(path) != closed)
        with pytest.raises(SourceError, match=r"chapter_03\.md cannot be read"):
            Builder(Recipe.load(recipe), tmp_path / "run").check()
        patch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
        with pytest.raises(StorageError, match="cannot be written"):
            Builder(Recipe.load(recipe), tmp_path / "run").check()
    for file in (tmp_path / "books").iterdir():
        file.write_text("")
    with pytest.raises(SourceError):
        Builder(Recipe.load(recipe), tmp_path / "run").check()


def test_sources_that_cannot_fill_the_contexts_are_found(recipe: Path, tmp_path: Path) -> None:
    """A token has a byte at least; where fewer contexts will do, nothing is wrong."""
    large = ["contexts.lengths={1m: 100}"]
    problems = check_recipe(Recipe.load(recipe, large), str(tmp_path / "run")).problems
    assert any("the contexts want 104,857,600 tokens" in str(problem) for problem in problems)
    assert not check_recipe(Recipe.load(recipe, [*large, "contexts.allow_fewer=true"]), str(tmp_path / "run")).problems


def test_a_disk_that_is_full_is_found(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is needed, by an estimate, and what is free."""

    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1024))
    with pytest.raises(StorageError, match=r"needed, 1\.0 KiB free .*free some room"):
        Builder(Recipe.load(recipe), tmp_path / "run").check()


def test_the_command_says_all_and_ends_with_1(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in order on stdout, what is not on stderr, each on a line of its own; nothing is good to build then."""
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "file").write_text("x")
    wrong = "engines.judge={kind: openai, model: m, urls: ['http://127.0.0.1:9/v1']}"
    with pytest.raises(SystemExit) as ended:
        main(["check", str(recipe), "--set", wrong, "--out", str(tmp_path / "file" / "run")])
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert "8 to read as book" in " ".join(out.split())
    assert "good to build" not in out
    lines = err.splitlines()
    assert lines[0] == "2 problems"
    assert "engines.judge" in lines[1]
    assert "a file stands where a folder is needed" in lines[2]


# The Hub

CHECK = """
import sys
from longhop.errors import PublishError
from longhop.publish.access import check_access
try:
    print(check_access(sys.argv[1], private=True))
except PublishError as error:
    print(f"refused: {error}")
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as started:
        yield started


def asked(hub: Hub, repo: str, **environment: str) -> str:
    """In a process of its own: the client reads its environment when it is imported."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING_FACE"))}
    own = {**hub.environment, "HF_HOME": "/nonexistent", "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    command = [sys.executable, "-c", CHECK, repo]
    done = subprocess.run(command, env=inherited | own, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert not own["HF_TOKEN"] or own["HF_TOKEN"] not in done.stdout
    return done.stdout.strip()


def who(role: str, **token: Any) -> dict[str, Any]:
    orgs = [{"name": "org", "roleInOrg": "write"}, {"name": "closed", "roleInOrg": "read"}]
    return {"name": "me", "type": "user", "orgs": orgs, "auth": {"accessToken": {"role": role, **token}}}


def test_a_token_that_may_write_is_in_order(hub: Hub) -> None:
    """To its own name and to its organisation's; nothing is written there."""
    hub.who = who("write")
    assert asked(hub, "me/name") == "me/name as me; the repository will be made"
    assert asked(hub, "org/name") == "org/name as me, write of org; the repository will be made"
    assert not [call for call in hub.calls if not call.startswith("GET")]


def test_what_the_hub_would_refuse_is_found_beforehand(hub: Hub) -> None:
    """Read-only tokens, strangers, unknown tokens, none, a public repository, a Hub that is not there."""
    hub.who = who("read")
    assert "the token may only read" in asked(hub, "me/name")
    hub.who = who("write")
    assert "other is neither me nor an organisation of theirs; the owner is one of me, org" in asked(hub, "other/name")
    assert "me may only read in closed" in asked(hub, "closed/name")
    assert "knows no such token" in asked(hub, "me/name", HF_TOKEN="hf_wrong0123456789")  # noqa: S106 - none
    assert "no token; log in" in asked(hub, "me/name", HF_TOKEN="")
    assert "is no name of a repository" in asked(hub, "me/na..me")
    assert "cannot be reached" in asked(hub, "me/name", HF_ENDPOINT="http://127.0.0.1:9")
    hub.make("me/name")
    hub.public = True
    assert "me/name: is public; set dataset.private to false" in asked(hub, "me/name")


def test_a_fine_grained_token_needs_the_right_for_the_repository_or_its_owner(hub: Hub) -> None:
    """Rights for others are none."""
    for name, permissions, fits in (
        ("org", ["repo.write"], True),
        ("org/name", ["repo.write"], True),
        ("org", ["repo.content.read"], False),
        ("me", ["repo.write"], False),
    ):
        scoped = [{"entity": {"type": "org", "name": name}, "permissions": permissions}]
        hub.who = who("fineGrained", fineGrained={"scoped": scoped, "global": []})
        assert ("may not write there; give it `repo.write`" not in asked(hub, "org/name")) == fits
