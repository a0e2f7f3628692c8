"""Tables on object storage as sources: listed with their ETags, read as a stream."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem, list_source, read_item
from tests.s3 import Server, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def place(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty folder on the storage."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{server.bucket}/{tmp_path.name}"


def put(server: Server, url: str, data: bytes) -> None:
    server.client().pipe_file(url, data)


def parquet(**columns: list[object]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, row_group_size=2, compression="none", use_dictionary=False)
    return file.getvalue()


def lines(*texts: str) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def listed(source: Source) -> list[SourceItem | Rejection]:
    """Through JSON, as in a run."""
    entries = list(list_source(source))
    return [
        entry if isinstance(entry, Rejection) else msgspec.json.decode(msgspec.json.encode(entry), type=SourceItem)
        for entry in entries
    ]


def read(entries: list[SourceItem | Rejection]) -> list[str]:
    results = (
        result for entry in entries for result in ([entry] if isinstance(entry, Rejection) else read_item(entry))
    )
    return [result.text if isinstance(result, RawDocument) else result.reason for result in results]


def test_tables_by_a_pattern_a_folder_and_alone(server: Server, place: str) -> None:
    """In the order of their names, with what each is called and where exactly it comes from."""
    put(server, f"{place}/books/a.parquet", parquet(text=["Rain.", "Snow.", "Hail."], title=["R", "S", "H"]))
    put(server, f"{place}/books/b.parquet", parquet(text=["Fog."]))
    put(server, f"{place}/books/sub/c.jsonl.gz", gzip.compress(lines("Dew.", "Ice.")))
    put(server, f"{place}/books/d.jsonl", lines("Wind."))
    put(server, f"{place}/books/notes.txt", b"Not a table.")
    entries = listed(Source(kind="book", path=f"{place}/books/*.parquet"))
    assert [entry.path for entry in entries if isinstance(entry, SourceItem)] == ["books/a.parquet", "books/b.parquet"]
    assert read(entries) == ["Rain.", "Snow.", "Hail.", "Fog."]
    first = entries[0]
    assert isinstance(first, SourceItem)
    assert first.sha == server.client().info(f"{place}/books/a.parquet")["ETag"].strip('"')
    document = list(read_item(first))[1]
    assert isinstance(document, RawDocument)
    assert (document.source, document.title) == ("books/a.parquet#1", "S")
    assert document.origin == f"{place}/books/a.parquet@{first.sha}#1"
    whole = read(listed(Source(kind="book", path=f"{place}/books")))
    assert whole == ["Rain.", "Snow.", "Hail.", "Fog.", "Wind.", "unsupported_format", "Dew.", "Ice."]
    assert read(listed(Source(kind="book", path=f"{place}/books/sub/c.jsonl.gz", rows=1))) == ["Dew."]


def test_only_the_columns_and_rows_that_are_wanted_are_fetched(
    server: Server, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of 24 MB, of which the text has some hundred bytes."""
    from s3fs.core import S3File  # noqa: PLC0415

    junk: list[object] = [os.urandom(1_000_000).hex() for _ in range(12)]
    put(server, f"{place}/big.parquet", parquet(text=[f"Rain {n}." for n in range(12)], junk=junk))
    fetched: list[int] = []
    real = S3File._fetch_range

    def fetch_range(self: S3File, start: int, end: int) -> bytes:
        data: bytes = real(self, start, end)
        fetched.append(len(data))
        return data

    monkeypatch.setattr(S3File, "_fetch_range", fetch_range)
    assert read(listed(Source(kind="book", path=f"{place}/big.parquet", rows=2))) == ["Rain 0.", "Rain 1."]
    assert 0 < sum(fetched) < 12_000_000


def test_what_changed_or_vanished_is_not_read(server: Server, place: str) -> None:
    """The run stands for what was listed."""
    put(server, f"{place}/a.jsonl", lines("Rain."))
    put(server, f"{place}/b.jsonl", lines("Snow."))
    entries = listed(Source(kind="book", path=f"{place}/*.jsonl"))
    put(server, f"{place}/a.jsonl", lines("Hail."))
    server.client().rm(f"{place}/b.jsonl")
    assert read(entries) == ["changed", "vanished"]


def test_one_bad_table_stops_no_other(server: Server, place: str) -> None:
    """Damaged, or without the column; alone it is the source's error."""
    put(server, f"{place}/a.parquet", b"PAR1 no")
    put(server, f"{place}/b.jsonl", lines("Rain."))
    put(server, f"{place}/c.parquet", parquet(body=["Snow."]))
    assert read(listed(Source(kind="book", path=place))) == ["malformed", "Rain.", "no_text"]
    with pytest.raises(SourceError, match=r"a\.parquet: no readable table"):
        listed(Source(kind="book", path=f"{place}/a.parquet"))
    with pytest.raises(SourceError, match=r"no column `text`\. It has: `body`"):
        listed(Source(kind="book", path=f"{place}/c.parquet"))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{place}/nothing/*.parquet", "nothing lies there, or nothing matches"),
        ("s3://no-such-bucket-anywhere/a.parquet", "nothing lies there, or nothing matches"),
        ("nosuch://bucket/a.parquet", "Protocol not known"),
        ("https://example.org/repo.git", "Clone it here"),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence(place: str, path: str, said: str) -> None:
    """Which source, what is wrong, what to do."""
    with pytest.raises(SourceError, match=rf"source .*{said}") as raised:
        listed(Source(kind="book", path=path.format(place=place)))
    assert "\n" not in str(raised.value)


def test_a_storage_that_does_not_answer_is_no_rejection(
    server: Server, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While reading, a connection that breaks stops the part, which is built again: no row counts as damaged."""
    from s3fs.core import S3File  # noqa: PLC0415

    put(server, f"{place}/a.parquet", parquet(text=["Rain.", "Snow."]))
    put(server, f"{place}/b.jsonl", lines("Rain."))
    entries = listed(Source(kind="book", path=place))

    def broken(*_: object) -> bytes:
        raise ConnectionResetError("reset by peer")

    monkeypatch.setattr(S3File, "_fetch_range", broken)
    for entry in entries:
        with pytest.raises(SourceError, match="cannot be read now .*reset by peer"):
            read([entry])
