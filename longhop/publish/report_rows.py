"""The questions that a report shows: a sample of all fates, each with its evidence, checks and traces, shortened.

    >>> shown = sampled(facts.questions, 1000)
    >>> rows = question_rows(ReportTables(run), shown)
    >>> msgspec.json.decode(rows.questions[0])["evidence"][0]["quote"]
    'Ines Halvorsen was paid 340 crowns a year.'

The sample takes one question from each stratum in turn (length, kind, fate and reason), so that what is rare is there;
within a stratum the ids decide, which are hashes. All of a run's questions are shown where they are no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from longhop.publish.report_facts import FATES, Fate
from longhop.publish.report_tables import ReportTables, Row

__all__ = ["ReportRows", "question_rows", "sampled", "shortened"]

_AROUND = 280  # characters shown on either side of a quote
_QUOTE = 1_200
_TEXT = 2_000  # of a question, an answer, a step
_DETAIL = 400
_TITLE = 160
_DOCUMENTS = 60  # documents of a context that are named
_CHOSEN = 1_600  # characters of the chosen trace; others have less
_TRACE = 480
_BYTES = 13 * 1000**2  # of rows and contexts; the page stays below 15 MB


class ReportRows(msgspec.Struct, frozen=True, kw_only=True):
    """What the page's browser of questions holds."""

    questions: list[msgspec.Raw]
    """Each as JSON: a thousand of them take less memory so."""
    contexts: dict[str, Row]
    """Contexts of these questions, by id."""


def sampled(questions: Sequence[Fate], most: int) -> list[Fate]:
    """At most so many questions, in the order in which the strata take turns."""
    strata: dict[tuple[int, str, str, str], list[Fate]] = defaultdict(list)
    for question in sorted(questions, key=lambda question: question.question_id):
        strata[question.target_tokens, question.kind, question.fate, question.reason].append(question)
    turns = sorted(
        (
            (turn, (list(FATES).index(key[2]), *key), question)
            for key, stratum in strata.items()
            for turn, question in enumerate(stratum)
        ),
        key=lambda item: item[:2],
    )
    return [question for _, _, question in turns[:most]]


def question_rows(tables: ReportTables, shown: Sequence[Fate]) -> ReportRows:
    """Rows of the chosen questions, by fate and length; the last of `shown` are left out where a page has no room.

    Raises:
        StorageError: A table is missing or damaged.
    """
    by_part: dict[int, list[Fate]] = defaultdict(list)
    for fate in shown:
        by_part[fate.part].append(fate)
    made: dict[str, bytes] = {}
    places: dict[str, str] = {}
    contexts: dict[str, Row] = {}
    for part in sorted(by_part):
        for row in _part_rows(tables, part, by_part[part], contexts):
            made[row["id"]] = msgspec.json.encode(row)
            places[row["id"]] = row["context"]
    size, room, used = 0, [], set[str]()
    for fate in shown:
        place = places[fate.question_id]
        size += _size(made[fate.question_id])
        if place in contexts and place not in used:
            size += _size(msgspec.json.encode(contexts[place]))
        if size > _BYTES:
            break
        used.add(place)
        room.append(fate)
    order = list(FATES)
    room.sort(key=lambda fate: (order.index(fate.fate), fate.target_tokens, fate.reason, fate.kind, fate.question_id))
    return ReportRows(
        questions=[msgspec.Raw(made[fate.question_id]) for fate in room],
        contexts={name: row for name, row in contexts.items() if name in used},
    )


def _size(data: bytes) -> int:
    """Bytes of JSON in the page, where each character that could be markup takes six."""
    return len(data) + 5 * sum(data.count(char) for char in (b"<", b">", b"&"))


def _part_rows(tables: ReportTables, part: int, fates: Sequence[Fate], contexts: dict[str, Row]) -> Iterator[Row]:
    """Rows of the chosen questions of a part; their contexts are added to `contexts`."""
    ids = {fate.question_id for fate in fates}
    questions = {
        row["question_id"]: row for row in tables.matching("questions", part, "question_id", ids, _QUESTION_COLUMNS)
    }
    evidence: dict[str, list[Row]] = {}
    by_context: dict[str, list[Row]] = defaultdict(list)
    for row in questions.values():
        by_context[row["context_id"]].append(row)
    # The texts of contexts are long: each is read, cut to what surrounds the quotes, and let go.
    for context in tables.matching("contexts", part, "context_id", by_context.keys(), _CONTEXT_COLUMNS):
        contexts[context["context_id"]] = _context(context)
        for row in by_context[context["context_id"]]:
            evidence[row["question_id"]] = [_evidence(quote, context) for quote in row["evidence"] or ()]
    chosen = {
        row["trace_id"] for row in tables.matching("examples", part, "question_id", ids, ("question_id", "trace_id"))
    }
    verdicts = {row["trace_id"]: row for row in tables.matching("verdicts", part, "question_id", ids, _VERDICT_COLUMNS)}
    traces: dict[str, list[Row]] = defaultdict(list)
    for trace in tables.matching("traces", part, "question_id", ids, _TRACE_COLUMNS):
        shown = _trace(trace, verdicts.get(trace["trace_id"]), is_chosen=trace["trace_id"] in chosen)
        traces[trace["question_id"]].append(shown)
    for fate in fates:
        row = questions[fate.question_id]
        found = evidence.get(fate.question_id)
        yield _question(row, fate, found, traces[fate.question_id])


