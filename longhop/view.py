"""One question on one page: its steps with their evidence in place, its checks, its traces by group, and the choice.

    longhop show runs/sample 4f1c2a9be0d37756

The page is plain text in sections, so that it reads the same in a terminal, a pager and a file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from longhop.errors import StorageError
from longhop.run_tables import RunTables

__all__ = ["Shown", "heading", "outcome_lines", "printable", "question_lines", "question_page", "verdict_words"]

Row = dict[str, Any]
_AROUND = 160  # characters shown on either side of a quote
_SHOWN = 700  # characters of a trace's reasoning


class Shown(NamedTuple):
    """A question with all that came of it, as rows of the run's tables."""

    question: Row
    context: Row
    traces: Sequence[Row]
    verdicts: Sequence[Row]
    examples: Sequence[Row]
    rejections: Sequence[Row]
    least_evidence: float
    """The recipe's `selection.min_evidence`."""


def question_page(run: RunTables, question_id: str, width: int = 100) -> Iterator[str]:
    """Lines of the page on one question; a unique beginning of its id is enough.

    Raises:
        StorageError: No question of the run has that id, or several begin so.
    """
    question = _find(run, question_id)
    name = question["question_id"]
    traces = _rows(run.traces(), "question_id", name)
    shown = Shown(
        question=question,
        context=_rows(run.contexts(), "context_id", question["context_id"])[0],
        traces=traces,
        verdicts=_rows(run.verdicts(), "question_id", name) if traces else [],
        examples=_rows(run.examples(), "question_id", name),
        rejections=_rows(run.rejections(), "item_id", name),
        least_evidence=run.recipe.selection.min_evidence,
    )
    yield from question_lines(shown, width)
    if traces:
        yield from _traces(traces, {row["trace_id"]: row for row in shown.verdicts}, shown.examples, width)
    yield from outcome_lines(shown, width)


def question_lines(shown: Shown, width: int) -> Iterator[str]:
    """The question, its steps with their evidence in place, its checks."""
    question, context = shown.question, shown.context
    titles = {document["document_id"]: document for document in context["documents"]}
    yield from _wrapped(question["question"], width)
    yield ""
    yield from _wrapped(f"answer     {question['reference_answer']}  ({question['answer_type']})", width, later=11)
    if question["aliases"]:
        yield from _wrapped(f"also       {', '.join(question['aliases'])}", width, later=11)
    yield from _wrapped(
        f"question   {question['question_id']}, {question['kind']}, {question['n_steps']} steps, "
        f"written by {question['model']}",
        width,
        later=11,
    )
    yield from _wrapped(
        f"context    {context['context_id']}, {context['n_tokens']:,} of {context['target_tokens']:,} tokens, "
        f"{len(titles)} documents, split {context['split']}",
        width,
        later=11,
    )
    yield f"state      {'accepted' if question['accepted'] else 'rejected by ' + str(question['rejected_by'])}"
    yield from heading("Steps", width)
    for number, step in enumerate(question["steps"]):
        uses = f"  (uses {', '.join(map(str, step['uses']))})" if step["uses"] else ""
        yield from _wrapped(f"{number}. {step['question']}", width, "   ")
        yield from _wrapped(f"= {step['answer']}{uses}", width, "   ")
        for index in step["evidence"]:
            yield from _evidence(question["evidence"][index], context, titles, width)
    yield from heading("Checks", width)
    for check in question["checks"]:
        detail = f"  {check['detail']}" if check["detail"] else ""
        yield from _wrapped(f"{'passed' if check['passed'] else 'FAILED'}  {check['name']}{detail}", width, later=8)


def _find(run: RunTables, question_id: str) -> Row:
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
            yield from heading(title, width)
        mark = "*" if row["trace_id"] in chosen else " "
        said = f"{verdict_words(verdict)}  {row['answer']!r}"
        yield f"{mark} sample {row['sample']}  {row['n_tokens']:>6,} tokens  {said}"
        if row["trace_id"] in chosen:
            text = row["reasoning"]
            yield from _wrapped(text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …", width, "    | ")


def verdict_words(verdict: Row | None) -> str:
    """What exact match and judge said of a trace."""
    if verdict is None:
        return "not scored"
    if not verdict["valid"]:
        return "invalid"
    judge = {True: ", judged equal", False: ", judged different", None: ""}[verdict["judge"]]
    cited = f", cites {verdict['evidence_cited']:.0%}"
    return f"{'exact match' if verdict['exact_match'] else 'no exact match'}{judge}{cited}"


def outcome_lines(shown: Shown, width: int) -> Iterator[str]:
    """The chosen trace and why, or why there is none."""
    yield from heading("Outcome", width)
    least = shown.least_evidence
    cites = f" that cites {least:.0%} of the evidence" if least else ""
    for row in shown.examples:
        yield from _wrapped(
            f"An example: {row['votes']} of {row['n_traces']} samples agree, and the trace marked * is the shortest of "
            f"them{cites}, with {row['trace_tokens']:,} tokens.",
            width,
        )
    for row in shown.rejections:
        yield from _wrapped(f"Left out by {row['stage']}: {row['reason']}. {row['detail']}", width)


def heading(title: str, width: int) -> Iterator[str]:
    """An empty line and a title with a rule behind it."""
    yield ""
    yield f"── {title} ".ljust(width, "─")


def _wrapped(text: str, width: int, indent: str = "", later: int | None = None) -> Iterator[str]:
    for line in text.splitlines() or [""]:
        rest = indent if later is None else " " * later
        yield from textwrap.wrap(printable(line), width, initial_indent=indent, subsequent_indent=rest) or [
            indent.rstrip()
        ]


def printable(text: str) -> str:
    """Text without control characters, also those of direction: a document must not act on the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
