"""Packing: which pieces of which documents fill a context.

    >>> picks = fill(stock, nearness, target=8192, budget=8192, reserve=2048, config=recipe.contexts)
    >>> [pick.stretch for pick in picks]
    [Stretch(start=0, end=5120, tokens=1101), …]

A context begins with one document, takes what is nearest to it up to the related share, then others (distractors) in
the order of the stock. No document fills more than half of a context. The gap that is left is closed by a document of
fitting length, by exchanging a distractor for another, or by a piece of a document.

Where kinds have shares, each takes its part of the context as far as there are documents of it that fit; then what is
left is filled with the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing

from longhop.planning.closing import close
from longhop.planning.drafts import Draft, add_piece
from longhop.planning.relatedness import Relatedness
from longhop.planning.stock import Pick, Stock, seeded
from longhop.recipe import ContextsConfig

__all__ = ["fill"]

_Worth = tuple[float, int]

SEEDS = 12
"""Documents that a context is tried to begin with before it counts as not fillable."""
MISFITS = 48
"""Documents that do not fit before the gap is closed otherwise."""
CANDIDATES = 256
"""Documents that are looked at to close a gap."""
VARIETY = 0.75
"""A neighbour of a kind that the context has more of than of another counts only this much of its cosine."""
KIND_MISFITS = 32
"""Documents of a kind that do not fit before the next kind is looked at."""
LEAST_KIND_PERCENT = 1
"""A kind that lacks no more than this percentage of the budget has its share."""
RELATED = 0.05
"""Documents that are less near are not called related; of two drawn at random, one in ten pairs is as near."""
HOPS = 6
"""Documents whose neighbours are looked up for one context."""


def fill(
    stock: Stock, nearness: Relatedness | None, *, target: int, budget: int, reserve: int, config: ContextsConfig
) -> list[Pick] | None:
    """Fill one more context from the stock, which then counts its documents as used once more.

    Args:
        stock: The documents of the split.
        nearness: Which of them are related; None for groups at random.
        target: Target length of the context.
        budget: Tokens that it may have.
        reserve: The longest document that stands whole in the next shorter contexts.
        config: The related share, the shares of kinds, and whether parts of a document may stand together.

    Returns:
        The picks as they were found; None, and the stock as before, where no full context can be made.
    """
    stock.line_up(target, budget, reserve)
    shares = config.kinds or {}
    pools = _begun_with(stock, shares) if shares else stock.pools(budget)
    for pool in pools:
        tried: set[int] = set()
        while len(tried) < SEEDS:
            first, near = _first(stock, nearness, pool, tried)
            if first is None:
                break
            tried.add(first)
            draft = Draft(budget, stock.costs, shares, config.parts_together)
            composed = _compose(draft, stock, nearness, first, near, pool, config.related_share)
            if composed and stock.take(draft.picks):
                return draft.picks
    return None


def _begun_with(stock: Stock, shares: Mapping[str, float]) -> list[str]:
    """Kinds to begin a context with, one after the other as often as their shares say."""
    kinds = [kind for kind in sorted(shares) if shares[kind] > 0 and stock.tokens(kind)]
    chance = seeded("begins", stock.made) / 2**64 * sum(shares[kind] for kind in kinds)
    begins = 0
    for kind in kinds:
        chance -= shares[kind]
        begins += chance > 0
    return kinds[begins:] + kinds[:begins]


def _first(
    stock: Stock, nearness: Relatedness | None, pool: str, tried: Collection[int]
) -> tuple[int | None, list[tuple[int, float]]]:
    """The next document to begin a context with, and its neighbours: one that has any, if one is near."""
    fallback = None
    with closing(stock.browse(pool)) as browse:
        for looked, document in enumerate(d for d in browse if d not in tried):
            fallback = document if fallback is None else fallback
            near = nearness.neighbours(document, stock.there) if nearness else []
            if nearness is None or (near and near[0][1] >= RELATED):
                return document, near
            if looked == SEEDS:
                break
    return fallback, []


def _compose(
    draft: Draft,
    stock: Stock,
    nearness: Relatedness | None,
    first: int,
    near: Sequence[tuple[int, float]],
    pool: str,
    related_share: float,
) -> bool:
    _add(draft, stock, first, distractor=False)
    if nearness is not None and related_share > 0:
        for document in _related(draft, stock, nearness, near):
            if len(draft.documents) > 1 and draft.size >= related_share * draft.budget:
                break
            if not draft.shares or stock.documents[document].kind in draft.shares:
                _add(draft, stock, document, distractor=False)
    misfits: list[int] = []
    with closing(_offered(draft, stock, pool)) as offered:
        for document in offered:
            if draft.full or len(misfits) >= CANDIDATES:
                break
            if draft.documents[document]:
                continue
            if len(misfits) >= MISFITS or not _add(draft, stock, document, distractor=True):
                misfits.append(document)
    # Better a short piece than no context.
    return close(draft, stock, misfits) or add_piece(draft, stock, misfits, draft.need(draft.costs.cut.spread))


def _offered(draft: Draft, stock: Stock, pool: str) -> Generator[int]:
    """Documents in the order of the stock; where kinds have shares, of each kind until it has its own, then of all."""
    if not draft.shares:
        with closing(stock.browse(pool)) as browse:
            yield from browse
        return
    kinds = sorted(draft.shares, key=lambda kind: (-draft.lacks(kind), kind))
    for kind in kinds:
        yield from _of_kind(draft, stock, kind)
    draft.shared = False
    for kind in sorted(kinds, key=lambda kind: (-draft.lacks(kind), kind)):
        yield from _of_kind(draft, stock, kind)


def _of_kind(draft: Draft, stock: Stock, kind: str) -> Generator[int]:
    """Documents of a kind, until it has its share or too many did not fit."""
    misfits = 0
    with closing(stock.browse(kind)) as browse:
        for document in browse:
            if draft.shared and draft.lacks(kind) * 100 <= LEAST_KIND_PERCENT * draft.budget:
                return
            size = draft.size
            yield document
            misfits += draft.size == size
            if misfits >= KIND_MISFITS:
                return


def _related(draft: Draft, stock: Stock, nearness: Relatedness, near: Sequence[tuple[int, float]]) -> Iterator[int]:
    """Neighbours of the first document, nearest first, of kinds in turn where they are about equally near.

    Behind them come the neighbours of those that were taken, one after the other: nearer to what stands in the context
    than what has hardly anything in common with its first document.
    """
    seen: set[int] = set()
    given = Counter(pick.kind for pick in draft.picks)
    for hop in range(HOPS):
        if hop:
            if hop >= len(draft.picks):
                return
            near = nearness.neighbours(draft.picks[hop].document, stock.there)
        queues: dict[str, list[tuple[int, float]]] = {}
        for document, cosine in reversed(near):
            if cosine >= RELATED and document not in seen:
                queues.setdefault(stock.documents[document].kind, []).append((document, cosine))
        seen.update(document for document, _ in near)
        while queues:
            fewest = min(given[kind] for kind in queues)

            def worth(kind: str, queues: dict[str, list[tuple[int, float]]] = queues, fewest: int = fewest) -> _Worth:
                document, cosine = queues[kind][-1]
                return (round(cosine * (1 if given[kind] == fewest else VARIETY), 6), -document)

            kind = max(queues, key=worth)
            given[kind] += 1
            yield queues[kind].pop()[0]
            if not queues[kind]:
                del queues[kind]


def _add(draft: Draft, stock: Stock, document: int, *, distractor: bool) -> bool:
    """Add a document whole, or a piece of one that is too long for any place in this context."""
    size, kind = stock.size(document), stock.documents[document].kind
    if draft.documents[document]:
        return False
    gap = draft.allowance(kind)
    if size <= gap:
        draft.add(stock.whole(document, distractor=distractor))
        return True
    # A piece of a long document leaves room for several others, unless every token counts.
    share = draft.half if stock.thrift else draft.budget // 3
    if draft.shares and draft.shared:
        share = min(share, gap)  # its kind may have no more: what is longer is cut to that
    elif size <= draft.half or gap < share:
        return False
    pieces = 2 if draft.together else 1
    for portion in (0.98, 0.95, 0.9, 0.6, 0.3) if stock.thrift else (0.9, 0.6, 0.3):
        least = max(draft.floor, int(portion * share) // pieces)
        if add_piece(draft, stock, [document], least, most=share // pieces, distractor=distractor):
            for _ in range(pieces - 1):
                add_piece(draft, stock, [document], draft.floor, most=share // pieces, distractor=distractor)
            return True
    return False
