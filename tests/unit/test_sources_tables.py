"""Tables as sources: JSON Lines, Parquet, datasets."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


def reasons(rows: list[RawDocument | Rejection]) -> list[tuple[str, str]]:
    """Text or reason of each row, with the row's name."""
    return [(r.item_id, r.reason) if isinstance(r, Rejection) else (r.source, r.text) for r in rows]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"text": "caf\xe9"}', r"line 2 is no UTF-8 \(byte 0xe9\)"),
        (b'{"text": "x", "\xff": 1}', r"line 2 is no UTF-8 \(byte 0xff\)"),
        (b'{"text": "x", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "line 2 is nested too deep"),
        (b"[" * 100_000, "line 2 is nested too deep"),
        (b'{"text": "\\ud800"}', "line 2 is no JSON "),
        (b'["text"]', "line 2 is no JSON object"),
    ],
)
@pytest.mark.parametrize("first", [b'{"text": "Rain."}', b'{"note": "no text here"}'])
def test_a_damaged_row_is_a_rejection_with_its_line(tmp_path: Path, first: bytes, line: bytes, said: str) -> None:
    """Bytes that are no UTF-8 and rows that are nested too deep are told with their line; the other rows live."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join([first, line, b'{"text": "Snow."}']))
    rows = results(Source(kind="book", path=str(path)))
    assert reasons(rows)[1:] == [("rows.jsonl#1", "malformed"), ("rows.jsonl#2", "Snow.")]
    assert isinstance(rows[1], Rejection)
    assert re.match(said, rows[1].detail)


@pytest.mark.parametrize(
    "first", [b"{oops", b'["text"]', b"7", b'{"note": "x"}', b"{}", b'{"\xff": 1}', b"[" * 100_000]
)
def test_a_bad_first_row_does_not_discard_the_file(tmp_path: Path, first: bytes) -> None:
    """Which columns there are is said by all rows, not by the first; in a folder and as a file."""
    (tmp_path / "rows.jsonl").write_bytes(first + b'\n{"text": "Rain.", "title": "One"}\n')
    for path in (tmp_path, tmp_path / "rows.jsonl"):
        rows = results(Source(kind="book", path=str(path), title="title"))
        assert [isinstance(row, Rejection) for row in rows] == [True, False]


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    (tmp_path / "rows.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "Rain."}\n')
    assert reasons(results(Source(kind="book", path=str(tmp_path / "rows.jsonl")))) == [("rows.jsonl#0", "Rain.")]


def test_a_column_of_no_texts_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Where the named column holds numbers, another was meant; where it is empty, nothing is to be done."""
    (tmp_path / "rows.jsonl").write_text('{"text": 1, "body": "Rain."}\n{"text": null}\n')
    details = [
        row.detail
        for row in results(Source(kind="book", path=str(tmp_path / "rows.jsonl")))
        if isinstance(row, Rejection)
    ]
    assert details == [
        "column `text` holds int; the row has 'text', 'body'; name a column of texts with `text:`",
        "column `text` holds nothing; the row has 'text'",
    ]


