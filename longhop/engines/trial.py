"""A first short question to a role's servers, before a build sends thousands: do they answer, and do they reason?

    >>> try_out(recipe, "reader", load_prompts())
    Tried(answered=True, reasoned=False)

That a server lists its models says nothing of its chat, nor of the key on those that show the list to everybody.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from longhop.engines import Request
from longhop.prompting import Prompts
from longhop.recipe import Recipe
from longhop.replies.reasoning import split_reasoning
from longhop.tokens import load_tokenizer

__all__ = ["SECONDS", "Tried", "try_out"]

SECONDS = 60.0
"""For which an answer is waited; a server that is busy may take longer, and is not wrong."""
_TOKENS = 1024
"""Of the answer, at most: enough for most models to come to its end."""
_QUESTION = "How much is seventeen times twenty-four?"


class Tried(NamedTuple):
    """What came of it."""

    answered: bool
    """Within the time."""
    reasoned: bool | None
    """Whether the model reasoned by itself; None where its answer did not come to an end."""


def try_out(recipe: Recipe, role: str, prompts: Prompts) -> Tried:
    """Ask the servers of a role, of the kind `openai`, a short question.

    Raises:
        EngineError: They refuse it, or answer with what is no answer.
    """
    with ThreadPoolExecutor(1) as thread:  # a notebook has a loop of its own running in this one
        return thread.submit(asyncio.run, _tried(recipe, role, prompts)).result()


async def _tried(recipe: Recipe, role: str, prompts: Prompts) -> Tried:
    # The official client takes a second to import, which checks without a server need not pay.
    from longhop.engines.openai import OpenAIEngine  # noqa: PLC0415

    engine = OpenAIEngine(role, recipe.engines[role], prompts, load_tokenizer("words").count, counts_words=True)
    request = Request(
        prompt="answer",
        inputs={"context": "", "question": _QUESTION},
        seed=recipe.seed,
        sampling={"max_tokens": _TOKENS},
    )
    try:
        async with asyncio.timeout(SECONDS):
            completion = await engine.try_out(request)
    except TimeoutError:
        completion = None
    finally:
        await engine.close()
    if completion is None:
        return Tried(answered=False, reasoned=None)
    choice = completion.choices[0]
    reasoned = bool(choice.reasoning.strip() or split_reasoning(choice.content)[0])
    return Tried(answered=True, reasoned=None if choice.finish_reason == "length" and not reasoned else reasoned)
