"""How far a build is, read from its folder while others build it: stages, what runs now, speed, time left.

    >>> watch = Watch("runs/sample", workers=2)
    >>> view = watch.look()
    >>> view.running[0].stage, view.seconds_left
    ('traces', 412.0)

Everything is read from the parts' own counts and from the claims of those who build, so it is the same from any
terminal and any machine, and asks nothing of the build itself.
"""

from __future__ import annotations

import time

import msgspec

from longhop.claims import Running
from longhop.errors import StorageError
from longhop.folders import Folder
from longhop.manifest import NAME
from longhop.run_tables import RunTables, StageState
from longhop.spending import Prices, Spending, costs_said, together
from longhop.time_left import Work, work_of

__all__ = ["View", "Watch", "duration"]

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
            stages, made = self._run.states(), self._run.manifest.fingerprints
            # Others may build by another recipe in the same folder.
            running = [part for part in self._run.folder.running() if part.fingerprint == made.get(part.stage)]
        except StorageError:  # a file that goes while one looks; the build itself says what is wrong
            return None
        now = time.time()
        work = work_of(stages, running, now, self._run.sizes())
        return View(
            name=self._run.name,
            stages=stages,
            running=running,
            now=now,
            seconds_left=None if work is None else work.seconds(self._processes(work, stages, running, now)),
            spent=together([*(stage.spent for stage in stages), *(part.spent for part in running)]),
            prices={role: config.prices for role, config in self._run.recipe.engines.items()},
        )

    def _processes(self, work: Work, stages: list[StageState], running: list[Running], now: float) -> float:
        """How many work at a time: seen where it can be, since nobody else knows of waiting and of other machines."""
        parts = max((stage.parts or 0 for stage in stages), default=0)
        most = float(max(min(self._workers, parts), len(running), 1))
        if self._first is None:
            self._first = (now, work.done)
        since, before = self._first
        if now - since < _TELLING_SECONDS or work.done <= before:
            return most
        return min(max((work.done - before) / (now - since), 0.1), most)


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