def test_a_table_without_one_row_says_what_the_first_line_lacks(tmp_path: Path) -> None:
    """An error of the file itself, a rejection in a folder, both with the line."""
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe{\0\n[1]\n")
    (tmp_path / "b.txt").write_text("Rain.")
    said = r"no readable table \(no line holds a row; line 1 is no "
    with pytest.raises(SourceError, match=rf"a\.jsonl: {said}"):
        results(Source(kind="book", path=str(tmp_path / "a.jsonl")))
    (damaged, _) = results(Source(kind="book", path=str(tmp_path)))
    assert isinstance(damaged, Rejection)
    assert damaged.reason == "malformed"
    assert re.match(said, damaged.detail)


def test_columns_are_those_of_all_rows_until_the_wanted_are_found(tmp_path: Path) -> None:
    """A column that only a late row has is one; of very many the message names some."""
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{oops\n{"b": 1, "a": 2}\n{"c": 1}\n')
    assert tables.columns_of(path) == ["a", "b", "c"]
    assert tables.columns_of(path, ["a"]) == ["a"]
    assert tables.columns_of(path, ["b", "a"]) == ["a", "b"]
    path.write_text("".join(f'{{"c{n}": 1}}\n' for n in range(1000)))
    with pytest.raises(SourceError, match=r"It has: `c0`, `c1`, .*`c29` and 970 more\. Name the columns"):
        results(Source(kind="book", path=str(path)))


@pytest.mark.parametrize("name", ["A.PARQUET", "A.Parquet", "A.JSONL", "A.NDJSON"])
def test_names_in_upper_case_are_tables_too(tmp_path: Path, name: str) -> None:
    """What a camera, Windows or an archive made of a name."""
    if "PARQUET" in name.upper():
        pq.write_table(pa.table({"text": ["Rain."]}), tmp_path / name)
    else:
        (tmp_path / name).write_text('{"text": "Rain."}\n')
    for path in (tmp_path, tmp_path / name):
        assert [row.text for row in results(Source(kind="book", path=str(path))) if isinstance(row, RawDocument)] == [
            "Rain."
        ]


def parquet(path: Path, texts: list[object]) -> None:
    """Three rows a row group, neither compressed nor as a dictionary, so that a test finds its bytes."""
    table = pa.table({"text": pa.array(texts, pa.binary()).cast(pa.string(), safe=False)})
    pq.write_table(table, path, row_group_size=3, compression="none", use_dictionary=False, write_statistics=False)


def test_a_damaged_row_group_is_a_rejection(tmp_path: Path) -> None:
    """Its rows are told with the file's name and their numbers; those of the other row groups are read."""
    path = tmp_path / "a.parquet"
    parquet(path, [f"Row {n}." for n in range(9)])
    data = bytearray(path.read_bytes())
    offset = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data[offset : offset + 8] = b"\xff" * 8
    path.write_bytes(data)
    rows = results(Source(kind="book", path=str(path)))
    assert reasons(rows) == [
        *[(f"a.parquet#{n}", f"Row {n}.") for n in range(3)],
        ("a.parquet#3", "malformed"),
        *[(f"a.parquet#{n}", f"Row {n}.") for n in range(6, 9)],
    ]
    assert isinstance(rows[3], Rejection)
    assert rows[3].detail.startswith("row group 2 of 3, rows 4 to 6: not readable as Parquet (")


def test_a_row_of_parquet_that_is_no_text_is_a_rejection(tmp_path: Path) -> None:
    """Parquet does not look whether its text is UTF-8; whoever wrote the file may not have, either."""
    path = tmp_path / "a.parquet"
    parquet(path, [b"Row 0.", b"caf\xe9", b"Row 2.", b"Row 3."])
    rows = results(Source(kind="book", path=str(path)))
    assert reasons(rows) == [
        ("a.parquet#0", "Row 0."),
        ("a.parquet#1", "malformed"),
        ("a.parquet#2", "Row 2."),
        ("a.parquet#3", "Row 3."),
    ]
    assert isinstance(rows[1], Rejection)
    assert rows[1].detail.startswith("row 2 is no UTF-8 (byte 0xe9)")


def test_a_parquet_file_that_cannot_be_opened_is_a_rejection(tmp_path: Path) -> None:
    """A file is listed, and damaged in place afterwards: whoever reads it is told, nobody sees a traceback."""
    path = tmp_path / "a.parquet"
    parquet(path, [b"Rain."])
    (item,) = list_source(Source(kind="book", path=str(path)))
    assert isinstance(item, SourceItem)
    path.write_bytes(path.read_bytes()[:-6] + b"\xff\xffPAR1")
    (row,) = tables.read_parquet(item)
    assert isinstance(row, Rejection)
    assert (row.item_id, row.reason) == ("a.parquet", "malformed")
    assert row.detail.startswith("not readable as Parquet (")


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_compressed_json_lines(tmp_path: Path, suffix: str) -> None:
    """By a pattern, in a folder, and as a file; lines keep their numbers."""
    data = b'{"text": "Rain."}\n{oops\n{"text": "Snow."}\n'
    packers: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
        ".zst": zstd,
    }
    packed = packers[suffix](data)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"a.jsonl{suffix}").write_bytes(packed)
    for path in (tmp_path / "in", tmp_path / "in" / f"*.jsonl{suffix}", tmp_path / "in" / f"a.jsonl{suffix}"):
        rows = results(Source(kind="book", path=str(path)))
        assert [text for _, text in reasons(rows)] == ["Rain.", "malformed", "Snow."]
        assert reasons(rows)[2][0].endswith(f"a.jsonl{suffix}#2")


