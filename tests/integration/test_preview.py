"""A preview shows one context, and pays for what the build then does not pay again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from longhop import Builder, Recipe, Run
from longhop.cli import main
from longhop.errors import BuildError, StorageError
from longhop.storage import RunFolder
from tests.integration.conftest import build, equal
from tests.integration.corpus import write_corpus, write_recipe
from tests.model_server import Script, Server, Shape, model_server


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with model_server(Script(answers="lexical"), Shape(slots=16)) as started:
        yield started


def served(folder: Path, *urls: str, **changes: Any) -> Path:
    """The small recipe, all roles on servers of one model."""
    engine = {"kind": "openai", "model": "simulated", "urls": list(urls), "concurrency": 8}
    return write_recipe(write_corpus(folder), engines=dict.fromkeys(("writer", "reader", "judge"), engine), **changes)


def test_a_build_asks_for_nothing_again_that_a_preview_was_answered(tmp_path: Path, server: Server) -> None:
    """Preview and build together send no request twice, and the tables are those of a build alone."""
    recipe = served(tmp_path, server.url)
    server.reset()
    alone = build(recipe, tmp_path / "alone")
    whole = server.stats().requests

    server.reset()
    preview = Builder(Recipe.load(recipe), tmp_path / "run").preview(800)
    asked = server.stats().requests
    assert 0 < asked < whole
    assert preview.answers > 0
    assert any(question.accepted for question in preview.questions)
    run = build(recipe, tmp_path / "run")
    assert {request.attempt for request in server.requests()} == {1}
    assert equal(alone, run) == []

    # What it showed is what the build made of that context.
    mine = run.questions().filter(pl.col("context_id") == preview.context.context_id).collect()
    assert set(mine["question_id"]) == {question.question_id for question in preview.questions}
    accepted = mine.filter("accepted")["question_id"].to_list()
    chosen = run.examples().filter(pl.col("question_id").is_in(accepted)).collect()
    assert set(chosen["trace_id"]) == {example.trace_id for example in preview.examples}


def test_shown_again_it_asks_for_nothing(tmp_path: Path, server: Server) -> None:
    """Before the build from the store of completions, after it from its tables, though the store is gone."""
    recipe = served(tmp_path, server.url)
    builder = Builder(Recipe.load(recipe), tmp_path / "run")
    first = builder.preview(500)
    server.reset()
    second = builder.preview(500)
    assert (server.stats().requests, second.answers) == (0, 0)
    assert (second.questions, second.traces, second.examples) == (first.questions, first.traces, first.examples)
    builder.build()
    for file in (tmp_path / "run" / ".work").glob("completions.sqlite*"):
        file.unlink()
    server.reset()
    third = builder.preview(500)
    assert server.stats().requests == 0
    assert (third.questions, third.traces, third.verdicts) == (first.questions, first.traces, first.verdicts)


def test_the_plan_is_that_of_the_build(recipe: Path, tmp_path: Path) -> None:
    """Documents that were read for the preview are not read again, and no part of a later stage is written."""
    Builder(Recipe.load(recipe), tmp_path / "run").preview()
    run = Run.open(str(tmp_path / "run"))
    assert [state.stage for state in run.states() if state.built] == ["documents", "plan", "context_plan"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("documents/*/*")}
    assert equal(build(recipe, tmp_path / "alone"), build(recipe, tmp_path / "run")) == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").glob("documents/*/*")} == before


def test_a_preview_in_a_remote_run_serves_builds_on_other_machines(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers lie beside the run, where who builds the part finds them."""
    recipe, out = served(tmp_path, server.url), "memory://previewed"
    alone = build(recipe, tmp_path / "alone")
    server.reset()
    monkeypatch.setenv("LONGHOP_WORK", str(tmp_path / "one"))
    Builder(Recipe.load(recipe), out).preview(800)
    monkeypatch.setenv("LONGHOP_WORK", str(tmp_path / "other"))
    run = build(recipe, out)
    assert {request.attempt for request in server.requests()} == {1}
    assert equal(alone, run) == []


