"""Properties of tables: whatever is damaged in a file, it ends as documents and rejections, or as one error."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from longhop.errors import SourceError
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem
from longhop.sources.tables import columns_of, read_jsonl, read_parquet

ROWS = [f"Row {number} tells of rain." for number in range(30)]


def parquet() -> bytes:
    """Three row groups."""
    target = io.BytesIO()
    pq.write_table(pa.table({"text": ROWS, "title": ROWS}), target, row_group_size=10)
    return target.getvalue()


PARQUET = parquet()


def read(data: bytes, name: str) -> list[RawDocument | Rejection]:
    """All that a table gives."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        item = SourceItem(kind="book", format="", path=name, location=str(path), sha="", size=1, title="title")
        try:
            columns_of(path)
        except SourceError as error:
            assert str(path) in str(error)  # noqa: PT017 - it need not be raised
        return list(read_parquet(item) if name.endswith("parquet") else read_jsonl(item))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(PARQUET) - 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4))
def test_damaged_parquet_gives_rows_and_rejections(damage: list[tuple[int, bytes]]) -> None:
    """Bytes anywhere in the file: pages, statistics, footer."""
    data = bytearray(PARQUET)
    for place, new in damage:
        data[place : place + len(new)] = new
    for row in read(bytes(data), "a.parquet"):
        assert (row.source if isinstance(row, RawDocument) else row.item_id).startswith("a.parquet")


@settings(deadline=None)
@given(st.integers(0, 29), st.binary(max_size=20).filter(lambda line: not set(line) & set(b"\n")))
def test_a_damaged_line_leaves_the_others(place: int, line: bytes) -> None:
    """Any bytes in the place of one row: that row gives at most one result, all others are read."""
    lines = [json.dumps({"text": text}).encode() for text in ROWS]
    lines[place] = line
    rows = read(b"\n".join(lines), "a.jsonl")
    assert [row.text for row in rows if isinstance(row, RawDocument)] == [*ROWS[:place], *ROWS[place + 1 :]]
    assert len(rows) == 29 + bool(line.strip())
