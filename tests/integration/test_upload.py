"""A dataset goes to a Hub on the loopback with the real client, in one commit, and is loaded back from there."""

import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from longhop.errors import PublishError
from longhop.publish.upload import push
from tests.hub import TOKEN, USER, Hub
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe
from tests.pushing import Here, licensed_dataset, sha, turned

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
rows = {}
for name in datasets.get_dataset_config_names("org/name"):
    loaded = datasets.load_dataset("org/name", name, cache_dir=sys.argv[1])
    rows[name] = {split: loaded[split].num_rows for split in loaded}
first = datasets.load_dataset("org/name", split="test", cache_dir=sys.argv[1])[0]
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
    return licensed_dataset(tmp_path / "dataset")


def test_a_dataset_is_pushed_in_one_commit_and_loads_back(folder: Path, tmp_path: Path) -> None:
    """What was pushed is what the folder holds, and every configuration loads from there."""
    with Hub() as hub:
        pushed = call(PUSH, folder, home=tmp_path / "home", **hub.environment)
        assert pushed.returncode == 0, pushed.stderr
        assert pushed.stdout.strip() == f"{hub.url}/datasets/org/name/commit/{hub.commits[0].oid}"
        local = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert len(hub.commits) == 1
        assert (hub.commits[0].repo, hub.commits[0].branch) == ("org/name", "main")
        there = hub.files("org/name")
        said = json.loads(there.pop("longhop.json"))["files"]
        assert there == local
        assert {name: each["sha256"] for name, each in said.items()} == {n: sha(data) for n, data in local.items()}
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
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    return turned(monkeypatch, tmp_path)


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


def test_content_of_others_is_neither_overwritten_nor_deleted(folder: Path, here: Here) -> None:
    """Refused with the files' names; asked to overwrite, what stands in the way goes and the rest stays."""
    with Hub() as hub:
        here(hub)
        hub.make("org/name")
        others = {"README.md": b"# Mine", "notes.txt": b"notes", "data/default/test-9.parquet": b"rows"}
        hub.put("org/name", others)
        message = failure(folder, "org/name")
        assert "has files that longhop did not put there: README.md, data/default/test-9.parquet, notes.txt" in message
        assert "--overwrite" in message
        assert hub.files("org/name") == others
        push(folder, "org/name", overwrite=True)
        there = hub.files("org/name")
        assert there["README.md"] == (folder / "README.md").read_bytes()
        assert there["notes.txt"] == b"notes"
        assert "data/default/test-9.parquet" not in there


def test_a_repository_made_on_the_hubs_page_counts_as_empty(folder: Path, here: Here) -> None:
    """It has a card with a head and no words, which nobody would miss."""
    with Hub() as hub:
        here(hub)
        hub.make("org/name")
        hub.put("org/name", {"README.md": b"---\nlicense: mit\n---\n"})
        push(folder, "org/name")
        assert hub.files("org/name")["README.md"] == (folder / "README.md").read_bytes()


def test_a_dataset_that_was_built_anew_replaces_the_one_before(folder: Path, here: Here) -> None:
    """In one commit: files that it has no longer go, what others put beside it stays."""
    with Hub() as hub:
        here(hub)
        (folder / "figures").mkdir()
        (folder / "figures" / "old.png").write_bytes(b"old")
        push(folder, "org/name")
        hub.put("org/name", {"LICENSE.txt": b"words"})
        (folder / "figures" / "old.png").rename(folder / "figures" / "new.png")
        (folder / "recipe.yaml").write_text("name: renamed\n", encoding="utf-8")
        push(folder, "org/name")
        there = hub.files("org/name")
        assert len(hub.commits) == 2
        assert hub.commits[1].deleted == ["figures/old.png"]
        assert set(hub.commits[1].files) == {"figures/new.png", "recipe.yaml", "longhop.json"}
        assert there["LICENSE.txt"] == b"words"
        assert there["recipe.yaml"] == b"name: renamed\n"


def test_a_card_mended_on_the_hub_is_kept_while_ours_is_the_same(folder: Path, here: Here) -> None:
    """Where both have changed, somebody has to look; so it is refused."""
    with Hub() as hub:
        here(hub)
        push(folder, "org/name")
        mended = (folder / "README.md").read_bytes() + b"\nMended there.\n"
        hub.put("org/name", {"README.md": mended})
        (folder / "recipe.yaml").write_text("name: other\n", encoding="utf-8")
        push(folder, "org/name")
        assert hub.files("org/name")["README.md"] == mended
        assert hub.files("org/name")["recipe.yaml"] == b"name: other\n"
        with (folder / "README.md").open("a", encoding="utf-8") as card:
            card.write("Mended here.\n")
        assert "has files that others put there or changed: README.md" in failure(folder, "org/name")
        assert hub.files("org/name")["README.md"] == mended
        push(folder, "org/name", overwrite=True)
        assert hub.files("org/name")["README.md"] == (folder / "README.md").read_bytes()


