"""Checks that ask the reader, with short prompts: each document by its best passages.

What is asked is in `longhop/checks/probes.py`; here it is sent, and the answers are weighed. Requests of one check over
all questions of a batch go out together, and a question leaves at the first check that it fails.

A question with an open answer is tried three times and counts as answered when two tries are right: one lucky guess
proves nothing. Where the answer is one of few options, guesses are often right, so it is tried five times; where at
most one of them is wrong, ten times more. It counts as answered when 13 of the 15 are right, which happens to a coin in
one case of 300, and in four of five to a reader that knows and errs once in ten times. `unknown` is no answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from longhop.answers import matches_any, normalize
from longhop.checks.candidate import Candidate
from longhop.checks.masking import hide
from longhop.checks.passages import Shelf
from longhop.checks.probes import Probe, ReaderCheck, reader_checks
from longhop.checks.wording import states
from longhop.engines import REFUSALS, Choice, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.markup import render_document
from longhop.recipe import ChecksConfig
from longhop.records import Check, make_seed
from longhop.replies.answers import extract_answer, separate

__all__ = ["LEAST_SHOWN", "SHARE", "Reading", "ask", "reader_checks", "refusal"]

_MORE_TRIES, _ENOUGH = 10, 13  # after five tries at an answer out of few options, and of all fifteen
_MAX_TOKENS = 4096
LEAST_SHOWN = 1024  # tokens of a document
SHARE = 48  # of a context's tokens, for each document of the evidence: all checks together send a fifth of a context
_UNKNOWN = frozenset(
    f"text {words}" for words in ("unknown", "n a", "none", "not known", "not stated", "not given", "i do not know")
)
_REFUSED = "the reader refused: "


class Reading(NamedTuple):
    """How the reader is asked."""

    reader: Inference
    count: Callable[[str], int]
    """Tokens of a text, by the recipe's tokenizer."""
    seed: int
    """The recipe's."""
    reasoning: str = "native"
    """`traces.reasoning` of the recipe."""


class _Asked(NamedTuple):
    candidate: Candidate
    probe: Probe
    request: Request
    tokens: int


def ask(check: ReaderCheck, candidates: Sequence[Candidate], checks: ChecksConfig, reading: Reading) -> None:
    """Ask the reader about all questions that still pass and that the check applies to; note the outcome on each."""
    asked: list[_Asked] = []

    def requests() -> Iterator[Request]:
        for sent in _prompts(check, candidates, checks, reading):
            asked.append(sent)
            yield sent.request

    outcomes: list[list[Choice] | Refused] = [
        answered if isinstance(answered, Refused) else list(answered.choices)
        for answered in reading.reader.run(requests())
    ]
    repeated = _ask_again(check, asked, outcomes, reading)
    verdicts: dict[int, list[str]] = {}
    tokens: Counter[int] = Counter()
    for number, (sent, outcome) in enumerate(zip(asked, outcomes, strict=True)):
        wrong = _verdict(check, sent, outcome, reading)
        verdicts.setdefault(id(sent.candidate), []).extend([wrong] if wrong else [])
        tokens[id(sent.candidate)] += sent.tokens * (2 if number in repeated else 1)
    for candidate in candidates:
        if (found := verdicts.get(id(candidate))) is not None:
            detail = found[0] if found else ""
            candidate.checks.append(
                Check(name=check.name, passed=not found, detail=detail, tokens=tokens[id(candidate)])
            )


def refusal(detail: str) -> str | None:
    """For which of `longhop.engines.REFUSALS` a check failed, by its detail; None where the reader answered."""
    if not detail.startswith(_REFUSED):
        return None
    reason = detail.removeprefix(_REFUSED).partition(":")[0]
    return reason if reason in REFUSALS else None


def _prompts(
    check: ReaderCheck, candidates: Sequence[Candidate], checks: ChecksConfig, reading: Reading
) -> Iterator[_Asked]:
    shelf: Shelf | None = None
    for candidate in candidates:
        if not candidate.passing:
            continue
        # The questions of a context follow one another; its passages are cut once for them.
        if shelf is None or shelf.context is not candidate.context:
            shelf = Shelf(candidate.context, reading.count)
        for probe in check.probes(candidate, shelf):
            shown = _shown(candidate, probe, shelf, checks)
            yield _Asked(
                candidate,
                probe,
                _request(check, candidate, probe, shown, reading),
                reading.count(shown) + reading.count(probe.question),
            )


def _shown(candidate: Candidate, probe: Probe, shelf: Shelf, checks: ChecksConfig) -> str:
    """The documents of a prompt by their best passages, in the order of the context."""
    question = candidate.question
    parts = []
    for number, document in enumerate(candidate.context.documents):
        if document.document_id not in probe.documents:
            continue
        spans = [
            (max(evidence.start, document.start), min(evidence.end, document.end))
            for evidence in question.evidence
            if evidence.document_id == document.document_id
        ]
        body = shelf.excerpt(number, spans, probe.words, _budget(candidate, checks))
        parts.append(render_document(hide(document.title, probe.hidden), document.kind, hide(body, probe.hidden)))
    return "".join(parts)


