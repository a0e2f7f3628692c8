"""The documents of one split that contexts are packed from: what each costs, how often it may stand, in which order.

    >>> stock = Stock(documents, costs, reuse=4, by_kind=False, seed="7/train", thrift=0)
    >>> stock.line_up(target=8192, budget=8192, reserve=2048)
    >>> with closing(stock.browse("")) as browse:
    ...     next(browse)
    17

Documents go by their place in the list. Those used least come first, in a seeded order of each round; what is long for
the target and would have to be cut comes behind what fits.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longhop.planning.pieces import Stretch
from longhop.planning.planned import PlannedDocument
from longhop.planning.seams import Seams
from longhop.records import Piece

__all__ = ["Costs", "Pick", "Stock", "least_full", "seeded"]

FULL_PERCENT = 95
"""A context is full from this percentage of its budget."""


@dataclass(frozen=True)
class Costs:
    """What documents cost beside their text."""

    overhead: Sequence[int]
    """Tokens of each document's header and footer."""
    whole: Seams
    """What a document that stands whole may have besides."""
    cut: Seams
    """What a piece of one may have besides."""

    @property
    def spare(self) -> int:
        """Tokens that every context leaves to documents with rarer seams than those that were tried."""
        return self.whole.rare - self.whole.low


@dataclass(frozen=True)
class Pick:
    """A stretch of a document in a context."""

    document: int
    kind: str
    stretch: Stretch
    size: int
    """The most tokens that it has there, with header and footer."""
    spread: int
    """How many fewer they may be."""
    distractor: bool
    """Taken to fill the context, not for being related."""


