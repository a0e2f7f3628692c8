"""The time left comes from what parts took, by their size."""

import msgspec
import pytest

from longhop.claims import Running
from longhop.run_tables import PartSize, StageState
from longhop.spending import Spent
from longhop.time_left import work_of


def state(stage: str, built: int, parts: int | None, seconds: float = 0.0) -> StageState:
    return StageState(
        stage=stage,
        built=built,
        parts=parts,
        missing=tuple(range(built, parts or 0)),
        rows=10 * built,
        accepted=None,
        rejections={},
        took=dict.fromkeys(range(built), seconds / max(1, built)),
        spent={},
    )


def part(stage: str, since: float, done: int = 0, expected: int | None = None, number: int = 0) -> Running:
    return Running(stage=stage, fingerprint="f", part=number, since=since, done=done, expected=expected, tokens=600)


def seconds_left(
    stages: list[StageState],
    running: list[Running],
    now: float,
    processes: float = 1,
    sizes: list[PartSize] | None = None,
) -> float | None:
    work = work_of(stages, running, now, sizes)
    return None if work is None else work.seconds(processes)


def test_the_time_left_is_what_the_rest_takes_by_all_processes() -> None:
    """Parts that are left, as long as those that are built took, less what is done of those that run."""
    stages = [state("contexts", 4, 4, 8.0), state("questions", 2, 4, 20.0), state("traces", 1, 4, 60.0)]
    assert seconds_left(stages, [], 100.0) == 2 * 10 + 3 * 60
    running = [part("questions", 95.0, number=2), part("traces", 50.0, 30, 60, number=1)]
    # Part 1 takes one of two 10 and part 3 then 70; part 2 takes the other 65, so that 15 are left for one alone.
    assert seconds_left(stages, running, 100.0, 2) == pytest.approx(10 + 55 + 15 / 2**0.5)
    assert seconds_left(stages, running, 100.0, 1.6) == pytest.approx((10 + 55 + 15 / 2**0.5) * 2 / 1.6)


def test_the_last_part_is_not_shared() -> None:
    """Of seven equal parts two processes take three each; one has the last, and the servers for itself."""
    stages = [state("traces", 1, 8, 10.0)]
    alone = [70, 30 + 10 / 2**0.5, 20 + 10 / 3**0.5, 10]
    assert [seconds_left(stages, [], 0.0, many) for many in (1, 2, 3, 7)] == pytest.approx(alone)


def test_the_stages_of_a_part_follow_one_another() -> None:
    """However many processes there are: one part has all of its stages before it."""
    stages = [state("questions", 2, 3, 20.0), state("traces", 2, 3, 80.0), state("verdicts", 2, 3, 8.0)]
    assert seconds_left(stages, [], 100.0, 2) == pytest.approx((10 + 40 + 4) / 2**0.5)
    begun = [state("questions", 3, 3, 30.0), *stages[1:]]
    assert seconds_left(begun, [part("traces", 85.0, number=2)], 100.0, 2) == pytest.approx((25 + 4) / 2**0.5)


def test_what_was_done_is_known_too() -> None:
    """Also of parts that run, so that it tells how many processes work at a time."""
    stages = [state("questions", 2, 4, 20.0), state("traces", 1, 4, 60.0)]
    work = work_of(stages, [part("questions", 97.0, number=2), part("traces", 70.0, number=1)], 100.0)
    assert work is not None
    assert work.done == 80 + 3 + 30


def test_what_engines_gave_shows_how_far_a_part_is() -> None:
    """Half by time and half by tokens, not above what a part takes in all; by time where servers count none."""
    stages = [msgspec.structs.replace(state("traces", 2, 3, 40.0), spent={"reader": Spent(completion_tokens=200)})]
    gave = {0: 12.5, 50: 7.5, 100: 2.5, 400: 2.5}
    for tokens, left in gave.items():
        runs = msgspec.structs.replace(
            part("traces", 85.0, number=2), spent={"reader": Spent(completion_tokens=tokens)} if tokens else {}
        )
        assert seconds_left(stages, [runs], 100.0) == pytest.approx(left), tokens


