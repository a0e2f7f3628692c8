"""How long what is left of a build takes, from what its parts took so far.

    >>> work = work_of(stages, running, now, sizes)
    >>> work.seconds(processes=2)
    412.0

A part takes as long as those of its stage that are built, by its size. Which size that is differs: where models read
much and write little, parts take as their tokens do; where they write much, as their contexts do. The parts that are
built show it.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from longhop.claims import Running
from longhop.run_tables import PartSize, StageState
from longhop.spending import Spending

__all__ = ["Work", "work_of"]

_ONCE = ("plan", "context_plan", "dataset")
"""Stages that a run has once or for each growth."""
_BEFORE = np.array([0.75, 0.25])
"""What is thought before anything is seen: how much of a part's time goes by its contexts, how much by their tokens.

Eight traces a question are written for each context, which is read about once; a token that is written takes some ten
times as long as one that is read.
"""
_BEFORE_PARTS = 1.0
"""Parts that are built count against so many that were thought of."""
_ALONE = 0.5
"""How much faster a process is that has the servers for itself: the root of how many shared them.

Where one keeps all of a server's slots busy, it is as many times as fast; where none does, it is no faster.
"""
_ENDING = 4.0
"""Seconds that dataset, card and report take at least, however small they are."""
_LATE = 2.0
"""A part that runs for longer than it should counts as one that took so many times as long at most: it may hang."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to do, in seconds of one process."""

    done: float
    parts: list[float]
    """What is left of each part, whose stages follow one another, in the order in which parts are begun."""
    ending: float = 0.0
    """What comes when all parts are built, and is done by one process."""

    def seconds(self, processes: float) -> float:
        """How long it takes so many processes, which take the next part when they have finished one.

        The last parts are not shared: when seven of them are left, one of two processes waits at the end. Those that
        still work have the servers for themselves then, and are faster by `_ALONE`.
        """
        many = max(1, math.ceil(processes))
        waiting, busy = deque(self.parts), list[float]()
        passed = 0.0
        while waiting or busy:
            while waiting and len(busy) < many:
                busy.append(waiting.popleft())
            step = min(busy)
            passed += step * (len(busy) / many) ** _ALONE
            busy = [left - step for left in busy if left > step]
        return passed * many / processes + self.ending


def work_of(
    stages: list[StageState], running: list[Running], now: float, sizes: Sequence[PartSize] | None = None
) -> Work | None:
    """What is done and left, from what parts of each stage took so far.

    Args:
        stages: All stages; of those that a run has once, the dataset only takes time here.
        running: Parts that are being built.
        now: Seconds since 1970.
        sizes: Of the contexts of each part; None where that is not known, and parts count as equally large.

    Returns:
        What is left of the parts and, where the dataset is yet to be made, the least that it takes; None where a stage
        has parts left and none that tells how long one takes.
    """
    done = 0.0
    left: defaultdict[int, float] = defaultdict(float)
    for stage in stages:
        done += stage.seconds
        if stage.parts is None:
            return None
        if not stage.missing or stage.stage in _ONCE:
            continue
        # What others build in the same folder, by another plan, is not work of this one.
        mine = {part.part: part for part in running if part.stage == stage.stage and part.part in stage.missing}
        # Parts of documents are not those of the contexts.
        takes = _times(stage, list(mine.values()), now, None if stage.stage == "documents" else sizes)
        if takes is None:
            return None
        for part in stage.missing:
            begun = _share(stage, mine[part], takes[part], now) * takes[part] if part in mine else 0.0
            done += begun
            left[part] += takes[part] - begun
    ending = _ENDING if any(stage.stage == "dataset" and not stage.built for stage in stages) else 0.0
    return Work(done=done, parts=[left[part] for part in sorted(left)], ending=ending)


def _share(stage: StageState, running: Running, takes: float, now: float) -> float:
    """How much of a running part is done: half by time, half by the tokens that were generated for it, if any are.

    Tokens show a part that is faster than others were, as the last is; time shows one that waits for a request. Rows
    come late, where a stage asks much before it knows what becomes of it.
    """
    passed = min(1.0, _passed(running, now) / max(takes, 1e-9))
    generated = _generated(stage.spent)
    if not generated or not stage.seconds:
        return passed
    expected = generated * takes / stage.seconds
    return (passed + min(1.0, _generated(running.spent) / max(expected, 1e-9))) / 2


def _passed(running: Running, now: float) -> float:
    """Seconds since a part was begun, by the clock of him who began it, which may be ahead."""
    return max(0.0, now - running.since)


def _generated(spent: Spending) -> int:
    return sum(own.completion_tokens for own in spent.values())


def _times(
    stage: StageState, running: Sequence[Running], now: float, sizes: Sequence[PartSize] | None
) -> list[float] | None:
    """Seconds that each part of a stage takes, of those that are built, or else that have come some way."""
    begun = {part.part: _passed(part, now) / share for part in running if (share := part.share or 0.0) > 0.1}
    known = dict(stage.took) or {part: seconds for part, seconds in begun.items() if seconds}
    if not known:
        return None
    takes = _of_all(known, stage.parts or 0, sizes)
    # Those that are quick are built first: one that has run for longer than they took tells as much.
    late = {part.part: passed for part in running if (passed := _passed(part, now)) > takes[part.part]}
    if late and stage.took:
        takes = _of_all({**known, **{n: min(late[n], _LATE * takes[n]) for n in late}}, stage.parts or 0, sizes)
    return takes


def _of_all(known: Mapping[int, float], parts: int, sizes: Sequence[PartSize] | None) -> list[float]:
    if sizes is None or len(sizes) != parts:
        return [sum(known.values()) / len(known)] * parts
    return _by_size(known, sizes)


def _by_size(known: Mapping[int, float], sizes: Sequence[PartSize]) -> list[float]:
    """Seconds of all parts from those of some: so much for each context, so much for each token, by least squares."""
    parts = sorted(known)
    took = np.array([known[part] for part in parts])
    measures = np.array(sizes, np.float64)
    measures /= np.maximum(measures[parts].mean(axis=0), 1e-9)
    seen = measures[parts]
    mean = max(took.mean(), 1e-9)
    weights = np.linalg.solve(
        seen.T @ seen + _BEFORE_PARTS * np.eye(2), seen.T @ (took / mean) + _BEFORE_PARTS * _BEFORE
    )
    takes = measures @ np.clip(weights, 0.0, None)
    return [float(seconds) for seconds in takes * took.sum() / max(takes[parts].sum(), 1e-9)]
