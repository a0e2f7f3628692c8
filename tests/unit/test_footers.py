"""Packed footers: they say what a table says, and nothing is lost with them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longhop.footers import footer_name, packed, unpacked
from longhop.records import Document
from longhop.storage import RunFolder
from tests.unit.test_storage import document

NAME = "documents/f/part-00000.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Documents in ten row groups."""
    folder = RunFolder(str(tmp_path))
    folder.write_part("documents", "f", 0, (document(n, f"{n} " + "x" * 40_000) for n in range(10)), Document)
    return folder


def titles(folder: RunFolder) -> list[str]:
    """Ids of the documents in the row groups 7, 0 and 3, as contexts read them."""
    read = folder.read_groups_of(lambda part: f"documents/f/part-{part:05}.parquet", ["document_id"])
    return [name for group in (7, 0, 3) for name in read(0, group)["document_id"].to_pylist()]


def test_a_footer_says_what_its_table_says(folder: RunFolder) -> None:
    """It is as the table's own, and much smaller."""
    table = folder.local_path / NAME
    data = folder.read_bytes(footer_name(NAME))
    assert data == packed(table)
    found, own = unpacked(data), pq.read_metadata(table)
    assert found is not None
    assert found.to_dict() == own.to_dict() | {"serialized_size": found.serialized_size}
    assert own.num_row_groups == 10
    assert len(data) < own.serialized_size / 3


def test_row_groups_are_found_through_it(folder: RunFolder) -> None:
    """The footer of the table is not read: one that is gone is not missed."""
    assert titles(folder) == ["7", "0", "3"]
    table = folder.local_path / NAME
    table.write_bytes(table.read_bytes()[: -pq.read_metadata(table).serialized_size - 8])
    assert titles(folder) == ["7", "0", "3"]


def test_without_it_the_table_is_asked(folder: RunFolder) -> None:
    """Missing, cut short anywhere, or something else altogether."""
    whole = packed(folder.local_path / NAME)
    for data in (b"no zstd", b"PAR1", *(whole[:size] for size in (0, 4, 60, len(whole) - 1))):
        folder.write_bytes(footer_name(NAME), data)
        assert unpacked(data) is None
        assert titles(folder) == ["7", "0", "3"]
    folder.remove(footer_name(NAME))
    assert unpacked(None) is None
    assert titles(folder) == ["7", "0", "3"]


def test_it_goes_with_its_part(folder: RunFolder) -> None:
    """A part that is removed leaves nothing."""
    folder.remove_part("documents", "f", 0)
    assert folder.files("documents/f/*") == []


def test_only_documents_have_one(tmp_path: Path) -> None:
    """Other tables are read whole."""
    folder = RunFolder(str(tmp_path))
    folder.write_table("other.parquet", pa.table({"a": [1]}))
    assert [Path(file).name for file in folder.files("*")] == ["other.parquet"]
