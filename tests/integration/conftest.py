"""What the integration tests share."""

from pathlib import Path

import polars as pl
import pytest

from longhop import Builder, Recipe, Run

TABLES = ("documents", "plan", "contexts", "questions", "traces", "verdicts", "examples", "rejections")
KEYS = {
    "documents": ["document_id"],
    "plan": ["document_id"],
    "contexts": ["context_id"],
    "questions": ["question_id"],
    "traces": ["trace_id"],
    "verdicts": ["trace_id"],
    "examples": ["question_id"],
    "rejections": ["stage", "item_id", "reason"],
}


def tables(run: Run) -> dict[str, pl.DataFrame]:
    """All tables of a run, rows sorted by their ids."""
    return {name: getattr(run, name)().collect().sort(KEYS[name]) for name in TABLES}


def equal(one: Run, two: Run) -> list[str]:
    """Names of the tables that differ."""
    first, second = tables(one), tables(two)
    return [name for name in TABLES if not first[name].equals(second[name])]


def build(recipe: Path, out: Path | str, *overrides: str, workers: int = 1, refresh: bool = False) -> Run:
    """Build in this process."""
    return Builder(Recipe.load(recipe, overrides), out).build(workers, refresh=refresh)


@pytest.fixture(autouse=True)
def _no_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches of the tests are their own."""
    monkeypatch.setenv("LONGHOP_CACHE", str(tmp_path_factory.mktemp("cache")))
