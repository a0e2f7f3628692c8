"""What can be found beforehand: everything that would stop a build, all of it at once, and nothing is built.

    longhop check recipe.yaml

    >>> report = check_recipe(recipe, "runs/sample")
    >>> report.problems
    [EngineError('engines.reader: no server answers: …'), StorageError('runs/sample: cannot be written …')]

Looked at are sources, texts to exclude, the tokenizer, prompts, engines with their windows, the folder of the run, room
on the disk, and the Hub where the recipe names a repository.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from longhop.engines.roles import check_engine, model_of, server_spec, window_needed
from longhop.engines.trial import SECONDS, Tried, try_out
from longhop.errors import CheckError, CorpusError, EngineError, LonghopError, SourceError, StorageError
from longhop.estimate import size_of
from longhop.estimate.costs import make_estimate
from longhop.folders import explained
from longhop.manifest import NAME
from longhop.prompting import Prompts, load_prompts
from longhop.recipe import Recipe, Source
from longhop.records import Rejection
from longhop.serving.spec import check_together
from longhop.showing import Showable
from longhop.sources import SourceItem, list_source
from longhop.sources.excluded import read_excluded
from longhop.sources.items import path_of
from longhop.storage import RunFolder
from longhop.tokens import load_tokenizer

__all__ = ["CheckReport", "SourceReport", "check_recipe"]

_NAMED = 3
"""Files that a message names."""


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


class CheckReport(Showable):
    """What a check found, in order or not."""

    def __init__(self) -> None:
        self.sources: list[SourceReport] = []
        self.contexts: dict[int, int] = {}
        """Contexts asked for, by target length in tokens."""
        self.tokenizer = ""
        """Its name; empty where it cannot be loaded."""
        self.prompts: list[str] = []
        self.engines: dict[str, str] = {}
        """Role: model, of engines that are in order."""
        self.windows: dict[str, tuple[int, int | None]] = {}
        """Role: tokens that its longest prompt and answer need, and that its servers take, where they say so."""
        self.out = ""
        """What was found of the run's folder."""
        self.disk = ""
        self.hub = ""
        """What was found of the Hub; empty where the recipe names no repository."""
        self.problems: list[LonghopError] = []
        """What would stop a build, each as the error that it would be."""
        self.notes: list[str] = []

    @property
    def error(self) -> LonghopError | None:
        """What to raise: the only problem, or all of them, as what they all are; None where there is none."""
        if len(self.problems) < 2:
            return next(iter(self.problems), None)
        together, kinds = CheckError(self.problems), {type(problem) for problem in self.problems}
        return kinds.pop()(str(together)) if len(kinds) == 1 else together

    @contextlib.contextmanager
    def finding(self) -> Iterator[None]:
        """Take what is raised within for a problem."""
        try:
            yield
        except LonghopError as error:
            if str(error) not in map(str, self.problems):  # roles that share servers share what is wrong with them
                self.problems.append(error)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What was looked at, then each problem."""
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, said in self._lines():
            table.add_row(Text(name), Text(said))
        yield table
        for note in self.notes:
            yield Text(f"note: {note}")
        for problem in self.problems:
            yield Text(f"problem: {problem}", style="red")

    def _lines(self) -> Iterator[tuple[str, str]]:
        for source in self.sources:
            left = sum(source.left_out.values())
            reasons = ", ".join(f"{reason} {many}" for reason, many in sorted(source.left_out.items()))
            out = f", {left} left out ({reasons})" if left else ""
            yield "source", f"{source.name}: {source.items} to read as {source.kind}, {size_of(source.size)}{out}"
        if self.tokenizer:
            yield "tokenizer", self.tokenizer
        yield "contexts", ", ".join(f"{many} of {length:,} tokens" for length, many in sorted(self.contexts.items()))
        if self.prompts:
            yield "prompts", ", ".join(self.prompts)
        for role, model in self.engines.items():
            needed, window = self.windows.get(role, (0, None))
            takes = "" if window is None else f", needs {needed:,} tokens at most and takes {window:,}"
            yield "engine", f"{role}: {model}{takes}"
        for name in ("out", "disk", "hub"):
            if said := getattr(self, name):
                yield name, said


def check_recipe(recipe: Recipe, out: str) -> CheckReport:
    """Look at everything that a build needs.

    Args:
        recipe: What would be built.
        out: The run's folder, which need not exist.
    """
    report = CheckReport()
    report.contexts = dict(recipe.contexts.lengths)
    for source in recipe.sources:
        with report.finding():
            report.sources.append(_source(source))
    for key in ("documents", "checks"):
        with report.finding():
            for _ in read_excluded(getattr(recipe, key).exclude, f"{key}.exclude"):
                pass
    with report.finding():
        report.tokenizer = load_tokenizer(recipe.tokenizer).name
    prompts = None
    with report.finding():
        prompts = load_prompts(recipe.prompts)
        report.prompts = list(prompts.hashes)
    _engines(recipe, prompts, report)
    if len(report.sources) == len(recipe.sources):
        with report.finding():
            _enough(recipe, report)
    with report.finding():
        report.out = _folder(recipe, out)
    if report.tokenizer and report.prompts and report.out:
        with report.finding():
            report.disk = _room(recipe, out)
    if recipe.dataset.hub is not None:
        from longhop.publish.access import check_access  # noqa: PLC0415 - few recipes name a repository

        with report.finding():
            report.hub = check_access(recipe.dataset.hub, private=recipe.dataset.private)
    return report


def _source(source: Source) -> SourceReport:
    items: list[SourceItem] = []
    left_out: dict[str, int] = {}
    for entry in list_source(source):
        if isinstance(entry, Rejection):
            left_out[entry.reason] = left_out.get(entry.reason, 0) + 1
        else:
            items.append(entry)
    name = source.path or source.dataset or ""
    size = sum(item.size for item in items)
    files = [path for item in items if item.format != "hub" and (path := path_of(item.location)).exists()]
    closed = [str(path) for path in files if not os.access(path, os.R_OK)]
    if closed:
        more = f" and {len(closed) - _NAMED} more" if len(closed) > _NAMED else ""
        raise SourceError(
            f"{name}: {', '.join(closed[:_NAMED])}{more} cannot be read; allow it with chmod, or move it away"
        )
    if items and not size and len(files) == len(items):
        raise SourceError(f"{name}: all {len(items)} files are empty")
    return SourceReport(name=name, kind=source.kind, items=len(items), size=size, left_out=left_out)


def _engines(recipe: Recipe, prompts: Prompts | None, report: CheckReport) -> None:
    specs = []
    trying = set(_to_try(recipe)) if prompts is not None else set()
    with ThreadPoolExecutor(len(recipe.engines)) as threads:  # a server that says nothing takes its time to be found
        asked = {
            role: threads.submit(_engine, recipe, role, prompts if role in trying else None) for role in recipe.engines
        }
    for role, config in recipe.engines.items():
        with report.finding():
            window, tried = asked[role].result()
            report.engines[role] = model_of(config)
            if window is not None:
                report.windows[role] = (window_needed(recipe, role), window)
            if tried is not None and not tried.answered:
                report.notes.append(f"engines.{role}: no answer to a short question within {SECONDS:.0f} s")
            if tried is not None and tried.reasoned is False and _wants_reasoning(recipe, role):
                raise EngineError(
                    f"engines.{role}: {model_of(config)} gives no reasoning of its own, which traces.reasoning: native "
                    "asks for; set traces.reasoning: prompted, or start the server with its reasoning parser"
                )
            if config.kind == "vllm":
                specs.append(server_spec(recipe, role))
    with report.finding():
        check_together(specs)


def _engine(recipe: Recipe, role: str, prompts: Prompts | None) -> tuple[int | None, Tried | None]:
    """The window of a role's servers, and what came of a first question to those that stand already."""
    window = check_engine(recipe, role)
    if prompts is None or recipe.engines[role].kind != "openai":
        return window, None
    return window, try_out(recipe, role, prompts)


