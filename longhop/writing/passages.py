r"""Passages: of each document what stands around its places, within a budget of tokens.

    >>> choose_passages({0: "…\n\nInes slept.\n\n…", 3: "Short."}, {0: [(5, 9)], 3: [(0, 0)]}, 8192, count)
    {0: 'Ines slept.\n\n…', 3: 'Short.'}

A document that fits is shown whole. Of a longer one the paragraphs with the places come first, those of every document
in turn, then what surrounds them, as far as the budget goes; gaps are marked by `[…]`. Every document has some words.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["choose_passages"]

_GAP = "[…]"
_PARAGRAPH = re.compile(r"\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")
_LONG = 1_200  # characters from which a paragraph is cut into pieces
_CUT = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n|(?<=[。！？])")
_FARTHEST = 400  # pieces on each side of a place


def choose_passages(
    texts: Mapping[int, str], places: Mapping[int, Sequence[tuple[int, int]]], budget: int, count: Callable[[str], int]
) -> dict[int, str]:
    """Of each text what stands around its places.

    Args:
        texts: The documents that are to be shown, by number.
        places: Of each, start and end of what is to be seen, the most telling first; without any, its beginning.
        budget: Tokens of all passages together.
        count: Tokens of a text.

    Returns:
        A text that is not empty for each document that has one; verbatim but for the marks of gaps.
    """
    filled = {number: text for number, text in texts.items() if text.strip()}
    shown: dict[int, str] = {}
    left = budget
    # The shortest first: what they do not need is left to the others.
    open_ = sorted(filled, key=lambda number: (len(filled[number]), number))
    while open_:
        share, number = left // len(open_), open_[0]
        # A token is rarely longer than 16 characters: what cannot fit is not counted.
        cost = count(filled[number]) if len(filled[number]) <= 16 * max(share, 1) else share + 1
        if cost > share:
            break
        shown[number] = filled[number]
        left -= cost
        open_.pop(0)
    if open_:
        shown |= _parts({number: filled[number] for number in sorted(open_)}, places, left, count)
    return {number: shown[number] for number in texts if number in shown}


def _parts(
    texts: Mapping[int, str], places: Mapping[int, Sequence[tuple[int, int]]], left: int, count: Callable[[str], int]
) -> dict[int, str]:
    pieces = {number: list(_pieces(text)) for number, text in texts.items()}
    taken: dict[int, set[int]] = {number: set() for number in texts}
    shares = dict.fromkeys(texts, left // len(texts))
    orders = {number: _order(pieces[number], places.get(number, ())) for number in texts}
    # A first round gives every document its share, a second one what others did not need.
    for _ in range(2):
        waiting = dict(orders)
        while waiting:
            for number in list(waiting):
                at = next(waiting[number], None)
                if at is None:
                    del waiting[number]
                elif at not in taken[number]:
                    start, end = pieces[number][at]
                    cost = count(texts[number][start:end])
                    if cost <= min(shares[number], left):
                        taken[number].add(at)
                        shares[number] -= cost
                        left -= cost
                    elif taken[number]:
                        del waiting[number]
        shares = dict.fromkeys(texts, left)
        orders = {number: _order(pieces[number], places.get(number, ())) for number in texts}
    least = max(1, left // max(1, sum(not own for own in taken.values())))
    return {
        number: _joined(text, pieces[number], sorted(taken[number]))
        or _clipped(text, next(iter(places.get(number, ())), (0, 0))[0], least, count)
        for number, text in texts.items()
    }


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs; long ones in pieces that end with a sentence or a line, or at the worst anywhere."""
    for paragraph in _PARAGRAPH.finditer(text):
        start, end = paragraph.span()
        while end - start > _LONG:
            half = start + _LONG // 2
            cut = _CUT.search(text, half, min(end, start + _LONG))
            stop = cut.end() if cut and cut.end() > start else start + _LONG
            yield start, stop
            start = stop
        if start < end:
            yield start, end


def _order(pieces: Sequence[tuple[int, int]], places: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Pieces with the places, then those ever farther from them."""
    starts = [start for start, _ in pieces]
    homes = list(dict.fromkeys(max(0, bisect_right(starts, start) - 1) for start, _ in places)) or [0]
    for far in range(_FARTHEST):
        for home in homes:
            for at in (home + far, home - far) if far else (home,):
                if 0 <= at < len(pieces):
                    yield at


def _joined(text: str, pieces: Sequence[tuple[int, int]], taken: Sequence[int]) -> str:
    """Neighbours as they stand in the text, others with a mark between them."""
    runs: list[tuple[int, int]] = []
    for before, at in zip([None, *taken], taken, strict=False):
        start, end = pieces[at]
        if before is not None and before == at - 1:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return f"\n\n{_GAP}\n\n".join(text[start:end].strip("\n") for start, end in runs)


def _clipped(text: str, start: int, most: int, count: Callable[[str], int]) -> str:
    """As much from `start` on as fits, a letter at least: a document that is named must be seen."""
    rest = text[start:].strip() or text.strip()
    part = rest[: 16 * most]
    while len(part) > 1 and count(part) > most:
        part = part[: len(part) // 2]
    # Up to the end of a word, if there is one.
    whole = part if len(part) == len(rest) else part.rpartition(" ")[0]
    return whole.strip() or part.strip()
