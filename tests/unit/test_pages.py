"""Pages of texts: where they lie, and that any of them, put together, are read."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longhop.pages import ABOUT, pages_of, texts
from longhop.records import Document
from longhop.storage import RunFolder
from tests.unit.test_storage import document

LENGTHS = (40_000, 3, 900, 7_000, 60_000, 20, 20, 15_000, 16_384, 1)
"""Of ten documents: some fill a page, some share one."""


def letters(number: int, length: int) -> str:
    return "".join(random.Random(number).choices("abcdefghij \nà的", k=length))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four of each length, in two row groups."""
    folder = RunFolder(str(tmp_path))
    rows = (document(n, letters(n, length)) for n, length in enumerate(LENGTHS * 4))
    folder.write_part("documents", "f", 0, rows, Document)
    path = folder.local_path / "documents/f/part-00000.parquet"
    assert pq.read_metadata(path).num_row_groups == 2
    return path


def test_each_text_is_found(table: Path) -> None:
    """Every page read alone holds the texts that it is said to hold, in their order."""
    data = table.read_bytes()
    with table.open("rb") as file:
        places = pages_of(file).to_pylist()
    whole = pq.read_table(table).to_pylist()
    assert [{name: row[name] for name in ABOUT} for row in places] == [
        {name: row[name] for name in ABOUT} for row in whole
    ]
    pages = list(dict.fromkeys((row["page"], row["page_bytes"]) for row in places))
    assert len(pages) < len(places)
    held = [[row["text"] for row, place in zip(whole, places, strict=True) if place["page"] == at] for at, _ in pages]
    for (at, size), own in zip(pages, held, strict=True):
        assert texts([data[at : at + size]], len(own)) == own
    assert max(map(len, held)) > 1
    # A page ends with the text that fills it, so that nothing comes behind one that is long.
    assert all(len(text) < 2_048 for own in held for text in own[:-1])


def test_pages_are_read_together(table: Path) -> None:
    """In any order, of any tables, also twice."""
    with table.open("rb") as file:
        places = pages_of(file).to_pylist()
    data = table.read_bytes()
    whole = pq.read_table(table)["text"].to_pylist()
    held: dict[tuple[int, int], list[str]] = {}
    for text, place in zip(whole, places, strict=True):
        held.setdefault((place["page"], place["page_bytes"]), []).append(text)
    chosen = random.Random(3).choices(list(held), k=30)
    wanted = [text for page in chosen for text in held[page]]
    assert texts([data[at : at + size] for at, size in chosen], len(wanted)) == wanted


def test_tables_of_single_documents_a_group_are_read_too(table: Path) -> None:
    """As an earlier version wrote them."""
    rows = pq.read_table(table)
    how = {"compression": "zstd", "use_dictionary": False, "write_statistics": ["document_id"]}
    with pq.ParquetWriter(table, rows.schema, **how) as writer:
        for at in range(rows.num_rows):
            writer.write_table(rows.slice(at, 1))
    with table.open("rb") as file:
        places = pages_of(file).to_pylist()
    data = table.read_bytes()
    pages = [data[place["page"] : place["page"] + place["page_bytes"]] for place in places]
    assert texts(pages, len(pages)) == rows["text"].to_pylist()


def test_what_is_no_page_is_refused(table: Path) -> None:
    """Cut short, of other rows, anything else; never a text that is another."""
    with table.open("rb") as file:
        place = pages_of(file).to_pylist()[0]
    page = table.read_bytes()[place["page"] : place["page"] + place["page_bytes"]]
    [text] = texts([page], 1)
    assert text == letters(0, 40_000)
    for data, rows in ((page[:-1], 1), (page[:40], 1), (page, 2), (b"x" * 100, 1), (b"", 1)):
        with pytest.raises((pa.ArrowInvalid, OSError)):
            texts([data], rows)


@pytest.mark.parametrize("how", [{}, {"use_dictionary": False}, {"use_dictionary": False, "data_page_version": "2.0"}])
def test_tables_of_others_are_refused(table: Path, how: dict[str, Any]) -> None:
    """Pages with dictionaries cannot stand alone; those with statistics have long headers; others look otherwise."""
    rows = pq.read_table(table)
    pq.write_table(rows, table, compression="zstd", **how)
    with table.open("rb") as file, pytest.raises(pa.ArrowInvalid, match="page"):
        pages_of(file)


def test_a_page_that_changed_is_refused(table: Path) -> None:
    """Whatever bytes change in it: never another text."""
    with table.open("rb") as file:
        place = pages_of(file).to_pylist()[0]
    page = table.read_bytes()[place["page"] : place["page"] + place["page_bytes"]]
    chance = random.Random(4)
    refused = 0
    for _ in range(300):
        changed = bytearray(page)
        for at in chance.sample(range(chance.choice((60, len(page)))), chance.choice((1, 3))):
            changed[at] ^= chance.randrange(1, 256)
        try:
            found = texts([bytes(changed)], 1)
        except (pa.ArrowInvalid, OSError):
            refused += 1
        else:
            assert found == [letters(0, 40_000)]
    assert refused > 200


def test_headers_that_changed_are_refused(table: Path) -> None:
    """Where the pages are looked for anew: soon, and with a reason."""
    whole = table.read_bytes()
    with table.open("rb") as file:
        right = pages_of(file)
    chance = random.Random(5)
    for _ in range(300):
        changed = bytearray(whole)
        place = chance.choice(right["page"].to_pylist())
        changed[place + chance.randrange(30)] = chance.randrange(256)
        table.write_bytes(changed)
        with table.open("rb") as file, contextlib.suppress(pa.ArrowInvalid, OSError):
            assert pages_of(file).equals(right)
