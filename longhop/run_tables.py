"""What a run has built: how far it is, and its tables as lazy frames.

    >>> tables = RunTables.open("runs/sample")
    >>> tables.examples().select("question", "answer").head(3).collect()

The frames read exactly the parts that the current recipe's plan has, whatever other parts the folder holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple, Self

import msgspec
import polars as pl

from longhop.errors import StorageError
from longhop.fingerprints import STAGES
from longhop.manifest import Manifest, load
from longhop.recipe import Recipe
from longhop.records import (
    Context,
    Document,
    Example,
    Plan,
    Question,
    Record,
    Rejection,
    Trace,
    Verdict,
    schema_of,
)
from longhop.spending import Spending, together
from longhop.storage import CURRENT, PUBLISHED, PartCounts, RunFolder

__all__ = ["PartSize", "RunTables", "StageState"]


class PartSize(NamedTuple):
    """How large the contexts of a part are."""

    contexts: int
    tokens: int
    """Their target lengths, summed."""


class StageState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stage is."""

    stage: str
    built: int
    """Parts that are complete."""
    parts: int | None
    """Parts in all; None as long as the plan does not say."""
    missing: tuple[int, ...] = ()
    """Numbers of those that are not complete; none as long as the plan does not say."""
    rows: int
    accepted: int | None
    """Of questions: how many were accepted."""
    rejections: dict[str, int]
    """Rejections by reason, the most frequent first."""
    took: dict[int, float]
    """Seconds of each part that is complete."""
    spent: Spending
    """What engines were asked for the parts that are complete, by role."""

    @property
    def seconds(self) -> float:
        """Of all parts that are complete."""
        return sum(self.took.values())


