"""What all tasks of a run share: where its folder is, how a part is built, what is said of failures."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import luigi

from longhop.claims import Running
from longhop.errors import LonghopError
from longhop.fingerprints import STAGES
from longhop.manifest import Manifest, load
from longhop.records import ContextPlan, Record
from longhop.spending import costs_said
from longhop.storage import PartCounts, RunFolder

from .building import Building, building, forget_loaded

log = logging.getLogger("longhop")

_WITHOUT_ENGINE = ("documents", "contexts")
_TELL_SECONDS = 5.0
_FIRST = 1_000_000


class RunTask(luigi.Task):
    """A task of one run."""

    task_namespace = "longhop"
    out = luigi.Parameter(description="folder of the run: a local path or an fsspec URL")

    @cached_property
    def folder(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(self.out)

    def on_failure(self, exception: BaseException) -> str:
        """Say why: Luigi hands it to the scheduler, whose page shows it and where the front asks for it."""
        if isinstance(exception, LonghopError):
            return self.reason(exception)
        task = f"{self.get_task_family()} {getattr(self, 'part', '')}".strip()
        log.error("%s failed", task, exc_info=exception)
        return f"{task}: {' '.join(self.reason(exception).split())}\n\n{super().on_failure(exception)}"

    @staticmethod
    def reason(exception: BaseException) -> str:
        """The kind of error and what it says."""
        return f"{type(exception).__name__}: {exception}" if str(exception) else type(exception).__name__


broken: list[BaseException] = []
"""What stopped tasks of this process while Luigi planned them; they never ran, so `on_failure` was not asked."""


@RunTask.event_handler(luigi.Event.BROKEN_TASK)  # type: ignore[untyped-decorator]
def _note_broken(_: RunTask, exception: BaseException) -> None:
    broken.append(exception)


class PartTask(RunTask):
    """Builds one part of one stage; complete when the part's table exists."""

    fingerprint = luigi.Parameter(description="how the rows of the stage are made")
    part = luigi.IntParameter(description="number of the part")
    stage: ClassVar[str]
    record: ClassVar[type[Record]]

    @property
    def priority(self) -> int:  # type: ignore[override]
        """The first parts come first through all stages, so that they finish early and caches stay warm.

        Luigi gives what a task needs at least the task's own priority, and lifts what is below 0. Stage by stage only
        where engines cannot stand on the GPUs together: then all parts of a stage are built before a model is changed.
        """
        stages = len(STAGES) - STAGES.index(self.stage) if self.manifest.is_exclusive else 0
        return _FIRST * (stages + 1) - int(self.part)

    def complete(self) -> bool:
        """Whether the part exists."""
        return self.folder.has_part(self.stage, self.fingerprint, self.part)

    def items(self, work: Building) -> Iterable[Record]:
        """The part's rows and rejections: read what the stage needs, call it."""
        raise NotImplementedError

    def run(self) -> None:
        """Build the part, unless another build has made it meanwhile."""
        with self.building() as work:
            if work is not None:
                items = work.progress.counted(self.items(work), tokens=self.stage in _WITHOUT_ENGINE)
                spent = work.progress.spent
                counts = self.folder.write_part(self.stage, self.fingerprint, self.part, items, self.record, spent)
                self._tell(100, _said(counts))
                log.info("%-12s part %-4d %s", self.stage, self.part, _said(counts))

    @contextmanager
    def building(self) -> Iterator[Building | None]:
        """Hold the part and all that it is built with; None where another build has made it meanwhile."""
        part = Running(stage=self.stage, fingerprint=self.fingerprint, part=self.part)
        with building(self.folder, part, self.complete) as work:
            if work is not None:
                work.pulse.every(_TELL_SECONDS, lambda: self._tell_progress(work))
            yield work

    def _tell_progress(self, work: Building) -> None:
        now = work.progress.of(work.part)
        of = f" of {now.expected:,}" if now.expected else ""
        left = f", {now.left_out:,} left out" if now.left_out else ""
        answers = f", {now.answers:,} answers, {now.tokens:,} tokens" if now.answers else ""
        prices = {role: config.prices for role, config in work.recipe.engines.items()}
        costs = "".join(f", {said}" for said in costs_said(now.spent, prices))
        self._tell(round(100 * (now.share or 0)), f"{now.done:,}{of} rows{left}{answers}{costs}")

    def _tell(self, percent: int, message: str) -> None:
        """Show on the scheduler's page how far the part is."""
        worker: Any = self  # a worker of Luigi that runs the task gives it these methods, and takes them back
        if worker.set_status_message is not None:
            worker.set_status_message(message)
            worker.set_progress_percentage(percent)

    # What the graph is made of

    @property
    def manifest(self) -> Manifest:
        """The run's manifest."""
        return manifest_of(self.out)

    def before(self, stage: str) -> str:
        """Fingerprint of another stage of this run."""
        return self.manifest.fingerprints[stage]


def _said(counts: PartCounts) -> str:
    kept = f"{counts.rows:,} rows" if counts.accepted is None else f"{counts.accepted:,} of {counts.rows:,} accepted"
    left = f", {sum(counts.rejections.values()):,} rejections" if counts.rejections else ""
    return f"{kept}{left}, {counts.seconds:.1f} s"


_manifests: dict[str, tuple[float, Manifest]] = {}


def manifest_of(out: str) -> Manifest:
    """A run's manifest; read again after a second, since a graph of thousands of tasks asks for it as often."""
    read, manifest = _manifests.get(out, (0.0, None))
    if manifest is None or time.monotonic() - read > 1:
        manifest = load(RunFolder(out))
        _manifests[out] = (time.monotonic(), manifest)
    return manifest


def forget_manifests() -> None:
    """Read manifests anew, and what they speak of: the front task calls it when it has written one."""
    _manifests.clear()
    planned_contexts.cache_clear()
    forget_loaded()


@lru_cache(maxsize=4)
def planned_contexts(out: str, fingerprint: str, steps: int) -> tuple[ContextPlan, ...]:
    """All contexts that were planned in the first `steps` steps, without text."""
    folder = RunFolder(out)
    return tuple(
        plan for step in range(steps) for plan in folder.read_part("context_plan", fingerprint, step, ContextPlan)
    )
