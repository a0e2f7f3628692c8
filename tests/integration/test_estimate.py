"""Estimates against recorded builds: a server counts by itself what it was asked and what it generated."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from longhop import Builder, Recipe
from longhop.cli import main
from longhop.errors import BuildError, StorageError
from longhop.estimate import Estimate, Rates
from longhop.estimate.measured import measure
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe
from tests.model_server import Script, Shape, Stats, model_server

SAMPLE = Path(__file__).parents[2] / "data" / "recipes" / "sample.yaml"
pytestmark = pytest.mark.timeout(600)  # two recipes are previewed and built before the first test
WITHIN = 0.2
PREVIEWED = 3
"""Contexts of each length that are previewed: one alone says little of how many questions pass."""
CACHE = Shape(slots=16, blocks=3000)
"""Holds the longest context and its answers, and not all contexts from one stage to the next."""


class Recorded(NamedTuple):
    recipe: Recipe
    out: Path
    previewed: Path
    """Some contexts of each length, and nothing else."""
    stats: Stats


def recorded(folder: Path, name: str, *overrides: str) -> Recorded:
    with model_server(Script(answers="lexical"), CACHE) as server:
        engine = f"{{kind: openai, model: simulated, urls: ['{server.url}'], concurrency: 8}}"
        engines = [f"engines.{role}={engine}" for role in ("writer", "reader", "judge")]
        recipe = Recipe.load(SAMPLE, [*engines, *overrides])
        for length, count in recipe.contexts.lengths.items():
            for number in range(1, 1 + min(PREVIEWED, count)):
                Builder(recipe, folder / f"{name}-previewed").preview(length, number=number)
        server.reset()
        Builder(recipe, folder / name).build()
        return Recorded(recipe, folder / name, folder / f"{name}-previewed", server.stats())


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return recorded(tmp_path_factory.mktemp("first"), "first")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The sample recipe with other lengths and another seed."""
    return recorded(tmp_path_factory.mktemp("second"), "second", "seed=12", "contexts.lengths={3k: 6, 10k: 4}")


def errors(estimate: Estimate, stats: Stats) -> dict[str, float]:
    """By how much each total is off, as a share of what the server counted."""
    total = estimate.total
    pairs = {
        "requests": (total.requests, stats.requests),
        "prompts": (total.prompt_tokens, stats.prompt_tokens),
        "computed": (total.prefilled_tokens, stats.prefilled_tokens),
        "generated": (total.generated_tokens, stats.completion_tokens),
    }
    return {name: round(estimated / counted - 1, 3) for name, (estimated, counted) in pairs.items()}


def test_a_run_is_measured_as_the_server_counted_it(first: Recorded, second: Recorded) -> None:
    """Out of its own answers, with nothing sent: repeated requests, checks and shared prefixes included.

    What a server has to compute also depends on what its cache still holds from the stage before.
    """
    for run in (first, second):
        off = errors(Builder(run.recipe, run.out.parent / "none").estimate(run.out), run.stats)
        assert abs(off.pop("computed")) <= WITHIN
        assert max(map(abs, off.values())) <= 0.1, off


def test_previews_estimate_what_a_build_uses(first: Recorded, second: Recorded) -> None:
    """Three contexts of each length (two where there are no more), in a folder in which nothing else was built."""
    for run in (first, second):
        off = errors(Builder(run.recipe, run.previewed).estimate(), run.stats)
        assert max(map(abs, off.values())) <= WITHIN, off


def test_a_run_estimates_another_whose_lengths_lie_between(first: Recorded, second: Recorded) -> None:
    """And says that these lengths were not measured."""
    estimate = Builder(second.recipe, second.out.parent / "none").estimate(first.out)
    off = errors(estimate, second.stats)
    assert max(map(abs, off.values())) <= WITHIN, off
    assert any("no context of 3k, 10k tokens was measured" in note for note in estimate.notes)


def test_disk_is_of_the_right_size(first: Recorded) -> None:
    """A small run, in which what every file costs weighs most."""
    size = sum(file.stat().st_size for file in first.out.rglob("*") if file.is_file())
    estimate = Builder(first.recipe, first.out.parent / "none").estimate(first.out)
    assert 0.6 * size < sum(estimate.disk.values()) < 1.6 * size


def test_hours_come_of_rates_or_of_the_run(first: Recorded) -> None:
    """Rates go before what the run took, for the roles that have them."""
    builder = Builder(first.recipe, first.out.parent / "none")
    measured = measure(str(first.out))
    hours = builder.estimate(first.out).hours
    took = sum(measured.seconds.values()) * sum(first.recipe.contexts.lengths.values()) / 3600
    assert hours == pytest.approx(took, rel=WITHIN)
    rates = {"": Rates(prefill=100.0, decode=10.0)}
    given = builder.estimate(first.out, rates)
    assert given.hours == pytest.approx((given.total.prefilled_tokens / 100 + given.total.generated_tokens / 10) / 3600)


# Runs that tell nothing


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


