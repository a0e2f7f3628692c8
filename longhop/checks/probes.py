"""What the checks ask the reader: of each check the prompts for a question, and whether they apply to it.

| check | shown | asked | the question leaves when |
|---|---|---|---|
| closed_book | nothing | the question | it is answered |
| single_document | one document: each with evidence, and others that state the answer | the question | it is answered |
| all_but_one | of three and more documents with evidence all but one | the question | it is answered |
| bridge_masked | the last step's documents and others, the bridge hidden in all | the last step | it is answered |
| answerable | all documents with evidence, and others that state the answer | the question | it is not answered |
| sub_questions | the documents of a step's evidence | each step that has evidence | a step is not answered |
| unique | the evidence before the last step, and other documents | the question | another answer is found |

Documents beside the evidence matter where a context decides: one of them may answer alone, may mislead, may hold
another answer. They stay out of `all_but_one`, since with one in the place of another a question still needs several.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec

from longhop.answers import normalize
from longhop.checks.candidate import Candidate
from longhop.checks.masking import HIDDEN, hide
from longhop.checks.passages import Shelf
from longhop.kinds import kind_of
from longhop.reading import content_words
from longhop.recipe import ChecksConfig
from longhop.records import Question

__all__ = ["Probe", "ReaderCheck", "few_options", "reader_checks"]

OPEN_TRIES, OPTION_TRIES = 3, 5

_STATING, _RIVALS = 2, 3  # documents beside the evidence: that state the answer, that may hold another
_PLACEHOLDER = re.compile(r"#(\d+)\b|\{(\d+)\}|<(?:answer|step)[ _]?(\d+)>", re.IGNORECASE)
_OPTIONS = re.compile(
    r"(?:^|[:,?]\s*|\b(?:is|are|was|were|did|does|do|which|who|what)\s+)([^:,?]*?),?\s+or\s+([^:,?]*)\??\s*$",
    re.IGNORECASE,
)


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt of a check."""

    question: str
    answers: tuple[str, ...]
    """What counts as right."""
    documents: tuple[str, ...] = ()
    """Ids of what is shown; none for a question asked without documents."""
    words: frozenset[str]
    """What its passages are chosen by, beside the evidence."""
    hidden: tuple[str, ...] = ()
    """Names that are masked in what is shown."""
    options: bool
    """Whether the answer is one of few options, so that it takes more right tries to count as answered."""
    tries: int
    about: str
    """How a verdict names what was shown, such as `with 'A' alone`."""


class ReaderCheck(NamedTuple):
    """A check that asks the reader."""

    name: str
    probes: Callable[[Candidate, Shelf], list[Probe]]
    """What it asks about a question; nothing where it does not apply."""
    rule: Literal["fails", "mostly", "once", "no_other"]
    """A probe must fail, must be right in most tries, in one at least, or give no other answer than the reference."""


def reader_checks(checks: ChecksConfig) -> list[ReaderCheck]:
    """The checks that a recipe asks for, cheap before dear."""
    tries = checks.closed_book

    def wanted(given: bool | None, *, like: bool) -> bool:
        return like if given is None else given

    single, together = checks.single_document, checks.answerable
    known: list[tuple[object, ReaderCheck]] = [
        (tries, ReaderCheck("closed_book", lambda candidate, _: _closed_book(candidate, tries), "fails")),
        (single, ReaderCheck("single_document", _single_document, "fails")),
        (wanted(checks.bridge_masked, like=single), ReaderCheck("bridge_masked", _bridge_masked, "fails")),
        (wanted(checks.all_but_one, like=single), ReaderCheck("all_but_one", _all_but_one, "fails")),
        (together, ReaderCheck("answerable", _answerable, "mostly")),
        (wanted(checks.sub_questions, like=together), ReaderCheck("sub_questions", _sub_questions, "once")),
        (wanted(checks.unique, like=together), ReaderCheck("unique", _unique, "no_other")),
    ]
    return [check for chosen, check in known if chosen]


def few_options(question: Question) -> bool:
    """Whether the answer is one of few options, by its kind or by itself, so that guesses are often right."""
    if kind_of(question.kind).few_options or question.answer_type in {"yes_no", "yes/no", "boolean"}:
        return True
    if normalize(question.reference_answer) in {"text yes", "text no", "text true", "text false"}:
        return True
    return any(
        option and answer and (option <= answer or answer <= option)
        for option in _options(question.question)
        for answer in map(content_words, _answers(question))
    )


def _options(question: str) -> list[frozenset[str]]:
    """The words of either option of `…, A or B?`; of the first its last words at most, since more may stand before."""
    match = _OPTIONS.search(question.strip())
    if match is None:
        return []
    return [content_words(" ".join(match[1].split()[-6:])), content_words(match[2])]


def _answers(question: Question) -> tuple[str, ...]:
    return (question.reference_answer, *question.aliases)


def _evidence_documents(question: Question, indices: list[int] | None = None) -> list[str]:
    chosen = question.evidence if indices is None else [question.evidence[index] for index in indices]
    return list(dict.fromkeys(evidence.document_id for evidence in chosen if evidence.document_id))


def _said(question: Question) -> frozenset[str]:
    return content_words(f"{question.question} {question.reference_answer}")


def _whole(question: Question, documents: list[str], about: str, tries: int = OPEN_TRIES) -> Probe:
    """The question itself, on some documents; `tries` where its answer is open."""
    options = few_options(question)
    return Probe(
        question=question.question,
        answers=_answers(question),
        documents=tuple(documents),
        words=_said(question),
        options=options,
        tries=OPTION_TRIES if options else tries,
        about=about,
    )


