"""The dataset folder of a run: tables, pictures, card, recipe and prompts, written beside its place and swapped in.

    >>> write_dataset(run, prompts, parts=[0, 1, 3], of=4).missing
    (2,)

It is made of all parts of the run, or of those that are finished. `published/current.json` says which dataset stands:

    {"fingerprint": "…", "parts": 4, "missing": [2], "examples": 57, "lacking": ["…"], "files": {"README.md": 4711, …}}
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import yaml

from longhop.fingerprints import STAGES
from longhop.folders import explained
from longhop.prompting import Prompts
from longhop.publish.card import CardFacts, render_card
from longhop.publish.choice import COLUMNS, choose_examples, shortfall
from longhop.publish.dataset import PartTables, Written, write_tables
from longhop.publish.facts import ExampleFacts, excluded_facts, parts_named, source_facts
from longhop.publish.portable import portable
from longhop.publish.report import NAME as REPORT
from longhop.publish.report import write_card_pictures
from longhop.records import Plan, Rejection
from longhop.run_tables import RunTables
from longhop.storage import CURRENT, PUBLISHED

__all__ = ["TABLES", "lacking", "write_dataset"]

TABLES = PartTables._fields
"""Stages whose tables a dataset is made of."""
_DOCUMENT = ["document_id", "kind", "license", "n_tokens", "year", "language"]
log = logging.getLogger("longhop")


def write_dataset(run: RunTables, prompts: Prompts, parts: Sequence[int], of: int) -> Written:
    """Write the dataset folder of a run and swap it in.

    Args:
        run: The run.
        prompts: The recipe's prompts.
        parts: Numbers of the parts that it is made of, in order; all their tables are there.
        of: How many parts the run has.

    Raises:
        StorageError: A table is missing or damaged, or the folder is full or not writable; what stood there before
            stands there still.
    """
    folder, fingerprint = run.folder, run.manifest.fingerprints["dataset"]
    with folder.scratch("dataset") as scratch:
        target = scratch / "dataset"
        # A local one is written beside its place, a remote one on this machine's own disk.
        with explained(folder.url_of("dataset") if folder.is_local else str(target)):
            target.mkdir()
            written, rejections = _Folder(run, prompts, parts, of).write(target)
        # While the folders are swapped, no dataset is the current one, and no report speaks of it.
        folder.remove(CURRENT)
        folder.remove(REPORT)
        folder.publish_folder(target, "dataset")
    folder.write_rejections(PUBLISHED, fingerprint, of, rejections)
    published = sum(written.rows["default"].values())
    folder.write_json(
        CURRENT,
        {
            "fingerprint": fingerprint,
            "parts": of,
            "missing": list(written.missing),
            "examples": published,
            "lacking": lacking(written),
            "files": folder.sizes("dataset"),
        },
    )
    log.info("%-12s %s examples in %s", "dataset", f"{published:,}", folder.url_of("dataset"))
    for said in lacking(written):
        log.warning("%-12s %s", "dataset", said)
    return written


def lacking(written: Written) -> list[str]:
    """What a dataset lacks, a sentence each; none where it is whole."""
    said = []
    if written.missing:
        count = written.parts - len(written.missing)
        said.append(
            f"made of the {count:,} of {written.parts:,} parts of the run that were finished; "
            f"missing: {parts_named(written.missing)}"
        )
    if written.shortfall is not None:
        said.append(str(written.shortfall))
    return said


class _Folder:
    """A dataset folder while it is written."""

    def __init__(self, run: RunTables, prompts: Prompts, parts: Sequence[int], of: int) -> None:
        self._run = run
        self._folder, self._manifest = run.folder, run.manifest
        self._recipe = run.recipe
        self._prompts = prompts
        self._parts = parts
        self._missing = tuple(sorted(set(range(of)) - set(parts)))
        self._of = of

    def write(self, target: Path) -> tuple[Written, list[Rejection]]:
        """Write all files; gives back what the dataset leaves out of the examples."""
        chosen = choose_examples(
            (self._table("examples", part, list(COLUMNS)) for part in self._parts),
            self._recipe.checks.duplicate,
            self._recipe.dataset.examples,
        )
        facts = ExampleFacts()

        def tables() -> Iterator[PartTables]:
            for part in self._parts:
                own = PartTables(*(self._table(stage, part) for stage in TABLES))
                facts.add(own, chosen.question_ids)
                yield own

        made = write_tables(
            target, tables(), self._prompts, chosen.question_ids, self._recipe.dataset, self._recipe.name
        )
        written = msgspec.structs.replace(
            made,
            missing=self._missing,
            parts=self._of,
            shortfall=shortfall(
                self._recipe.dataset.examples, chosen.lengths, facts.contexts, unfinished=bool(self._missing)
            ),
        )
        funnel, reasons = self._funnel(chosen.rejections, len(chosen.question_ids))
        left_out = {rejection.item_id: (rejection.reason, rejection.detail) for rejection in chosen.rejections}
        card = render_card(
            CardFacts(
                recipe=self._recipe,
                written=written,
                lacking=lacking(written),
                sources=source_facts(self._documents()),
                funnel=funnel,
                reasons=reasons,
                excluded=excluded_facts(self._overlapping()),
                examples=facts,
                prompts=self._manifest.prompts,
                versions=self._manifest.versions,
                pictures=write_card_pictures(self._run, target, left_out, self._parts),
            )
        )
        (target / "README.md").write_text(card, encoding="utf-8")
        recipe = yaml.safe_dump(portable(self._manifest.recipe), sort_keys=False, allow_unicode=True)
        (target / "recipe.yaml").write_text(recipe, encoding="utf-8")
        (target / "prompts").mkdir()
        for name, source in self._prompts.sources.items():
            (target / "prompts" / f"{name}.md").write_text(source, encoding="utf-8")
        return written, chosen.rejections

    def _table(self, stage: str, part: int, columns: list[str] | None = None) -> pa.Table:
        return self._folder.read_table(self._run.part_name(stage, part), columns)

    def _documents(self) -> Iterator[dict[str, Any]]:
        """Documents that take part: no duplicates."""
        kept = {
            plan.document_id
            for step in range(len(self._manifest.growth))
            for plan in self._folder.read_part("plan", self._manifest.fingerprints["plan"], step, Plan)
            if plan.duplicate_of is None
        }
        for part in range(self._manifest.growth[-1][1]):
            for row in self._table("documents", part, _DOCUMENT).to_pylist():
                if row["document_id"] in kept:
                    kept.discard(row["document_id"])
                    yield row

    def _overlapping(self) -> Iterator[Rejection]:
        """Rejections of the parts in which documents overlap what the recipe excludes."""
        fingerprint = self._manifest.fingerprints["documents"]
        for part, counts in self._folder.all_counts("documents", fingerprint):
            if counts.rejections.get("overlaps_evaluation"):
                yield from self._folder.read_rejections("documents", fingerprint, part)

    def _funnel(
        self, rejections: list[Rejection], published: int
    ) -> tuple[list[tuple[str, int, int]], list[tuple[str, str, int]]]:
        """Stage, rows and rejections; and stage, reason and rejections: of the parts that the dataset is made of."""
        funnel, reasons = [], []
        for stage in STAGES[:-1]:
            parts = [
                counts
                for part, counts in self._folder.all_counts(stage, self._manifest.fingerprints[stage])
                if stage not in TABLES or part in self._parts
            ]
            left: Counter[str] = Counter()
            for counts in parts:
                left.update(counts.rejections)
            if stage not in ("plan", "context_plan"):
                out = sum(counts.rows if counts.accepted is None else counts.accepted for counts in parts)
                funnel.append((stage, out, sum(left.values())))
            reasons += [("documents" if stage == "plan" else stage, reason, n) for reason, n in sorted(left.items())]
        funnel.append(("dataset", published, len(rejections)))
        mine = Counter(rejection.reason for rejection in rejections)
        return funnel, reasons + [("dataset", reason, n) for reason, n in sorted(mine.items())]
