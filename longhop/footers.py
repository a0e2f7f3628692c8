r"""Where the row groups of a table lie, once more and small: the table's footer, compressed, in a file beside it.

    >>> packed(Path("part-00000.parquet"))
    b'(\xb5/\xfd…'
    >>> unpacked(packed(Path("part-00000.parquet"))).num_row_groups
    187

Parquet says at a table's end where all of its row groups lie, in some 1.3 KB each. Documents lie in groups of one or a
few, so that a context reads what it needs; then footers are a tenth of a table, and whoever reads a few groups of each
of many tables would read little else. Compressed they take 0.2 KB a group. They are no more than what the table says
itself: where one is gone or damaged, the table is asked.
"""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["footer_name", "packed", "unpacked"]

_MAGIC = b"PAR1"
_END = 4 + len(_MAGIC)
"""Bytes behind a footer: its length, and what every Parquet file ends with."""


def footer_name(table: str) -> str:
    """Name of the file beside a table."""
    return f"{table.removesuffix('.parquet')}.footer"


def packed(table: Path) -> bytes:
    """The footer of a table, compressed."""
    with table.open("rb") as file:
        file.seek(-_END, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-_END - length, os.SEEK_END)
        footer = file.read()
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(footer)
    return bytes(out.getvalue().to_pybytes())


def unpacked(data: bytes | None) -> pq.FileMetaData | None:
    """What `packed` gave; None where that is missing or damaged."""
    if data is None:
        return None
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            return pq.read_metadata(pa.BufferReader(_MAGIC + stream.read()))
    except (pa.ArrowInvalid, OSError):
        return None
