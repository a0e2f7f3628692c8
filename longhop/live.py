"""What one sees while a build runs: lines of what was built, and below them, in a terminal, how far it is.

    >>> with following("runs/sample", workers=2):
    ...     builder.build(workers=2)

Lines come from all worker processes through a pipe, whose short writes are whole, and are printed by this process
alone, so that they never tear the live part. Where the output is no terminal there is no live part, but a line of the
same from time to time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import IO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from longhop.claims import Running
from longhop.funnel import FunnelRow, over_kinds
from longhop.run_tables import StageState
from longhop.spending import Spent
from longhop.watch import View, Watch, duration

__all__ = ["following", "funnel_table", "reasons", "running_table", "stage_table"]

END_SECONDS = 10.0
"""How long the end of a build waits for the last look at it."""
LINE_SECONDS = 30.0
"""How often a line says how far it is, where the output is no terminal."""
_SECONDS = 0.5
_RUNNING_SHOWN = 8
_WIDE = 80
"""Columns of a terminal that has room for all that is known of a part."""
_WIDE_ONLY = ("left out", "answers", "by")
"""What a narrower one goes without."""
_PIPE_BYTES = 4000  # POSIX: a write of up to 4,096 bytes to a pipe is one piece

_looking = threading.Lock()
"""Held while the thread looks and prints; nobody forks meanwhile, since a child would inherit a lock held for ever."""
os.register_at_fork(before=_looking.acquire, after_in_parent=_looking.release, after_in_child=_looking.release)


@contextlib.contextmanager
def following(out: str, workers: int, stream: IO[str] | None = None) -> Iterator[None]:
    """Show how far the build of a folder is, until it ends.

    Args:
        out: Folder of the run.
        workers: Processes that build it here.
        stream: Where to; the standard output by default.
    """
    console = Console(file=stream or sys.stdout, highlight=False, markup=False, soft_wrap=True)
    logger = logging.getLogger("longhop")
    receive, send = os.pipe()
    os.set_blocking(receive, False)
    handler = _ToPipe(send)
    logger.addHandler(handler)
    propagate, logger.propagate = logger.propagate, False
    show = _Live if console.is_terminal else _Lines
    follower = _Follower(Watch(out, workers), receive, show(console, out))
    try:
        with follower:
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
        os.close(send)
        os.close(receive)


class _ToPipe(logging.Handler):
    """Sends lines to the process that prints."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record).rstrip("\n").encode("utf-8", "replace")
        for line in text.split(b"\n"):
            for start in range(0, max(len(line), 1), _PIPE_BYTES):
                os.write(self._pipe, line[start : start + _PIPE_BYTES] + b"\n")


class _Lines:
    """Plain lines; one of all of it now and then."""

    def __init__(self, console: Console, _: str) -> None:
        self._console = console
        self._due = time.monotonic() + LINE_SECONDS

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def line(self, text: str) -> None:
        self._console.print(text)

    def view(self, view: View) -> None:
        if time.monotonic() >= self._due:
            self._console.print(f"{'':<12} {view.line()}")
            self._due = time.monotonic() + LINE_SECONDS


class _Live:
    """Lines, and a live part below them."""

    def __init__(self, console: Console, out: str) -> None:
        self._out = out
        self._began = time.monotonic()
        self._live = Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop")

    def __enter__(self) -> None:
        self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def line(self, text: str) -> None:
        self._live.console.print(text)

    def view(self, view: View) -> None:
        width = self._live.console.width
        self._live.update(_picture(view, self._out, time.monotonic() - self._began, width), refresh=True)


class _Follower:
    """A thread that prints what the pipe brings, and looks at the run in between."""

    def __init__(self, watch: Watch, pipe: int, show: _Lines | _Live) -> None:
        self._watch = watch
        self._pipe = pipe
        self._show = show
        self._rest = b""
        self._failed = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="longhop-live", daemon=True)

    def __enter__(self) -> None:
        self._show.__enter__()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(END_SECONDS)
        if self._thread.is_alive():  # a file system that does not answer holds up nobody who wants to end
            self._show.__exit__()
            return
        with _looking:
            self._print_lines()
            self._show.__exit__()

    def _run(self) -> None:
        due = 0.0
        while not self._ended.wait(_SECONDS / 2):
            with _looking, contextlib.suppress(BrokenPipeError):  # who reads it has gone; the build goes on
                self._print_lines()
                if time.monotonic() < due:
                    continue
                began = time.monotonic()
                self._look()
                # A run of thousands of parts takes long to look at; a tenth of a processor is enough for that.
                due = time.monotonic() + max(_SECONDS, 10 * (time.monotonic() - began))

    def _look(self) -> None:
        try:
            view = self._watch.look()
            if view is not None:
                self._show.view(view)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - lines are to be printed on: who waits for the pipe waits for ever
            if (said := f"the view cannot be shown: {error!r}") != self._failed:
                self._show.line(said)
            self._failed = said

    def _print_lines(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._pipe, 65536):
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    self._show.line(line.decode("utf-8", "replace"))


