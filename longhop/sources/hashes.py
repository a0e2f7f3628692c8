"""Content hashes of files, remembered outside of any run by path, size and time of change.

    >>> with HashCache() as cache:
    ...     cache.sha(Path("data/sample/books/rope.md"))
    '…'

The cache lies in the user's cache folder (`LONGHOP_CACHE`, else `XDG_CACHE_HOME/longhop`, else `~/.cache/longhop`). It
only saves time: where it cannot be opened, read or written, contents are hashed anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from longhop.folders import cache_folder
from longhop.records import Rejection
from longhop.sources.items import SourceItem, changed, path_of, rejected, vanished

__all__ = ["HashCache", "combined_sha", "not_as_listed", "sha_of_bytes"]

SETTLED_NS = 2_000_000_000
"""A file that changed less than this ago may change again within one tick of its clock, so it is not remembered."""


def sha_of_bytes(data: bytes) -> str:
    """Hash of a file's content."""
    return hashlib.sha256(data).hexdigest()


def combined_sha(parts: Iterable[tuple[str, str]]) -> str:
    """One hash of several files, from their names and hashes."""
    digest = hashlib.sha256()
    for name, sha in parts:
        digest.update(f"{sha} {len(name)} {name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


class HashCache:
    """Hashes files and remembers what it hashed; to be used as a context manager."""

    def __init__(self, folder: Path | None = None) -> None:
        self._database: sqlite3.Connection | None = None
        folder = folder or cache_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(folder / "hashes.sqlite", timeout=2)
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS hashes (path BLOB PRIMARY KEY, size INTEGER, time INTEGER, sha TEXT)"
            )
        except (sqlite3.Error, OSError, RuntimeError):
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.commit()
        self._close()

    def sha(self, path: Path) -> str:
        """Hash of the file's content, from memory if size and time of change are the same.

        Raises:
            OSError: The file cannot be read.
        """
        status = path.stat()
        known = self._known(path, status)
        if known is not None:
            return known
        with path.open("rb") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
        if time.time_ns() - status.st_mtime_ns > SETTLED_NS:
            self._remember(path, status, sha)
        return sha

    def _known(self, path: Path, status: os.stat_result) -> str | None:
        if self._database is None:
            return None
        try:
            row = self._database.execute(
                "SELECT sha FROM hashes WHERE path = ? AND size = ? AND time = ?",
                (os.fsencode(path), status.st_size, status.st_mtime_ns),
            ).fetchone()
        except sqlite3.Error:
            self._close()
            return None
        return row[0] if row else None

    def _remember(self, path: Path, status: os.stat_result, sha: str) -> None:
        if self._database is None:
            return
        try:
            self._database.execute(
                "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)",
                (os.fsencode(path), status.st_size, status.st_mtime_ns, sha),
            )
        except sqlite3.Error:
            self._close()

    def _close(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        self._database = None


def not_as_listed(item: SourceItem) -> Rejection | None:
    """What speaks against reading a file that was listed; None where it is as it was."""
    try:
        with HashCache() as cache:
            same = cache.sha(path_of(item.location)) == item.sha
    except FileNotFoundError:
        return vanished(item.path)
    except OSError as error:
        return rejected(item.path, "unreadable", error.strerror or str(error))
    return None if same else changed(item.path)
