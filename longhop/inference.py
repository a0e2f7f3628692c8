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
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, Self

import msgspec

from longhop.completions import CompletionStore
from longhop.engines import Completion, Engine, Request
from longhop.errors import EngineError, Refused

__all__ = ["Inference"]


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

    @property
    def model(self) -> str:
        """Name of what answers."""
        return self._engine.model

    def run(self, requests: Iterable[Request]) -> Iterator[Completion | Refused]:
        """Answer requests, up to `concurrency` at a time; the answers come in the order of the requests.

        Requests are taken from the iterable as there is room for them, so a generator that reads contexts one by one
        keeps only those in memory that are in flight.

        Raises:
            EngineError: The engine can answer nobody.
            StorageError: A completion cannot be stored.
        """
        pending: deque[Future[Completion | Refused]] = deque()
        slots = asyncio.Semaphore(self._concurrency)
        with _Loop() as loop:
            try:
                for request in requests:
                    pending.append(loop.submit(self._answer(request, slots)))
                    # Twice the concurrency: one slow request at the head does not leave the other slots idle.
                    while pending and (pending[0].done() or len(pending) >= 2 * self._concurrency):
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()

    async def _answer(self, request: Request, slots: asyncio.Semaphore) -> Completion | Refused:
        key = self._engine.key(request)
        stored = self._completions.get(key, request.seed, request.samples) if self._completions else []
        if len(stored) == request.samples:
            return Completion(choices=tuple(stored))
        missing = msgspec.structs.replace(
            request, seed=request.seed + len(stored), samples=request.samples - len(stored)
        )
        try:
            async with slots:
                completion = await self._engine.complete(missing)
        except Refused as refused:
            return refused
        if len(completion.choices) != missing.samples:
            raise EngineError(
                f"{self.model}: asked for {missing.samples} samples of prompt `{request.prompt}`, "
                f"got {len(completion.choices)}"
            )
        if self._completions:
            self._completions.put(key, missing.seed, completion.choices)
        if self._answered:
            self._answered(completion)
        return msgspec.structs.replace(completion, choices=(*stored, *completion.choices))


class _Loop:
    """An event loop in a thread of its own: stages stay plain functions, and a notebook's own loop is left alone."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="longhop-inference", daemon=True)
        self._thread.start()
        return self

    def submit(self, work: Coroutine[Any, Any, Completion | Refused]) -> Future[Completion | Refused]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def __exit__(self, *_: object) -> None:
        async def drain() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(drain(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