class RunTables:
    """The folder of a run, for who reads it."""

    def __init__(self, folder: RunFolder, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._counts: dict[tuple[str, str, int], PartCounts] = {}
        self._planned: tuple[str, int, list[PartSize]] | None = None

    @classmethod
    def open(cls, out: str) -> Self:
        """A run that was built, or begun.

        Raises:
            StorageError: There is no run in that folder.
        """
        folder = RunFolder(out)
        return cls(folder, load(folder))

    def reload(self) -> None:
        """Look at the run as it is now: other processes build it, and its plan may have grown."""
        self.manifest = load(self.folder)

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.manifest.name

    @property
    def recipe(self) -> Recipe:
        """The recipe as resolved."""
        return self.manifest.loaded_recipe()

    def documents(self) -> pl.LazyFrame:
        """Documents, duplicates included; `plan()` says which those are."""
        return self._frame("documents", Document)

    def plan(self) -> pl.LazyFrame:
        """Place, split and duplicates of documents."""
        return self._frame("plan", Plan)

    def contexts(self) -> pl.LazyFrame:
        """Contexts with their text."""
        return self._frame("contexts", Context)

    def questions(self) -> pl.LazyFrame:
        """Questions, accepted and rejected."""
        return self._frame("questions", Question)

    def traces(self) -> pl.LazyFrame:
        """All traces."""
        return self._frame("traces", Trace)

    def verdicts(self) -> pl.LazyFrame:
        """All verdicts."""
        return self._frame("verdicts", Verdict)

    def examples(self) -> pl.LazyFrame:
        """Examples, before questions that say the same are dropped over the whole dataset."""
        return self._frame("examples", Example)

    def rejections(self) -> pl.LazyFrame:
        """What left the pipeline, at every stage."""
        files = {
            self.part_name(stage, part, "rejections"): self.folder.remedy(*self._place(stage), part)
            for stage in STAGES
            for part in self.built(stage)
        }
        return self._scan(files, Rejection)

    def lacking(self) -> list[str]:
        """What the dataset that stands lacks of what was asked for: parts, examples; a sentence each."""
        current = self.folder.read_json(CURRENT) or {}
        said = list(current.get("lacking", ()))
        if current and not self.built("dataset"):
            said.append("it was made before the recipe or the plan changed; build again to have it as they are now")
        return said

    def rejections_of(self, stage: str, part: int) -> list[Rejection]:
        """Rejections of a finished part.

        Raises:
            StorageError: The file is missing or damaged.
        """
        return self.folder.read_rejections(*self._place(stage), part)

    def tokens(self, stage: str) -> int:
        """Sum of `n_tokens` over the rows of a stage; 0 where they have none."""
        if stage == "dataset":
            return 0
        return sum(counts.tokens for part in self.built(stage) if (counts := self._counts_of(stage, part)))

    def states(self) -> list[StageState]:
        """How far each stage is, in the order of the stages."""
        return [self._state(stage) for stage in STAGES]

    def _state(self, stage: str) -> StageState:
        counts: dict[int, PartCounts] = {}
        built = self.built(stage)
        rejections: Counter[str] = Counter()
        rows = 0
        if stage == "dataset":
            for part in built:
                rejected = self.rejections_of(stage, part)
                rejections.update(rejection.reason for rejection in rejected)
                rows = self._state("examples").rows - len(rejected)
                if (current := self.folder.read_json(CURRENT) or {}).get("missing"):
                    rows = current["examples"]  # parts may have been finished since
        for part in built if stage != "dataset" else []:
            found = self._counts_of(stage, part)
            if found is not None:
                counts[part] = found
                rejections.update(found.rejections)
        questions = stage == "questions"
        parts = self.parts(stage)
        missing = set() if stage == "dataset" else set(range(parts or 0)) - set(built)  # its number is no place
        return StageState(
            stage=stage,
            built=len(built),
            parts=parts,
            missing=tuple(sorted(missing)),
            rows=rows + sum(count.rows for count in counts.values()),
            accepted=sum(count.accepted or 0 for count in counts.values()) if questions else None,
            rejections=dict(rejections.most_common()),
            took={part: count.seconds for part, count in counts.items()},
            spent=together(count.spent for count in counts.values()),
        )

    def _counts_of(self, stage: str, part: int) -> PartCounts | None:
        """Counts of a part, read once: a part does not change."""
        key = (stage, self.manifest.fingerprints[stage], part)
        if key not in self._counts:
            found = self.folder.read_counts(*key)
            if found is None:
                return None
            self._counts[key] = found
        return self._counts[key]

    def parts(self, stage: str) -> int | None:
        """How many parts a stage has by the plan; None as long as the plan does not say."""
        manifest = self.manifest
        known = {
            "documents": manifest.growth[-1][1],
            "plan": len(manifest.growth),
            "context_plan": len(manifest.steps),
        }
        if stage in known:
            return known[stage]
        sizes = self.sizes()
        return None if sizes is None else 1 if stage == "dataset" else len(sizes)

    def sizes(self) -> list[PartSize] | None:
        """How large the contexts of each part are; None as long as the plan does not say."""
        fingerprint, steps = self.manifest.fingerprints["context_plan"], len(self.manifest.steps)
        if self._planned is None or self._planned[:2] != (fingerprint, steps):
            if self.folder.parts("context_plan", fingerprint) != list(range(steps)):
                return None
            contexts: Counter[int] = Counter()
            tokens: Counter[int] = Counter()
            for step in range(steps):
                name = self.folder.part_name("context_plan", fingerprint, step)
                for row in self.folder.read_table(name, ["part", "target_tokens"]).to_pylist():
                    contexts[row["part"]] += 1
                    tokens[row["part"]] += row["target_tokens"]
            last = max(contexts, default=-1)
            self._planned = (fingerprint, steps, [PartSize(contexts[n], tokens[n]) for n in range(1 + last)])
        return self._planned[2]

    def built(self, stage: str) -> list[int]:
        """Numbers of the parts of the current plan that a stage has finished."""
        parts = self.parts(stage)
        if stage == "dataset":
            examples = self.parts("examples")
            current = self.folder.read_json(CURRENT) or {}
            mine = (self.manifest.fingerprints["dataset"], examples)
            return [examples or 0] if (current.get("fingerprint"), current.get("parts")) == mine else []
        built = self.folder.parts(stage, self.manifest.fingerprints[stage])
        return [part for part in built if parts is not None and part < parts]

    def part_name(self, stage: str, part: int, what: str = "part") -> str:
        """Name of a part's table within the folder, or of its `rejections`."""
        return self.folder.part_name(*self._place(stage), part, what)

    def _place(self, stage: str) -> tuple[str, str]:
        """Folder and fingerprint of a stage."""
        return PUBLISHED if stage == "dataset" else stage, self.manifest.fingerprints[stage]

    def _frame(self, stage: str, record: type[Record]) -> pl.LazyFrame:
        return self._scan(dict.fromkeys(self.part_name(stage, part) for part in self.built(stage)), record)

    def _scan(self, tables: Mapping[str, str | None], record: type[Record]) -> pl.LazyFrame:
        """Tables as one frame.

        Args:
            tables: Their names, and of each what makes it again where that is more than to build again.
            record: What they hold.
        """
        names = list(tables)
        if not names:
            empty = pl.from_arrow(schema_of(record).empty_table())
            assert isinstance(empty, pl.DataFrame)
            return empty.lazy()
        if not self.folder.is_local:
            return pl.scan_pyarrow_dataset(self.folder.table_set(names))
        for name, remedy in tables.items():  # polars finds what is wrong when rows are asked for, and names no file
            self.folder.check_table(name, remedy)
        try:
            return pl.scan_parquet([self.folder.url_of(name) for name in names], glob=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise StorageError(f"{self.folder.url}: {error}") from error
