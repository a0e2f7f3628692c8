"""Passages that a writer is shown of each document of a context."""

from __future__ import annotations

import re
from collections.abc import Callable

from longhop.reading import mentions

__all__ = ["choose_passages"]

_PASSAGE_TOKENS = 4096  # a document's share of a prompt with `scope: passages`
_BRIDGE_DOCUMENTS = 4  # a name in more documents than this bridges nothing


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
