"""Which request goes to which server when.

    >>> async with dispatcher.slot(affinity=context_id, tokens=131_072) as target:
    ...     reply = await send(target, …)

- A context's first request goes to the server with the fewest tokens in flight; the others follow it there while it is
  well, since its prompt is cached there.
- No more contexts are in flight on a server than its cache holds, where its size is known: a context that is evicted
  between two of its requests is computed twice.
- A server that says that it is overloaded is sent less, and more again with each answer; one that fails is left alone
  for a while, twice as long each time; its contexts move.

All of this is the machine's, not the process's: see `longhop.engines.ledger`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from longhop.engines.ledger import Ledger, Slot, State
from longhop.errors import EngineError

__all__ = ["LONG_TOKENS", "Dispatcher"]

LONG_TOKENS = 2048
"""From here on a prompt is worth its place in a cache."""
GIVE_UP_SECONDS = 300.0
"""How long all servers may fail before the build ends; a tenth of it where none has answered yet."""
_POLL_SECONDS = 0.02
_MOST_SILENT_SECONDS = 60.0
_FAILURES = 3
"""Failures one after another until a server is left alone."""
_FREE_SHARE = 0.9
"""Of a cache, what prompts may take; the rest is for what is generated."""


@dataclass
class _Waiting:
    affinity: str
    tokens: int
    slot: asyncio.Future[Slot]


class Dispatcher:
    """Gives out the slots of one engine's servers."""

    def __init__(self, targets: Sequence[str], concurrency: int, ledger: Ledger) -> None:
        self._targets = list(targets)
        self._concurrency = concurrency
        self._ledger = ledger
        self._waiting: list[_Waiting] = []
        self._poll: asyncio.TimerHandle | None = None
        self._answered = False
        self._well = time.monotonic()
        """When a server answered last."""
        self.capacity: dict[str, int] = {}
        """Tokens that a server's cache holds, where that is known."""
        self.last_failure = ""

    @asynccontextmanager
    async def slot(self, affinity: str, tokens: int) -> AsyncIterator[str]:
        """Wait for a slot; gives the server to send to.

        Args:
            affinity: Requests that share a long prompt share it.
            tokens: Tokens of the prompt.

        Raises:
            EngineError: No server has answered for long.
        """
        waiting = _Waiting(affinity, tokens, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._pump()
        try:
            slot = await waiting.slot
        except BaseException:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif waiting.slot.done() and not waiting.slot.cancelled() and waiting.slot.exception() is None:
                self._give_back(waiting.slot.result())
            raise
        try:
            yield slot.target
        finally:
            self._give_back(slot)

    def answered(self, target: str) -> None:
        """A server has answered a request."""
        self._answered, self._well = True, time.monotonic()
        with self._ledger.open() as state:
            health = state.health(target, self._concurrency)
            if health.failures or health.most < self._concurrency:
                health.most = min(health.most + max(1 / health.most, 0.05 * health.most), self._concurrency)
                health.failures, health.silent_until = 0, 0.0
                state.put_health(target, health)

    def overloaded(self, target: str, said: str, retry_after: float | None) -> None:
        """A server does not take more now."""
        self.last_failure = said
        with self._ledger.open() as state:
            health, now = state.health(target, self._concurrency), time.time()
            if now >= health.silent_until:  # else this answers a request that was sent before it was known
                health.most = max(1.0, 0.7 * health.most)
                health.silent_until = now + min(retry_after or 0.2, _MOST_SILENT_SECONDS)
                state.put_health(target, health)

    def failed(self, target: str, said: str) -> None:
        """A server has not answered, or with what is no answer."""
        self.last_failure = said
        with self._ledger.open() as state:
            health = state.health(target, self._concurrency)
            health.failures += 1
            if health.failures >= _FAILURES:
                health.most = max(1.0, 0.7 * health.most)
                silent = min(2.0 ** (health.failures - _FAILURES) / 2, _MOST_SILENT_SECONDS)
                health.silent_until = time.time() + silent
            state.put_health(target, health)

    def _give_back(self, slot: Slot) -> None:
        with self._ledger.open() as state:
            state.give_back(slot)
        self._pump()

    def _pump(self) -> None:
        """Give slots to those who wait, in their order; who cannot go yet does not hold up the others."""
        self._waiting = [one for one in self._waiting if not one.slot.done()]
        if not self._waiting:
            return
        given: list[tuple[_Waiting, Slot]] = []
        with self._ledger.open() as state:
            load = _Load(state, self._targets, self._concurrency)
            for one in self._waiting:
                if load.full:
                    break
                target = self._choose(state, load, one)
                if target is None:
                    continue
                given.append((one, state.take(target, one.affinity, one.tokens)))
                load.add(target, one.affinity, one.tokens)
                if one.tokens >= LONG_TOKENS:
                    state.put_place(one.affinity, target)
        for one, slot in given:
            self._waiting.remove(one)
            one.slot.set_result(slot)
        if self._waiting:
            self._end_if_hopeless(load)
            self._look_again()

    def _choose(self, state: State, load: _Load, one: _Waiting) -> str | None:
        ready = [target for target in self._targets if load.takes(target)]
        place = state.place(one.affinity) if one.tokens >= LONG_TOKENS else None
        if place in self._targets and not load.is_silent(place):
            ready = [place] if place in ready else []
        fitting = [target for target in ready if load.fits(target, one.affinity, one.tokens, self.capacity.get(target))]
        return min(fitting, key=lambda target: (load.tokens(target), load.requests(target))) if fitting else None

    def _look_again(self) -> None:
        """Other processes give slots back, too, and time passes for those that are left alone."""
        if self._poll is None:

            def look() -> None:
                self._poll = None
                self._pump()

            self._poll = asyncio.get_running_loop().call_later(_POLL_SECONDS, look)

    def _end_if_hopeless(self, load: _Load) -> None:
        if any(load.requests(target) or not load.is_silent(target) for target in self._targets):
            return
        patience = GIVE_UP_SECONDS if self._answered else GIVE_UP_SECONDS / 10
        if time.monotonic() - self._well > patience:
            error = EngineError(f"no server answers: {self.last_failure}; what was answered is kept, build again")
            for one in self._waiting:
                if not one.slot.done():
                    one.slot.set_exception(error)
            self._waiting = []


class _Load:
    """What is in flight, by server."""

    def __init__(self, state: State, targets: Sequence[str], concurrency: int) -> None:
        self._room = concurrency
        self._requests = dict.fromkeys(targets, 0)
        self._contexts: dict[str, dict[str, int]] = {target: {} for target in targets}
        self._short = dict.fromkeys(targets, 0)
        self._health = {target: state.health(target, concurrency) for target in targets}
        self._now = time.time()
        for slot in state.slots:
            if slot.target in self._requests:
                self.add(slot.target, slot.affinity, slot.tokens)

    def add(self, target: str, affinity: str, tokens: int) -> None:
        self._room -= 1
        self._requests[target] += 1
        if tokens >= LONG_TOKENS:  # the requests of a context share its tokens
            self._contexts[target][affinity] = max(tokens, self._contexts[target].get(affinity, 0))
        else:
            self._short[target] += tokens

    @property
    def full(self) -> bool:
        return self._room <= 0

    def requests(self, target: str) -> int:
        return self._requests[target]

    def tokens(self, target: str) -> int:
        return sum(self._contexts[target].values()) + self._short[target]

    def is_silent(self, target: str) -> bool:
        return self._health[target].silent_until > self._now

    def takes(self, target: str) -> bool:
        return not self.is_silent(target) and self._requests[target] < max(1, int(self._health[target].most))

    def fits(self, target: str, affinity: str, tokens: int, capacity: int | None) -> bool:
        contexts = self._contexts[target]
        if capacity is None or affinity in contexts or not contexts or tokens < LONG_TOKENS:
            return True
        return sum(contexts.values()) + tokens <= _FREE_SHARE * capacity
