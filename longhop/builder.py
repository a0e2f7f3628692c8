"""The builder: a recipe and a folder, and what can be done with them.

    >>> builder = Builder(Recipe.load("recipe.yaml"), out="runs/sample")
    >>> builder.check()
    >>> run = builder.build(workers=2)
    >>> run.examples().head().collect()

`build` runs the Luigi tasks of `longhop.tasks` with Luigi's scheduler in this process, or with a central one. It works
in a notebook too: the tasks have no event loop, and the engines' loop runs in a thread of its own.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from longhop import errors
from longhop.checking import CheckReport, SourceReport, check_recipe
from longhop.engines import REFUSALS
from longhop.engines.roles import check_engines
from longhop.errors import BuildError, LonghopError
from longhop.recipe import Recipe
from longhop.run import Run

if TYPE_CHECKING:
    from longhop.estimate import Estimate, Rates
    from longhop.preview import Preview

__all__ = ["Builder", "CheckReport", "SourceReport"]


_OTHERWISE_MADE = (errors.RecipeError, errors.Refused, errors.CheckError)
"""Errors that no sentence alone makes."""


class Builder:
    """Builds one recipe into one folder."""

    def __init__(self, recipe: Recipe, out: str | Path | None = None, work: str | Path | None = None) -> None:
        """Take a recipe and where to build it.

        Args:
            recipe: What to build.
            out: The run's folder, a local path or an fsspec URL; `runs/<name>` by default.
            work: A folder on a disk of this machine for what engines answer. By default `LONGHOP_WORK`, else `.work` in
                a local run's folder, else the user's cache. Runs may share it: none pays for what another has paid.
        """
        self.recipe = recipe
        self.out = str(out) if out is not None else f"runs/{recipe.name}"
        self.work = work

    def check(self) -> CheckReport:
        """Look at everything that a build needs, and build nothing.

        Raises:
            LonghopError: All that would stop a build, as an error of its own kind; as a `CheckError` where things of
                several kinds would.
        """
        with _work_folder(self.work):
            report = check_recipe(self.recipe, self.out)
        if report.error is not None:
            raise report.error
        return report

    def build(
        self,
        workers: int = 1,
        *,
        refresh: bool = False,
        retry_rejected: str | None = None,
        scheduler: str | None = None,
    ) -> Run:
        """Build the dataset; run again, it continues.

        Args:
            workers: Processes on this machine.
            refresh: List the sources anew, to add what is new in them.
            retry_rejected: Ask again what engines refused: `all`, or for one of `longhop.engines.REFUSALS`.
            scheduler: `host:port` of a central Luigi scheduler; one in this process where None.

        Raises:
            LonghopError: What stopped the build, of its own kind; everything that was finished is kept.
        """
        from longhop.tasks.running import run_build  # noqa: PLC0415 - registers the tasks with Luigi

        check_engines(self.recipe, ask=False)  # servers may be started while documents are read
        if retry_rejected not in (None, "all", *REFUSALS):
            known = ", ".join(("all", *REFUSALS))
            raise BuildError(f"retry_rejected: got {retry_rejected}, expected one of {known}")
        place = _address(scheduler) if scheduler is not None else None
        with self._recipe_file() as recipe, _work_folder(self.work):
            reasons = run_build(
                recipe, self.out, workers, refresh=refresh, retry_rejected=retry_rejected, scheduler=place
            )
        if reasons:
            raise _error(reasons)
        return Run.open(self.out)

    def estimate(
        self,
        based_on: str | Path | None = None,
        rates: Mapping[str, Rates] | None = None,
        assume: Mapping[str, float] | None = None,
    ) -> Estimate:
        """Say what a build will take: requests, tokens, hours, money and disk; nothing is sent.

        Args:
            based_on: Folder of a run whose previews or parts say how long replies are and how many questions pass. By
                default the builder's own folder, if it has any.
            rates: Tokens a second by role; `""` stands for every role that is not named.
            assume: Values of `longhop.estimate.foreseen.Assumptions` that are known better.

        Raises:
            StorageError: The builder's folder holds a run of another recipe, or `based_on` tells nothing.
            BuildError: An assumption is unknown or cannot be.
            TokenizerError, PromptError: They cannot be loaded.
        """
        from longhop.estimate.costs import estimate_of  # noqa: PLC0415 - only this needs it

        with _work_folder(self.work):
            return estimate_of(self.recipe, self.out, None if based_on is None else str(based_on), rates, assume)

    def preview(
        self,
        length: int | None = None,
        kind: str | None = None,
        number: int = 1,
        say: Callable[[str], None] | None = None,
    ) -> Preview:
        """Take one context through all stages with the recipe's engines; a build asks none of it again.

        Args:
            length: Target length of the context in tokens; the shortest of the recipe where neither it nor `kind` is
                given.
            kind: Kind of documents that the context shall have most of, such as `code`.
            number: Which of the contexts that fit, from 1, in an order that is chance and stays the same.
            say: Is told what is done; nobody where None.

        Raises:
            LonghopError: No context is of that length and kind, or what would stop a build, too.
        """
        from longhop.preview import make_preview  # noqa: PLC0415 - only this needs it

        check_engines(self.recipe, ask=False)
        with _work_folder(self.work):
            return make_preview(self.recipe, self.out, length, kind, number, say or (lambda _: None))

    @contextlib.contextmanager
    def _recipe_file(self) -> Iterator[str]:
        """The recipe as a file, which is what a task can carry: as resolved, overrides included."""
        with tempfile.TemporaryDirectory(prefix="longhop-") as folder:
            path = Path(folder) / "recipe.yaml"
            path.write_bytes(msgspec.json.encode(self.recipe.resolved()))  # JSON is YAML
            yield str(path)


@contextlib.contextmanager
def _work_folder(work: str | Path | None) -> Iterator[None]:
    """What belongs to a machine is in its environment, which worker processes share, and not in its tasks."""
    before = os.environ.get("LONGHOP_WORK")
    if work is not None:
        os.environ["LONGHOP_WORK"] = str(Path(work).expanduser().absolute())
    try:
        yield
    finally:
        os.environ.pop("LONGHOP_WORK", None)
        if before is not None:
            os.environ["LONGHOP_WORK"] = before


def _address(scheduler: str) -> tuple[str, int]:
    host, colon, port = scheduler.rpartition(":")
    if not colon:
        host, port = scheduler, "8082"
    if not host or not port.isdigit():
        raise BuildError(f"scheduler: got {scheduler}, expected HOST:PORT, such as localhost:8082")
    return host, int(port)


def _error(reasons: list[str]) -> LonghopError:
    """The error that stopped the build, of its own kind."""
    name, _, message = reasons[0].partition(": ")
    also = f" (and {len(reasons) - 1} more failures)" if len(reasons) > 1 else ""
    kind = getattr(errors, name, None) if name in errors.__all__ else None
    if isinstance(kind, type) and issubclass(kind, LonghopError) and kind not in _OTHERWISE_MADE:
        return kind(f"{message}{also}")
    return BuildError(f"{reasons[0].splitlines()[0]}{also}")
