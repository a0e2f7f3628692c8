"""Progress is counted where the part is built and told beside it."""

import logging
import threading

import msgspec
import pytest

from longhop.claims import Running
from longhop.engines import Choice, Completion, Usage
from longhop.progress import Progress, Pulse
from longhop.records import Context, Rejection
from longhop.spending import Spent
from tests.small_run import tables

PART = Running(stage="contexts", fingerprint="f", part=0)


def test_rows_rejections_and_tokens_are_counted_as_they_pass() -> None:
    """The rows' own tokens only where no engine gives any."""
    rejection = Rejection(stage="contexts", item_id="x", reason="odd", detail="")
    progress = Progress()
    passed = progress.counted([rejection, rejection])
    assert next(passed) == rejection
    assert (progress.of(PART).done, progress.of(PART).left_out) == (1, 1)
    choices = (Choice(content="a", n_tokens=10), Choice(content="b", n_tokens=20))
    progress.answered("reader", Completion(choices=choices, usage=Usage(prompt_tokens=7, cached_tokens=3)))
    progress.expected = 4
    assert list(passed) == [rejection]
    assert (progress.of(PART).share, progress.of(PART).answers, progress.of(PART).tokens) == (0.5, 2, 30)
    assert progress.of(PART).spent == {"reader": Spent(requests=1, prompt_tokens=7, cached_tokens=3)}


def test_tokens_of_rows_count_where_they_are_asked_for() -> None:
    """Documents and contexts are read, not generated."""
    rows = [msgspec.convert(row, Context) for row in tables()[0]["contexts"]]
    progress = Progress()
    list(progress.counted(rows, tokens=True))
    assert progress.of(PART).tokens == sum(row.n_tokens for row in rows)


def test_more_than_expected_is_all_of_it() -> None:
    """How many questions a context gives is not known beforehand."""
    progress = Progress()
    progress.expected = 1
    list(progress.counted([Rejection(stage="s", item_id=str(n), reason="odd", detail="") for n in range(3)]))
    assert progress.of(PART).share == 1.0


def test_a_pulse_does_its_jobs_again_and_again() -> None:
    """Also those that are added later; none after its end."""
    beats, later = threading.Semaphore(0), threading.Semaphore(0)
    with Pulse() as pulse:
        pulse.every(0.0, beats.release)
        assert beats.acquire(timeout=20)
        pulse.every(0.0, later.release)
        assert later.acquire(timeout=20)
        assert beats.acquire(timeout=20)
    while beats.acquire(blocking=False):
        pass
    assert not beats.acquire(timeout=0.7)


def test_a_job_that_fails_is_told_once_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Storage that does not answer for a while: the others go on, and it is tried again."""
    tries, beats = threading.Semaphore(0), threading.Semaphore(0)

    def broken() -> None:
        tries.release()
        raise OSError("storage does not answer")

    with caplog.at_level(logging.WARNING, "longhop"), Pulse() as pulse:
        pulse.every(0.0, broken)
        pulse.every(0.0, beats.release)
        for _ in range(3):
            assert tries.acquire(timeout=20)
            assert beats.acquire(timeout=20)
    assert [record.message for record in caplog.records] == ["storage does not answer"]
