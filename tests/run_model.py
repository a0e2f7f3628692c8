"""What must be there: a plain model of a run's history, builds that nothing happened to, and builds that are killed.

    home = Home(folder)                                  # a source, a recipe, room for a run
    killed = Killer(cache).build(request, at=40)         # kill -9 before the 40th thing that it does to its files
    expected = Clean(folder).state(history, request)     # the same history, built whole, in another folder
    assert differences(state_of(run), expected) == []

    python -m tests.run_model                            # the server behind `Killer`, which forks a build a line

A history is what a run's plan remembers: which documents were listed when, and how many contexts of which length were
planned then. Two runs of one history have equal tables, whatever happened to them meanwhile.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl
import pyarrow as pa

from longhop import Run
from longhop.completions import CompletionStore
from longhop.engines import Choice, Completion, Request
from longhop.engines.lexical import LexicalEngine
from longhop.errors import LonghopError
from longhop.manifest import begin, load
from longhop.progress import Pulse
from longhop.recipe import Recipe
from longhop.storage import RunFolder
from tests.integration.conftest import build, tables
from tests.integration.corpus import write_corpus, write_recipe

ROOT = Path(__file__).parents[1]
LEAST_DOCUMENTS = 8
TIMED_PICTURE = "dataset/figures/stages.png"
"""The one file of a dataset that shows how long something took; whoever builds again has another."""

Lengths = dict[int, int]
"""Target length in tokens: contexts."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a user asks for: the recipe's settings that change from build to build."""

    lengths: tuple[tuple[int, int], ...] = ((400, 1),)
    samples: int = 2
    ask: str = "when_no_exact_match"
    ties: str = "drop"

    @property
    def overrides(self) -> list[str]:
        lengths = ", ".join(f"{length}: {count}" for length, count in self.lengths)
        return [
            f"contexts.lengths={{{lengths}}}",
            f"traces.samples={self.samples}",
            f"scoring.ask={self.ask}",
            f"selection.ties={self.ties}",
        ]


class Listed(NamedTuple):
    """The sources were listed, and had so many documents."""

    documents: int


class Planned(NamedTuple):
    """Contexts were planned; so many of each length are in the plan since."""

    lengths: tuple[tuple[int, int], ...]


History = tuple[Listed | Planned, ...]


def documents_of(history: History) -> int:
    """Documents that are listed at the end of a history."""
    return max((event.documents for event in history if isinstance(event, Listed)), default=0)


def planned_in(history: History) -> Lengths:
    """Contexts in the plan at the end of a history."""
    return next((dict(event.lengths) for event in reversed(history) if isinstance(event, Planned)), {})


def listed(history: History, documents: int, *, refresh: bool) -> History:
    """After a build has begun: the sources are listed at first, and where one asks for what is new."""
    new = not history or (refresh and documents > documents_of(history))
    return (*history, Listed(documents)) if new else history


def planned(history: History, wanted: Wanted) -> History:
    """After it has planned: what was planned stays, what is asked for beyond that is added."""
    before, asked = planned_in(history), dict(wanted.lengths)
    most = {length: max(asked.get(length, 0), before.get(length, 0)) for length in sorted({*asked, *before})}
    return history if most == before else (*history, Planned(tuple(most.items())))


