"""Questions: a writer reads a context and writes questions; checks decide which are worth eight traces.

    contexts → questions with steps and evidence in place, accepted or rejected by the first check that failed

The reply holds the decomposition first, then the question composed from it (prompts/write_questions.md). One of which
nothing can be used is asked for once more, with what was wrong behind the same prompt. A quote is looked up in the
document that the writer names, exactly first, then by likeness in a window; offsets are those of what was found in the
context.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from longhop.engines import Completion, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.markup import render_document
from longhop.quotes import locate
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Context, ContextDocument, Evidence, Question, Rejection, Step, make_id, make_seed
from longhop.replies.questions import Quote, Reading, WrittenQuestion, read_questions
from longhop.stages.checks import check_questions
from longhop.writing.passages import choose_passages

__all__ = ["VERSION", "write_questions"]

VERSION = 2
"""Raise it when the same input gives other rows."""

_BATCH = 16  # contexts whose checks are asked together, so that an engine with many slots has enough to do
_SHOWN_AGAIN = 2_000  # characters of a reply that could not be used
_TELLING_QUOTE = 20  # characters; a shorter quote may stand in another document by chance


class _Shown(NamedTuple):
    """What a writer is shown of a context."""

    context: Context
    documents: list[ContextDocument]
    """The first has number 1."""
    texts: list[str]


class _Reply(NamedTuple):
    """What it said."""

    context: Context
    documents: list[ContextDocument]
    reading: Reading
    content: str
    tokens: int
    cut: bool

    @property
    def usable(self) -> bool:
        return bool(self.reading.questions) or not (self.reading.problems or self.cut)

    @property
    def problems(self) -> str:
        cut = [f"the reply was cut off after {self.tokens} tokens"] if self.cut else []
        return "; ".join([*cut, *self.reading.problems])


def write_questions(
    contexts: Iterable[Context],
    config: QuestionsConfig,
    checks: ChecksConfig,
    writer: Inference,
    reader: Inference,
    count: Callable[[str], int],
    seed: int,
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

    Yields:
        Every question, accepted or not; a rejection for each that was not accepted, for a reply that could not be read,
        for a refused request, and for a context that gave fewer questions than asked.
    """
    for batch in _batches(contexts):
        written: list[tuple[Context, list[Question]]] = []
        for context, reply in zip(batch, _ask(batch, config, writer, count, seed), strict=True):
            questions: list[Question] = []
            for item in _rows(context, reply, config, writer.model):
                if isinstance(item, Rejection):
                    yield item
                else:
                    questions.append(item)
            written.append((context, questions))
        for question in check_questions(written, config, checks, reader, count, seed):
            yield question
            if not question.accepted:
                failed = next(check for check in question.checks if not check.passed)
                yield _rejection(question.question_id, failed.name, failed.detail)


def _batches(contexts: Iterable[Context]) -> Iterator[list[Context]]:
    iterator = iter(contexts)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _rejection(item_id: str, reason: str, detail: str) -> Rejection:
    return Rejection(stage="questions", item_id=item_id, reason=reason, detail=detail)


def _ask(
    contexts: list[Context], config: QuestionsConfig, writer: Inference, count: Callable[[str], int], seed: int
) -> list[_Reply | Refused]:
    """Ask the writer of each context, and once more where nothing of its reply can be used."""
    documents: list[list[ContextDocument]] = []

    def requests() -> Iterator[Request]:
        for context in contexts:
            shown = _shown(context, config, count)
            documents.append(shown.documents)
            yield _request(shown, config, seed)

    replies = [
        _reply(contexts[at], documents[at], answered, config) for at, answered in enumerate(writer.run(requests()))
    ]
    bad = {at: reply for at, reply in enumerate(replies) if isinstance(reply, _Reply) and not reply.usable}
    if bad:
        again = (_request(_shown(reply.context, config, count), config, seed, reply) for reply in bad.values())
        for (at, reply), answered in zip(bad.items(), writer.run(again), strict=True):
            if isinstance(answered, Refused):
                refused = f"asked again, the writer refused: {answered}"
                replies[at] = reply._replace(reading=Reading((), (*reply.reading.problems, refused)))
            else:
                replies[at] = _reply(reply.context, reply.documents, answered, config)
    return replies


def _shown(context: Context, config: QuestionsConfig, count: Callable[[str], int]) -> _Shown:
    texts = [context.text[document.start : document.end] for document in context.documents]
    if config.scope == "passages":
        texts = choose_passages(texts, count)
    shown = [number for number, text in enumerate(texts) if text]
    return _Shown(context, [context.documents[number] for number in shown], [texts[number] for number in shown])


