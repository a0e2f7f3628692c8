"""The ledger: what the processes of a machine know together."""

import contextlib
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from longhop.engines import ledger as module
from longhop.engines.ledger import LONGEST_SILENCE, Health, Ledger, Place, now
from longhop.errors import StorageError

SPAWN = multiprocessing.get_context("spawn")
URL = "http://one/v1"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite", "engine")
    yield made
    made.close()


def take(ledger: Ledger, affinity: str = "c", tokens: int = 5) -> module.Slot:
    with ledger.open() as state:
        return state.take(URL, affinity, tokens)


def in_flight(ledger: Ledger) -> int:
    with ledger.open() as state:
        assert state.in_flight(URL) == len(state.slots)
        return state.in_flight(URL)


def test_slots_are_taken_and_given_back(ledger: Ledger) -> None:
    """What is in flight is known until it has ended."""
    slot = take(ledger)
    assert in_flight(ledger) == 1
    with ledger.open() as state:
        state.give_back(slot)
    assert in_flight(ledger) == 0


def test_engines_do_not_see_each_other(ledger: Ledger, tmp_path: Path) -> None:
    """They share a file, and neither slots nor places nor health."""
    other = Ledger(tmp_path / "ledger.sqlite", "other")
    with ledger.open() as state:
        state.take(URL, "c", 5)
        state.put_place("c", URL, 3000)
        state.put_health(URL, Health(3.0))
    with other.open() as state:
        assert (state.slots, state.place("c"), state.health(URL, 64).most) == ([], None, 64)
    other.close()


def test_what_fails_within_is_undone(ledger: Ledger) -> None:
    """An error leaves nothing half done, and the ledger usable."""
    with contextlib.suppress(RuntimeError), ledger.open() as state:
        state.take(URL, "c", 5)
        raise RuntimeError
    assert in_flight(ledger) == 0


def test_slots_of_a_killed_process_are_given_back(ledger: Ledger, tmp_path: Path) -> None:
    """Whatever ends it, and also while nobody has asked how it ended; those of the living stay."""
    code = (
        "import sys, time; from pathlib import Path; from longhop.engines.ledger import Ledger\n"
        f"ledger = Ledger(Path({str(tmp_path / 'ledger.sqlite')!r}), 'engine')\n"
        f"with ledger.open() as state: state.take({URL!r}, 'c', 5); state.wait_for_room(True)\n"
        "print('taken', flush=True); time.sleep(60)"
    )
    take(ledger)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        assert in_flight(ledger) == 2
        with ledger.open() as state:
            assert state.share(9) == 5
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is a zombie
        with ledger.open() as state:
            state.purge()
            assert state.share(9) == 9
        assert in_flight(ledger) == 1


def test_a_process_with_the_number_of_one_that_is_gone_holds_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers are given again, after a restart of the machine soon: a slot tells who took it by when he was started."""
    monkeypatch.setattr(module, "_born", lambda _: "1")
    take(ledger)
    monkeypatch.undo()
    with ledger.open() as state:
        state.purge()
    assert in_flight(ledger) == 0


@pytest.mark.parametrize("seconds", [3700, -3700])
def test_places_are_forgotten_after_an_hour(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """And those of before a restart of the machine, whose clock begins anew."""
    with ledger.open() as state:
        state.put_place("c", URL, 3000)
        assert state.place("c") == Place(URL, 3000)
        at = now() + seconds
        monkeypatch.setattr(module, "now", lambda: at)
        assert state.place("c") is None
        state.purge()
        monkeypatch.undo()
        assert state.place("c") is None


def test_health_of_before_a_restart_is_forgotten(ledger: Ledger) -> None:
    """A time that lies further ahead than any server is left alone is of another clock."""
    with ledger.open() as state:
        state.put_health(URL, Health(1.0, failures=9, silent_until=now() + 2 * LONGEST_SILENCE))
        assert state.health(URL, 64) == Health(64)
        state.put_health(URL, Health(1.0, failures=9, silent_until=now() + 60, answered=now(), said="x"))
        assert state.health(URL, 64).failures == 9


def test_a_smaller_concurrency_counts(ledger: Ledger) -> None:
    """The recipe's limit may have been lowered since."""
    with ledger.open() as state:
        state.put_health(URL, Health(50.0))
        assert state.health(URL, 8).most == 8


def test_changes_of_others_are_seen_without_a_lock(ledger: Ledger, tmp_path: Path) -> None:
    """Each once; one's own are none."""
    ledger.changed()
    take(ledger)
    assert not ledger.changed()
    other = Ledger(tmp_path / "ledger.sqlite", "engine")
    take(other)
    assert ledger.changed()
    assert not ledger.changed()
    other.close()


def test_a_file_of_another_version_is_begun_anew(tmp_path: Path) -> None:
    """Nothing in it has to survive."""
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE slots (id INTEGER PRIMARY KEY, pid INTEGER)")
        database.execute("INSERT INTO slots (pid) VALUES (1)")
    database.close()
    made = Ledger(path, "engine")
    take(made)
    assert in_flight(made) == 1
    made.close()


def test_a_file_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """At the beginning and in the middle, in one sentence with what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="--work"):
        Ledger(tmp_path / "file" / "ledger.sqlite", "engine")
    (tmp_path / "damaged.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="damaged"):
        Ledger(tmp_path / "damaged.sqlite", "engine")
    made = Ledger(tmp_path / "ledger.sqlite", "engine")
    with pytest.raises(StorageError, match="delete it"), made.open() as state:
        state._database.execute("SELECT * FROM nothing")
    made.close()
    with pytest.raises(StorageError, match="delete it"), made.open():
        pass
    with pytest.raises(StorageError, match="delete it"):
        made.changed()


def _hammer(path: Path, at: float) -> int:
    """Take and give back as fast as it goes; the most slots that were ever seen."""
    time.sleep(max(0.0, at - time.time()))
    ledger = Ledger(path, "engine")
    most = 0
    for _ in range(60):
        with ledger.open() as state:
            slot = state.take(URL, "c", 5)
            most = max(most, len(state.slots))
        with ledger.open() as state:
            state.give_back(slot)
    ledger.close()
    return most


def test_eight_processes_share_one_file(tmp_path: Path) -> None:
    """They make it in the same moment, none finds it locked, and nothing is left at the end."""
    with SPAWN.Pool(8) as pool:
        seen = pool.starmap(_hammer, [(tmp_path / "ledger.sqlite", time.time() + 1.5)] * 8, chunksize=1)
    assert max(seen) <= 8
    ledger = Ledger(tmp_path / "ledger.sqlite", "engine")
    assert in_flight(ledger) == 0
    ledger.close()


def test_a_fork_leaves_alone_what_it_inherits(ledger: Ledger) -> None:
    """What another process opened is not closed here, and what this one did is."""
    module._close(ledger._database, os.getpid() + 1)
    take(ledger)
    module._close(ledger._database, os.getpid())
    with pytest.raises(StorageError):
        take(ledger)
