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
from longhop.run import Run, StageState

__all__ = ["View", "Watch", "seconds_left"]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A build at one moment."""

    name: str
    stages: list[StageState]
    running: list[Running]
    now: float
    """Seconds since 1970."""
    seconds_left: float | None
    """None as long as nobody can know."""

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
        if self.seconds_left:
            said.append(f"about {duration(self.seconds_left)} left")
        return ", ".join(said)

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
        self._run: Run | None = None

    def look(self) -> View | None:
        """The build now; None before it has begun."""
        try:
            if self._run is None:
                if not Folder(self._out).exists(NAME):
                    return None
                self._run = Run.open(self._out)
            else:
                self._run.reload()
            stages, running = self._run.states(), self._run.folder.running()
        except StorageError:  # a file that goes while one looks; the build itself says what is wrong
            return None
        now = time.time()
        return View(
            name=self._run.name,
            stages=stages,
            running=running,
            now=now,
            seconds_left=seconds_left(stages, running, now, self._workers),
        )


def seconds_left(stages: list[StageState], running: list[Running], now: float, workers: int = 1) -> float | None:
    """How long the rest takes, from what parts of each stage took so far.

    Args:
        stages: All stages; those that a run has once at most take no time here.
        running: Parts that are being built.
        now: Seconds since 1970.
        workers: Processes that build; at least as many as parts are running.

    Returns:
        Seconds; None where a stage has parts left and none that tells how long one takes.
    """
    total = 0.0
    for stage in stages:
        mine = [part for part in running if part.stage == stage.stage]
        if stage.parts is None:
            return None
        left = stage.parts - stage.built
        if left <= 0 or stage.stage in ("plan", "context_plan", "dataset"):
            continue
        each = stage.seconds / stage.built if stage.built else _foreseen(mine, now)
        if each is None:
            return None
        # By time and not by rows, which come late where a stage asks much before it knows what becomes of it.
        begun = sum(min(now - part.since, each) for part in mine)
        total += max(left * each - begun, 0.0)
    return total / max(workers, len(running), 1)


def _foreseen(running: list[Running], now: float) -> float | None:
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
