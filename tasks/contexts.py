"""Contexts: planned in one step over all documents without text, then rendered part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from longhop.errors import CorpusError, StorageError
from longhop.planning.planned import COLUMNS, Keys, PlannedDocument, keys_of, planned_documents
from longhop.planning.shortfalls import kinds_missed, shortfall
from longhop.records import Context, ContextPlan, Plan, Record, from_table
from longhop.stages.contexts import contexts_wanted, plan_contexts, render_contexts
from longhop.stages.rendering import DocumentText

from .base import PartTask, log, planned_contexts
from .building import Building
from .documents import DocumentPlan, Documents

_SAMPLED_GROUPS = 8  # groups of rows whose texts show how well counts add up
_ROWS_AT_ONCE = 1_000  # of documents without text; some 10 KB each
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
        rows: list[PlannedDocument] = []
        taken: set[str] = set()
        holding = sorted({part for part, _, _ in places})
        known = self._names(work.before("documents"), holding)
        for part in holding:
            for table, numbers in self._rows(work.before("documents"), part):
                own: list[str | None] = []
                for name, row_group in zip(table["document_id"].to_pylist(), numbers, strict=True):
                    # Of equal documents, which share their id, the first takes part, also within a row group.
                    plan = places.get((part, row_group, name)) if name not in taken else None
                    own.append(plan.split if plan is not None else None)
                    if plan is not None:
                        taken.add(name)
                rows += planned_documents(table, own, known)
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
        splits = recipe.documents.splits
        plans = plan_contexts(
            rows, config, splits, work.tokenizer, recipe.seed, earlier, sample=sample, left_out=left_out
        )
        asked, made = sum(config.lengths.values()), len(plans) + len(earlier)
        if not made:
            wanted = contexts_wanted(config.lengths, splits)
            raise CorpusError(shortfall(rows, config, wanted, plans, left_out=left_out))
        if made < asked:
            filled = f"the documents fill {made:,} of {asked:,} contexts"
            log.info("%s; more documents or a higher contexts.reuse (now %d) fill more", filled, config.reuse)
        if missed := kinds_missed(plans, rows, config):
            log.info("%s", missed)
        return plans

    def _rows(self, fingerprint: str, part: int) -> Iterator[tuple[pa.Table, list[int]]]:
        """Rows of a part without text, many at a time, and the row group of each; groups have few."""
        tables: list[pa.Table] = []
        groups: list[int] = []
        for group, table in self.folder.read_groups("documents", fingerprint, part, COLUMNS):
            tables.append(table)
            groups += [group] * table.num_rows
            if len(groups) >= _ROWS_AT_ONCE:
                yield pa.concat_tables(tables), groups
                tables, groups = [], []
        if tables:
            yield pa.concat_tables(tables), groups

    def _names(self, fingerprint: str, parts: Iterable[int]) -> Keys:
        """What the documents of all parts are called, sorted."""
        files = (self.folder.part_name("documents", fingerprint, part) for part in parts)
        names = [keys_of(self.folder.read_table(file, ["names"])["names"].combine_chunks().flatten()) for file in files]
        return np.unique(np.concatenate(names)) if names else np.empty(0, np.uint64)


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


def document_reader(work: Building) -> Callable[[str], DocumentText]:
    """Gives a document by its id, out of the row group that the plan names."""
    folder = work.folder
    growth = work.manifest.steps[-1].growth
    places = {
        plan.document_id: plan
        for number in range(growth)
        for plan in folder.read_part("plan", work.before("plan"), number, Plan)
        if plan.duplicate_of is None
    }
    documents = work.before("documents")
    groups = folder.read_groups_of(
        lambda part: folder.part_name("documents", documents, part), DocumentText.__struct_fields__
    )
    kept: dict[str, DocumentText] = {}
    chars = 0

    def read(document_id: str) -> DocumentText:
        nonlocal chars
        if document_id not in kept:
            place = places[document_id]
            rows = from_table(groups(place.part, place.row_group), DocumentText)
            chars += sum(row.n_chars for row in rows)
            while kept and chars > _CACHED_CHARS:
                chars -= kept.pop(next(iter(kept))).n_chars
            for row in reversed(rows):  # of equal documents the first
                if row.document_id in kept:
                    chars -= row.n_chars
                kept[row.document_id] = row
            if document_id not in kept:
                raise StorageError(
                    f"{folder.url}: document {document_id} is not in part {place.part} of the documents, "
                    "where the plan has it; its source changed before that part was made again. Restore the source "
                    "and delete the part, or build into another folder"
                )
        return kept[document_id]

    return read