def zstd(data: bytes) -> bytes:
    return pa.compress(data, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_compressed_table_that_is_cut_gives_its_first_rows(tmp_path: Path, suffix: str) -> None:
    """What stands before the cut is read, and the rest is one rejection with its line."""
    line = b'{"text": "Rain %d, and %s."}\n'
    data = b"".join(line % (n, os.urandom(500).hex().encode()) for n in range(500))
    packed = gzip.compress(data) if suffix == ".gz" else zstd(data)
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(packed[: len(packed) // 2])
    rows = results(Source(kind="book", path=str(path)))
    assert len(rows) > 5
    assert all(isinstance(row, RawDocument) for row in rows[:-1])
    assert isinstance(rows[-1], Rejection)
    assert (rows[-1].item_id, rows[-1].reason) == (f"a.jsonl{suffix}#{len(rows) - 1}", "malformed")


def test_rows_say_more_of_themselves(tmp_path: Path) -> None:
    """Columns of the usual names are taken where they are, others where the recipe names them."""
    path = tmp_path / "a.jsonl"
    row = {
        "text": "Rain.",
        "title": "One",
        "by": ["Lee", "Ito"],
        "when": "1905-03-01",
        "language": "en",
        "license": "MIT",
    }
    path.write_text(json.dumps(row) + "\n" + json.dumps({"text": "Snow."}) + "\n")
    first, second = results(Source(kind="book", path=str(path), author="by", year="when"))
    assert isinstance(first, RawDocument)
    assert isinstance(second, RawDocument)
    said = (first.title, first.author, first.year, first.language, first.license)
    assert said == ("One", "Lee, Ito", 1905, "en", "MIT")
    assert (second.title, second.author, second.year, second.language, second.license) == ("a.jsonl#1", *[None] * 4)
    with pytest.raises(SourceError, match="no column `writer`. It has: `text`, `title`, `by`"):
        results(Source(kind="book", path=str(path), author="writer"))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({}, "MIT"),
        ({"license": "CC0-1.0"}, "CC0-1.0"),
        ({"license": "CC0-1.0", "license_column": "license"}, "MIT"),
        ({"license_column": "rights", "license": "CC0-1.0"}, "ISC"),
    ],
)
def test_whose_licence_is_taken(tmp_path: Path, given: dict[str, str], taken: str) -> None:
    """The recipe's for the whole source, unless it names the column."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["Rain."], "license": ["MIT"], "rights": ["ISC"]}), path)
    (row,) = results(Source(kind="book", path=str(path), **given))  # type: ignore[arg-type]
    assert isinstance(row, RawDocument)
    assert row.license == taken


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_only_the_first_rows_are_read(tmp_path: Path, name: str) -> None:
    """As many as the recipe says, over row groups."""
    path = tmp_path / name
    if name == "a.parquet":
        parquet(path, [b"Row %d." % n for n in range(9)])
    else:
        path.write_text("".join(json.dumps({"text": f"Row {n}."}) + "\n" for n in range(9)))
    for rows in (1, 3, 4, 20):
        found = results(Source(kind="book", path=str(path), rows=rows))
        assert [text for _, text in reasons(found)] == [f"Row {n}." for n in range(min(rows, 9))]


def test_a_line_without_an_end_is_no_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of gigabytes is not read whole; those behind it are."""
    monkeypatch.setattr(tables, "MOST_LINE", 1000)
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "Rain."}\n{"text": "' + "x" * 5000 + '"}\n{"text": "Snow."}\n')
    assert [text for _, text in reasons(results(Source(kind="book", path=str(path))))] == [
        "Rain.",
        "malformed",
        "Snow.",
    ]


def test_a_row_group_of_any_size_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows at once where rows are long: all of it would not fit into memory."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [os.urandom(50_000).hex() for _ in range(30)]}), path, row_group_size=30)
    monkeypatch.setattr(tables, "BATCH_BYTES", 250_000)
    sizes: list[int] = []
    real = tables._rows_of_batch

    def rows_of_batch(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
        sizes.append(batch.num_rows)
        return real(batch)

    monkeypatch.setattr(tables, "_rows_of_batch", rows_of_batch)
    assert len(results(Source(kind="book", path=str(path)))) == 30
    assert max(sizes) <= 4
