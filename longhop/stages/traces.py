r"""Traces: every accepted question is attempted several times on its whole context.

questions, contexts → one trace a sample: reasoning, content, and the answer that the content states

>>> separate(Choice(content="<think>\nIt is Ines.\n</think>\n\nAnswer: 340"))
('It is Ines.', 'Answer: 340')
>>> extract_answer("First I thought 14.\nAnswer: 14\nNo.\n**Answer:** 340")
'340'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from longhop.engines import Choice, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.recipe import TracesConfig
from longhop.records import Context, Question, Rejection, Trace, make_id, make_seed

__all__ = ["VERSION", "extract_answer", "sample_traces", "separate"]

VERSION = 1
"""Raise it when the same input gives other rows."""

_ANSWER = re.compile(r"^[\s>#*_]*(?:final\s+)?answer\s*[*_]*\s*:[*_\s]*(\S.*?)\s*$", re.IGNORECASE | re.MULTILINE)
_WRAPPING = re.compile(r"^(?:\*\*|__|`|\*|_|\\boxed\{)+|(?:\*\*|__|`|\*|_|\})+$")


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
        config: Samples, sampling, length.
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
            yield _trace(question, sample, choice, reader.model, count)


def _request(question: Question, context: Context, config: TracesConfig, seed: int) -> Request:
    sampling = {"temperature": config.temperature, "top_p": config.top_p, "max_tokens": config.max_tokens}
    return Request(
        prompt="answer",
        inputs={"context": context.text, "question": question.question},
        seed=make_seed(seed, "traces", question.question_id),
        samples=config.samples,
        sampling={key: value for key, value in sampling.items() if value is not None},
        affinity=context.context_id,
    )


def _trace(question: Question, sample: int, choice: Choice, model: str, count: Callable[[str], int]) -> Trace:
    reasoning, content = separate(choice)
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


def separate(choice: Choice) -> tuple[str, str]:
    """Reasoning and content of a choice, also where the model wrote both into one text with `<think>` tags.

    Chat templates that open the tag in the prompt leave a closing one alone; a tag that is never closed means that
    the model was cut off while it thought.
    """
    if choice.reasoning:
        return choice.reasoning.strip(), choice.content.strip()
    before, closed, after = choice.content.rpartition("</think>")
    if closed:
        return before.replace("<think>", "", 1).strip(), after.strip()
    if choice.content.lstrip().startswith("<think>"):
        return choice.content.lstrip().removeprefix("<think>").strip(), ""
    return "", choice.content.strip()


def extract_answer(content: str) -> str | None:
    """The last answer that a content states on a line `Answer: …`; None where there is none."""
    stated = _ANSWER.findall(content)
    if not stated:
        return None
    answer = _WRAPPING.sub("", stated[-1].strip()).strip()
    return answer or None
