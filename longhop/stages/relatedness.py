"""Which documents are about the same things: cosine of TF-IDF over their rare terms.

    >>> nearness = Relatedness([[Term(term="Marrow Bay", count=3)], [Term(term="Marrow Bay", count=1)], []])
    >>> nearness.neighbours(0)
    [(1, 1.0)]

Neighbours are looked up when they are needed, through an inverted index: the cost is that of the postings of one
document's terms. A term that a large share of the documents has tells nothing and is left out, which bounds them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from longhop.records import Term

__all__ = ["Relatedness"]

COMMON = 0.2
"""A term in more than this share of the documents is left out, unless there are few documents."""
FEW = 200
"""Terms in no more documents than this are always kept."""
MOST = 5_000
"""Terms in more documents than this are always left out, so that one lookup stays cheap in a large corpus."""


class Relatedness:
    """Nearest documents of a document; documents go by their place in `terms`."""

    def __init__(self, terms: Sequence[Sequence[Term]]) -> None:
        """Index the documents; `terms` holds the terms of each, and its order decides ties."""
        frequency = Counter(term.term for own in terms for term in own)
        limit = min(MOST, max(FEW, int(COMMON * len(terms))))
        kept = {term: column for column, term in enumerate(sorted(t for t, n in frequency.items() if 1 < n <= limit))}
        rows, columns, counts = [], [], []
        for row, own in enumerate(terms):
            for term in own:
                column = kept.get(term.term)
                if column is not None:
                    rows.append(row)
                    columns.append(column)
                    counts.append(float(term.count))
        matrix = sparse.csr_matrix((counts, (rows, columns)), shape=(len(terms), max(1, len(kept))), dtype=np.float64)
        matrix.sort_indices()
        if matrix.nnz:
            matrix = TfidfTransformer(sublinear_tf=True).fit_transform(matrix)
        self._weights = sparse.csr_matrix(matrix)
        self._postings = sparse.csr_matrix(self._weights.T)

    def neighbours(self, document: int, most: int = 256) -> list[tuple[int, float]]:
        """The `most` nearest documents with their cosine, nearest first, ties by place; unrelated ones are left out."""
        product = (self._weights[document] @ self._postings).tocoo()
        # Rounded, so that the order of summation of another build of the libraries decides nothing.
        cosines = np.round(product.data, 6)
        places = product.col
        kept = (cosines > 0) & (places != document)
        cosines, places = cosines[kept], places[kept]
        if len(cosines) > most:
            least = np.partition(cosines, len(cosines) - most)[len(cosines) - most]
            kept = cosines >= least
            cosines, places = cosines[kept], places[kept]
        order = np.lexsort((places, -cosines))[:most]
        return [(int(places[i]), float(cosines[i])) for i in order]
