"""Segments: completions in the run's folder, for the machine that builds the part next.

    >>> segments = Segments(folder, "completions/traces/00003", store)
    >>> segments.load()                 # what other machines left there
    >>> segments.flush()                # every minute, and at the end

Needed where the store of completions lies on a machine's own disk and the run's folder elsewhere, as on object storage.
A segment is a small table that never changes, and holds what was used since the last one and stands in none yet.
"""

from __future__ import annotations

import threading
import time

import pyarrow as pa

from longhop.completions import CompletionStore
from longhop.folders import Folder, me

__all__ = ["FLUSH_SECONDS", "Segments"]

FLUSH_SECONDS = 60.0
"""How often to flush: what a machine that vanishes may cost."""

_SCHEMA = pa.schema([("key", pa.string()), ("seed", pa.int64()), ("choice", pa.large_binary())])


class Segments:
    """The completions of one part, in the run's folder."""

    def __init__(self, folder: Folder, place: str, store: CompletionStore) -> None:
        self._folder = folder
        self._place = place
        self._store = store
        self._flushing = threading.Lock()
        store.watch()

    def load(self) -> int:
        """Take in the segments that the store does not know; gives how many rows they have.

        Raises:
            StorageError: One is damaged, or cannot be read.
        """
        count = 0
        for path in self._folder.files(f"{self._place}/*.parquet"):
            name = f"{self._place}/{path.rpartition('/')[2]}"
            if self._store.knows(name):
                continue
            table = self._folder.read_table(name)
            columns = [table.column(column).to_pylist() for column in _SCHEMA.names]
            self._store.add_segment(name, list(zip(*columns, strict=True)))
            count += table.num_rows
        return count

    def flush(self) -> None:
        """Write what was used since the last time and stands in no segment yet.

        Raises:
            StorageError: The run's folder cannot be written; the rows are kept for the next time.
        """
        with self._flushing:
            rows = self._store.take_watched()
            if not rows:
                return
            name = f"{self._place}/{time.time_ns():020}-{me()}.parquet"
            table = pa.Table.from_arrays(
                [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)],
                schema=_SCHEMA,
            )
            try:
                self._folder.write_table(name, table)
            except BaseException:
                self._store.give_back(rows)
                raise
            self._store.add_segment(name, rows)
