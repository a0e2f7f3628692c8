"""Tables: JSON Lines, Parquet and datasets of the Hugging Face Hub, one document a row.

    sources:
    - {kind: book, path: corpora/*.jsonl, text: body, title: name}
    - {kind: paper, dataset: org/papers, split: train, revision: v1.0, text: text}

Rows without a text are rejections; a table without the column is an error, which names the columns that there are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
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


def columns_of(path: Path) -> list[str]:
    """Names of a table's columns; of a JSONL file those of its first row.

    Raises:
        SourceError: The file is no table.
    """
    try:
        if path.suffix == ".parquet":
            return list(pq.read_schema(path).names)
        with path.open("rb") as file:
            row = msgspec.json.decode(next((line for line in file if line.strip()), b"{}"))
    except (OSError, pa.ArrowException, msgspec.DecodeError) as error:
        raise SourceError(f"source {path}: no readable table ({error}). Give Parquet or JSON Lines.") from error
    return list(row) if isinstance(row, dict) else []


def read_jsonl(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """Documents of a JSON Lines file; a line that is no JSON object is a rejection."""
    decoder = msgspec.json.Decoder()
    with path_of(item.location).open("rb") as file:
        for number, line in enumerate(file):
            if not line.strip():
                continue
            name = f"{item.path}#{number}"
            try:
                row = decoder.decode(line.removeprefix(b"\xef\xbb\xbf"))
            except msgspec.DecodeError as error:
                yield rejected(name, "malformed", f"line {number + 1} is no JSON ({error})")
                continue
            if not isinstance(row, dict):
                yield rejected(name, "malformed", f"line {number + 1} is no JSON object")
                continue
            yield _document(item, name, row)


def read_parquet(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """Documents of a Parquet file, read in small batches."""
    with pq.ParquetFile(path_of(item.location)) as file:
        wanted = [item.text] if item.title is None else [item.text, item.title]
        number = 0
        for batch in file.iter_batches(batch_size=64, columns=wanted):
            for row in batch.to_pylist():
                yield _document(item, f"{item.path}#{number}", row)
                number += 1


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
    names = ", ".join(f"`{name}`" for name in columns) or "none"
    return (
        f"{where}: no column {', '.join(f'`{name}`' for name in missing)}. It has: {names}. "
        f"Name the columns of text and title with `text:` and `title:` in the recipe's source."
    )


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
