"""How far a part is: counted where it is built, told at intervals by a thread beside.

>>> progress = Progress(expected=800)
>>> with Pulse() as pulse:
...     pulse.every(1.0, lambda: claim.say(progress.of(part)))
...     folder.write_part("traces", fingerprint, 0, progress.counted(items), Trace)
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self

import msgspec

from longhop.claims import Running
from longhop.engines import Completion
from longhop.records import Record, Rejection
from longhop.spending import Spending, Spent

__all__ = ["Progress", "Pulse"]

log = logging.getLogger("longhop")


class Progress:
    """Counts what a part yields and what engines gave for it."""

    def __init__(self) -> None:
        self.expected: int | None = None
        """Rows and rejections in all, where that is known."""
        self._done = self._left_out = self._answers = self._tokens = 0
        self.spent: Spending = {}
        """What engines were asked for the part, by role; begun with what earlier processes spent."""

    def counted(self, items: Iterable[Record], *, tokens: bool = False) -> Iterator[Record]:
        """The same items, counted as they pass; with their own tokens in stages that ask no engine."""
        for item in items:
            self._done += 1
            self._left_out += isinstance(item, Rejection)
            if tokens:
                self._tokens += getattr(item, "n_tokens", 0)
            yield item

    def answered(self, role: str, completion: Completion) -> None:
        """The engine of a role gave some samples."""
        self._answers += len(completion.choices)
        self._tokens += sum(choice.n_tokens for choice in completion.choices)
        self.spent[role] = self.spent.get(role, Spent()) + Spent.of(completion.usage)

    def of(self, part: Running) -> Running:
        """How far the part is now."""
        return msgspec.structs.replace(
            part,
            done=self._done,
            expected=self.expected,
            left_out=self._left_out,
            answers=self._answers,
            tokens=self._tokens,
            spent=dict(self.spent),
        )


class Pulse:
    """Does small things at intervals, in a thread, while something long goes on.

    What goes wrong with one is logged, once, and stops neither the others nor what goes on.
    """

    def __init__(self) -> None:
        self._jobs: list[tuple[float, Callable[[], None]]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="longhop-pulse", daemon=True)

    def every(self, seconds: float, job: Callable[[], None]) -> None:
        """Do `job` each `seconds`, for the first time when they have passed; to be said before the first has."""
        self._jobs.append((seconds, job))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        due: dict[int, float] = {}
        failed: set[int] = set()
        began = time.monotonic()
        while not self._ended.wait(0.5):
            now = time.monotonic()
            for number, (seconds, job) in enumerate(list(self._jobs)):
                if now < due.setdefault(number, began + seconds):
                    continue
                try:
                    job()
                    failed.discard(number)
                except Exception as error:  # noqa: BLE001 - it is tried again, and what goes on needs it not
                    if number not in failed:
                        log.warning("%s", error)
                    failed.add(number)
                due[number] = time.monotonic() + seconds
