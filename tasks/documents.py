"""Documents: each part of the listing is read, cleaned and counted; then the plan finds duplicates and gives splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from longhop.excluded_index import excluded_text
from longhop.listing import ListingPart, read_part
from longhop.records import Document, Plan, RawDocument, Record, Rejection
from longhop.sources import read_item
from longhop.stages.documents import clean
from longhop.stages.plan import ListedDocument, plan_documents

from .base import PartTask
from .building import Building


class Documents(PartTask):
    """The documents of one part of the listing."""

    stage = "documents"
    record = Document

    def items(self, work: Building) -> Iterable[Record]:
        """Read, clean and count."""
        listed, config = read_part(self.folder, work.manifest.listing[self.part]), work.recipe.documents
        if not any(item.is_table for item in listed.items):  # nobody knows how many rows those have
            work.progress.expected = len(listed.left_out) + len(listed.items)
        return clean(_raw(listed), config, work.tokenizer, excluded_text(config))


def _raw(listed: ListingPart) -> Iterator[RawDocument | Rejection]:
    yield from listed.left_out
    for item in listed.items:
        yield from read_item(item)


class DocumentPlan(PartTask):
    """Duplicates and splits of the documents that one step of growth added."""

    stage = "plan"
    record = Plan

    def requires(self) -> list[PartTask]:
        """The documents up to this step, and the plan of the step before."""
        last = self.manifest.growth[self.part][1]
        documents = [Documents(self.out, self.before("documents"), part) for part in range(last)]
        return [*documents, *([DocumentPlan(self.out, self.fingerprint, self.part - 1)] if self.part else [])]

    def items(self, work: Building) -> Iterable[Record]:
        """Compare all documents, without their text."""
        fingerprint = work.before("documents")
        last = work.manifest.growth[self.part][1]
        rows = [
            row
            for part in range(last)
            for group, table in self.folder.read_groups("documents", fingerprint, part, ListedDocument.COLUMNS)
            for row in ListedDocument.of_table(table, part, group)
        ]
        earlier = [
            plan for step in range(self.part) for plan in self.folder.read_part("plan", self.fingerprint, step, Plan)
        ]
        plans, rejections = plan_documents(rows, work.recipe.documents, work.recipe.seed, earlier)
        return [*plans, *rejections]
