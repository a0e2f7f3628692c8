"""Datasets of the Hub: the real client reads them from a Hub on the loopback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.dataset_hub import DatasetHub

Ask = Callable[..., list[dict[str, Any]]]

# In a process of its own: the client looks for its Hub when it is imported.
SCRIPT = """
import json, sys
from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import Rejection
from longhop.sources import SourceItem, list_source, read_item
import msgspec
asked = json.loads(sys.stdin.read())
for source in asked["sources"]:
    try:
        items = asked["items"] or list(list_source(Source(kind="book", **source)))
        items = msgspec.convert(json.loads(msgspec.json.encode(items)), list[SourceItem])
        rows = [result for item in items for result in read_item(item)] if asked["read"] else []
        print("=" + msgspec.json.encode({"items": items, "rows": rows}).decode())
    except SourceError as error:
        print("=" + json.dumps({"error": str(error)}))
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[DatasetHub]:
    with DatasetHub() as running:
        yield running


@pytest.fixture
def ask(hub: DatasetHub, tmp_path: Path) -> Ask:
    """Lists and reads sources, or reads items that were listed before; one answer a source."""

    def asked(*sources: dict[str, Any], items: list[Any] | None = None, read: bool = True) -> list[dict[str, Any]]:
        own = {"HF_HOME": str(tmp_path / "hf"), "LONGHOP_CACHE": str(tmp_path / "cache")}
        given = json.dumps({"sources": sources or [{}], "items": items, "read": read})
        done = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-c", SCRIPT],
            input=given,
            env={**os.environ, **hub.environment, **own},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr  # also where reading stops early, and threads read ahead
        return [json.loads(line[1:]) for line in done.stdout.splitlines() if line.startswith("=")]

    return asked


