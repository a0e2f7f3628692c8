"""The builder in a process that lives on: a notebook, a service, a script that builds more than once."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from longhop import Builder, Recipe, Run
from longhop.errors import BuildError, StorageError
from longhop.fingerprints import STAGES
from longhop.manifest import begin
from longhop.stages import traces
from longhop.storage import RunFolder
from longhop.tasks import Verdicts
from longhop.tasks.base import forget_manifests
from tests.integration.conftest import TABLES, build, equal
from tests.integration.corpus import write_corpus, write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


def test_a_notebook_builds_inside_its_running_event_loop(recipe: Path, tmp_path: Path) -> None:
    """With one worker and with two, as anywhere else."""
    expected = build(recipe, tmp_path / "plain")

    async def cell(workers: int) -> Run:
        return build(recipe, tmp_path / f"cell{workers}", workers=workers)

    for workers in (1, 2):
        assert equal(expected, asyncio.run(cell(workers))) == []


def test_a_thread_builds(recipe: Path, tmp_path: Path) -> None:
    """Where no signal handler can be set."""
    built: list[Run] = []
    thread = threading.Thread(target=lambda: built.append(build(recipe, tmp_path / "run")))
    thread.start()
    thread.join()
    assert built[0].examples().collect().height > 0


def test_frames_that_were_looked_at_do_not_hold_up_the_next_build(recipe: Path, tmp_path: Path) -> None:
    """Polars has started its threads by then, and workers are forked."""
    run = build(recipe, tmp_path / "one")
    assert run.traces().group_by("question_id").len().collect().height > 0
    assert equal(run, build(recipe, tmp_path / "two", workers=2)) == []


def test_each_build_with_refresh_lists_anew(recipe: Path, tmp_path: Path) -> None:
    """Also the second and third in one process, one directly after the other."""
    build(recipe, tmp_path / "run")
    for documents in (10, 12):
        write_corpus(tmp_path, documents=documents)
        run = build(recipe, tmp_path / "run", refresh=True)
        assert run.documents().collect().height == documents


def test_a_folder_that_was_emptied_is_built_anew(recipe: Path, tmp_path: Path) -> None:
    """Nothing of the earlier run is remembered in the process."""
    build(recipe, tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "old")
    for file in (tmp_path / "books").iterdir():
        file.write_text(file.read_text().replace("crowns", "dollars").replace("market", "bazaar"))
    run = build(recipe, tmp_path / "run", workers=2)
    expected = build(recipe, tmp_path / "elsewhere")
    assert equal(run, expected) == []
    assert not run.contexts().collect()["text"].str.contains("market").any()


def test_a_run_that_only_began_has_empty_tables(recipe: Path, tmp_path: Path) -> None:
    """Frames with the columns that they will have, so that looking early is no error."""
    with pytest.raises(Exception, match="the documents fill"):
        build(recipe, tmp_path / "run", "contexts.lengths={500: 900}")
    run = Run.open(str(tmp_path / "run"))
    whole = build(recipe, tmp_path / "whole")
    for name in TABLES:
        frame = getattr(run, name)().collect()
        assert frame.schema == getattr(whole, name)().collect().schema, name
        assert (frame.height > 0) == (name in ("documents", "plan")), name
    assert [(state.stage, state.parts) for state in run.states()][2:4] == [("context_plan", 1), ("contexts", None)]


def test_a_folder_whose_name_looks_like_a_pattern_is_a_folder(recipe: Path, tmp_path: Path) -> None:
    """Brackets, stars and spaces."""
    run = build(recipe, tmp_path / "odd [1] *x")
    assert all(state.built == state.parts for state in run.states())
    assert run.examples().collect().height >= run.dataset()["train"].num_rows > 0


def test_a_part_that_waited_is_not_built_by_another_recipe(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a build waits for a part, another one changes the recipe: no part of the old name has the new rows."""
    run = build(recipe, tmp_path / "run")
    part = run.folder.files("verdicts/*/part-00000.parquet")[0].removeprefix(f"{run.folder.local_path}/")
    run.folder.remove(part)

    @contextlib.contextmanager
    def waits(folder: RunFolder, *_: object) -> Iterator[None]:
        begin(folder, Recipe.load(recipe, ["scoring.ask=never"]), "2026-01-01T00:00:00+00:00")
        forget_manifests()
        yield

    monkeypatch.setattr(RunFolder, "claim", waits)
    with pytest.raises(StorageError, match="another build has changed the recipe meanwhile"):
        Verdicts(str(tmp_path / "run"), part.split("/")[1], 0).run()
    assert not run.folder.exists(part)


def test_states_count_what_the_tables_hold(recipe: Path, tmp_path: Path) -> None:
    """Rows, accepted questions and rejections of each stage."""
    run = build(recipe, tmp_path / "run")
    states = {state.stage: state for state in run.states()}
    assert tuple(states) == STAGES
    assert all(state.built == state.parts for state in states.values())
    for name in ("documents", "contexts", "questions", "traces", "verdicts", "examples"):
        assert states[name].rows == getattr(run, name)().collect().height
    assert states["questions"].accepted == run.questions().filter("accepted").collect().height
    rejections = run.rejections().group_by("stage").len().collect()
    assert {row[0]: row[1] for row in rejections.rows()} == {
        name: sum(state.rejections.values()) for name, state in states.items() if state.rejections
    }


