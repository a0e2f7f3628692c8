"""The tables of a run as `invariants.py` reads them: by pyarrow alone, with what an id and a token are said again."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
Looked = Iterator[str | None]
"""One item for each thing that was looked at: None if it is right, else what is wrong with it."""

STAGES = ("documents", "plan", "context_plan", "contexts", "questions", "traces", "verdicts", "examples")
PARTED = STAGES[3:]
"""Stages whose parts are those of the contexts."""
COLUMNS = {
    "documents": "document_id kind title source license text n_chars n_tokens cuts signature terms",
    "plan": "document_id part row_group duplicate_of split",
    "context_plan": "context_id split target_tokens part pieces",
    "contexts": "context_id split target_tokens n_tokens text documents",
    "questions": "question_id context_id kind question reference_answer aliases answer_type n_steps steps evidence "
    "checks accepted rejected_by model",
    "traces": "trace_id question_id sample reasoning content answer n_tokens finish_reason model",
    "verdicts": "trace_id question_id sample valid exact_match judge correct answer_group evidence_cited model "
    "normal_form judge_failed",
    "examples": "question_id context_id split question answer reference_answer reasoning content trace_id n_traces "
    "votes agreement target_tokens context_tokens trace_tokens shortest_tokens random_tokens longest_tokens "
    "example_tokens documents licenses evidence kind n_steps "
    "models",
    "rejections": "stage item_id reason detail",
}
TYPES = {
    **dict.fromkeys(
        "text question reference_answer reasoning content answer detail normal_form".split(), "large_string"
    ),
    **dict.fromkeys("accepted valid exact_match judge correct".split(), "bool"),
    **dict.fromkeys("evidence_cited agreement random_tokens".split(), "double"),
    **dict.fromkeys("n_chars n_tokens part row_group target_tokens n_steps sample answer_group".split(), "int64"),
    **dict.fromkeys("n_traces votes context_tokens trace_tokens example_tokens".split(), "int64"),
    **dict.fromkeys("shortest_tokens longest_tokens".split(), "int64"),
}
FIELDS = {
    "cuts": "offset tokens level",
    "pieces": "document_id start end n_tokens",
    "documents": "document_id kind title source license start end n_tokens",
    "steps": "question answer evidence uses",
    "evidence": "document_id quote start end score",
    "checks": "name passed detail",
    "models": "writer reader judge",
}
ROW_GROUP = 100 * 1000**2


def make_id(*parts: object) -> str:
    """First 16 hex digits of the SHA-256 over the parts, each preceded by its length in bytes."""
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b" % (len(data), data))
    return digest.hexdigest()[:16]


def words(text: str) -> int:
    """What the tokenizer `words` counts."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def look(right: bool, otherwise: str) -> str | None:
    return None if right else otherwise


class Run:
    """All tables of a run that its current fingerprints name."""

    def __init__(self, folder: Path) -> None:
        manifest = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.recipe: Row = manifest["recipe"]
        self.fingerprints: dict[str, str] = manifest["fingerprints"]
        self.words = self.recipe["tokenizer"] == "words"
        self.must_match: bool = self.recipe["selection"]["must_match_reference"]
        self.rows: dict[str, list[Row]] = {}
        self.rejections: dict[str, list[Row]] = {}
        self.files: dict[str, list[Path]] = {}
        for stage in STAGES:
            place = folder / stage / self.fingerprints[stage]
            self.files[stage] = sorted(place.glob("part-*.parquet"))
            self.rows[stage] = [row for file in self.files[stage] for row in pq.read_table(file).to_pylist()]
            self.rejections[stage] = [
                row for file in sorted(place.glob("rejections-*.parquet")) for row in pq.read_table(file).to_pylist()
            ]
        left_out = folder / "published" / self.fingerprints["dataset"]
        newest = sorted(left_out.glob("rejections-*.parquet"))[-1:]
        self.rejections["dataset"] = [row for file in newest for row in pq.read_table(file).to_pylist()]
        # Of equal documents, which share their id, the first takes part.
        self.documents = {row["document_id"]: row for row in reversed(self.rows["documents"])}
        self.used = {row["document_id"]: row for row in self.rows["plan"] if row["duplicate_of"] is None}
        self.contexts = {row["context_id"]: row for row in self.rows["contexts"]}
        self.questions = {row["question_id"]: row for row in self.rows["questions"]}
        self.accepted = {key: row for key, row in self.questions.items() if row["accepted"]}
        self.traces = {row["trace_id"]: row for row in self.rows["traces"]}
        self.verdicts = {row["trace_id"]: row for row in self.rows["verdicts"]}
        self.attempts: dict[str, list[tuple[Row, Row]]] = defaultdict(list)
        for trace in self.rows["traces"]:
            if trace["trace_id"] in self.verdicts:
                self.attempts[trace["question_id"]].append((trace, self.verdicts[trace["trace_id"]]))

    def left(self, stage: str) -> Counter[str]:
        return Counter(row["item_id"] for row in self.rejections[stage])


def each(
    what: str, wanted: set[str], rows: Mapping[str, Any], left: Mapping[str, int] = MappingProxyType({})
) -> Looked:
    """Each wanted item is one row or one rejection, and there are no others; `rows` by id, or how often by id."""
    for item in sorted(wanted):
        times = (rows[item] if isinstance(rows, Counter) else item in rows) + left.get(item, 0)
        yield look(times == 1, f"{what} {item}: ends {int(times)} times as a row or a rejection")
    yield from (f"{what} {item}: nobody asked for it" for item in sorted({*rows, *left} - wanted))


def schemas(run: Run) -> Looked:
    """Every table has the columns of DESIGN.md under their types, also where a column is all null."""
    for stage in STAGES:
        yield look(bool(run.files[stage]), f"{stage}: no part of {run.fingerprints[stage]}")
        for file in run.files[stage]:
            yield from _schema(f"{stage} {file.name}", pq.read_schema(file), stage)
            beside = file.with_name(file.name.replace("part-", "rejections-"))
            yield look(beside.is_file(), f"{stage}: {beside.name} is missing")
            if beside.is_file():
                yield from _schema(f"{stage} {beside.name}", pq.read_schema(beside), "rejections")
            largest = largest_group(file)
            yield look(largest < ROW_GROUP, f"{stage} {file.name}: a row group of {largest} bytes")


def _schema(where: str, schema: pa.Schema, table: str) -> Looked:
    for name in COLUMNS[table].split():
        if name not in schema.names:
            yield f"{where}: column {name} is missing"
            continue
        kind = schema.field(name).type
        inner = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind
        if name in FIELDS:
            has = {field.name for field in inner} if pa.types.is_struct(inner) else set()
            yield look(set(FIELDS[name].split()) <= has, f"{where}: {name} is {kind}")
        elif name not in ("signature", "terms", "aliases", "licenses"):
            expected = TYPES.get(name, "string")
            yield look(str(kind) == expected, f"{where}: {name} is {kind}, expected {expected}")


def largest_group(file: Path) -> int:
    meta = pq.read_metadata(file)
    return max((meta.row_group(number).total_byte_size for number in range(meta.num_row_groups)), default=0)
