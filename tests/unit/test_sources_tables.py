"""Tables as sources: JSON Lines, Parquet, datasets."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem, list_source, read_item, tables


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGHOP_CACHE", str(tmp_path_factory.mktemp("cache")))


def results(source: Source) -> list[RawDocument | Rejection]:
    """All that a source gives."""
    found: list[RawDocument | Rejection] = []
    for entry in list_source(source):
        found += [entry] if isinstance(entry, Rejection) else list(read_item(entry))
    return found


def test_rows_of_json_lines_are_documents(tmp_path: Path) -> None:
    """One document a row, with text and title from the named columns; rows that give none are rejections."""
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"body": "Rain.\\r\\n", "name": "One"}\n\n{"body": null}\n{oops\n[1]\n{"body": " "}\n{"body": "Snow"}\n'
    )
    rows = results(Source(kind="book", path=str(path), text="body", license="CC0-1.0"))
    assert [row.reason if isinstance(row, Rejection) else row.text for row in rows] == [
        "Rain.",
        "no_text",
        "malformed",
        "malformed",
        "empty",
        "Snow",
    ]
    assert isinstance(rows[0], RawDocument)
    assert (rows[0].source, rows[0].title, rows[0].license) == ("rows.jsonl#0", "rows.jsonl#0", "CC0-1.0")


def test_rows_of_parquet_are_documents(tmp_path: Path) -> None:
    """Parquet files of a pattern, with titles."""
    for name in ("a", "b"):
        pq.write_table(
            pa.table({"text": [f"{name} one", f"{name} two"], "t": ["T", None]}), tmp_path / f"{name}.parquet"
        )
    rows = results(Source(kind="paper", path=str(tmp_path / "*.parquet"), title="t"))
    assert [row.text for row in rows if isinstance(row, RawDocument)] == ["a one", "a two", "b one", "b two"]
    assert [row.title for row in rows if isinstance(row, RawDocument)] == ["T", "a.parquet#1", "T", "b.parquet#1"]


def test_a_missing_column_names_those_there_are(tmp_path: Path) -> None:
    """A column that a recipe names and a table lacks is an error of the source; in a folder, a rejection."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"body": "x", "name": "y"}\n')
    with pytest.raises(SourceError, match=r"no column `text`\. It has: `body`, `name`\. Name the columns"):
        results(Source(kind="book", path=str(path)))
    (tmp_path / "a.txt").write_text("Rain.")
    rejections = [row for row in results(Source(kind="book", path=str(tmp_path))) if isinstance(row, Rejection)]
    assert [(row.item_id.rpartition("/")[2], row.reason) for row in rejections] == [("rows.jsonl", "no_text")]


@pytest.mark.parametrize(("name", "content"), [("a.parquet", b"PAR1 not"), ("a.jsonl", b"{oops")])
def test_a_damaged_table_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that is no table is an error with its path."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=rf"{name}: no readable table"):
        results(Source(kind="book", path=str(tmp_path / name)))


def test_a_hub_dataset_is_one_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are streamed at the commit that was listed; a missing column is an error."""
    asked: list[str | None] = []

    def load(_: SourceItem, revision: str | None = None) -> list[dict[str, object]]:
        asked.append(revision)
        return [{"text": "Rain.", "title": "One"}, {"text": "Snow.", "title": None}]

    class Info:
        sha = "abc123"

    monkeypatch.setattr(tables, "_load", load)
    monkeypatch.setattr("huggingface_hub.HfApi.dataset_info", lambda *_, **__: Info)
    (item,) = list_source(Source(kind="book", dataset="org/books", title="title"))
    assert isinstance(item, SourceItem)
    assert (item.format, item.sha, item.path) == ("hub", "abc123", "org/books/train")
    rows = list(read_item(item))
    assert [row.title for row in rows if isinstance(row, RawDocument)] == ["One", "train#1"]
    assert asked == [None, "abc123"]
    with pytest.raises(SourceError, match="no column `body`. It has: `text`, `title`"):
        list(list_source(Source(kind="book", dataset="org/books", text="body")))


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset that cannot be had names the way without a connection."""

    def offline(*_: object, **__: object) -> None:
        raise ConnectionError("no route to the Hub")

    monkeypatch.setattr("datasets.load_dataset", offline)
    with pytest.raises(SourceError, match=r"org/books: cannot be had \(no route to the Hub\).* as `path` instead"):
        list(list_source(Source(kind="book", dataset="org/books")))
