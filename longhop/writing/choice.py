"""Which bridges a question is to be built over: the best, spread over the context.

    >>> choose_bridges(bridges, ["book", "paper", "code"], [frozenset()] * 4, least=2, seed=7)   # four questions
    [(Bridge(name='tide_gain', …), Bridge(name='Ines Halvorsen', …)), …]

A question gets a bridge, and further ones that touch the same documents, so that a longer chain is possible. A document
that served before is worth less, so the questions of a context are about different parts of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

from longhop.writing.bridges import MOST_DOCUMENTS, Bridge

__all__ = ["choose_bridges"]

_MOST_BRIDGES = 3  # of a question
_NEEDED = 1_000.0  # what a bridge between the kinds of documents that a question needs is worth more
_CHANCE = 0.2  # by how much the seed moves a score


def choose_bridges(
    bridges: Sequence[Bridge], kinds: Sequence[str], needs: Sequence[frozenset[str]], least: int, seed: int
) -> list[tuple[Bridge, ...]]:
    """Bridges for each question.

    Args:
        bridges: To choose from, such as `find_bridges` gives; those of `find_related` serve where these do not reach.
        kinds: Kind of each document of the context.
        needs: Kinds of documents that each question needs.
        least: In how many documents a question's evidence must stand.
        seed: Decides among bridges that are about as good.

    Returns:
        As many as `needs`; together they join `least` documents and the kinds that are needed, where that can be.
    """
    rng = Random(seed)
    scores = [max(bridge.score, 1e-9) * rng.uniform(1 - _CHANCE, 1 + _CHANCE) for bridge in bridges]
    used: Counter[int] = Counter()  # documents
    spent: Counter[int] = Counter()  # bridges
    chosen: list[tuple[Bridge, ...]] = []
    for needed in needs:
        group: list[int] = []
        documents: set[int] = set()
        while len(group) < max(_MOST_BRIDGES, least):
            missing = needed - {kinds[number] for number in documents}
            enough = len(documents) >= least and not missing
            if enough and len(group) >= _MOST_BRIDGES:
                break
            best, worth = None, 0.0
            for at, bridge in enumerate(bridges):
                if at in group:
                    continue
                value = scores[at] * _worth(bridge, kinds, documents, missing, used, enough, max(least, MOST_DOCUMENTS))
                value /= (1 + spent[at]) ** 2
                if value > worth:
                    best, worth = at, value
            if best is None:
                break
            group.append(best)
            documents.update(bridges[best].documents)
        used.update(documents)
        spent.update(group)
        chosen.append(tuple(bridges[at] for at in group))
    return chosen


def _worth(
    bridge: Bridge,
    kinds: Sequence[str],
    documents: Iterable[int],
    missing: frozenset[str],
    used: Counter[int],
    enough: bool,
    most: int,
) -> float:
    """What a bridge is worth to a question that has these documents, times its score."""
    have, own = set(documents), set(bridge.documents)
    served = {kinds[number] for number in own} & missing
    if have and not enough and not (own - have) and not served:
        return 0.0  # leads nowhere that is needed
    if enough and (not own & have or len(own | have) > most):
        return 0.0
    worth = 1 / (1 + sum(used[number] for number in own) / len(own))
    if have and not own & have:
        worth /= _NEEDED  # a chain hangs together, if it can
    return worth * _NEEDED ** len(served)
