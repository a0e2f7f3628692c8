"""A preview: the plan of a run as a build makes it, then one of its contexts through all stages.

    >>> previewed = preview_run(recipe, "runs/sample", length=8192, say=print)
    >>> len(previewed.questions), previewed.plan.part
    (4, 0)

Documents are read and counted and contexts planned by the build's own tasks, so the build finds these parts done and
gives the context the same id. What engines answer goes into the run's store under the keys and seeds that the build
asks with, so the build asks none of it again. Parts of stages that ask engines are not written, since those hold many
contexts. What a build has made of the context already is read from there.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from longhop.claims import Running
from longhop.errors import BuildError, StorageError
from longhop.estimate.measured import PREVIEWS
from longhop.manifest import Manifest, begin
from longhop.progress import Pulse
from longhop.recipe import Recipe
from longhop.records import (
    Context,
    ContextPlan,
    Example,
    Question,
    Record,
    Rejection,
    Trace,
    Verdict,
    to_table,
)
from longhop.serving import keep
from longhop.stages.contexts import render_contexts
from longhop.stages.examples import Attempts
from longhop.storage import RunFolder

from .base import PartTask, forget_manifests, planned_contexts
from .building import Building
from .contexts import ContextPlans, document_texts
from .documents import DocumentPlan, Documents
from .examples import chosen
from .questions import written
from .traces import sampled
from .verdicts import scored

__all__ = ["Previewed", "StageUse", "preview_run"]

R = TypeVar("R", bound=Record)
Say = Callable[[str], None]


class StageUse(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage took for one context."""

    seconds: float = 0.0
    answers: int = 0
    """Samples that engines gave now; those in the store already are not counted."""
    tokens: int = 0
    """As the engines counted them."""


class Previewed(msgspec.Struct, frozen=True, kw_only=True):
    """One context and what came of it."""

    manifest: Manifest
    plan: ContextPlan
    context: Context
    questions: list[Question]
    traces: list[Trace]
    verdicts: list[Verdict]
    examples: list[Example]
    rejections: list[Rejection]
    use: dict[str, StageUse]
    """By stage; `plan` stands for all before the contexts."""
    notes: list[str]


def preview_run(
    recipe: Recipe, out: str, length: int | None = None, kind: str | None = None, number: int = 1, say: Say = print
) -> Previewed:
    """Plan a run and take one of its contexts through all stages.

    Args:
        recipe: What would be built.
        out: The run's folder; what a build finds useful is kept there.
        length: Target length of the context in tokens; the shortest of the plan where None.
        kind: Kind of documents that the context shall have most of, such as `code`.
        number: Which of the contexts that fit, from 1, in the order of their ids, which is chance and stays the same.
        say: Is told what is done.

    Raises:
        BuildError: No planned context is of that length and kind.
        LonghopError: What would stop a build, too.
    """
    if length is not None and length not in recipe.contexts.lengths:
        known = ", ".join(f"{each:,}" for each in sorted(recipe.contexts.lengths))
        raise BuildError(f"contexts.lengths: no contexts of {length:,} tokens are asked for; there are {known}")
    if kind is not None and kind not in (kinds := sorted({source.kind for source in recipe.sources})):
        raise BuildError(f"sources: no source is of kind `{kind}`; there are {', '.join(kinds)}")
    forget_manifests()
    folder = RunFolder(out)
    manifest, notes = begin(folder, recipe, datetime.now(UTC).isoformat())
    forget_manifests()
    began = time.monotonic()
    _plan(out, manifest, say)
    plans = planned_contexts(out, manifest.fingerprints["context_plan"], len(manifest.steps))
    use = {"plan": StageUse(seconds=time.monotonic() - began)}
    with ExitStack() as stack:
        if any(config.kind == "vllm" for config in recipe.engines.values()):
            stack.enter_context(keep(folder.work))
        made = _Context(folder, manifest, _chosen(folder, manifest, plans, length, kind, number), use, say)
        context = made.context()
        questions = made.rows("questions", Question, lambda work: written(work, [context]))
        traces = made.rows("traces", Trace, lambda work: sampled(work, ((question, context) for question in questions)))
        verdicts = made.rows(
            "verdicts",
            Verdict,
            lambda work: scored(work, ((q, _of(q, traces)) for q in questions if q.accepted)),
        )
        examples = made.rows("examples", Example, lambda work: _examples(work, context, questions, traces, verdicts))
    found = Previewed(
        manifest=manifest,
        plan=made.plan,
        context=context,
        questions=questions,
        traces=traces,
        verdicts=verdicts,
        examples=examples,
        rejections=made.rejections,
        use=use,
        notes=notes,
    )
    _keep(folder, found)
    return found


