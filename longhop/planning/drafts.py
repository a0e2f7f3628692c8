"""A context in the making: what it has, how much room is left, and what a further document may have of it.

>>> draft = Draft(8192, costs, shares={}, together=False)
>>> add_piece(draft, stock, [17], least=1024)
True
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from longhop.planning.pieces import Stretch
from longhop.planning.stock import Costs, Pick, Stock, least_full

__all__ = ["Draft", "add_piece"]

LEAST_PIECE = 64
"""A piece of a document that closes a gap has no fewer tokens than this, short contexts aside."""
WINDOW_PERCENT = 2
"""Sizes that make a context full lie this percentage of its budget apart at least, whatever its seams leave open."""


@dataclass
class Draft:
    """A context in the making, reckoned with the most tokens that it can have, so that it is never too long."""

    budget: int
    costs: Costs
    shares: Mapping[str, float]
    """Of the budget, by kind; empty where kinds may have any."""
    together: bool
    """Whether a document may have several pieces in it."""
    shared: bool = True
    """Whether kinds are kept to their shares; no longer, once the corpus has nothing that fits them better."""
    picks: list[Pick] = field(default_factory=list)
    documents: Counter[int] = field(default_factory=Counter)
    size: int = 0
    spread: int = 0
    """How many tokens fewer than `size` it may have."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Sizes of the picks of each kind."""

    @property
    def half(self) -> int:
        """The most that a document may have of it."""
        return self.budget // 2

    @property
    def room(self) -> int:
        """Tokens that are left."""
        return self.budget - self.costs.spare + self._beyond(self.spread) - self.size

    @property
    def gap(self) -> int:
        """The largest size that a further document may have."""
        return min(self.room, self.half)

    @property
    def floor(self) -> int:
        """The smallest size that a piece which closes a gap may have."""
        return min(LEAST_PIECE, self.budget // 16)

    def allowance(self, kind: str) -> int:
        """The largest size that a further document of the kind may have, by the kind's share."""
        if not self.shares or not self.shared:
            return self.gap
        return min(self.gap, max(0, int(self.lacks(kind))))

    def lacks(self, kind: str) -> float:
        """Tokens that a kind has too few; positive while it has not its share."""
        return self.shares.get(kind, 0.0) * self.budget - self.kinds[kind]

    def beside(self, document: int) -> list[Stretch] | None:
        """Stretches of the document that are here; None where it may have no further one."""
        if self.documents[document] and not self.together:
            return None
        return [pick.stretch for pick in self.picks if pick.document == document]

    def need(self, spread: int = 0) -> int:
        """Least size of what is to make the context full, if that may have `spread` tokens fewer than its size."""
        spread += self.spread
        return least_full(self.budget) + self.costs.spare + spread - self._beyond(spread) - self.size

    def _beyond(self, spread: int) -> int:
        # Many short documents may together be off by more than lies between both limits. What is too much is shared by
        # both: it takes that all are off the same way, and what comes out too long is then a rejection of rendering.
        window = self.budget - least_full(self.budget) - WINDOW_PERCENT * self.budget // 100
        return max(0, spread + 2 * self.costs.spare - window) // 2

    @property
    def full(self) -> bool:
        """Whether it has two documents and enough tokens, however its seams come out."""
        return len(self.documents) > 1 and self.need() <= 0

    def add(self, pick: Pick) -> None:
        """Put a pick in."""
        self.picks.append(pick)
        self._count(pick, 1)

    def remove(self, pick: Pick) -> None:
        """Take a pick out again."""
        self.picks.remove(pick)
        self._count(pick, -1)

    def _count(self, pick: Pick, sign: int) -> None:
        self.documents[pick.document] += sign
        if not self.documents[pick.document]:
            del self.documents[pick.document]
        self.kinds[pick.kind] += sign * pick.size
        self.size += sign * pick.size
        self.spread += sign * pick.spread


def add_piece(
    draft: Draft,
    stock: Stock,
    candidates: Sequence[int],
    least: int,
    *,
    most: int | None = None,
    distractor: bool = True,
) -> bool:
    """Add a piece of the first candidate that has one of a size from `least` to `most`; None: to what fits."""
    for document in candidates:
        beside = draft.beside(document)
        if beside is None:
            continue
        pick = stock.piece(document, least, min(draft.gap, most or draft.gap), distractor=distractor, beside=beside)
        if pick is not None:
            draft.add(pick)
            return True
    return False
