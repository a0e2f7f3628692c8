"""Questions: a writer reads a context and writes questions; checks decide which are worth eight traces.

    contexts → questions with steps and evidence in place, accepted or rejected by the first check that failed

What is asked and shown is planned by `longhop/writing/requests.py`. The reply holds the decomposition first, then the
question composed from it (prompts/write_questions.md). Questions that cannot be read, or whose steps or quotes lead
nowhere, are asked for once more, alone, with what was wrong behind the same prompt; what is wrong then is rejected. A
reply in order with fewer questions than asked says that there are no more, and is left at that. A quote is looked up in
the document that the writer names, exactly first, then by likeness in a window; offsets are those of what was found in
the context.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from longhop.checks.candidate import Candidate
from longhop.checks.novelty import EvaluationSets
from longhop.engines import Completion, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.kinds import kind_of
from longhop.quotes import locate
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Context, Evidence, Question, Rejection, Step, make_id
from longhop.replies.questions import Quote, WrittenQuestion, faults, read_questions
from longhop.stages.checks import check_questions, look
from longhop.writing.requests import Asked, plan_requests, to_request
from longhop.writing.wanted import allowed

__all__ = ["VERSION", "write_questions"]

VERSION = 5
"""Raise it when the same input gives other rows."""

log = logging.getLogger("longhop")

_BATCH = 16  # contexts whose checks are asked together, so that an engine with many slots has enough to do
_SHOWN_AGAIN = 2_000  # characters of a reply that could not be used
_TELLING_QUOTE = 20  # characters; a shorter quote may stand in another document by chance


class _Reply(NamedTuple):
    """What came of a request."""

    asked: Asked
    good: list[Question]
    doubtful: list[Question]
    """Read, but with faults, or such that a check which looks does not let them pass."""
    problems: list[str]
    content: str
    cut: bool

    @property
    def missing(self) -> int:
        """How many questions are still to be asked for: none where the reply says that there are no more."""
        return max(0, self.asked.n_questions - len(self.good)) if self.problems else 0


def write_questions(
    contexts: Iterable[Context],
    config: QuestionsConfig,
    checks: ChecksConfig,
    writer: Inference,
    reader: Inference,
    count: Callable[[str], int],
    seed: int,
    evaluation_sets: EvaluationSets | None = None,
    reasoning: str = "native",
) -> Iterator[Question | Rejection]:
    """Write up to `config.per_context` questions a context and check them.

    Args:
        contexts: Contexts, each used once.
        config: How many questions, of which kinds, from how much of the context.
        checks: What a question must pass.
        writer: What writes the questions.
        reader: What the checks ask.
        count: Tokens of a text, by the recipe's tokenizer.
        seed: The recipe's seed.
        evaluation_sets: What no question may overlap; the texts of the recipe's `checks.exclude`.
        reasoning: How the checks ask the reader to reason; the recipe's `traces.reasoning`.

    Yields:
        Every question, accepted or not; a rejection for each that was not accepted, for a reply that could not be read,
        for a refused request, and for a context that gave fewer questions than asked.
    """
    left_out: Counter[str] = Counter()
    sets = evaluation_sets or EvaluationSets()
    for batch in _batches(contexts):
        written: list[tuple[Context, list[Question]]] = []
        for context, replies in _ask(batch, config, checks, sets, writer, count, seed, left_out):
            questions: list[Question] = []
            for item in _rows(context, replies):
                if isinstance(item, Rejection):
                    yield item
                else:
                    questions.append(item)
            written.append((context, questions))
        for question in check_questions(written, config, checks, reader, count, seed, sets, reasoning):
            yield question
            if not question.accepted:
                failed = next(check for check in question.checks if not check.passed)
                yield _rejection(question.question_id, failed.name, failed.detail)
    for kind, many in sorted(left_out.items()):
        needed = " and ".join(sorted(kind_of(kind).needs))
        log.info("questions: %s was not asked of %d contexts that lack documents of %s", kind, many, needed)


def _batches(contexts: Iterable[Context]) -> Iterator[list[Context]]:
    iterator = iter(contexts)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _rejection(item_id: str, reason: str, detail: str) -> Rejection:
    return Rejection(stage="questions", item_id=item_id, reason=reason, detail=detail)


def _ask(
    contexts: list[Context],
    config: QuestionsConfig,
    checks: ChecksConfig,
    sets: EvaluationSets,
    writer: Inference,
    count: Callable[[str], int],
    seed: int,
    left_out: Counter[str],
) -> list[tuple[Context, list[_Reply | Refused | Rejection]]]:
    """Ask the writer of each context, and once more for the questions of a reply that cannot be used."""
    asked: list[Asked] = []
    outcomes: dict[int, list[_Reply | Refused | Rejection]] = {at: [] for at in range(len(contexts))}
    of_context: list[int] = []

    def requests() -> Iterator[Request]:
        for at, context in enumerate(contexts):
            kinds = allowed(config.kinds, [document.kind for document in context.documents])
            left_out.update(set(config.kinds) - set(kinds))
            if (hopeless := _hopeless(context, config, kinds)) is not None:
                outcomes[at].append(hopeless)
                continue
            for each in plan_requests(context, config, kinds, count, seed):
                asked.append(each)
                of_context.append(at)
                yield to_request(each, config, seed)

    def reply(each: Asked, answered: Completion | Refused) -> _Reply | Refused:
        return answered if isinstance(answered, Refused) else _read(each, answered, config, checks, sets, writer.model)

    replies = [reply(asked[at], answered) for at, answered in enumerate(writer.run(requests()))]
    bad = {at: first for at, first in enumerate(replies) if isinstance(first, _Reply) and first.missing}
    if bad:
        again = (_request_again(first, config, seed) for first in bad.values())
        for (at, first), answered in zip(bad.items(), writer.run(again), strict=True):
            replies[at] = _mended(first, reply(first.asked, answered))
    for at, outcome in zip(of_context, replies, strict=True):
        outcomes[at].append(outcome)
    return [(context, outcomes[at]) for at, context in enumerate(contexts)]


def _hopeless(context: Context, config: QuestionsConfig, kinds: Mapping[str, float]) -> Rejection | None:
    """Why a context is not worth a request."""
    many = len({document.document_id for document in context.documents})
    if many < config.min_documents:
        detail = f"{many} document{'s' if many > 1 else ''}, questions need {config.min_documents}"
        return _rejection(context.context_id, "few_documents", detail)
    if not kinds:
        has = ", ".join(sorted({document.kind for document in context.documents}))
        detail = f"documents of {has}; none of {', '.join(config.kinds)} can be asked for"
        return _rejection(context.context_id, "no_kind", detail)
    return None


def _request_again(reply: _Reply, config: QuestionsConfig, seed: int) -> Request:
    """The questions that are missing, with what was wrong behind the same prompt."""
    asked, good = reply.asked, Counter(question.kind for question in reply.good)
    cards = [kind for kind, many in asked.wanted.items() for _ in range(many - min(many, good[kind]))]
    left = Counter(cards[: reply.missing])
    again: dict[str, Any] = {"reply": reply.content[:_SHOWN_AGAIN], "problem": "; ".join(reply.problems)[:_SHOWN_AGAIN]}
    if reply.good:
        again["kept"] = [question.question for question in reply.good]
    return to_request(asked._replace(wanted=left), config, seed, again)


def _read(
    asked: Asked,
    completion: Completion,
    config: QuestionsConfig,
    checks: ChecksConfig,
    sets: EvaluationSets,
    model: str,
) -> _Reply:
    """The questions of a reply, and what is wrong with them, so that the writer can mend what it is told.

    What the checks that look would say is told as well: a quote that is not word for word, or a bridge that is named,
    is soon put right, and otherwise costs the question.
    """
    choice = completion.choices[0]
    cut = choice.finish_reason == "length"
    kinds = allowed(config.kinds, [document.kind for document in asked.context.documents])
    reading = read_questions(choice.content, kinds, [document.title for document in asked.documents], cut=cut)
    problems = [f"the reply was cut off after {choice.n_tokens} tokens"] if cut else []
    problems += reading.problems
    good: list[Question] = []
    doubtful: list[Question] = []
    for read in reading.questions[: asked.n_questions]:
        written = _with_known_documents(read, asked)
        question = _question(asked, written, model)
        wrong = faults(written, config.steps, len(asked.documents))
        if not wrong:
            candidate = Candidate(asked.context, question, list(good), [])
            look(candidate, config, checks, sets)
            wrong = [check.detail for check in candidate.checks if not check.passed]
        (doubtful if wrong else good).append(question)
        problems += [f"{question.question[:80]!r}: {', '.join(wrong)}"] if wrong else []
    return _Reply(asked, good, doubtful, problems, choice.content, cut)


def _mended(first: _Reply, second: _Reply | Refused) -> _Reply:
    """What was good at first, and what came instead of the rest; what is still doubtful is for the checks to reject."""
    if isinstance(second, Refused):
        problems = [*first.problems, f"asked again, the writer refused: {second}"]
        return first._replace(good=[*first.good, *first.doubtful][: first.asked.n_questions], problems=problems)
    merged: dict[str, Question] = {}
    for question in (*first.good, *second.good, *second.doubtful, *first.doubtful):
        merged.setdefault(question.question_id, question)
    good = list(merged.values())[: first.asked.n_questions]
    return second._replace(good=good, problems=second.problems or first.problems)


def _with_known_documents(written: WrittenQuestion, asked: Asked) -> WrittenQuestion:
    """Numbers of no document replaced by that of the only document that has the quote word for word."""

    def known(quote: Quote) -> Quote:
        if 1 <= quote.document <= len(asked.documents) or len(quote.quote.strip()) < _TELLING_QUOTE:
            return quote
        holders = [number for number, text in enumerate(asked.texts, 1) if quote.quote in text]
        return Quote(holders[0], quote.quote) if len(holders) == 1 else quote

    steps = [msgspec.structs.replace(step, evidence=tuple(map(known, step.evidence))) for step in written.steps]
    return msgspec.structs.replace(written, steps=tuple(steps))


def _rows(context: Context, replies: list[_Reply | Refused | Rejection]) -> Iterator[Question | Rejection]:
    context_id = context.context_id
    seen = set()
    for reply in replies:
        if isinstance(reply, Rejection):
            yield reply
            continue
        if isinstance(reply, Refused):
            yield _rejection(context_id, reply.reason, reply.detail)
            continue
        questions, wanted, said = reply.good, reply.asked.n_questions, "; ".join(reply.problems)
        if not questions and reply.problems:
            reason = "cut_reply" if reply.cut else "malformed_reply"
            yield _rejection(context_id, reason, f"{said}: {reply.content[:200]!r}")
            continue
        if len(questions) < wanted:
            detail = f"asked for {wanted} question{'s' if wanted > 1 else ''}, got {len(questions)}"
            yield _rejection(context_id, "fewer_questions", f"{detail}: {said}" if said else detail)
        for question in questions:
            if question.question_id in seen:
                yield _rejection(
                    question.question_id, "duplicate", "the writer gave the same question and answer twice"
                )
                continue
            seen.add(question.question_id)
            yield question


def _question(asked: Asked, written: WrittenQuestion, model: str) -> Question:
    evidence: list[Evidence] = []
    steps = []
    for step in written.steps:
        indices = []
        for quote in step.evidence:
            found = _evidence(asked, quote)
            if found not in evidence:
                evidence.append(found)
            indices.append(evidence.index(found))
        steps.append(Step(question=step.question, answer=step.answer, evidence=indices, uses=list(step.uses)))
    return Question(
        question_id=make_id(asked.context.context_id, written.question, written.answer),
        context_id=asked.context.context_id,
        kind=written.kind,
        question=written.question,
        reference_answer=written.answer,
        aliases=[alias for alias in written.aliases if alias != written.answer],
        answer_type=written.answer_type,
        n_steps=len(steps),
        steps=steps,
        evidence=evidence,
        checks=[],
        accepted=False,
        rejected_by=None,
        model=model,
    )


def _evidence(asked: Asked, quote: Quote) -> Evidence:
    """A quote in its place: in the document that the writer names, else in the only one that has it word for word."""
    known = 1 <= quote.document <= len(asked.documents)
    named = locate(asked.context, asked.documents[quote.document - 1], quote.quote) if known else None
    if (named is None or named.score < 1) and len(quote.quote.strip()) >= _TELLING_QUOTE:
        text = asked.context.text
        others = [document for document in asked.documents if text.find(quote.quote, document.start, document.end) >= 0]
        if len(others) == 1:
            return locate(asked.context, others[0], quote.quote)
    # A document number that does not exist is an evidence of no document: the check says so.
    return named or Evidence(document_id="", quote=quote.quote, start=0, end=0, score=0.0)
