"""Many requests through one engine: order, concurrency, completions.

    >>> reader = Inference(LexicalEngine(), CompletionStore(path))
    >>> for answer in reader.run(requests):  # in the order of the requests
    ...     print(answer.detail if isinstance(answer, Refused) else answer.choices[0].content)

What was answered before comes from the completion store; only the samples that are missing are sent, with the seeds
that they have. A request that the engine refuses comes back as the `Refused` it raised and stops no other; an
`EngineError` concerns everyone and ends the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, ClassVar, TypeVar

import msgspec

from longhop.completions import CompletionStore
from longhop.engines import Choice, Completion, Engine, Request
from longhop.errors import EngineError, Refused

__all__ = ["Inference"]

T = TypeVar("T")

_END_SECONDS = 5.0
_WINDOW = 16
"""Answers that wait for an earlier one, in multiples of the concurrency."""
_MANY = 20
_MANY_SHARE = 0.05
"""From so many requests on, and above this share, equal refusals concern everyone."""
_FEW = 3
"""From so many requests on, a server that finds fault with each of them concerns everyone."""


class Inference:
    """Drives one engine for the stages, which neither know of event loops nor of what was answered before."""

    def __init__(
        self,
        engine: Engine,
        completions: CompletionStore | None = None,
        concurrency: int = 64,
        answered: Callable[[Completion], None] | None = None,
    ) -> None:
        """Take an engine, where its completions are kept, and who is told of each that it gives."""
        self._engine = engine
        self._completions = completions
        self._concurrency = concurrency
        self._answered = answered
        self._begun = 0
        self._refused: Counter[str] = Counter()
        self._last_refused = ""
        """What to say of it, where it concerns everyone."""

    @property
    def model(self) -> str:
        """Name of what answers."""
        return self._engine.model

    def run(self, requests: Iterable[Request]) -> Iterator[Completion | Refused]:
        """Answer requests, up to `concurrency` at a time; the answers come in the order of the requests.

        Requests are taken from the iterable as there is room for them, so a generator that reads contexts one by one
        keeps only those in memory that are in flight.

        Raises:
            EngineError: The engine can answer nobody, or refuses many alike.
            StorageError: A completion cannot be stored.
        """
        loop = _Loop.get()
        slots = asyncio.Semaphore(self._concurrency)
        # Twice the concurrency, so that no slot waits for a request that is still being made. Only those without an
        # answer count: a slow one at the head would leave the others' slots idle.
        room = threading.Semaphore(2 * self._concurrency)
        pending: deque[Future[Completion | Refused]] = deque()
        broken: Future[None] = Future()
        """What concerns everyone, as soon as anyone has met it."""

        def ended(answer: Future[Completion | Refused]) -> None:
            room.release()
            if not answer.cancelled() and (error := answer.exception()) and not broken.done():
                broken.set_exception(error)

        def first() -> Completion | Refused:
            if not pending[0].done():
                either: list[Future[Any]] = [pending[0], broken]
                wait(either, return_when=FIRST_COMPLETED)
            if broken.done():
                broken.result()
            return pending.popleft().result()

        try:
            for request in requests:
                self._begun += 1
                if broken.done():
                    broken.result()
                while pending and (pending[0].done() or len(pending) >= _WINDOW * self._concurrency):
                    yield first()
                while not room.acquire(timeout=0.1):
                    if pending[0].done() or broken.done():
                        yield first()
                pending.append(loop.submit(self._answer(request, slots), ended))
            while pending:
                yield first()
            self._end_if_none_passed()
        finally:
            loop.end(pending)

    async def _answer(self, request: Request, slots: asyncio.Semaphore) -> Completion | Refused:
        key = self._engine.key(request)
        found = self._completions.get(key, request.seed, request.samples) if self._completions else {}
        missing = [seed for seed in range(request.seed, request.seed + request.samples) if seed not in found]
        pieces = [self._ask(request, key, seeds, found, slots) for seeds in self._pieces(missing)]
        refused = [outcome for outcome in await _all_of(pieces) if outcome is not None]
        if refused:
            self._note_refused(request, refused[0])
            return refused[0]
        return Completion(choices=tuple(found[seed] for seed in sorted(found)))

    def _pieces(self, seeds: list[int]) -> list[list[int]]:
        """Seeds that one request asks for: such as follow one another, as many as the engine takes."""
        most = getattr(self._engine, "at_once", len(seeds))
        pieces: list[list[int]] = []
        for seed in seeds:
            if pieces and pieces[-1][-1] == seed - 1 and len(pieces[-1]) < most:
                pieces[-1].append(seed)
            else:
                pieces.append([seed])
        return pieces

    async def _ask(
        self, request: Request, key: str, seeds: list[int], found: dict[int, Choice], slots: asyncio.Semaphore
    ) -> Refused | None:
        """Ask for samples until all are there; each is stored as it comes."""
        while seeds:
            asked = msgspec.structs.replace(request, seed=seeds[0], samples=len(seeds))
            try:
                async with slots:
                    completion = await self._engine.complete(asked)
            except Refused as refused:
                return refused
            choices = completion.choices[: len(seeds)]
            if not choices:
                raise EngineError(f"{self.model}: no sample of prompt `{request.prompt}` came back")
            if self._completions:
                self._completions.put(key, seeds[0], choices)
            found.update(zip(seeds, choices, strict=False))
            if self._answered:
                self._answered(completion)
            seeds = seeds[len(choices) :]
            pieces = self._pieces(seeds)
            if len(pieces) > 1:  # the engine has learned meanwhile that it takes fewer at once
                rest = [self._ask(request, key, piece, found, slots) for piece in pieces]
                return next((outcome for outcome in await _all_of(rest) if outcome is not None), None)
        return None

    def _note_refused(self, request: Request, refused: Refused) -> None:
        """Many requests that are refused alike are no matter of single ones."""
        self._refused[refused.reason] += 1
        count = self._refused[refused.reason]
        said = f"(prompt `{request.prompt}`) were refused alike, {refused.reason}: {refused.detail}"
        self._last_refused = f"{said}; mend that and build again: what was answered is kept"
        # Of those that were begun: the refused ones are often the first to come back.
        if count >= _MANY and count > _MANY_SHARE * self._begun:
            raise EngineError(f"{self.model}: {count:,} of {self._begun:,} requests {self._last_refused}")

    def _end_if_none_passed(self) -> None:
        """A server that takes no request at all concerns everyone, however few they are."""
        if self._begun >= _FEW and self._refused["bad_request"] == self._begun:
            raise EngineError(f"{self.model}: all {self._begun:,} requests {self._last_refused}")


async def _all_of(pieces: list[Coroutine[Any, Any, Refused | None]]) -> list[Refused | None]:
    """Outcomes of all; where one raises, the others end before that is passed on."""
    if len(pieces) == 1:
        return [await pieces[0]]
    tasks = [asyncio.ensure_future(piece) for piece in pieces]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class _Loop:
    """An event loop in a thread of its own: stages stay plain functions, and a notebook's own loop is left alone.

    One a process, for as long as it lives, since an engine's connections belong to the loop that opened them.
    """

    _mine: _Loop | None = None
    _inherited: ClassVar[list[_Loop]] = []
    """Of the process that this one was forked from: kept as they are, since their connections are in use there."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="longhop-inference", daemon=True)
        self._thread.start()

    @classmethod
    def get(cls) -> _Loop:
        """The loop of this process; a fork inherits the object, and not the thread."""
        if cls._mine is not None and cls._mine.pid != os.getpid():
            cls._inherited.append(cls._mine)
            cls._mine = None
        if cls._mine is None:
            cls._mine = cls()
        return cls._mine

    def submit(self, work: Coroutine[Any, Any, T], ended: Callable[[Future[T]], None]) -> Future[T]:
        """Do something in the loop, and say when it has ended or was given up."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        future.add_done_callback(ended)
        return future

    def end(self, pending: Collection[Future[Any]]) -> None:
        """Give up what is under way, and wait until it has let go of what it held."""
        given_up = [future.cancel() for future in pending if not future.done()]
        if given_up and self.pid == os.getpid() and threading.current_thread() is not self._thread:
            with contextlib.suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result(_END_SECONDS)

    async def _settled(self) -> None:
        cancelled = [task for task in asyncio.all_tasks() if task.cancelling()]
        if cancelled:
            await asyncio.wait(cancelled)
