"""Traces: every accepted question is attempted several times on its whole context.

questions, contexts → one trace a sample: reasoning, content, and the answer that the content states
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from longhop.engines import Choice, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.recipe import TracesConfig
from longhop.records import Context, Question, Rejection, Trace, make_id, make_seed
from longhop.replies.answers import extract_answer, separate

__all__ = ["VERSION", "sample_traces"]

VERSION = 2
"""Raise it when the same input gives other rows."""


def sample_traces(
    questions: Iterable[tuple[Question, Context]],
    config: TracesConfig,
    reader: Inference,
    count: Callable[[str], int],
    seed: int,
) -> Iterator[Trace | Rejection]:
    """Sample `config.samples` traces of every accepted question; questions that were not accepted are passed over.

    Args:
        questions: Questions with their contexts; those of one context should follow one another.
        config: Samples, sampling, length, and whether the model reasons by itself or is asked to.
        reader: What answers.
        count: Tokens of a text, by the recipe's tokenizer.
        seed: The recipe's seed.

    Yields:
        A trace for each sample in order, or, where the engine refused the question, a rejection for each sample.
    """
    asked: list[Question] = []

    def requests() -> Iterator[Request]:
        for question, context in questions:
            if question.accepted:
                asked.append(question)
                yield _request(question, context, config, seed)

    for position, answered in enumerate(reader.run(requests())):
        question = asked[position]
        if isinstance(answered, Refused):
            for sample in range(config.samples):
                yield Rejection(
                    stage="traces",
                    item_id=make_id(question.question_id, sample),
                    reason=answered.reason,
                    detail=answered.detail,
                )
            continue
        for sample, choice in enumerate(answered.choices):
            yield _trace(question, sample, choice, reader.model, count, prompted=config.reasoning == "prompted")


def _request(question: Question, context: Context, config: TracesConfig, seed: int) -> Request:
    sampling = {"temperature": config.temperature, "top_p": config.top_p, "max_tokens": config.max_tokens}
    asked = {"reasoning": config.reasoning} if config.reasoning == "prompted" else {}
    return Request(
        prompt="answer",
        inputs={"context": context.text, "question": question.question, **asked},
        seed=make_seed(seed, "traces", question.question_id),
        samples=config.samples,
        sampling={key: value for key, value in sampling.items() if value is not None},
        affinity=context.context_id,
    )


def _trace(
    question: Question, sample: int, choice: Choice, model: str, count: Callable[[str], int], *, prompted: bool
) -> Trace:
    reasoning, content = separate(choice, prompted=prompted)
    return Trace(
        trace_id=make_id(question.question_id, sample),
        question_id=question.question_id,
        sample=sample,
        reasoning=reasoning,
        content=content,
        answer=extract_answer(content),
        n_tokens=count(reasoning) + count(content),
        finish_reason=choice.finish_reason,
        model=model,
    )
