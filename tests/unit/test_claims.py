"""A part is held by one process, which says how far it is; of one that is gone it is taken over."""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from longhop import claims
from longhop.claims import Running
from longhop.errors import StorageError
from longhop.folders import me
from longhop.storage import RunFolder

PART = Running(stage="traces", fingerprint="f", part=3)
HOST = me().rpartition("-")[0]


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr(claims, "_POLL_SECONDS", 0.01)
    return RunFolder(str(tmp_path / "run") if request.param == "local" else f"memory://{tmp_path.name}/run")


def test_who_holds_a_part_says_how_far_it_is(folder: RunFolder) -> None:
    """Machine, process and time are filled in; afterwards nobody holds it."""
    before = time.time()
    with folder.claim("traces", "f", 3) as claim:
        claim.say(msgspec.structs.replace(PART, done=20, expected=80, tokens=900))
        (found,) = folder.running()
        assert (found.holder, found.done, found.tokens, found.share) == (me(), 20, 900, 0.25)
        assert before <= found.since <= time.time()
    assert folder.running() == []


def test_a_part_that_is_held_is_waited_for(folder: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    """Two at a time never hold it, and who waits says for whom, once."""
    inside: list[int] = []
    most = []

    def hold() -> None:
        with folder.claim("traces", "f", 3) as claim:
            claim.say(PART)
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.1)
            inside.pop()

    with caplog.at_level(logging.INFO, "longhop"):
        threads = [threading.Thread(target=hold) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == [1, 1, 1]
    waits = [record.message for record in caplog.records if "waiting" in record.message]
    assert len(waits) == 2
    assert all(text.startswith("traces       part 3: waiting, ") for text in waits)


def put_claim(folder: RunFolder, holder: str) -> str:
    name = f"claims/{PART.name}.json"
    folder.write_bytes(name, msgspec.json.encode(msgspec.structs.replace(PART, holder=holder, since=5.0)))
    return name


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr(claims, "_POLL_SECONDS", 0.01)
    return RunFolder(f"memory://{tmp_path.name}/run")


def dead() -> str:
    """A process of this machine that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return f"{HOST}-{process.pid}"


def test_what_a_dead_process_of_this_machine_held_is_free_at_once(remote: RunFolder) -> None:
    """Nobody waits until its claim is old."""
    name = put_claim(remote, dead())
    assert remote.running() == []
    with remote.claim("traces", "f", 3):
        assert me().encode() in (remote.read_bytes(name) or b"")


def test_a_claim_that_is_not_written_any_more_is_taken_over(remote: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another machine's process nobody knows whether it lives; that it is silent for long is enough."""
    monkeypatch.setattr(claims, "GONE_SECONDS", 0.1)
    put_claim(remote, "elsewhere-1")
    began = time.monotonic()
    with remote.claim("traces", "f", 3):
        assert time.monotonic() - began >= 0.1


def test_a_claim_that_is_written_again_is_waited_for(remote: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as its holder says something new, it lives."""
    monkeypatch.setattr(claims, "GONE_SECONDS", 0.3)
    name = put_claim(remote, "elsewhere-1")
    ended = threading.Event()

    def beat() -> None:
        for number in range(8):
            time.sleep(0.1)
            told = msgspec.structs.replace(PART, holder="elsewhere-1", since=5.0, beat=number + 1)
            remote.write_bytes(name, msgspec.json.encode(told))
        ended.set()
        remote.remove(name)

    other = threading.Thread(target=beat)
    other.start()
    with remote.claim("traces", "f", 3):
        assert ended.is_set()
    other.join()


def test_who_was_taken_over_neither_says_nor_gives_back_anything(remote: RunFolder) -> None:
    """A process that was stopped for long wakes up: the claim is another's."""
    with remote.claim("traces", "f", 3) as claim:
        name = put_claim(remote, "elsewhere-1")
        claim.say(PART)
        assert b"elsewhere-1" in (remote.read_bytes(name) or b"")
    assert b"elsewhere-1" in (remote.read_bytes(name) or b"")


def test_a_damaged_claim_does_not_hold_a_part_for_ever(remote: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is nobody's, and is taken over like one that is silent."""
    monkeypatch.setattr(claims, "GONE_SECONDS", 0.05)
    remote.write_bytes(f"claims/{PART.name}.json", b"{")
    assert remote.running() == []
    with remote.claim("traces", "f", 3):
        pass


def test_an_error_gives_the_part_back(folder: RunFolder) -> None:
    """Whatever ends the building."""
    with pytest.raises(StorageError), folder.claim("traces", "f", 3):
        raise StorageError("broken")
    with folder.claim("traces", "f", 3):
        pass


def test_a_local_part_is_free_when_its_process_is_killed(tmp_path: Path) -> None:
    """The system gives its lock back, and what it said of the part counts no more."""
    code = (
        "import sys, time; from longhop.storage import RunFolder; from longhop.claims import Running\n"
        f"with RunFolder({str(tmp_path)!r}).claim('traces', 'f', 3) as claim:\n"
        "    claim.say(Running(stage='traces', fingerprint='f', part=3)); print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own code
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    folder = RunFolder(str(tmp_path))
    assert [claim.holder for claim in folder.running()] == [f"{HOST}-{holder.pid}"]
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert folder.running() == []
    with folder.claim("traces", "f", 3):
        pass


def test_the_holder_is_named_by_machine_and_process() -> None:
    """So that people find it."""
    assert me() == f"{socket.gethostname().replace('.', '_')}-{os.getpid()}"
