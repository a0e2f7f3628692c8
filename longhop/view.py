"""One question on one page: its steps with their evidence in place, its checks, its traces by group, and the choice.

    longhop show runs/sample 4f1c2a9be0d37756

The page is plain text in sections, so that it reads the same in a terminal, a pager and a file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from longhop.errors import StorageError
from longhop.run import Run

__all__ = ["question_page"]

Row = dict[str, Any]
_AROUND = 160  # characters shown on either side of a quote
_SHOWN = 700  # characters of a trace's reasoning


def question_page(run: Run, question_id: str, width: int = 100) -> Iterator[str]:
    """Lines of the page on one question; a unique beginning of its id is enough.

    Raises:
        StorageError: No question of the run has that id, or several begin so.
    """
    question = _find(run, question_id)
    name = question["question_id"]
    context = _rows(run.contexts(), "context_id", question["context_id"])[0]
    titles = {document["document_id"]: document for document in context["documents"]}
    yield from _wrapped(question["question"], width)
    yield ""
    yield f"answer     {question['reference_answer']}  ({question['answer_type']})"
    if question["aliases"]:
        yield f"also       {', '.join(question['aliases'])}"
    yield f"question   {name}, {question['kind']}, {question['n_steps']} steps, written by {question['model']}"
    yield (
        f"context    {context['context_id']}, {context['n_tokens']:,} of {context['target_tokens']:,} tokens, "
        f"{len(titles)} documents, split {context['split']}"
    )
    yield f"state      {'accepted' if question['accepted'] else 'rejected by ' + str(question['rejected_by'])}"
    yield from _heading("Steps", width)
    for number, step in enumerate(question["steps"]):
        uses = f"  (uses {', '.join(map(str, step['uses']))})" if step["uses"] else ""
        yield from _wrapped(f"{number}. {step['question']}", width, "   ")
        yield f"   = {step['answer']}{uses}"
        for index in step["evidence"]:
            yield from _evidence(question["evidence"][index], context, titles, width)
    yield from _heading("Checks", width)
    for check in question["checks"]:
        detail = f"  {check['detail']}" if check["detail"] else ""
        yield f"{'passed' if check['passed'] else 'FAILED'}  {check['name']}{detail}"
    traces = _rows(run.traces(), "question_id", name)
    if traces:
        verdicts = {row["trace_id"]: row for row in _rows(run.verdicts(), "question_id", name)}
        yield from _traces(traces, verdicts, _rows(run.examples(), "question_id", name), width)
    yield from _outcome(run, name, width)


def _find(run: Run, question_id: str) -> Row:
    ids = run.questions().select("question_id").collect()["question_id"].to_list()
    found = [name for name in ids if name.startswith(question_id)]
    if len(found) != 1:
        what = "no question begins" if not found else f"{len(found)} questions begin"
        example = f", such as {min(ids)}" if ids else ""
        raise StorageError(f"{run.folder.url}: {what} with {question_id!r}; give an id{example}")
    return _rows(run.questions(), "question_id", found[0])[0]


def _rows(frame: pl.LazyFrame, key: str, value: str) -> list[Row]:
    return frame.filter(pl.col(key) == value).collect().to_dicts()


def _evidence(evidence: Row, context: Row, titles: dict[str, Row], width: int) -> Iterator[str]:
    document = titles.get(evidence["document_id"])
    if document is None or evidence["end"] <= evidence["start"]:
        yield from _wrapped(f"not found: {evidence['quote']}", width, "   | ")
        return
    depth = evidence["start"] / max(1, len(context["text"]))
    where = f"{document['title']!r} ({document['kind']}), at {depth:.0%} of the context"
    yield f"   in {where}, likeness {evidence['score']:.2f}"
    before = context["text"][max(document["start"], evidence["start"] - _AROUND) : evidence["start"]]
    after = context["text"][evidence["end"] : min(document["end"], evidence["end"] + _AROUND)]
    quote = context["text"][evidence["start"] : evidence["end"]]
    yield from _wrapped(f"… {before}>>{quote}<<{after} …", width, "   | ")


def _traces(traces: Sequence[Row], verdicts: dict[str, Row], examples: Sequence[Row], width: int) -> Iterator[str]:
    chosen = {row["trace_id"] for row in examples}

    def group(row: Row) -> int:
        number = verdicts[row["trace_id"]]["answer_group"] if row["trace_id"] in verdicts else None
        return 10**9 if number is None else int(number)

    ordered = sorted(traces, key=lambda row: (group(row), row["n_tokens"], row["sample"]))
    last: int | None = None
    for row in ordered:
        verdict = verdicts.get(row["trace_id"])
        if group(row) != last:
            last = group(row)
            size = sum(group(other) == last for other in traces)
            title = "Traces without a valid answer" if last == 10**9 else f"Answer group {last}: {size} traces"
            yield from _heading(title, width)
        mark = "*" if row["trace_id"] in chosen else " "
        yield f"{mark} sample {row['sample']}  {row['n_tokens']:>6,} tokens  {_verdict(verdict)}  {row['answer']!r}"
        if row["trace_id"] in chosen:
            text = row["reasoning"]
            yield from _wrapped(text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …", width, "    | ")


def _verdict(verdict: Row | None) -> str:
    if verdict is None:
        return "not scored"
    if not verdict["valid"]:
        return "invalid"
    judge = {True: ", judged equal", False: ", judged different", None: ""}[verdict["judge"]]
    cited = f", cites {verdict['evidence_cited']:.0%}"
    return f"{'exact match' if verdict['exact_match'] else 'no exact match'}{judge}{cited}"


def _outcome(run: Run, name: str, width: int) -> Iterator[str]:
    examples = _rows(run.examples(), "question_id", name)
    rejections = run.rejections().filter(pl.col("item_id") == name).collect().to_dicts()
    yield from _heading("Outcome", width)
    least = run.recipe.selection.min_evidence
    cites = f" that cites {least:.0%} of the evidence" if least else ""
    for row in examples:
        yield from _wrapped(
            f"An example: {row['votes']} of {row['n_traces']} samples agree, and the trace marked * is the shortest of "
            f"them{cites}, with {row['trace_tokens']:,} tokens.",
            width,
        )
    for row in rejections:
        yield from _wrapped(f"Left out by {row['stage']}: {row['reason']}. {row['detail']}", width)


def _heading(title: str, width: int) -> Iterator[str]:
    yield ""
    yield f"── {title} ".ljust(width, "─")


def _wrapped(text: str, width: int, indent: str = "") -> Iterator[str]:
    for line in text.splitlines() or [""]:
        # Control characters of a document must not reach the terminal.
        safe = "".join(char if char.isprintable() else " " for char in line)
        yield from textwrap.wrap(safe, width, initial_indent=indent, subsequent_indent=indent) or [indent.rstrip()]
