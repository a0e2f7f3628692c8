"""A small run, made by hand: two splits, two contexts, questions of every fate, and its published folder.

    folder = write_run(tmp_path / "run")
    edit(folder, "traces", lambda rows: rows.pop())       # plant a violation

| question | fate |
|---|---|
| `lamp` in train | example |
| `loose` in train | rejected by a check |
| `tie` in test | accepted, its traces tie |
| `tower` in test | example |
| `again` in test | example that says the same as `lamp`: left out of the dataset where its id is the larger one |
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from longhop.cleaning.near_duplicates import signature
from longhop.markup import document_header, render_document
from longhop.prompting import load_prompts
from longhop.publish.card import CardFacts, render_card
from longhop.publish.dataset import PartTables, choose_examples, write_tables
from longhop.publish.facts import ExampleFacts, source_facts
from longhop.publish.messages import messages
from longhop.recipe import Recipe
from longhop.records import (
    Context,
    ContextPlan,
    Document,
    Example,
    Plan,
    Question,
    Record,
    Rejection,
    Trace,
    Verdict,
    make_id,
    schema_of,
)
from longhop.tokens import WordTokenizer

Rows = list[dict[str, Any]]
RECORDS: dict[str, type[Record]] = {
    "documents": Document,
    "plan": Plan,
    "context_plan": ContextPlan,
    "contexts": Context,
    "questions": Question,
    "traces": Trace,
    "verdicts": Verdict,
    "examples": Example,
}
SAMPLES = 4
TARGET = 128
count = WordTokenizer().count

LAMP = "The lamp of Aldmere was lit by Ines Halvorsen."
SALARY = "Ines Halvorsen was paid 340 crowns a year."
TOWER = "The tower of Brask was built by Tomas Reuel."
HEIGHT = "Tomas Reuel built no tower above 52 metres."


def recipe() -> Recipe:
    return Recipe.parse(
        {
            "name": "small",
            "sources": [{"kind": "book", "path": "books", "license": "CC0-1.0"}, {"kind": "code", "path": "code"}],
            "documents": {"min_tokens": 1, "splits": {"train": 0.5, "validation": 0.0, "test": 0.5}},
            "contexts": {"lengths": {TARGET: 2}},
            "traces": {"samples": SAMPLES},
            "engines": {name: {"kind": "lexical"} for name in ("writer", "reader", "judge")},
            "dataset": {"license": "cc0-1.0"},
        },
        base=Path("/nowhere"),
    )


def _document(title: str, kind: str, fact: str, filler: str, tokens: int, more: str = "") -> dict[str, Any]:
    """A document of two paragraphs; the first has exactly so many tokens."""
    text = f"{fact}\n" + " ".join([filler] * (tokens - count(fact))) + "\n\n"
    cuts = [{"offset": len(text), "tokens": count(text), "level": "paragraph"}] if more else []
    text += more
    return {
        "document_id": make_id(text),
        "kind": kind,
        "title": title,
        "author": None,
        "source": f"{kind}s/{filler}.txt",
        "license": "CC0-1.0" if kind == "book" else None,
        "text": text,
        "n_chars": len(text),
        "n_tokens": count(text),
        "cuts": cuts,
        "signature": signature(text),
        "terms": [{"term": "Ines", "count": 1}],
    }


def _context(split: str, documents: Rows) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plan and context of the first paragraphs of the documents."""
    pieces, parts, text = [], [], ""
    for document in documents:
        end = document["cuts"][0]["offset"] if document["cuts"] else document["n_chars"]
        body = document["text"][:end].rstrip("\n")
        pieces.append({"document_id": document["document_id"], "start": 0, "end": end, "n_tokens": count(body)})
        start = len(text) + len(document_header(document["title"], document["kind"]))
        parts.append(
            {key: document[key] for key in ("document_id", "kind", "title", "source", "license")}
            | {"start": start, "end": start + len(body), "n_tokens": count(body)}
        )
        text += render_document(document["title"], document["kind"], body)
    name = make_id(split, TARGET, *((piece["document_id"], piece["start"], piece["end"]) for piece in pieces))
    head = {"context_id": name, "split": split, "target_tokens": TARGET}
    return {**head, "part": 0, "pieces": pieces}, {**head, "n_tokens": count(text), "text": text, "documents": parts}


