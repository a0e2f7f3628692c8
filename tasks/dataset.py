"""The dataset: all parts become the folder that goes to the Hub."""

from __future__ import annotations

from longhop.publish.folder import write_dataset
from longhop.records import Rejection
from longhop.run_tables import RunTables
from longhop.storage import CURRENT, PUBLISHED

from .base import PartTask
from .examples import Examples


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
        return self.folder.part_name(PUBLISHED, self.fingerprint, self.part, "rejections")

    def complete(self) -> bool:
        """Whether the folder that stands is this one, with all of its parts and files."""
        if not self.folder.exists(self.marker):
            return False
        current = self.folder.read_json(CURRENT)
        if not isinstance(current, dict) or (current.get("fingerprint"), current.get("parts")) != self._mine:
            return False
        if current.get("missing"):  # made of what was finished, while a build could not go on
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
            if work is not None:
                write_dataset(RunTables(self.folder, work.manifest), work.prompts, range(self.part), self.part)
