"""How long a reply is waited for: from token counts, and from how fast the server has been.

    >>> deadlines = Deadlines()
    >>> deadlines.limit(prompt=8_000, generated=16_384)  # nothing known: that of a slow server
    4256.0

A request that hangs is given up when it has taken several times as long as the slowest of the last ones, by its own
tokens. One that was given up too early finds twice the patience when it is sent again.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Deadlines"]

_LEAST_SECONDS = 120.0
_PREFILL_RATE = 200.0
_DECODE_RATE = 4.0
"""Tokens a second that a slow and busy server does at least."""
_ENOUGH, _LAST = 20, 200
"""Replies from which on the server's speed is known, and of how many."""
_PATIENCE = 4.0
"""How many times as slow as the slowest of them a reply may be."""


class Deadlines:
    """Time limits of one engine's requests."""

    def __init__(self) -> None:
        self._shares: deque[float] = deque(maxlen=_LAST)
        """Of what a slow server takes, what the last replies took."""
        self._patience = _PATIENCE

    def limit(self, prompt: int, generated: int) -> float:
        """Seconds that a request may take.

        Args:
            prompt: Tokens of the prompt.
            generated: Tokens of each sample, at most.
        """
        known = len(self._shares) >= _ENOUGH
        share = min(1.0, self._patience * max(self._shares)) if known else 1.0
        return _LEAST_SECONDS + share * _slowly(prompt, generated)

    def answered(self, prompt: int, generated: int, seconds: float) -> None:
        """A reply came, whose longest sample has so many tokens."""
        self._shares.append(seconds / (1.0 + _slowly(prompt, generated)))

    def missed(self) -> None:
        """A request took longer than its limit."""
        self._patience *= 2


def _slowly(prompt: int, generated: int) -> float:
    return prompt / _PREFILL_RATE + generated / _DECODE_RATE
