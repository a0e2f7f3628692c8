"""Where a long document is cut: a piece of wanted length between two of its cuts.

    >>> cuts = [Cut(offset=400, tokens=100, level="chapter"), Cut(offset=900, tokens=220, level="chapter")]
    >>> Cuttable.of(1_300, 330, cuts).piece(least=90, most=120, used=set(), choice=0)
    Stretch(start=0, end=400, tokens=100)

Chapters, sections and files are preferred to paragraphs, at both ends first, then at the beginning only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from longhop.records import Cut

__all__ = ["Cuttable", "Stretch"]

_Numbers = npt.NDArray[np.integer[Any]]


class Stretch(NamedTuple):
    """Part of a document's text, in code points, and its tokens."""

    start: int
    end: int
    tokens: int


class Cuttable(NamedTuple):
    """A document's length, and the places where it may be cut, in rising order."""

    n_chars: int
    n_tokens: int
    offsets: _Numbers
    tokens: _Numbers
    """Tokens before each place."""
    large: npt.NDArray[np.bool_]
    """Whether a chapter, section or file begins there."""

    @classmethod
    def of(cls, n_chars: int, n_tokens: int, cuts: Sequence[Cut]) -> Self:
        """The places of a document with these cuts."""
        return cls(
            n_chars,
            n_tokens,
            np.array([cut.offset for cut in cuts], np.int64),
            np.array([cut.tokens for cut in cuts], np.int64),
            np.array([cut.level != "paragraph" for cut in cuts], np.bool_),
        )

    def piece(
        self, least: int, most: int, used: Collection[int], choice: int, beside: Sequence[Stretch] = ()
    ) -> Stretch | None:
        """A stretch of `least` to `most` tokens, as long as its beginning allows; None where no two cuts give one.

        Args:
            least: Fewest tokens.
            most: Most tokens.
            used: Offsets where earlier pieces of the document begin; others are preferred.
            choice: Any number; it picks among the possible beginnings.
            beside: Stretches of the document that it may not overlap.
        """
        if most < max(least, 1):
            return None
        inner = (self.offsets > 0) & (self.offsets < self.n_chars)
        offsets = np.concatenate(([0], self.offsets[inner], [self.n_chars])).astype(np.int64)
        tokens = np.concatenate(([0], self.tokens[inner], [self.n_tokens])).astype(np.int64)
        everywhere = np.arange(len(offsets))
        large = everywhere[np.concatenate(([True], self.large[inner], [True]))]
        taken = np.array(sorted(used), np.int64)
        again: Stretch | None = None
        for starts, ends in ((large, large), (large, everywhere), (everywhere, everywhere)):
            reach = np.searchsorted(tokens[ends], tokens[starts] + most, side="right") - 1
            stops = ends[np.maximum(reach, 0)]
            sizes = tokens[stops] - tokens[starts]
            apart = (sizes >= max(least, 1)) & (stops > starts)
            for other in beside:
                apart &= (offsets[stops] <= other.start) | (offsets[starts] >= other.end)
            fits = np.flatnonzero(apart)
            fresh = fits[~np.isin(offsets[starts[fits]], taken)]
            if len(fits) and (len(fresh) or again is None):
                i = int(fresh[choice % len(fresh)] if len(fresh) else fits[choice % len(fits)])
                stretch = Stretch(int(offsets[starts[i]]), int(offsets[stops[i]]), int(sizes[i]))
                if len(fresh):
                    return stretch
                again = stretch
        return again
