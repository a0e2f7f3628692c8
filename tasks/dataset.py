"""The dataset: all parts become the folder that goes to the Hub; and the upload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luigi
import pyarrow as pa
import yaml

from longhop.errors import PublishError
from longhop.fingerprints import STAGES
from longhop.publish.card import CardFacts, render_card
from longhop.publish.dataset import PartTables, choose_examples, write_tables
from longhop.publish.facts import ExampleFacts, source_facts
from longhop.publish.portable import portable
from longhop.publish.report import NAME as REPORT
from longhop.publish.upload import push
from longhop.records import Plan, Rejection

from .base import PartTask, RunTask, log
from .building import Building
from .examples import Examples

_TABLES = ("contexts", "questions", "traces", "verdicts", "examples")


class Dataset(PartTask):
    """The dataset folder of a run; `part` is the number of parts that it is made of."""

    stage = "dataset"
    record = Rejection
    priority = 0  # what it needs, which is all parts, would be given a higher one

    def requires(self) -> list[PartTask]:
        """The examples of every part."""
        return [Examples(self.out, self.before("examples"), part) for part in range(self.part)]

    @property
    def marker(self) -> str:
        """What is written when the folder stands: the rejections of this stage, beside those of the others."""
        return self.folder.part_name("published", self.fingerprint, self.part, "rejections")

    def complete(self) -> bool:
        """Whether the folder that stands is this one, with all of its files."""
        if not self.folder.exists(self.marker):
            return False
        current = self.folder.read_json("published/current.json")
        if not isinstance(current, dict) or (current.get("fingerprint"), current.get("parts")) != self._mine:
            return False
        there = self.folder.sizes("dataset")
        # People mend the card by hand, and put files beside it; what they cannot mean is that something is gone.
        return all(
            there.get(name) == size or (name == "README.md" and there.get(name, 0) > 0)
            for name, size in current.get("files", {}).items()
        )

    @property
    def _mine(self) -> tuple[str, int]:
        return self.fingerprint, self.part

    def run(self) -> None:
        """Write the folder beside its place and swap it in."""
        with self.building() as work:
            if work is None:
                return
            with self.folder.scratch("dataset") as scratch:
                target = scratch / "dataset"
                target.mkdir()
                rejections, published = self._write(work, target)
                # While the folders are swapped, no dataset is the current one, and no report speaks of it.
                self.folder.remove("published/current.json")
                self.folder.remove(REPORT)
                self.folder.publish_folder(target, "dataset")
            self.folder.write_rejections("published", self.fingerprint, self.part, rejections)
            files = self.folder.sizes("dataset")
            current = {"fingerprint": self.fingerprint, "parts": self.part, "files": files}
            self.folder.write_json("published/current.json", current)
            log.info("%-12s %s examples in %s", "dataset", f"{published:,}", self.folder.url_of("dataset"))

    def _write(self, work: Building, target: Path) -> tuple[list[Rejection], int]:
        columns = ["question_id", "question", "target_tokens", "kind"]
        chosen = choose_examples(
            (self._table(work, "examples", part, columns) for part in range(self.part)),
            work.recipe.checks.duplicate,
            work.recipe.dataset.examples,
        )
        facts = ExampleFacts()

        def parts() -> Iterator[PartTables]:
            for part in range(self.part):
                tables = PartTables(*(self._table(work, stage, part) for stage in _TABLES))
                facts.add(tables, chosen.question_ids)
                yield tables

        written = write_tables(target, parts(), work.prompts, chosen.question_ids)
        funnel, reasons = self._funnel(work, chosen.rejections, sum(written.rows["default"].values()))
        card = render_card(
            CardFacts(
                recipe=work.recipe,
                written=written,
                sources=source_facts(self._documents(work)),
                funnel=funnel,
                reasons=reasons,
                examples=facts,
                prompts=work.manifest.prompts,
                versions=work.manifest.versions,
            )
        )
        (target / "README.md").write_text(card, encoding="utf-8")
        recipe = yaml.safe_dump(portable(work.manifest.recipe), sort_keys=False, allow_unicode=True)
        (target / "recipe.yaml").write_text(recipe, encoding="utf-8")
        (target / "prompts").mkdir()
        for name, source in work.prompts.sources.items():
            (target / "prompts" / f"{name}.md").write_text(source, encoding="utf-8")
        return chosen.rejections, sum(written.rows["default"].values())

    def _table(self, work: Building, stage: str, part: int, columns: list[str] | None = None) -> pa.Table:
        return self.folder.read_table(self.folder.part_name(stage, work.before(stage), part), columns)

    def _documents(self, work: Building) -> Iterator[dict[str, Any]]:
        """Documents that take part: no duplicates."""
        kept = {
            plan.document_id
            for step in range(len(work.manifest.growth))
            for plan in self.folder.read_part("plan", work.before("plan"), step, Plan)
            if plan.duplicate_of is None
        }
        for part in range(work.manifest.growth[-1][1]):
            for row in self._table(work, "documents", part, ["document_id", "kind", "license", "n_tokens"]).to_pylist():
                if row["document_id"] in kept:
                    kept.discard(row["document_id"])
                    yield row

    def _funnel(
        self, work: Building, rejections: list[Rejection], published: int
    ) -> tuple[list[tuple[str, int, int]], list[tuple[str, str, int]]]:
        funnel, reasons = [], []
        for stage in STAGES[:-1]:
            parts = [counts for _, counts in self.folder.all_counts(stage, work.before(stage))]
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


class Push(RunTask):
    """Uploads the dataset to the Hub, once a run of this task."""

    repo = luigi.Parameter(description="owner/name")
    fingerprint = luigi.Parameter(description="how the rows of the dataset are made")
    part = luigi.IntParameter(description="number of the run's parts")
    private = luigi.BoolParameter(default=True, parsing=luigi.BoolParameter.EXPLICIT_PARSING)
    revision = luigi.OptionalParameter(default=None)

    def requires(self) -> PartTask:
        """The dataset folder."""
        return Dataset(self.out, self.fingerprint, self.part)

    @property
    def marker(self) -> str:
        """Says that this dataset was uploaded there, to this branch."""
        where = "@".join(name.replace("/", "--") for name in (self.repo, self.revision) if name)
        return f"published/{self.fingerprint}/pushed-{self.part:05}-{where}.json"

    def complete(self) -> bool:
        """Whether this dataset was uploaded there."""
        return self.folder.exists(self.marker)

    def run(self) -> None:
        """Upload in one commit."""
        if not self.folder.is_local:
            raise PublishError(f"{self.out}: only a local run folder can be uploaded")
        url = push(self.folder.local_path / "dataset", self.repo, private=self.private, revision=self.revision)
        self.folder.write_json(self.marker, {"commit": url})
        log.info("%-12s %s", "push", url)
