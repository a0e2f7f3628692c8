"""How far a build is comes from its folder alone, and the time left from what parts took."""

from pathlib import Path

import msgspec

from longhop.spending import Spent
from longhop.watch import View, Watch, duration
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe
from tests.unit.test_time_left import part, state


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
