"""Datasets of the Hugging Face Hub, streamed: only files, columns and rows that are needed are read, in their order.

    sources:
    - {kind: paper, dataset: org/papers, config: en, split: train, revision: v1.0, text: body, rows: 10000}

The revision is looked up once, while listing, and the commit is kept: every row is read as it stood there. Files of
Parquet and JSON Lines are items of their own, which workers read side by side as they read other tables; a split in
another format is one item, which the `datasets` library reads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources.columns import Columns, missing_columns, wanted_columns
from longhop.sources.items import SourceItem, described
from longhop.sources.tables import columns_of, rows_of_parquet, table_format

__all__ = ["list_hub", "read_hub"]

HUB_HELP = (
    "Without a connection, download the dataset on another machine, copy its Parquet or JSONL files here, and give "
    "their path as `path` instead of `dataset`"
)


def list_hub(source: Source) -> Iterator[SourceItem]:
    """The files of a dataset's split, or the split as one.

    Raises:
        SourceError: The dataset, its configuration, split or revision cannot be had, or it has no such column.
    """
    assert source.dataset is not None
    name = source.dataset if source.config is None else f"{source.dataset}/{source.config}"
    item = SourceItem(
        **described(source),
        format="hub",
        path=f"{name}/{source.split}",
        location=source.dataset,
        sha="",
        size=0,
        config=source.config,
        revision=source.revision,
        split=source.split,
    )
    item = msgspec.structs.replace(item, sha=_commit(item))
    files = _files(item)
    formats = {table_format(file) for file in files}
    if formats == {"parquet"} or (formats == {"jsonl"} and (source.rows is None or len(files) == 1)):
        yield from _list_files(item, files)
        return
    rows = _loaded(item)
    _look_at(item, _columns(item, rows))
    yield item


def read_hub(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """Documents of a split that is no Parquet and no JSON Lines, streamed at the commit that was listed.

    Raises:
        SourceError: It cannot be had now.
    """
    rows = _loaded(item)
    columns = Columns.of(item, getattr(rows, "column_names", None))
    at = f"@{item.sha}" if item.sha else ""
    with contextlib.ExitStack() as stack:
        iterator = iter(rows)
        if hasattr(iterator, "close"):  # what reads ahead is ended here, and not with the process
            stack.callback(iterator.close)
        numbered = enumerate(islice(iterator, item.rows))
        while True:
            try:
                number, row = next(numbered)
            except StopIteration:
                return
            except Exception as error:  # the clients of the Hub, of files and of formats have no common root
                raise _said(item, error) from error
            yield columns.document(item, f"{item.path}#{number}", row, f"{item.location}{at}#{number}")


def _list_files(item: SourceItem, files: list[str]) -> Iterator[SourceItem]:
    """Each file an item, in their order, up to the one with the last row that is asked for."""
    left = item.rows
    for number, file in enumerate(files):
        if left is not None and left <= 0:
            return
        try:
            if not number:  # the files of a split have the same columns
                _look_at(item, columns_of(file, wanted_columns(item)))
            rows = rows_of_parquet(file) if left is not None and table_format(file) == "parquet" else None
            size = _size(file)
        except SourceError:
            raise
        except Exception as error:
            raise _said(item, error) from error
        path = item.path if len(files) == 1 else f"{item.path}/{number:05d}"
        form = table_format(file) or "jsonl"
        yield msgspec.structs.replace(item, format=form, path=path, location=file, size=size, rows=left)
        if left is not None and rows is not None:
            left -= rows


def _look_at(item: SourceItem, columns: list[str]) -> None:
    if columns and (missing := [column for column in wanted_columns(item) if column not in columns]):
        raise SourceError(missing_columns(f"dataset {item.location}", missing, columns))


def _size(file: str) -> int:
    import fsspec  # noqa: PLC0415 -- with the client of the Hub

    file_system, path = fsspec.core.url_to_fs(file)
    return int(file_system.info(path).get("size") or 0)


def _files(item: SourceItem) -> list[str]:
    """Addresses of the split's files, with the commit in them; none where the dataset is made of something else."""
    import datasets  # noqa: PLC0415

    if Path(item.location).exists():
        return []
    try:
        builder = datasets.load_dataset_builder(item.location, item.config, revision=item.sha or item.revision)
    except Exception as error:
        raise _said(item, error) from error
    files = builder.config.data_files
    if not files:
        return []
    split = item.split or "train"
    if split not in files:
        known = ", ".join(f"`{name}`" for name in files)
        raise SourceError(
            f"dataset {item.location}: no split `{split}`; it has {known}. Set `split` in the recipe to one of them."
        )
    return [str(file) for file in files[split] if str(file).startswith("hf://")]


def _commit(item: SourceItem) -> str:
    """The commit that the revision stands for; a local folder has none."""
    if Path(item.location).exists():
        return item.revision or ""
    import huggingface_hub  # noqa: PLC0415 -- takes a second to import, and most recipes do not need it

    try:
        return huggingface_hub.HfApi().dataset_info(item.location, revision=item.revision).sha or item.revision or ""
    except Exception as error:  # its own errors, those of the connection, and of names that are none
        raise _said(item, error) from error


def _loaded(item: SourceItem) -> Iterable[Mapping[str, Any]]:
    """The split's rows, nothing of which is read yet."""
    import datasets  # noqa: PLC0415

    local = Path(item.location).exists()
    try:
        rows: Iterable[Mapping[str, Any]] = datasets.load_dataset(
            item.location,
            item.config,
            split=item.split or "train",
            revision=None if local else item.sha or item.revision,
            streaming=True,
        )
    except Exception as error:
        raise _said(item, error) from error
    return rows


def _columns(item: SourceItem, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    names = getattr(rows, "column_names", None)
    try:
        return list(names) if names else list(next(iter(rows), {}))
    except Exception as error:
        raise _said(item, error) from error


def _said(item: SourceItem, error: Exception) -> SourceError:
    """What is wrong and what to do, by what the clients say."""
    if isinstance(error, SourceError):
        return error
    kind = {cls.__name__ for cls in type(error).__mro__}
    whole = " ".join(str(error).split()) or type(error).__name__
    first = next(iter(str(error).strip().splitlines()), "").strip() or type(error).__name__
    where = f"dataset {item.location}"
    if "GatedRepoError" in kind or "is a gated dataset" in whole:
        return SourceError(
            f"{where}: is gated. Accept its terms on its page of the Hub with your account, and set HF_TOKEN to a "
            "token of that account."
        )
    if "RevisionNotFoundError" in kind:
        return SourceError(f"{where}: no branch, tag or commit `{item.revision}`. Correct `revision` in the recipe.")
    if kind & {"RepositoryNotFoundError", "DatasetNotFoundError", "HFValidationError"}:
        return SourceError(
            f"{where}: no such dataset on the Hub, or none that this account may see. Correct `dataset` in the recipe, "
            "or set HF_TOKEN to a token that may read it."
        )
    if "BuilderConfig" in whole or "Config name is missing" in whole:
        return SourceError(f"{where}: {whole[:600]} Set `config` in the recipe to one of them.")
    if "Bad split" in whole or "Unknown split" in whole:
        return SourceError(f"{where}: {whole[:600]} Set `split` in the recipe to one of them.")
    return SourceError(f"{where}: cannot be had ({first}). {HUB_HELP}.")
