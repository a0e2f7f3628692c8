"""Closing the gap that whole documents leave in a context.

    >>> close(draft, stock, misfits), draft.full
    (True, True)

By a document of fitting length, by exchanging a distractor for another, or by a piece of a document.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from longhop.planning.drafts import Draft, add_piece
from longhop.planning.stock import Pick, Stock

__all__ = ["close"]


def close(draft: Draft, stock: Stock, candidates: list[int], depth: int = 2) -> bool:
    """Close the gap of a draft; False where no candidate does."""
    if draft.full:
        return True
    need, least = draft.need(draft.costs.whole.spread), draft.need(draft.costs.cut.spread)
    gap = draft.gap
    for document in candidates:
        if need <= stock.size(document) <= gap and not draft.documents[document]:
            draft.add(stock.whole(document, distractor=True))
            return True
    kinds: list[str | None] = [*sorted(draft.shares)] or [None]
    if any(_exchange(draft, stock, candidates, kind) for kind in kinds):
        return True
    longer = [document for document in candidates if stock.size(document) > need]
    if stock.thrift:
        longer.sort(key=stock.size)
    if add_piece(draft, stock, longer, max(least, draft.floor)):
        return True
    return depth > 0 and (_make_room(draft, stock, candidates) or _in_two(draft, stock, candidates, depth))


def _exchange(draft: Draft, stock: Stock, candidates: Sequence[int], kind: str | None) -> bool:
    """Replace distractors by longer whole documents, so that the context is full; False, and nothing done, if none.

    With a kind only documents of it are exchanged, so that it keeps its share.
    """
    ranked = sorted(
        (stock.size(document), place, document)
        for place, document in enumerate(candidates)
        if kind in {None, stock.documents[document].kind} and not draft.documents[document]
    )
    swapped: list[tuple[Pick, Pick]] = []

    def swap(pick: Pick, at: int) -> None:
        longer = stock.whole(ranked.pop(at)[2], distractor=True)
        swapped.append((pick, longer))
        draft.remove(pick)
        draft.add(longer)

    while ranked:
        need, room = draft.need(), draft.room
        distractors = [pick for pick in reversed(draft.picks) if pick.distractor and kind in {None, pick.kind}]
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


def _make_room(draft: Draft, stock: Stock, candidates: Sequence[int]) -> bool:
    """Replace one of the last picks by a piece that makes the context full."""
    for pick in draft.picks[:0:-1][:4]:
        draft.remove(pick)
        least = draft.need(draft.costs.cut.spread)
        alike = [other for other in candidates if stock.documents[other].kind == pick.kind] if draft.shares else []
        if add_piece(draft, stock, [*alike, *candidates, pick.document], least, distractor=pick.distractor):
            return True
        draft.add(pick)
    return False


def _in_two(draft: Draft, stock: Stock, candidates: Sequence[int], depth: int) -> bool:
    """Add a long piece first, then close what is left."""
    for document in candidates[:8]:
        for portion in (0.7, 0.4):
            gap = draft.gap
            if not add_piece(draft, stock, [document], max(draft.floor, int(portion * gap))):
                continue
            pick = draft.picks[-1]
            if close(draft, stock, [other for other in candidates if not draft.documents[other]], depth - 1):
                return True
            draft.remove(pick)
    return False
