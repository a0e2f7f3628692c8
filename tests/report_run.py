"""A run of any size for the report, written as tables: questions of every fate, traces of every verdict.

    run = Run.open(str(write_report_run(tmp_path / "run", questions=200)))

Every tenth: rejected by `evidence`, by `single_document`, a tie, no majority, a duplicate; the other five are examples.
`planted` is woven into the texts of two questions: their own, titles, quotes, what surrounds those, traces.
`until` names the last stage that is finished; what follows has no parts.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from longhop.fingerprints import STAGES
from longhop.manifest import Manifest, PlanStep
from longhop.recipe import Recipe
from longhop.records import Record, Rejection, make_id, schema_of
from longhop.storage import PartCounts
from tests.small_run import RECORDS

Rows = list[dict[str, Any]]
SAMPLES = 8
LENGTHS = (2048, 4096, 8192, 16384)
KINDS = ("bridge", "bridge", "bridge", "comparison", "calculation")
FATES = ("evidence", "single_document", "tie", "no_majority", "duplicate", *["example"] * 5)
_WORDS = (
    "lantern harbour rope crane mill tower ledger brass kelp glacier bishop umbrella pilot sound ferry bell".split()
)
_PER_CONTEXT = 4
_PLANTED = (4, 5)  # a duplicate, with which their context begins, and an example


def report_recipe() -> Recipe:
    return Recipe.parse(
        {
            "name": "harbours",
            "sources": [{"kind": "book", "path": "books", "license": "CC0-1.0"}],
            "contexts": {"lengths": dict.fromkeys(LENGTHS, 1)},
            "traces": {"samples": SAMPLES},
            "engines": {
                role: {"kind": "openai", "model": f"org/{role}", "urls": ["http://127.0.0.1:1/v1"]}
                for role in ("writer", "reader", "judge")
            },
            "dataset": {"license": "cc0-1.0"},
        },
        base=Path("/nowhere"),
    )


def write_report_run(
    folder: Path,
    questions: int = 200,
    *,
    per_part: int = 400,
    chars: int = 4_000,
    trace_chars: int = 900,
    planted: str = "",
    until: str = "dataset",
    evidence: bool = True,
) -> Path:
    """Write the folder.

    Args:
        folder: Where to.
        questions: How many.
        per_part: Questions in one part.
        chars: Characters of each context, about.
        trace_chars: Characters of each trace, about.
        planted: Hostile text for two questions; none where it is empty.
        until: The last finished stage.
        evidence: Whether questions have any.
    """
    fingerprints = {stage: f"{number:012x}" for number, stage in enumerate(STAGES)}
    done = STAGES[: STAGES.index(until) + 1]
    starts = range(0, questions, per_part)
    for part, start in enumerate(starts):
        numbers = range(start, min(questions, start + per_part))
        tables, rejections = _part(numbers, chars, trace_chars, planted, evidence=evidence)
        for stage in set(tables) & set(done):
            _write(folder, stage, fingerprints[stage], part, tables[stage], rejections.get(stage, []))
        if "dataset" in done:
            _append(folder / "left_out", rejections["dataset"])
    documents = [_document(number) for number in range(40)]
    plans = [
        {"document_id": row["document_id"], "part": 0, "row_group": 0, "duplicate_of": None, "split": "train"}
        for row in documents
    ]
    planned = [
        {"context_id": f"c{part}", "split": "train", "target_tokens": 2048, "part": part, "pieces": []}
        for part in range(len(starts))
    ]
    for stage, rows in (("documents", documents), ("plan", plans), ("context_plan", planned)):
        if stage in done:
            _write(folder, stage, fingerprints[stage], 0, rows, [])
    if "dataset" in done:
        _publish(folder, fingerprints["dataset"], len(starts))
    manifest = Manifest(
        name="harbours",
        recipe=report_recipe().resolved(),
        fingerprints=fingerprints,
        prompts={},
        versions={},
        created="2026-01-01T00:00:00+00:00",
        refreshed="2026-01-01T00:00:00+00:00",
        growth=[(0, 1)],
        history={
            fingerprints["context_plan"]: [
                PlanStep(
                    growth=0,
                    lengths={str(length): 1 for length in LENGTHS},
                    allow_fewer=False,
                    part_size=100,
                    part_tokens=1 << 24,
                )
            ]
        },
        listing=[],
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_bytes(msgspec.json.encode(manifest))
    return folder


def _append(file: Path, rows: Rows) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.writelines(f"{row['item_id']}\n" for row in rows)


def _publish(folder: Path, fingerprint: str, parts: int) -> None:
    place = folder / "published" / fingerprint
    place.mkdir(parents=True)
    left_out = folder / "left_out"
    ids = left_out.read_text(encoding="utf-8").split() if left_out.exists() else []
    rows = [{"stage": "dataset", "item_id": one, "reason": "duplicate", "detail": "says the same as"} for one in ids]
    left_out.unlink(missing_ok=True)
    _table(place / f"rejections-{parts:05}.parquet", rows, Rejection)
    current = {"fingerprint": fingerprint, "parts": parts, "files": {}}
    (folder / "published" / "current.json").write_bytes(msgspec.json.encode(current))


def _document(number: int) -> dict[str, Any]:
    return {
        "document_id": make_id("document", number),
        "kind": ("book", "paper", "code")[number % 3],
        "title": f"Document {number}",
        "source": f"books/{number}.txt",
        "license": "CC0-1.0",
        "text": "short\n",
        "n_chars": 6,
        "n_tokens": 1_000 + number,
        "cuts": [],
        "signature": [],
        "terms": [],
    }


def _part(
    numbers: range, chars: int, trace_chars: int, planted: str, *, evidence: bool
) -> tuple[dict[str, Rows], dict[str, Rows]]:
    tables: dict[str, Rows] = {stage: [] for stage in ("contexts", "questions", "traces", "verdicts", "examples")}
    rejections: dict[str, Rows] = {"questions": [], "examples": [], "dataset": []}
    for number in numbers:
        chosen = random.Random(number)
        mark = planted if number in _PLANTED else ""
        if number % _PER_CONTEXT == 0:
            tables["contexts"].append(_context(number // _PER_CONTEXT, chars, mark, chosen))
        question = _question(number, tables["contexts"][-1], mark, chosen, evidence=evidence)
        tables["questions"].append(question)
        fate = FATES[number % len(FATES)]
        name = question["question_id"]
        if not question["accepted"]:
            rejections["questions"].append(_rejection("questions", name, fate))
            continue
        traces, verdicts = _attempts(question, fate, trace_chars, mark, chosen)
        tables["traces"] += traces
        tables["verdicts"] += verdicts
        if fate in {"tie", "no_majority"}:
            rejections["examples"].append(_rejection("examples", name, fate))
            continue
        tables["examples"].append(_example(question, tables["contexts"][-1], traces, verdicts))
        if fate == "duplicate":
            rejections["dataset"].append(_rejection("dataset", name, fate))
    return tables, rejections


def _rejection(stage: str, item_id: str, reason: str) -> dict[str, Any]:
    return {"stage": stage, "item_id": item_id, "reason": reason, "detail": f"because of {reason}"}


def _context(number: int, chars: int, mark: str, chosen: random.Random) -> dict[str, Any]:
    target = LENGTHS[number % len(LENGTHS)]
    filler = " ".join(chosen.choices(_WORDS, k=200))
    documents, text = [], ""
    for place in range(4):
        body = f"{mark} {filler} ".replace("\x00", " ") * max(1, chars // 4 // len(filler))
        start = len(text)
        text += body
        documents.append(
            {
                "document_id": make_id("document", number, place),
                "kind": ("book", "paper", "code")[place % 3],
                "title": f"The {_WORDS[place]} of {number} {mark}",
                "source": f"books/{place}.txt",
                "license": "CC0-1.0",
                "start": start,
                "end": len(text),
                "n_tokens": target // 4,
            }
        )
    head = {"context_id": make_id("context", number), "split": "train", "target_tokens": target}
    return {**head, "n_tokens": int(target * (0.95 + 0.05 * chosen.random())), "text": text, "documents": documents}


def _question(
    number: int, context: dict[str, Any], mark: str, chosen: random.Random, *, evidence: bool
) -> dict[str, Any]:
    fate = FATES[number % len(FATES)]
    accepted = fate not in {"evidence", "single_document"}
    quotes = []
    for document in context["documents"][:2] if evidence else ():
        start = document["start"] + (
            chosen.randrange(max(1, document["end"] - document["start"] - 80)) if not mark else 0
        )
        quote = context["text"][start : start + 60 + len(mark)]
        place = {"document_id": document["document_id"], "quote": quote, "start": start, "end": start + len(quote)}
        quotes.append({**place, "score": 1.0 if chosen.random() < 0.7 else 0.93})
    checks = [{"name": "evidence", "passed": fate != "evidence", "detail": "", "tokens": 0}]
    if fate != "evidence":
        passed = fate != "single_document"
        checks.append({"name": "single_document", "passed": passed, "detail": "2 documents alone", "tokens": 900})
    steps = [
        {
            "question": f"Which {chosen.choice(_WORDS)}? {mark}",
            "answer": "that one",
            "evidence": [0] if quotes else [],
            "uses": [],
        },
        {"question": "How much?", "answer": str(number), "evidence": [1] if quotes else [], "uses": [0]},
    ]
    one, other = chosen.choice(_WORDS), chosen.choice(_WORDS)
    asked = f"What was paid for the {one} that stood beside the {other} in entry {number}?"
    return {
        "question_id": make_id("question", number),
        "context_id": context["context_id"],
        "kind": KINDS[number % len(KINDS)] if number % 7 else "count",
        "question": f"{asked} {mark}".strip(),
        "reference_answer": f"{number} {mark}".strip(),
        "aliases": [],
        "answer_type": "number",
        "n_steps": 2,
        "steps": steps,
        "evidence": quotes,
        "checks": checks,
        "accepted": accepted,
        "rejected_by": None if accepted else fate,
        "model": "org/writer",
    }


def _attempts(
    question: dict[str, Any], fate: str, trace_chars: int, mark: str, chosen: random.Random
) -> tuple[Rows, Rows]:
    traces, verdicts = [], []
    right = {"tie": 4, "no_majority": 3}.get(fate) or chosen.choice((5, 6, 7, 8, 8))
    for sample in range(SAMPLES):
        answer: str | None = (
            question["reference_answer"] if sample < right else f"other {sample if fate != 'tie' else 0}"
        )
        if sample == 7 and right < 7 and fate != "tie":
            answer = None
        tokens = chosen.randrange(80, 400)
        reasoning = f"I look for the {chosen.choice(_WORDS)}. {mark} " + " ".join(
            chosen.choices(_WORDS, k=trace_chars // 6)
        )
        head = {"trace_id": make_id(question["question_id"], sample), "question_id": question["question_id"]}
        exact = sample < right and sample != 1
        traces.append(
            {**head, "sample": sample, "reasoning": reasoning, "content": f"Answer: {answer}", "answer": answer}
            | {"n_tokens": tokens, "finish_reason": "stop", "model": "org/reader"}
        )
        group = None if answer is None else 0 if sample < right else 1 if fate == "tie" else sample
        judge = None if answer is None or exact else sample < right
        verdicts.append(
            {**head, "sample": sample, "valid": answer is not None, "exact_match": exact, "correct": sample < right}
            | {"judge": judge, "evidence_cited": 0.5, "model": "org/judge", "answer_group": group}
            | {"normal_form": None if answer is None else f"{answer} {exact}"}
        )
    return traces, verdicts


def _example(question: dict[str, Any], context: dict[str, Any], traces: Rows, verdicts: Rows) -> dict[str, Any]:
    same = [trace for trace, verdict in zip(traces, verdicts, strict=True) if verdict["answer_group"] == 0]
    tokens = [trace["n_tokens"] for trace in same]
    trace = min(same, key=lambda trace: trace["n_tokens"])
    asked = ("question_id", "context_id", "question", "reference_answer", "evidence", "kind", "n_steps")
    return {
        **{key: question[key] for key in asked},
        **{key: trace[key] for key in ("trace_id", "answer", "reasoning", "content")},
        **{key: context[key] for key in ("split", "target_tokens", "documents")},
        "n_traces": SAMPLES,
        "votes": len(same),
        "agreement": len(same) / SAMPLES,
        "context_tokens": context["n_tokens"],
        "trace_tokens": min(tokens),
        "shortest_tokens": min(tokens),
        "random_tokens": sum(tokens) / len(tokens),
        "longest_tokens": max(tokens),
        "example_tokens": context["n_tokens"] + min(tokens),
        "licenses": ["CC0-1.0"],
        "models": {role: f"org/{role}" for role in ("writer", "reader", "judge")},
    }


def _write(folder: Path, stage: str, fingerprint: str, part: int, rows: Rows, rejections: Rows) -> None:
    place = folder / stage / fingerprint
    place.mkdir(parents=True, exist_ok=True)
    _table(place / f"part-{part:05}.parquet", rows, RECORDS[stage], groups=32 if stage == "contexts" else 4096)
    _table(place / f"rejections-{part:05}.parquet", rejections, Rejection)
    counts = PartCounts(
        rows=len(rows),
        rejections=dict(Counter(row["reason"] for row in rejections)),
        seconds=round(1.5 + len(rows) / 100, 1),
        tokens=sum(row.get("n_tokens", 0) for row in rows),
        accepted=sum(row["accepted"] for row in rows) if stage == "questions" else None,
    )
    (place / f"part-{part:05}.json").write_bytes(msgspec.json.encode(counts))


def _table(file: Path, rows: Rows, record: type[Record], groups: int = 4096) -> None:
    pq.write_table(
        pa.Table.from_pylist(rows, schema=schema_of(record)), file, row_group_size=groups, compression="zstd"
    )
