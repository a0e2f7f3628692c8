"""Passages: what of a document bears on a question, for prompts that are short."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from longhop.reading import content_words

__all__ = ["excerpt"]


def excerpt(
    text: str,
    start: int,
    end: int,
    spans: Sequence[tuple[int, int]],
    words: frozenset[str],
    budget: int,
    count: Callable[[str], int],
) -> str:
    """A document's passages that bear on a question, `budget` tokens at most; the whole document where it fits.

    Paragraphs with evidence (`spans`, offsets in `text` as `start` and `end` are) come first, then those that share
    most words with the question, in the order of the document; gaps are marked by `[…]`.
    """
    if count(text[start:end]) <= budget:
        return text[start:end]
    paragraphs = [
        (start + match.start(), start + match.end())
        for match in re.finditer(r"\S(?:[^\n]|\n(?!\s*\n))*", text[start:end])
    ]
    rank = []
    for number, (first, last) in enumerate(paragraphs):
        grounded = any(a < last and b > first for a, b in spans)
        shared = len(words & content_words(text[first:last]))
        rank.append((-grounded, -shared, number))
    taken, left = set(), budget
    for _, _, number in sorted(rank):
        cost = count(text[paragraphs[number][0] : paragraphs[number][1]]) + 2
        if cost <= left:
            taken.add(number)
            left -= cost
        elif left < budget // 20:
            break
    parts: list[str] = []
    for number in sorted(taken):
        if parts and number - 1 not in taken:
            parts.append("[…]")
        parts.append(text[paragraphs[number][0] : paragraphs[number][1]])
    return "\n\n".join(parts)