def test_nothing_to_do_is_no_commit(folder: Path, here: Here, caplog: pytest.LogCaptureFixture) -> None:
    """The address is that of the commit that holds it."""
    with Hub(page_size=3) as hub:
        here(hub)
        first = push(folder, "org/name")
        caplog.set_level(logging.INFO, "longhop")
        assert push(folder, "org/name") == first
        assert len(hub.commits) == 1
        assert "holds this dataset already" in caplog.text


def test_what_did_not_arrive_is_said(folder: Path, here: Here) -> None:
    """The Hub's own listing is asked: a .gitignore there leaves files out, and the client says nothing."""
    with Hub(ignored="recipe.*") as hub:
        here(hub)
        message = failure(folder, "org/name")
    assert "recipe.yaml did not arrive as sent" in message
    assert ".gitignore" in message


@pytest.mark.parametrize(
    ("repo", "change", "said"),
    [
        ("me/name", {"auth": {"accessToken": {"role": "read"}}}, "the token may only read"),
        ("nowhere/name", {}, "nowhere is neither me nor an organisation of theirs; the owner is one of me, org"),
        ("org/name", {"orgs": [{"name": "org", "roleInOrg": "read"}]}, "me may only read in org"),
    ],
)
def test_who_may_not_write_is_told_before_anything_is_made(
    folder: Path, here: Here, repo: str, change: dict[str, Any], said: str
) -> None:
    """By what the Hub says of the token."""
    with Hub() as hub:
        here(hub)
        hub.who |= change
        assert said in failure(folder, repo)
        assert hub.calls == ["GET /api/whoami-v2"]


@pytest.mark.parametrize("status", [403, 413])
def test_a_full_storage_is_said_as_such(folder: Path, here: Here, status: int) -> None:
    """With the Hub's own words."""
    words = "Private repository storage limit reached, please upgrade your plan"
    with Hub(refuse_writes=(status, words)) as hub:
        here(hub)
        message = failure(folder, "org/name")
    assert "storage on the Hub is full" in message
    assert words in message


@pytest.mark.parametrize("revision", ["v 1", "a..b", "/v1", "v1.lock", "refs/pr/1", "-x", "0" * 40, ""])
def test_a_revision_that_can_be_no_branch_is_said(folder: Path, here: Here, revision: str) -> None:
    """Before anything is sent."""
    with Hub() as hub:
        here(hub)
        with pytest.raises(PublishError, match="no name of a branch"):
            push(folder, "org/name", revision=revision)
        assert hub.calls == []


def test_licences_are_looked_at_before_anything_is_sent(tmp_path: Path, here: Here) -> None:
    """And whoever has looked at them pushes."""
    folder = licensed_dataset(tmp_path / "unknown", None)
    with Hub() as hub:
        here(hub)
        assert "4 documents which have no licence given" in failure(folder, "org/name")
        assert hub.calls == []
        push(folder, "org/name", licenses_checked=True)
        assert len(hub.commits) == 1


FACES = {
    "the command": "from longhop.cli import main; main()",
    "the builder": "import sys; from longhop import Run; print(Run.open(sys.argv[2]).push_to_hub(sys.argv[3]))",
    "Luigi": "from luigi.cmdline import luigi_run; luigi_run()",
}


def test_every_way_to_run_uploads_the_same(tmp_path: Path) -> None:
    """Command, API and Luigi task make one commit each of what the run holds, and none where it is there already."""
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
        on_branch, made_files = hub.files("org/luigi", "v2"), hub.files("org/luigi")
        made_commits = [(commit.repo, commit.branch) for commit in hub.commits]
        contents = [{name: data for name, data in commit.files.items() if data} for commit in hub.commits]
    assert made_commits == [
        ("org/command", "main"),
        ("org/builder", "main"),
        ("org/luigi", "main"),
    ]
    assert on_branch == made_files  # which was made of the main branch, where all of it was: no commit
    assert all(own == contents[0] for own in contents)
    local = {str(path.relative_to(out / "dataset")) for path in (out / "dataset").rglob("*") if path.is_file()}
    assert {name for name in contents[0] if name != "longhop.json"} == local
    assert not [path for path in out.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
