"""What all processes of a machine know of an engine's servers: who is asked what now, where contexts sit, who fails.

    >>> ledger = Ledger(Path("work/inference.sqlite"), "org/model at http://gpu1:8000/v1")
    >>> with ledger.open() as state:
    ...     state.slots
    []

One small SQLite file in the work folder, so that N workers act as one: the concurrency of a recipe is that of the
machine, a context's requests follow one another to the server that has it cached, and all leave one alone that fails.
Slots of processes that are gone are given back. Nothing in it has to survive: it may be deleted at any time.

Times are those of `now`, a clock that all processes of a machine share and that nobody sets.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from longhop.databases import write_ahead
from longhop.errors import StorageError

__all__ = ["LONGEST_SILENCE", "Health", "Ledger", "Place", "Slot", "State", "now"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS slots
    (id INTEGER PRIMARY KEY, engine TEXT, target TEXT, affinity TEXT, tokens INTEGER, pid INTEGER, born TEXT);
CREATE TABLE IF NOT EXISTS waiting
    (engine TEXT, pid INTEGER, born TEXT, PRIMARY KEY (engine, pid, born)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS places
    (engine TEXT, affinity TEXT, target TEXT, used REAL, computed INTEGER, PRIMARY KEY (engine, affinity))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS health
    (engine TEXT, target TEXT, most REAL, failures INTEGER, silent_until REAL, answered REAL, said TEXT,
    PRIMARY KEY (engine, target)) WITHOUT ROWID;
"""
_VERSION = 4
"""Raise it with the schema: a file of another version is begun anew."""
_PURGE_SECONDS = 1.0
_OWN = 1.25
"""A prompt may be longer by this than one that shares its beginning. What checks show of a context is much shorter."""
_PLACE_SECONDS = 3600.0
"""How long a server is thought to have a context that nobody asks about."""

LONGEST_SILENCE = 3600.0
"""Seconds that a server may ask to be left alone."""

now = time.monotonic


@dataclass(frozen=True)
class Slot:
    """A request in flight."""

    id: int
    target: str
    affinity: str
    tokens: int
    """Tokens of its prompt."""


@dataclass(frozen=True)
class Place:
    """Where a context sits."""

    target: str
    computed: int
    """Tokens of the longest prompt on it that the server has computed, and keeps; a first request computes more."""

    def has(self, tokens: int) -> bool:
        """Whether a prompt of so many tokens is computed, but for its end."""
        return tokens <= _OWN * self.computed


@dataclass
class Health:
    """How a server does."""

    most: float
    """Requests that it is sent at a time; falls when it is overloaded, rises with each answer."""
    failures: int = 0
    """Failures one after another; those that come while it is left alone are of requests sent before, and not counted.
    """
    silent_until: float = 0.0
    """No request before."""
    answered: float | None = None
    """When it answered last."""
    said: str = ""
    """What was wrong last."""


