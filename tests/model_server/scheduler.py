"""Time: sequences wait in line for a slot and for room in the cache, are prefilled one after the other, and decode.

    >>> scheduler = Scheduler(Shape(slots=8, prefill_rate=8000, decode_rate=40), Stats())
    >>> await scheduler.run(prompt, outputs=[120, 90])       # two samples; how many prompt tokens were in the cache
    1024

What happens is computed in seconds of the model and only waited for by the clock: a sequence that takes a slot begins
when the one before it ended, however late the process noticed, so that a busy machine does not make the server slower.
Two simplifications: decoding does not slow down with the number of sequences, and the time planned for the prefill
of a request that is given up is not given to others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.model_server.cache import BlockPool
from tests.model_server.options import Shape
from tests.model_server.stats import ContextStats, Stats, ideal_seconds
from tests.model_server.tokens import Prompt

__all__ = ["Scheduler"]


@dataclass(eq=False)
class _Job:
    """A request: its sequences share the prompt."""

    prompt: Prompt
    blocks: Sequence[bytes]
    done: asyncio.Future[None]
    left: int
    placed: bool = False
    hits: int = 0
    ready: float = 0.0
    """When its prompt is prefilled."""


@dataclass(eq=False)
class _Sequence:
    job: _Job
    extra: int
    """Blocks beyond the full ones of its prompt."""
    tokens: int
    seconds: float | None
    """How long it takes, where that is drawn."""
    arrived: float
    number: int
    start: float = 0.0
    timer: asyncio.TimerHandle | None = field(default=None)


class Scheduler:
    """Slots, the line before them, and the cache."""

    def __init__(self, shape: Shape, stats: Stats) -> None:
        self.shape = shape
        self.stats = stats
        self.pool = BlockPool(shape.blocks)
        self._loop = asyncio.get_running_loop()
        self._origin = self._loop.time()
        self._waiting: deque[_Sequence] = deque()
        self._running: set[_Sequence] = set()
        self._prefilled = 0.0  # when the prompts that were given a slot so far are all prefilled
        self._took: dict[int, float] = {}
        self._arrivals = 0

    def now(self) -> float:
        """Seconds of the model since the start."""
        real = self._loop.time() - self._origin
        return real / self.shape.time_scale if self.shape.time_scale else real

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds of the model."""
        if seconds:
            await asyncio.sleep(seconds * self.shape.time_scale)

    def reset(self, stats: Stats) -> None:
        """Count anew, with an empty cache."""
        self.stats = stats
        self.pool.evicted = 0
        self.pool.forget()
        self._took.clear()

    def refresh(self) -> None:
        """Bring the counts of now up to date."""
        self.stats.running = len(self._running)
        self.stats.waiting = len(self._waiting)
        self.stats.kv_cache_usage = self.pool.used / self.pool.total
        self.stats.evicted_blocks = self.pool.evicted
        took = [seconds for _, seconds in sorted(self._took.items())]
        self.stats.ideal_seconds = ideal_seconds(took, self.shape.slots)

    async def run(self, prompt: Prompt, outputs: Sequence[int], seconds: Sequence[float] | None = None) -> int:
        """Serve a request: a sequence of so many output tokens for each of `outputs`; prompt tokens that were cached.

        Args:
            prompt: What all sequences begin with.
            outputs: Tokens of each answer.
            seconds: How long each takes; None where that follows from the rates.
        """
        blocks = prompt.blocks if self.shape.prefix_caching else []
        job = _Job(prompt, blocks, self._loop.create_future(), len(outputs))
        now = self.now()
        for place, tokens in enumerate(outputs):
            extra = -(-(prompt.n_tokens + tokens) // self.shape.block_size) - len(blocks)
            took = seconds[place] if seconds else None
            self._waiting.append(_Sequence(job, extra, tokens, took, now, self._arrivals))
            self._arrivals += 1
        self._admit(now)
        self.stats.max_waiting = max(self.stats.max_waiting, len(self._waiting))
        try:
            await job.done
        except asyncio.CancelledError:
            self._drop(job)
            raise
        return self._cached(job)

    def _admit(self, now: float) -> None:
        """Give slots to those who wait, as long as there are slots and room."""
        while self._waiting and len(self._running) < self.shape.slots:
            sequence = self._waiting[0]
            if not self._place(sequence):
                return
            self._waiting.popleft()
            sequence.start = max(now, sequence.arrived)
            self._running.add(sequence)
            self.stats.max_running = max(self.stats.max_running, len(self._running))
            if self.stats.first_start is None:
                self.stats.first_start = sequence.start
            end = self._end(sequence)
            if end > sequence.start and self.shape.time_scale:
                at = self._origin + end * self.shape.time_scale
                sequence.timer = self._loop.call_at(at, self._finish, sequence, end)
            else:
                self._leave(sequence, end)

    def _place(self, sequence: _Sequence) -> bool:
        """Find room for a sequence; the first of a request holds the prompt for all of them."""
        job = sequence.job
        hits = self.pool.hold([] if job.placed else job.blocks, sequence.extra)
        if hits is None:
            return False
        if not job.placed:
            job.placed = True
            job.hits = hits
            self._count(job)
        else:
            self.stats.prefix_hits += len(job.blocks) * self.shape.block_size
        self.stats.prefix_queries += job.prompt.n_tokens
        return True

    def _count(self, job: _Job) -> None:
        prompt, cached = job.prompt, self._cached(job)
        missed = prompt.n_tokens - cached
        self.stats.prompt_tokens += prompt.n_tokens
        self.stats.cached_tokens += cached
        self.stats.prefilled_tokens += missed
        self.stats.prefix_hits += cached
        if prompt.context_blocks:
            name = prompt.blocks[prompt.context_blocks - 1].hex()
            context = self.stats.contexts.setdefault(name, ContextStats())
            context.requests += 1
            context.tokens = prompt.context_blocks * self.shape.block_size
            context.prefilled_tokens += missed
            context.prefills += cached < context.tokens / 2

    def _cached(self, job: _Job) -> int:
        # The last token is computed in any case: the first of the answer comes out of it.
        return min(job.hits, (job.prompt.n_tokens - 1) // self.shape.block_size) * self.shape.block_size

    def _end(self, sequence: _Sequence) -> float:
        job, start = sequence.job, sequence.start
        if sequence.seconds is not None:
            return start + sequence.seconds
        if not job.ready:
            missed = job.prompt.n_tokens - self._cached(job)
            job.ready = max(start, self._prefilled) + missed / self.shape.prefill_rate
            self._prefilled = job.ready
        return max(start, job.ready) + sequence.tokens / self.shape.decode_rate

    def _finish(self, sequence: _Sequence, end: float) -> None:
        self._leave(sequence, end)
        self._admit(end)

    def _leave(self, sequence: _Sequence, end: float) -> None:
        job = sequence.job
        self._running.discard(sequence)
        self.pool.give_back(sequence.extra)
        self.stats.busy_seconds += end - sequence.start
        self.stats.last_end = max(self.stats.last_end, end)
        self.stats.completion_tokens += sequence.tokens
        self._took[sequence.number] = end - sequence.start
        job.left -= 1
        if not job.left:
            self.pool.release(job.blocks)
            if not job.done.done():
                job.done.set_result(None)

    def _drop(self, job: _Job) -> None:
        """Stop a request whose client went away."""
        if not job.left:
            return
        now = self.now()
        self._waiting = deque(sequence for sequence in self._waiting if sequence.job is not job)
        for sequence in [sequence for sequence in self._running if sequence.job is job]:
            if sequence.timer:
                sequence.timer.cancel()
            self._running.discard(sequence)
            self.pool.give_back(sequence.extra)
            self.stats.busy_seconds += max(0.0, now - sequence.start)
        if job.placed:
            self.pool.release(job.blocks, filled=None if now >= job.ready else job.hits)
        self._admit(now)
