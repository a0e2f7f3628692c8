"""Tables as Parquet files of bounded size, in row groups of bounded size.

    >>> with Shards(Path("dataset/data/default"), "train", schema) as shards:
    ...     shards.write(table)
    dataset/data/default/train-00000-of-00001.parquet

The Hub's viewer reads row groups of up to some 100 MB, and its clients fetch files side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["GROUP_BYTES", "GROUP_ROWS", "SHARD_BYTES", "Shards", "level_of", "stretches", "text_bytes"]

GROUP_BYTES = 48 * 1024**2
"""Of the texts in a row group, before compression; a single row may have more."""
GROUP_ROWS = 1000
SHARD_BYTES = 500_000_000
"""Of a file: none is begun a row group beyond it."""
REPEATED_BYTES = {1: 2**17, 2: 2**19, 3: 3 * 2**19}
"""By level of zstd, how large rows may be for it to see that the one before begins as they do (measured)."""
WIDEST = 9
"""The level for rows beyond: it sees 4 MB."""


def stretches(sizes: Sequence[int] | npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Start and end of runs of rows, each a row group.

    Args:
        sizes: Bytes of each row.
    """
    start, total = 0, 0
    for place, size in enumerate(sizes):
        if place > start and (place - start >= GROUP_ROWS or total + size > GROUP_BYTES):
            yield start, place
            start, total = place, 0
        total += int(size)
    if start < len(sizes):
        yield start, len(sizes)


def text_bytes(table: pa.Table) -> npt.NDArray[np.int64]:
    """Bytes of each row: those of its texts, and its share of everything else."""
    sizes = np.zeros(table.num_rows, dtype=np.int64)
    for name in table.schema.names:
        column = table[name]
        if pa.types.is_large_string(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy().astype(np.int64)
    if table.num_rows:
        sizes += max(0, table.nbytes - int(sizes.sum())) // table.num_rows
    return sizes


def level_of(rows: pa.Table) -> int:
    """The lowest level of zstd that sees from one row to the next, where rows repeat their context."""
    if "context_id" not in rows.schema.names or rows.num_rows == len(pc.unique(rows["context_id"])):
        return 1
    size = rows.nbytes / rows.num_rows
    return next((level for level, most in REPEATED_BYTES.items() if size < most), WIDEST)


class Shards:
    """The files of one split of one configuration."""

    def __init__(self, folder: Path, split: str, schema: pa.Schema) -> None:
        self._folder = folder
        self._split = split
        self._schema = schema
        self._made = 0
        self._level = 0
        self._stream: pa.NativeFile | None = None
        self._file: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, rows: pa.Table) -> None:
        """Write rows as one row group.

        Rows of one context stand side by side and repeat it. A file has one level, so rows that need a higher one begin
        another: contexts of a million tokens then take a fifth of what they take by default, in no more time.
        """
        level = max(self._level, level_of(rows))
        if self._stream is not None and (level > self._level or self._stream.tell() >= SHARD_BYTES):
            self._end()
        self._level = level
        if self._file is None:
            self._stream = pa.OSFile(str(self._path(self._made)), "wb")
            # Texts that are all different gain nothing by a dictionary, and it costs the time of looking.
            plain = [field.name for field in self._schema if not pa.types.is_large_string(field.type)]
            self._file = pq.ParquetWriter(
                self._stream, self._schema, compression="zstd", compression_level=level, use_dictionary=plain
            )
            self._made += 1
        self._file.write_table(rows, row_group_size=max(1, rows.num_rows))

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._split}-{number:05}.parquet"

    def _end(self) -> None:
        if self._file is not None and self._stream is not None:
            self._file.close()
            self._stream.close()
        self._file = self._stream = None

    def __exit__(self, *_: object) -> None:
        self._end()
        # How many there are is known only now; the folder is not in its place yet.
        for number in range(self._made):
            path = self._path(number)
            path.rename(path.with_name(f"{path.stem}-of-{self._made:05}.parquet"))