def parquet(**columns: list[Any]) -> bytes:
    """A file with small row groups."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, row_group_size=10, compression="none", use_dictionary=False)
    return file.getvalue()


def shards(word: str, count: int = 3, rows: int = 4) -> dict[str, bytes]:
    return {
        f"data/train-{shard:05d}-of-{count:05d}.parquet": parquet(
            text=[f"{word} {shard} {row}." for row in range(rows)], title=[f"T{shard}{row}" for row in range(rows)]
        )
        for shard in range(count)
    }


def test_each_file_is_an_item_at_its_commit(hub: DatasetHub, ask: Ask) -> None:
    """In their order; a branch that moves on changes nothing in what was listed."""
    first = hub.add("org/books", shards("Rain"))
    listed = ask({"dataset": "org/books"}, read=False)[0]["items"]
    assert [(item["path"], item["sha"]) for item in listed] == [(f"org/books/train/{n:05d}", first) for n in range(3)]
    assert all(item["size"] > 100 for item in listed)
    second = hub.add("org/books", shards("Snow"))
    rows = ask(items=listed)[0]["rows"]
    assert [row["text"] for row in rows] == [f"Rain {shard} {row}." for shard in range(3) for row in range(4)]
    assert (rows[5]["source"], rows[5]["title"]) == ("org/books/train/00001#1", "T11")
    assert rows[5]["origin"] == f"org/books@{first}/data/train-00001-of-00003.parquet#1"
    new, old = ask({"dataset": "org/books"}, {"dataset": "org/books", "revision": first})
    assert {item["sha"] for item in new["items"]} == {second}
    assert old["rows"][0]["text"] == "Rain 0 0."


def test_only_what_is_needed_is_read(hub: DatasetHub, ask: Ask) -> None:
    """The first rows: of the files behind them nothing, of the other columns next to nothing."""
    big = {
        f"data/train-{n:05d}-of-00003.parquet": parquet(
            text=[f"Rain {row}." for row in range(100)], picture=[os.urandom(50_000).hex() for _ in range(100)]
        )
        for n in range(3)
    }
    hub.add("org/big", big)
    hub.sent.clear()
    (answer,) = ask({"dataset": "org/big", "rows": 110})
    assert len(answer["rows"]) == 110
    assert [item["rows"] for item in answer["items"]] == [110, 10]
    names = sorted(big)
    assert hub.sent[names[2]] == 0
    assert hub.sent[names[1]] < len(big[names[1]])


def test_other_formats_and_the_first_rows_of_several_files(hub: DatasetHub, ask: Ask) -> None:
    """JSON Lines by our own reader, which rejects row by row; others by the `datasets` library."""
    commits = {
        "org/lines": hub.add("org/lines", {"a.jsonl": b'{"text": "Rain."}\n{"text": 7}\n'}),
        "org/csv": hub.add("org/csv", {"a.csv": b"text,n\nRain.,1\nSnow.,2\nHail.,3\n"}),
        "org/two": hub.add("org/two", {f"{n}.jsonl": b'{"text": "Rain."}\n' * 2 for n in "ab"}),
    }
    for (name, commit), answer in zip(
        commits.items(), ask(*({"dataset": name, "rows": 2} for name in commits)), strict=True
    ):
        assert len(answer["rows"]) == 2, name
        assert answer["rows"][0]["text"] == "Rain."
        assert commit in answer["rows"][0]["origin"]


CARD = b"""---
configs:
- {config_name: en, data_files: [{split: train, path: en.jsonl}, {split: test, path: test.jsonl}]}
- {config_name: de, data_files: de.jsonl}
---
"""


def test_configurations_and_splits(hub: DatasetHub, ask: Ask) -> None:
    """As the card declares them; a wrong or missing one names those that there are."""
    files = {name: f'{{"text": "{name}"}}\n'.encode() for name in ("en.jsonl", "test.jsonl", "de.jsonl")}
    hub.add("org/many", {"README.md": CARD, **files})
    chosen = [{"config": "en", "split": "test"}, {}, {"config": "fr"}, {"config": "en", "split": "dev"}]
    right, missing, wrong, split = ask(*({"dataset": "org/many", **each} for each in chosen))
    assert [(row["text"], row["source"]) for row in right["rows"]] == [("test.jsonl", "org/many/en/test#0")]
    for answer in (missing, wrong):
        assert "'en', 'de'" in answer["error"]
        assert "Set `config` in the recipe" in answer["error"]
    assert "no split `dev`; it has `train`, `test`" in split["error"]


def test_what_cannot_be_had_is_one_sentence(hub: DatasetHub, ask: Ask) -> None:
    """Which dataset, what is wrong, what to do."""
    hub.add("org/fine", shards("Rain", 1))
    hub.add("org/gated", shards("Rain", 1))
    hub.gated = {"org/gated"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"dataset": "org/none"}, "dataset org/none: no such dataset on the Hub, or none that this account may see."),
        ({"dataset": "no name/at all"}, "dataset no name/at all: no such dataset"),
        ({"dataset": "org/gated"}, "dataset org/gated: is gated. Accept its terms"),
        ({"dataset": "org/fine", "revision": "v9"}, "no branch, tag or commit `v9`. Correct `revision`"),
        ({"dataset": "org/fine", "text": "body"}, "no column `body`. It has: `text`, `title`."),
        ({"dataset": "org/fine", "author": "by"}, "no column `by`. It has: `text`, `title`."),
    ]
    for (_, said), answer in zip(cases, ask(*(source for source, _ in cases)), strict=True):
        assert said in answer["error"]
        assert "\n" not in answer["error"]


@pytest.mark.parametrize("environment", [{"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_HUB_OFFLINE": "1"}])
def test_without_a_connection_the_way_is_named(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    """Nobody answers, or the client was told to ask nobody."""
    monkeypatch.setattr(DatasetHub, "environment", {"HF_HUB_OFFLINE": "0", **environment})
    (answer,) = ask({"dataset": "org/fine"})
    assert "dataset org/fine: cannot be had (" in answer["error"]
    assert "give their path as `path` instead of `dataset`" in answer["error"]