def test_the_dataset_takes_some_seconds_at_the_end() -> None:
    """Until it is made."""
    stages = [state("traces", 1, 3, 10.0), state("dataset", 0, 1)]
    assert seconds_left(stages, [], 0.0) == 2 * 10 + 4
    assert seconds_left([state("traces", 3, 3, 30.0), state("dataset", 0, 1)], [], 0.0) == 4
    assert seconds_left([state("traces", 3, 3, 30.0), state("dataset", 1, 1)], [], 0.0) == 0


def test_a_part_that_takes_long_tells_of_the_others() -> None:
    """Those that are quick are built first; but one that hangs does not make all others hang."""
    assert seconds_left([state("traces", 1, 3, 10.0)], [part("traces", 86.0, number=1)], 100.0) == 12.0
    assert seconds_left([state("traces", 1, 3, 10.0)], [part("traces", 0.0, number=1)], 500.0) == 15.0


def test_nobody_knows_before_a_part_of_each_stage_has_come_some_way() -> None:
    """A stage without a part that is built is foreseen from those that run; not from nothing."""
    stages = [state("questions", 4, 4, 8.0), state("traces", 0, 4)]
    assert seconds_left(stages, [], 100.0) is None
    assert seconds_left(stages, [part("traces", 90.0, 1, 100)], 100.0) is None
    assert seconds_left(stages, [part("traces", 90.0, 25, 100)], 100.0) == pytest.approx(4 * 40 - 10)
    assert seconds_left([state("traces", 0, None)], [], 100.0) is None


SIZES = [
    PartSize(contexts, tokens)
    for contexts, tokens in ((20, 40_000), (10, 41_000), (5, 40_500), (2, 39_000), (9, 9_000))
]


@pytest.mark.parametrize("each", [(3.0, 0.0), (0.0, 0.001), (1.5, 0.0004)])
def test_parts_take_as_long_as_their_size_says(each: tuple[float, float]) -> None:
    """By contexts, by tokens or by both: the first parts that are built show what matters."""
    takes = [each[0] * size.contexts + each[1] * size.tokens for size in SIZES]
    traces = state("traces", 3, 5)
    traces = msgspec.structs.replace(traces, took=dict(enumerate(takes[:3])))
    assert seconds_left([traces], [], 0.0, 1, SIZES) == pytest.approx(sum(takes[3:]), rel=0.25)
    equal = seconds_left([traces], [], 0.0, 1)
    assert equal is not None
    assert equal != pytest.approx(sum(takes[3:]), rel=0.3), "which is more than equal parts would give"


def test_one_part_says_little_of_what_matters() -> None:
    """Three quarters go by contexts then and one by tokens; also for parts that only run."""
    built = msgspec.structs.replace(state("traces", 1, 2), took={0: 10.0})
    sizes = [PartSize(10, 1_000), PartSize(5, 1_000)]
    assert seconds_left([built], [], 0.0, 1, sizes) == pytest.approx(6.25)
    runs = [part("traces", 95.0, 1, 2, number=0)]
    assert seconds_left([state("traces", 0, 2)], runs, 100.0, 1, sizes) == pytest.approx(5 + 6.25)


def test_documents_have_no_such_size() -> None:
    """Their parts are not those of the contexts, however many there are of each."""
    assert seconds_left([state("documents", 2, 4, 20.0)], [], 0.0, 1, SIZES[:4]) == pytest.approx(20.0)


def test_parts_of_no_seconds_leave_none() -> None:
    """As those of an engine that is no model take."""
    assert seconds_left([state("examples", 3, 5, 0.0)], [], 0.0, 1, SIZES) == pytest.approx(0.0)


def test_what_others_build_is_no_work_of_this_run() -> None:
    """A part that the plan has not, or that is built already."""
    stages = [state("traces", 2, 4, 20.0)]
    for number in (0, 9):
        assert seconds_left(stages, [part("traces", 5.0, number=number)], 100.0, 1, SIZES[:4]) == seconds_left(
            stages, [], 100.0, 1, SIZES[:4]
        )


@pytest.mark.parametrize("built", [0, 1])
def test_a_clock_that_is_ahead_takes_nothing_away(built: int) -> None:
    """Of a part that was begun in an hour, nothing is done yet."""
    stages = [state("traces", built, 3, 10.0 * built)]
    runs = [part("traces", 3700.0, 1, 2, number=1)]
    assert seconds_left(stages, runs, 100.0) == (20.0 if built else None)
    work = work_of(stages, runs, 100.0)
    assert work is None or work.done == 10.0
