"""A dataset goes to a Hub on the loopback with the real client, in one commit, and is loaded back from there."""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from longhop.errors import PublishError
from longhop.publish.upload import push
from tests.hub import TOKEN, USER, Hub
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe
from tests.small_run import tables, write_dataset

# The client's own use of its HTTP library, in `lfs_upload`.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

PUSH = """
import sys
from pathlib import Path
from longhop.publish.upload import push
print(push(Path(sys.argv[1]), "org/name", private=True))
"""
LOAD = """
import json, sys
import datasets
from huggingface_hub import snapshot_download
folder = snapshot_download("org/name", repo_type="dataset", cache_dir=sys.argv[1] + "/hub")
rows = {}
for name in ("default", "traces", "questions", "contexts"):
    loaded = datasets.load_dataset(folder, name, cache_dir=sys.argv[1] + "/datasets")
    rows[name] = {split: loaded[split].num_rows for split in loaded}
first = datasets.load_dataset(folder, "default", cache_dir=sys.argv[1] + "/datasets")["test"][0]
print(json.dumps({"rows": rows, "first": first}))
"""


def call(code: str, *arguments: object, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own: the client reads its environment when it is imported."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING_FACE"))}
    own = {"HF_HOME": str(home), "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **environment}
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(words, env=inherited | own, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small dataset folder."""
    target = tmp_path / "dataset"
    write_dataset(target, tables()[0])
    return target


def test_a_dataset_is_pushed_in_one_commit_and_loads_back(folder: Path, tmp_path: Path) -> None:
    """What was pushed is what the folder holds, and every configuration loads from there."""
    with Hub() as hub:
        pushed = call(PUSH, folder, home=tmp_path / "home", **hub.environment)
        assert pushed.returncode == 0, pushed.stderr
        assert pushed.stdout.strip() == f"{hub.url}/datasets/org/name/commit/{'0' * 40}"
        local = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert len(hub.commits) == 1
        assert (hub.commits[0].repo, hub.commits[0].branch) == ("org/name", "main")
        assert {name: data for name, data in hub.files("org/name").items() if name != ".gitattributes"} == local
        assert hub.repos["org/name"]["type"] == "dataset"
        assert hub.repos["org/name"].get("private") or hub.repos["org/name"].get("visibility") == "private"
        loaded = call(LOAD, tmp_path / "cache", home=tmp_path / "home", **hub.environment)
    assert loaded.returncode == 0, loaded.stderr
    found = json.loads(loaded.stdout)
    assert found["rows"] == {
        "default": {"test": 2},
        "traces": {"test": 12, "train": 4},
        "questions": {"test": 3, "train": 2},
        "contexts": {"test": 1, "train": 1},
    }
    assert [message["role"] for message in found["first"]["messages"]] == ["system", "user", "assistant"]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Hub], None]:
    """Turns the client of this process to a Hub."""

    def turn(hub: Hub) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    return turn


Here = Callable[[Hub], None]


def test_a_second_push_sends_no_object_twice(folder: Path, here: Here) -> None:
    """An existing repository is taken, and objects that are there are not sent again."""
    with Hub() as hub:
        here(hub)
        push(folder, "org/name")
        push(folder, "org/name")
        sent = [name for name in hub.calls if name.startswith("PUT")]
    assert len(sent) == len(set(sent)) == len(list(folder.rglob("*.parquet")))


def test_a_revision_is_a_branch(folder: Path, here: Here) -> None:
    """`revision` is made where it does not exist and takes the commit."""
    with Hub() as hub:
        here(hub)
        push(folder, "org/name", private=False, revision="v1")
        assert "POST /api/datasets/org/name/branch/v1" in hub.calls
        assert [commit.branch for commit in hub.commits] == ["v1"]
        assert hub.repos["org/name"].get("private") is not True


def test_what_is_meant_to_be_private_does_not_go_to_a_public_repository(folder: Path, here: Here) -> None:
    """It is refused before anything is sent; asked for as public, it goes."""
    with Hub(public=True) as hub:
        here(hub)
        with pytest.raises(PublishError, match="is public; push with --public"):
            push(folder, "org/name")
        assert hub.commits == []
        push(folder, "org/name", private=False)
        assert len(hub.commits) == 1


def test_a_name_alone_goes_under_the_owner_of_the_token(folder: Path, here: Here) -> None:
    """The commit goes to the repository that the Hub made, not to one of the name that was given."""
    with Hub() as hub:
        here(hub)
        url = push(folder, "name")
        assert [commit.repo for commit in hub.commits] == [f"{USER}/name"]
        assert url.startswith(f"{hub.url}/datasets/{USER}/name/")


def test_an_answer_that_is_none_of_a_hub_is_not_blamed_on_the_card(folder: Path, here: Here) -> None:
    """Whatever else answers at the address, with a page of its own, is said to be no Hub."""
    with Hub(page="<html>Log in to this network</html>") as hub:
        here(hub)
        message = failure(folder, "org/name")
    assert "is no Hub" in message
    assert "card" not in message


def failure(folder: Path, repo: str) -> str:
    with pytest.raises(PublishError) as caught:
        push(folder, repo)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "the Hub knows no such token"), (403, "may not write"), (404, "no such owner"), (400, "refused with 400")],
)
def test_a_refusal_is_said_in_plain_words(folder: Path, here: Here, status: int, said: str) -> None:
    """Each status of the Hub is a PublishError that names the repository and never the token."""
    with Hub(refuse=status) as hub:
        here(hub)
        message = failure(folder, "org/name")
        assert hub.calls
        assert hub.commits == []
    assert message.startswith("org/name: ")
    assert said in message


def test_a_large_file_that_is_refused_stops_the_commit(folder: Path, here: Here) -> None:
    """What befalls a single object is said with the Hub's status, and nothing is committed."""
    with Hub(refuse_objects=403) as hub:
        here(hub)
        assert "may not write" in failure(folder, "org/name")
        assert hub.commits == []


def test_a_card_that_the_hub_refuses_is_said(folder: Path, here: Here) -> None:
    """The Hub checks the front matter before it takes anything."""
    with Hub(card_errors=['"license" must be one of those known']) as hub:
        here(hub)
        assert '"license" must be one of those known' in failure(folder, "org/name")
        assert hub.commits == []


def test_no_token_is_said_as_such(folder: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token nothing is asked, and the message says how to get one."""
    with Hub() as hub:
        here(hub)
        monkeypatch.delenv("HF_TOKEN")
        monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
        message = failure(folder, "org/name")
        assert hub.calls == []
    assert "no token" in message
    assert "HF_TOKEN" in message


@pytest.mark.parametrize("repo", ["a name/with spaces", "org/name/more", "org/na--me", ""])
def test_a_name_that_is_none_asks_nothing_of_the_hub(folder: Path, here: Here, repo: str) -> None:
    """What cannot be a name is refused before anything is sent."""
    with Hub() as hub:
        here(hub)
        assert "expected owner/name" in failure(folder, repo)
        assert hub.calls == []


def test_a_hub_that_is_away_and_a_folder_that_is_empty(folder: Path, here: Here) -> None:
    """No connection and nothing built are errors of one sentence."""
    with Hub() as hub:
        here(hub)
    assert "cannot be reached" in failure(folder, "org/name")
    (folder / "README.md").unlink()
    assert "no dataset here" in failure(folder, "org/name")


FACES = {
    "the command": "from longhop.cli import main; main()",
    "the builder": "import sys; from longhop import Run; print(Run.open(sys.argv[2]).push_to_hub(sys.argv[3]))",
    "Luigi": "from luigi.cmdline import luigi_run; luigi_run()",
}


def test_every_way_to_run_uploads_the_same(tmp_path: Path) -> None:
    """Command, API and Luigi task make one commit each of what the run holds; Luigi's is made once for each branch."""
    recipe, out = write_recipe(write_corpus(tmp_path)), tmp_path / "run"
    build(recipe, out)
    manifest = json.loads((out / "run.json").read_text(encoding="utf-8"))
    module = ["--module", "longhop.tasks"]
    where = ["--out", out, "--local-scheduler"]
    build_task = [*module, "longhop.Build", "--recipe", recipe, "--push", "org/luigi", *where]
    parts = len(list((out / "examples" / manifest["fingerprints"]["examples"]).glob("part-*.parquet")))
    made = ["--fingerprint", manifest["fingerprints"]["dataset"], "--part", parts, "--repo", "org/luigi"]
    branch = [*module, "longhop.Push", *made, "--private", "true", "--revision", "v2", *where]
    calls: list[tuple[str, list[object]]] = [
        ("the command", ["push", out, "org/command"]),
        ("the builder", ["push", out, "org/builder"]),
        ("Luigi", build_task),
        ("Luigi", build_task),
        ("Luigi", branch),
        ("Luigi", branch),
    ]
    with Hub() as hub:
        for face, arguments in calls:
            done = call(FACES[face], *arguments, home=tmp_path / "home", **hub.environment)
            assert done.returncode == 0, f"{face}\n{done.stdout}\n{done.stderr}"
            assert TOKEN not in done.stdout + done.stderr
        made_commits = [(commit.repo, commit.branch) for commit in hub.commits]
        contents = [{name: data for name, data in commit.files.items() if data} for commit in hub.commits]
    assert made_commits == [
        ("org/command", "main"),
        ("org/builder", "main"),
        ("org/luigi", "main"),
        ("org/luigi", "v2"),
    ]
    assert all(own == contents[0] for own in contents)
    local = {str(path.relative_to(out / "dataset")) for path in (out / "dataset").rglob("*") if path.is_file()}
    assert {name for name in contents[0] if name != ".gitattributes"} == local
    assert not [path for path in out.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
