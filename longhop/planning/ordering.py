"""In which order the pieces of a context stand, and so how deep in it evidence will lie.

    >>> [piece.related for piece in arranged(pieces, "related_last", "7")]
    [False, False, True, True]

Questions lead from one related document to another, so evidence mostly lies in those. Where they are spread, the first
of them begins at a random depth, the others follow at even distances: no context has all of them at one end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from longhop.planning.stock import seeded
from longhop.records import Piece

__all__ = ["arranged"]


def arranged(pieces: Sequence[Piece], order: str, salt: str) -> list[Piece]:
    """The pieces in their places; those of one document keep the order of its text.

    Args:
        pieces: In any order.
        order: The recipe's `contexts.order`.
        salt: Decides what is left to chance.
    """
    mixed = sorted(pieces, key=lambda piece: (seeded(salt, piece.document_id, piece.start), piece.document_id))
    related = [piece for piece in mixed if piece.related]
    others = [piece for piece in mixed if not piece.related]
    if order == "related_first":
        mixed = [*related, *others]
    elif order == "related_last":
        mixed = [*others, *related]
    elif order == "spread":
        mixed = list(_spread(related, others, seeded(salt, "depth") / 2**64))
    return _in_reading_order(mixed)


def _spread(related: Sequence[Piece], others: Sequence[Piece], begins: float) -> Iterator[Piece]:
    """Related pieces among the others, their middles at even distances of depth, the first at a random one."""
    total = sum(piece.n_tokens for piece in [*related, *others])
    waiting = list(reversed(others))
    depth = 0
    for number, piece in enumerate(related):
        wanted = (number + begins) / len(related) * total
        # The next of the others comes before, if that brings the piece nearer to its depth.
        while waiting and depth + piece.n_tokens / 2 + waiting[-1].n_tokens / 2 < wanted:
            depth += waiting[-1].n_tokens
            yield waiting.pop()
        depth += piece.n_tokens
        yield piece
    yield from reversed(waiting)


def _in_reading_order(pieces: Sequence[Piece]) -> list[Piece]:
    parts: dict[str, list[Piece]] = defaultdict(list)
    for piece in sorted(pieces, key=lambda piece: piece.start, reverse=True):
        parts[piece.document_id].append(piece)
    # Whether a piece was taken for being related belongs to its place, as it was arranged for it.
    return [msgspec.structs.replace(parts[piece.document_id].pop(), related=piece.related) for piece in pieces]