def test_a_build_that_ends_while_datasets_are_swapped_leaves_none_that_passes_for_whole(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back to the recipe before, its dataset is written again, since it may no longer stand there."""
    build(recipe, tmp_path / "run")
    card = tmp_path / "run" / "dataset" / "README.md"
    before = card.read_text()

    def killed(*_: object) -> None:
        card.unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "publish_folder", killed)
        with pytest.raises(KeyboardInterrupt):
            build(recipe, tmp_path / "run", "dataset.license=mit")
    build(recipe, tmp_path / "run")
    assert card.read_text() == before


def test_a_remote_folder_holds_the_same_run(recipe: Path, tmp_path: Path) -> None:
    """Frames, growth and the published folder, through fsspec."""
    place = f"memory://{tmp_path.name}/run"
    local, remote = build(recipe, tmp_path / "run"), Builder(Recipe.load(recipe), place).build()
    assert equal(local, remote) == []
    rejected = remote.rejections().filter(pl.col("stage") == "questions").collect()
    assert rejected.height == local.rejections().filter(pl.col("stage") == "questions").collect().height
    more = Builder(Recipe.load(recipe, ["contexts.lengths={500: 4, 800: 2}"]), place).build()
    assert more.contexts().collect().height == local.contexts().collect().height + 1
    assert [path.rpartition("/")[2] for path in more.folder.files("dataset/data/*")] == [
        "contexts",
        "default",
        "questions",
        "traces",
    ]
    with pytest.raises(StorageError, match="no run here"):
        Run.open(f"memory://{tmp_path.name}/other")


def test_check_says_what_a_build_will_read(recipe: Path, tmp_path: Path) -> None:
    """And builds nothing."""
    builder = Builder(Recipe.load(recipe), tmp_path / "run")
    report = builder.check()
    (source,) = report.sources
    assert (source.items, source.kind, source.left_out) == (8, "book", {})
    assert source.size == sum(file.stat().st_size for file in (tmp_path / "books").iterdir())
    assert (report.tokenizer, report.engines["writer"]) == ("words", "lexical")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_that_nobody_foresaw_names_task_and_error(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, workers: int
) -> None:
    """One line, whichever process met it; parts that were finished stay."""

    def broken(*_: object) -> object:
        raise ZeroDivisionError("seven by\nnought")

    monkeypatch.setattr(sys.modules["longhop.tasks.traces"], "sample_traces", broken)
    assert traces.sample_traces is not broken
    with pytest.raises(BuildError, match=r"^longhop.Traces \d: ZeroDivisionError: seven by nought"):
        build(recipe, tmp_path / "run", workers=workers)
    if workers == 1:  # of a worker process, the log goes where that writes it
        assert "Traceback" in caplog.text
    assert Run.open(str(tmp_path / "run")).questions().collect().height > 0


def test_a_worker_that_is_killed_is_said(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when memory ran out; the next build goes on."""
    with monkeypatch.context() as patch:
        patch.setattr(
            sys.modules["longhop.tasks.verdicts"], "score_traces", lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        )
        with pytest.raises(BuildError, match=r"longhop.Verdicts.*died unexpectedly with exit code -9"):
            build(recipe, tmp_path / "run", workers=2)
    assert build(recipe, tmp_path / "run", workers=2).examples().collect().height > 0


def test_a_damaged_file_that_planning_meets_is_said(recipe: Path, tmp_path: Path) -> None:
    """Luigi asks for it while it plans, before any task runs."""
    build(recipe, tmp_path / "run")
    (tmp_path / "run" / "published" / "current.json").write_text("{")
    with pytest.raises(StorageError, match=r"current.json: is damaged .* delete it and build again"):
        build(recipe, tmp_path / "run")


def test_a_scheduler_that_is_not_there_or_not_an_address_is_said(recipe: Path, tmp_path: Path) -> None:
    """At once, and nothing is begun."""
    builder = Builder(Recipe.load(recipe), tmp_path / "run")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BuildError, match=f"no scheduler answers at 127.0.0.1:{port}"):
        builder.build(scheduler=f"127.0.0.1:{port}")
    with pytest.raises(BuildError, match="expected HOST:PORT"):
        builder.build(scheduler="here:there")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
@pytest.mark.parametrize("everyone", [True, False])
def test_a_build_that_is_told_to_end_ends_with_all_its_workers(
    recipe: Path, tmp_path: Path, number: signal.Signals, code: int, word: str, everyone: bool
) -> None:
    """From the keyboard, to the whole group, or to the front alone: one sentence on stderr, no process left."""
    slow = (
        "import sys, time, longhop.tasks\n"
        "def slow(*_): time.sleep(100); yield\n"
        "sys.modules['longhop.tasks.traces'].sample_traces = slow\n"
        "from longhop.cli import main; main()\n"
    )
    command = [sys.executable, "-c", slow, "build", str(recipe), "--out", str(tmp_path / "run"), "--workers", "2"]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "run" / ".work" / "claims").glob("traces-*.lock"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    os.killpg(process.pid, number) if everyone else process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert said == f"{word}; run the same command again to continue\n"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert not list((tmp_path / "run").rglob("traces/*/part-*"))
