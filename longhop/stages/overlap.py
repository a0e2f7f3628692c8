"""Texts that no document may overlap: benchmarks whose questions a model must not have seen.

    >>> excluded = ExcludedText(["one two three four five six seven eight nine ten eleven twelve thirteen fourteen"])
    >>> excluded.overlap("Zero one two three four five six seven eight nine ten eleven twelve thirteen.")
    'one two three four five six seven eight nine ten eleven twelve thirteen'

Overlap is a run of 13 equal words, case and punctuation aside: the measure of the GPT-3 paper (arXiv 2005.14165, C.1).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

__all__ = ["ExcludedText"]

RUN = 13
"""Words in a row that make an overlap."""

_WORD = re.compile(r"\w+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class ExcludedText:
    """Runs of words that no document may have."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._numbers: dict[str, int] = {}
        self._runs: set[tuple[str, ...]] = set()
        for text in texts:
            words = _WORD.findall(text.lower())
            self._runs.update(zip(*(words[i:] for i in range(RUN)), strict=False))
        for run in self._runs:
            for word in run:
                self._numbers.setdefault(word, len(self._numbers) + 1)
        numbers = np.array([[self._numbers[word] for word in run] for run in self._runs], dtype=np.uint64)
        self._hashes = np.unique(_rolled(numbers.reshape(-1, RUN).T)) if self._runs else np.empty(0, dtype=np.uint64)

    @property
    def fingerprint(self) -> str:
        """Hash of the runs, whatever files they came from."""
        digest = hashlib.sha256()
        for run in sorted(self._runs):
            digest.update(" ".join(run).encode())
            digest.update(b"\n")
        return digest.hexdigest()[:16]

    def overlap(self, text: str) -> str | None:
        """The first run of words that `text` shares with the excluded texts, or None."""
        if not self._runs:
            return None
        words = _WORD.findall(text.lower())
        if len(words) < RUN:
            return None
        # Words that no excluded text has are 0; a run with one of them cannot match.
        numbers = np.fromiter((self._numbers.get(word, 0) for word in words), dtype=np.uint64, count=len(words))
        windows = np.lib.stride_tricks.sliding_window_view(numbers, RUN)
        known = np.flatnonzero(windows.min(axis=1))
        hits = known[np.isin(_rolled(windows[known].T), self._hashes)]
        for place in hits:
            run = tuple(words[place : place + RUN])
            if run in self._runs:
                return " ".join(run)
        return None


def _rolled(columns: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """One hash a run, `columns[i]` being the i-th words of all runs; different runs may share one, equal runs do."""
    total = np.zeros(columns.shape[1], dtype=np.uint64)
    for column in columns:
        total = (total ^ column) * _FACTOR
    return total
