"""Checks that ask the reader, with short prompts: each document by its best passages, `checks.budget` tokens at most.

A question with an open answer is tried three times and counts as answered when two tries are right: one lucky guess
proves nothing. Where the answer is one of few options, guesses are often right, so it is tried five times and counts as
answered when all are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from longhop.answers import matches_any
from longhop.checks.candidate import Candidate
from longhop.checks.passages import excerpt
from longhop.engines import Completion, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.kinds import kind_of
from longhop.markup import render_document
from longhop.reading import content_words
from longhop.recipe import ChecksConfig
from longhop.records import Check, Question, make_seed
from longhop.replies.answers import extract_answer, separate

__all__ = ["ask", "reader_checks"]

_OPEN_TRIES, _OPTION_TRIES = 3, 5


def reader_checks(
    checks: ChecksConfig,
) -> list[tuple[str, Callable[[Question], list[frozenset[str]]], bool]]:
    """Name, the sets of documents that the reader is shown one after the other, and whether it should be right."""
    asked: list[tuple[str, Callable[[Question], list[frozenset[str]]], bool]] = []
    if checks.closed_book:
        asked.append(("closed_book", lambda _: [frozenset()], False))
    if checks.single_document:
        asked.append(("single_document", _one_by_one, False))
    if checks.answerable:
        asked.append(("answerable", lambda question: [frozenset(_evidence_documents(question))], True))
    return asked


def _evidence_documents(question: Question) -> list[str]:
    return list(dict.fromkeys(evidence.document_id for evidence in question.evidence))


def _one_by_one(question: Question) -> list[frozenset[str]]:
    return [frozenset([document]) for document in _evidence_documents(question)]


def ask(
    name: str,
    shown: Callable[[Question], list[frozenset[str]]],
    expected: bool,
    candidates: Sequence[Candidate],
    checks: ChecksConfig,
    reader: Inference,
    count: Callable[[str], int],
    seed: int,
) -> None:
    """Ask the reader about all questions that still pass, and note the outcome on each."""
    asked = [
        (candidate, documents)
        for candidate in candidates
        if candidate.passing
        for documents in shown(candidate.question)
    ]
    requests = (_request(name, candidate, documents, checks, count, seed) for candidate, documents in asked)
    outcomes: dict[str, list[str | None]] = {}
    for (candidate, documents), answered in zip(asked, reader.run(requests), strict=True):
        outcomes.setdefault(candidate.question.question_id, []).append(
            _outcome(candidate, documents, answered, expected=expected)
        )
    for candidate in candidates:
        if candidate.passing and candidate.question.question_id in outcomes:
            wrong = [outcome for outcome in outcomes[candidate.question.question_id] if outcome is not None]
            candidate.checks.append(Check(name=name, passed=not wrong, detail=wrong[0] if wrong else ""))


def _request(
    name: str,
    candidate: Candidate,
    documents: frozenset[str],
    checks: ChecksConfig,
    count: Callable[[str], int],
    seed: int,
) -> Request:
    context, question = candidate.context, candidate.question
    parts = []
    for document in context.documents:
        if document.document_id in documents:
            spans = [
                (max(evidence.start, document.start), min(evidence.end, document.end))
                for evidence in question.evidence
                if evidence.document_id == document.document_id
            ]
            body = excerpt(context.text, document.start, document.end, spans, _query(question), checks.budget, count)
            parts.append(render_document(document.title, document.kind, body))
    tries = checks.closed_book if name == "closed_book" and not kind_of(question.kind).few_options else _tries(question)
    return Request(
        prompt="answer",
        inputs={"context": "".join(parts), "question": question.question},
        seed=make_seed(seed, name, question.question_id, *sorted(documents)),
        samples=tries,
        sampling={"temperature": 1.0, "max_tokens": 4096},
        affinity=context.context_id,
    )


def _tries(question: Question) -> int:
    return _OPTION_TRIES if kind_of(question.kind).few_options else _OPEN_TRIES


def _query(question: Question) -> frozenset[str]:
    return content_words(f"{question.question} {question.reference_answer}")


def _outcome(
    candidate: Candidate, documents: frozenset[str], answered: Completion | Refused, *, expected: bool
) -> str | None:
    """What speaks against the question; None where nothing does."""
    if isinstance(answered, Refused):
        return f"the reader refused: {answered}"
    question = candidate.question
    references = [question.reference_answer, *question.aliases]
    right = 0
    for choice in answered.choices:
        answer = extract_answer(separate(choice)[1])
        right += answer is not None and matches_any(answer, references, question.question, question.answer_type)
    tries = len(answered.choices)
    if expected:
        return None if 2 * right > tries else f"{right} of {tries} tries right with all evidence documents"
    enough = tries if kind_of(question.kind).few_options else min(2, tries)
    if right < enough:
        return None
    titles = [document.title for document in candidate.context.documents if document.document_id in documents]
    return f"{right} of {tries} tries right with " + (f"{titles[0]!r} alone" if titles else "no document")