class Home:
    """A source that grows, a recipe on it, and room for a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "run"
        self.documents = LEAST_DOCUMENTS
        folder.mkdir(parents=True)
        self.write(self.documents)
        self.recipe = write_recipe(
            folder,
            contexts={"lengths": {"400": 1}, "reuse": 8, "part_size": 2},
            questions={"scope": "context", "per_context": 2, "kinds": {"bridge": 2, "comparison": 1}},
            traces={"samples": 2},
        )

    def write(self, documents: int) -> None:
        """Have so many documents in the source; the others are gone, and what stays is not touched."""
        books = self.folder / "books"
        there = len(list(books.glob("*.md")))
        if there < documents:
            write_corpus(self.folder, documents)
        for number in range(documents, there):
            (books / f"chapter_{number:02}.md").unlink()
        self.documents = documents

    def build(self, wanted: Wanted, *, refresh: bool = False) -> Run:
        return build(self.recipe, self.out, *wanted.overrides, refresh=refresh)


class State(NamedTuple):
    """All that a reader of a run can see."""

    tables: dict[str, pl.DataFrame]
    """Those of `Run`, and the plan of the contexts."""
    stages: list[tuple[str, int, int | None, int, int | None, dict[str, int]]]
    dataset: dict[str, pl.DataFrame | bytes]


def state_of(out: Path) -> State:
    """Read everything; nothing that takes time stands in it."""
    run = Run.open(str(out))
    stages = [
        (stage.stage, stage.built, stage.parts, stage.rows, stage.accepted, stage.rejections) for stage in run.states()
    ]
    dataset: dict[str, pl.DataFrame | bytes] = {}
    for file in sorted((out / "dataset").rglob("*")):
        if file.is_file():
            name = file.relative_to(out).as_posix()
            dataset[name] = pl.read_parquet(file) if file.suffix == ".parquet" else file.read_bytes()
    return State({"context_plan": _context_plan(out), **tables(run)}, stages, dataset)


def _context_plan(out: Path) -> pl.DataFrame:
    folder = RunFolder(str(out))
    manifest = load(folder)
    names = [
        folder.part_name("context_plan", manifest.fingerprints["context_plan"], step)
        for step in range(len(manifest.steps))
    ]
    plans = pl.from_arrow(pa.concat_tables(folder.read_table(name) for name in names))
    assert isinstance(plans, pl.DataFrame)
    return plans.sort("context_id")


def differences(found: State, expected: State) -> list[str]:
    """Names of what differs."""
    names = [name for name, table in expected.tables.items() if not table.equals(found.tables[name])]
    names += [
        f"state of {one[0]}: {one[1:]} instead of {two[1:]}"
        for one, two in zip(found.stages, expected.stages, strict=True)
        if one != two
    ]
    for name in sorted({*found.dataset, *expected.dataset} - {TIMED_PICTURE}):
        one, two = _untimed(name, found), _untimed(name, expected)
        if isinstance(one, pl.DataFrame) and isinstance(two, pl.DataFrame):
            same = one.equals(two)
        else:
            same = isinstance(one, bytes) and isinstance(two, bytes) and one == two
        if not same:
            names.append(name)
    return names


def _untimed(name: str, state: State) -> pl.DataFrame | bytes | None:
    """A file of the dataset; the card without the sentence that says how long the stages took."""
    file = state.dataset.get(name)
    if not (isinstance(file, bytes) and name == "dataset/README.md"):
        return file
    without, sentences = re.subn(rb"\*\*Time and tokens by stage\.\*\* [\d.\\]+ \w+ of work, as measured", b"", file)
    assert sentences == 1
    return without


class Clean:
    """Builds that nothing happened to, each history once."""

    def __init__(self, folder: Path) -> None:
        self._home = Home(folder)
        self._folders: dict[History, Path] = {}
        self._states: dict[tuple[History, Wanted], State] = {}
        self._count = 0

    def state(self, history: History, wanted: Wanted) -> State:
        """What is there after a history, built with these settings."""
        if (history, wanted) not in self._states:
            out = self._new(self._folder(history))
            self._home.write(documents_of(history))
            build(self._home.recipe, out, *wanted.overrides)
            self._states[history, wanted] = state_of(out)
            shutil.rmtree(out)
        return self._states[history, wanted]

    def _folder(self, history: History) -> Path | None:
        """The run that has this history; the last step of it is taken in a copy of what was before."""
        if not history:
            return None
        if history not in self._folders:
            *before, last = history
            out = self._new(self._folder(tuple(before)))
            self._home.write(documents_of(history))
            lengths = last.lengths if isinstance(last, Planned) else tuple(planned_in(history).items())
            wanted = Wanted(lengths) if lengths else Wanted()
            if isinstance(last, Planned):
                build(self._home.recipe, out, *wanted.overrides)
            else:  # no more than that: documents may be listed twice before contexts are planned
                begin(RunFolder(str(out)), Recipe.load(self._home.recipe, wanted.overrides), "", refresh=bool(before))
            self._folders[history] = out
        return self._folders[history]

    def _new(self, copied: Path | None) -> Path:
        self._count += 1
        out = self._home.folder / f"run-{self._count}"
        if copied is not None:
            shutil.copytree(copied, out)
        return out


# What engines are asked, told to a file: it outlives a build that is killed


def watch(log: Path, replace: Callable[[Any, str, Any], None]) -> None:
    """Have each sample that an engine is asked for, and each that is stored, said in a file."""
    complete, put = LexicalEngine.complete, CompletionStore.put

    async def asked(self: LexicalEngine, request: Request) -> Completion:
        _say(log, "asked", self.key(request), request.seed, request.samples)
        return await complete(self, request)

    def stored(self: CompletionStore, key: str, seed: int, choices: tuple[Choice, ...]) -> None:
        put(self, key, seed, choices)
        _say(log, "stored", key, seed, len(choices))

    replace(LexicalEngine, "complete", asked)
    replace(CompletionStore, "put", stored)


def _say(log: Path, what: str, key: str, seed: int, samples: int) -> None:
    lines = "".join(f"{what} {key} {seed + sample}\n" for sample in range(samples))
    with log.open("a", encoding="utf-8") as file:
        file.write(lines)


def told(log: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    """What was said: `asked` or `stored`, and key and seed of a sample."""
    if log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            what, key, seed = line.split()
            yield what, (key, int(seed))


# Builds that are killed


class Killer:
    """Builds in processes of their own, which kill themselves (SIGKILL) at a given moment.

    They are forked from a server that has imported everything and started no thread, which takes milliseconds. A
    moment is the number of a change: a file of the run that is opened to be written, renamed or removed, a folder that
    is made or removed, a completion that is stored; the build dies before it. Nothing of it runs after that, so
    temporary files, claims and the completion store's log lie there as they do after a real kill.
    """

    def __init__(self, cache: Path) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.run_model"],
            cwd=ROOT,
            env={**os.environ, "LONGHOP_CACHE": str(cache)},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate(timeout=60)

    def build(self, home: Home, wanted: Wanted, log: Path, at: int, *, refresh: bool = False) -> str:
        """Build until the moment `at`.

        Returns:
            `killed`, `built` where the build had fewer moments, or what stopped it before.
        """
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        request = [str(home.recipe), str(home.out), wanted.overrides, str(log), at, refresh]
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return str(json.loads(self._server.stdout.readline()))


def serve() -> None:
    """Read requests, fork a build for each, say what became of it."""
    for line in sys.stdin:
        receiving, sending = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(receiving)
            os.write(sending, json.dumps(_built(*json.loads(line))).encode())
            os._exit(0)
        os.close(sending)
        with os.fdopen(receiving, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        sys.stdout.write(f"{json.dumps('killed' if killed else json.loads(said))}\n")
        sys.stdout.flush()


def _built(recipe: str, out: str, overrides: list[str], log: str, at: int, refresh: bool) -> str:
    watch(Path(log), setattr)
    _die(out, at)
    try:
        build(Path(recipe), Path(out), *overrides, refresh=refresh)
    except LonghopError as error:
        return f"{type(error).__name__}: {error}"
    return "built"


def _die(out: str, at: int) -> None:
    """End this process before the change to the files under `out` that has the number `at`."""
    put, every = CompletionStore.put, Pulse.every
    left = at

    def change() -> None:
        nonlocal left
        if threading.current_thread().name == "longhop-pulse":
            return  # it comes when it likes, and moments are to be the same every time
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            changes = bool(flags & (os.O_WRONLY | os.O_RDWR))
        elif event in {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}:
            # Within a folder that is being removed, names are relative to it.
            path, changes = arguments[0], True
            if event in {"os.remove", "os.rmdir"} and arguments[1] != -1:
                path = out
        else:
            return
        if changes and not isinstance(path, int) and os.fsdecode(path).startswith(out):
            change()

    def stored(self: CompletionStore, key: str, seed: int, choices: tuple[Choice, ...]) -> None:
        change()
        put(self, key, seed, choices)

    def at_once(self: Pulse, seconds: float, job: Callable[[], None]) -> None:
        every(self, seconds, job)
        job()  # parts are too small here for the first time to come, and claims say something from then on

    CompletionStore.put = stored  # type: ignore[assignment,method-assign]
    Pulse.every = at_once  # type: ignore[method-assign]
    sys.addaudithook(heard)


if __name__ == "__main__":
    importlib.import_module("longhop.tasks")  # before the fork
    serve()
