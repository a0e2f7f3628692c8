"""Completions travel with the run's folder, each once, and none is lost."""

import threading
from pathlib import Path

import pytest

from longhop.completions import CompletionStore
from longhop.engines import Choice
from longhop.errors import StorageError
from longhop.segments import Segments
from longhop.storage import RunFolder


@pytest.fixture
def remote(tmp_path: Path) -> RunFolder:
    return RunFolder(f"memory://{tmp_path.name}/run")


PLACE = "completions/traces/00003"


def segment_names(folder: RunFolder) -> list[str]:
    return [path.rpartition("/")[2] for path in folder.files(f"{PLACE}/*.parquet")]


def test_another_machine_takes_in_what_this_one_left(tmp_path: Path, remote: RunFolder) -> None:
    """What was flushed is there, what was not is the loss; segments never change and hold each row once."""
    here = CompletionStore(tmp_path / "here.sqlite")
    segments = Segments(remote, PLACE, here)
    assert segments.load() == 0
    here.put("k", 7, [Choice(content="a"), Choice(content="b")])
    segments.flush()
    first = segment_names(remote)
    here.put("k", 9, [Choice(content="c")])
    segments.flush()
    segments.flush()
    here.put("k", 10, [Choice(content="lost")])
    assert len(segment_names(remote)) == 2
    assert segment_names(remote)[:1] == first
    there = CompletionStore(tmp_path / "there.sqlite")
    assert Segments(remote, PLACE, there).load() == 3
    assert [choice.content for choice in there.get("k", 7, 8).values()] == ["a", "b", "c"]
    assert Segments(remote, PLACE, there).load() == 0
    here.close()
    there.close()


def test_what_is_used_and_stands_nowhere_else_is_flushed_too(tmp_path: Path, remote: RunFolder) -> None:
    """Rows that this machine stored before its process was killed; not those that a segment has already."""
    before = CompletionStore(tmp_path / "here.sqlite")
    before.put("k", 7, [Choice(content="a")])
    before.close()
    store = CompletionStore(tmp_path / "here.sqlite")
    segments = Segments(remote, PLACE, store)
    assert store.get("k", 7, 1) != {}
    segments.flush()
    assert len(segment_names(remote)) == 1
    assert store.get("k", 7, 1) != {}
    segments.flush()
    assert len(segment_names(remote)) == 1
    store.close()


def test_a_flush_that_fails_loses_nothing(tmp_path: Path, remote: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows go with the next one."""
    store = CompletionStore(tmp_path / "here.sqlite")
    segments = Segments(remote, PLACE, store)
    store.put("k", 7, [Choice(content="a")])
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> None:
            raise StorageError("does not answer")

        patch.setattr(remote, "_put", refuse)
        with pytest.raises(StorageError, match="does not answer"):
            segments.flush()
    store.put("k", 8, [Choice(content="b")])
    segments.flush()
    there = CompletionStore(tmp_path / "there.sqlite")
    assert Segments(remote, PLACE, there).load() == 2
    store.close()
    there.close()


def test_threads_share_a_store(tmp_path: Path, remote: RunFolder) -> None:
    """One puts, one flushes: every row stands in a segment in the end, and none twice."""
    store = CompletionStore(tmp_path / "here.sqlite")
    segments = Segments(remote, PLACE, store)

    def put(first: int) -> None:
        for seed in range(first, first + 100):
            store.put("k", seed, [Choice(content=str(seed))])

    threads = [threading.Thread(target=put, args=(first,)) for first in (0, 100)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        segments.flush()
    segments.flush()
    there = CompletionStore(tmp_path / "there.sqlite")
    assert Segments(remote, PLACE, there).load() == 200
    assert [choice.content for choice in there.get("k", 0, 200).values()] == [str(seed) for seed in range(200)]
    store.close()
    there.close()
