"""The upload of a dataset, as a task."""

from __future__ import annotations

import luigi

from longhop.run import Run
from longhop.storage import PUBLISHED

from .base import PartTask, RunTask, log, manifest_of
from .dataset import Dataset


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
        return f"{PUBLISHED}/{self.fingerprint}/pushed-{self.part:05}-{where}.json"

    def complete(self) -> bool:
        """Whether this dataset was uploaded there."""
        return self.folder.exists(self.marker)

    def run(self) -> None:
        """Upload in one commit."""
        run = Run(self.folder, manifest_of(self.out))
        url = run.push_to_hub(self.repo, private=self.private, revision=self.revision)
        self.folder.write_json(self.marker, {"commit": url})
        log.info("%-12s %s", "push", url)