_QUESTION_COLUMNS = (
    "question_id context_id kind question reference_answer aliases answer_type steps evidence checks model".split()
)
_CONTEXT_COLUMNS = "context_id split target_tokens n_tokens text documents".split()
_TRACE_COLUMNS = "trace_id question_id sample reasoning content answer n_tokens finish_reason".split()
_VERDICT_COLUMNS = "trace_id question_id valid exact_match judge answer_group evidence_cited judge_failed".split()


def _question(row: Row, fate: Fate, evidence: list[Row] | None, traces: list[Row]) -> Row:
    steps = [
        {
            "question": shortened(step["question"], _TEXT),
            "answer": shortened(step["answer"], _TEXT),
            "evidence": step["evidence"] or [],
            "uses": step["uses"] or [],
        }
        for step in row["steps"] or ()
    ]
    checks = [
        {"name": check["name"], "passed": check["passed"], "detail": shortened(check["detail"] or "", _DETAIL)}
        for check in row["checks"] or ()
    ]
    unread = [_evidence(quote, None) for quote in row["evidence"] or ()]
    return {
        "id": row["question_id"],
        "context": row["context_id"],
        "kind": row["kind"],
        "target": fate.target_tokens,
        "fate": fate.fate,
        "reason": fate.reason,
        "detail": shortened(fate.detail, _DETAIL),
        "votes": fate.votes,
        "question": shortened(row["question"], _TEXT),
        "answer": shortened(row["reference_answer"], _TEXT),
        "aliases": [_clipped(alias) for alias in (row["aliases"] or ())[:20]],
        "answer_type": row["answer_type"],
        "steps": steps,
        "evidence": unread if evidence is None else evidence,
        "checks": checks,
        "traces": sorted(traces, key=_trace_order),
    }


def _trace_order(trace: Row) -> tuple[bool, int, int, int]:
    group = trace["group"]
    return group is None, group or 0, trace["tokens"], trace["sample"]


def _context(context: Row) -> Row:
    documents = context["documents"] or ()
    return {
        "split": context["split"],
        "tokens": context["n_tokens"],
        "documents": [
            [_clipped(document["title"]), document["kind"], document["n_tokens"]] for document in documents[:_DOCUMENTS]
        ],
        "more": max(0, len(documents) - _DOCUMENTS),
    }


def _evidence(quote: Row, context: Row | None) -> Row:
    """A quote in the text around it, within its document; by itself where it was not found there."""
    start, end = quote["start"], quote["end"]
    documents = context["documents"] or () if context else ()
    document = next((one for one in documents if one["document_id"] == quote["document_id"]), None)
    found = {"title": "", "kind": "", "before": "", "quote": shortened(quote["quote"], _QUOTE), "after": ""}
    if context is None or document is None or end <= start:
        return {**found, "found": False, "depth": None, "score": None}
    text = context["text"]
    return {
        "title": _clipped(document["title"]),
        "kind": document["kind"],
        "before": text[max(document["start"], start - _AROUND) : start],
        "quote": shortened(text[start:end], _QUOTE),
        "after": text[end : min(document["end"], end + _AROUND)],
        "found": True,
        "depth": round(start / max(1, len(text)), 4),
        "score": round(quote["score"], 3),
    }


def _trace(trace: Row, verdict: Row | None, *, is_chosen: bool) -> Row:
    most = _CHOSEN if is_chosen else _TRACE
    scored = verdict or {}
    return {
        "sample": trace["sample"],
        "tokens": trace["n_tokens"],
        "group": scored.get("answer_group"),
        "scored": verdict is not None,
        "valid": bool(scored.get("valid")),
        "exact": bool(scored.get("exact_match")),
        "judge": scored.get("judge"),
        "judge_failed": scored.get("judge_failed"),
        "cited": scored.get("evidence_cited"),
        "chosen": is_chosen,
        "answer": None if trace["answer"] is None else shortened(trace["answer"], _DETAIL),
        "reasoning": shortened(trace["reasoning"] or "", most),
        "content": shortened(trace["content"] or "", most // 2),
        "finish": trace["finish_reason"],
    }


def _clipped(title: str) -> str:
    return title if len(title) <= _TITLE else f"{title[: _TITLE - 1]}…"


def shortened(text: str, most: int) -> str:
    """Beginning and end of a text that has more than so many characters, with what was left out said between."""
    if len(text) <= most:
        return text
    tail = most // 4
    return f"{text[: most - tail]}\n[… {len(text) - most:,} characters left out …]\n{text[len(text) - tail :]}"
