"""Time limits follow from token counts, and from how fast the server has been."""

import pytest

from longhop.engines.deadlines import Deadlines


def fast(seconds: float = 5.0, replies: int = 20) -> Deadlines:
    """A server that has decoded 1,000 tokens in so many seconds."""
    deadlines = Deadlines()
    for _ in range(replies):
        deadlines.answered(prompt=0, generated=1000, most=2000, seconds=seconds)
    return deadlines


def slow(prompt: int, most: int) -> float:
    """The limit for a server that does 200 tokens a second of prompts and 4 of replies, which no limit exceeds."""
    return 120 + prompt / 200 + most / 4


def test_time_limits_follow_from_token_counts() -> None:
    """Of a server of which nothing is known yet, or too little."""
    for deadlines in (Deadlines(), fast(replies=3)):
        assert deadlines.limit(0, 10) < 200
        assert deadlines.limit(1_000_000, 10) > 1250
        assert deadlines.limit(0, 16_384) > 1000
        deadlines.missed()
        deadlines.missed()
        assert deadlines.limit(0, 16_384) == slow(0, 16_384)


def test_a_fast_server_is_not_waited_for_as_a_slow_one() -> None:
    """A trace of 16,384 tokens at 200 a second takes 82 seconds; it is given several times that."""
    assert 3 * 82 < fast().limit(0, 16_384) < 6 * 82
    assert fast().limit(0, 10) < 130


def test_the_slowest_reply_counts() -> None:
    """It may have waited in the server's line; the limit never exceeds that of a slow server."""
    deadlines = fast()
    deadlines.answered(prompt=0, generated=1000, most=2000, seconds=100)
    assert deadlines.limit(0, 16_384) > 1600
    deadlines.answered(prompt=0, generated=300, most=2000, seconds=10_000)
    assert deadlines.limit(0, 16_384) == slow(0, 16_384)


def test_a_short_reply_that_waited_in_line_tells_nothing_of_long_ones() -> None:
    """Its seconds are not those of its tokens."""
    deadlines = fast()
    before = deadlines.limit(0, 16_384)
    deadlines.answered(prompt=0, generated=10, most=2000, seconds=60)
    assert deadlines.limit(0, 16_384) == before


def test_what_was_given_up_too_early_finds_more_patience() -> None:
    """Twice as much each time, until it is that for a slow server."""
    deadlines = fast()
    before = deadlines.limit(0, 16_384)
    deadlines.missed()
    assert deadlines.limit(0, 16_384) - 120 == pytest.approx(2 * (before - 120))
    for _ in range(10):
        deadlines.missed()
    assert deadlines.limit(0, 16_384) == slow(0, 16_384)


def test_short_replies_are_not_waited_for_as_the_longest_that_may_come() -> None:
    """Of fifty tokens where 4,096 may be: one that hangs is given up soon, though such a server's line is long."""
    deadlines = Deadlines()
    for _ in range(20):
        deadlines.answered(prompt=500, generated=50, most=4096, seconds=15)
    assert deadlines.limit(500, 4096) < 260
    assert deadlines.limit(500, 16_384) > 1000, "nothing is known of how long those are"
    for _ in range(10):
        deadlines.missed()
    assert deadlines.limit(500, 4096) == slow(500, 4096)
