"""Tables: JSON Lines, also compressed, and Parquet, on a disk or on object storage; one document a row.

    sources:
    - {kind: book, path: corpora/*.jsonl.zst, text: body, title: name, author: by}
    - {kind: paper, path: s3://bucket/papers/*.parquet, rows: 1000}

Tables are read as a stream, row group by row group and line by line, whatever their size. Rows that are damaged or
without a text are rejections; a table without the column is an error, which names the columns that there are.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

import fsspec
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from longhop.errors import SourceError
from longhop.records import RawDocument, Rejection
from longhop.sources.columns import Columns, missing_columns, wanted_columns
from longhop.sources.items import SourceItem, path_of, rejected

__all__ = [
    "columns_of",
    "missing_columns",
    "opened",
    "read_jsonl",
    "read_parquet",
    "rows_of_parquet",
    "table_format",
    "wanted_columns",
]

MOST_LINE = 256 * 1024**2
"""Bytes of a line of JSON Lines."""
MOST_LOOKED_AT = 100_000
"""Rows of JSON Lines that are looked at for their columns."""
BATCH_BYTES = 16 * 1024**2
"""About so many bytes of Parquet are in memory as rows at once."""
BLOCK = 4 * 1024**2
"""Bytes that are fetched at once from elsewhere."""
_JSONL = (".jsonl", ".ndjson")
_PACKED = (".gz", ".zst", ".bz2", ".xz")
_DAMAGED = (OSError, pa.ArrowException, UnicodeDecodeError, EOFError, zlib.error, lzma.LZMAError)
"""What is raised on a damaged file, by the place of the damage."""


def table_format(name: str) -> str | None:
    """`jsonl` or `parquet`, by a file's name; None for what is no table."""
    path = PurePosixPath(name.lower())
    if path.suffix in _PACKED:
        return "jsonl" if PurePosixPath(path.stem).suffix in _JSONL else None
    return "parquet" if path.suffix == ".parquet" else "jsonl" if path.suffix in _JSONL else None


def columns_of(place: Path | str, wanted: Collection[str] = ()) -> list[str]:
    """Names of a table's columns; of a JSON Lines file those of its rows, 100,000 at most.

    Args:
        place: The table, a path or an address on object storage.
        wanted: Columns that are looked for. Once all are found, no more rows are read, and no more columns named.

    Raises:
        SourceError: The file is no table, or cannot be had.
    """
    location = str(place) if isinstance(place, Path) or "://" not in place else place
    try:
        with opened(location) as stream:
            if table_format(location) == "parquet":
                return list(pq.read_schema(stream).names)
            return _columns_of_rows(stream, set(wanted))
    except (ValueError, *_DAMAGED) as error:
        raise SourceError(f"source {location}: no readable table ({error}). Give Parquet or JSON Lines.") from error


def rows_of_parquet(location: str) -> int:
    """How many rows a Parquet file has, by its footer.

    Raises:
        SourceError: The file is no Parquet.
    """
    try:
        with opened(location) as stream:
            return int(pq.read_metadata(stream).num_rows)
    except _DAMAGED as error:
        raise SourceError(f"source {location}: not readable as Parquet ({error}). Write the file anew.") from error


def read_jsonl(item: SourceItem, origin: str | None = None) -> Iterator[RawDocument | Rejection]:
    """Documents of a JSON Lines file; a line that is no JSON object is a rejection."""
    columns = Columns.of(item, None)
    number = -1
    try:
        with opened(item.location) as stream:
            for number, row in islice(_rows(stream), item.rows):
                name = f"{item.path}#{number}"
                if isinstance(row, str):
                    yield rejected(name, "malformed", f"line {number + 1} {row}")
                else:
                    yield columns.document(item, name, row, origin and f"{origin}#{number}")
    except _DAMAGED as error:
        _raise_unreachable(item, error)
        detail = f"line {number + 2} and what follows: not readable ({error}); write the file anew"
        yield rejected(f"{item.path}#{number + 1}", "malformed", detail)


