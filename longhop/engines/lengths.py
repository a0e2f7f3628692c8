"""Lengths of prompts in tokens, counted before they are sent: each long text once, and none in the event loop.

    >>> lengths = Lengths(load_tokenizer("words").count)
    >>> await lengths.of(messages, request.inputs)     # the second question on a context counts the question only
    131_105

Counts of parts are added up, which is exact to a token or two a part.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["Lengths"]

_LONG_TEXT = 20_000
"""Characters from which a text is counted by itself, in a thread."""
_REMEMBERED = 4096


class Lengths:
    """Counts prompts that have long texts in common."""

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        self._known: OrderedDict[tuple[int, int], asyncio.Future[int]] = OrderedDict()
        """By length and hash of the text; the texts themselves would fill the memory."""

    async def of(self, messages: Sequence[Mapping[str, str]], inputs: Mapping[str, Any]) -> int:
        """Tokens of messages that were rendered from inputs."""
        long = [text for text in _texts(inputs) if len(text) >= _LONG_TEXT]
        total = 0
        for message in messages:
            content = message["content"]
            for text in long:
                if times := content.count(text):
                    content = content.replace(text, "\n")
                    total += times * await self._once(text)
            total += self._count(content) if len(content) < _LONG_TEXT else await self._once(content)
        return total

    async def _once(self, text: str) -> int:
        name = (len(text), hash(text))
        if name not in self._known:
            self._known[name] = asyncio.ensure_future(asyncio.to_thread(self._count, text))
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return await asyncio.shield(self._known[name])


def _texts(inputs: Any) -> Iterator[str]:
    """All texts among the inputs of a prompt."""
    if isinstance(inputs, str):
        yield inputs
    elif isinstance(inputs, Mapping):
        for value in inputs.values():
            yield from _texts(value)
    elif isinstance(inputs, list | tuple):
        for value in inputs:
            yield from _texts(value)
