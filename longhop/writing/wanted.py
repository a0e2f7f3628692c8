"""How many questions of each kind are asked of a context.

>>> wanted({"bridge": 3, "comparison": 1}, 8, seed=7)
{'bridge': 6, 'comparison': 2}
>>> allowed({"bridge": 1, "paper_to_code": 1}, ["book", "paper"])
{'bridge': 1}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from random import Random

from longhop.kinds import kind_of

__all__ = ["allowed", "dealt", "wanted"]


def allowed(kinds: Mapping[str, float], documents: Collection[str]) -> dict[str, float]:
    """The kinds of questions that a context with these kinds of documents can be asked for, with their weights."""
    return {kind: weight for kind, weight in kinds.items() if kind_of(kind).needs <= set(documents)}


def wanted(kinds: Mapping[str, float], count: int, seed: int) -> dict[str, int]:
    """How many questions of each kind: its share of `count`, what is left over drawn by the shares that are left."""
    total = sum(kinds.values())
    shares = {kind: count * weight / total for kind, weight in kinds.items()}
    numbers = {kind: int(share) for kind, share in shares.items()}
    left = {kind: share - numbers[kind] for kind, share in shares.items()}
    rng = Random(seed)
    for _ in range(count - sum(numbers.values())):
        (kind,) = rng.choices(list(left), weights=[max(share, 1e-9) for share in left.values()])
        numbers[kind] += 1
        del left[kind]
    return {kind: number for kind, number in numbers.items() if number}


def dealt(numbers: Mapping[str, int], per_request: int, seed: int) -> list[dict[str, int]]:
    """The same in requests of at most so many questions, the kinds mixed by the seed."""
    cards = [kind for kind, number in numbers.items() for _ in range(number)]
    if per_request < len(cards):
        Random(seed).shuffle(cards)
    hands = [Counter(cards[at : at + per_request]) for at in range(0, len(cards), per_request)]
    return [{kind: hand[kind] for kind in numbers if kind in hand} for hand in hands]