def _plan(out: str, manifest: Manifest, say: Say) -> None:
    """All that comes before the contexts, as a build makes it; parts that are there stay."""
    made = manifest.fingerprints
    numbers = {Documents: manifest.growth[-1][1], DocumentPlan: len(manifest.growth), ContextPlans: len(manifest.steps)}
    tasks: list[PartTask] = [
        task(out, made[task.stage], part) for task, many in numbers.items() for part in range(many)
    ]
    missing = [task for task in tasks if not task.complete()]
    if not missing:
        say("plan         there already")
    for task in missing:
        began = time.monotonic()
        task.run()
        say(f"{task.stage:<12} part {task.part}, {time.monotonic() - began:.1f} s")


def _chosen(
    folder: RunFolder,
    manifest: Manifest,
    plans: Iterable[ContextPlan],
    length: int | None,
    kind: str | None,
    number: int,
) -> ContextPlan:
    # Not as they are built: those planned first have the documents that are related most, and would promise too much.
    ordered = sorted(plans, key=lambda plan: plan.context_id)
    lengths = sorted({plan.target_tokens for plan in ordered})
    wanted = lengths[:1] if length is None and kind is None else lengths if length is None else [length]
    fitting = [plan for plan in ordered if plan.target_tokens in wanted]
    if not fitting:
        known = ", ".join(f"{each:,}" for each in lengths)
        raise BuildError(
            f"{folder.url}: no context of {length:,} tokens is planned, since the documents do not fill one; there are "
            f"{known}; add documents or raise contexts.reuse"
        )
    if kind is not None:
        kinds = _kinds(folder, manifest)
        fitting = [plan for plan in fitting if _most(plan, kinds) == kind]
        if not fitting:
            found = ", ".join(sorted({_most(plan, kinds) for plan in ordered if plan.target_tokens in wanted}))
            raise BuildError(
                f"{folder.url}: no context of that length consists mostly of documents of kind `{kind}`; "
                f"most of them are of: {found}"
            )
        fitting.sort(key=lambda plan: plan.target_tokens)
    if number > len(fitting):
        raise BuildError(f"{folder.url}: {len(fitting)} planned contexts fit, number {number} was asked for")
    return fitting[number - 1]


def _kinds(folder: RunFolder, manifest: Manifest) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for part in range(manifest.growth[-1][1]):
        name = folder.part_name("documents", manifest.fingerprints["documents"], part)
        table = folder.read_table(name, ["document_id", "kind"])
        kinds.update(zip(table["document_id"].to_pylist(), table["kind"].to_pylist(), strict=True))
    return kinds


def _most(plan: ContextPlan, kinds: dict[str, str]) -> str:
    """The kind of documents that has most of a context's tokens; of equal ones the first by name."""
    tokens: dict[str, int] = {}
    for piece in plan.pieces:
        kind = kinds[piece.document_id]
        tokens[kind] = tokens.get(kind, 0) + piece.n_tokens
    return min(tokens, key=lambda kind: (-tokens[kind], kind))


