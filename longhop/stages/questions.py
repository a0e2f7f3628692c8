"""Questions: a writer reads a context and writes questions; checks decide which are worth eight traces.

    contexts → questions with steps and evidence in place, accepted or rejected by the first check that failed

The reply holds the decomposition first, then the question composed from it (prompts/write_questions.md). A quote is
looked up in the document that the writer names, exactly first, then by likeness in a window; offsets are those of what
was found in the context.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator

import msgspec
from rapidfuzz import fuzz

from longhop.engines import Completion, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.reading import mentions
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Context, ContextDocument, Evidence, Question, Rejection, Step, make_id, make_seed
from longhop.stages.checks import check_questions

__all__ = ["VERSION", "locate", "write_questions"]

VERSION = 1
"""Raise it when the same input gives other rows."""

_BATCH = 16  # contexts whose checks are asked together, so that an engine with many slots has enough to do
_PASSAGE_TOKENS = 4096  # a document's share of a prompt with `scope: passages`
_BRIDGE_DOCUMENTS = 4  # a name in more documents than this bridges nothing


class _Quote(msgspec.Struct, frozen=True):
    document: int
    quote: str


class _ReplyStep(msgspec.Struct, frozen=True):
    question: str
    answer: str
    evidence: list[_Quote] = []
    uses: list[int] = []


class _ReplyQuestion(msgspec.Struct, frozen=True):
    kind: str
    steps: list[_ReplyStep]
    question: str
    answer: str
    answer_type: str = "text"
    aliases: list[str] = []


class _Reply(msgspec.Struct, frozen=True):
    questions: list[_ReplyQuestion]


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
        requests = (_request(context, config, count, seed) for context in batch)
        for context, answered in zip(batch, writer.run(requests), strict=True):
            questions: list[Question] = []
            for item in _read_reply(context, answered, config, writer.model):
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


def _request(context: Context, config: QuestionsConfig, count: Callable[[str], int], seed: int) -> Request:
    texts = [context.text[document.start : document.end] for document in context.documents]
    if config.scope == "passages":
        texts = choose_passages(texts, count)
    documents = [
        {"number": number, "title": document.title, "kind": document.kind, "text": text}
        for number, (document, text) in enumerate(zip(context.documents, texts, strict=True), 1)
        if text
    ]
    return Request(
        prompt="write_questions",
        inputs={
            "documents": documents,
            "count": config.per_context,
            "kinds": dict(config.kinds),
            "min_documents": config.min_documents,
            "least_steps": config.steps[0],
            "most_steps": config.steps[1],
        },
        seed=make_seed(seed, "questions", context.context_id),
        affinity=context.context_id,
    )


def choose_passages(texts: list[str], count: Callable[[str], int]) -> list[str]:
    """Of each text the paragraphs that name what another text names, up to a budget; in order, gaps marked by `[…]`.

    A name that two to four of the texts have is what a question can be built over.
    """
    names = [{mention.name for mention in mentions(" ".join(text.split()))} for text in texts]
    everywhere = [name for found in names for name in found]
    shared = {name for name in everywhere if 2 <= everywhere.count(name) <= _BRIDGE_DOCUMENTS} if everywhere else set()
    chosen = []
    for text in texts:
        if count(text) <= _PASSAGE_TOKENS:
            chosen.append(text)
            continue
        paragraphs = re.split(r"\n\s*\n", text)
        telling = [sum(name in paragraph for name in shared) for paragraph in paragraphs]
        left, taken = _PASSAGE_TOKENS, set()
        for number in sorted(range(len(paragraphs)), key=lambda number: (-telling[number], number)):
            cost = count(paragraphs[number])
            if telling[number] and cost <= left:
                taken.add(number)
                left -= cost
        parts: list[str] = []
        for number in sorted(taken):
            if parts and number - 1 not in taken:
                parts.append("[…]")
            parts.append(paragraphs[number])
        chosen.append("\n\n".join(parts))
    return chosen


def _read_reply(
    context: Context, answered: Completion | Refused, config: QuestionsConfig, model: str
) -> Iterator[Question | Rejection]:
    if isinstance(answered, Refused):
        yield _rejection(context.context_id, answered.reason, answered.detail)
        return
    choice = answered.choices[0]
    if choice.finish_reason == "length":
        yield _rejection(context.context_id, "cut_reply", f"the reply was cut off after {choice.n_tokens} tokens")
        return
    try:
        reply = msgspec.json.decode(choice.content, type=_Reply)
    except msgspec.DecodeError as error:
        yield _rejection(context.context_id, "malformed_reply", f"{error}: {choice.content[:200]!r}")
        return
    if len(reply.questions) < config.per_context:
        detail = f"asked for {config.per_context} questions, got {len(reply.questions)}"
        yield _rejection(context.context_id, "fewer_questions", detail)
    seen = set()
    for written in reply.questions[: config.per_context]:
        question = _question(context, written, model)
        if question.question_id in seen:
            yield _rejection(question.question_id, "duplicate", "the writer gave the same question and answer twice")
            continue
        seen.add(question.question_id)
        yield question


def _question(context: Context, written: _ReplyQuestion, model: str) -> Question:
    evidence: list[Evidence] = []
    steps = []
    for step in written.steps:
        indices = []
        for quote in step.evidence:
            # A document number that does not exist is an evidence of no document: the check says so.
            known = 1 <= quote.document <= len(context.documents)
            found = (
                locate(context, context.documents[quote.document - 1], quote.quote)
                if known
                else Evidence(document_id="", quote=quote.quote, start=0, end=0, score=0.0)
            )
            if found not in evidence:
                evidence.append(found)
            indices.append(evidence.index(found))
        steps.append(Step(question=step.question, answer=step.answer, evidence=indices, uses=step.uses))
    return Question(
        question_id=make_id(context.context_id, written.question, written.answer),
        context_id=context.context_id,
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


def locate(context: Context, document: ContextDocument, quote: str) -> Evidence:
    """Where a quote stands in a document of a context: exactly, else the likest passage.

    The likest passage is searched in a window around the place that shares most of the quote's rarer words, since
    alignment over a whole book is slow and finds chance likeness.
    """
    text = context.text
    start = text.find(quote, document.start, document.end) if quote else -1
    if start >= 0:
        return Evidence(document_id=document.document_id, quote=quote, start=start, end=start + len(quote), score=1.0)
    nothing = Evidence(
        document_id=document.document_id, quote=quote, start=document.start, end=document.start, score=0.0
    )
    if not quote.strip():
        return nothing
    window = _window(text, document, quote)
    if window is None:
        return nothing
    first, last = window
    alignment = fuzz.partial_ratio_alignment(quote, text[first:last], score_cutoff=50)
    if alignment is None:
        return nothing
    return Evidence(
        document_id=document.document_id,
        quote=quote,
        start=first + alignment.dest_start,
        end=first + alignment.dest_end,
        score=round(alignment.score / 100, 4),
    )


def _window(text: str, document: ContextDocument, quote: str) -> tuple[int, int] | None:
    """A stretch of the document, three quotes long, around where most of the quote's longer words stand together."""
    words = sorted(set(re.findall(r"\w{4,}", quote)), key=lambda word: (-len(word), word))[:8]
    hits: list[int] = []
    for word in words:
        found = re.finditer(rf"\b{re.escape(word)}\b", text[document.start : document.end])
        hits.extend(document.start + match.start() for match in itertools.islice(found, 500))
    if not hits:
        return None
    hits.sort()
    span = len(quote)
    most, at, left = 0, hits[0], 0
    for right, hit in enumerate(hits):
        while hit - hits[left] > span:
            left += 1
        if right - left + 1 > most:
            most, at = right - left + 1, hits[left]
    return max(document.start, at - span), min(document.end, at + 2 * span)
