"""What all processes of a machine know of an engine's servers: who is asked what now, where contexts sit, who fails.

    >>> ledger = Ledger(Path("work/inference.sqlite"), "org/model at http://gpu1:8000/v1")
    >>> with ledger.open() as state:
    ...     state.slots
    []

One small SQLite file in the work folder, so that N workers act as one: the concurrency of a recipe is that of the
machine, a context's requests follow one another to the server that has it cached, and all leave one alone that fails.
Slots of processes that are gone are given back. Nothing in it has to survive: it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from longhop.errors import StorageError

__all__ = ["Health", "Ledger", "Slot", "State"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS slots
    (id INTEGER PRIMARY KEY, engine TEXT, target TEXT, affinity TEXT, tokens INTEGER, pid INTEGER);
CREATE TABLE IF NOT EXISTS places
    (engine TEXT, affinity TEXT, target TEXT, used REAL, PRIMARY KEY (engine, affinity)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS health
    (engine TEXT, target TEXT, most REAL, failures INTEGER, silent_until REAL, PRIMARY KEY (engine, target))
    WITHOUT ROWID;
"""
_PURGE_SECONDS = 1.0
_PLACE_SECONDS = 3600.0
"""How long a server is thought to have a context that nobody asks about."""


@dataclass(frozen=True)
class Slot:
    """A request in flight."""

    id: int
    target: str
    affinity: str
    tokens: int
    """Tokens of its prompt."""


@dataclass
class Health:
    """How a server does."""

    most: float
    """Requests that it is sent at a time; falls when it is overloaded, rises with each answer."""
    failures: int = 0
    """Failures one after another."""
    silent_until: float = 0.0
    """No request before, in seconds since 1970."""


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

    def take(self, target: str, affinity: str, tokens: int) -> Slot:
        """Note a request that is about to be sent."""
        cursor = self._database.execute(
            "INSERT INTO slots (engine, target, affinity, tokens, pid) VALUES (?, ?, ?, ?, ?)",
            (self._engine, target, affinity, tokens, os.getpid()),
        )
        assert cursor.lastrowid is not None
        return Slot(cursor.lastrowid, target, affinity, tokens)

    def give_back(self, slot: Slot) -> None:
        """Its request has ended."""
        self._database.execute("DELETE FROM slots WHERE id = ?", (slot.id,))

    def place(self, affinity: str) -> str | None:
        """The server that a context sits on."""
        row = self._database.execute(
            "SELECT target FROM places WHERE engine = ? AND affinity = ? AND used > ?",
            (self._engine, affinity, time.time() - _PLACE_SECONDS),
        ).fetchone()
        return None if row is None else str(row[0])

    def put_place(self, affinity: str, target: str) -> None:
        """A context sits on a server from now on."""
        self._database.execute(
            "INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", (self._engine, affinity, target, time.time())
        )

    def health(self, target: str, most: float) -> Health:
        """How a server does; one that was not asked yet is well and takes `most` requests."""
        row = self._database.execute(
            "SELECT most, failures, silent_until FROM health WHERE engine = ? AND target = ?", (self._engine, target)
        ).fetchone()
        return Health(min(row[0], most), row[1], row[2]) if row else Health(most)

    def put_health(self, target: str, health: Health) -> None:
        """How it does now."""
        self._database.execute(
            "INSERT OR REPLACE INTO health VALUES (?, ?, ?, ?, ?)",
            (self._engine, target, health.most, health.failures, health.silent_until),
        )

    def purge(self) -> None:
        """Give back what processes hold that are gone, and forget contexts that nobody has asked about for long."""
        for (pid,) in self._database.execute("SELECT DISTINCT pid FROM slots").fetchall():
            if not _lives(pid):
                self._database.execute("DELETE FROM slots WHERE pid = ?", (pid,))
        self._database.execute("DELETE FROM places WHERE used < ?", (time.time() - _PLACE_SECONDS,))


class Ledger:
    """The ledger of one engine; a file for the processes of a machine, or memory for this one alone."""

    def __init__(self, path: Path | None, engine: str) -> None:
        self._path = path
        self._engine = engine
        self._purged = 0.0
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(
                path or ":memory:", timeout=30, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=OFF")  # nothing in it has to survive
            self._database.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"{path}: cannot be opened: {error}; choose another folder with --work") from error

    @contextlib.contextmanager
    def open(self) -> Iterator[State]:
        """Look and change, alone."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StorageError(f"{self._path}: cannot be used: {error}; delete it and build again") from error
        try:
            state = State(self._database, self._engine)
            if time.monotonic() - self._purged > _PURGE_SECONDS:
                state.purge()
                self._purged = time.monotonic()
            yield state
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