def _budget(candidate: Candidate, checks: ChecksConfig) -> int:
    """Tokens of a document that a question's prompts show: `checks.budget`, or less where the context is short."""
    documents = len({evidence.document_id for evidence in candidate.question.evidence}) or 1
    return min(checks.budget, max(LEAST_SHOWN, candidate.context.n_tokens // (SHARE * documents)))


def _request(check: ReaderCheck, candidate: Candidate, probe: Probe, shown: str, reading: Reading) -> Request:
    inputs = {"context": shown, "question": probe.question}
    if reading.reasoning == "prompted":
        inputs["reasoning"] = reading.reasoning
    if shown and check.rule in {"fails", "no_other"}:
        inputs["unknown"] = "possible"
    return Request(
        prompt="answer",
        inputs=inputs,
        seed=make_seed(reading.seed, check.name, candidate.question.question_id, probe.question, *probe.documents),
        samples=probe.tries,
        sampling={"temperature": 1.0, "max_tokens": _MAX_TOKENS},
        affinity=candidate.context.context_id,
    )


def _ask_again(
    check: ReaderCheck, asked: Sequence[_Asked], outcomes: list[list[Choice] | Refused], reading: Reading
) -> frozenset[int]:
    """More tries where five at an answer out of few options may have been luck; gives the places of those prompts."""
    suspect = [
        number
        for number, (sent, outcome) in enumerate(zip(asked, outcomes, strict=True))
        if check.rule == "fails"
        and not isinstance(outcome, Refused)
        and sent.probe.options
        and _right(check, sent, outcome, reading) >= len(outcome) - 1
    ]
    more = (_more(asked[number].request) for number in suspect)
    for number, answered in zip(suspect, reading.reader.run(more), strict=True):
        first = outcomes[number]
        assert not isinstance(first, Refused)
        outcomes[number] = answered if isinstance(answered, Refused) else [*first, *answered.choices]
    return frozenset(suspect)


def _more(request: Request) -> Request:
    return msgspec.structs.replace(request, seed=request.seed + request.samples, samples=_MORE_TRIES)


def _verdict(check: ReaderCheck, sent: _Asked, outcome: list[Choice] | Refused, reading: Reading) -> str | None:
    """What speaks against the question; None where nothing does."""
    if isinstance(outcome, Refused):
        return f"{_REFUSED}{outcome}"
    tries, right = len(outcome), _right(check, sent, outcome, reading)
    if check.rule == "no_other":
        return _other(sent, outcome, reading)
    told = f"{right} of {tries} tries right {sent.probe.about}"
    if check.rule == "fails":
        if sent.probe.options:
            return told if right >= _ENOUGH else None
        _note_guesses(sent, outcome, reading)
        return told if right >= min(2, tries) else None
    passed = right > 0 if check.rule == "once" else 2 * right > tries
    cut = sum(choice.finish_reason == "length" for choice in outcome)
    return None if passed else told + (f"; {cut} cut off at {_MAX_TOKENS:,} tokens" if cut else "")


def _note_guesses(sent: _Asked, choices: Sequence[Choice], reading: Reading) -> None:
    """Keep what the reader said when it was shown evidence at most, and not all of it."""
    own = {evidence.document_id for evidence in sent.candidate.question.evidence}
    if own.issuperset(sent.probe.documents) and not sent.probe.hidden:
        sent.candidate.guesses.update(normalize(answer) for answer in _answers(choices, reading) if answer)


def _answers(choices: Sequence[Choice], reading: Reading) -> list[str | None]:
    """What the choices state; None where a choice states nothing, or that it does not know."""
    prompted = reading.reasoning == "prompted"
    answers = [extract_answer(separate(choice, prompted=prompted)[1]) for choice in choices]
    return [None if answer is None or normalize(answer) in _UNKNOWN else answer for answer in answers]


def _right(check: ReaderCheck, sent: _Asked, choices: Sequence[Choice], reading: Reading) -> int:
    """How many choices state the answer; of a step in other words, too, since it has no aliases."""
    question, probe = sent.candidate.question, sent.probe
    right = 0
    for answer in _answers(choices, reading):
        if answer is None:
            continue
        exact = matches_any(answer, probe.answers, probe.question, question.answer_type)
        step = check.rule == "once" and any(
            states(answer, wanted, probe.question) or states(wanted, answer, probe.question) for wanted in probe.answers
        )
        right += exact or step
    return right


def _other(sent: _Asked, choices: Sequence[Choice], reading: Reading) -> str | None:
    """Another answer that two tries give, that stands in what they were shown, and that no earlier check drew, too.

    What the reader said without these documents it guesses or knows; what stands in none of them it makes up. Neither
    says anything of the question.
    """
    question, probe = sent.candidate.question, sent.probe
    given = [
        answer
        for answer in _answers(choices, reading)
        if answer is not None and not matches_any(answer, probe.answers, question.question, question.answer_type)
    ]
    forms = Counter(normalize(answer, question.question, question.answer_type) for answer in given)
    for form, votes in forms.most_common(1):
        answer = next(a for a in given if normalize(a, question.question, question.answer_type) == form)
        if (
            votes >= 2
            and normalize(answer) not in sent.candidate.guesses
            and states(sent.request.inputs["context"], answer, question.question, question.answer_type)
        ):
            return f"{votes} of {len(choices)} tries say {answer!r} {probe.about}"
    return None