def _question(
    context: dict[str, Any], question: str, answer: str, quotes: list[str], fails: str = ""
) -> dict[str, Any]:
    evidence = []
    for quote, part in zip(quotes, context["documents"], strict=True):
        start = context["text"].index(quote)
        place = {"document_id": part["document_id"], "quote": quote, "start": start, "end": start + len(quote)}
        depth = (2 * start + len(quote)) / 2 / len(context["text"])
        evidence.append({**place, "score": 1.0, "depth": depth})
    return {
        "question_id": make_id(context["context_id"], question, answer),
        "context_id": context["context_id"],
        "kind": "bridge",
        "question": question,
        "reference_answer": answer,
        "aliases": [],
        "answer_type": "number",
        "n_steps": 2,
        "steps": [
            {"question": "Who?", "answer": "someone", "evidence": [0], "uses": []},
            {"question": "How much?", "answer": answer, "evidence": [1], "uses": [0]},
        ],
        "evidence": evidence,
        "checks": [{"name": "evidence", "passed": not fails, "detail": fails, "tokens": 0}],
        "accepted": not fails,
        "rejected_by": "evidence" if fails else None,
        "model": "writer",
    }


def _attempts(question: dict[str, Any], answers: list[str | None]) -> tuple[Rows, Rows]:
    traces, verdicts = [], []
    sizes = Counter(answer for answer in answers if answer is not None)
    ranks = sorted(sizes, key=lambda answer: (-sizes[answer], answer))
    for sample, answer in enumerate(answers):
        reasoning = "I look for it. " * (SAMPLES - sample)
        content = "I give up." if answer is None else f"Answer: {answer}"
        head = {"trace_id": make_id(question["question_id"], sample), "question_id": question["question_id"]}
        right = answer == question["reference_answer"]
        traces.append(
            {**head, "sample": sample, "reasoning": reasoning, "content": content, "answer": answer}
            | {"n_tokens": count(reasoning) + count(content), "finish_reason": "stop", "model": "reader"}
        )
        verdicts.append(
            {**head, "sample": sample, "valid": answer is not None, "exact_match": right, "correct": right}
            | {"judge": False if answer is not None and not right else None, "evidence_cited": 0.5, "model": "judge"}
            | {"answer_group": None if answer is None else ranks.index(answer)}
        )
    return traces, verdicts


def _example(question: dict[str, Any], context: dict[str, Any], traces: Rows) -> dict[str, Any]:
    right = [trace for trace in traces if trace["answer"] == question["reference_answer"]]
    trace = min(right, key=lambda trace: (trace["n_tokens"], trace["sample"]))
    said = messages(load_prompts(), context["text"], question["question"], trace["reasoning"], trace["content"])
    return {
        **{
            key: question[key] for key in ("question_id", "question", "reference_answer", "evidence", "kind", "n_steps")
        },
        **{key: context[key] for key in ("context_id", "split", "target_tokens", "documents")},
        **{key: trace[key] for key in ("trace_id", "answer", "reasoning", "content")},
        "n_traces": SAMPLES,
        "votes": len(right),
        "agreement": len(right) / SAMPLES,
        "context_tokens": context["n_tokens"],
        "trace_tokens": trace["n_tokens"],
        "shortest_tokens": trace["n_tokens"],
        "random_tokens": sum(other["n_tokens"] for other in right) / len(right),
        "longest_tokens": max(other["n_tokens"] for other in right),
        "example_tokens": sum(count(message["content"]) for message in said),
        "licenses": sorted({part["license"] for part in context["documents"] if part["license"]}),
        "models": {role: role for role in ("writer", "reader", "judge")},
    }


def tables() -> tuple[dict[str, Rows], dict[str, Rows]]:
    """Rows of every stage, and rejections of some."""
    documents = [
        _document("Lights | of *Aldmere*", "book", LAMP, "lantern", 42, more="What follows is not in the context.\n"),
        _document("ledger <b>", "code", SALARY, "ledger", 40),
        _document("Towers [one]", "book", TOWER, "stone", 44),
        _document("heights", "code", HEIGHT, "brick", 46, more="Nor is this.\n"),
    ]
    plans, contexts = zip(_context("train", documents[:2]), _context("test", documents[2:]), strict=True)
    train, test = contexts
    asked = "What was the one who lit the lamp of Aldmere paid in crowns a year?"
    lamp = _question(train, asked, "340", [LAMP, SALARY])
    loose = _question(train, "Who was paid?", "Ines Halvorsen", [LAMP, SALARY], fails="no quote")
    tie = _question(test, "How high was the tower at Brask at most?", "52", [TOWER, HEIGHT])
    tower = _question(test, "Above which height did the builder of Brask build nothing?", "52", [TOWER, HEIGHT])
    again = _question(test, asked, "52", [TOWER, HEIGHT])
    answers: list[tuple[dict[str, Any], list[str | None]]] = [
        (lamp, ["340", "340", "340", "12"]),
        (tie, ["52", "52", "7", "7"]),
        (tower, ["52", None, "52", "52"]),
        (again, ["52", "52", "52", "52"]),
    ]
    attempts = {question["question_id"]: _attempts(question, said) for question, said in answers}
    rejections = {
        "questions": [
            {"stage": "questions", "item_id": loose["question_id"], "reason": "evidence", "detail": "no quote"}
        ],
        "examples": [{"stage": "examples", "item_id": tie["question_id"], "reason": "tie", "detail": "2, 2"}],
    }
    rows: dict[str, Rows] = {
        "documents": documents,
        "plan": [
            {"document_id": document["document_id"], "part": 0, "row_group": 0, "duplicate_of": None, "split": split}
            for document, split in zip(documents, ("train", "train", "test", "test"), strict=True)
        ],
        "context_plan": list(plans),
        "contexts": list(contexts),
        "questions": [lamp, loose, tie, tower, again],
        "traces": [trace for traces, _ in attempts.values() for trace in traces],
        "verdicts": [verdict for _, verdicts in attempts.values() for verdict in verdicts],
        "examples": [
            _example(question, context, attempts[question["question_id"]][0])
            for question, context in ((lamp, train), (tower, test), (again, test))
        ],
    }
    return rows, rejections


