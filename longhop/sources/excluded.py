"""Texts that no document or question may overlap, as `documents.exclude` and `checks.exclude` of a recipe name them.

    documents:
      exclude:
      - benchmarks/questions.txt
      - {path: benchmarks/longbench_v2.json, columns: [question, context]}
      - {path: "benchmarks/ruler/*.jsonl.gz", columns: [input]}

    >>> list(read_excluded(["benchmarks/longbench.jsonl"]))
    [("longbench.jsonl", "Who wrote the ferry's log? …"), …]

A recipe names them because a model that is trained on the dataset will be measured on them. So what cannot be read is
an error and not passed over: it would count as a text that nothing overlaps.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import io
import lzma
import mmap
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

import fsspec
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from longhop.errors import SourceError
from longhop.recipe import Excluded
from longhop.sources.gutenberg import strip_gutenberg
from longhop.sources.tables import opened
from longhop.sources.text import BinaryError, decode, tidy

__all__ = ["read_excluded", "stamps"]

_FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet",
}  # fmt: skip
_PACKED = (".gz", ".zst", ".bz2", ".xz")
_DAMAGED = (OSError, pa.ArrowException, EOFError, zlib.error, lzma.LZMAError)
_ROWS = 64
_BATCH_BYTES = 16 * 1024**2
_HEAD = 1024**2
_MOST_FIELD = 2**31 - 1
_LONG = 2_000  # characters from which a text may have Project Gutenberg's wrapping
_MOST_NAMES = 30


class _WrongError(ValueError):
    """What is wrong with a file, and what to do."""


class _Wanted:
    """The columns that count, and which were found."""

    def __init__(self, columns: Sequence[str] | None) -> None:
        self.columns = columns
        self.missing = set(columns or ())
        self.seen: dict[str, None] = {}

    def texts(self, row: Any) -> Iterator[str]:
        """Every text of a row that counts: all of them, or those within the columns, at whatever depth these are."""
        if self.columns is None:
            yield from _strings(row)
        elif isinstance(row, dict):
            for name, value in row.items():
                if name in self.columns:
                    self.missing.discard(name)
                    yield from _strings(value)
                else:
                    if len(self.seen) < _MOST_NAMES:
                        self.seen[str(name)] = None
                    yield from self.texts(value)
        elif isinstance(row, list):
            for inner in row:
                yield from self.texts(inner)

    def check(self) -> None:
        """Raise `_WrongError` where a column was in no row."""
        if self.missing:
            names = ", ".join(f"`{name}`" for name in self.columns or () if name in self.missing)
            has = ", ".join(f"`{name}`" for name in self.seen) or "no others"
            raise _WrongError(f"no column {names}. It has: {has}. Correct `columns` of the entry.")


def read_excluded(entries: Sequence[str | Excluded], key: str = "documents.exclude") -> Iterator[tuple[str, str]]:
    """Name of the file and text, for each text: a plain text whole, of a table each string of each row.

    Read as a stream, but for `.json`, of which a local file is mapped and not loaded.

    Args:
        entries: Paths, addresses and patterns, or what a recipe says of them.
        key: Where the recipe names them, for messages.

    Raises:
        SourceError: A file is missing, empty or damaged, or has not the columns; with what to do.
    """
    for entry in entries:
        given = Excluded(path=entry) if isinstance(entry, str) else entry
        for location in _locations(given.path, key):
            where = f"{key} {location}"
            try:
                yield from _texts(location, given)
            except _WrongError as error:
                raise SourceError(f"{where}: {error}") from error
            except FileNotFoundError as error:
                raise SourceError(f"{where}: no such file. Correct the recipe.") from error
            except BinaryError as error:
                remedy = "Give plain text, JSON, JSON Lines, CSV or Parquet; `format` says which it is."
                raise SourceError(f"{where}: not readable as text ({error}). {remedy}") from error
            except _DAMAGED as error:
                raise SourceError(f"{where}: not readable ({error}). Write the file anew, or correct it.") from error


def stamps(entries: Sequence[str | Excluded], key: str = "documents.exclude") -> list[tuple[str, str]]:
    """The files of entries, and what of each changes with its content: size and time, or an ETag.

    Raises:
        SourceError: A file is missing.
    """
    found = []
    for entry in entries:
        for location in _locations(entry if isinstance(entry, str) else entry.path, key):
            try:
                file_system, place = fsspec.core.url_to_fs(location, use_listings_cache=False)
                info = file_system.info(place)
            except FileNotFoundError as error:
                raise SourceError(f"{key} {location}: no such file. Correct the recipe.") from error
            except Exception as error:
                raise _unreachable(f"{key} {location}", error) from error
            found.append(
                (location, str([info.get(name) for name in ("size", "mtime", "ino", "ETag", "etag", "md5Hash")]))
            )
    return found


def _unreachable(where: str, error: Exception) -> SourceError:
    """Of clients of object storage, which have errors of their own under no common root."""
    said = " ".join(str(error).split()) or type(error).__name__
    return SourceError(f"{where}: cannot be read now ({said}). Look at its name, the connection and the credentials.")


def _locations(path: str, key: str) -> list[str]:
    """The files that an entry names, in the order of their names."""
    where = f"{key} {path}"
    if "://" in path:
        try:
            file_system, place = fsspec.core.url_to_fs(path, use_listings_cache=False)
            places = sorted(file_system.glob(place)) if glob.has_magic(place) else [place]
            found = [file_system.unstrip_protocol(name) for name in places if file_system.isfile(name)]
        except Exception as error:
            raise _unreachable(where, error) from error
    else:
        path = os.path.expanduser(path)  # noqa: PTH111 - pathlib's raises for a user whom nobody knows
        if os.path.isdir(path):  # noqa: PTH112 - pathlib's raises for a null byte
            raise SourceError(f"{where}: a folder. Name its files, such as {os.path.join(path, '*.jsonl')}")  # noqa: PTH118
        if os.path.exists(path) or not glob.has_magic(path):  # noqa: PTH110
            return [path]
        found = sorted(name for name in glob.glob(path, recursive=True) if Path(name).is_file())  # noqa: PTH207
    if not found:
        raise SourceError(f"{where}: no such file. Correct the recipe.")
    return found


def _texts(location: str, given: Excluded) -> Iterator[tuple[str, str]]:
    name = os.fsencode(os.path.basename(location)).decode("utf-8", "backslashreplace")  # noqa: PTH119 - also of addresses
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    packed = bool(suffixes) and suffixes[-1] in _PACKED
    own = suffixes[:-1] if packed else suffixes
    kind = given.format or (_FORMATS.get(own[-1], "text") if own else "text")
    if kind == "text" and given.columns:
        raise _WrongError("`columns` are given, and by its name this is no table. Say with `format` what it is.")
    wanted = _Wanted(given.columns)
    empty = True
    with opened(location) as stream:
        for text in _READERS[kind](stream, wanted):
            if tidied := _tidy(text):
                empty = False
                yield name, tidied
    wanted.check()
    if empty:
        raise _WrongError("holds no text. Take it out of the recipe, or correct the file.")


def _plain(stream: IO[bytes], _: _Wanted) -> Iterator[str]:
    yield decode(stream.read())


def _jsonl(stream: Iterable[bytes], wanted: _Wanted) -> Iterator[str]:
    # By line ends alone: a string of JSON may hold any other character that `tidy` ends a line at.
    lines = (
        line for data in stream for line in re.split(r"\r\n?|\n", decode(data).removesuffix("\n").removesuffix("\r"))
    )
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield from _row(line, wanted, f"line {number} is", "Correct the line, or take it out.")


def _json(stream: IO[bytes], wanted: _Wanted) -> Iterator[str]:
    data = _content(stream)
    remedy = "Correct the file, or say with `format` what it is."
    try:
        for number, row in enumerate(msgspec.json.decode(data, type=list[msgspec.Raw]), 1):
            yield from _row(row, wanted, f"value {number} is", remedy)
    except (msgspec.DecodeError, UnicodeDecodeError):  # no list: one value, or one a line, which many call .json
        first, _, rest = bytes(data[:_HEAD]).strip().partition(b"\n")
        if rest and first.endswith(b"}") and rest.lstrip().startswith(b"{"):
            yield from _jsonl(iter(io.BytesIO(data)), wanted)
        else:
            yield from _row(data, wanted, "it is", remedy)


def _csv(stream: IO[bytes], wanted: _Wanted, delimiter: str = ",") -> Iterator[str]:
    csv.field_size_limit(_MOST_FIELD)  # of the whole process; the default is less than a chapter
    rows = csv.reader((decode(line) for line in stream), delimiter=delimiter)
    try:
        names = next(rows, [])
        if wanted.columns is None:
            yield from names  # a table without a head has texts there
        for row in rows:
            yield from wanted.texts(dict(zip(names, row, strict=False)))
            if wanted.columns is None:
                yield from row[len(names) :]
    except csv.Error as error:
        raise _WrongError(f"line {rows.line_num} is no CSV ({error}). Correct the line, or take it out.") from error
    if wanted.columns is not None:
        wanted.missing -= set(names)


def _tsv(stream: IO[bytes], wanted: _Wanted) -> Iterator[str]:
    yield from _csv(stream, wanted, "\t")


def _parquet(stream: IO[bytes], wanted: _Wanted) -> Iterator[str]:
    with pq.ParquetFile(stream, pre_buffer=False, buffer_size=1024**2) as file:
        names = file.schema_arrow.names
        columns = None if wanted.columns is None or set(wanted.columns) - set(names) else list(wanted.columns)
        if columns is not None:
            wanted.missing.clear()
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group)
            size = max(1, rows.total_byte_size // max(1, rows.num_rows))
            many = max(1, min(_ROWS, _BATCH_BYTES // size))
            for batch in file.iter_batches(batch_size=many, row_groups=[group], columns=columns, use_threads=False):
                for row in batch.to_pylist():
                    yield from wanted.texts(row)


_READERS: dict[str, Callable[[IO[bytes], _Wanted], Iterator[str]]] = {
    "text": _plain, "jsonl": _jsonl, "json": _json, "csv": _csv, "tsv": _tsv, "parquet": _parquet,
}  # fmt: skip


def _content(stream: IO[bytes]) -> bytes | mmap.mmap:
    """All of a file; one that lies here as it is gets mapped, and takes no memory of its own."""
    if isinstance(stream, io.BufferedReader) and isinstance(stream.raw, io.FileIO):
        with contextlib.suppress(ValueError):  # of an empty file
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    return stream.read()


def _row(data: str | bytes | mmap.mmap | msgspec.Raw, wanted: _Wanted, what: str, remedy: str) -> Iterator[str]:
    try:
        yield from list(wanted.texts(msgspec.json.decode(data)))
    except RecursionError as error:
        raise _WrongError(f"{what} nested too deep to be read. {remedy}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _WrongError(f"{what} no JSON ({error}). {remedy}") from error


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _strings(inner)


def _tidy(text: str) -> str:
    tidied = tidy(text)
    return strip_gutenberg(tidied).text if len(tidied) > _LONG and "utenberg" in tidied else tidied
