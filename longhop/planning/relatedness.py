"""Which documents are about the same things: cosine of TF-IDF over their rare terms, and who names whom.

    >>> nearness = Relatedness(documents)      # the first two name Marrow Bay, the third cites the second's title
    >>> nearness.neighbours(0)
    [(1, 1.0)]

Neighbours are looked up when they are needed, through an inverted index. So that one lookup costs the same in a corpus
of any size, a document is known by its most telling terms, and of the documents with a term those are looked at that it
tells most about. What is used up makes room for others: the index is narrowed to the documents that are left.

A document that names another by its title, arXiv id, DOI or module is nearer to it, and it to that, the more so the
fewer documents name it. A name that several documents bear, or very many name, says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from longhop.planning.planned import Keys, PlannedDocument, is_known

__all__ = ["Relatedness"]

COMMON = 0.2
"""A term in more than this share of the documents is left out, unless there are few documents."""
FEW = 200
"""Terms in no more documents than this are always kept."""
TELLING = 64
"""Terms by which a document is known, those of the greatest weight."""
POSTINGS = 256
"""Documents with a term that are looked at in one lookup, those with the greatest weight that are left."""
BEARERS = 3
"""A name that more documents bear is nobody's."""
NAMERS = 0.02
"""A name that more than this share of the documents mention, and more than `FEW`, says nothing."""
LINK = 0.4
"""What being named by a single document, or naming it, adds to the cosine."""
MOST_LINKS = 64
"""Linked documents of one document, the strongest links."""
PASSED = 0.25
"""Entries passed over, as a share of the index, from which it is worth narrowing."""
BLOCK = 4_096
"""Documents that are weighted at a time."""

_Places = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


class _Lists(NamedTuple):
    """Lists of places with a weight each, all behind one another."""

    bounds: _Places
    places: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls, many: int, owners: npt.NDArray[np.int32], places: npt.NDArray[np.int32], weights: npt.NDArray[np.float32]
    ) -> Self:
        """`many` lists, the heaviest first in each, then by place; `places` must rise where owner and weight agree."""
        # Weights lie between 0 and 2.
        heaviness = ((2 - weights.astype(np.float64)) * 2**30).astype(np.int64)
        order = np.argsort(owners.astype(np.int64) << 32 | heaviness, kind="stable")
        bounds = np.concatenate(([0], np.cumsum(np.bincount(owners, minlength=many))))
        return cls(bounds, places[order], weights[order])

    def narrowed(self, there: _Mask) -> Self:
        """The same without the places that are not there."""
        kept = there[self.places]
        bounds = np.concatenate(([0], np.cumsum(kept)))[self.bounds]
        return type(self)(bounds, self.places[kept], self.weights[kept])


