"""Checks of evidence: the quotes stand in the context, in as many documents as asked, prove their steps; none is idle.

What is judged is the passage that a quote was found at, not the writer's copy of it: a wrong number in the copy proves
nothing.
"""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from longhop.answers import normalize
from longhop.checks.wording import plain_words, said_of, states
from longhop.kinds import kind_of
from longhop.quotes import locate
from longhop.reading import content_words
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Context, Evidence, Question, Step
from longhop.typography import Plain

__all__ = ["documents", "evidence", "needed", "supported"]

_SAME_PASSAGE = 0.9  # share of the longer of two quotes that they have in common
_SAME_WORDS = 92  # per cent of likeness from which two documents say the same in the same words
_STANDS_ELSEWHERE = 0.93  # likeness from which a passage stands in another document too
_SENTENCE = 8  # words that are no longer too few to prove anything, though an answer may be as long
_TELLING = 30  # characters; what is shorter may stand elsewhere by chance
_HE_OR_IT = re.compile(
    r"#\d|\b(?:he|she|it|they|him|her|his|hers|its|their|them|this|that|these|those|"
    r"the same|there|then|both|which of)\b",
    re.IGNORECASE,
)


def evidence(question: Question, checks: ChecksConfig) -> str | None:
    """Every quote was found, as like as the recipe asks."""
    for number, found in enumerate(question.evidence):
        if found.score < checks.evidence or found.end <= found.start:
            likeness = f"best likeness {found.score:.2f}, expected {checks.evidence:.2f}"
            return f"quote {number}, {found.quote[:60]!r}, not found: {likeness}"
    return None if question.evidence else "no evidence"


def documents(question: Question, config: QuestionsConfig) -> str | None:
    """The quotes that steps name stand in as many documents as a question must need."""
    used = {at for step in question.steps for at in step.evidence}
    named = {found.document_id for number, found in enumerate(question.evidence) if number in used}
    if len(named) < config.min_documents:
        return f"evidence in {len(named)} documents, expected {config.min_documents}"
    return None


def supported(question: Question, context: Context) -> str | None:
    """The quotes of each step say its answer, and say more than it."""
    passages = [context.text[found.start : found.end] for found in question.evidence]
    for number, step in enumerate(question.steps):
        if not step.evidence:
            continue
        if not _proved(question, step, passages):
            return f"no quote of step {number} says its answer {step.answer!r}"
        for at in step.evidence:
            if _says_little(passages[at], step.answer):
                return f"quote {at} is too short to prove anything: {passages[at]!r}"
    return None


def _proved(question: Question, step: Step, passages: list[str]) -> bool:
    together = "\n".join(passages[at] for at in step.evidence)
    if states(together, step.answer, step.question, ""):
        return True
    if set(plain_words(step.answer)[:1]) & {"yes", "no"} or _names_an_option(step, together):
        return True
    if kind_of(question.kind).counts and _counts(step, [passages[at] for at in step.evidence]):
        return True
    # What is computed out of several steps stands in no quote, nor does what is deduced from their answers.
    return len(set(step.uses)) > 1 and any(states(together, question.steps[at].answer) for at in step.uses)


def _names_an_option(step: Step, together: str) -> bool:
    """Whether the step chooses among what its own question names, by what its quotes say of them."""
    options = re.findall(r"([^,?]+)\s+or\s+([^,?]+)", step.question)
    return (
        bool(options)
        and states(step.question, step.answer)
        and bool(said_of(step.question, "") & content_words(together))
    )


def _counts(step: Step, passages: list[str]) -> bool:
    """Whether a step counts, and its quotes list about as many things as it says."""
    form = normalize(step.answer, step.question)
    number = form.split(" ")[1] if form.startswith("number ") else ""
    if not number.isdigit() or not re.search(r"\bhow many\b|\bnumber of\b|\bcount\b", step.question, re.IGNORECASE):
        return False
    listed = sum(1 + len(re.findall(r"[,;\n•]|\band\b", passage)) for passage in passages)
    return int(number) <= listed


def _says_little(passage: str, answer: str) -> bool:
    """Whether a passage says nothing but the answer; a line of code may be short."""
    code = re.search(r"[=:{}()_]", passage) is not None
    if any(ord(char) >= 0x2E80 for char in passage):
        return len(passage) < len(answer) + 4
    said, own = plain_words(passage), plain_words(answer)
    if len(said) >= _SENTENCE:
        return False
    more = [word for word in said if word not in own]
    return len(more) < (1 if code else 2) or len(said) < (2 if code else 3)


