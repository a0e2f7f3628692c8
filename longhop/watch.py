"""How far a build is, read from its folder while others build it: stages, what runs now, speed, time left.

    >>> watch = Watch("runs/sample", workers=2)
    >>> view = watch.look()
    >>> view.running[0].stage, view.seconds_left
    ('traces', 412.0)

Everything is read from the parts' own counts and from the claims of those who build, so it is the same from any
terminal and any machine, and asks nothing of the build itself.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from longhop.claims import Running
from longhop.errors import StorageError
from longhop.folders import Folder
from longhop.manifest import NAME
from longhop.run_tables import RunTables, StageState
from longhop.spending import Prices, Spending, costs_said, together

__all__ = ["View", "Watch", "Work", "work_of"]

_ONCE = ("plan", "context_plan", "dataset")
"""Stages that a run has once or for each growth."""
_TELLING_SECONDS = 10.0
"""How long to look on before what was done meanwhile tells how many processes work at a time."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A build at one moment."""

    name: str
    stages: list[StageState]
    running: list[Running]
    now: float
    """Seconds since 1970."""
    seconds_left: float | None
    """None as long as nobody can know."""
    spent: Spending = {}
    """What engines were asked for all of it, by role."""
    prices: dict[str, Prices] = {}
    """By role."""

    @property
    def parts(self) -> tuple[int, int | None]:
        """Parts of all stages that are built, and how many there are."""
        known = [stage.parts for stage in self.stages if stage.parts is not None]
        return sum(stage.built for stage in self.stages), sum(known) if len(known) == len(self.stages) else None

    def speed(self, running: Running) -> float:
        """Tokens a second of a part that is being built."""
        return running.tokens / max(self.now - running.since, 0.1)

    def line(self) -> str:
        """All of it in one line."""
        built, parts = self.parts
        said = [f"{built:,} of {'?' if parts is None else f'{parts:,}'} parts"]
        if self.running:
            said.append(f"{len(self.running)} running")
            said.append(f"{sum(map(self.speed, self.running)):,.0f} tokens/s")
        return ", ".join([*said, *self.costs(), *self.ends()])

    def costs(self) -> list[str]:
        """What was found in the servers' caches, and what was spent."""
        return costs_said(self.spent, self.prices)

    def ends(self) -> list[str]:
        """When it will have ended."""
        return [f"about {duration(self.seconds_left)} left"] if self.seconds_left else []

    def page(self) -> str:
        """All of it in some lines, for a page of text."""
        lines = [self.line()]
        for stage in self.stages:
            kept = (
                f"{stage.rows:,} rows" if stage.accepted is None else f"{stage.accepted:,} of {stage.rows:,} accepted"
            )
            left = sum(stage.rejections.values())
            parts = f"{stage.built:,} of {'?' if stage.parts is None else f'{stage.parts:,}'} parts"
            lines.append(f"{stage.stage}: {parts}, {kept}" + (f", {left:,} left out" if left else ""))
        return "\n".join(lines)


class Watch:
    """Looks at a run again and again; what does not change is read once."""

    def __init__(self, out: str, workers: int = 1) -> None:
        self._out = out
        self._workers = workers
        self._run: RunTables | None = None
        self._first: tuple[float, float] | None = None
        """When it was first known what was done, and how much."""

    def look(self) -> View | None:
        """The build now; None before it has begun."""
        try:
            if self._run is None:
                if not Folder(self._out).exists(NAME):
                    return None
                self._run = RunTables.open(self._out)
            else:
                self._run.reload()
            stages, running = self._run.states(), self._run.folder.running()
        except StorageError:  # a file that goes while one looks; the build itself says what is wrong
            return None
        now = time.time()
        work = work_of(stages, running, now)
        return View(
            name=self._run.name,
            stages=stages,
            running=running,
            now=now,
            seconds_left=None if work is None else work.seconds(self._processes(work, running, now)),
            spent=together([*(stage.spent for stage in stages), *(part.spent for part in running)]),
            prices={role: config.prices for role, config in self._run.recipe.engines.items()},
        )

    def _processes(self, work: Work, running: list[Running], now: float) -> float:
        """How many work at a time: seen where it can be, since nobody else knows of waiting and of other machines."""
        most = float(max(self._workers, len(running), 1))
        if self._first is None:
            self._first = (now, work.done)
        since, before = self._first
        if now - since < _TELLING_SECONDS or work.done <= before:
            return most
        return min(max((work.done - before) / (now - since), 0.1), most)


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to do, in seconds of one process."""

    done: float
    parts: list[float]
    """What is left of each part, whose stages follow one another, in the order in which parts are begun."""

    def seconds(self, processes: float) -> float:
        """How long it takes so many processes, which take the next part when they have finished one.

        The last parts are not shared: when seven of them are left, two processes take as long as for eight.
        """
        many = max(1, math.ceil(processes))
        ends = [0.0] * many
        for seconds in self.parts:
            heapq.heapreplace(ends, ends[0] + seconds)
        return max(ends) * many / processes


def work_of(stages: list[StageState], running: list[Running], now: float) -> Work | None:
    """What is done and left, from what parts of each stage took so far.

    Args:
        stages: All stages; those that a run has once at most take no time here.
        running: Parts that are being built.
        now: Seconds since 1970.

    Returns:
        None where a stage has parts left and none that tells how long one takes.
    """
    done = 0.0
    left: defaultdict[int, float] = defaultdict(float)
    for stage in stages:
        done += stage.seconds
        if stage.parts is None:
            return None
        if not stage.missing or stage.stage in _ONCE:
            continue
        mine = {part.part: part for part in running if part.stage == stage.stage}
        took = stage.seconds / stage.built if stage.built else _foreseen(mine.values(), now)
        if took is None:
            return None
        for part in stage.missing:
            # By time and not by rows, which come late where a stage asks much before it knows what becomes of it.
            begun = min(now - mine[part].since, took) if part in mine else 0.0
            done += begun
            left[part] += took - begun
    return Work(done=done, parts=[left[part] for part in sorted(left)])


def _foreseen(running: Iterable[Running], now: float) -> float | None:
    """How long a part takes, of those that are being built and have come some way."""
    known = [(now - part.since) / part.share for part in running if part.share and part.share > 0.1]
    return sum(known) / len(known) if known else None


def duration(seconds: float) -> str:
    """A time as people say it: `40 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
