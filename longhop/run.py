"""A run that was built: its tables as lazy frames, its dataset, its upload.

    >>> run = Run.open("runs/sample")
    >>> run.examples().select("question", "answer").head(3).collect()

The frames read exactly the parts that the current recipe's plan has, whatever other parts the folder holds.
"""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from longhop.errors import PublishError, StorageError
from longhop.fingerprints import STAGES
from longhop.manifest import Manifest, load
from longhop.prompting import load_prompts
from longhop.publish.upload import push
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
from longhop.storage import PUBLISHED, PartCounts, RunFolder

if TYPE_CHECKING:
    import datasets

__all__ = ["Run", "StageState"]

_NO_DATASET = "no dataset here; build the run to its end, or write that of its finished parts with `longhop dataset`"


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
    seconds: float
    spent: Spending
    """What engines were asked for the parts that are complete, by role."""


class Run:
    """The folder of a run."""

    def __init__(self, folder: RunFolder, manifest: Manifest) -> None:
        self.folder = folder
        self._manifest = manifest
        self._counts: dict[tuple[str, str, int], PartCounts] = {}
        self._planned: tuple[str, int, int] | None = None

    @classmethod
    def open(cls, out: str) -> Run:
        """A run that was built, or begun.

        Raises:
            StorageError: There is no run in that folder.
        """
        folder = RunFolder(out)
        return cls(folder, load(folder))

    def reload(self) -> None:
        """Look at the run as it is now: other processes build it, and its plan may have grown."""
        self._manifest = load(self.folder)

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self._manifest.name

    @property
    def recipe(self) -> Recipe:
        """The recipe as resolved."""
        return self._manifest.loaded_recipe()

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
            self._name(stage, part, "rejections"): self.folder.remedy(*self._place(stage), part)
            for stage in STAGES
            for part in self._built(stage)
        }
        return self._scan(files, Rejection)

    def dataset(self) -> datasets.DatasetDict:
        """The `default` configuration of the dataset.

        Raises:
            PublishError: The run was not built to its end.
        """
        import datasets  # noqa: PLC0415 - takes seconds to import, and few need it

        files: dict[str, list[str]] = {}
        for path in sorted(self.folder.files("dataset/data/default/*.parquet")):
            files.setdefault(path.rpartition("/")[2].partition("-")[0], []).append(glob.escape(path))  # are patterns
        if not files:
            what = "the dataset has no examples" if self._built("dataset") else _NO_DATASET
            raise PublishError(f"{self.folder.url}: {what}")
        loaded = datasets.load_dataset("parquet", data_files=files)
        assert isinstance(loaded, datasets.DatasetDict)
        return loaded

    def write_dataset(self) -> str:
        """Write the dataset folder of the parts that are finished, whatever the others lack; gives its address.

        For when one part keeps failing, or the deadline is there. The card says what is missing, `push_to_hub` takes
        the folder as it is, and the next build that comes to its end replaces it.

        Raises:
            PublishError: No part is finished.
            StorageError: The prompts are others than those that the run was built with, or a table is damaged.
        """
        from longhop.publish.folder import TABLES, write_dataset  # noqa: PLC0415 - it draws, and few need that

        manifest, of = self._manifest, self._parts("examples")
        finished = sorted(set.intersection(*(set(self._built(stage)) for stage in TABLES)))
        if of is None or (of and not finished):
            raise PublishError(
                f"{self.folder.url}: no part is finished yet, so there is nothing to make a dataset of; build it first"
            )
        prompts = load_prompts(self.recipe.prompts)
        if prompts.hashes != manifest.prompts:
            raise StorageError(f"{self.folder.url}: prompts have changed since this run was built; build again")
        with self.folder.claim("dataset", manifest.fingerprints["dataset"], of):
            write_dataset(self, manifest, prompts, finished, of)
        self.report()
        return self.folder.url_of("dataset")

    def lacking(self) -> list[str]:
        """What the dataset that stands lacks of what was asked for: parts, examples; a sentence each."""
        current = self.folder.read_json("published/current.json") or {}
        said = list(current.get("lacking", ()))
        if current and not self._built("dataset"):
            said.append("it was made before the recipe or the plan changed; build again to have it as they are now")
        return said

    def push_to_hub(
        self,
        repo: str,
        *,
        private: bool = True,
        revision: str | None = None,
        overwrite: bool = False,
        licenses_checked: bool | None = None,
    ) -> str:
        """Upload the dataset in one commit; gives the commit's address. Called again, it goes on with what is missing.

        Args:
            repo: `owner/name`.
            private: Whether a repository that is made is private; an existing public one is refused then.
            revision: Branch to commit to, made where it does not exist; the main one where None.
            overwrite: Replace also what others put there or changed, where it stands in the way.
            licenses_checked: Push whatever the documents' licences say; as the recipe says where None.

        Raises:
            PublishError: Nothing to upload, licences or a schema that forbid it, no access, other content in the
                repository, or no connection.
            StorageError: A remote run does not fit on this machine's disk, where it is copied to.
        """
        self._check_whole_dataset()
        if licenses_checked is None:
            licenses_checked = self.recipe.dataset.licenses_checked
        with self.folder.scratch("push") if not self.folder.is_local else nullcontext() as scratch:
            folder = self.folder.local_path / "dataset" if scratch is None else scratch
            if scratch is not None:
                self.folder.fetch_folder("dataset", scratch)
            return push(
                folder,
                repo,
                private=private,
                revision=revision,
                overwrite=overwrite,
                licenses_checked=licenses_checked,
            )

    def _check_whole_dataset(self) -> None:
        """Refuse a dataset folder that was being written when a build ended, or that lost a file since."""
        current = self.folder.read_json("published/current.json")
        sizes = self.folder.sizes("dataset")
        if not isinstance(current, dict) or not sizes:
            raise PublishError(f"{self.folder.url}: {_NO_DATASET}")
        # People mend the card by hand, and put files beside it.
        wrong = [
            name
            for name, size in current.get("files", {}).items()
            if name not in sizes or (name != "README.md" and sizes[name] != size)
        ]
        if wrong:
            raise PublishError(
                f"{self.folder.url_of('dataset')}: {wrong[0]} is not what was built; build again, which writes it anew"
            )

    def report(self) -> str:
        """Write report.html into the run's folder, over all that is there so far; gives its address.

        Raises:
            StorageError: A table is missing or damaged, or the folder is not writable.
        """
        from longhop.publish.report import write_report  # noqa: PLC0415 - reports read runs, and few runs are reported

        return write_report(self)

    def built(self, stage: str) -> list[int]:
        """Numbers of the parts of the current plan that a stage has finished."""
        return self._built(stage)

    def part_name(self, stage: str, part: int, what: str = "part") -> str:
        """Name of a part's table within the folder, or of its `rejections`."""
        return self._name(stage, part, what)

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
        return sum(counts.tokens for part in self._built(stage) if (counts := self._counts_of(stage, part)))

    def states(self) -> list[StageState]:
        """How far each stage is, in the order of the stages."""
        return [self._state(stage) for stage in STAGES]

    def _state(self, stage: str) -> StageState:
        counts: list[PartCounts] = []
        built = self._built(stage)
        rejections: Counter[str] = Counter()
        rows = 0
        if stage == "dataset":
            for part in built:
                rejected = self.rejections_of(stage, part)
                rejections.update(rejection.reason for rejection in rejected)
                rows = self._state("examples").rows - len(rejected)
                if (current := self.folder.read_json("published/current.json") or {}).get("missing"):
                    rows = current["examples"]  # parts may have been finished since
        for part in built if stage != "dataset" else []:
            found = self._counts_of(stage, part)
            if found is not None:
                counts.append(found)
                rejections.update(found.rejections)
        questions = stage == "questions"
        parts = self._parts(stage)
        missing = set() if stage == "dataset" else set(range(parts or 0)) - set(built)  # its number is no place
        return StageState(
            stage=stage,
            built=len(built),
            parts=parts,
            missing=tuple(sorted(missing)),
            rows=rows + sum(count.rows for count in counts),
            accepted=sum(count.accepted or 0 for count in counts) if questions else None,
            rejections=dict(rejections.most_common()),
            seconds=round(sum(count.seconds for count in counts), 1),
            spent=together(count.spent for count in counts),
        )

    def _counts_of(self, stage: str, part: int) -> PartCounts | None:
        """Counts of a part, read once: a part does not change."""
        key = (stage, self._manifest.fingerprints[stage], part)
        if key not in self._counts:
            found = self.folder.read_counts(*key)
            if found is None:
                return None
            self._counts[key] = found
        return self._counts[key]

    def _parts(self, stage: str) -> int | None:
        """How many parts a stage has by the plan."""
        manifest = self._manifest
        known = {
            "documents": manifest.growth[-1][1],
            "plan": len(manifest.growth),
            "context_plan": len(manifest.steps),
        }
        if stage in known:
            return known[stage]
        fingerprint = manifest.fingerprints["context_plan"]
        steps = len(manifest.steps)
        if self._planned is None or self._planned[:2] != (fingerprint, steps):
            if self.folder.parts("context_plan", fingerprint) != list(range(steps)):
                return None
            tables = (
                self.folder.read_table(self.folder.part_name("context_plan", fingerprint, step), ["part"])
                for step in range(steps)
            )
            last = max((part for table in tables for part in table["part"].to_pylist()), default=-1)
            self._planned = (fingerprint, steps, 1 + last)
        return 1 if stage == "dataset" else self._planned[2]

    def _built(self, stage: str) -> list[int]:
        """Parts of the plan that are complete."""
        parts = self._parts(stage)
        if stage == "dataset":
            examples = self._parts("examples")
            current = self.folder.read_json("published/current.json") or {}
            mine = (self._manifest.fingerprints["dataset"], examples)
            return [examples or 0] if (current.get("fingerprint"), current.get("parts")) == mine else []
        built = self.folder.parts(stage, self._manifest.fingerprints[stage])
        return [part for part in built if parts is not None and part < parts]

    def _name(self, stage: str, part: int, what: str = "part") -> str:
        return self.folder.part_name(*self._place(stage), part, what)

    def _place(self, stage: str) -> tuple[str, str]:
        """Folder and fingerprint of a stage."""
        return PUBLISHED if stage == "dataset" else stage, self._manifest.fingerprints[stage]

    def _frame(self, stage: str, record: type[Record]) -> pl.LazyFrame:
        return self._scan(dict.fromkeys(self._name(stage, part) for part in self._built(stage)), record)

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
