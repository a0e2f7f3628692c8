"""The completion store: what engines gave back, kept on arrival, one row a sample.

    >>> store = CompletionStore(Path("work/completions.sqlite"))
    >>> store.put("9f2c…", seed=7, choices=(Choice(content="Answer: 14"),))
    >>> store.get("9f2c…", seed=7, samples=8)
    {7: Choice(content='Answer: 14', …)}

A row's key is what decides the answer: the engine's key of the request (what was sent, model, revision, arguments)
and the sample's seed. Nothing else of the run is in it, so a build after a crash, a preview, or another recipe in the
same folder finds what was paid for.

The store is one SQLite file on a local disk. Where the run's folder lies elsewhere, as on object storage, segments
(`longhop.segments`) copy to it what is new.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from longhop.databases import write_ahead
from longhop.engines import Choice, Usage
from longhop.errors import StorageError
from longhop.spending import Spending, Spent

__all__ = ["CompletionStore", "Row"]

# `segment` names the table outside that has the row, too; null where none has.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS choices
    (key TEXT, seed INTEGER, choice BLOB, segment TEXT, PRIMARY KEY (key, seed)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spent (
    account TEXT, role TEXT, requests INTEGER, prompt_tokens INTEGER, cached_tokens INTEGER, completion_tokens INTEGER,
    PRIMARY KEY (account, role)
) WITHOUT ROWID;
"""
Row = tuple[str, int, bytes]
"""Key, seed, and the choice as JSON."""


class CompletionStore:
    """Choices by request key and seed, in one SQLite file that several processes and threads may use at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Choice)
        self._watched: list[Row] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{path}: the store of completions cannot be made: {error}") from error
        self._database = self._do(
            lambda: sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        )
        self._do(self._prepare)

    def _prepare(self) -> None:
        # WAL: readers and one writer at a time do not wait for each other. A row survives the process at once,
        # and a power cut costs the last rows at most.
        write_ahead(self._database)
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)

    def _do(self, work: Callable[[], Any]) -> Any:
        """Do something with the database, alone; says in a sentence what it refused."""
        try:
            with self._lock:
                return work()
        except sqlite3.OperationalError as error:  # full, locked, not writable
            raise StorageError(
                f"{self._path}: a completion cannot be stored or read: {error}; free some room, or choose another "
                "folder with --work"
            ) from error
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"{self._path}: is damaged ({error}); move it away and build again: parts that are finished stay, "
                "what the others were answered is asked again"
            ) from error

    def get(self, key: str, seed: int, samples: int) -> dict[int, Choice]:
        """The choices with seeds seed to seed + samples - 1 that are stored, by seed.

        Raises:
            StorageError: The file is damaged or cannot be read.
        """
        rows = self._do(
            lambda: self._database.execute(
                "SELECT seed, choice, segment FROM choices WHERE key = ? AND seed >= ? AND seed < ? ORDER BY seed",
                (key, seed, seed + samples),
            ).fetchall()
        )
        self._note([(key, at, choice) for at, choice, segment in rows if segment is None])
        return {at: self._decoder.decode(choice) for at, choice, _ in rows}

    def put(self, key: str, seed: int, choices: Sequence[Choice]) -> None:
        """Store choices under seeds seed, seed + 1, …; what is stored already stays.

        Raises:
            StorageError: The disk is full or not writable.
        """
        rows = [(key, seed + position, self._encoder.encode(choice)) for position, choice in enumerate(choices)]
        self._write("INSERT OR IGNORE INTO choices (key, seed, choice) VALUES (?, ?, ?)", rows)
        self._note(rows)

    def spend(self, account: str, role: str, usage: Usage) -> None:
        """Note what a request has cost, so that it is known also where the process does not live to say it.

        Args:
            account: What it was asked for, such as a part.
            role: Who was asked.
            usage: Its tokens.

        Raises:
            StorageError: The disk is full or not writable.
        """
        row = (account, role, 1, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)
        self._write(
            "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + 1, "
            "prompt_tokens = prompt_tokens + excluded.prompt_tokens, cached_tokens = cached_tokens + "
            "excluded.cached_tokens, completion_tokens = completion_tokens + excluded.completion_tokens",
            [row],
        )

    def spent(self, account: str) -> Spending:
        """What an account has cost on this machine so far, by role."""
        columns = Spent.__struct_fields__
        statement = f"SELECT role, {', '.join(columns)} FROM spent WHERE account = ?"  # noqa: S608 - names of our own
        rows = self._do(lambda: self._database.execute(statement, (account,)).fetchall())
        return {role: Spent(**dict(zip(columns, tokens, strict=True))) for role, *tokens in rows}

    def watch(self) -> None:
        """From now on, remember which rows are used and stand in no segment."""
        self._watched = []

    def take_watched(self) -> list[Row]:
        """Those rows since the last time, each once."""
        with self._lock:
            rows, self._watched = self._watched or [], []
        return list({row[:2]: row for row in rows}.values())

    def give_back(self, rows: list[Row]) -> None:
        """Rows that were taken and stand in no segment still."""
        self._note(rows)

    def _note(self, rows: list[Row]) -> None:
        if self._watched is not None:
            with self._lock:
                self._watched += rows

    def knows(self, segment: str) -> bool:
        """Whether the rows of a segment are here."""
        statement = "SELECT 1 FROM segments WHERE name = ?"
        return bool(self._do(lambda: self._database.execute(statement, (segment,)).fetchone()))

    def add_segment(self, name: str, rows: Iterable[Row]) -> None:
        """Take in the rows of a segment, or note that rows of here stand in it now.

        Raises:
            StorageError: The disk is full or not writable.
        """
        self._write(
            "INSERT INTO choices VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET segment = excluded.segment",
            [(*row, name) for row in rows],
        )
        self._write("INSERT OR IGNORE INTO segments VALUES (?)", [(name,)])

    def _write(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        def work() -> None:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.executemany(statement, rows)
                self._database.execute("COMMIT")
            except sqlite3.Error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

        self._do(work)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
