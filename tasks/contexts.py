"""Contexts: planned in one step over all documents without text, then rendered part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from longhop.errors import CorpusError
from longhop.planning.planned import COLUMNS, Keys, PlannedDocument, keys_of, planned_documents
from longhop.planning.seams import SHORT_CHARS
from longhop.planning.shortfalls import kinds_missed, shortfall
from longhop.records import Context, ContextPlan, Plan, Record
from longhop.stages.contexts import contexts_wanted, plan_contexts, render_contexts
from longhop.texts import DocumentTexts

from .base import PartTask, log, planned_contexts
from .building import Building
from .documents import DocumentPlan, Documents

_SAMPLED = 100  # documents whose texts show how well counts add up
_ROWS_AT_ONCE = 1_000  # of documents without text; some 10 KB each


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
        sample = self._sample(work, rows, {document_id: part for part, _, document_id in places})
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

    def _sample(self, work: Building, rows: Sequence[PlannedDocument], parts: Mapping[str, int]) -> list[str]:
        """Short texts from all over the corpus, which show how well counts add up."""
        short = [row.document_id for row in rows if row.n_chars <= SHORT_CHARS]
        documents = DocumentTexts(self.folder, work.before("documents"), parts)
        return [row.text for row in documents.read_all(short[:: 1 + len(short) // _SAMPLED])]

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
        documents = document_texts(work)
        return render_contexts(documents.ahead(mine), documents.read, work.tokenizer, work.recipe.contexts.room)


def document_texts(work: Building) -> DocumentTexts:
    """The documents of the run that take part, to be read."""
    parts = {
        plan.document_id: plan.part
        for number in range(work.manifest.steps[-1].growth)
        for plan in work.folder.read_part("plan", work.before("plan"), number, Plan)
        if plan.duplicate_of is None
    }
    return DocumentTexts(work.folder, work.before("documents"), parts)