def seeded(*parts: object) -> int:
    """A number that follows from `parts` alone, on every machine and in every process."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def least_full(budget: int) -> int:
    """Tokens from which a context of this budget is full."""
    return -(-FULL_PERCENT * budget // 100)


class Stock:
    """Documents, how often each is used, and the order in which they are offered."""

    def __init__(
        self,
        documents: Sequence[PlannedDocument],
        costs: Costs,
        *,
        reuse: int,
        by_kind: bool,
        seed: str,
        thrift: int,
        earlier: Iterable[Sequence[Piece]] = (),
    ) -> None:
        """Start from documents of which some stand in contexts already.

        Args:
            documents: All of one split, sorted by id.
            costs: Tokens beside their text.
            reuse: In how many contexts a document may stand.
            by_kind: Whether each kind is a pool of its own.
            seed: Decides all orders.
            thrift: 0 for contexts as varied as possible; from 1 on for using the documents up as far as possible, each
                number in another order.
            earlier: The pieces of each context that stands already; documents that are not here are passed over.
        """
        self.documents, self.costs, self.thrift = documents, costs, thrift
        self._reuse, self._by_kind, self._seed = reuse, by_kind, seed
        self._whole = np.array([d.n_tokens for d in documents], np.int64) + np.array(costs.overhead, np.int64)
        self._whole += costs.whole.high
        self._used = np.zeros(len(documents), np.int64)
        self._starts: dict[int, set[int]] = {}
        self._made: set[frozenset[tuple[int, int, int]]] = set()
        self._pools: dict[str, list[tuple[int, int, int, int, int]]] = {}
        self._once: Counter[str] = Counter()
        self._in_all: Counter[str] = Counter()
        self._queued: list[bool] = []
        self._target = self._reserve = self._half = 0
        places = {d.document_id: place for place, d in enumerate(documents)}
        for pieces in earlier:
            there = [(places[p.document_id], p.start, p.end) for p in pieces if p.document_id in places]
            self._made.add(frozenset(there))
            for document, start, _ in there:
                self._starts.setdefault(document, set()).add(start)
            self._used[sorted({document for document, *_ in there})] += 1
        self.there: npt.NDArray[np.bool_] = self._used < reuse
        """Which documents may stand in one more context; it changes as they are taken."""

    def size(self, document: int) -> int:
        """The most tokens that the whole document has in a context."""
        return int(self._whole[document])

    @property
    def made(self) -> int:
        """How many contexts stand already."""
        return len(self._made)

    def capacity(self, budget: int) -> int:
        """Tokens that all documents together can still give to contexts of this budget."""
        left = np.maximum(self._reuse - self._used, 0)
        return int((left * np.minimum(self._whole, budget // 2)).sum())

    def pools(self, budget: int) -> list[str]:
        """The pools that might fill one more context, the richest first."""
        full = [pool for pool, tokens in self._once.items() if tokens >= least_full(budget)]
        return sorted(full, key=lambda pool: (-self._in_all[pool], pool))

    def tokens(self, pool: str) -> int:
        """Tokens that a pool has for one more context."""
        return self._once[pool]

    def line_up(self, target: int, budget: int, reserve: int) -> None:
        """Put all available documents into the order that suits a target.

        Args:
            target: Target length of the contexts to come.
            budget: Tokens that one may have; half of it is the longest that stands whole.
            reserve: The longest that stands whole in the next shorter contexts; thrift keeps those for them.
        """
        if target == self._target:
            return
        self._target, self._half, self._reserve = target, budget // 2, reserve
        self._pools, self._once, self._in_all = {}, Counter(), Counter()
        self._queued = [False] * len(self.documents)
        for document in np.flatnonzero(self.there).tolist():
            self._queue(document)
            self._once[self._pool(document)] += self._ample(document)
            self._in_all[self._pool(document)] += self._ample(document) * (self._reuse - int(self._used[document]))

    def _pool(self, document: int) -> str:
        return self.documents[document].kind if self._by_kind else ""

    def _ample(self, document: int) -> int:
        return min(self.size(document), self._half)

    def _queue(self, document: int) -> None:
        used, size = int(self._used[document]), self.size(document)
        if used >= self._reuse or self._queued[document]:
            return
        behind = int(size <= self._reserve if self.thrift else size > self._half)
        order = seeded(self._seed, self._target, self.thrift, used, self.documents[document].document_id)
        key = (behind, used) if self.thrift % 2 else (used, behind)
        heapq.heappush(self._pools.setdefault(self._pool(document), []), (*key, order, document, used))
        self._queued[document] = True

    def browse(self, pool: str) -> Generator[int]:
        """Available documents in order; closing the generator puts back what it gave."""
        queue = self._pools.get(pool, [])
        seen: list[int] = []
        try:
            while queue:
                *_, document, used = heapq.heappop(queue)
                self._queued[document] = False
                if used != self._used[document]:
                    self._queue(document)  # it was used since; its place is further behind
                    continue
                seen.append(document)
                yield document
        finally:
            for document in seen:
                self._queue(document)

    def whole(self, document: int, *, distractor: bool) -> Pick:
        """The whole document."""
        own = self.documents[document]
        stretch = Stretch(0, own.n_chars, own.n_tokens)
        return Pick(document, own.kind, stretch, self.size(document), self.costs.whole.spread, distractor)

    def piece(
        self, document: int, least: int, most: int, *, distractor: bool, beside: Sequence[Stretch] = ()
    ) -> Pick | None:
        """A piece of a size from `least` to `most`, beginning where none did before; None where cuts allow none.

        Args:
            document: Its place.
            least: Fewest tokens, with header and footer.
            most: Most tokens.
            distractor: What the pick is.
            beside: Stretches of the document that the piece may not overlap.
        """
        own = self.documents[document]
        around = self.costs.overhead[document] + self.costs.cut.high
        if not least <= min(most, own.n_tokens + around):
            return None
        choice = seeded(self._seed, self._target, self._used[document], own.document_id)
        used = self._starts.get(document, ())
        stretch = own.cuts.piece(least - around, most - around, used, choice, beside)
        if stretch is None:
            return None
        return Pick(document, own.kind, stretch, stretch.tokens + around, self.costs.cut.spread, distractor)

    def take(self, picks: Sequence[Pick]) -> bool:
        """Count the documents of a context as used; False, and nothing done, if a context of the same pieces exists."""
        pieces = frozenset((pick.document, pick.stretch.start, pick.stretch.end) for pick in picks)
        if pieces in self._made:
            return False
        self._made.add(pieces)
        for pick in picks:
            self._starts.setdefault(pick.document, set()).add(pick.stretch.start)
        for document in sorted({pick.document for pick in picks}):
            self._used[document] += 1
            self._in_all[self._pool(document)] -= self._ample(document)
            self.there[document] = self._used[document] < self._reuse
            if not self.there[document]:
                self._once[self._pool(document)] -= self._ample(document)
            self._queue(document)
        return True
