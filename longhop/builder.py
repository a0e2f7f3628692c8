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
from collections.abc import Iterator
from pathlib import Path

import msgspec

from longhop import errors
from longhop.engines import REFUSALS
from longhop.engines.roles import check_engines, model_of
from longhop.errors import BuildError, LonghopError
from longhop.prompting import load_prompts
from longhop.recipe import Recipe
from longhop.records import Rejection
from longhop.run import Run
from longhop.sources import list_source
from longhop.sources.excluded import read_excluded
from longhop.tokens import load_tokenizer

__all__ = ["Builder", "CheckReport", "SourceReport"]


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a source holds."""

    name: str
    kind: str
    items: int
    """Files, repositories or datasets that will be read."""
    size: int
    """Their bytes."""
    left_out: dict[str, int]
    """What will not be read, by reason."""


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `check` found; it raises where something is wrong."""

    sources: list[SourceReport]
    tokenizer: str
    prompts: list[str]
    engines: dict[str, str]
    """Role: model."""


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
            SourceError, TokenizerError, PromptError, EngineError: The first thing that would stop a build.
        """
        sources = []
        for source in self.recipe.sources:
            items = size = 0
            left_out: dict[str, int] = {}
            for entry in list_source(source):
                if isinstance(entry, Rejection):
                    left_out[entry.reason] = left_out.get(entry.reason, 0) + 1
                else:
                    items += 1
                    size += entry.size
            name = source.path or source.dataset or ""
            sources.append(SourceReport(name=name, kind=source.kind, items=items, size=size, left_out=left_out))
        for key in ("documents", "checks"):
            for _ in read_excluded(getattr(self.recipe, key).exclude, f"{key}.exclude"):
                pass
        check_engines(self.recipe)
        return CheckReport(
            sources=sources,
            tokenizer=load_tokenizer(self.recipe.tokenizer).name,
            prompts=list(load_prompts(self.recipe.prompts).hashes),
            engines={role: model_of(config) for role, config in self.recipe.engines.items()},
        )

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
    if isinstance(kind, type) and issubclass(kind, LonghopError) and kind not in (errors.RecipeError, errors.Refused):
        return kind(f"{message}{also}")
    return BuildError(f"{reasons[0].splitlines()[0]}{also}")