class State:
    """The ledger within one transaction."""

    def __init__(self, database: sqlite3.Connection, engine: str) -> None:
        self._database = database
        self._engine = engine

    @property
    def slots(self) -> list[Slot]:
        """All requests in flight, of all processes."""
        rows = self._database.execute(
            "SELECT id, target, affinity, tokens FROM slots WHERE engine = ?", (self._engine,)
        ).fetchall()
        return [Slot(*row) for row in rows]

    def in_flight(self, target: str) -> int:
        """Requests in flight to a server."""
        (count,) = self._database.execute(
            "SELECT COUNT(*) FROM slots WHERE engine = ? AND target = ?", (self._engine, target)
        ).fetchone()
        return int(count)

    def share(self, concurrency: int) -> int:
        """Requests that this process may have in flight: all, or its share while others wait for room."""
        others, _ = self._waiting()
        return -(-concurrency // (others + 1)) if others else concurrency

    @property
    def mine(self) -> int:
        """Requests in flight of this process."""
        (count,) = self._database.execute(
            "SELECT COUNT(*) FROM slots WHERE engine = ? AND pid = ?", (self._engine, os.getpid())
        ).fetchone()
        return int(count)

    def wait_for_room(self, waits: bool) -> None:
        """Whether this process has requests that could go but for the concurrency."""
        if waits == self._waiting()[1]:
            return
        statement = "INSERT INTO waiting VALUES (?, ?, ?)"
        if not waits:
            statement = "DELETE FROM waiting WHERE engine = ? AND pid = ? AND born = ?"
        self._database.execute(statement, (self._engine, os.getpid(), _born(os.getpid())))

    def _waiting(self) -> tuple[int, bool]:
        """How many others wait for room, and whether this process does."""
        rows = self._database.execute("SELECT pid FROM waiting WHERE engine = ?", (self._engine,)).fetchall()
        me = (os.getpid(),) in rows
        return len(rows) - me, me

    def take(self, target: str, affinity: str, tokens: int) -> Slot:
        """Note a request that is about to be sent."""
        cursor = self._database.execute(
            "INSERT INTO slots (engine, target, affinity, tokens, pid, born) VALUES (?, ?, ?, ?, ?, ?)",
            (self._engine, target, affinity, tokens, os.getpid(), _born(os.getpid())),
        )
        assert cursor.lastrowid is not None
        return Slot(cursor.lastrowid, target, affinity, tokens)

    def give_back(self, slot: Slot) -> None:
        """Its request has ended."""
        self._database.execute("DELETE FROM slots WHERE id = ?", (slot.id,))

    def place(self, affinity: str) -> Place | None:
        """The server that a context sits on."""
        row = self._database.execute(
            "SELECT target, computed FROM places WHERE engine = ? AND affinity = ? AND used BETWEEN ? AND ?",
            (self._engine, affinity, now() - _PLACE_SECONDS, now()),
        ).fetchone()
        return None if row is None else Place(*row)

    def put_place(self, affinity: str, target: str, computed: int = 0) -> Place:
        """A context sits on a server from now on, which has computed so many tokens of it; more than it had stay."""
        (most,) = self._database.execute(
            "INSERT INTO places VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET used = excluded.used, "
            "computed = max(excluded.computed, computed * (target = excluded.target)), target = excluded.target "
            "RETURNING computed",
            (self._engine, affinity, target, now(), computed),
        ).fetchone()
        return Place(target, most)

    @property
    def uncomputed(self) -> set[str]:
        """Contexts of requests in flight whose prompt is still to be computed."""
        rows = self._database.execute(
            "SELECT DISTINCT affinity FROM slots JOIN places USING (engine, affinity) "
            "WHERE engine = ? AND slots.tokens > ? * places.computed",
            (self._engine, _OWN),
        ).fetchall()
        return {affinity for (affinity,) in rows}

    def health(self, target: str, most: float) -> Health:
        """How a server does; one that was not asked yet is well and takes `most` requests."""
        row = self._database.execute(
            "SELECT most, failures, silent_until, answered, said FROM health WHERE engine = ? AND target = ?",
            (self._engine, target),
        ).fetchone()
        if row is None or max(row[2], row[3] or 0.0) > now() + LONGEST_SILENCE:  # of before the machine was started
            return Health(most)
        return Health(min(row[0], most), *row[1:])

    def put_health(self, target: str, health: Health) -> None:
        """How it does now."""
        self._database.execute(
            "INSERT OR REPLACE INTO health VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._engine, target, health.most, health.failures, health.silent_until, health.answered, health.said),
        )

    def purge(self) -> None:
        """Give back what processes hold that are gone, and forget contexts that nobody has asked about for long."""
        held = "SELECT pid, born FROM slots UNION SELECT pid, born FROM waiting"
        for pid, born in self._database.execute(held).fetchall():
            if not _lives(pid, born):
                for table in ("slots", "waiting"):
                    self._database.execute(f"DELETE FROM {table} WHERE pid = ? AND born = ?", (pid, born))  # noqa: S608
        self._database.execute("DELETE FROM places WHERE used NOT BETWEEN ? AND ?", (now() - _PLACE_SECONDS, now()))


class Ledger:
    """The ledger of one engine; a file for the processes of a machine, or memory for this one alone."""

    def __init__(self, path: Path | None, engine: str) -> None:
        self._path = path
        self._engine = engine
        self._purged = float("-inf")
        self._seen = -1
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False
            )
            write_ahead(self._database)
            self._database.execute("PRAGMA synchronous=OFF")  # nothing in it has to survive
            self._make()
            weakref.finalize(self, _close, self._database, os.getpid())
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"{path}: cannot be opened: {error}; choose another folder with --work") from error

    def _make(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            for table in ("slots", "waiting", "places", "health"):
                self._database.execute(f"DROP TABLE IF EXISTS {table}")
            for statement in _SCHEMA.split(";"):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        self._database.execute("COMMIT")

    @contextlib.contextmanager
    def open(self) -> Iterator[State]:
        """Look and change, alone.

        Raises:
            StorageError: The file cannot be read or written.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            state = State(self._database, self._engine)
            if now() - self._purged > _PURGE_SECONDS:
                state.purge()
                self._purged = now()
            yield state
            self._database.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StorageError(f"{self._path}: cannot be used: {error}; delete it and build again") from error
            raise

    def changed(self) -> bool:
        """Whether another process has changed something since this was asked last; takes no lock.

        Raises:
            StorageError: The file cannot be read.
        """
        try:
            (version,) = self._database.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            raise StorageError(f"{self._path}: cannot be used: {error}; delete it and build again") from error
        before, self._seen = self._seen, version
        return bool(before != version)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _close(database: sqlite3.Connection, pid: int) -> None:
    if pid == os.getpid():  # a fork must not touch what it has inherited
        database.close()


@functools.lru_cache(maxsize=1)
def _born(pid: int) -> str:
    """When this process was started, which tells it from a later one of the same number."""
    return _state_and_birth(pid)[1]


def _state_and_birth(pid: int) -> tuple[str, str]:
    """A process's state and when it was started, in ticks since the machine was; empty where there is no /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()  # the name may hold anything
    return fields[0], fields[19]


def _lives(pid: int, born: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    state, birth = _state_and_birth(pid)
    return state != "Z" and birth == born  # a zombie has ended, only nobody has asked how
