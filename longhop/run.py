"""A run that was built: its tables as lazy frames, its dataset, its report, its upload.

>>> run = Run.open("runs/sample")
>>> run.examples().select("question", "answer").head(3).collect()
"""

from __future__ import annotations

import glob
from contextlib import nullcontext
from typing import TYPE_CHECKING

from longhop.errors import PublishError, StorageError
from longhop.prompting import load_prompts
from longhop.publish.folder import TABLES, write_dataset
from longhop.publish.report import write_report
from longhop.publish.upload import push
from longhop.run_tables import RunTables
from longhop.storage import CURRENT

if TYPE_CHECKING:
    import datasets

__all__ = ["Run"]

_NO_DATASET = "no dataset here; build the run to its end, or write that of its finished parts with `longhop dataset`"


class Run(RunTables):
    """The folder of a run, and what can be made of its tables."""

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
            what = "the dataset has no examples" if self.built("dataset") else _NO_DATASET
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
        manifest, of = self.manifest, self.parts("examples")
        finished = sorted(set.intersection(*(set(self.built(stage)) for stage in TABLES)))
        if of is None or (of and not finished):
            raise PublishError(
                f"{self.folder.url}: no part of the recipe's present plan is finished, so there is nothing to make a "
                "dataset of; build it first"
            )
        prompts = load_prompts(self.recipe.prompts)
        if prompts.hashes != manifest.prompts:
            raise StorageError(f"{self.folder.url}: prompts have changed since this run was built; build again")
        with self.folder.claim("dataset", manifest.fingerprints["dataset"], of):
            write_dataset(self, prompts, finished, of)
        self.report()
        return self.folder.url_of("dataset")

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
        current = self.folder.read_json(CURRENT)
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
        return write_report(self)