def read_parquet(item: SourceItem, origin: str | None = None) -> Iterator[RawDocument | Rejection]:
    """Documents of a Parquet file, read in small batches.

    A row group that is damaged is a rejection from its first row on that cannot be read; the other groups are read.
    """
    with contextlib.ExitStack() as stack:
        try:
            stream = stack.enter_context(opened(item.location))
            # Not a row group at once: people write files of one, of gigabytes.
            file = stack.enter_context(pq.ParquetFile(stream, pre_buffer=False, buffer_size=1024**2))
        except _DAMAGED as error:
            _raise_unreachable(item, error)
            yield rejected(item.path, "malformed", f"not readable as Parquet ({error}); write the file anew")
            return
        columns = Columns.of(item, set(file.schema_arrow.names))
        end = 0
        for group in range(file.num_row_groups):
            if item.rows is not None and end >= item.rows:
                return
            number, end = end, end + file.metadata.row_group(group).num_rows
            last = end if item.rows is None else min(end, item.rows)
            try:
                for row in islice(_rows_of_group(file, group, columns.names), last - number):
                    name = f"{item.path}#{number}"
                    if isinstance(row, str):
                        number += 1
                        yield rejected(name, "malformed", f"row {number} {row}")
                    else:
                        document = columns.document(item, name, row, origin and f"{origin}#{number}")
                        number += 1
                        yield document
            except _DAMAGED as error:
                _raise_unreachable(item, error)
                where = f"row group {group + 1} of {file.num_row_groups}, rows {number + 1} to {end}"
                detail = f"{where}: not readable as Parquet ({error}); write the file anew"
                yield rejected(f"{item.path}#{number}", "malformed", detail)


def _raise_unreachable(item: SourceItem, error: BaseException) -> None:
    """A connection that breaks is no damage of the file, whose rows would be lost: it is raised again."""
    if "://" not in item.location or not isinstance(error, OSError) or isinstance(error, gzip.BadGzipFile):
        return
    if type(error) is not OSError or error.errno is not None:  # pyarrow says OSError of what it cannot decode
        raise error


@contextlib.contextmanager
def opened(location: str) -> Iterator[IO[bytes]]:
    """A table's bytes, unpacked where its name says that they are packed."""
    with contextlib.ExitStack() as stack:
        if "://" in location:
            file_system, path = fsspec.core.url_to_fs(location)
            # Small blocks: of a row group, only some columns are wanted.
            stream = stack.enter_context(file_system.open(path, "rb", block_size=BLOCK))
            if table_format(location) == "jsonl":  # its own `readline` knows no limit
                stream = io.BufferedReader(stream, 1024**2)
        else:
            stream = stack.enter_context(path_of(location).open("rb"))
        suffix = PurePosixPath(location.lower()).suffix
        if suffix == ".gz":
            stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
        elif suffix == ".bz2":
            stream = stack.enter_context(bz2.BZ2File(stream))
        elif suffix == ".xz":
            stream = stack.enter_context(lzma.LZMAFile(stream))
        elif suffix == ".zst":
            unpacked = stack.enter_context(pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd"))
            stream = io.BufferedReader(unpacked, 65_536)  # what it holds is lost where the file is cut
        yield stream


def _rows(stream: IO[bytes]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Numbers of the lines of a JSON Lines file, from 0, and their rows, or what is wrong with the line."""
    number = 0
    while line := stream.readline(MOST_LINE):
        if len(line) == MOST_LINE and not line.endswith(b"\n"):
            while (rest := stream.readline(MOST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, f"has more than {MOST_LINE:,} bytes"
        elif line.strip():
            yield number, _row(line)
        number += 1


def _row(line: bytes) -> dict[str, Any] | str:
    try:
        row = msgspec.json.decode(line.removeprefix(codecs.BOM_UTF8))
    except msgspec.DecodeError as error:
        return f"is no JSON ({error})"
    except UnicodeDecodeError as error:
        return _no_text(error)
    except RecursionError:
        return "is nested too deep to be read"
    return row if isinstance(row, dict) else "is no JSON object"


def _no_text(error: UnicodeDecodeError) -> str:
    return f"is no UTF-8 (byte 0x{error.object[error.start]:02x}); convert the file to UTF-8"


def _columns_of_rows(stream: IO[bytes], wanted: set[str]) -> list[str]:
    columns: dict[str, None] = {}
    wrong = ""
    # Not of the first row alone: it may be damaged, or lack what it has no value for.
    for number, row in islice(_rows(stream), MOST_LOOKED_AT):
        if isinstance(row, str):
            wrong = wrong or f"no line holds a row; line {number + 1} {row}"
            continue
        columns.update(dict.fromkeys(row))
        if wanted and wanted <= columns.keys():
            break
    if wrong and not columns:
        raise ValueError(wrong)
    return list(columns)


def _rows_of_group(file: pq.ParquetFile, group: int, columns: list[str]) -> Iterator[dict[str, Any] | str]:
    about = file.metadata.row_group(group)
    size = max(1, about.total_byte_size // max(1, about.num_rows))
    batch_size = max(1, min(64, BATCH_BYTES // size))
    for batch in file.iter_batches(batch_size=batch_size, row_groups=[group], columns=columns, use_threads=False):
        yield from _rows_of_batch(batch)


def _rows_of_batch(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
    """Rows of a batch, or what is wrong with a row: Parquet does not look whether what it calls text is UTF-8."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError as error:
        if batch.num_rows == 1:
            yield _no_text(error)
            return
        half = batch.num_rows // 2
        yield from _rows_of_batch(batch.slice(0, half))
        yield from _rows_of_batch(batch.slice(half))
