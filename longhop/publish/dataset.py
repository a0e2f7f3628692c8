"""The dataset folder: four configurations out of the tables of a run, part by part.

    dataset/data/default/train-00000.parquet      examples with `messages`, ready for supervised fine-tuning
    dataset/data/traces/train-00000.parquet       every trace with its verdict
    dataset/data/questions/train-00000.parquet    accepted and rejected, with their checks
    dataset/data/contexts/train-00000.parquet     each text once

    >>> written = write_tables(Path("dataset"), parts, prompts, duplicate=0.9, examples=None)
    >>> written.rows["default"]
    {'train': 57}

One part is in memory at a time; examples and contexts are joined here and nowhere before. A configuration or a split
without rows has no file, since `datasets` takes a declared file without rows for an error.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from longhop.prompting import Prompts
from longhop.publish.messages import messages
from longhop.records import Context, Example, Question, Rejection, Trace, Verdict, schema_of
from longhop.stages.near_duplicates import NearDuplicates, signature

__all__ = ["CONFIGURATIONS", "PartTables", "Written", "choose_examples", "schema", "write_tables"]

CONFIGURATIONS = ("default", "traces", "questions", "contexts")
_GROUP_BYTES = 48 * 1024**2  # the Hub's viewer reads row groups up to about 100 MB
_GROUP_ROWS = 1000
_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.large_string())]))


class PartTables(NamedTuple):
    """The tables of one part of a run."""

    contexts: pa.Table
    questions: pa.Table
    traces: pa.Table
    verdicts: pa.Table
    examples: pa.Table


class Chosen(NamedTuple):
    """Which examples are published, and why the others are not."""

    question_ids: frozenset[str]
    rejections: list[Rejection]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: rows by configuration and split."""

    rows: dict[str, dict[str, int]]


def schema(configuration: str) -> pa.Schema:
    """Arrow schema of a configuration."""
    if configuration == "default":
        return schema_of(Example).append(pa.field("messages", _MESSAGES))
    if configuration == "traces":
        verdict = [field for field in schema_of(Verdict) if field.name not in schema_of(Trace).names]
        more = [("judge_model", pa.string()), ("context_id", pa.string()), ("question", pa.large_string())]
        fields = [*schema_of(Trace), *verdict, *(pa.field(name, kind) for name, kind in more)]
        return pa.schema([*fields, pa.field("reference_answer", pa.large_string())])
    return schema_of(Question if configuration == "questions" else Context)


def choose_examples(examples: Iterable[pa.Table], duplicate: float, most: int | None) -> Chosen:
    """Which examples are published: no two questions that say the same, and `most` of them at most.

    Args:
        examples: `question_id`, `question`, `target_tokens` and `kind` of the examples, by part.
        duplicate: Likeness of two questions from which they say the same; the smallest id stays.
        most: How many to take, spread over lengths and kinds as evenly as there are examples; None for all.
    """
    rows = sorted((row for table in examples for row in table.to_pylist()), key=lambda row: str(row["question_id"]))
    index = NearDuplicates(duplicate)
    kept: list[dict[str, Any]] = []
    rejections = []
    for row in rows:
        values = signature(row["question"])
        same = index.nearest(values)
        if same is not None:
            detail = f"says the same as question {same[0]}, likeness {same[1]:.2f}"
            rejections.append(_rejection(row["question_id"], "duplicate", detail))
            continue
        index.add(row["question_id"], values)
        kept.append(row)
    if most is not None and len(kept) > most:
        taken = _balanced(kept, most)
        rejections += [
            _rejection(row["question_id"], "beyond_examples", f"dataset.examples is {most}")
            for row in kept
            if row["question_id"] not in taken
        ]
        return Chosen(frozenset(taken), rejections)
    return Chosen(frozenset(row["question_id"] for row in kept), rejections)


def _rejection(item_id: str, reason: str, detail: str) -> Rejection:
    return Rejection(stage="dataset", item_id=item_id, reason=reason, detail=detail)