def _picture(view: View, out: str, seconds: float, width: int) -> Group:
    built, parts = view.parts
    said = ", ".join([duration(seconds), *view.ends(), *view.costs()])
    head = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=parts or 1, completed=built if parts else 0, width=30)
    title = Text(f"{view.name} in {out}: {said}", style="bold")
    head.add_row(*(title, bar) if width >= _WIDE else (title,))
    shown: list[RenderableType] = ["", head, stage_table(view.stages)]
    if view.running:
        shown += ["", running_table(view, width)]
    return Group(*shown)


def stage_table(stages: list[StageState], title: str | None = None) -> Table:
    """Parts, rows and what was left out, a line a stage."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("stage")
    for name in ("parts", "rows", "left out", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("why", overflow="fold")
    for state in stages:
        parts = f"{state.built:,}/{'?' if state.parts is None else f'{state.parts:,}'}"
        rows = f"{state.rows:,}" if state.accepted is None else f"{state.accepted:,} of {state.rows:,}"
        left = sum(state.rejections.values())
        why = reasons(state.rejections)
        table.add_row(state.stage, parts, rows, f"{left:,}" if left else "", f"{state.seconds:,.1f}", why)
    return table


def funnel_table(rows: Sequence[FunnelRow]) -> Table:
    """What came to each check and what fell there, a line a check that rejected or sent something."""
    table = Table(box=None, pad_edge=False)
    table.add_column("check")
    for name in ("seen", "fell", "tokens sent"):
        table.add_column(name, justify="right")
    table.add_column("fell, by kind", overflow="fold")
    for row in over_kinds(rows):
        if row.fell or row.tokens:
            fell = {one.kind: one.fell for one in rows if one.check == row.check and one.fell}
            by_kind = reasons(dict(sorted(fell.items(), key=lambda item: (-item[1], item[0]))))
            sent = f"{row.tokens:,}" if row.tokens else ""
            table.add_row(row.check, f"{row.seen:,}", f"{row.fell:,}", sent, by_kind)
    return table


def reasons(rejections: dict[str, int], most: int = 4) -> str:
    """The most frequent reasons, with their numbers."""
    named = [f"{reason} {count:,}" for reason, count in list(rejections.items())[:most]]
    return ", ".join([*named, "…"] if len(rejections) > most else named)


def running_table(view: View, width: int = _WIDE) -> Table:
    """What is being built now, a line a part.

    Args:
        view: The build.
        width: Columns of the terminal; a narrow one is shown less, since a line that wraps is read by nobody.
    """
    table = Table(box=None, pad_edge=False)
    names = [name for name in _RUNNING if width >= _WIDE or name not in _WIDE_ONLY]
    for name in names:
        table.add_column(name, justify="left" if name in ("running", "by") else "right")
    for part in view.running[:_RUNNING_SHOWN]:
        said = dict(zip(_RUNNING, _running_row(view, part), strict=True))
        table.add_row(*(said[name] for name in names))
    if len(view.running) > _RUNNING_SHOWN:
        table.add_row(f"and {len(view.running) - _RUNNING_SHOWN} more")
    return table


_RUNNING = ("running", "part", "rows", "left out", "answers", "tokens/s", "cached", "since", "by")


def _running_row(view: View, part: Running) -> tuple[str, ...]:
    done = f"{part.done:,}" if part.expected is None else f"{part.done:,} of {part.expected:,}"
    since = duration(view.now - part.since)
    left = f"{part.left_out:,}" if part.left_out else ""
    answers = f"{part.answers:,}" if part.answers else ""
    spent = sum(part.spent.values(), Spent())
    cached = f"{spent.cached_tokens / spent.prompt_tokens:.0%}" if spent.prompt_tokens else ""
    return part.stage, f"{part.part}", done, left, answers, f"{view.speed(part):,.0f}", cached, since, part.holder