def test_contexts_are_chosen_by_length_kind_and_number(recipe: Path, tmp_path: Path) -> None:
    """The shortest first; what does not exist is said, with what does."""
    data = yaml.safe_load(recipe.read_text())
    (tmp_path / "notes").mkdir()
    for number in range(0, 8, 3):
        file = tmp_path / "books" / f"chapter_{number:02}.md"
        file.rename(tmp_path / "notes" / file.name)
    data["sources"].append({"kind": "paper", "path": "notes"})
    recipe.write_text(yaml.safe_dump(data))
    builder = Builder(Recipe.load(recipe), tmp_path / "run")
    assert builder.preview().context.target_tokens == 500
    first, second = builder.preview(500, number=1), builder.preview(500, number=2)
    assert first.context.context_id != second.context.context_id
    books = builder.preview(kind="book").context
    tokens = {"book": 0, "paper": 0}
    for document in books.documents:
        tokens[document.kind] += document.n_tokens
    assert tokens["book"] > tokens["paper"]
    for arguments, said in (
        ({"length": 600}, r"no contexts of 600 tokens are asked for; there are 500, 800"),
        ({"kind": "poem"}, r"no source is of kind `poem`; there are book, paper"),
        ({"length": 800, "number": 3}, r"2 planned contexts fit, number 3 was asked for"),
    ):
        with pytest.raises(BuildError, match=said):
            builder.preview(**arguments)


def test_a_folder_of_another_recipe_is_refused_and_left_as_it_is(recipe: Path, tmp_path: Path) -> None:
    """By both names; nothing in it changes."""
    build(recipe, tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()
    with pytest.raises(StorageError, match="holds a run of the recipe `small`, this one is `other`"):
        Builder(Recipe.load(recipe, ["name=other"]), tmp_path / "run").preview()
    assert (tmp_path / "run" / "run.json").read_bytes() == before


@pytest.mark.parametrize("width", [80, 120])
def test_the_page_has_all_of_it_within_its_width(recipe: Path, tmp_path: Path, width: int) -> None:
    """Documents and places, each question, checks, every trace once in its group, the choice, and no colours."""
    preview = Builder(Recipe.load(recipe), tmp_path / "run").preview(800)
    text = preview.text(width)
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    for document in preview.context.documents:
        assert document.title.split()[0] in text
    accepted = [question for question in preview.questions if question.accepted]
    assert accepted
    assert f"{len(accepted)} of {len(preview.questions)} questions accepted" in text
    assert text.count("━━ Question") == len(accepted)
    assert text.count("tokens ─") == len(preview.traces) == 4 * len(accepted)
    assert text.count("* sample") == len(preview.examples)
    rows = [line for line in text.splitlines() if line.startswith("╭")]
    assert max(row.count("╭") for row in rows) >= 2  # side by side
    assert text.count("── Checks ") == text.count("── Outcome ") == len(accepted)
    for question in preview.questions:
        assert question.accepted or str(question.rejected_by) in text


def test_text_of_documents_acts_neither_on_the_terminal_nor_in_a_notebook(recipe: Path, tmp_path: Path) -> None:
    """Escape codes, rich's markup, HTML."""
    data = yaml.safe_load(recipe.read_text())
    data["sources"][0]["license"] = "[red]x[/red]"
    recipe.write_text(yaml.safe_dump(data))
    for file in (tmp_path / "books").iterdir():
        text = file.read_text().replace("harbour book", "[bold]book[/bold] <img src=x onerror=alert(1)> \u202eodd")
        file.write_text(text.replace("was asleep", "was \x1b[31masleep"))
    preview = Builder(Recipe.load(recipe), tmp_path / "run").preview(800)
    text, html = str(preview), preview._repr_html_()
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]book[/bold]" in " ".join(text.split())
    assert "<img" not in html


def test_the_command_says_what_it_does_and_shows_the_page(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain text where there is no terminal, as wide as COLUMNS says; exit code 0."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main(["preview", str(recipe), "--out", str(tmp_path / "run"), "--length", "800"])
    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    assert out.startswith("documents    part 0, ")
    assert "a build there asks for none again" in " ".join(out.split())
    assert max(len(line.replace(str(tmp_path), "")) for line in out.splitlines()) <= 80
    for wrong in (["--length", "much"], ["--number", "0"]):
        with pytest.raises(SystemExit) as ended:
            main(["preview", str(recipe), "--out", str(tmp_path / "run"), *wrong])
        assert ended.value.code == 2


def test_an_interrupted_preview_ends_with_130_and_keeps_what_was_answered(tmp_path: Path) -> None:
    """A server that is slow to the last trace; run again, it goes on."""
    with model_server(Script(answers="lexical"), Shape(slots=16, decode_rate=40.0)) as slow:
        recipe = served(tmp_path, slow.url)
        command = [sys.executable, "-c", "from longhop.cli import main; main()", "preview", str(recipe)]
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--out", str(tmp_path / "run"), "--length", "800"],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + 60
        while slow.stats().served < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "interrupted; run the same command again to continue\n")
    assert os.path.getsize(tmp_path / "run" / ".work" / "completions.sqlite") > 0  # noqa: PTH202 - of a file that is there
    assert not RunFolder(str(tmp_path / "run")).files("questions/*/*")
    assert "previews" not in os.listdir(tmp_path / "run")  # noqa: PTH208 - names are enough
