"""The documents of one split that contexts are packed from: what each costs, how often it may stand, in which order.

    >>> stock = Stock(documents, costs, reuse=4, same_kind=False, seed="7/train", thrift=0)
    >>> stock.line_up(target=8192, reserve=2048)
    >>> with closing(stock.browse("")) as browse:
    ...     next(browse)
    17

Documents go by their place in the list. Those used least come first, in a seeded order of each round; what is long for
the target and would have to be cut comes behind what fits.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from longhop.records import Cut, Piece, Record, Term
from longhop.stages.pieces import Cuttable, Stretch
from longhop.stages.rendering import Seams

__all__ = ["Costs", "Pick", "PlannedDocument", "Stock", "least_full", "seeded"]

FULL_PERCENT = 95
"""A context is full from this percentage of its budget."""


class PlannedDocument(Record, frozen=True, kw_only=True):
    """What planning needs of a document: its row in `documents` without text, and its row in `plan`."""

    document_id: str
    kind: str
    title: str
    n_chars: int
    n_tokens: int
    cuts: list[Cut]
    terms: list[Term]
    split: str
    duplicate_of: str | None = None


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
        same_kind: bool,
        seed: str,
        thrift: int,
        earlier: Iterable[Sequence[Piece]] = (),
    ) -> None:
        """Start from documents of which some stand in contexts already.

        Args:
            documents: All of one split, sorted by id.
            costs: Tokens beside their text.
            reuse: In how many contexts a document may stand.
            same_kind: Whether a context takes documents of one kind only; kinds are then pools of their own.
            seed: Decides all orders.
            thrift: 0 for contexts as varied as possible; from 1 on for using the documents up as far as possible, each
                number in another order.
            earlier: The pieces of each context that stands already; documents that are not here are passed over.
        """
        self.documents, self.costs, self.thrift = documents, costs, thrift
        self._reuse, self._same_kind, self._seed = reuse, same_kind, seed
        self._whole = np.array([d.n_tokens for d in documents], np.int64) + np.array(costs.overhead, np.int64)
        self._whole += costs.whole.high
        self._kinds = np.array([d.kind for d in documents], np.str_)
        self._used = np.zeros(len(documents), np.int64)
        self._starts: list[set[int]] = [set() for _ in documents]
        self._made: set[frozenset[tuple[int, int, int]]] = set()
        self._cuttable: dict[int, Cuttable] = {}
        self._pools: dict[str, list[tuple[int, int, int, int, int]]] = {}
        self._queued: list[bool] = []
        self._target = self._reserve = self._half = 0
        places = {d.document_id: place for place, d in enumerate(documents)}
        for pieces in earlier:
            there = [(places[p.document_id], p.start, p.end) for p in pieces if p.document_id in places]
            self._made.add(frozenset(there))
            for document, start, _ in there:
                self._used[document] += 1
                self._starts[document].add(start)

    def size(self, document: int) -> int:
        """The most tokens that the whole document has in a context."""
        return int(self._whole[document])

    def available(self, document: int) -> bool:
        """Whether it may stand in one more context."""
        return bool(self._used[document] < self._reuse)

    def capacity(self, budget: int) -> int:
        """Tokens that all documents together can still give to contexts of this budget."""
        left = np.maximum(self._reuse - self._used, 0)
        return int((left * np.minimum(self._whole, budget // 2)).sum())

    def pools(self, budget: int) -> list[str]:
        """The pools that might fill one more context, the richest first."""
        left = np.maximum(self._reuse - self._used, 0)
        ample = np.minimum(self._whole, budget // 2)
        once: dict[str, int] = {}
        in_all: dict[str, int] = {}
        for pool in self._pools:
            here = (left > 0) & (self._kinds == pool) if self._same_kind else left > 0
            once[pool], in_all[pool] = int(ample[here].sum()), int((ample * left)[here].sum())
        return sorted((p for p in once if once[p] >= least_full(budget)), key=lambda p: (-in_all[p], p))

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
        self._pools = {}
        self._queued = [False] * len(self.documents)
        for document in range(len(self.documents)):
            self._queue(document)

    def _queue(self, document: int) -> None:
        used, size = int(self._used[document]), self._whole[document]
        if used >= self._reuse or self._queued[document]:
            return
        behind = int(size <= self._reserve if self.thrift else size > self._half)
        order = seeded(self._seed, self._target, self.thrift, used, self.documents[document].document_id)
        key = (behind, used) if self.thrift % 2 else (used, behind)
        pool = self.documents[document].kind if self._same_kind else ""
        heapq.heappush(self._pools.setdefault(pool, []), (*key, order, document, used))
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
        return Pick(
            document, Stretch(0, own.n_chars, own.n_tokens), self.size(document), self.costs.whole.spread, distractor
        )

    def piece(self, document: int, least: int, most: int, *, distractor: bool) -> Pick | None:
        """A piece of a size from `least` to `most`, beginning where none did before; None where cuts allow none."""
        own = self.documents[document]
        beside = self.costs.overhead[document] + self.costs.cut.high
        if not least <= min(most, own.n_tokens + beside):
            return None
        if document not in self._cuttable:
            self._cuttable[document] = Cuttable.of(own.n_chars, own.n_tokens, own.cuts)
        choice = seeded(self._seed, self._target, self._used[document], own.document_id)
        stretch = self._cuttable[document].piece(least - beside, most - beside, self._starts[document], choice)
        if stretch is None:
            return None
        return Pick(document, stretch, stretch.tokens + beside, self.costs.cut.spread, distractor)

    def take(self, picks: Sequence[Pick]) -> bool:
        """Count the documents of a context as used; False, and nothing done, if a context of the same pieces exists."""
        pieces = frozenset((pick.document, pick.stretch.start, pick.stretch.end) for pick in picks)
        if pieces in self._made:
            return False
        self._made.add(pieces)
        for pick in picks:
            self._used[pick.document] += 1
            self._starts[pick.document].add(pick.stretch.start)
            self._queue(pick.document)
        return True
