"""A dataset folder that is not what its card says, or whose licences forbid it, does not leave the house."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from longhop.errors import PublishError
from longhop.publish.audit import check_folder, license_problems, schema_problems
from tests.pushing import licensed_dataset

DEFAULT = "data/default/test-00000-of-00001.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return licensed_dataset(tmp_path / "dataset")


def change(path: Path, make: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(make(pq.read_table(path)), path)


def test_what_was_written_is_in_order(folder: Path) -> None:
    """And a card that somebody mended by hand is, too."""
    check_folder(folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(card + "\nMore words.\n", encoding="utf-8")
    check_folder(folder)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda table: table.drop_columns(["answer"]), "lacks the column answer"),
        (lambda table: table.set_column(0, "question_id", pa.array([1] * len(table))), "question_id is int64"),
        (
            lambda table: table.set_column(
                0, "question_id", pc.if_else([True] + [False] * (len(table) - 1), None, table[0])
            ),
            "column question_id is null in 1 rows",
        ),
    ],
)
def test_rows_that_are_no_records_are_refused(folder: Path, make: Callable[[pa.Table], pa.Table], said: str) -> None:
    """A column that is missing, of another type, or null where a record has a value."""
    change(folder / DEFAULT, make)
    with pytest.raises(PublishError, match="rows are not what the card and the schema say"):
        check_folder(folder)
    assert [problem for problem in schema_problems(folder) if problem.startswith(DEFAULT) and said in problem]


def test_files_and_card_must_agree(folder: Path) -> None:
    """Declared and missing, there and not declared, damaged, with other columns than its neighbour."""
    (folder / "data/contexts/train-00000-of-00001.parquet").unlink()
    (folder / "data/extra").mkdir()
    (folder / "data/extra/train-0.parquet").write_bytes((folder / DEFAULT).read_bytes())
    (folder / DEFAULT).write_bytes((folder / DEFAULT).read_bytes()[:-20])
    one = folder / "data/traces/train-00000-of-00001.parquet"
    change(one, lambda table: table.append_column("more", pa.array([1] * len(table))))
    problems = schema_problems(folder)
    assert "README.md: declares data/contexts/train-*.parquet for contexts, and there is no such file" in problems
    assert "data/extra/train-0.parquet: no configuration of README.md has it" in problems
    assert (
        "data/traces/train-00000-of-00001.parquet: has other columns than the first file of its configuration"
        in problems
    )
    assert any(problem.startswith(f"{DEFAULT}: is no whole Parquet file") for problem in problems)


@pytest.mark.parametrize(
    "head", ["", "# no head\n", "---\n: [\n---\n", "---\n- a list\n---\n", "---\nlicense: mit\n---\n"]
)
def test_a_card_without_a_head_is_said(folder: Path, head: str) -> None:
    """So that nobody pushes what the Hub would not load."""
    (folder / "README.md").write_text(head, encoding="utf-8")
    assert any("README.md" in problem for problem in schema_problems(folder))


@pytest.mark.parametrize(
    ("licence", "said"), [(None, "4 documents which have no licence given"), ("CC-BY-ND-4.0", "no changes")]
)
def test_licences_that_forbid_it_are_refused_unless_somebody_has_looked(
    tmp_path: Path, licence: str | None, said: str
) -> None:
    """With the documents, and the keys that change it."""
    folder = licensed_dataset(tmp_path / "dataset", licence)
    with pytest.raises(PublishError, match="dataset.licenses_checked") as refused:
        check_folder(folder)
    assert said in str(refused.value)
    assert "books/lantern.txt" in str(refused.value)
    check_folder(folder, licenses_checked=True)


def test_the_licence_of_the_card_counts(tmp_path: Path) -> None:
    """Also one that the Hub has no name for."""
    folder = licensed_dataset(tmp_path / "dataset", "CC-BY-SA-4.0")
    assert "asks for cc-by-sa, not cc0-1.0" in license_problems(folder)[0]
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8")
    card.write_text(
        text.replace("license: cc0-1.0", "license: other\nlicense_name: cc-by-sa-4.0-own"), encoding="utf-8"
    )
    assert license_problems(folder) == []


def test_a_folder_without_a_dataset_is_said(tmp_path: Path) -> None:
    """One sentence."""
    with pytest.raises(PublishError, match="no dataset here; build the run to its end first"):
        check_folder(tmp_path)
