"""Tables: JSON Lines, Parquet and datasets of the Hugging Face Hub, one document a row.

    sources:
    - {kind: book, path: corpora/*.jsonl, text: body, title: name}
    - {kind: paper, dataset: org/papers, split: train, revision: v1.0, text: text}

Rows that are damaged or without a text are rejections; a table without the column is an error, which names the columns
that there are.
"""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from longhop.errors import SourceError
from longhop.records import RawDocument, Rejection
from longhop.sources.items import SourceItem, path_of, rejected
from longhop.sources.text import one_line, tidy

__all__ = ["columns_of", "hub_item", "read_hub", "read_jsonl", "read_parquet"]

HUB_HELP = (
    "Without a connection, download the dataset on another machine, copy its Parquet or JSONL files here, and give "
    "their path as `path` instead of `dataset`"
)
_MOST_NAMES = 30  # of columns in a message; rows of JSON may each have names of their own
_DAMAGED = (OSError, pa.ArrowException, UnicodeDecodeError)
"""What pyarrow raises on a damaged file, by the place of the damage."""


def columns_of(path: Path, wanted: Collection[str] = ()) -> list[str]:
    """Names of a table's columns; of a JSON Lines file those of all its rows.

    Args:
        path: The table.
        wanted: Columns that are looked for. Once all are found, no more rows are read, and no more columns named.

    Raises:
        SourceError: The file is no table.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return list(pq.read_schema(path).names)
        return _columns_of_rows(path, set(wanted))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise SourceError(f"source {path}: no readable table ({error}). Give Parquet or JSON Lines.") from error


def read_jsonl(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """Documents of a JSON Lines file; a line that is no JSON object is a rejection."""
    for number, row in _rows(path_of(item.location)):
        name = f"{item.path}#{number}"
        if isinstance(row, str):
            yield rejected(name, "malformed", f"line {number + 1} {row}")
        else:
            yield _document(item, name, row)


def read_parquet(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """Documents of a Parquet file, read in small batches.

    A row group that is damaged is a rejection from its first row on that cannot be read; the other groups are read.
    """
    try:
        file = pq.ParquetFile(path_of(item.location))
    except _DAMAGED as error:
        yield rejected(item.path, "malformed", f"not readable as Parquet ({error}); write the file anew")
        return
    with file:
        wanted = [item.text] if item.title is None else [item.text, item.title]
        end = 0
        for group in range(file.num_row_groups):
            number, end = end, end + file.metadata.row_group(group).num_rows
            try:
                for batch in file.iter_batches(batch_size=64, row_groups=[group], columns=wanted):
                    for row in _rows_of_batch(batch):
                        name = f"{item.path}#{number}"
                        number += 1
                        if isinstance(row, str):
                            yield rejected(name, "malformed", f"row {number} {row}")
                        else:
                            yield _document(item, name, row)
            except _DAMAGED as error:
                where = f"row group {group + 1} of {file.num_row_groups}, rows {number + 1} to {end}"
                detail = f"{where}: not readable as Parquet ({error}); write the file anew"
                yield rejected(f"{item.path}#{number}", "malformed", detail)


def hub_item(item: SourceItem) -> SourceItem:
    """The item of a Hub dataset with the commit that it stands at, and its columns tried.

    Raises:
        SourceError: The dataset cannot be had, or has no such column.
    """
    import huggingface_hub  # noqa: PLC0415 -- both take a second to import, and most recipes need neither
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415

    columns = _columns(_load(item))
    wanted = [name for name in (item.text, item.title) if name is not None]
    if columns and (missing := [name for name in wanted if name not in columns]):
        raise SourceError(missing_columns(f"dataset {item.location}", missing, columns))
    sha = item.revision or ""
    if not Path(item.location).exists():
        # Where the rows are to be had and their commit is not, the revision stands for it.
        with contextlib.suppress(OSError, HfHubHTTPError, HFValidationError, RuntimeError):
            sha = huggingface_hub.HfApi().dataset_info(item.location, revision=item.revision).sha or sha
    return msgspec.structs.replace(item, sha=sha)


def read_hub(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """Documents of a Hub dataset, streamed at the commit that was listed."""
    for number, row in enumerate(_load(item, item.sha or item.revision)):
        yield _document(item, f"{item.path}#{number}", row)


def missing_columns(where: str, missing: list[str], columns: list[str]) -> str:
    """The message for columns that a recipe names and a table does not have."""
    names = ", ".join(f"`{name}`" for name in columns[:_MOST_NAMES]) or "none"
    more = f" and {len(columns) - _MOST_NAMES} more" if len(columns) > _MOST_NAMES else ""
    return (
        f"{where}: no column {', '.join(f'`{name}`' for name in missing)}. It has: {names}{more}. "
        f"Name the columns of text and title with `text:` and `title:` in the recipe's source."
    )


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Numbers of the lines of a JSON Lines file, from 0, and their rows, or what is wrong with the line."""
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if line.strip():
                yield number, _row(line)


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


def _columns_of_rows(path: Path, wanted: set[str]) -> list[str]:
    columns: dict[str, None] = {}
    wrong = ""
    # Not of the first row alone: it may be damaged, or lack what it has no value for.
    for number, row in _rows(path):
        if isinstance(row, str):
            wrong = wrong or f"no line holds a row; line {number + 1} {row}"
            continue
        columns.update(dict.fromkeys(row))
        if wanted and wanted <= columns.keys():
            break
    if wrong and not columns:
        raise ValueError(wrong)
    return list(columns)


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


def _load(item: SourceItem, revision: str | None = None) -> Iterable[Mapping[str, Any]]:
    import datasets  # noqa: PLC0415
    from datasets.exceptions import DatasetsError  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    local = Path(item.location).exists()
    try:
        rows: Iterable[Mapping[str, Any]] = datasets.load_dataset(
            item.location,
            item.config,
            split=item.split or "train",
            revision=None if local else revision or item.revision,
            streaming=True,
        )
    except (OSError, ValueError, RuntimeError, DatasetsError, HfHubHTTPError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise SourceError(f"dataset {item.location}: cannot be had ({first}). {HUB_HELP}.") from error
    return rows


def _columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    names = getattr(rows, "column_names", None)
    return list(names) if names else list(next(iter(rows), {}))


def _document(item: SourceItem, name: str, row: Mapping[str, Any]) -> RawDocument | Rejection:
    text = row.get(item.text)
    if not isinstance(text, str):
        found = "nothing" if text is None else type(text).__name__
        return rejected(name, "no_text", f"column `{item.text}` holds {found}; the row has {', '.join(map(repr, row))}")
    text = tidy(text, verbatim=item.kind == "code")
    if not text:
        return rejected(name, "empty", f"column `{item.text}` holds no text")
    title = one_line(str(row.get(item.title) or "")) if item.title else ""
    return RawDocument(
        kind=item.kind, title=title or name.rpartition("/")[2], source=name, license=item.license, text=text
    )
