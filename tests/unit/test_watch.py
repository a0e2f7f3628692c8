"""How far a build is comes from its folder alone, and the time left from what parts took."""

from pathlib import Path

import msgspec
import pytest

from longhop.claims import Running
from longhop.run_tables import StageState
from longhop.spending import Spent
from longhop.watch import View, Watch, duration, work_of
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe


def state(stage: str, built: int, parts: int | None, seconds: float = 0.0) -> StageState:
    return StageState(
        stage=stage,
        built=built,
        parts=parts,
        missing=tuple(range(built, parts or 0)),
        rows=10 * built,
        accepted=None,
        rejections={},
        seconds=seconds,
        spent={},
    )


def part(stage: str, since: float, done: int = 0, expected: int | None = None, number: int = 0) -> Running:
    return Running(stage=stage, fingerprint="f", part=number, since=since, done=done, expected=expected, tokens=600)


def seconds_left(stages: list[StageState], running: list[Running], now: float, processes: float = 1) -> float | None:
    work = work_of(stages, running, now)
    return None if work is None else work.seconds(processes)


def test_the_time_left_is_what_the_rest_takes_by_all_processes() -> None:
    """Parts that are left, as long as those that are built took, less what is done of those that run."""
    stages = [state("contexts", 4, 4, 8.0), state("questions", 2, 4, 20.0), state("traces", 1, 4, 60.0)]
    assert seconds_left(stages, [], 100.0) == 2 * 10 + 3 * 60
    running = [part("questions", 95.0, number=2), part("traces", 50.0, 30, 60, number=1)]
    assert seconds_left(stages, running, 100.0, 2) == pytest.approx(10 + 70), "the other takes 65 for part 2"
    assert seconds_left(stages, running, 100.0, 1.6) == pytest.approx((10 + 70) * 2 / 1.6)


def test_the_last_part_is_not_shared() -> None:
    """Seven equal parts take two processes as long as eight, and three as long as nine."""
    stages = [state("traces", 1, 8, 10.0)]
    assert [seconds_left(stages, [], 0.0, many) for many in (1, 2, 3, 7, 20)] == [70, 40, 30, 10, 10]


def test_the_stages_of_a_part_follow_one_another() -> None:
    """However many processes there are: one part has all of its stages before it."""
    stages = [state("questions", 2, 3, 20.0), state("traces", 2, 3, 80.0), state("verdicts", 2, 3, 8.0)]
    assert seconds_left(stages, [], 100.0, 8) == 10 + 40 + 4
    begun = [state("questions", 3, 3, 30.0), *stages[1:]]
    assert seconds_left(begun, [part("traces", 85.0, number=2)], 100.0, 8) == 25 + 4


def test_what_was_done_is_known_too() -> None:
    """Also of parts that run, so that it tells how many processes work at a time."""
    stages = [state("questions", 2, 4, 20.0), state("traces", 1, 4, 60.0)]
    work = work_of(stages, [part("questions", 97.0, number=2), part("traces", 70.0, number=1)], 100.0)
    assert work is not None
    assert work.done == 80 + 3 + 30


def test_a_part_that_takes_long_counts_as_one_at_most() -> None:
    """Nobody knows how far it is: the rest is not less than the other parts."""
    assert seconds_left([state("traces", 1, 3, 10.0)], [part("traces", 0.0, number=1)], 500.0) == 10.0


def test_nobody_knows_before_a_part_of_each_stage_has_come_some_way() -> None:
    """A stage without a part that is built is foreseen from those that run; not from nothing."""
    stages = [state("questions", 4, 4, 8.0), state("traces", 0, 4)]
    assert seconds_left(stages, [], 100.0) is None
    assert seconds_left(stages, [part("traces", 90.0, 1, 100)], 100.0) is None
    assert seconds_left(stages, [part("traces", 90.0, 25, 100)], 100.0) == pytest.approx(4 * 40 - 10)
    assert seconds_left([state("traces", 0, None)], [], 100.0) is None


def test_one_line_says_all_of_it() -> None:
    """And a few say it by stage."""
    view = View(
        name="small",
        stages=[state("contexts", 4, 4, 8.0), state("traces", 1, 4, 60.0)],
        running=[part("traces", 90.0)],
        now=100.0,
        seconds_left=170.0,
    )
    assert view.line() == "5 of 8 parts, 1 running, 60 tokens/s, about 3 min left"
    assert view.page().splitlines()[1:] == ["contexts: 4 of 4 parts, 40 rows", "traces: 1 of 4 parts, 10 rows"]
    unknown = msgspec.structs.replace(view, stages=[state("traces", 0, None)], running=[], seconds_left=None)
    assert unknown.line() == "0 of ? parts"


def test_it_says_what_was_cached_and_what_it_cost() -> None:
    """Of the roles that have prices; what is cached may cost less."""
    spent = {
        "reader": Spent(requests=3, prompt_tokens=4_000_000, cached_tokens=3_000_000, completion_tokens=100_000),
        "judge": Spent(requests=1, prompt_tokens=1000),
    }
    view = View(
        name="small",
        stages=[state("traces", 1, 4, 60.0)],
        running=[],
        now=100.0,
        seconds_left=None,
        spent=spent,
        prices={"reader": {"input": 1.0, "cached": 0.1, "output": 4.0}, "judge": {}},
    )
    assert view.line() == "1 of 4 parts, 75% of the prompts cached, 1.70 spent"
    assert msgspec.structs.replace(view, prices={}).costs() == ["75% of the prompts cached"]
    cheap = msgspec.structs.replace(view, prices={"judge": {"input": 2.0}})
    assert cheap.costs() == ["75% of the prompts cached", "0.002 spent"]


def test_times_are_said_as_people_do() -> None:
    """The two largest units at most."""
    said = {12.4: "12 s", 59.9: "60 s", 150: "2 min", 3700: "1 h 2 min", 90000: "1 d 1 h"}
    assert {seconds: duration(seconds) for seconds in said} == said


def test_a_run_is_looked_at_while_it_grows(tmp_path: Path) -> None:
    """Nothing before it has begun; afterwards what stands there, also after it was changed."""
    recipe = write_recipe(write_corpus(tmp_path))
    watch = Watch(str(tmp_path / "run"))
    assert watch.look() is None
    build(recipe, tmp_path / "run")
    first = watch.look()
    assert first is not None
    assert first.parts[0] == first.parts[1]
    assert first.seconds_left == 0.0
    build(recipe, tmp_path / "run", "contexts.lengths={500: 5, 800: 2}")
    second = watch.look()
    assert second is not None
    assert second.parts[0] > first.parts[0]
