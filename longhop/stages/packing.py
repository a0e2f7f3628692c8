"""Packing: which pieces of which documents fill a context.

    >>> picks = fill(stock, nearness, target=8192, budget=8192, reserve=2048, related_share=0.5)
    >>> [pick.stretch for pick in picks]
    [Stretch(start=0, end=5120, tokens=1101), …]

A context begins with one document, takes what is nearest to it up to the related share, then others (distractors) in
the order of the stock. No document fills more than half of a context. The gap that is left is closed by a document of
fitting length, by exchanging a distractor for another, or by a piece of a document.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from longhop.stages.relatedness import Relatedness
from longhop.stages.stock import Costs, Pick, Stock, least_full

__all__ = ["fill"]

SEEDS = 12
"""Documents that a context is tried to begin with before it counts as not fillable."""
MISFITS = 48
"""Documents that do not fit before the gap is closed otherwise."""
CANDIDATES = 256
"""Documents that are looked at to close a gap."""
LEAST_PIECE = 64
"""A piece of a document that closes a gap has no fewer tokens than this, short contexts aside."""
VARIETY = 0.75
"""A neighbour of a kind that the context has more of than of another counts only this much of its cosine."""
WINDOW_PERCENT = 2
"""Sizes that make a context full lie this percentage of its budget apart at least, whatever its seams leave open."""


@dataclass
class _Draft:
    """A context in the making, reckoned with the most tokens that it can have, so that it is never too long."""

    budget: int
    costs: Costs
    picks: list[Pick] = field(default_factory=list)
    documents: set[int] = field(default_factory=set)
    size: int = 0
    spread: int = 0
    """How many tokens fewer than `size` it may have."""

    @property
    def half(self) -> int:
        return self.budget // 2

    @property
    def room(self) -> int:
        return self.budget - self.costs.spare + self._beyond(self.spread) - self.size

    @property
    def gap(self) -> int:
        """The largest size that a further document may have."""
        return min(self.room, self.half)

    @property
    def floor(self) -> int:
        """The smallest size that a piece which closes a gap may have."""
        return min(LEAST_PIECE, self.budget // 16)

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
        return len(self.picks) > 1 and self.need() <= 0

    def add(self, pick: Pick) -> None:
        self.picks.append(pick)
        self.documents.add(pick.document)
        self.size += pick.size
        self.spread += pick.spread

    def remove(self, pick: Pick) -> None:
        self.picks.remove(pick)
        self.documents.remove(pick.document)
        self.size -= pick.size
        self.spread -= pick.spread


def fill(
    stock: Stock, nearness: Relatedness | None, *, target: int, budget: int, reserve: int, related_share: float
) -> list[Pick] | None:
    """Fill one more context from the stock, which then counts its documents as used once more.

    Args:
        stock: The documents of the split.
        nearness: Which of them are related; None for groups at random.
        target: Target length of the context.
        budget: Tokens that it may have.
        reserve: The longest document that stands whole in the next shorter contexts.
        related_share: Share of the budget for related documents.

    Returns:
        The picks as they were found; None, and the stock as before, where no full context can be made.
    """
    stock.line_up(target, budget, reserve)
    for pool in stock.pools(budget):
        tried: set[int] = set()
        while len(tried) < SEEDS:
            first = _first(stock, nearness, pool, tried)
            if first is None:
                break
            tried.add(first)
            draft = _Draft(budget, stock.costs)
            if _compose(draft, stock, nearness, first, pool, related_share) and stock.take(draft.picks):
                return draft.picks
    return None


def _first(stock: Stock, nearness: Relatedness | None, pool: str, tried: Collection[int]) -> int | None:
    """The next document to begin a context with: in related groups one that has neighbours, if one is near."""
    fallback = None
    with closing(stock.browse(pool)) as browse:
        for looked, document in enumerate(d for d in browse if d not in tried):
            fallback = document if fallback is None else fallback
            if nearness is None or any(stock.available(near) for near, _ in nearness.neighbours(document, 16)):
                return document
            if looked == SEEDS:
                break
    return fallback


def _compose(
    draft: _Draft, stock: Stock, nearness: Relatedness | None, first: int, pool: str, related_share: float
) -> bool:
    _add(draft, stock, first, distractor=False)
    if nearness is not None and related_share > 0:
        for document in _related(stock, nearness, first):
            if len(draft.picks) > 1 and draft.size >= related_share * draft.budget:
                break
            _add(draft, stock, document, distractor=False)
    misfits: list[int] = []
    with closing(stock.browse(pool)) as browse:
        for document in browse:
            if draft.full or len(misfits) >= CANDIDATES:
                break
            if document in draft.documents:
                continue
            if len(misfits) >= MISFITS or not _add(draft, stock, document, distractor=True):
                misfits.append(document)
    # Better a short piece than no context.
    return _close(draft, stock, misfits) or _add_piece(draft, stock, misfits, draft.need(draft.costs.cut.spread))


def _related(stock: Stock, nearness: Relatedness, first: int) -> Iterator[int]:
    """Neighbours, nearest first, of kinds in turn where they are about equally near."""
    queues: dict[str, list[tuple[int, float]]] = {}
    for document, cosine in reversed(nearness.neighbours(first)):
        if stock.available(document):
            queues.setdefault(stock.documents[document].kind, []).append((document, cosine))
    given = dict.fromkeys(queues, 0) | {stock.documents[first].kind: 1}
    while queues:
        fewest = min(given[kind] for kind in queues)

        def worth(kind: str, fewest: int = fewest) -> tuple[float, int]:
            document, cosine = queues[kind][-1]
            return (round(cosine * (1 if given[kind] == fewest else VARIETY), 6), -document)

        kind = max(queues, key=worth)
        given[kind] += 1
        yield queues[kind].pop()[0]
        if not queues[kind]:
            del queues[kind]


def _add(draft: _Draft, stock: Stock, document: int, *, distractor: bool) -> bool:
    """Add a document whole, or a piece of one that is too long for any place in this context."""
    size, gap = stock.size(document), draft.gap
    if size <= gap:
        draft.add(stock.whole(document, distractor=distractor))
        return True
    # A piece of a long document leaves room for several others, unless every token counts.
    share = draft.half if stock.thrift else draft.budget // 3
    if size <= draft.half or gap < share:
        return False
    for portion in (0.98, 0.95, 0.9, 0.6, 0.3) if stock.thrift else (0.9, 0.6, 0.3):
        pick = stock.piece(document, int(portion * share), share, distractor=distractor)
        if pick is not None:
            draft.add(pick)
            return True
    return False


def _close(draft: _Draft, stock: Stock, candidates: list[int], depth: int = 2) -> bool:
    """Close the gap of a draft; False where no candidate does."""
    if draft.full:
        return True
    need, least = draft.need(draft.costs.whole.spread), draft.need(draft.costs.cut.spread)
    gap = draft.gap
    for document in candidates:
        if need <= stock.size(document) <= gap:
            draft.add(stock.whole(document, distractor=True))
            return True
    if _exchange(draft, stock, candidates):
        return True
    longer = [document for document in candidates if stock.size(document) > need]
    if stock.thrift:
        longer.sort(key=stock.size)
    if _add_piece(draft, stock, longer, max(least, draft.floor)):
        return True
    return depth > 0 and (_make_room(draft, stock, candidates) or _in_two(draft, stock, candidates, depth))


def _add_piece(draft: _Draft, stock: Stock, candidates: Sequence[int], least: int, *, distractor: bool = True) -> bool:
    gap = draft.gap
    for document in candidates:
        pick = stock.piece(document, least, gap, distractor=distractor)
        if pick is not None:
            draft.add(pick)
            return True
    return False


def _exchange(draft: _Draft, stock: Stock, candidates: Sequence[int]) -> bool:
    """Replace distractors by longer whole documents, so that the context is full; False, and nothing done, if none."""
    ranked = sorted((stock.size(document), place, document) for place, document in enumerate(candidates))
    swapped: list[tuple[Pick, Pick]] = []

    def swap(pick: Pick, at: int) -> None:
        longer = stock.whole(ranked.pop(at)[2], distractor=True)
        swapped.append((pick, longer))
        draft.remove(pick)
        draft.add(longer)

    while True:
        need, room = draft.need(), draft.room
        distractors = [pick for pick in reversed(draft.picks) if pick.distractor]
        for pick in distractors:
            at = bisect_left(ranked, (pick.size + need, -1, -1))
            if at < len(ranked) and ranked[at][0] <= min(pick.size + room, draft.half):
                swap(pick, at)
                return True
        # No single one does: where documents are about equally long, several together may.
        shortest = min(distractors, key=lambda pick: pick.size, default=None)
        at = bisect_left(ranked, (min(shortest.size + room, draft.half) + 1, -1, -1)) - 1 if shortest else -1
        if shortest is None or at < 0 or ranked[at][0] <= shortest.size:
            break
        swap(shortest, at)
    for pick, longer in reversed(swapped):
        draft.remove(longer)
        draft.add(pick)
    return False


def _make_room(draft: _Draft, stock: Stock, candidates: Sequence[int]) -> bool:
    """Replace one of the last picks by a piece that makes the context full."""
    for pick in draft.picks[:0:-1][:4]:
        draft.remove(pick)
        least = draft.need(draft.costs.cut.spread)
        if _add_piece(draft, stock, [*candidates, pick.document], least, distractor=pick.distractor):
            return True
        draft.add(pick)
    return False


def _in_two(draft: _Draft, stock: Stock, candidates: Sequence[int], depth: int) -> bool:
    """Add a long piece first, then close what is left."""
    for document in candidates[:8]:
        for portion in (0.7, 0.4):
            least = max(draft.floor, int(portion * draft.gap))
            pick = stock.piece(document, least, draft.gap, distractor=True)
            if pick is None:
                continue
            draft.add(pick)
            if _close(draft, stock, [other for other in candidates if other not in draft.documents], depth - 1):
                return True
            draft.remove(pick)
    return False
