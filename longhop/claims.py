"""Who builds which part now: a part is held by one process, on one of many machines, and says how far it is.

    >>> with claimed(folder, Running(stage="traces", fingerprint="5c0f6f2a9d1b", part=3)) as claim:
    ...     claim.say(done=20, expected=800)

In a local folder a part is held by a lock on a file, which the system gives back when the process ends, however it
ends. On object storage it is held by an object that is put where there is none, in one step where the storage can
(S3 can; elsewhere two processes that begin in the same moment may both build the part, and the scheduler prevents
that). Its holder writes it again and again; a claim that nobody has written for some time, by the clock of him who
waits, is taken over.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import filelock
import msgspec

from longhop.folders import WORK, Folder, explained, is_gone, me
from longhop.spending import Spending

__all__ = ["Claim", "Running", "claimed", "running"]

log = logging.getLogger("longhop")

BEAT_SECONDS = 20.0
"""How often a claim on object storage is written."""
GONE_SECONDS = 90.0
"""When a claim on object storage that was not written is taken over."""
_LOCAL_BEAT_SECONDS = 1.0
_POLL_SECONDS = 2.0


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is being built."""

    stage: str
    fingerprint: str
    part: int
    holder: str = ""
    """Machine and process."""
    since: float = 0.0
    """When it was begun, in seconds since 1970."""
    done: int = 0
    """Rows and rejections so far."""
    expected: int | None = None
    """Rows and rejections in all, where that is known."""
    left_out: int = 0
    """Rejections so far."""
    answers: int = 0
    """Samples that engines gave so far, stored ones not counted."""
    tokens: int = 0
    """Tokens that engines gave so far; in stages without an engine, those of the rows."""
    spent: Spending = {}
    """What engines were asked for the part, also by processes that were killed over it, by role."""
    beat: int = 0

    @property
    def name(self) -> str:
        """Name of the part in names of files."""
        return f"{self.stage}-{self.fingerprint}-{self.part:05}"

    @property
    def share(self) -> float | None:
        """How much of it is done, from 0 to 1."""
        return min(1.0, self.done / self.expected) if self.expected else None


class Claim(Protocol):
    """A part that is held."""

    seconds: float
    """How often its holder has to say how far it is."""

    def say(self, running: Running) -> None:
        """Say how far it is, to those who wait and those who look; `holder` and `since` are filled in."""


def claimed(folder: Folder, part: Running) -> contextlib.AbstractContextManager[Claim]:
    """Hold a part; waits as long as another process holds it."""
    mine = msgspec.structs.replace(part, holder=me(), since=time.time())
    return _locked(folder, mine) if folder.is_local else _put(folder, mine)


def running(folder: Folder) -> list[Running]:
    """Parts that are held now; claims of processes that are gone are none."""
    place = f"{WORK}/claims" if folder.is_local else "claims"
    found = []
    for path in folder.files(f"{place}/*.json"):
        name = f"{place}/{path.rpartition('/')[2]}"
        claim = _read(folder, name)
        age = folder.age(name)
        if claim is not None and age is not None and age < GONE_SECONDS and not is_gone(claim.holder):
            found.append(claim)
    return sorted(found, key=lambda claim: (claim.since, claim.name))


def _read(folder: Folder, name: str) -> Running | None:
    data = folder.read_bytes(name)
    return None if data is None else _decoded(data)


def _decoded(data: bytes) -> Running | None:
    try:
        return msgspec.json.decode(data, type=Running)
    except msgspec.MsgspecError:  # nobody's that we know
        return None


def _wait_for(holder: str, part: Running) -> None:
    log.info("%-12s part %d: waiting, %s builds it", part.stage, part.part, holder)


class _Lock:
    """A claim in a local folder: beside the lock stands what is said of the part."""

    seconds = _LOCAL_BEAT_SECONDS

    def __init__(self, mine: Running, said: Path) -> None:
        self._mine = mine
        self._said = said

    def say(self, running: Running) -> None:
        told = msgspec.structs.replace(running, holder=self._mine.holder, since=self._mine.since)
        beside = self._said.with_suffix(".tmp")
        with explained(str(self._said)):
            beside.write_bytes(msgspec.json.encode(told))
            beside.replace(self._said)  # whole, for those who read meanwhile; no more than that


@contextlib.contextmanager
def _locked(folder: Folder, mine: Running) -> Iterator[Claim]:
    place = folder.local_path / WORK / "claims"
    with explained(folder.url):
        place.mkdir(parents=True, exist_ok=True)
    said = place / f"{mine.name}.json"
    lock = filelock.FileLock(place / f"{mine.name}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        holder = _read(folder, f"{WORK}/claims/{said.name}")
        _wait_for(holder.holder if holder else "another process", mine)
        lock.acquire()
    try:
        yield _Lock(mine, said)
    finally:
        said.unlink(missing_ok=True)
        lock.release()


class _Object:
    """A claim on object storage: an object that exists while somebody holds the part."""

    def __init__(self, folder: Folder, mine: Running) -> None:
        self.seconds = BEAT_SECONDS
        self._folder = folder
        self._mine = mine
        self._name = f"claims/{mine.name}.json"
        self._beats = 0

    def take(self) -> None:
        """Put the object; where one stands, wait for its holder, or for its end."""
        content = msgspec.json.encode(self._mine)
        seen, since, told = b"", time.monotonic(), False
        while not self._folder.create(self._name, content):
            now = self._folder.read_bytes(self._name)
            if now is None:
                continue  # given back in this moment
            if now != seen:
                seen, since = now, time.monotonic()
            holder = _decoded(now)
            gone = is_gone(holder.holder) if holder else False
            if gone or time.monotonic() - since > GONE_SECONDS:
                if self._folder.read_bytes(self._name) == seen:  # of those who wait, the first takes it over
                    self._folder.remove(self._name)
                continue
            if not told:
                _wait_for(holder.holder if holder else "another process", self._mine)
                told = True
            time.sleep(_POLL_SECONDS)

    def say(self, running: Running) -> None:
        if not self._is_mine():
            return  # it was taken over: this process was stopped for long
        self._beats += 1
        told = msgspec.structs.replace(running, holder=self._mine.holder, since=self._mine.since, beat=self._beats)
        self._folder.write_bytes(self._name, msgspec.json.encode(told))

    def give_back(self) -> None:
        if self._is_mine():
            self._folder.remove(self._name)

    def _is_mine(self) -> bool:
        now = _read(self._folder, self._name)
        return now is not None and (now.holder, now.since) == (self._mine.holder, self._mine.since)


@contextlib.contextmanager
def _put(folder: Folder, mine: Running) -> Iterator[Claim]:
    claim = _Object(folder, mine)
    claim.take()
    try:
        yield claim
    finally:
        claim.give_back()
