"""Whether a dataset folder may leave the house: its files are what the card says, and licences allow to publish them.

    >>> check_folder(Path("runs/sample/dataset"))
    >>> check_folder(Path("runs/mine/dataset"))
    PublishError: … 3 documents whose licence forbids it …

Read are the card's head, the footers of the Parquet files, and the list of documents of each context; no text.
"""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from huggingface_hub import metadata_load

from longhop.errors import PublishError
from longhop.publish.licenses import objection
from longhop.records import Context, Example, Question, Record, Trace, schema_of

__all__ = ["check_folder", "license_problems", "schema_problems"]

_RECORDS: Mapping[str, type[Record]] = {
    "default": Example,
    "traces": Trace,
    "questions": Question,
    "contexts": Context,
}
"""Configurations whose rows are a record, with more columns beside it."""
_SHOWN = 8


def check_folder(folder: Path, *, licenses_checked: bool = False) -> None:
    """Refuse a folder that must not be published.

    Args:
        folder: A dataset folder.
        licenses_checked: Whether somebody who knows has looked at the licences.

    Raises:
        PublishError: There is no dataset, its files are not what the card and the records say, or licences forbid it.
    """
    if not (folder / "README.md").is_file():
        raise PublishError(f"{folder}: no dataset here; build the run to its end first")
    if problems := schema_problems(folder):
        raise PublishError(
            f"{folder}: rows are not what the card and the schema say; build again, or restore the files\n"
            + _lines(problems)
        )
    if not licenses_checked and (problems := license_problems(folder)):
        raise PublishError(
            f"{folder}: licences forbid to publish this; give `license` of the source where it is known, leave such "
            "documents out with documents.licenses.allow, change dataset.license, or, where you have the right, set "
            "dataset.licenses_checked (--licenses-checked of `longhop push`)\n" + _lines(problems)
        )


def schema_problems(folder: Path) -> list[str]:
    """What is wrong with the card's configurations and the files' columns, a sentence each."""
    card = _card(folder)
    if isinstance(card, str):
        return [card]
    declared = {
        str(config.get("config_name")): [
            str(file.get("path")) for file in config.get("data_files") or () if isinstance(file, dict)
        ]
        for config in card.get("configs") or ()
        if isinstance(config, dict)
    }
    problems = []
    files = sorted(path.relative_to(folder).as_posix() for path in folder.glob("data/**/*.parquet"))
    taken: set[str] = set()
    for name, patterns in declared.items():
        schema: pa.Schema | None = None
        for pattern in patterns:
            found = [file for file in files if PurePosixPath(file).match(pattern)]
            if not found:
                problems.append(f"README.md: declares {pattern} for {name}, and there is no such file")
            for file in found:
                taken.add(file)
                schema, said = _compared(folder / file, name, schema)
                problems += [f"{file}: {what}" for what in said]
    problems += [f"{file}: no configuration of README.md has it" for file in files if file not in taken]
    return problems


def _card(folder: Path) -> dict[str, Any] | str:
    """The head of the card, or what is wrong with it."""
    try:
        head = metadata_load(folder / "README.md")
    except (ValueError, yaml.YAMLError, UnicodeDecodeError) as error:
        return f"README.md: its head is no YAML ({' '.join(str(error).split())})"
    return head if isinstance(head, dict) else "README.md: has no head that declares the configurations"


def _compared(path: Path, name: str, known: pa.Schema | None) -> tuple[pa.Schema | None, list[str]]:
    """The schema of a file, and how it differs from the record's and from that of the configuration's other files."""
    try:
        metadata, schema = pq.read_metadata(path), pq.read_schema(path).remove_metadata()
    except (OSError, pa.ArrowException) as error:
        return known, [f"is no whole Parquet file ({error})"]
    if known is not None and not schema.equals(known):
        return known, ["has other columns than the first file of its configuration"]
    record = _RECORDS.get(name)
    if record is None:
        return schema, []
    problems = []
    for field in schema_of(record):
        at = schema.get_field_index(field.name)
        if at < 0:
            problems.append(f"lacks the column {field.name}")
        elif not schema.field(at).type.equals(field.type):
            problems.append(f"column {field.name} is {schema.field(at).type}, not {field.type}")
    nulls = _nulls(metadata)
    problems += [f"column {column} is null in {n} rows" for column, n in nulls.items() if column in _required(record)]
    return schema, problems


def _nulls(metadata: pq.FileMetaData) -> Counter[str]:
    """How often each plain column is null, as far as the file says."""
    counts: Counter[str] = Counter()
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for at in range(row_group.num_columns):
            column = row_group.column(at)
            if "." not in column.path_in_schema and column.is_stats_set and column.statistics.has_null_count:
                counts[column.path_in_schema] += column.statistics.null_count
    return +counts


def _required(record: type[Record]) -> set[str]:
    hints = get_type_hints(record)
    unions = (Union, types.UnionType)
    return {name for name, hint in hints.items() if get_origin(hint) not in unions or type(None) not in get_args(hint)}


def license_problems(folder: Path) -> list[str]:
    """Documents that licences do not allow to publish, in one sentence a licence."""
    card = _card(folder)
    head = card if isinstance(card, dict) else {}
    dataset = str(head.get("license") or "other")
    if dataset == "other" and head.get("license_name"):
        dataset = str(head["license_name"])
    found: dict[str | None, dict[str, str]] = {}
    for document_id, source, licence in _documents(folder):
        found.setdefault(licence, {})[document_id] = source
    problems = []
    for licence, documents in sorted(found.items(), key=lambda each: (-len(each[1]), str(each[0]))):
        why = objection(licence, dataset)
        if why is not None:
            sources = sorted(set(documents.values()))
            more = f" and {len(sources) - _SHOWN} more" if len(sources) > _SHOWN else ""
            named = f"whose licence, {licence}, {why}" if licence else "which have no licence given"
            count = f"{len(documents):,} document{'s' if len(documents) > 1 else ''}"
            problems.append(f"{count} {named}: {', '.join(map(_short, sources[:_SHOWN]))}{more}")
    return problems


def _documents(folder: Path) -> Iterator[tuple[str, str, str | None]]:
    """Id, source and licence of the documents of all rows that hold texts."""
    for configuration in ("contexts", "default"):
        for path in sorted(folder.glob(f"data/{configuration}/*.parquet")):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=256, columns=["documents"]):
                    for documents in batch.column(0).to_pylist():
                        for document in documents or ():
                            yield document["document_id"], document["source"], document["license"]


def _short(name: str) -> str:
    safe = "".join(char if char.isprintable() else " " for char in name)
    return safe if len(safe) <= 60 else f"{safe[:28]}…{safe[-30:]}"


def _lines(problems: list[str]) -> str:
    shown = [f"  {problem}" for problem in problems[:_SHOWN]]
    return "\n".join([*shown, *([f"  and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else [])])
