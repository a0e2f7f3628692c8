"""One question on one page."""

import polars as pl
import pytest

from longhop import Run
from longhop.errors import StorageError
from longhop.view import question_page
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("view")
    return build(write_recipe(write_corpus(folder)), folder / "run")


def test_an_example_shows_evidence_checks_traces_and_the_choice(run: Run) -> None:
    """All of it, with the chosen trace marked once."""
    example = run.examples().collect().sort("question_id").row(0, named=True)
    page = list(question_page(run, example["question_id"], 90))
    text = "\n".join(page)
    assert max(map(len, page)) <= 200
    assert f"answer     {example['reference_answer']}" in text
    assert text.count(">>") == text.count("<<") == len(example["evidence"])
    assert sum(line.startswith("* sample") for line in page) == 1
    assert sum(line.lstrip("* ").startswith("sample") for line in page) == 4
    assert f"{example['votes']} of 4 samples agree" in " ".join(text.split())


def test_a_rejected_question_says_which_check_it_failed(run: Run) -> None:
    """And what left it out."""
    rejected = run.questions().filter(~pl.col("accepted")).collect().sort("question_id").row(0, named=True)
    text = "\n".join(question_page(run, rejected["question_id"]))
    assert f"rejected by {rejected['rejected_by']}" in text
    assert f"FAILED  {rejected['rejected_by']}" in text
    assert f"Left out by questions: {rejected['rejected_by']}." in text


def test_the_beginning_of_an_id_is_enough_when_it_is_unique(run: Run) -> None:
    """Too short or unknown ones are said, with an id that exists."""
    name = run.questions().collect()["question_id"][0]
    assert list(question_page(run, name[:12])) == list(question_page(run, name))
    with pytest.raises(StorageError, match="no question begins with 'zz'; give an id, such as"):
        list(question_page(run, "zz"))
    with pytest.raises(StorageError, match="questions begin with ''"):
        list(question_page(run, ""))
