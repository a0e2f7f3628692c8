"""Which request goes to which server when.

    >>> async with dispatcher.slot(affinity=context_id, tokens=131_072) as target:
    ...     reply = await send(target, …)

- A context's first request goes to the server with the fewest tokens in flight; the others follow it there while it is
  well, since its prompt is cached there. They wait for it where it is overloaded, and until the prompt is computed.
- A server computes one prompt after the other, so no more than two contexts wait for it: the next one goes to the
  server that is free first, and not to the one that seemed so long before.
- No more contexts are in flight on a server than its cache holds, where its size is known: a context that is evicted
  between two of its requests is computed twice.
- A server that says that it is overloaded is sent less, and more again with each answer, and nothing before the time
  that it names. One that fails is left alone for a while, then tried with one request, and left alone for twice as long
  where that fails, too; its contexts move.

All of this is the machine's, not the process's, and of several processes that wait for room each has its share: see
`longhop.engines.ledger`.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from longhop.engines.ledger import LONGEST_SILENCE, Health, Ledger, Place, Slot, State, now
from longhop.errors import EngineError, StorageError

__all__ = ["LONG_TOKENS", "Dispatcher"]

log = logging.getLogger("longhop")

LONG_TOKENS = 2048
"""From here on a prompt is worth its place in a cache."""
RESTART_SECONDS = 1800.0
"""How long servers may fail that longhop starts, and starts again: large models take long to load."""
_ASK_SECONDS = 2.0
"""How often to ask whether they still do."""
GIVE_UP_SECONDS = 300.0
"""How long all servers may fail before the build ends; a tenth of it where none has answered within an hour."""
_POLL_SECONDS = 0.01
_LOOK_SECONDS = 0.5
"""How often to look even where no other process has changed anything: one may have been killed."""
_OVERLOADED_SECONDS = 0.2
"""How long nothing is sent to a server that is overloaded and does not say how long."""
_MOST_SILENT_SECONDS = 60.0
_FAILURES = 3
"""Failures one after another until a server is left alone."""
_AHEAD = 2
"""Contexts that a server is given before they are computed: one that it computes, and the next."""
_FREE_SHARE = 0.9
"""Of a cache, what prompts may take; the rest is for what is generated."""


@dataclass(eq=False)
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
        self._back: list[Slot] = []
        """Slots whose requests have ended, until the ledger knows."""
        self._waited = False
        """Whether any request waited when the ledger was opened last."""
        self._poll: asyncio.TimerHandle | None = None
        self._look_at = 0.0
        self._health: dict[str, Health] = {}
        """As last seen."""
        self._helpless_since: float | None = None
        """Since when, or from when on, no server can be asked."""
        self.restarting: Callable[[], object] | None = None
        """Asks who starts servers again that end; raises `EngineError` where that was given up. None: nobody does."""
        self._asked_at = -math.inf
        self.capacity: dict[str, int] = {}
        """Tokens that a server's cache holds, where that is known."""
        self.computes_first: set[str] = set()
        """Servers on which the first request of a context says by `computed` when the others may follow."""
        self._computing: dict[str, int] = {}
        """Contexts whose first request is one of this process and has a slot, and the tokens of its prompt."""

    @asynccontextmanager
    async def slot(self, affinity: str, tokens: int) -> AsyncIterator[str]:
        """Wait for a slot; gives the server to send to.

        Args:
            affinity: Requests that share a long prompt share it.
            tokens: Tokens of the prompt.

        Raises:
            EngineError: No server has answered for long.
            StorageError: The ledger cannot be used.
        """
        waiting = _Waiting(affinity, tokens, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            self._pump()
            slot = await waiting.slot
        except BaseException:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            # It may have been given the slot, and cancelled before it knew.
            if waiting.slot.done() and not waiting.slot.cancelled() and waiting.slot.exception() is None:
                self._give_back(waiting.slot.result())
            raise
        try:
            yield slot.target
        finally:
            if self.is_first(affinity, tokens):
                del self._computing[affinity]
            self._give_back(slot)

    # What servers do

    def answered(self, target: str) -> None:
        """A server has answered a request."""
        known = self._health.get(target)
        well = known is not None and not known.failures and known.most >= self._concurrency
        if well and known is not None and known.answered is not None and now() - known.answered < 1:
            return  # nothing that anybody needs to know

        def note(health: Health, _: State) -> None:
            health.most = min(health.most + max(1 / health.most, 0.05 * health.most), self._concurrency)
            if health.failures >= _FAILURES:
                health.silent_until = 0.0  # a time that the server named for itself stays
            health.failures, health.answered = 0, now()

        self._note(target, note)

    def overloaded(self, target: str, said: str, retry_after: float | None) -> None:
        """A server does not take more now."""

        def note(health: Health, state: State) -> None:
            health.said = said
            if now() >= health.silent_until:  # else this answers a request that was sent before it was known
                health.most = max(1.0, 0.7 * min(health.most, state.in_flight(target)))
                wait = retry_after if retry_after is not None and math.isfinite(retry_after) else 0.0
                health.silent_until = now() + min(max(wait, _OVERLOADED_SECONDS), LONGEST_SILENCE)

        self._note(target, note)

    def failed(self, target: str, said: str) -> None:
        """A server has not answered, or with what is no answer."""

        def note(health: Health, _: State) -> None:
            health.said = said
            if now() < health.silent_until:
                return
            health.failures += 1
            if health.failures >= _FAILURES:
                health.most = max(1.0, 0.7 * health.most)
                times = min(health.failures - _FAILURES, 30)
                health.silent_until = now() + min(2.0**times / 2, _MOST_SILENT_SECONDS)

        self._note(target, note)

    def found(self, targets: Iterable[str]) -> None:
        """Servers were asked what they are, and said it: those that have failed before are tried again at once."""

        def note(health: Health, _: State) -> None:
            if health.failures >= _FAILURES:
                health.failures, health.silent_until = 0, 0.0

        for target in targets:
            self._note(target, note)

    def is_first(self, affinity: str, tokens: int) -> bool:
        """Whether a request that has a slot is to compute its context, while the others wait for it."""
        return self._computing.get(affinity) == tokens

    def computed(self, affinity: str, target: str, tokens: int) -> None:
        """A prompt is in the server's cache: the others may follow."""
        self._computing.pop(affinity, None)
        try:
            with self._ledger.open() as state:
                state.put_place(affinity, target, tokens)
        except StorageError as error:  # who waits for it is told when it looks again
            log.debug("%s", error)
        self._pump()

    def answered_lately(self) -> bool:
        """Whether a server has answered anybody within an hour, so that it is worth waiting for."""
        try:
            with self._ledger.open() as state:
                found = [state.health(target, self._concurrency).answered for target in self._targets]
        except StorageError:
            return False
        return any(each is not None and each > now() - LONGEST_SILENCE for each in found)

    def _note(self, target: str, note: Callable[[Health, State], None]) -> None:
        try:
            with self._ledger.open() as state:
                health = state.health(target, self._concurrency)
                note(health, state)
                state.put_health(target, health)
                self._health[target] = health
        except StorageError as error:  # an answer that has come is not lost for it; who wants a slot is told
            log.debug("%s", error)

    # Who may go

    def _give_back(self, slot: Slot) -> None:
        self._back.append(slot)
        self._pump()

    def _pump(self) -> None:
        """Give slots to those who wait, in their order; who cannot go yet does not hold up the others."""
        self._waiting = [one for one in self._waiting if not one.slot.done()]
        given: list[tuple[_Waiting, Slot]] = []
        load = None
        try:
            with self._ledger.open() as state:
                for slot in self._back:
                    state.give_back(slot)
                if self._waiting:
                    load = _Load(state, self._targets, self._concurrency)
                    given = list(self._allotted(state, load))
                    state.wait_for_room(load.full and len(given) < len(self._waiting))
                elif self._waited:
                    state.wait_for_room(waits=False)
        except StorageError as error:
            self._end(error)
            return
        self._back, self._waited = [], load is not None
        for one, slot in given:
            self._waiting.remove(one)
            one.slot.set_result(slot)
        if load is not None:
            self._health = load.health
            if self._waiting:
                self._end_if_hopeless(load)
                self._look_at = min(now() + _LOOK_SECONDS, *(each.silent_until for each in load.silent), math.inf)
                self._look_again()

    def _allotted(self, state: State, load: _Load) -> Iterable[tuple[_Waiting, Slot]]:
        for one in self._waiting:
            if load.full:
                return
            target = self._choose(state, load, one)
            if target is None:
                continue
            yield one, state.take(target, one.affinity, one.tokens)
            if _has_place(one):
                place = state.put_place(one.affinity, target, 0 if target in self.computes_first else one.tokens)
                if not place.has(one.tokens):
                    self._computing[one.affinity] = one.tokens
                    load.computes(one.affinity)
            load.add(target, one.affinity, one.tokens)

    def _choose(self, state: State, load: _Load, one: _Waiting) -> str | None:
        place = state.place(one.affinity) if _has_place(one) else None
        if place is not None and (place.target not in self._targets or load.fails(place.target)):
            place = None
        if place is not None and not place.has(one.tokens) and load.computing(place.target, one.affinity):
            return None
        fitting = [
            target
            for target in self._candidates(place, load, one)
            if load.takes(target) and load.fits(target, one.affinity, one.tokens, self.capacity.get(target))
        ]
        return min(fitting, key=lambda target: (load.tokens(target), load.requests(target))) if fitting else None

    def _candidates(self, place: Place | None, load: _Load, one: _Waiting) -> list[str]:
        if place is not None:
            return [place.target]
        if _has_place(one):
            return [target for target in self._targets if load.ahead(target) < _AHEAD]
        return self._targets

    def _look_again(self) -> None:
        """Other processes give slots back, too, and time passes for servers that are left alone."""
        if self._poll is None and self._waiting:
            self._poll = asyncio.get_running_loop().call_later(_POLL_SECONDS, self._look)

    def _look(self) -> None:
        self._poll = None
        try:
            if self._ledger.changed() or now() >= self._look_at:
                self._pump()
            else:
                self._look_again()
        except StorageError as error:
            self._end(error)

    def _end_if_hopeless(self, load: _Load) -> None:
        if not load.is_helpless:
            return
        answered = max((each.answered for each in load.health.values() if each.answered is not None), default=-math.inf)
        if self._helpless_since is None or answered > self._helpless_since:
            # A time that a server names is waited for, before patience ends.
            self._helpless_since = max(now(), min(each.silent_until for each in load.silent))
        patience = GIVE_UP_SECONDS if answered > now() - LONGEST_SILENCE else GIVE_UP_SECONDS / 10
        if self.restarting is not None:
            patience = RESTART_SECONDS
            if now() - self._asked_at > _ASK_SECONDS:
                self._asked_at = now()
                asked = asyncio.get_running_loop().run_in_executor(None, self.restarting)
                asked.add_done_callback(self._end_if_given_up)
        if now() - self._helpless_since > patience:
            said = "; ".join(dict.fromkeys(each.said for each in load.health.values() if each.said))
            self._end(EngineError(f"no server answers: {said}; mend that and build again: what was answered is kept"))

    def _end_if_given_up(self, asked: asyncio.Future[object]) -> None:
        if not asked.cancelled() and isinstance(error := asked.exception(), Exception):
            self._end(error)

    def _end(self, error: Exception) -> None:
        for one in self._waiting:
            if not one.slot.done():
                one.slot.set_exception(error)
        self._waiting = []


def _has_place(one: _Waiting) -> bool:
    return bool(one.affinity) and one.tokens >= LONG_TOKENS


class _Load:
    """What is in flight, by server, and how they do."""

    def __init__(self, state: State, targets: Sequence[str], concurrency: int) -> None:
        self._room = concurrency
        self._mine, self._share = state.mine, state.share(concurrency)
        self._requests = dict.fromkeys(targets, 0)
        self._tokens = dict.fromkeys(targets, 0)
        self._contexts: dict[str, dict[str, int]] = {target: {} for target in targets}
        self._uncomputed = state.uncomputed
        self.health = {target: state.health(target, concurrency) for target in targets}
        self._now = now()
        for slot in state.slots:
            self._count(slot.target, slot.affinity, slot.tokens)

    def add(self, target: str, affinity: str, tokens: int) -> None:
        """One more of this process."""
        self._mine += 1
        self._count(target, affinity, tokens)

    def computes(self, affinity: str) -> None:
        """The first request of a context has a slot from now on."""
        self._uncomputed.add(affinity)

    def _count(self, target: str, affinity: str, tokens: int) -> None:
        if target not in self._requests:
            return
        self._room -= 1
        self._requests[target] += 1
        contexts = self._contexts[target]
        if tokens >= LONG_TOKENS:  # the requests of a context share its tokens
            name = affinity or f"\0{len(contexts)}"
            tokens, contexts[name] = max(0, tokens - contexts.get(name, 0)), max(tokens, contexts.get(name, 0))
        self._tokens[target] += tokens

    @property
    def full(self) -> bool:
        """Whether there is no room for one more of this process; that of others who wait is left to them."""
        return self._room <= 0 or self._mine >= self._share

    @property
    def silent(self) -> list[Health]:
        """Servers that are sent nothing now."""
        return [each for each in self.health.values() if each.silent_until > self._now]

    @property
    def is_helpless(self) -> bool:
        """Whether nothing is in flight and nothing can be sent."""
        return not any(self._requests.values()) and len(self.silent) == len(self.health)

    def requests(self, target: str) -> int:
        return self._requests[target]

    def tokens(self, target: str) -> int:
        return self._tokens[target]

    def computing(self, target: str, affinity: str) -> bool:
        """Whether a request in flight computes a context on a server, or waits for its turn."""
        return affinity in self._uncomputed and affinity in self._contexts[target]

    def ahead(self, target: str) -> int:
        """Contexts that a server has still to compute."""
        return len(self._uncomputed & self._contexts[target].keys())

    def fails(self, target: str | None) -> bool:
        """Whether a server is left alone because it does not answer; one that is overloaded comes back soon."""
        health = self.health.get(target or "")
        return health is not None and health.failures >= _FAILURES and health.silent_until > self._now

    def takes(self, target: str) -> bool:
        health = self.health[target]
        most = max(1, int(health.most)) if health.failures < _FAILURES else 1
        return health.silent_until <= self._now and self._requests[target] < most

    def fits(self, target: str, affinity: str, tokens: int, capacity: int | None) -> bool:
        contexts = self._contexts[target]
        if capacity is None or affinity in contexts or not contexts or tokens < LONG_TOKENS:
            return True
        return sum(contexts.values()) + tokens <= _FREE_SHARE * capacity