class Relatedness:
    """Nearest documents of a document; documents go by their place in the list that it is made of."""

    def __init__(self, documents: Sequence[PlannedDocument]) -> None:
        """Index the documents; their order decides ties."""
        self._known = _weighted_terms(documents)
        """For each document its most telling terms."""
        rows = np.repeat(np.arange(len(documents), dtype=np.int32), np.diff(self._known.bounds))
        self._holders = _Lists.of(
            1 + int(self._known.places.max(initial=0)), self._known.places, rows, self._known.weights
        )
        """For each term the documents that are known by it."""
        self._links = _links(documents)
        """For each document those that name it or that it names."""
        self._scores = np.zeros(len(documents))
        self._passed = 0
        """Entries of the index that were passed over since it was narrowed, as their documents are used up."""

    def neighbours(self, document: int, there: _Mask | None = None, most: int = 256) -> list[tuple[int, float]]:
        """The `most` nearest documents, nearest first, ties by place; unrelated ones are left out.

        Args:
            document: Its place.
            there: Which documents may be given; None for all. From call to call documents only vanish.
            most: At most so many.

        Returns:
            Places and nearness: the cosine of what the documents are known by, more where one names the other.
        """
        if self._passed > len(self._holders.places) * PASSED and there is not None:
            self._holders, self._passed = self._holders.narrowed(there), 0
        places, weights = self._sharing(document, there)
        linked = slice(self._links.bounds[document], self._links.bounds[document + 1])
        found = np.concatenate((places, self._links.places[linked]))
        amounts = np.concatenate((weights, self._links.weights[linked]))
        kept = found != document
        if there is not None:
            kept &= there[found]
        found, amounts = found[kept], amounts[kept]
        np.add.at(self._scores, found, amounts)
        near = np.unique(found)
        # Rounded, so that the order of summation of another build of the libraries decides nothing.
        scores = np.round(self._scores[near], 6)
        self._scores[near] = 0.0
        order = np.lexsort((near, -scores))[:most]
        return [(int(near[i]), float(scores[i])) for i in order if scores[i] > 0]

    def _sharing(self, document: int, there: _Mask | None) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """For each term of a document those that have it and are there, with the product of their weights."""
        own = slice(self._known.bounds[document], self._known.bounds[document + 1])
        terms, weights = self._known.places[own], self._known.weights[own]
        firsts, lasts = self._holders.bounds[terms], self._holders.bounds[terms + 1]
        sizes = np.minimum(lasts - firsts, POSTINGS)
        listed = np.repeat(firsts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
        found, owners = self._holders.places[listed], np.repeat(np.arange(len(terms)), sizes)
        amounts = self._holders.weights[listed] * weights[owners]
        if there is None:
            return found, amounts
        kept = there[found]
        left = np.bincount(owners[kept], minlength=len(terms))
        self._passed += len(found) - int(left.sum())
        places, products = [found[kept]], [amounts[kept]]
        for at in np.flatnonzero((left < POSTINGS) & (lasts - firsts > POSTINGS)).tolist():
            more, amounts = self._behind(int(firsts[at]), int(lasts[at]), POSTINGS - int(left[at]), there)
            places.append(more)
            products.append(amounts * weights[at])
        return np.concatenate(places), np.concatenate(products)

    def _behind(
        self, first: int, last: int, wanted: int, there: _Mask
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """The first documents that are there of what a term's list has behind those that were looked at."""
        first, reach = first + POSTINGS, POSTINGS
        while True:
            listed = slice(first, min(last, first + reach))
            found, amounts = self._holders.places[listed], self._holders.weights[listed]
            kept = np.flatnonzero(there[found])
            if len(kept) >= wanted or listed.stop == last:
                self._passed += len(found) - len(kept)
                return found[kept[:wanted]], amounts[kept[:wanted]]
            reach *= 2


def _weighted_terms(documents: Sequence[PlannedDocument]) -> _Lists:
    """For each document the terms that it shares with others, as numbers, with weights: unit vectors of TF-IDF."""
    kept, idf = _shared_terms(documents)
    sizes: list[npt.NDArray[np.int64]] = []
    columns: list[npt.NDArray[np.int32]] = []
    weights: list[npt.NDArray[np.float32]] = []
    for first in range(0, len(documents) if len(kept) else 0, BLOCK):
        block = documents[first : first + BLOCK]
        keys = np.concatenate([document.terms.keys for document in block])
        counts = np.concatenate([document.terms.counts for document in block])
        rows = np.repeat(np.arange(len(block)), [len(document.terms.keys) for document in block])
        found = np.minimum(np.searchsorted(kept, keys), len(kept) - 1)
        shared = kept[found] == keys
        rows, found = rows[shared], found[shared]
        # Counts are damped, as usual; the smooth form of the inverse frequency is scikit-learn's.
        own = (1 + np.log(np.maximum(counts[shared], 1))) * idf[found]
        norms = np.sqrt(np.bincount(rows, own**2, minlength=len(block)))
        own = own / norms[rows]
        # By document, then weight, then term: one key of whole numbers is sorted several times as fast as three.
        order = np.argsort(rows << 50 | ((1 - own) * 2**23).astype(np.int64) << 26 | found)
        ranks = np.arange(len(rows)) - np.searchsorted(rows, rows)
        order = order[ranks < TELLING]
        sizes.append(np.bincount(rows[order], minlength=len(block)))
        columns.append(found[order].astype(np.int32))
        weights.append(own[order].astype(np.float32))
    if not columns:
        return _Lists(np.zeros(len(documents) + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    return _Lists(
        np.concatenate(([0], np.cumsum(np.concatenate(sizes)))), np.concatenate(columns), np.concatenate(weights)
    )


def _shared_terms(documents: Sequence[PlannedDocument]) -> tuple[Keys, npt.NDArray[np.float64]]:
    """Sorted keys of the terms that two documents have and not too many, and their inverse document frequency."""
    keys = np.concatenate([document.terms.keys for document in documents] or [np.empty(0, np.uint64)])
    keys.sort()
    begins = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.empty(0, np.int64)
    frequency = np.diff(np.concatenate((begins, [len(keys)])))
    kept = (frequency > 1) & (frequency <= max(FEW, int(COMMON * len(documents))))
    return keys[begins[kept]], 1 + np.log((1 + len(documents)) / (1 + frequency[kept]))


def _links(documents: Sequence[PlannedDocument]) -> _Lists:
    """For each document those that name it or that it names, with what that adds to their cosine."""
    many = len(documents)
    bearers, names = _flat([document.names for document in documents])
    order = np.lexsort((bearers, names))
    bearers, names = bearers[order], names[order]
    known, first, borne = np.unique(names, return_index=True, return_counts=True)
    namers, mentions = _flat([document.mentions for document in documents])
    kept = is_known(mentions, known)
    namers, numbers = namers[kept], np.searchsorted(known, mentions[kept])
    named = np.bincount(numbers, minlength=len(known))
    telling = (borne <= BEARERS) & (named <= max(FEW, NAMERS * many))
    kept = telling[numbers]
    namers, numbers = namers[kept], numbers[kept]
    strength = LINK / (1 + np.log(np.maximum(named[numbers], 1)))
    ones, others, amounts = [], [], []
    for bearer in range(BEARERS):
        has = bearer < borne[numbers]
        owners = bearers[np.minimum(first[numbers[has]] + bearer, max(0, len(bearers) - 1))]
        apart = owners != namers[has]
        ones += [namers[has][apart], owners[apart]]
        others += [owners[apart], namers[has][apart]]
        amounts += [strength[has][apart]] * 2
    one, other, amount = np.concatenate(ones), np.concatenate(others), np.concatenate(amounts)
    # Of several names by which one names the other, and of both directions, the strongest counts.
    order = np.lexsort((-amount, other, one))
    one, other, amount = one[order], other[order], amount[order]
    new = np.concatenate(([True], (one[1:] != one[:-1]) | (other[1:] != other[:-1]))) if len(one) else order > 0
    lists = _Lists.of(many, one[new].astype(np.int32), other[new].astype(np.int32), amount[new].astype(np.float32))
    kept = np.arange(len(lists.places)) - np.repeat(lists.bounds[:-1], np.diff(lists.bounds)) < MOST_LINKS
    bounds = np.concatenate(([0], np.cumsum(kept)))[lists.bounds]
    return _Lists(bounds, lists.places[kept], lists.weights[kept])


def _flat(lists: Sequence[Keys]) -> tuple[npt.NDArray[np.int64], Keys]:
    """All keys behind one another, and the place of the list that each is of."""
    owners = np.repeat(np.arange(len(lists)), [len(own) for own in lists])
    return owners.astype(np.int64), np.concatenate(lists) if lists else np.empty(0, np.uint64)
