"""Checks: is a question grounded, in form, new, truly multi-hop and answerable? Cheap checks come before dear ones.

    (context, questions) → the questions with `checks`, `accepted` and `rejected_by` filled

A question leaves at the first check that it fails; the checks up to that one are kept on it. Checks of the first
list look at the question and its context alone. Those of the second ask the reader, with short prompts: each
document by its best passages, `checks.budget` tokens at most.

A question with an open answer is tried three times and counts as answered when two tries are right: one lucky guess
proves nothing. Where the answer is one of few options, guesses are often right, so it is tried five times and counts as
answered when all are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import msgspec
from rapidfuzz import fuzz

from longhop.answers import matches_any
from longhop.engines import Completion, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.markup import render_document
from longhop.reading import content_words
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Check, Context, Question, make_seed
from longhop.stages.traces import extract_answer, separate

__all__ = ["check_questions", "excerpt"]

_EXEMPT = {
    # The options of a comparison stand in the question by nature.
    "bridge_hidden": frozenset(["comparison", "choice", "yes_no"]),
    "answer_hidden": frozenset(["comparison", "choice", "yes_no"]),
}
_FEW_OPTIONS = frozenset(["comparison", "choice", "yes_no"])
_OPEN_TRIES, _OPTION_TRIES = 3, 5
_LONGEST_ANSWER = 200  # characters; an answer is a name, a number, a short phrase
_POINTING = re.compile(
    r"\b(?:document|passage|text|source|excerpt)s?\s*(?:#|no\.?|number)?\s*\d+\b"
    r"|\b(?:both|two|first|second|third|fourth|last|given|provided|above)\s(?:documents?|passages?|texts?|sources?|excerpts?)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"[^"]*"')


class Candidate(msgspec.Struct):
    """A question on its way through the checks."""

    context: Context
    question: Question
    earlier: list[str]
    """Questions of the same context that came before and passed the checks of form."""
    checks: list[Check]

    @property
    def passing(self) -> bool:
        return all(check.passed for check in self.checks)


def check_questions(
    written: Sequence[tuple[Context, Sequence[Question]]],
    config: QuestionsConfig,
    checks: ChecksConfig,
    reader: Inference,
    count: Callable[[str], int],
    seed: int,
) -> Iterator[Question]:
    """Run all checks that the recipe asks for; questions come back in their order.

    Args:
        written: Contexts with their questions.
        config: The recipe's `questions`.
        checks: The recipe's `checks`.
        reader: What is asked.
        count: Tokens of a text, by the recipe's tokenizer.
        seed: The recipe's seed.
    """
    candidates = []
    for context, questions in written:
        earlier: list[str] = []
        for question in questions:
            candidate = Candidate(context, question, list(earlier), [])
            _look(candidate, config, checks)
            if candidate.passing:
                earlier.append(question.question)
            candidates.append(candidate)
    for name, of, expected in _reader_checks(checks):
        _ask(name, of, expected, candidates, checks, reader, count, seed)
    for candidate in candidates:
        failed = [check.name for check in candidate.checks if not check.passed]
        yield msgspec.structs.replace(
            candidate.question,
            checks=candidate.checks,
            accepted=not failed,
            rejected_by=failed[0] if failed else None,
        )


# Checks that look


def _look(candidate: Candidate, config: QuestionsConfig, checks: ChecksConfig) -> None:
    question = candidate.question
    looks: list[tuple[str, Callable[[], str | None]]] = [
        ("steps", lambda: _steps(question, config)),
        ("connected", lambda: _connected(question)),
        ("one_question", lambda: _one_question(question)),
        ("no_pointing", lambda: _no_pointing(question)),
        ("bridge_hidden", lambda: _bridge_hidden(question)),
        ("answer_hidden", lambda: _answer_hidden(question)),
        ("evidence", lambda: _evidence(question, checks)),
        ("documents", lambda: _documents(question, config)),
        ("duplicate", lambda: _duplicate(question, candidate.earlier, checks)),
    ]
    for name, look in looks:
        if question.kind in _EXEMPT.get(name, ()):
            continue
        wrong = look()
        candidate.checks.append(Check(name=name, passed=wrong is None, detail=wrong or ""))
        if wrong is not None:
            return


def _steps(question: Question, config: QuestionsConfig) -> str | None:
    least, most = config.steps
    if not least <= question.n_steps <= most:
        return f"{question.n_steps} steps, expected {least} to {most}"
    if not question.question.strip() or not question.reference_answer.strip():
        return "question or answer is empty"
    if len(question.reference_answer) > _LONGEST_ANSWER:
        return f"an answer of {len(question.reference_answer)} characters, expected at most {_LONGEST_ANSWER}"
    return None


def _connected(question: Question) -> str | None:
    """Every step but the last is used by a later one; a step without evidence uses another."""
    used = set()
    for number, step in enumerate(question.steps):
        wrong = [other for other in step.uses if not 0 <= other < number]
        if wrong:
            return f"step {number} uses step {wrong[0]}, which does not come before it"
        if not step.evidence and not step.uses:
            return f"step {number} has neither evidence nor a step that it uses"
        used.update(step.uses)
    loose = [number for number in range(question.n_steps - 1) if number not in used]
    return f"no later step uses step {loose[0]}" if loose else None


def _one_question(question: Question) -> str | None:
    asked = _QUOTED.sub("", question.question).count("?")
    return f"{asked} question marks" if asked > 1 else None


def _no_pointing(question: Question) -> str | None:
    match = _POINTING.search(_QUOTED.sub("", question.question))
    return f"points at documents: {match[0]!r}" if match else None


def _bridge_hidden(question: Question) -> str | None:
    for step in question.steps[:-1]:
        named = step.answer.strip()
        if re.search(r"[^\W\d_]{2}", named) and _stands_in(named, question.question):
            return f"names the bridge {named!r}"
    return None


def _answer_hidden(question: Question) -> str | None:
    answer = question.reference_answer.strip()
    return f"the answer {answer!r} stands in the question" if _stands_in(answer, question.question) else None


def _stands_in(words: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None


def _evidence(question: Question, checks: ChecksConfig) -> str | None:
    for number, evidence in enumerate(question.evidence):
        if evidence.score < checks.evidence or evidence.end <= evidence.start:
            return f"quote {number} not found: best likeness {evidence.score:.2f}, expected {checks.evidence:.2f}"
    return None if question.evidence else "no evidence"


def _documents(question: Question, config: QuestionsConfig) -> str | None:
    documents = {evidence.document_id for evidence in question.evidence}
    if len(documents) < config.min_documents:
        return f"evidence in {len(documents)} documents, expected {config.min_documents}"
    return None


def _duplicate(question: Question, earlier: Sequence[str], checks: ChecksConfig) -> str | None:
    for other in earlier:
        likeness = fuzz.token_sort_ratio(question.question, other) / 100
        if likeness >= checks.duplicate:
            return f"likeness {likeness:.2f} with {other!r}"
    return None


# Checks that ask


def _reader_checks(
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


def _ask(
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
    tries = checks.closed_book if name == "closed_book" and question.kind not in _FEW_OPTIONS else _tries(question)
    return Request(
        prompt="answer",
        inputs={"context": "".join(parts), "question": question.question},
        seed=make_seed(seed, name, question.question_id, *sorted(documents)),
        samples=tries,
        sampling={"temperature": 1.0, "max_tokens": 4096},
        affinity=context.context_id,
    )


def _tries(question: Question) -> int:
    return _OPTION_TRIES if question.kind in _FEW_OPTIONS else _OPEN_TRIES


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
    enough = tries if question.kind in _FEW_OPTIONS else min(2, tries)
    if right < enough:
        return None
    titles = [document.title for document in candidate.context.documents if document.document_id in documents]
    return f"{right} of {tries} tries right with " + (f"{titles[0]!r} alone" if titles else "no document")


def excerpt(
    text: str,
    start: int,
    end: int,
    spans: Sequence[tuple[int, int]],
    words: frozenset[str],
    budget: int,
    count: Callable[[str], int],
) -> str:
    """A document's passages that bear on a question, `budget` tokens at most; the whole document where it fits.

    Paragraphs with evidence (`spans`, offsets in `text` as `start` and `end` are) come first, then those that share
    most words with the question, in the order of the document; gaps are marked by `[…]`.
    """
    if count(text[start:end]) <= budget:
        return text[start:end]
    paragraphs = [
        (start + match.start(), start + match.end())
        for match in re.finditer(r"\S(?:[^\n]|\n(?!\s*\n))*", text[start:end])
    ]
    rank = []
    for number, (first, last) in enumerate(paragraphs):
        grounded = any(a < last and b > first for a, b in spans)
        shared = len(words & content_words(text[first:last]))
        rank.append((-grounded, -shared, number))
    taken, left = set(), budget
    for _, _, number in sorted(rank):
        cost = count(text[paragraphs[number][0] : paragraphs[number][1]]) + 2
        if cost <= left:
            taken.add(number)
            left -= cost
        elif left < budget // 20:
            break
    parts: list[str] = []
    for number in sorted(taken):
        if parts and number - 1 not in taken:
            parts.append("[…]")
        parts.append(text[paragraphs[number][0] : paragraphs[number][1]])
    return "\n\n".join(parts)
