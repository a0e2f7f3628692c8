"""A build through model servers: the tables of one where nothing goes wrong, whatever goes wrong, and paid for once."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from longhop import Builder, Recipe, Run
from longhop.cli import main
from longhop.engines import dispatch
from longhop.engines import openai as module
from longhop.errors import EngineError
from longhop.spending import Spent
from tests.integration.conftest import TABLES, build, equal, tables
from tests.integration.corpus import write_corpus, write_recipe
from tests.invariants import violations
from tests.model_server import Script, Server, Shape, model_server

MIXED = "429:0.05 500:0.04 503:0.04 reset:0.03 dropped:0.02 truncated:0.02 html:0.02 fewer:0.08 empty:0.02".split()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits a hundredth of what is waited else, in worker processes, too: they are forks of this one."""
    monkeypatch.setattr(dispatch, "_MOST_SILENT_SECONDS", 0.05)
    monkeypatch.setattr(dispatch, "_OVERLOADED_SECONDS", 0.005)
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.001)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with model_server(Script(answers="lexical"), Shape(slots=16)) as started:
        yield started


def recipe_of(folder: Path, *urls: str, **settings: Any) -> Path:
    """The small corpus, all roles on servers of one model."""
    engine = {"kind": "openai", "model": "simulated", "urls": list(urls), "concurrency": 8, **settings}
    engines = dict.fromkeys(("writer", "reader", "judge"), engine)
    return write_recipe(write_corpus(folder), engines=engines, scoring={"ask": "when_no_exact_match"})


@pytest.fixture
def recipe(tmp_path: Path, server: Server) -> Path:
    server.set_faults()
    server.reset()
    return recipe_of(tmp_path, server.url)


def without_models(run: Run) -> dict[str, pl.DataFrame]:
    """All tables but for the names of models."""
    return {name: table.drop("model", "models", strict=False) for name, table in tables(run).items()}


def test_faults_change_no_row_and_cost_little(recipe: Path, tmp_path: Path, server: Server) -> None:
    """A fourth of all requests fails, in nine ways, with two workers: the same tables, and few more requests.

    They are those of the lexical engine asked without a server, too: all that is sent arrives, and all that is
    answered is understood.
    """
    clean = build(recipe, tmp_path / "clean")
    least = server.stats().requests
    assert clean.examples().collect().height > 0

    server.reset()
    server.set_faults(*MIXED, retry_after=0.01)
    faulty = build(recipe, tmp_path / "faulty", workers=2)
    stats = server.stats()
    assert set(stats.faults) >= {"429", "500", "503", "reset", "fewer"}
    assert equal(clean, faulty) == []
    assert stats.requests <= 1.5 * least
    assert [lines for _, lines in violations(tmp_path / "faulty").values() if lines] == []

    lexical = build(write_recipe(recipe.parent), tmp_path / "lexical")
    ours, theirs = without_models(clean), without_models(lexical)
    assert [name for name in TABLES if not ours[name].equals(theirs[name])] == []


def test_what_was_answered_is_not_asked_again(recipe: Path, tmp_path: Path, server: Server) -> None:
    """A server that dies in the middle ends the build with one sentence; the next build asks for the rest."""
    whole = build(recipe, tmp_path / "whole")
    least = server.stats().requests
    with model_server(Script(answers="lexical"), Shape(slots=16), [f"death:{least // 2}"]) as dies:
        halted = recipe_of(tmp_path / "other", dies.url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dispatch, "GIVE_UP_SECONDS", 1.0)
            with pytest.raises(EngineError, match="no server answers") as caught:
                build(halted, tmp_path / "run")
        assert "Traceback" not in str(caught.value)
    server.reset()
    run = build(recipe_of(tmp_path / "other", server.url), tmp_path / "run")
    assert equal(whole, run) == []
    # What was under way at the death, and what the prompts of a running check cost, is asked again.
    assert server.stats().requests <= least - least // 2 + 8