class _Context:
    """One planned context on its way."""

    def __init__(
        self, folder: RunFolder, manifest: Manifest, plan: ContextPlan, use: dict[str, StageUse], say: Say
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self.plan = plan
        self._use = use
        self._say = say
        self.rejections: list[Rejection] = []
        self._ids: set[str] = set()

    def context(self) -> Context:
        """Its text, out of the part that a build has made, or rendered."""

        def render(work: Building) -> Iterable[Record]:
            documents = document_texts(work)
            plans = documents.ahead([self.plan])
            return render_contexts(plans, documents.read, work.tokenizer, work.recipe.contexts.room)

        rows = self.rows("contexts", Context, render)
        if not rows:
            detail = self.rejections[0].detail if self.rejections else "its documents give no text"
            raise BuildError(f"{self._folder.url}: context {self.plan.context_id} cannot be made: {detail}")
        return rows[0]

    def rows(self, stage: str, record: type[R], make: Callable[[Building], Iterable[Record]]) -> list[R]:
        """What a stage makes of the context; its rejections are kept."""
        with self._building(stage) as work:
            if self._folder.has_part(stage, work.part.fingerprint, self.plan.part):
                items, how = self._built(work, record), "built already"
            else:
                items, how = list(make(work)), ""
        rows = [item for item in items if isinstance(item, record)]
        self._ids.update(str(getattr(row, name)) for row in rows for name in row.__struct_fields__[:1])
        self.rejections += [item for item in items if isinstance(item, Rejection)]
        used = self._use[stage]
        asked = f", {used.answers:,} answers" if used.answers else ""
        self._say(f"{stage:<12} {len(rows):,} rows{asked}, {how or f'{used.seconds:.1f} s'}")
        return rows

    def _built(self, work: Building, record: type[R]) -> list[Record]:
        """Rows and rejections of a part that belong to the context."""
        part, known = work.part, {self.plan.context_id, *self._ids}
        keys = [name for name in ("context_id", "question_id") if name in record.__struct_fields__]
        rows: list[R] = self._folder.read_part(part.stage, part.fingerprint, part.part, record)
        mine: list[Record] = [row for row in rows if any(getattr(row, key) in known for key in keys)]
        known.update(str(getattr(row, name)) for row in mine for name in row.__struct_fields__[:1])
        rejected = self._folder.read_rejections(part.stage, part.fingerprint, part.part)
        return [*mine, *(rejection for rejection in rejected if rejection.item_id in known)]

    @contextmanager
    def _building(self, stage: str) -> Iterator[Building]:
        """What a part is built with, without holding the part: a preview writes none."""
        part = Running(stage=stage, fingerprint=self._manifest.fingerprints[stage], part=self.plan.part)
        began = time.monotonic()
        with ExitStack() as stack, Pulse() as pulse:
            work = Building(self._folder, self._manifest, part, stack, pulse)
            yield work
            now = work.progress.of(part)
        self._use[stage] = StageUse(
            seconds=time.monotonic() - began,
            answers=now.answers,
            tokens=now.tokens,
        )


def _examples(
    work: Building, context: Context, questions: list[Question], traces: list[Trace], verdicts: list[Verdict]
) -> Iterable[Record]:
    attempts = (
        Attempts(question=question, context=context, traces=_of(question, traces), verdicts=_of(question, verdicts))
        for question in questions
    )
    return chosen(work, attempts, {context.context_id: context})


A = TypeVar("A", Trace, Verdict)


def _of(question: Question, rows: list[A]) -> list[A]:
    return [row for row in rows if row.question_id == question.question_id]


def _keep(folder: RunFolder, found: Previewed) -> None:
    """Keep the context and what it took, for an estimate; the speed of a first preview stays when it is shown again."""
    name = f"{PREVIEWS}/{found.context.context_id}"
    use: dict[str, Any] = {stage: msgspec.to_builtins(each) for stage, each in found.use.items()}
    before = None
    with contextlib.suppress(StorageError):  # a damaged record is written anew
        before = folder.read_json(f"{name}.json")
    for stage, each in use.items():
        if isinstance(before, dict) and not each["answers"] and (before.get("use") or {}).get(stage, {}).get("answers"):
            use[stage] = before["use"][stage]
    folder.write_table(f"{name}.parquet", to_table([found.context], Context))
    folder.write_json(f"{name}.json", {"context_id": found.context.context_id, "use": use})
