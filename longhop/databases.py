"""SQLite files that several processes of a machine read and write at a time."""

from __future__ import annotations

import sqlite3
import time

__all__ = ["write_ahead"]

_PATIENCE = 30.0
"""Seconds that others may take for the same change."""


def write_ahead(database: sqlite3.Connection) -> None:
    """Have readers and a writer not wait for each other; for this change alone SQLite does not wait for others.

    Raises:
        sqlite3.OperationalError: Others hold the file for half a minute.
    """
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
