r"""Answers: reasoning and content out of nothing, cut to what was asked for, in the form of a message.

>>> message(Answer("It is Ines.", "Answer: 340"), "think")
{'role': 'assistant', 'content': '<think>\nIt is Ines.\n</think>\n\nAnswer: 340'}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from tests.model_server.options import Script
from tests.model_server.schemas import instance
from tests.model_server.tokens import clip, count_tokens
from tests.model_server.words import some_words

__all__ = ["Answer", "limited", "message", "of_words"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One sample."""

    reasoning: str
    content: str
    finish_reason: str = "stop"

    @property
    def n_tokens(self) -> int:
        """Tokens of both; tags count nothing."""
        return count_tokens(self.reasoning) + count_tokens(self.content)


def of_words(script: Script, prompt: bytes, seed: int, schema: Mapping[str, Any] | None) -> Answer:
    """Words, or JSON, that are a function of model, prompt and seed."""
    rng = Random(f"{script.model} {prompt.hex()} {seed}")
    reasoning = some_words(rng, _about(rng, script.reasoning_words)) if script.reasoning != "none" else ""
    if schema is not None:
        return Answer(reasoning, msgspec.json.encode(instance(schema, rng)).decode())
    return Answer(reasoning, f"{some_words(rng, _about(rng, script.content_words))}.\n\nAnswer: {some_words(rng, 1)}")


def _about(rng: Random, mean: int) -> int:
    return rng.randint(mean - mean // 2, mean + mean // 2)


def limited(answer: Answer, most: int, stop: Sequence[str]) -> Answer:
    """An answer that ends before the first of the words that stop it, and after so many tokens at most."""
    for field in ("reasoning", "content"):
        text = getattr(answer, field)
        ends = [at for word in stop if word and (at := text.find(word)) >= 0]
        if ends:
            stopped = text[: min(ends)]
            answer = Answer(stopped, "") if field == "reasoning" else Answer(answer.reasoning, stopped)
    thought = count_tokens(answer.reasoning)
    if thought + count_tokens(answer.content) <= most:
        return answer
    if thought >= most:
        return Answer(clip(answer.reasoning, most), "", "length")
    return Answer(answer.reasoning, clip(answer.content, most - thought), "length")


def message(answer: Answer, style: str) -> dict[str, Any]:
    """An answer as the message of a choice. One that was cut off while it thought has no closing tag, or no content."""
    reasoning, content = answer.reasoning, answer.content
    said: dict[str, Any] = {"role": "assistant", "content": content}
    if style in ("reasoning_content", "reasoning"):
        # vLLM's parsers give null where there is nothing of either.
        said |= {"content": content or None, style: reasoning or None}
    elif style == "none":
        said["content"] = f"{reasoning}\n\n{content}" if reasoning else content
    elif reasoning:
        opening = "<think>\n" if style == "think" else ""
        closing = f"\n</think>\n\n{content}" if content else ""
        said["content"] = f"{opening}{reasoning}{closing}"
    return said
