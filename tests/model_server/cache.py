"""The KV cache: a number of blocks, held by what runs, kept for the next while there is room.

>>> pool = BlockPool(total=4)
>>> pool.hold([b"a", b"b"], extra=1)     # how many of the blocks were there already
0
>>> pool.release([b"a", b"b"])
>>> pool.hold([b"a", b"b", b"c"], extra=0)
2

Blocks that nobody holds are forgotten when room is needed, the least recently used first and of one prompt the last
first, so that what is there of a prompt is always its beginning.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

__all__ = ["BlockPool"]


class BlockPool:
    """Blocks of prompts, by their digests, and blocks without a name: those of answers and unfilled ends."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.evicted = 0
        """Blocks forgotten so far."""
        self._held: dict[bytes, int] = {}
        self._idle: OrderedDict[bytes, None] = OrderedDict()
        self._nameless = 0

    @property
    def used(self) -> int:
        """Blocks that are held."""
        return len(self._held) + self._nameless

    def hold(self, blocks: Sequence[bytes], extra: int) -> int | None:
        """Hold the blocks of a prompt and `extra` nameless ones; how many were there, None where there is no room."""
        hits = idle = 0
        for block in blocks:
            if block in self._idle:
                idle += 1
            elif block not in self._held:
                break
            hits += 1
        if len(blocks) - hits + extra > self.total - self.used - idle:
            return None
        for block in blocks:
            self._idle.pop(block, None)
            self._held[block] = self._held.get(block, 0) + 1
        self._nameless += extra
        while self.used + len(self._idle) > self.total:
            self._idle.popitem(last=False)
            self.evicted += 1
        return hits

    def release(self, blocks: Sequence[bytes], *, filled: int | None = None) -> None:
        """Hold them no longer; of a prompt that was given up, only the first `filled` blocks are worth keeping."""
        for place in range(len(blocks) - 1, -1, -1):
            block = blocks[place]
            left = self._held[block] - 1
            if left:
                self._held[block] = left
                continue
            del self._held[block]
            if filled is None or place < filled:
                self._idle[block] = None

    def give_back(self, extra: int) -> None:
        """Free nameless blocks."""
        self._nameless -= extra

    def forget(self) -> None:
        """Empty the cache of all that is not held."""
        self._idle.clear()
