"""How long a reply is waited for: from token counts, and from how fast the server has been.

    >>> deadlines = Deadlines()
    >>> deadlines.limit(prompt=8_000, most=16_384)  # nothing known yet
    1154.0

A request that hangs is given up when it has taken several times as long as the slowest of the last ones, by its own
tokens. Of those the longer ones tell how fast a server is: short ones mostly tell of its line. Its reply is taken to be
eight times as long, at most, as the longest of those with the same bound: answers to checks may have 4,096 tokens and
have fifty. One that was given up too early finds twice the patience when it is sent again.
"""

from __future__ import annotations

from collections import defaultdict, deque

__all__ = ["Deadlines"]

_LEAST_SECONDS = 120.0
_PREFILL_RATE = 200.0
_DECODE_RATE = 4.0
"""Tokens a second that a slow and busy server does at least."""
_ENOUGH, _LAST = 4, 200
"""Replies from which on the server's speed is known, and how long replies are; and of how many. Few must do: a part's
questions may be written by five requests, and the others wait for the one that hangs."""
_TELLING = 0.25
"""Share of the longest reply's tokens from which a reply tells of the speed."""
_PATIENCE = 4.0
"""How many times as slow as the slowest of them a reply may be."""
_UNKNOWN = 1 / 16
"""How slow replies are taken to be while nothing is known: with patience a quarter of what a slow server takes, and
twice that each time that it was too little. Nobody would wait an hour for the last request, when that one hangs."""
_LONGER = 2.0
"""How many times that again it may be longer than the longest of them."""
_LEAST_TOKENS = 64


class Deadlines:
    """Time limits of one engine's requests."""

    def __init__(self) -> None:
        self._shares: deque[tuple[int, float]] = deque(maxlen=_LAST)
        """Tokens of the last replies, and which share they took of what a slow server takes."""
        self._tokens: defaultdict[int, deque[int]] = defaultdict(lambda: deque(maxlen=_LAST))
        """Of the last replies with the same bound, their tokens."""
        self._patience = _PATIENCE

    def limit(self, prompt: int, most: int) -> float:
        """Seconds that a request may take.

        Args:
            prompt: Tokens of the prompt.
            most: Tokens that each sample may have.
        """
        last = self._tokens[most]
        longest = self._patience * _LONGER * max(_LEAST_TOKENS, *last) if len(last) >= _ENOUGH else most
        share = self._patience * _UNKNOWN
        if len(self._shares) >= _ENOUGH:
            telling = _TELLING * max(tokens for tokens, _ in self._shares)
            share = self._patience * max(share for tokens, share in self._shares if tokens >= telling)
        return _LEAST_SECONDS + min(1.0, share) * _slowly(prompt, min(most, longest))

    def answered(self, prompt: int, generated: int, most: int, seconds: float) -> None:
        """A reply came, whose longest sample has so many tokens, and might have had `most`."""
        self._tokens[most].append(generated)
        self._shares.append((generated, seconds / (1.0 + _slowly(prompt, generated))))

    def missed(self) -> None:
        """A request took longer than its limit."""
        self._patience *= 2


def _slowly(prompt: int, generated: float) -> float:
    return prompt / _PREFILL_RATE + generated / _DECODE_RATE