def _balanced(rows: list[dict[str, Any]], most: int) -> set[str]:
    """Ids of `most` rows: one from each length and kind in turn, as long as it has any."""
    groups: dict[tuple[int, str], list[str]] = defaultdict(list)
    for row in rows:
        groups[row["target_tokens"], row["kind"]].append(row["question_id"])
    waiting = [list(reversed(groups[key])) for key in sorted(groups)]
    taken: set[str] = set()
    while len(taken) < most:
        for group in waiting:
            if group and len(taken) < most:
                taken.add(group.pop())
    return taken


def write_tables(target: Path, parts: Iterable[PartTables], prompts: Prompts, chosen: frozenset[str]) -> Written:
    """Write `target`/data.

    Args:
        target: The dataset folder, local.
        parts: Tables of each part, in order.
        prompts: Renders the messages.
        chosen: Ids of the questions whose examples are published.
    """
    rows: dict[str, Counter[str]] = {configuration: Counter() for configuration in CONFIGURATIONS}
    makers: dict[str, Callable[[PartTables, Mapping[str, str]], Iterator[dict[str, Any]]]] = {
        "default": lambda part, _: _default(part, prompts, chosen),
        "traces": _traces,
        "questions": lambda part, _: _plain(part.questions),
        "contexts": lambda part, _: _plain(part.contexts),
    }
    with ExitStack() as stack:
        writers: dict[tuple[str, str], _Writer] = {}
        for part in parts:
            splits = dict(zip(part.contexts["context_id"].to_pylist(), part.contexts["split"].to_pylist(), strict=True))
            for configuration, make in makers.items():
                for row in make(part, splits):
                    split = splits[row["context_id"]]
                    key = (configuration, split)
                    if key not in writers:
                        writers[key] = stack.enter_context(_Writer(target, configuration, split))
                    writers[key].add(row)
                    rows[configuration][split] += 1
            for writer in writers.values():
                writer.flush()
    return Written(rows={configuration: dict(sorted(counts.items())) for configuration, counts in rows.items()})


def _plain(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=64):
        yield from batch.to_pylist()


def _default(part: PartTables, prompts: Prompts, chosen: frozenset[str]) -> Iterator[dict[str, Any]]:
    texts = dict(zip(part.contexts["context_id"].to_pylist(), part.contexts["text"].to_pylist(), strict=True))
    for row in _plain(part.examples):
        if row["question_id"] in chosen:
            said = messages(prompts, texts[row["context_id"]], row["question"], row["reasoning"], row["content"])
            yield {**row, "messages": said}


def _traces(part: PartTables, _splits: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    verdicts = {row["trace_id"]: row for row in _plain(part.verdicts)}
    questions = {row["question_id"]: row for row in _plain(part.questions)}
    for row in _plain(part.traces):
        verdict, question = verdicts[row["trace_id"]], questions[row["question_id"]]
        yield {
            **verdict,
            **row,
            "judge_model": verdict["model"],
            "context_id": question["context_id"],
            "question": question["question"],
            "reference_answer": question["reference_answer"],
        }


class _Writer:
    """One file of the dataset, in row groups that the Hub's viewer can read."""

    def __init__(self, target: Path, configuration: str, split: str) -> None:
        self._schema = schema(configuration)
        self._path = target / "data" / configuration / f"{split}-00000.parquet"
        self._rows: list[dict[str, Any]] = []
        self._size = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = pq.ParquetWriter(self._path, self._schema, compression="zstd")
        return self

    def add(self, row: dict[str, Any]) -> None:
        size = _size(row)
        if self._rows and (len(self._rows) >= _GROUP_ROWS or self._size + size > _GROUP_BYTES):
            self.flush()
        self._rows.append(row)
        self._size += size

    def flush(self) -> None:
        if self._rows:
            self._file.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows, self._size = [], 0

    def __exit__(self, *_: object) -> None:
        self.flush()
        self._file.close()


def _size(row: Mapping[str, Any]) -> int:
    """Bytes of a row's texts in UTF-8, those of its messages included."""
    total = sum(_bytes(value) for value in row.values() if isinstance(value, str))
    return total + sum(_bytes(message["content"]) for message in row.get("messages", ()))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