def _title(candidate: Candidate, document_id: str) -> str:
    titles = (document.title for document in candidate.context.documents if document.document_id == document_id)
    return repr(next(titles, document_id))


def _stating(candidate: Candidate, shelf: Shelf) -> list[str]:
    """Documents beside the evidence where a passage that bears on the question states the answer."""
    question = candidate.question
    answers = [answer for answer in _answers(question) if normalize(answer) not in {"text yes", "text no"}]
    own = frozenset(_evidence_documents(question))
    return shelf.stating(answers, _said(question), own, _STATING)


def _closed_book(candidate: Candidate, tries: int) -> list[Probe]:
    return [_whole(candidate.question, [], "with no document", tries)]


def _single_document(candidate: Candidate, shelf: Shelf) -> list[Probe]:
    documents = [*_evidence_documents(candidate.question), *_stating(candidate, shelf)]
    return [_whole(candidate.question, [one], f"with {_title(candidate, one)} alone") for one in documents]


def _all_but_one(candidate: Candidate, _shelf: Shelf) -> list[Probe]:
    documents = _evidence_documents(candidate.question)
    if len(documents) < 3:  # of two documents it would be single ones again
        return []
    return [
        _whole(candidate.question, [other for other in documents if other != one], f"without {_title(candidate, one)}")
        for one in documents
    ]


def _bridge_masked(candidate: Candidate, shelf: Shelf) -> list[Probe]:
    """MuSiQue's test (arXiv 2108.00573): who answers the last hop without its bridge need not find the bridge."""
    question = candidate.question
    last = question.steps[-1] if question.steps else None
    if last is None or not last.evidence or not last.uses:
        return []  # an answer that is computed or compared is not found in a last document
    # A step that looks nothing up, or whose finding is a sentence, names no bridge.
    bridges = [question.steps[used].answer for used in last.uses if used < len(question.steps)]
    asked = hide(_PLACEHOLDER.sub(HIDDEN, last.question), bridges)
    own = _evidence_documents(question, last.evidence)
    words = content_words(asked)
    beside = shelf.bearing(words, frozenset(_evidence_documents(question)), _RIVALS)
    return [
        Probe(
            question=asked,
            answers=tuple(dict.fromkeys((last.answer, *_answers(question)))),
            documents=(*own, *beside),
            words=words,
            hidden=tuple(bridges),
            options=few_options(question),
            tries=OPTION_TRIES if few_options(question) else OPEN_TRIES,
            about="in the last step, though its bridge was hidden",
        )
    ]


def _answerable(candidate: Candidate, shelf: Shelf) -> list[Probe]:
    own = _evidence_documents(candidate.question)
    about = "with all documents of its evidence"
    return [
        msgspec.structs.replace(
            _whole(candidate.question, [*own, *_stating(candidate, shelf)], about), tries=OPEN_TRIES, options=False
        )
    ]


def _sub_questions(candidate: Candidate, _shelf: Shelf) -> list[Probe]:
    question = candidate.question
    return [
        Probe(
            question=_filled(question, number),
            answers=(step.answer, *(_answers(question) if number == len(question.steps) - 1 else ())),
            documents=tuple(_evidence_documents(question, step.evidence)),
            words=content_words(f"{step.question} {step.answer}"),
            options=False,
            tries=OPEN_TRIES,
            about=f"of step {number} with the documents of its evidence",
        )
        for number, step in enumerate(question.steps)
        # A step that is worded as the whole question was asked with all documents before.
        if step.evidence and step.answer.strip() and step.question.strip() != question.question.strip()
    ]


def _filled(question: Question, number: int) -> str:
    """A step's question with the answers of the steps it uses: in its placeholders, else before it."""
    step = question.steps[number]
    # `#1` counts from 1, as MuSiQue does, where the steps it uses are counted so; else from 0.
    numbers = [int(next(group for group in match.groups() if group)) for match in _PLACEHOLDER.finditer(step.question)]
    shift = 1 if numbers and all(value - 1 in step.uses for value in numbers) else 0
    if numbers and all(value - shift in step.uses for value in numbers):
        return _PLACEHOLDER.sub(
            lambda match: question.steps[int(next(group for group in match.groups() if group)) - shift].answer,
            step.question,
        )
    unsaid = [
        used
        for used in step.uses
        if question.steps[used].answer and question.steps[used].answer.casefold() not in step.question.casefold()
    ]
    known = " ".join(f"{question.steps[used].question.strip()} {question.steps[used].answer}." for used in unsaid)
    return f"Known so far: {known} {step.question}" if known else step.question


def _unique(candidate: Candidate, shelf: Shelf) -> list[Probe]:
    """With the document that answers out of sight, another one that fits the question would give another answer."""
    question = candidate.question
    if few_options(question) or kind_of(question.kind).counts or not question.steps:
        return []  # the other option is a guess, and a count without its last item another count
    last = question.steps[-1]
    own = _evidence_documents(question)
    gone = _evidence_documents(question, last.evidence) if last.evidence else own
    earlier = [document for document in own if document not in gone]
    words = content_words(f"{question.question} {last.question}") - content_words(" ".join(_answers(question)))
    beside = shelf.bearing(words, frozenset(own), _RIVALS)
    if not beside:
        return []
    probe = _whole(question, [*earlier, *beside], "with other documents in the place of the last one")
    return [msgspec.structs.replace(probe, words=words)]
