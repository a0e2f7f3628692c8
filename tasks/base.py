"""What all tasks of a run share: where its folder is, how a part is built, what is said of failures."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import ClassVar

import luigi

from longhop.completions import CompletionStore
from longhop.engines.roles import make_engine
from longhop.errors import LonghopError, StorageError
from longhop.fingerprints import STAGES
from longhop.inference import Inference
from longhop.manifest import Manifest, load
from longhop.prompting import Prompts, load_prompts
from longhop.recipe import Recipe
from longhop.records import ContextPlan, Record
from longhop.storage import PartCounts, RunFolder
from longhop.tokens import Tokenizer, load_tokenizer

log = logging.getLogger("longhop")


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
        """Stages further down come first, so that parts finish early and caches stay warm."""
        return 10 * STAGES.index(self.stage)

    def complete(self) -> bool:
        """Whether the part exists."""
        return self.folder.has_part(self.stage, self.fingerprint, self.part)

    def items(self) -> Iterable[Record]:
        """The part's rows and rejections: read what the stage needs, call it."""
        raise NotImplementedError

    def run(self) -> None:
        """Build the part, unless another build has made it meanwhile."""
        with self.building() as missing:
            if missing:
                counts = self.folder.write_part(self.stage, self.fingerprint, self.part, self.items(), self.record)
                log.info("%s", _said(self.stage, self.part, counts))

    @contextmanager
    def building(self) -> Iterator[bool]:
        """Hold the part, and one manifest that it is built by; gives whether the part is missing still.

        Raises:
            StorageError: By the run's manifest, the part would have another fingerprint.
        """
        with self.folder.claim(self.stage, self.fingerprint, self.part):
            if self.complete():
                yield False
                return
            # Read now, since waiting for the part may have taken long, and kept, since another build may change it.
            manifest = load(self.folder)
            mine = manifest.fingerprints[self.stage]
            if mine != self.fingerprint:
                raise StorageError(
                    f"{self.folder.url}: run.json says {self.stage} {mine}, this task builds {self.fingerprint}; "
                    "another build has changed the recipe meanwhile, start this one again"
                )
            for name in ("recipe", "tokenizer", "prompts"):  # Luigi keeps a task from one build to the next
                self.__dict__.pop(name, None)
            self._begun_with.append(manifest)
            try:
                yield True
            finally:
                self._begun_with.clear()

    # What parts are built from

    @cached_property
    def _begun_with(self) -> list[Manifest]:
        """The manifest that the part is built by; none while it is not built."""
        return []

    @property
    def manifest(self) -> Manifest:
        """The run's manifest; while the part is built, the one that it was begun with."""
        return self._begun_with[0] if self._begun_with else manifest_of(self.out)

    @cached_property
    def recipe(self) -> Recipe:
        """The run's recipe."""
        return self.manifest.loaded_recipe()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The recipe's tokenizer."""
        return _tokenizer(self.recipe.tokenizer)

    @cached_property
    def prompts(self) -> Prompts:
        """The recipe's prompts.

        Raises:
            StorageError: They have changed since the build was begun.
        """
        prompts = _prompts(self.recipe.prompts)
        if prompts.hashes != self.manifest.prompts:
            raise StorageError(f"{self.folder.url}: prompts have changed since this build was begun; build again")
        return prompts

    def inference(self, role: str) -> Inference:
        """The engine of a role, with the completions that it gave before."""
        config = self.recipe.engines[role]
        store = CompletionStore(self.folder.work / "completions.sqlite")
        return Inference(make_engine(role, config), store, config.concurrency)

    def before(self, stage: str) -> str:
        """Fingerprint of another stage of this run."""
        return self.manifest.fingerprints[stage]


def _said(stage: str, part: int, counts: PartCounts) -> str:
    kept = f"{counts.rows:,} rows" if counts.accepted is None else f"{counts.accepted:,} of {counts.rows:,} accepted"
    left = f", {sum(counts.rejections.values()):,} rejections" if counts.rejections else ""
    return f"{stage:<12} part {part:<4} {kept}{left}, {counts.seconds:.1f} s"


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
    _prompts.cache_clear()
    _tokenizer.cache_clear()


@lru_cache(maxsize=1)
def _prompts(folder: str | None) -> Prompts:
    """Loaded once a process and build, not once a task: a part may be small."""
    return load_prompts(folder)


@lru_cache(maxsize=1)
def _tokenizer(spec: str) -> Tokenizer:
    return load_tokenizer(spec)


@lru_cache(maxsize=4)
def planned_contexts(out: str, fingerprint: str, steps: int) -> tuple[ContextPlan, ...]:
    """All contexts that were planned in the first `steps` steps, without text."""
    folder = RunFolder(out)
    return tuple(
        plan for step in range(steps) for plan in folder.read_part("context_plan", fingerprint, step, ContextPlan)
    )
