"""Items put together until they are large enough to be worth a call.

>>> list(batches(["ab", "c", "defg", "h"], 3, len))
[['ab', 'c'], ['defg'], ['h']]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["batches"]

T = TypeVar("T")


def batches(items: Iterable[T], most: int, size: Callable[[T], int]) -> Iterator[list[T]]:
    """Items in their order, each batch ended by the one with which it reaches `most`.

    Args:
        items: What to put together.
        most: Size that ends a batch.
        size: Of an item.
    """
    batch: list[T] = []
    held = 0
    for item in items:
        batch.append(item)
        held += size(item)
        if held >= most:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