def test_a_check_asks_the_servers(tmp_path: Path, server: Server) -> None:
    """The model's name, the window and the key are looked at before the build, with one short question to all roles."""
    server.set_faults()
    server.reset()
    assert (
        Builder(Recipe.load(recipe_of(tmp_path, server.url)), tmp_path / "run").check().engines["reader"] == "simulated"
    )
    for settings, said in (
        ({"model": "other"}, "has no model other; it has simulated"),
        ({"max_context": 500}, "takes 500"),
        ({"key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY is not set"),
        ({"urls": ["http://127.0.0.1:9/v1"]}, "no server answers"),
        ({"urls": [server.root]}, "neither /models nor /chat/completions"),
    ):
        path = recipe_of(tmp_path, server.url, **settings)
        with pytest.raises(EngineError, match=said):
            Builder(Recipe.load(path), tmp_path / "run").check()
    assert server.stats().requests == 1


@pytest.mark.parametrize(("role", "stage"), [("writer", "questions"), ("tracer", "traces")])
def test_what_was_refused_is_asked_again_when_that_is_wanted(
    tmp_path: Path, server: Server, role: str, stage: str
) -> None:
    """Refused prompts are rejections in the server's words; asked again they are answered, and nothing else is."""
    server.set_faults()
    with model_server(Script(answers="lexical"), Shape(slots=16)) as refusing:
        engine = {"kind": "openai", "model": "simulated", "urls": [server.url]}
        engines = dict.fromkeys(("writer", "reader", "judge", "tracer"), engine)
        engines[role] = {**engine, "urls": [refusing.url]}
        recipe = write_recipe(write_corpus(tmp_path), engines=engines, traces={"samples": 4, "engine": "tracer"})
        clean = build(recipe, tmp_path / "clean")
        least = refusing.stats().requests

        refusing.reset()
        refusing.set_faults("refused:1")
        run = build(recipe, tmp_path / "run")
        refused = run.rejections().filter(pl.col("reason") == "refused_content").collect()
        assert set(refused["stage"]) == {stage}
        assert refused.height == {"questions": least, "traces": 4 * least}[stage]
        assert refused["detail"].str.contains("content management policy").all()
        assert [lines for _, lines in violations(tmp_path / "run").values() if lines] == []

        refusing.set_faults()
        refusing.reset()
        assert equal(run, build(recipe, tmp_path / "run")) == []
        assert refusing.stats().requests == 0
        server.reset()
        run = Builder(Recipe.load(recipe), tmp_path / "run").build(retry_rejected="refused_content")
        assert equal(clean, run) == []
        assert refusing.stats().requests == least
        if role == "tracer":  # questions stand; what is judged comes of the traces
            assert server.stats().requests <= least
        again = refusing.stats().requests + server.stats().requests
        Builder(Recipe.load(recipe), tmp_path / "run").build(retry_rejected="all")
        assert refusing.stats().requests + server.stats().requests == again


def test_a_check_that_was_refused_is_asked_again_when_that_is_wanted(tmp_path: Path, server: Server) -> None:
    """The question is rejected by that check in the server's words; asked again it is what it would have been."""
    server.set_faults()
    with model_server(Script(answers="lexical"), Shape(slots=16)) as refusing:
        engine = {"kind": "openai", "model": "simulated", "urls": [server.url]}
        engines = dict.fromkeys(("writer", "reader", "judge", "tracer"), engine)
        engines["reader"] = {**engine, "urls": [refusing.url]}
        recipe = write_recipe(write_corpus(tmp_path), engines=engines, traces={"samples": 4, "engine": "tracer"})
        clean = build(recipe, tmp_path / "clean")
        refusing.reset()
        refusing.set_faults("refused:1")
        run = build(recipe, tmp_path / "run")
        refused = run.questions().filter(pl.col("rejected_by") == "closed_book").collect()
        assert refused.height > 0
        assert "the reader refused: refused_content: " in refused["checks"][0][-1]["detail"]
        refusing.set_faults()
        again = Builder(Recipe.load(recipe), tmp_path / "run").build(retry_rejected="refused_content")
        assert equal(clean, again) == []


def test_what_it_cost_is_said_when_it_is_built_and_ever_after(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the end of the build and by `status`, the same: what the server's own counts make of the prices."""
    server.set_faults()
    server.reset()
    recipe = recipe_of(tmp_path, server.url, prices={"input": 2000.0, "cached": 500.0, "output": 8000.0})
    said = []
    for command in (["build", str(recipe), "--out", str(tmp_path / "run")], ["status", str(tmp_path / "run")]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 0
        said.append(re.findall(r"([\d,.]+) spent$", capsys.readouterr().out, re.MULTILINE)[-1])
    assert said[0] == said[1]
    run = Run.open(str(tmp_path / "run"))
    spent = sum((each for state in run.states() for each in state.spent.values()), Spent())
    stats = server.stats()
    assert (spent.prompt_tokens, spent.completion_tokens) == (stats.prompt_tokens, stats.completion_tokens)
    money = 2 * (stats.prompt_tokens - spent.cached_tokens) + spent.cached_tokens / 2 + 8 * stats.completion_tokens
    assert float(said[0].replace(",", "")) == pytest.approx(money / 1e3, abs=0.01)