def needed(question: Question, context: Context) -> str | None:
    """No quote and no document is idle: each proves a step that the answer needs, and no other says the same."""
    uses = {at for step in question.steps for at in step.evidence}
    idle = [number for number in range(len(question.evidence)) if number not in uses]
    if idle:
        return f"no step uses quote {idle[0]}"
    passages = [context.text[found.start : found.end] for found in question.evidence]
    return (
        _said_twice(question.evidence, passages)
        or _off_the_point(question, passages)
        or _says_the_same(question, context, passages)
        or _unlinked(question, passages)
    )


def _said_twice(quotes: list[Evidence], passages: list[str]) -> str | None:
    for number, one in enumerate(quotes):
        for earlier, other in enumerate(quotes[:number]):
            if one.document_id == other.document_id:
                common = min(one.end, other.end) - max(one.start, other.start)
                if common >= _SAME_PASSAGE * max(one.end - one.start, other.end - other.start):
                    return f"quotes {earlier} and {number} are the same passage"
            elif _alike(passages[number], passages[earlier]):
                return f"quotes {earlier} and {number} say the same in two documents"
    return None


def _alike(one: str, other: str) -> bool:
    if min(len(one), len(other)) < _TELLING:
        return False
    one, other = Plain(one).text.casefold(), Plain(other).text.casefold()
    # Sentences of a register are alike but for their names and numbers, and these are what is asked.
    return fuzz.ratio(one, other) >= _SAME_WORDS and _numbers(one) == _numbers(other) and _close(one, other)


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


def _close(one: str, other: str) -> bool:
    """Whether two sentences have all but a word in ten in common."""
    first, second = content_words(one), content_words(other)
    return len(first ^ second) <= 0.1 * len(first | second)


def _off_the_point(question: Question, passages: list[str]) -> str | None:
    """A quote that neither says its step's answer nor helps one that does; a document none of whose quotes says one."""
    proving: set[str] = set()
    for number, step in enumerate(question.steps):
        says = {at for at in step.evidence if _proves_alone(step, passages[at])}
        # An answer that several quotes say together is said by each of them.
        says = says or set(step.evidence)
        own = {question.evidence[at].document_id for at in says}
        proving |= own
        for at in set(step.evidence) - says:
            if question.evidence[at].document_id not in own and not _bears_on(question, step, passages[at]):
                return f"quote {at} proves nothing of step {number}"
            if not content_words(passages[at]) & _about(question, step):
                return f"quote {at} does not speak of step {number}"
    decoration = {found.document_id for found in question.evidence} - proving
    return f"no answer of a step stands in the quotes of document {min(decoration)}" if decoration else None


def _proves_alone(step: Step, passage: str) -> bool:
    if states(passage, step.answer, step.question):
        return True
    items = [item for item in re.split(r"[;,]\s+|\s+and\s+", step.answer) if len(item.strip()) > 1]
    return len(items) > 1 and any(states(passage, item) for item in items)


def _bears_on(question: Question, step: Step, passage: str) -> bool:
    """Whether a passage says the answer of a step that this one uses, and so proves that they belong together."""
    return any(states(passage, question.steps[at].answer) for at in step.uses)


def _about(question: Question, step: Step) -> frozenset[str]:
    used = " ".join(question.steps[at].answer for at in step.uses)
    return said_of(f"{step.question} {used}", step.answer)


def _says_the_same(question: Question, context: Context, passages: list[str]) -> str | None:
    """A document all of whose quotes stand in another document of the evidence as well is not needed."""
    places = {document.document_id: document for document in context.documents}
    named = list(dict.fromkeys(found.document_id for found in question.evidence))
    for one in named:
        own = [passages[at] for at, found in enumerate(question.evidence) if found.document_id == one]
        if any(len(passage) < _TELLING for passage in own):
            continue
        for other in named:
            if other == one or other not in places:
                continue
            found = (locate(context, places[other], passage) for passage in own)
            if all(
                there.score >= _STANDS_ELSEWHERE and _alike(passage, context.text[there.start : there.end])
                for there, passage in zip(found, own, strict=True)
            ):
                return f"all quotes of document {one} stand in document {other} as well"
    return None


def _unlinked(question: Question, passages: list[str]) -> str | None:
    """A step that says it uses another and speaks of nothing that the other found, or was about, does not use it."""
    for number, step in enumerate(question.steps):
        if not step.evidence:
            continue
        for used in step.uses:
            other = question.steps[used]
            here = f"{step.question}\n" + "\n".join(passages[at] for at in step.evidence)
            there = f"{other.question} {other.answer}\n" + "\n".join(passages[at] for at in other.evidence)
            if states(here, other.answer) or _HE_OR_IT.search(step.question):
                continue
            if not content_words(here) & content_words(there):
                return f"step {number} speaks of nothing that step {used} found"
    return None
