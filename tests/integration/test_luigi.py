"""Longhop under Luigi's own command, and beside a production repository's tasks."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from longhop import Builder, Recipe, Run
from longhop.errors import BuildError, CorpusError, EngineError, UnreachableError
from longhop.records import Record
from longhop.tasks import Questions, running
from longhop.tasks.building import Building
from tests.integration.conftest import build, equal
from tests.integration.corpus import write_corpus, write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


def luigi(folder: Path, *arguments: str, module: str = "longhop.tasks") -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "luigi"), "--module", module, *arguments, "--local-scheduler"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(  # noqa: S603 - our own commands
        command, cwd=folder, text=True, capture_output=True, timeout=110, env=environment, check=False
    )


def test_luigi_builds_the_same(recipe: Path, tmp_path: Path) -> None:
    """`luigi --module longhop.tasks longhop.Build` gives the tables of `longhop build`."""
    expected = build(recipe, tmp_path / "one")
    done = luigi(tmp_path, "longhop.Build", "--recipe", str(recipe), "--out", str(tmp_path / "two"), "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert equal(expected, Run.open(str(tmp_path / "two"))) == []


def test_luigi_fails_when_a_task_fails(recipe: Path, tmp_path: Path) -> None:
    """Exit code 1, where Luigi itself would say 0."""
    asked = '["contexts.lengths.500=900"]'
    done = luigi(tmp_path, "longhop.Build", "--recipe", str(recipe), "--out", str(tmp_path / "run"), "--set", asked)
    assert done.returncode == 1
    assert "the documents fill" in done.stderr


def test_a_production_repository_keeps_its_own_build_and_retcodes(recipe: Path, tmp_path: Path) -> None:
    """A module with a `Build` of its own imports ours beside it; its `[retcode]` is not touched."""
    (tmp_path / "production.py").write_text(
        "import luigi\n"
        "import longhop.tasks\n"
        "class Build(luigi.Task):\n"
        "    out = luigi.Parameter()\n"
        "    def requires(self):\n"
        f"        return longhop.tasks.Build(recipe={str(recipe)!r}, out=self.out + '/run')\n"
        "    def run(self):\n"
        "        raise ValueError('production fails')\n"
    )
    (tmp_path / "luigi.cfg").write_text("[retcode]\ntask_failed=42\n")
    done = luigi(tmp_path, "Build", "--out", str(tmp_path), module="production")
    assert done.returncode == 42, done.stderr
    assert Run.open(str(tmp_path / "run")).examples().collect().height > 0
    (tmp_path / "luigi.cfg").unlink()
    assert luigi(tmp_path, "Build", "--out", str(tmp_path), module="production").returncode == 0


def test_tasks_cannot_be_imported_under_another_name() -> None:
    """Luigi would register every task twice."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", "import tasks"]
    done = subprocess.run(command, cwd=root, text=True, capture_output=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 1
    assert "import longhop.tasks" in done.stderr


def test_a_production_task_waits_for_ours_whatever_the_workers(recipe: Path, tmp_path: Path) -> None:
    """Our front task runs in a worker process; the task that requires it learns that it has run."""
    (tmp_path / "production.py").write_text(
        "import luigi\n"
        "import longhop.tasks\n"
        "class Train(luigi.Task):\n"
        "    out = luigi.Parameter()\n"
        "    def output(self):\n"
        "        return luigi.LocalTarget(self.out + '/trained')\n"
        "    def requires(self):\n"
        f"        return longhop.tasks.Build(recipe={str(recipe)!r}, out=self.out + '/run')\n"
        "    def run(self):\n"
        "        with self.output().open('w') as file:\n"
        "            file.write('yes')\n"
    )
    done = luigi(tmp_path, "Train", "--out", str(tmp_path), "--workers", "2", module="production")
    assert (tmp_path / "trained").exists(), done.stderr


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """A real luigid on a free port of the loopback, ended by its own process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    logs = tmp_path / "luigid"
    logs.mkdir()
    command = [str(Path(sys.executable).parent / "luigid"), "--address", "127.0.0.1", "--port", str(port)]
    command += ["--logdir", str(logs), "--state-path", str(logs / "state.pickle")]
    with (logs / "out").open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as daemon:  # noqa: S603
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
        daemon.terminate()


def test_two_processes_share_a_build_over_a_central_scheduler(recipe: Path, tmp_path: Path, scheduler: str) -> None:
    """Both end with 0, each part is built once, and the tables are those of one process."""
    expected = build(recipe, tmp_path / "one")
    command = [sys.executable, "-c", "from longhop.cli import main; main()", "build", str(recipe)]
    command += ["--out", str(tmp_path / "two"), "--scheduler", scheduler]
    both = [
        subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    built = [line for out, _ in said for line in out.splitlines() if re.match(r"\w+ +part \d", line)]
    parts = [tuple(line.split()[:3]) for line in built]
    assert len(parts) == len(set(parts)) == 3 + 5 * 3
    assert equal(expected, Run.open(str(tmp_path / "two"))) == []


def test_a_failure_under_a_central_scheduler_is_said_and_does_not_wait(
    recipe: Path, tmp_path: Path, scheduler: str
) -> None:
    """The reason comes back from the scheduler at once."""
    with pytest.raises(CorpusError, match="contexts.reuse"):
        Builder(Recipe.load(recipe, ["contexts.lengths.500=900"]), tmp_path / "run").build(scheduler=scheduler)


def test_the_scheduler_tells_how_far_the_build_and_its_parts_are(
    recipe: Path, tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On its page: of each part what became of it, of the front task all of it, by stage."""
    monkeypatch.setattr(running, "_TELL_SECONDS", 0.0)
    Builder(Recipe.load(recipe), tmp_path / "run").build(scheduler=scheduler)
    with urllib.request.urlopen(f"http://{scheduler}/api/task_list?data=%7B%22status%22%3A%22DONE%22%7D") as reply:
        tasks = json.load(reply)["response"].values()
    said = {(task["name"], task["params"].get("part")): task for task in tasks}
    examples = said["longhop.Examples", "0"]
    assert (examples["status_message"].split(",")[0], examples["progress_percentage"]) == ("6 rows", 100)
    front = said["longhop.Build", None]["status_message"].splitlines()
    assert re.match(r"\d+ of (\d+|\?) parts", front[0])
    assert front[1] == "documents: 1 of 1 parts, 8 rows"
    assert set(examples["params"]) == {"out", "fingerprint", "part"}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_parts_are_finished_first(recipe: Path, tmp_path: Path, workers: int) -> None:
    """Through all stages: an engine's cache is warm, and who looks at a run early sees examples."""
    build(recipe, tmp_path / "run", "contexts.part_size=1", workers=workers)
    made = sorted((tmp_path / "run").glob("*/*/part-*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    order = [f"{path.parts[-3]} {int(path.stem[-5:])}" for path in made]
    assert order.index("examples 0") < order.index("contexts 3")
    assert order.index("examples 2") < order.index("questions 4")


@pytest.mark.parametrize("workers", [1, 2])
def test_what_may_pass_is_built_again(
    recipe: Path, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage that does not answer once, a worker process that is killed once: all else is built first, then these."""
    monkeypatch.setattr(running, "_WAIT_SECONDS", 0)
    items: Callable[[Questions, Building], Iterable[Record]] = Questions.items
    failed = tmp_path / "failed"

    def once(self: Questions, work: Building) -> Iterable[Record]:
        if self.part == 0 and not failed.exists():
            failed.touch()
            if workers == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            raise UnreachableError("s3://bucket: does not answer")
        return items(self, work)

    monkeypatch.setattr(Questions, "items", once)
    run = build(recipe, tmp_path / "run", workers=workers)
    assert failed.exists()
    monkeypatch.undo()
    assert equal(run, build(recipe, tmp_path / "other")) == []


def test_what_cannot_pass_is_not_tried_again(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What longhop says on purpose is so; what nobody knows is tried a bounded number of times."""
    monkeypatch.setattr(running, "_WAIT_SECONDS", 0)
    tried: list[Exception] = []

    def broken(error: Exception) -> None:
        def items(_: Questions, __: Building) -> Iterable[Record]:
            tried.append(error)
            raise error

        monkeypatch.setattr(Questions, "items", items)

    broken(EngineError("wrong key"))
    with pytest.raises(EngineError, match="wrong key"):
        build(recipe, tmp_path / "run", "contexts.lengths={500: 1}")
    assert len(tried) == 1
    tried.clear()
    broken(ZeroDivisionError("a mistake of ours"))
    with pytest.raises(BuildError, match="a mistake of ours"):
        build(recipe, tmp_path / "run", "contexts.lengths={500: 1}")
    assert len(tried) == 1 + running.RETRIES
