"""Words of a text, and its runs of 13 words, as numbers: arrays that are equal where words are, on every machine.

    >>> text = "who kept the log of the ferry in the winter after the mill had burned?"
    >>> words = words_of(text)
    >>> hashes, places = runs_of(words)
    >>> len(hashes), words.said(text, int(places[0]))
    (3, 'who kept the log of the ferry in the winter after the mill')

In scripts without blanks two characters count as a word. Runs that say nothing are left out: of numbers, of single
letters, of one phrase again and again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from longhop.cleaning.characters import LETTER, UNSPACED, WORD, characters

__all__ = ["RUN", "Words", "runs_of", "words_of"]

RUN = 13
"""Words in a row that are compared."""
TELLING = 7
"""Words of a run that must have two letters, and that must differ from the three before."""
PIECE_CHARS = 1_000_000

_Hashes = npt.NDArray[np.uint64]
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_BASE = np.uint64(0x100000001B3)


class Words(NamedTuple):
    """The words of a text, in arrays of one length."""

    hashes: _Hashes
    starts: npt.NDArray[np.int64]
    """Offset of each."""
    telling: npt.NDArray[np.bool_]
    """Whether it has two letters."""

    def said(self, lowered: str, place: int) -> str:
        """The run that begins with a word, in the text that the words are of, without marks."""
        starts = self.starts
        end = int(starts[place + RUN]) if place + RUN < len(starts) else len(lowered)
        stretch = lowered[int(starts[place]) : end]
        _, classes = characters(stretch)
        return " ".join("".join(c if k & WORD else " " for c, k in zip(stretch, classes.tolist(), strict=True)).split())


def words_of(lowered: str) -> Words:
    """Words of a text in small letters, piece by piece, so that a book takes little more memory than a page."""
    parts = []
    start = 0
    while start < len(lowered):
        end = min(len(lowered), start + PIECE_CHARS)
        while end < len(lowered) and end > start + PIECE_CHARS // 2 and not lowered[end - 1].isspace():
            end -= 1
        if end <= start + PIECE_CHARS // 2:  # no blank in sight
            end = min(len(lowered), start + PIECE_CHARS)
        hashes, starts, telling = _words_of_piece(lowered[start:end])
        parts.append((hashes, starts + start, telling))
        start = end
    if not parts:
        return Words(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_))
    return Words(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _words_of_piece(piece: str) -> tuple[_Hashes, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    codes, classes = characters(piece)
    within = classes & WORD != 0
    begins = within.copy()
    begins[1:] &= ~within[:-1]
    unspaced = classes & UNSPACED != 0
    if unspaced.any():
        # Two characters are a word; where such a script begins or ends, a word does.
        changes = np.empty(len(codes), dtype=np.bool_)
        changes[0] = True
        changes[1:] = unspaced[1:] != unspaced[:-1]
        since = np.arange(len(codes)) - np.maximum.accumulate(np.where(changes | begins, np.arange(len(codes)), 0))
        begins |= within & np.where(unspaced, since % 2 == 0, changes)
    starts = np.flatnonzero(begins)
    if not len(starts):
        return np.empty(0, dtype=np.uint64), starts, np.empty(0, dtype=np.bool_)
    edges = np.concatenate(([0], starts, [len(codes)]))
    place = np.arange(len(codes)) - np.repeat(edges[:-1], np.diff(edges))
    weights = _powers(int(place.max()).bit_length())[place]
    values = np.where(within, codes.astype(np.uint64) * weights, np.uint64(0))
    hashes = np.add.reduceat(values, starts)
    hashes = (hashes ^ (hashes >> np.uint64(32))) * _FACTOR
    letters = np.add.reduceat((classes & LETTER != 0).astype(np.int32), starts)
    return hashes, starts, letters > 1


@lru_cache(maxsize=24)
def _powers(bits: int) -> _Hashes:
    """Weights of the characters of a word, by their places, of which there are two to the power of `bits`."""
    return np.cumprod(np.concatenate(([np.uint64(1)], np.full(2**bits - 1, _BASE))), dtype=np.uint64)


def runs_of(words: Words) -> tuple[_Hashes, npt.NDArray[np.int64]]:
    """Hashes of the runs that say something, and the word that each begins with."""
    count = len(words.hashes) - RUN + 1
    if count < 1:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
    fresh = np.ones(len(words.hashes), dtype=np.bool_)
    for back in (1, 2, 3):
        fresh[back:] &= words.hashes[back:] != words.hashes[:-back]
    places = np.flatnonzero((_in_run(words.telling) >= TELLING) & (_in_run(fresh) >= TELLING))
    total = np.zeros(len(places), dtype=np.uint64)
    for word in range(RUN):
        total = (total ^ words.hashes[places + word]) * _FACTOR
        total ^= total >> np.uint64(29)
    return total, places


def _in_run(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many of the words of each run are such."""
    sums = np.concatenate(([0], np.cumsum(flags)))
    return np.asarray(sums[RUN:] - sums[:-RUN])
