"""Contexts: planned in one step over all documents without text, then rendered part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from longhop.errors import CorpusError, StorageError
from longhop.records import Context, ContextPlan, Document, Plan, Record
from longhop.stages.contexts import PlannedDocument, contexts_wanted, plan_contexts, render_contexts, shortfall

from .base import PartTask, log, planned_contexts
from .building import Building
from .documents import DocumentPlan, Documents

_SAMPLED_GROUPS = 8  # groups of rows whose texts show how well counts add up
_CACHED_CHARS = 128 * 1024**2  # documents kept while a part is rendered; books stand in several contexts of it


class ContextPlans(PartTask):
    """Which pieces of which documents make which context: one part a step of planning."""

    stage = "context_plan"
    record = ContextPlan

    def requires(self) -> list[PartTask]:
        """The documents, their plan, and the steps before."""
        step = self.manifest.steps[self.part]
        last = self.manifest.growth[step.growth - 1][1]
        return [
            *[Documents(self.out, self.before("documents"), part) for part in range(last)],
            *[DocumentPlan(self.out, self.before("plan"), number) for number in range(step.growth)],
            *([ContextPlans(self.out, self.fingerprint, self.part - 1)] if self.part else []),
        ]

    def items(self, work: Building) -> Iterable[Record]:
        """Group and pack."""
        step, recipe = work.manifest.steps[self.part], work.recipe
        places = {
            (plan.part, plan.row_group, plan.document_id): plan
            for number in range(step.growth)
            for plan in self.folder.read_part("plan", work.before("plan"), number, Plan)
            if plan.duplicate_of is None
        }
        columns = [name for name in PlannedDocument.__struct_fields__ if name not in ("split", "duplicate_of")]
        documents: dict[str, PlannedDocument] = {}
        for part in sorted({part for part, _, _ in places}):
            for group, table in self.folder.read_groups("documents", work.before("documents"), part, columns):
                for row in table.to_pylist():
                    name = row["document_id"]
                    # Of equal documents, which share their id, the first takes part, also within a row group.
                    if (plan := places.get((part, group, name))) is not None and name not in documents:
                        documents[name] = msgspec.convert({**row, "split": plan.split}, PlannedDocument)
        config = recipe.contexts.model_copy(
            update={
                "lengths": {int(length): count for length, count in step.lengths.items()},
                "allow_fewer": step.allow_fewer,
                "part_size": step.part_size,
                "part_tokens": step.part_tokens,
            }
        )
        earlier = planned_contexts(self.out, self.fingerprint, self.part)
        left_out = Counter[str]()
        for stage, parts in (("documents", work.manifest.growth[step.growth - 1][1]), ("plan", step.growth)):
            for part in range(parts):
                if (counts := self.folder.read_counts(stage, work.before(stage), part)) is not None:
                    left_out.update(counts.rejections)
        groups = sorted({(part, group) for part, group, _ in places})
        sample = [
            str(text)
            for part, group in groups[:: 1 + len(groups) // _SAMPLED_GROUPS]
            for text in self.folder.read_table(
                self.folder.part_name("documents", work.before("documents"), part), ["text"], [group]
            )["text"].to_pylist()
        ]
        splits, rows = recipe.documents.splits, list(documents.values())
        plans = plan_contexts(
            rows, config, splits, work.tokenizer, recipe.seed, earlier, sample=sample, left_out=left_out
        )
        asked, made = sum(config.lengths.values()), len(plans) + len(earlier)
        if not made:
            wanted = contexts_wanted(config.lengths, splits)
            raise CorpusError(shortfall(rows, config, wanted, plans, left_out=left_out))
        if made < asked:
            log.info("contexts.allow_fewer: the documents fill %s of %s contexts", f"{made:,}", f"{asked:,}")
        return plans


class Contexts(PartTask):
    """The contexts of one part, with text."""

    stage = "contexts"
    record = Context

    def requires(self) -> list[PartTask]:
        """All steps of planning."""
        return [ContextPlans(self.out, self.before("context_plan"), step) for step in range(len(self.manifest.steps))]

    def items(self, work: Building) -> Iterable[Record]:
        """Read the documents that the part needs and render."""
        plans = planned_contexts(self.out, work.before("context_plan"), len(work.manifest.steps))
        mine = [plan for plan in plans if plan.part == self.part]
        work.progress.expected = len(mine)
        return render_contexts(mine, document_reader(work), work.tokenizer, work.recipe.contexts.room)


def document_reader(work: Building) -> Callable[[str], Document]:
    """Gives a document by its id, out of the row group that the plan names."""
    folder = work.folder
    growth = work.manifest.steps[-1].growth
    places = {
        plan.document_id: plan
        for number in range(growth)
        for plan in folder.read_part("plan", work.before("plan"), number, Plan)
        if plan.duplicate_of is None
    }
    kept: dict[str, Document] = {}

    def read(document_id: str) -> Document:
        if document_id not in kept:
            place = places[document_id]
            rows = folder.read_part(
                "documents", work.before("documents"), place.part, Document, row_groups=[place.row_group]
            )
            while kept and sum(row.n_chars for row in [*kept.values(), *rows]) > _CACHED_CHARS:
                kept.pop(next(iter(kept)))
            kept.update({row.document_id: row for row in reversed(rows)})  # of equal documents the first
            if document_id not in kept:
                raise StorageError(
                    f"{folder.url}: document {document_id} is not in part {place.part} of the documents, "
                    "where the plan has it; its source changed before that part was made again. Restore the source "
                    "and delete the part, or build into another folder"
                )
        return kept[document_id]

    return read