def part(rows: dict[str, Rows]) -> PartTables:
    stages = ("contexts", "questions", "traces", "verdicts", "examples")
    return PartTables(*(pa.Table.from_pylist(rows[stage], schema=schema_of(RECORDS[stage])) for stage in stages))


def card_facts(rows: dict[str, Rows], written: Any, published: frozenset[str], own: Recipe | None = None) -> CardFacts:
    facts = ExampleFacts()
    facts.add(part(rows), published)
    return CardFacts(
        recipe=own or recipe(),
        written=written,
        sources=source_facts(rows["documents"]),
        funnel=[("questions", 4, 0), ("examples", 3, 1), ("dataset", len(published), 3 - len(published))],
        reasons=[("examples", "tie", 1)],
        examples=facts,
        prompts=load_prompts().hashes,
        versions={"longhop": "0"},
    )


def write_dataset(target: Path, rows: dict[str, Rows]) -> Rows:
    """The published folder; gives back the rejections."""
    tables = part(rows)
    chosen = choose_examples([tables.examples], 0.9, None)
    written = write_tables(target, [tables], load_prompts(), chosen.question_ids)
    (target / "README.md").write_text(render_card(card_facts(rows, written, chosen.question_ids)), encoding="utf-8")
    (target / "recipe.yaml").write_text("name: small\n", encoding="utf-8")
    return [{name: getattr(row, name) for name in row.__struct_fields__} for row in chosen.rejections]


def write_run(folder: Path) -> Path:
    """The run and its published folder, on disk."""
    rows, rejections = tables()
    fingerprints = {stage: f"{number:012x}" for number, stage in enumerate([*rows, "dataset"])}
    for stage, own in rows.items():
        place = folder / stage / fingerprints[stage]
        place.mkdir(parents=True)
        _write(place / "part-00000.parquet", own, schema_of(RECORDS[stage]))
        _write(place / "rejections-00000.parquet", rejections.get(stage, []), schema_of(Rejection))
        _count(place)
    left_out = write_dataset(folder / "dataset", rows)
    published = folder / "published" / fingerprints["dataset"]
    published.mkdir(parents=True)
    _write(published / "rejections-00001.parquet", left_out, schema_of(Rejection))
    manifest = {"recipe": recipe().resolved(), "fingerprints": fingerprints}
    (folder / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def edit(folder: Path, table: str, change: Callable[[Rows], object], *, rejections: bool = False) -> None:
    """Change the rows of one table on disk; what was counted beside it follows."""
    rows_of = "*-00000-of-*.parquet" if table.startswith("dataset") else "part-*.parquet"
    own = "rejections-*.parquet" if rejections else rows_of
    file = next(path for path in sorted((folder / table).rglob(own)) if rejections or "rejections" not in path.name)
    schema = pq.read_schema(file)
    rows = pq.read_table(file).to_pylist()
    change(rows)
    _write(file, rows, schema)
    if table in RECORDS:
        _count(file.parent)


def _write(file: Path, rows: Rows, schema: pa.Schema) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)


def _count(place: Path) -> None:
    reasons = Counter(pq.read_table(place / "rejections-00000.parquet")["reason"].to_pylist())
    counts = {"rows": pq.read_metadata(place / "part-00000.parquet").num_rows, "rejections": reasons}
    (place / "part-00000.json").write_text(json.dumps(counts), encoding="utf-8")
