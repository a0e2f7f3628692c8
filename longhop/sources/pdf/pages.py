"""The pages of a PDF, read by another process that may hang or die without harm.

    >>> with PdfPages(Path("paper.pdf")) as pages:
    ...     for page in pages:
    ...         print(page.number, [segment.text for segment in page.segments][:2])

See `worker.py` for what it keeps to. A page that ends it is left out, and the next process begins behind it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from longhop.sources.problems import ReadError

__all__ = ["Page", "PdfPages", "Segment"]

SECONDS = 30.0
"""Processor time that a page may take; a page of print takes some 5 milliseconds."""
MOST_PAGES = 10_000
MOST_CHARS = 50_000_000
"""Characters of a file that are read at most."""
MOST_LOST = 3
"""A file with more pages that end the process is given up."""

_WORKER = Path(__file__).with_name("worker.py")


class Segment(NamedTuple):
    """Characters side by side on a line, in points; `baseline` and `top` count from the lower edge of the page."""

    x0: float
    x1: float
    baseline: float
    top: float
    size: float
    bold: bool
    fixed: bool
    text: str


class Page(NamedTuple):
    """A page."""

    number: int
    """From 0."""
    width: float
    height: float
    images: int
    """Images of a page without text."""
    segments: list[Segment]


class PdfPages:
    """Pages of a file in their order; afterwards `lost` says which could not be read and why."""

    def __init__(self, path: Path, *, seconds: float = SECONDS) -> None:
        self._path, self._seconds = path, seconds
        self.n_pages = 0
        self.about: dict[str, str] = {}
        self.language: str | None = None
        self.bookmarks: list[tuple[int, int, str]] = []
        """Level, page and title."""
        self.lost: dict[int, str] = {}
        self._code = 0
        self._errors = ""

    def __iter__(self) -> Iterator[Page]:
        """Pages.

        Raises:
            ReadError: The file is encrypted or broken, has too many pages, or ends the process again and again.
        """
        place, chars = 0, 0
        while True:
            ended = None
            for message in self._run(place):
                if "pages" in message:
                    self._head(message)
                    continue
                if "page" not in message:
                    raise _not_opened(message)
                place = message["page"] + 1
                if "error" in message:
                    self.lost[place - 1] = f"cannot be read ({message['error']})"
                    continue
                segments = [Segment(*segment) for segment in message["segments"]]
                chars += sum(len(segment.text) for segment in segments)
                if chars > MOST_CHARS:
                    raise ReadError("too_large", f"has more than {MOST_CHARS:,} characters; split the file")
                yield Page(place - 1, message["width"], message["height"], message["images"], segments)
            ended = self._code
            if ended == 0:
                return
            self._lose(place, ended)
            place += 1
            if place >= self.n_pages:
                return

    def _head(self, message: dict[str, Any]) -> None:
        if self.n_pages:
            return
        self.n_pages, self.about = message["pages"], message["about"]
        self.language, self.bookmarks = message["language"], message["bookmarks"]
        if self.n_pages > MOST_PAGES:
            raise ReadError("too_large", f"has {self.n_pages:,} pages, more than {MOST_PAGES:,}; split the file")

    def _lose(self, place: int, code: int) -> None:
        why = _why(code, self._seconds, self._errors)
        if not self.n_pages:
            raise ReadError("unreadable", f"cannot be opened: its reader {why}; save it anew with another program")
        self.lost[place] = f"cannot be read: the reader {why}"
        if len([page for page in self.lost.values() if "the reader" in page]) > MOST_LOST:
            raise ReadError(
                "unreadable",
                f"has more than {MOST_LOST} pages at which its reader {why}; save it anew with another program",
            )

    def _run(self, place: int) -> Iterator[dict[str, Any]]:
        """Messages of a process that begins with the page `place`; its exit code is in `_code` afterwards."""
        command = [sys.executable, "-P", str(_WORKER), str(self._path), str(place), str(self._seconds)]
        with tempfile.TemporaryFile() as errors:
            with subprocess.Popen(  # noqa: S603 - our own file
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            ) as process:
                assert process.stdout is not None
                try:
                    for line in process.stdout:
                        if line.endswith(b"\n"):  # what was being written when it died is no message
                            yield json.loads(line)
                except BaseException:  # whoever reads has had enough
                    process.kill()
                    raise
                self._code = process.wait()
            errors.seek(0)
            self._errors = errors.read().decode("utf-8", "replace").strip().rpartition("\n")[2][:200]


def _not_opened(message: dict[str, Any]) -> ReadError:
    if message["error"] == "encrypted":
        return ReadError("encrypted", "is encrypted; save it without a password")
    return ReadError("broken", f"is no PDF, or a broken one ({message['detail']}); get the file again")


def _why(code: int, seconds: float, errors: str) -> str:
    if code in {-27, -14}:  # SIGPROF, SIGALRM
        return f"takes more than {seconds:g} seconds"
    return f"fails ({errors})" if code == 1 else f"crashes (exit code {code})"