def test_where_nothing_is_known_it_is_assumed_and_nothing_is_written(recipe: Path, tmp_path: Path) -> None:
    """No run, and none begun."""
    estimate = Builder(Recipe.load(recipe), tmp_path / "run").estimate()
    assert "ASSUMED" in str(estimate)
    assert not (tmp_path / "run").exists()


def test_a_run_in_which_nothing_has_come_through_is_said(recipe: Path, tmp_path: Path) -> None:
    """An error where it was asked for by name; a note where it is the recipe's own folder."""
    builder = Builder(Recipe.load(recipe), tmp_path / "run")
    with pytest.raises(StorageError, match="no run here"):
        builder.estimate(tmp_path / "run")
    with pytest.raises(Exception, match="the documents fill"):
        build(recipe, tmp_path / "run", "contexts.lengths={500: 900}")
    with pytest.raises(StorageError, match="nothing to estimate from: no context has come through all stages"):
        builder.estimate(tmp_path / "run")
    estimate = builder.estimate()
    assert "ASSUMED" in str(estimate)
    assert any("nothing to estimate from" in note for note in estimate.notes)


def test_answers_that_are_gone_are_said(recipe: Path, tmp_path: Path) -> None:
    """The store of completions was deleted, or is on another machine."""
    build(recipe, tmp_path / "run")
    for file in (tmp_path / "run" / ".work").glob("completions.sqlite*"):
        file.unlink()
    builder = Builder(Recipe.load(recipe), tmp_path / "run")
    with pytest.raises(StorageError, match=r"completions\.sqlite: the answers of this run are missing"):
        builder.estimate(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LONGHOP_WORK", str(tmp_path / "empty"))
        with pytest.raises(StorageError, match=r"of 5 contexts answers are missing in .*empty"):
            builder.estimate(tmp_path / "run")


def test_single_refused_requests_hide_no_context(recipe: Path, tmp_path: Path) -> None:
    """What an engine refused has no answer in the store, and its question went the same way in the run.

    Only a context of which the writer's request was refused has nothing to be measured.
    """
    with model_server(Script(answers="lexical"), Shape(slots=16), ["refused:0.04"]) as server:
        engine = {"kind": "openai", "model": "simulated", "urls": [server.url]}
        path = write_recipe(recipe.parent, engines=dict.fromkeys(("writer", "reader", "judge"), engine))
        run = build(path, tmp_path / "run")
        refused = run.rejections().filter(pl.col("detail").str.contains("content management policy")).collect()
        unwritten = set(refused["item_id"]) & set(run.contexts().select("context_id").collect()["context_id"])
        assert len(unwritten) < refused.height
    measured = measure(str(tmp_path / "run"))
    accepted = run.questions().collect()["accepted"].sum()
    assert measured.skipped == len(unwritten)
    assert sum(context.accepted for context in measured.contexts) == accepted


def test_a_run_of_another_recipe_may_be_measured_but_not_built_into(recipe: Path, tmp_path: Path) -> None:
    """With what differs said."""
    build(recipe, tmp_path / "run")
    other = Recipe.load(
        recipe, ["name=other", "traces.samples=2", "engines.judge={kind: openai, model: m, urls: ['http://h/v1']}"]
    )
    with pytest.raises(StorageError, match=r"holds a run of the recipe `small`, this one is `other`.*--from"):
        Builder(other, tmp_path / "run").estimate()
    notes = Builder(other, tmp_path / "else").estimate(tmp_path / "run").notes
    assert any("differs from the measured one in traces" in note for note in notes)
    assert any("verdicts: measured with lexical, to be built with m" in note for note in notes)


def test_names_that_mean_nothing_are_refused(recipe: Path, tmp_path: Path) -> None:
    """Of engines and of assumptions, with those that there are."""
    builder = Builder(Recipe.load(recipe), tmp_path / "run")
    with pytest.raises(BuildError, match="no engine `reder`; it has judge, reader, writer"):
        builder.estimate(rates={"reder": Rates(prefill=1.0)})
    with pytest.raises(BuildError, match="nothing is called `acepted`; there are accepted"):
        builder.estimate(assume={"acepted": 0.5})


def run_command(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["estimate", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_the_command(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 0, all lines within 80 columns; 2 and what is expected for arguments that mean nothing."""
    monkeypatch.setenv("COLUMNS", "80")
    arguments = [recipe, "--out", tmp_path / "run"]
    code, out, err = run_command(
        capsys, *arguments, "--prefill-rate", "8000", "--decode-rate", "100", "--decode-rate", "judge=50"
    )
    assert (code, err) == (0, "")
    assert "hours" in out
    assert max(map(len, out.splitlines())) <= 80
    for option, value in (("--prefill-rate", "fast"), ("--decode-rate", "0"), ("--assume", "3"), ("--assume", "a=b")):
        code, _, err = run_command(capsys, *arguments, option, value)
        assert code == 2
        assert f"{option}: got {value}, expected" in err
    assert run_command(capsys, *arguments, "--prefill-rate", "nobody=3")[0] == 2
    assert run_command(capsys, *arguments, "--from", tmp_path / "nowhere")[0] == 1


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is written into the folder that tests run in."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "runs").exists()
