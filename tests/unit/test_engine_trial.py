"""A check asks servers a first short question: whether they answer, and whether they reason."""

from pathlib import Path
from typing import Any

import pytest

from longhop import Recipe
from longhop.checking import CheckReport, check_recipe
from longhop.engines import trial
from longhop.errors import EngineError
from tests.integration.corpus import write_corpus, write_recipe
from tests.model_server import Script, model_server


def checked(folder: Path, script: Script, *faults: str, reasoning: str = "native", **engine: Any) -> CheckReport:
    """What a check says of the small recipe, whose reader is a simulated server."""
    with model_server(script, faults=faults) as server:
        reader = {"kind": "openai", "model": "simulated", "urls": [server.url], **engine}
        recipe = write_recipe(write_corpus(folder), engines={**LEXICAL, "reader": reader})
        return check_recipe(Recipe.load(recipe, [f"traces.reasoning={reasoning}"]), str(folder / "run"))


LEXICAL = {role: {"kind": "lexical"} for role in ("writer", "judge")}


@pytest.mark.parametrize("form", ["reasoning_content", "think", "think_unopened"])
def test_a_model_that_reasons_is_in_order(tmp_path: Path, form: Any) -> None:
    """In whatever form its reasoning comes."""
    report = checked(tmp_path, Script(reasoning=form))
    assert (report.problems, report.notes) == ([], [])


def test_native_reasoning_that_does_not_come_is_refused(tmp_path: Path) -> None:
    """With what to set; where it is asked for in the open, such a model is in order."""
    (tmp_path / "open").mkdir()
    (problem,) = checked(tmp_path, Script(reasoning="none")).problems
    assert isinstance(problem, EngineError)
    assert "engines.reader: simulated gives no reasoning of its own" in str(problem)
    assert "set traces.reasoning: prompted" in str(problem)
    assert checked(tmp_path / "open", Script(reasoning="none"), reasoning="prompted").problems == []


@pytest.mark.parametrize("fault", ["html:1:99", "truncated:1:99"])
def test_a_chat_that_gives_no_answers_is_found(tmp_path: Path, fault: str) -> None:
    """Though the list of models is fine."""
    (problem,) = checked(tmp_path, Script(), fault).problems
    assert str(problem).startswith("engines.reader: ")


def test_a_server_that_is_busy_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, as it may also hang."""
    monkeypatch.setattr(trial, "SECONDS", 1.0)
    monkeypatch.setattr("longhop.checking.SECONDS", 1.0)
    report = checked(tmp_path, Script(), "429:1:99")
    assert report.problems == []
    assert report.notes == ["engines.reader: no answer to a short question within 1 s"]
