"""Engines answer prompts: a `Request` goes in, a `Completion` comes out.

    >>> request = Request(prompt="judge", inputs={"question": "…", "reference": "14", "answer": "fourteen"}, seed=7)
    >>> completion = await engine.complete(request)
    >>> completion.choices[0].content
    '{"equal": true}'

A request carries the prompt's name and inputs. Engines that speak to a model render them with `longhop.prompting`;
`lexical` reads the inputs themselves. The three kinds: `lexical` (embedded), `openai`, `vllm`; `scripted` is for tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

import msgspec

__all__ = ["REFUSALS", "Choice", "Completion", "Engine", "Request", "Usage"]

REFUSALS = ("too_long", "refused_content", "bad_request", "no_usable_reply")
"""Reasons for which engines refuse a request; what was refused is not stored, so it can be asked again."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt to be answered `samples` times."""

    prompt: str
    """Name of the prompt: the stem of a file in `prompts/`."""
    inputs: Mapping[str, Any]
    """What the prompt takes; plain JSON values."""
    seed: int
    """Sample i is drawn with seed + i."""
    samples: int = 1
    sampling: Mapping[str, Any] = {}
    """`temperature`, `top_p`, `max_tokens`; a missing key is not sent."""
    affinity: str = ""
    """Requests of one context share it, so that they can share a server's prefix cache."""
    schema: Mapping[str, Any] | None = None
    """JSON schema of the content, where it is structured."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One sample of a completion."""

    content: str
    """What follows the reasoning."""
    reasoning: str = ""
    finish_reason: str = "stop"
    """`stop`, or `length` where the answer was cut off."""
    n_tokens: int = 0
    """Tokens of reasoning and content, as the engine counts them."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that a request cost, summed over its samples."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """Tokens of the prompt that the engine had computed before."""

    def __add__(self, other: Self) -> Self:
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine gave back for one request: one choice a sample, in order of the samples; maybe not of all."""

    choices: tuple[Choice, ...]
    usage: Usage = Usage()


class Engine(Protocol):
    """Anything that answers prompts.

    One that takes a limited number of samples a request says so by an attribute `at_once`.
    """

    @property
    def model(self) -> str:
        """Name of what answers, for the tables."""

    def key(self, request: Request) -> str:
        """Hash of all that decides the answer but seed and number of samples: what is sent, model, arguments."""

    async def complete(self, request: Request) -> Completion:
        """Answer one request: at least its first sample; who asks stores what came and asks for the rest.

        Raises:
            Refused: This request cannot be answered; the others can.
            EngineError: No request can be answered.
        """
