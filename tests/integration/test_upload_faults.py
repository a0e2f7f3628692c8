"""A push loses nothing and sends nothing twice, whatever befalls its calls, its process, or the repository."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from longhop.errors import PublishError
from longhop.publish import hub as patience
from longhop.publish.upload import push
from tests.hub import SIGNATURE, TOKEN, Hub
from tests.hub_faults import once, one_in_ten
from tests.pushing import Here, licensed_dataset, turned, with_large_files

# The client's own use of its HTTP library, in `lfs_upload`.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

PUSH = """
import logging, sys
from pathlib import Path
from longhop.publish.upload import push
logging.basicConfig(level=logging.DEBUG)
logging.getLogger("huggingface_hub").setLevel(logging.DEBUG)
print(push(Path(sys.argv[1]), "org/name"))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return licensed_dataset(tmp_path / "dataset")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    return turned(monkeypatch, tmp_path)


def local(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def there(hub: Hub, repo: str = "org/name") -> dict[str, bytes]:
    return {name: data for name, data in hub.files(repo).items() if name != "longhop.json"}


@pytest.mark.parametrize(("seed", "part_size"), [(1, None), (2, None), (3, 1_500)])
def test_one_call_in_ten_fails_and_nothing_is_lost_or_sent_twice(
    folder: Path, here: Here, seed: int, part_size: int | None
) -> None:
    """200 large files, whole or in parts: refused for now, broken off, answered by nobody; one commit has them all."""
    with_large_files(folder, 200)
    with Hub(faults=one_in_ten(seed), part_size=part_size) as hub:
        here(hub)
        push(folder, "org/name")
        assert there(hub) == local(folder)
        assert len(hub.objects) > 200
        assert set(hub.received.values()) == {1}
        assert sum(hub.again.values()) == 0
        assert len(hub.commits) == 1


def test_a_push_that_is_killed_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    """Kill -9 while objects are sent; the next push sends the others, and no object that had arrived."""
    with_large_files(folder, 200)
    with Hub() as hub:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment |= {**hub.environment, "HF_HOME": str(tmp_path / "home")}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        command = [sys.executable, "-c", PUSH, str(folder)]
        first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        while len(hub.objects) < 60 and first.poll() is None:
            time.sleep(0.001)
        first.send_signal(signal.SIGKILL)
        first.wait()
        arrived = len(hub.objects)
        assert 60 <= arrived < 200
        assert hub.commits == []
        second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        assert second.returncode == 0, second.stderr[-2000:]
        assert there(hub) == local(folder)
        assert set(hub.received.values()) == {1}
        assert sum(hub.again.values()) == 0
        assert len(hub.commits) == 1
    assert TOKEN not in second.stdout + second.stderr
    assert SIGNATURE not in second.stdout + second.stderr


def test_a_commit_whose_answer_is_lost_is_not_made_again(folder: Path, here: Here) -> None:
    """The next round sees that all is there."""
    with Hub(faults=once("POST", "/commit/", "lose")) as hub:
        here(hub)
        url = push(folder, "org/name")
        assert len(hub.commits) == 1
        assert url.endswith(hub.commits[0].oid)
        assert there(hub) == local(folder)


def test_who_asks_to_wait_is_obeyed(folder: Path, here: Here) -> None:
    """Seconds of Retry-After, for calls that the client does not repeat by itself; for an hour nobody waits."""
    with Hub(faults=once("POST", "/api/repos/create", (429, {"Retry-After": "7"}))) as hub:
        waits = here(hub)
        push(folder, "org/name")
        assert waits == [7.0]
        assert len(hub.commits) == 1
    with Hub(faults=once("POST", "/api/repos/create", (429, {"Retry-After": "3600"}))) as hub:
        here(hub)
        with pytest.raises(PublishError, match="asks to wait for 60 minutes; push again after that"):
            push(folder, "org/name")


def test_a_server_that_says_nothing_is_asked_again(folder: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client itself would wait for ever."""
    monkeypatch.setattr(patience, "SILENCE", 0.3)
    with Hub(faults=once("PUT", "/objects/", "stall")) as hub:
        here(hub)
        push(folder, "org/name")
        assert there(hub) == local(folder)
        hub.ended.set()


def test_a_server_that_stays_away_ends_the_push_with_what_to_do(folder: Path, here: Here) -> None:
    """After several tries without any progress; what has arrived is kept for the next push."""
    with Hub(faults=lambda _method, path: (503, {}) if "/commit/" in path else None) as hub:
        waits = here(hub)
        with pytest.raises(PublishError, match="answered 503.*push again later, what has arrived is kept"):
            push(folder, "org/name")
        assert len(waits) == 7
        arrived = dict(hub.received)
        hub.faults = lambda _method, _path: None
        push(folder, "org/name")
        assert hub.received == arrived
        assert there(hub) == local(folder)


def test_what_somebody_commits_meanwhile_stays(folder: Path, here: Here) -> None:
    """The commit is made on top of the state that was looked at, or not at all; then it is looked at again."""
    with Hub() as hub:
        here(hub)
        push(folder, "org/name")
        (folder / "recipe.yaml").write_text("name: other\n", encoding="utf-8")
        met: list[str] = []

        def befalls(_method: str, path: str) -> None:
            if "/commit/" in path and not met:
                met.append(path)
                hub.put("org/name", {"notes.md": b"of others"})

        hub.faults = befalls
        push(folder, "org/name")
        assert met
        assert there(hub) == {**local(folder), "notes.md": b"of others"}


def test_what_is_said_on_the_way_has_no_token_and_no_signed_address(
    folder: Path, here: Here, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """All that the client and longhop say, at their most talkative, while calls fail."""
    caplog.set_level(logging.DEBUG)
    with Hub(faults=one_in_ten(5, share=0.3)) as hub:
        here(hub)
        push(with_large_files(folder, 10), "org/name")
        hub.refuse_objects = 403
        (folder / "figures" / "000.png").write_bytes(b"changed")
        with pytest.raises(PublishError) as refused:
            push(folder, "org/name")
    said = caplog.text + "".join(capfd.readouterr()) + str(refused.value)
    assert "/objects/" in said
    assert "Bearer" not in said
    assert TOKEN not in said
    assert SIGNATURE not in said
