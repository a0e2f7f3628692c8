"""A build ends with its report."""

from pathlib import Path

import pytest

from longhop import Run
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe(write_corpus(tmp_path_factory.mktemp("report")))


def published(run: Run) -> int:
    left_out = run.rejections().collect().filter(stage="dataset").height
    return run.examples().collect().height - left_out


def test_a_build_ends_with_a_report(recipe: Path, tmp_path: Path) -> None:
    """It tells the finished dataset, stays as it is while nothing changes, and comes back where it was deleted."""
    run = build(recipe, tmp_path / "run")
    file = tmp_path / "run" / "report.html"
    page = file.read_text(encoding="utf-8")
    assert f'<dd id="n-examples">{published(run):,}</dd>' in page
    assert 'id="unfinished"' not in page
    assert "serve to try the pipeline, not to train" in page
    file.write_text("mine", encoding="utf-8")
    build(recipe, tmp_path / "run")
    assert file.read_text(encoding="utf-8") == "mine"
    file.unlink()
    build(recipe, tmp_path / "run")
    assert file.read_text(encoding="utf-8") == page


def test_a_run_that_changes_is_reported_anew(recipe: Path, tmp_path: Path) -> None:
    """After a change that makes other rows, the report is that of the new dataset."""
    build(recipe, tmp_path / "run")
    run = build(recipe, tmp_path / "run", "dataset.examples=1")
    assert published(run) == 1
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert '<dd id="n-examples">1</dd>' in page
    assert "beyond examples" in page
