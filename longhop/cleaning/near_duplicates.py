"""Near-duplicates: MinHash signatures of word shingles, compared through locality-sensitive hashing.

    >>> one, two = signature("The cat sat on the mat by the door."), signature("the cat sat on the mat, by the door!")
    >>> near_duplicates([one, two], 0.8)
    [None, Same(place=0, share=1.0)]

Shingles are three words long, without case and punctuation. A signature has 128 values, which estimate the Jaccard
similarity of two texts to within 0.04 (one standard deviation, at 0.5). Where lengths are known, what counts is the
share of the shorter text that stands in the longer one too, as it follows from both: two forms of a paper, one without
its references, are the same. Measured on 31 books and 27 papers, Jaccard similarity and share: two editions that differ
in spelling (Uncle Remus, 10 and 11) 0.89 and 0.95; a paper as Markdown and as PDF 0.54 and 0.84; different works at
most 0.14 and 0.26, and most of them 0.04 and 0.10.

A text within one that is much longer, a chapter and its book, is not found: similarities below 0.4 are too coarse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from longhop.words import split_words

__all__ = ["Same", "near_duplicates", "signature", "similarity"]

SHINGLE_WORDS = 3
PERMUTATIONS = 128
SEED = 1
"""Part of what a signature means: another seed, another signature."""
FOUND = 0.995
"""Least probability that two texts of exactly the wanted similarity are compared at all."""
LEAST = 0.4
"""Jaccard similarity below which a share is not estimated."""

MOST = 256
"""Texts of a bucket that others are compared with. So many that are kept although they have a band in common have
boilerplate in common; what is truly alike has other bands in common, too."""

_Signatures = npt.NDArray[np.uint32]
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Same(NamedTuple):
    """What a text is a near-duplicate of."""

    place: int
    """The other's place."""
    share: float
    """Share of the shorter of the two that both have; the Jaccard similarity where lengths are not known."""


def signature(text: str) -> list[int]:
    """MinHash of the text's shingles; equal on all machines."""
    words = split_words(text.lower())
    if len(words) < SHINGLE_WORDS:
        shingles = [" ".join(words) or text]  # texts of signs alone are not all the same
    else:
        shingles = list(map(" ".join, zip(words, words[1:], words[2:], strict=False)))
    minhash = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    minhash.update(shingles)
    return list(minhash.digest())


def similarity(one: Sequence[int], two: Sequence[int]) -> float:
    """Estimated Jaccard similarity: the share of equal values."""
    return float(np.mean(np.asarray(one, dtype=np.uint64) == np.asarray(two, dtype=np.uint64)))


def near_duplicates(
    signatures: Sequence[Sequence[int]] | _Signatures,
    threshold: float,
    lengths: Sequence[int] | None = None,
    settled: int = 0,
) -> list[Same | None]:
    """Of each text the one before it that it is a near-duplicate of, among those that are none themselves.

    Args:
        signatures: In the order in which texts are kept, so that of two similar ones the first stays.
        threshold: The share from which two texts are the same.
        lengths: Characters of each.
        settled: So many of the first are kept, whatever they resemble.

    Returns:
        For each text None, or the most similar one before it, the first of equally similar ones.
    """
    values = np.ascontiguousarray(np.asarray(signatures, dtype=np.uint32).reshape(-1, PERMUTATIONS))
    sizes = None if lengths is None else np.maximum(1, np.asarray(lengths, dtype=np.float64))
    buckets = _Buckets(values, _rows(threshold))
    found: list[Same | None] = []
    for place in range(len(values)):
        same = None
        if place >= settled and len(others := buckets.before(place)):
            shares = np.mean(values[others] == values[place], axis=1)
            if sizes is not None:
                shares = _shares(shares, sizes[others], sizes[place])
            best = int(np.argmax(shares))
            if shares[best] >= threshold:
                same = Same(int(others[best]), float(shares[best]))
        if same is None:
            buckets.keep(place)
        found.append(same)
    return found


def _shares(
    jaccard: npt.NDArray[np.float64], lengths: npt.NDArray[np.float64], length: float
) -> npt.NDArray[np.float64]:
    """Share of the shorter of two texts that both have, where it can be told."""
    common = jaccard / (1 + jaccard) * (lengths + length)
    shares = np.minimum(common / np.minimum(lengths, length), 1.0)
    return np.where((jaccard >= LEAST) & (jaccard < 1), shares, jaccard)


class _Buckets:
    """Texts that have a band of their signatures in common; those that are kept, in their order.

    All is laid out before the first text is looked at, in arrays: a bucket is a stretch of `members`, filled as texts
    are kept. A band that only one text has is no bucket, and most are such.
    """

    def __init__(self, values: _Signatures, rows: int) -> None:
        count, bands = len(values), PERMUTATIONS // rows
        self._bucket = np.full((count, bands), -1, dtype=np.int64)
        starts: list[npt.NDArray[np.int64]] = []
        end = 0
        for band in range(bands):
            keys = np.zeros(count, dtype=np.uint64)
            for row in range(rows):
                keys = (keys ^ values[:, band * rows + row]) * _FACTOR
                keys ^= keys >> np.uint64(29)
            _, which, members = np.unique(keys, return_inverse=True, return_counts=True)
            shared = members > 1
            numbers = np.where(shared, np.cumsum(shared) - 1 + sum(map(len, starts)), -1)
            self._bucket[:, band] = numbers[which]
            ends = end + np.cumsum(members[shared])
            starts.append(ends - members[shared])
            end = int(ends[-1]) if len(ends) else end
        self._starts = np.concatenate(starts) if starts else np.empty(0, dtype=np.int64)
        self._filled = self._starts.copy()
        self._members = np.empty(end, dtype=np.int32)

    def before(self, place: int) -> npt.NDArray[np.int64]:
        """Places of the texts kept so far that share a bucket with this one, in their order."""
        mine = self._bucket[place]
        mine = mine[mine >= 0]
        stretches = [self._members[self._starts[b] : self._filled[b]] for b in mine.tolist()]
        stretches = [stretch for stretch in stretches if len(stretch)]
        if not stretches:
            return np.empty(0, dtype=np.int64)
        return np.unique(np.concatenate(stretches)).astype(np.int64)

    def keep(self, place: int) -> None:
        """Put a text into its buckets."""
        mine = self._bucket[place]
        mine = mine[mine >= 0]
        mine = mine[self._filled[mine] - self._starts[mine] < MOST]
        self._members[self._filled[mine]] = place
        self._filled[mine] += 1


def _rows(threshold: float) -> int:
    """Values in a band: as many as still find nearly all pairs at the threshold, so that few others are compared."""
    for rows in (32, 16, 8, 4, 2):
        if 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= FOUND:
            return rows
    return 1