def _to_try(recipe: Recipe) -> Collection[str]:
    """Of roles that are answered alike one each, and of those of the traces these."""
    roles = sorted(recipe.engines, key=lambda role: role != recipe.traces.engine)
    alike: dict[str, str] = {}
    for role in roles:
        alike.setdefault(recipe.engines[role].model_dump_json(), role)
    return alike.values()


def _wants_reasoning(recipe: Recipe, role: str) -> bool:
    return role == recipe.traces.engine and recipe.traces.reasoning == "native"


def _enough(recipe: Recipe, report: CheckReport) -> None:
    """Whether the sources can have as many tokens as the contexts want; packed tables may have more than they seem."""
    wanted = sum(length * many for length, many in recipe.contexts.lengths.items())
    size = sum(source.size for source in report.sources) * recipe.contexts.reuse
    packed = any(source.dataset is not None or (source.path or "").endswith(".parquet") for source in recipe.sources)
    if packed or recipe.contexts.allow_fewer or not size:
        return
    said = (
        f"the contexts want {wanted:,} tokens, the sources hold {size // recipe.contexts.reuse:,} bytes, used "
        f"{recipe.contexts.reuse} times at most (contexts.reuse)"
    )
    if size < wanted:  # a token has a byte at least
        raise CorpusError(f"contexts.lengths: {said}; add documents, ask for less, or set contexts.allow_fewer: true")
    if size < 3 * wanted:
        report.notes.append(f"{said}: they may not fill them all")


