"""What befalls calls to a Hub: one in ten fails, in every way that a call can fail and pass.

Hub(faults=one_in_ten(seed=3))
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.hub import Fault

WAYS: Sequence[Fault] = ((429, {"Retry-After": "0"}), (500, {}), (502, {}), (503, {}), (504, {}), "drop", "lose")


def one_in_ten(seed: int, share: float = 0.1, ways: Sequence[Fault] = WAYS) -> Callable[[str, str], Fault | None]:
    """What befalls each call, by chance; the same for a seed and an order of calls."""
    chance = random.Random(seed)

    def befalls(_method: str, _path: str) -> Fault | None:
        return chance.choice(ways) if chance.random() < share else None

    return befalls


def once(method: str, path: str, fault: Fault, times: int = 1) -> Callable[[str, str], Fault | None]:
    """The first calls whose path ends so meet a fault."""
    left = [times]

    def befalls(asked: str, where: str) -> Fault | None:
        if asked == method and path in where and left[0] > 0:
            left[0] -= 1
            return fault
        return None

    return befalls