def _request(shown: _Shown, config: QuestionsConfig, seed: int, bad: _Reply | None = None) -> Request:
    """What the writer is asked; with a `bad` reply once more, with that reply and what was wrong behind the prompt."""
    context = shown.context
    together = list(zip(shown.documents, shown.texts, strict=True))
    inputs: dict[str, Any] = {
        # A whole context stands in the prompt as in that of `answer`, so that both share a server's prefix cache.
        "context": context.text
        if config.scope == "context"
        else "".join(render_document(document.title, document.kind, text) for document, text in together),
        "documents": [
            {"number": number, "title": document.title, "kind": document.kind, "text": text}
            for number, (document, text) in enumerate(together, 1)
        ],
        "count": config.per_context,
        "wanted": _wanted(config.kinds, config.per_context, make_seed(seed, "kinds", context.context_id)),
        "kinds": dict(config.kinds),
        "min_documents": config.min_documents,
        "least_steps": config.steps[0],
        "most_steps": config.steps[1],
    }
    if bad is not None:
        inputs |= {"reply": bad.content[:_SHOWN_AGAIN], "problem": bad.problems}
    return Request(
        prompt="write_questions",
        inputs=inputs,
        seed=make_seed(seed, "questions" if bad is None else "questions again", context.context_id),
        affinity=context.context_id,
    )


def _wanted(kinds: Mapping[str, float], count: int, seed: int) -> dict[str, int]:
    """How many questions of each kind: its share of `count`, what is left over drawn by the shares that are left."""
    total = sum(kinds.values())
    shares = {kind: count * weight / total for kind, weight in kinds.items()}
    wanted = {kind: int(share) for kind, share in shares.items()}
    left = {kind: share - wanted[kind] for kind, share in shares.items()}
    rng = Random(seed)
    for _ in range(count - sum(wanted.values())):
        (kind,) = rng.choices(list(left), weights=[max(share, 1e-9) for share in left.values()])
        wanted[kind] += 1
        del left[kind]
    return {kind: number for kind, number in wanted.items() if number}


def _reply(
    context: Context, documents: list[ContextDocument], answered: Completion | Refused, config: QuestionsConfig
) -> _Reply | Refused:
    if isinstance(answered, Refused):
        return answered
    choice = answered.choices[0]
    cut = choice.finish_reason == "length"
    reading = read_questions(choice.content, config.kinds, [document.title for document in documents], cut=cut)
    return _Reply(context, documents, reading, choice.content, choice.n_tokens, cut)


def _rows(
    context: Context, reply: _Reply | Refused, config: QuestionsConfig, model: str
) -> Iterator[Question | Rejection]:
    context_id = context.context_id
    if isinstance(reply, Refused):
        yield _rejection(context_id, reply.reason, reply.detail)
        return
    if not reply.usable:
        reason = "cut_reply" if reply.cut else "malformed_reply"
        yield _rejection(context_id, reason, f"{reply.problems}: {reply.content[:200]!r}")
        return
    questions = reply.reading.questions
    if len(questions) < config.per_context:
        detail = f"asked for {config.per_context} questions, got {len(questions)}"
        yield _rejection(context_id, "fewer_questions", f"{detail}: {reply.problems}" if reply.problems else detail)
    seen = set()
    for written in questions[: config.per_context]:
        question = _question(reply, written, model)
        if question.question_id in seen:
            yield _rejection(question.question_id, "duplicate", "the writer gave the same question and answer twice")
            continue
        seen.add(question.question_id)
        yield question


def _question(reply: _Reply, written: WrittenQuestion, model: str) -> Question:
    evidence: list[Evidence] = []
    steps = []
    for step in written.steps:
        indices = []
        for quote in step.evidence:
            found = _evidence(reply, quote)
            if found not in evidence:
                evidence.append(found)
            indices.append(evidence.index(found))
        steps.append(Step(question=step.question, answer=step.answer, evidence=indices, uses=list(step.uses)))
    return Question(
        question_id=make_id(reply.context.context_id, written.question, written.answer),
        context_id=reply.context.context_id,
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


def _evidence(reply: _Reply, quote: Quote) -> Evidence:
    """A quote in its place: in the document that the writer names, else in the only one that has it word for word."""
    known = 1 <= quote.document <= len(reply.documents)
    named = locate(reply.context, reply.documents[quote.document - 1], quote.quote) if known else None
    if (named is None or named.score < 1) and len(quote.quote.strip()) >= _TELLING_QUOTE:
        text = reply.context.text
        others = [document for document in reply.documents if text.find(quote.quote, document.start, document.end) >= 0]
        if len(others) == 1:
            return locate(reply.context, others[0], quote.quote)
    # A document number that does not exist is an evidence of no document: the check says so.
    return named or Evidence(document_id="", quote=quote.quote, start=0, end=0, score=0.0)