def _folder(recipe: Recipe, out: str) -> str:
    """Whether the run's folder can be written, and whose it is."""
    folder = RunFolder(out)
    data = folder.read_json(NAME)
    name = data.get("name") if isinstance(data, dict) else None
    if name is not None and name != recipe.name:
        raise StorageError(
            f"{folder.url}: holds a run of the recipe `{name}`, this one is `{recipe.name}`; choose another --out"
        )
    said = f"{folder.url}: {'goes on with the run there' if data is not None else 'a new run'}"
    if not folder.is_local:
        probe = f".longhop-check-{os.getpid()}"
        folder.write_bytes(probe, b"")
        folder.remove(probe)
        return said
    place = _existing(folder.local_path)
    if not place.is_dir():
        raise StorageError(f"{folder.url}: {place} is a file, and no folder can be made there; choose another --out")
    if not os.access(place, os.W_OK | os.X_OK):
        raise StorageError(f"{folder.url}: cannot be written, since {place} does not allow it; choose another --out")
    return said


def _existing(path: Path) -> Path:
    """A path, or what is nearest above it and exists."""
    path = path.absolute()
    return path if path.exists() or path == path.parent else _existing(path.parent)


def _room(recipe: Recipe, out: str) -> str:
    """Whether the disk has room for what an estimate says; of a remote run for what engines answer.

    The estimate is that of assumptions: to measure a run would take longer than a check may. What the run holds already
    needs no room.
    """
    folder = RunFolder(out)
    estimated = make_estimate(recipe).disk
    needed = estimated["answers"]
    if folder.is_local:
        needed = max(0.0, sum(estimated.values()) - _held(folder.local_path))
    place = _existing(folder.local_path if folder.is_local else folder.work)
    with explained(str(place), "read"):
        free = shutil.disk_usage(place).free
    said = f"about {size_of(needed)} needed, {size_of(free)} free in {place}"
    if needed > free:
        raise StorageError(f"{place}: {said}; free some room, choose another --out, or ask for fewer contexts")
    return said


def _held(place: Path) -> int:
    """Bytes of all files below a folder."""
    size = 0
    for file in place.rglob("*"):
        with contextlib.suppress(OSError):  # a build that runs now puts files away
            size += file.stat().st_size if file.is_file() else 0
    return size
