"""A whole recipe through the engine `vllm`: the reader and the judge are real vLLM with a model of random weights."""

from pathlib import Path

import polars as pl
import pytest

from longhop import Builder, Recipe
from tests.integration.corpus import write_corpus, write_recipe
from tests.invariants import violations
from tests.vllm.conftest import ARGS, COMMAND

pytestmark = pytest.mark.timeout(900)  # servers that start on a busy machine
SAMPLES = 8


@pytest.mark.usefixtures("servers")
def test_a_recipe_is_built_with_servers_that_longhop_starts(
    tiny_model: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight samples a question, each of its own; what the model says is noise, and every sample is accounted for."""
    served = {"kind": "vllm", "model": str(tiny_model), "args": list(ARGS), "command": list(COMMAND), "replicas": 2}
    recipe = write_recipe(
        write_corpus(tmp_path),
        tokenizer=str(tiny_model / "tokenizer.json"),
        contexts={"lengths": {"4k": 2}, "reuse": 4, "part_size": 1},
        checks={"engine": "writer", "bridge_masked": False},
        traces={"samples": SAMPLES, "max_tokens": 48},
        selection={"must_match_reference": False},
        engines={"writer": {"kind": "lexical"}, "reader": served, "judge": served},
    )
    monkeypatch.setenv("LONGHOP_WORK", str(work))
    builder = Builder(Recipe.load(recipe), tmp_path / "run")
    builder.check()
    run = builder.build(workers=2)
    traces = run.traces().collect()
    accepted = run.questions().filter("accepted").collect().height
    refused = run.rejections().filter(pl.col("stage") == "traces").collect()
    assert accepted > 0
    assert refused.is_empty()
    assert traces.height == SAMPLES * accepted
    assert traces.group_by("question_id").agg(pl.col("content").n_unique())["content"].min() == SAMPLES
    assert traces["model"].unique().to_list() == [str(tiny_model)]
    assert {name: lines for name, (_, lines) in violations(tmp_path / "run").items() if lines} == {}
