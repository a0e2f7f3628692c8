"""What one sees while a build runs: whole lines of all workers, and in a terminal how far it is."""

import io
import logging
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from longhop import live
from longhop.claims import Running
from longhop.live import following
from longhop.spending import Spent
from longhop.storage import RunFolder
from longhop.watch import View, Watch
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


def test_lines_of_many_processes_come_whole(tmp_path: Path) -> None:
    """Each process writes its own; none is torn, lost, or printed by the process itself."""
    stream = io.StringIO()
    logger = logging.getLogger("longhop")
    logger.setLevel(logging.INFO)
    children = []
    with following(str(tmp_path / "run"), 2, stream):
        for child in range(4):
            if (pid := os.fork()) == 0:
                for number in range(50):
                    logger.info("child %d line %d %s", child, number, "x" * 200)
                os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
    lines = stream.getvalue().splitlines()
    assert sorted(lines) == sorted(
        f"child {child} line {number} {'x' * 200}" for child in range(4) for number in range(50)
    )
    assert logger.propagate


def test_without_a_terminal_a_line_says_now_and_then_how_far_it_is(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what others build, too."""
    monkeypatch.setattr(live, "LINE_SECONDS", 0.0)
    run = build(recipe, tmp_path / "run")
    stream = io.StringIO()
    made = run.manifest.fingerprints["traces"]
    part = Running(stage="traces", fingerprint=made, part=7)
    with following(run.folder.url, 1, stream), RunFolder(run.folder.url).claim("traces", made, 7) as claim:
        claim.say(part)
        until = time.monotonic() + 60
        while "running" not in stream.getvalue() and time.monotonic() < until:
            time.sleep(0.1)
    assert re.search(r"^ +\d+ of \d+ parts, 1 running, 0 tokens/s$", stream.getvalue(), re.MULTILINE)


def test_a_view_that_fails_stops_no_build(recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once, and lines are printed on: a pipe that nobody empties stops who writes into it."""

    def fail(_: Watch) -> View | None:
        raise IndexError("of no part")

    monkeypatch.setattr(Watch, "look", fail)
    run = build(recipe, tmp_path / "run")
    stream = io.StringIO()
    with following(run.folder.url, 1, stream):
        for number in range(3_000):
            logging.getLogger("longhop").info("line %d %s", number, "x" * 100)
            time.sleep(0.0005)
    assert stream.getvalue().count("the view cannot be shown: IndexError('of no part')") == 1
    assert "line 2999 " in stream.getvalue()


def in_terminal(arguments: list[str], cwd: Path) -> tuple[int, str]:
    """Run `longhop` in a terminal of its own; its exit code and all that it wrote there."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.environ.update(TERM="xterm-256color", COLUMNS="120", LINES="40")
        os.execv(sys.executable, [sys.executable, "-m", "longhop", *arguments])  # noqa: S606
    written = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        written += data
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written.decode()


def test_in_a_terminal_there_is_a_live_part_and_in_the_end_none(recipe: Path, tmp_path: Path) -> None:
    """The cursor is shown again, the lines stay, and the summary is the last that is seen."""
    code, written = in_terminal(["build", str(recipe), "--out", str(tmp_path / "run"), "--workers", "2"], tmp_path)
    assert code == 0, written
    assert "\x1b[?25l" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")
    assert re.search(r"small in \S+run: \d+ s", written)
    end = written[written.rindex("\x1b[?25h") :]
    assert "dataset: " in end
    assert "examples" in end
    assert re.search(r"examples +part 0 +6 rows", written)


def test_a_narrow_terminal_is_shown_less_and_no_line_wraps() -> None:
    """At 60 columns each part has one line; what tells how far it is stays."""
    spent = {"reader": Spent(prompt_tokens=8, cached_tokens=6)}
    parts = [
        Running(
            stage="questions", fingerprint="f", part=12, done=112, expected=2500, answers=1649, tokens=90_000,
            since=0.0, holder="a-long-name-of-a-machine-117796", spent=spent,
        ),
    ]  # fmt: skip
    view = View(name="small", stages=[], running=parts, now=720.0, seconds_left=None)
    console = Console(width=60, file=io.StringIO())
    with console.capture() as capture:
        console.print(live.running_table(view, 60))
    header, row = capture.get().splitlines()
    assert header.split() == ["running", "part", "rows", "tokens/s", "cached", "since"]
    assert row.split() == ["questions", "12", "112", "of", "2,500", "125", "75%", "12", "min"]


def test_status_says_what_runs_now(recipe: Path, tmp_path: Path) -> None:
    """From another process: the part, how far it is, and who builds it."""
    run = build(recipe, tmp_path / "run")
    made = run.manifest.fingerprints["traces"]
    with run.folder.claim("traces", made, 7) as claim:
        claim.say(
            Running(
                stage="traces",
                fingerprint=made,
                part=7,
                done=5,
                expected=20,
                answers=2,
                tokens=100,
                spent={"reader": Spent(prompt_tokens=8, cached_tokens=6)},
            )
        )
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "longhop", "status", run.folder.url], capture_output=True, text=True, check=True
        )
    assert re.search(rf"traces +7 +5 of 20 +2 +[\d,]+ +75% +\d s +\S+-{os.getpid()}\b", done.stdout)
