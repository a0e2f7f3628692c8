"""The completion store: what engines gave back, kept on arrival, one row a sample.

    >>> store = CompletionStore(Path("work/completions.sqlite"))
    >>> store.put("9f2c…", seed=7, choices=(Choice(content="Answer: 14"),))
    >>> store.get("9f2c…", seed=7, samples=1)
    [Choice(content='Answer: 14', …)]

A row's key is what decides the answer: the engine's key of the request (what was sent, model, revision, arguments)
and the sample's seed. Nothing else of the run is in it, so a build after a crash, a preview, or another recipe in the
same folder finds what was paid for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from longhop.engines import Choice
from longhop.errors import StorageError

__all__ = ["CompletionStore"]

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS choices (key TEXT, seed INTEGER, choice BLOB, PRIMARY KEY (key, seed)) WITHOUT ROWID"
)


class CompletionStore:
    """Choices by request key and seed, in one SQLite file that several processes may use at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            # WAL: readers and one writer at a time do not wait for each other. A row survives the process at once,
            # and a power cut costs the last rows at most.
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"{path}: the store of completions cannot be opened: {error}") from error
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Choice)

    def get(self, key: str, seed: int, samples: int) -> list[Choice]:
        """The choices with seeds seed, seed + 1, …, up to the first that is not stored; `samples` at most."""
        rows = self._database.execute(
            "SELECT seed, choice FROM choices WHERE key = ? AND seed >= ? AND seed < ? ORDER BY seed",
            (key, seed, seed + samples),
        ).fetchall()
        return [self._decoder.decode(choice) for position, (at, choice) in enumerate(rows) if at == seed + position]

    def put(self, key: str, seed: int, choices: Sequence[Choice]) -> None:
        """Store choices under seeds seed, seed + 1, …; what is stored already stays.

        Raises:
            StorageError: The disk is full or not writable.
        """
        rows = [(key, seed + position, self._encoder.encode(choice)) for position, choice in enumerate(choices)]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT OR IGNORE INTO choices VALUES (?, ?, ?)", rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise StorageError(f"{self._path}: a completion cannot be stored: {error}; free some room") from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()
