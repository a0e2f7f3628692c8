"""Where a long document is cut: a piece of wanted length between two of its cuts.

    >>> cuts = [Cut(offset=400, tokens=100, level="chapter"), Cut(offset=900, tokens=220, level="chapter")]
    >>> Cuttable.of(1_300, 330, cuts).piece(least=90, most=120, used=set(), choice=0)
    Stretch(start=0, end=400, tokens=100)

Chapters, sections and files are preferred to paragraphs, at both ends first, then at the beginning only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from longhop.records import Cut

__all__ = ["Cuttable", "Stretch"]

_Ints = npt.NDArray[np.int64]


class Stretch(NamedTuple):
    """Part of a document's text, in code points, and its tokens."""

    start: int
    end: int
    tokens: int


class Cuttable(NamedTuple):
    """The places where a document may begin or end, its own ends among them, in rising order."""

    offsets: _Ints
    tokens: _Ints
    """Tokens before each place."""
    large: npt.NDArray[np.bool_]
    """Whether a chapter, section or file begins there."""

    @classmethod
    def of(cls, n_chars: int, n_tokens: int, cuts: Sequence[Cut]) -> Self:
        """The places of a document with these cuts."""
        inner = sorted((c.offset, c.tokens, c.level != "paragraph") for c in cuts if 0 < c.offset < n_chars)
        places = [(0, 0, True), *inner, (n_chars, n_tokens, True)]
        offsets, tokens, large = zip(*places, strict=True)
        return cls(np.array(offsets, np.int64), np.array(tokens, np.int64), np.array(large, np.bool_))

    def piece(self, least: int, most: int, used: Collection[int], choice: int) -> Stretch | None:
        """A stretch of `least` to `most` tokens, as long as its beginning allows; None where no two cuts give one.

        Args:
            least: Fewest tokens.
            most: Most tokens.
            used: Offsets where earlier pieces of the document begin; others are preferred.
            choice: Any number; it picks among the possible beginnings.
        """
        if most < max(least, 1):
            return None
        everywhere = np.arange(len(self.offsets))
        large = everywhere[self.large]
        taken = np.array(sorted(used), np.int64)
        again: Stretch | None = None
        for starts, ends in ((large, large), (large, everywhere), (everywhere, everywhere)):
            reach = np.searchsorted(self.tokens[ends], self.tokens[starts] + most, side="right") - 1
            stops = ends[np.maximum(reach, 0)]
            sizes = self.tokens[stops] - self.tokens[starts]
            fits = np.flatnonzero((sizes >= max(least, 1)) & (stops > starts))
            fresh = fits[~np.isin(self.offsets[starts[fits]], taken)]
            if len(fits) and (len(fresh) or again is None):
                i = int(fresh[choice % len(fresh)] if len(fresh) else fits[choice % len(fits)])
                stretch = Stretch(int(self.offsets[starts[i]]), int(self.offsets[stops[i]]), int(sizes[i]))
                if len(fresh):
                    return stretch
                again = stretch
        return again
