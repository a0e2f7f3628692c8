"""The front task: resolves the recipe into run.json once, then asks for the stages."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import luigi

from longhop.checks.asked import refusal
from longhop.engines import REFUSALS
from longhop.manifest import Manifest, begin
from longhop.publish.report import NAME as REPORT
from longhop.publish.report import write_report
from longhop.recipe import Recipe
from longhop.run import Run
from longhop.storage import CURRENT

from .base import PartTask, RunTask, forget_manifests, log, manifest_of, planned_contexts
from .contexts import ContextPlans, Contexts
from .dataset import Dataset
from .documents import DocumentPlan, Documents
from .examples import Examples
from .push import Push
from .questions import Questions
from .traces import Traces
from .verdicts import Verdicts

_ASKING: tuple[type[PartTask], ...] = (Questions, Traces)
"""Stages whose rows are missing where an engine refuses, in their order."""
_STARTED = datetime.now(UTC).isoformat()


class Build(RunTask):
    """Builds a recipe into a folder.

        luigi --module longhop.tasks longhop.Build --recipe recipe.yaml --out runs/sample --workers 4 --local-scheduler

    Luigi runs it again from the beginning each time what it waits for is there, so every step of it can be repeated.
    """

    recipe = luigi.Parameter(description="the recipe's file")
    out = luigi.Parameter(default="", description="folder of the run; runs/NAME where it is empty")
    set = luigi.ListParameter(default=(), description='overrides, as ["traces.samples=4"]')
    refresh = luigi.BoolParameter(default=False, significant=False, description="list the sources anew")
    retry_rejected = luigi.OptionalParameter(
        default=None, significant=False, description="ask again what engines refused: `all`, or for this reason"
    )
    push = luigi.OptionalParameter(default=None, description="owner/name on the Hub to upload the dataset to")
    started = luigi.Parameter(
        default=_STARTED, significant=False, visibility=luigi.parameter.ParameterVisibility.PRIVATE
    )

    @cached_property
    def done(self) -> Any:
        """Whether it has run, in memory that Luigi's worker processes share: they set what the parent asks for."""
        return multiprocessing.RawValue("b", 0)

    @cached_property
    def retried(self) -> Any:
        """Whether what engines refused was taken out to be asked again; shared like `done`."""
        return multiprocessing.RawValue("b", 0)

    def complete(self) -> bool:
        """Never before it has run: whether there is something to do, only the recipe and run.json together say."""
        return bool(self.done.value and self.retried is not None)

    def run(self) -> Iterator[object]:
        """Begin, plan, then build all parts."""
        recipe = Recipe.load(self.recipe, list(self.set))
        if not self.out:
            self.out = f"runs/{recipe.name}"
        manifest = self._begin(recipe)
        steps = len(manifest.steps)
        # A part that somebody deleted, as an error about it says, is made again, also where what came of it stands.
        documents = manifest.growth[-1][1]
        yield list(
            self._missing(manifest, {Documents: documents, DocumentPlan: len(manifest.growth), ContextPlans: steps})
        )
        plans = planned_contexts(self.out, manifest.fingerprints["context_plan"], steps)
        parts = 1 + max((plan.part for plan in plans), default=-1)
        if self.retry_rejected and not self.retried.value:
            self.retried.value = 1
            self._take_out_refused(manifest)
        yield list(self._missing(manifest, dict.fromkeys((Contexts, Questions, Traces, Verdicts, Examples), parts)))
        dataset = manifest.fingerprints["dataset"]
        yield Dataset(self.out, dataset, parts)
        if not self.folder.exists(REPORT):
            log.info("%-12s %s", "report", write_report(Run(self.folder, manifest)))
        if self.push:
            yield Push(out=self.out, repo=self.push, fingerprint=dataset, part=parts, private=recipe.dataset.private)
        self.done.value = 1

    def _missing(self, manifest: Manifest, wanted: Mapping[type[PartTask], int]) -> Iterator[PartTask]:
        """Parts that are not there, of each kind of task the number that is wanted."""
        for task, parts in wanted.items():
            fingerprint = manifest.fingerprints[task.stage]
            built = set(self.folder.parts(task.stage, fingerprint))
            yield from (task(self.out, fingerprint, part) for part in range(parts) if part not in built)

    def _take_out_refused(self, manifest: Manifest) -> None:
        """Remove the parts that miss something because an engine refused it, and what came of them.

        Nothing is asked twice for it: what was answered is in the completion store, and only refusals are not.
        """
        reasons = REFUSALS if self.retry_rejected == "all" else (str(self.retry_rejected),)
        after: tuple[type[PartTask], ...] = (Verdicts, Examples)
        count = 0
        for at, task in enumerate(_ASKING):
            for part, counts in list(self.folder.all_counts(task.stage, manifest.fingerprints[task.stage])):
                refused = sum(counts.rejections.get(reason, 0) for reason in reasons)
                if task is Questions:
                    rejected = self.folder.read_rejections(task.stage, manifest.fingerprints[task.stage], part)
                    refused += sum(refusal(rejection.detail) in reasons for rejection in rejected)
                if not refused:
                    continue
                count += refused
                for later in (*_ASKING[at:], *after):
                    self.folder.remove_part(later.stage, manifest.fingerprints[later.stage], part)
        if count:
            self.folder.remove(CURRENT)
        log.info("%s refused items are asked again", f"{count:,}")

    def _begin(self, recipe: Recipe) -> Manifest:
        forget_manifests()
        refresh = self.refresh
        if refresh and self.folder.exists("run.json"):
            refresh = manifest_of(self.out).refreshed < self.started
            forget_manifests()
        manifest, notes = begin(self.folder, recipe, datetime.now(UTC).isoformat(), refresh=refresh)
        for note in notes:
            log.info("%s", note)
        return manifest
