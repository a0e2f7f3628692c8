"""Parts appear whole or not at all, with their rejections and counts beside them."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from longhop.errors import StorageError
from longhop.folders import explained, me
from longhop.records import Document, Plan, Record, Rejection
from longhop.storage import RunFolder


def rows(count: int) -> Iterator[Record]:
    for number in range(count):
        yield Plan(document_id=f"d{number}", part=0, row_group=0, duplicate_of=None, split="train")
        if number % 2:
            yield Rejection(stage="plan", item_id=f"x{number}", reason="odd", detail="")


def document(number: int, text: str) -> Document:
    return Document(
        document_id=f"{number}",
        kind="book",
        title="t",
        author=None,
        source="s",
        license=None,
        text=text,
        n_chars=len(text),
        n_tokens=3,
        cuts=[],
        signature=[1],
        terms=[],
    )


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> RunFolder:
    return RunFolder(str(tmp_path / "run") if request.param == "local" else f"memory://{tmp_path.name}/run")


def test_a_part_comes_back_with_its_rejections_and_counts(folder: RunFolder) -> None:
    """Rows and rejections go apart; an all-null column keeps its type."""
    counts = folder.write_part("plan", "f", 3, rows(5), Plan)
    assert (counts.rows, counts.rejections, counts.accepted) == (5, {"odd": 2}, None)
    assert folder.read_part("plan", "f", 3, Plan) == [row for row in rows(5) if isinstance(row, Plan)]
    assert [row.item_id for row in folder.read_rejections("plan", "f", 3)] == ["x1", "x3"]
    assert folder.read_counts("plan", "f", 3) == counts
    assert folder.read_table("plan/f/part-00003.parquet").schema.field("duplicate_of").type == "string"
    assert folder.parts("plan", "f") == [3]


def test_a_part_without_rows_is_a_part(folder: RunFolder) -> None:
    """Nothing made is a result, too."""
    folder.write_part("plan", "f", 0, [], Plan)
    assert folder.has_part("plan", "f", 0)
    assert folder.read_part("plan", "f", 0, Plan) == []


def test_a_stage_that_fails_leaves_nothing(folder: RunFolder) -> None:
    """No table, no counts, no rejections, no temporary file."""

    def broken() -> Iterator[Record]:
        yield from rows(3)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        folder.write_part("plan", "f", 0, broken(), Plan)
    assert not folder.has_part("plan", "f", 0)
    assert folder.files("plan/f/*") == []
    assert folder.files("plan/f/.*") == []


def test_documents_lie_in_small_row_groups(tmp_path: Path) -> None:
    """32 documents or 16 million characters at most, or one document."""
    folder = RunFolder(str(tmp_path))
    folder.write_part("documents", "f", 0, (document(n, "text") for n in range(70)), Document)
    big = "x" * 9 * 1024**2
    folder.write_part("documents", "f", 1, (document(n, big) for n in range(3)), Document)
    groups = [
        [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        for part in (0, 1)
        for file in [pq.ParquetFile(tmp_path / f"documents/f/part-0000{part}.parquet")]
    ]
    assert groups == [[32, 32, 6], [1, 1, 1]]
    (row,) = folder.read_part("documents", "f", 1, Document, row_groups=[2])
    assert row.document_id == "2"


def test_a_damaged_table_is_named_with_what_to_do(tmp_path: Path) -> None:
    """A truncated file and a missing one."""
    folder = RunFolder(str(tmp_path))
    folder.write_part("plan", "f", 0, rows(50), Plan)
    path = tmp_path / "plan/f/part-00000.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StorageError, match=r"part-00000\.parquet: is damaged .* delete it and build again"):
        folder.read_part("plan", "f", 0, Plan)
    with pytest.raises(StorageError, match="is missing; build again"):
        folder.read_part("plan", "f", 1, Plan)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(StorageError, match=r"run\.json: is damaged"):
        folder.read_json("run.json")


def test_damaged_counts_are_named_with_what_to_do(folder: RunFolder) -> None:
    """They are made together with their part, so that is what to delete."""
    folder.write_part("plan", "f", 0, rows(5), Plan)
    for value in ({"rows": "many"}, [1]):
        folder.write_json("plan/f/part-00000.json", value)
        with pytest.raises(
            StorageError, match=r"json: is damaged .* delete plan/f/part-00000\.parquet and build again"
        ):
            folder.read_counts("plan", "f", 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable_is_said_in_one_sentence(tmp_path: Path) -> None:
    """With what to do."""
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StorageError, match="is not writable; choose another --out"):
        RunFolder(str(tmp_path / "run")).write_json("run.json", {})
    tmp_path.chmod(stat.S_IRWXU)


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    """Root meets this one, too."""
    (tmp_path / "run").write_text("")
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        RunFolder(str(tmp_path / "run")).write_json("run.json", {})


def test_a_full_disk_loses_nothing_and_says_so() -> None:
    """/dev/full stands for a full disk: what cannot be written whole does not appear."""

    def fill() -> None:
        with explained("runs/x"), Path("/dev/full").open("wb") as full:
            full.write(b"x")
            full.flush()

    with pytest.raises(StorageError, match="runs/x: no room left; free some and build again"):
        fill()


def test_a_disk_that_fills_while_a_part_is_written_leaves_nothing_of_it(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No table, no rejections, no counts, no temporary file; with room again, the part is whole."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", full)
        with pytest.raises(StorageError, match=r"part-00000\.parquet: no room left; free some and build again"):
            folder.write_part("plan", "f", 0, rows(5), Plan)
    assert folder.files("plan/f/*") == []
    assert folder.files("plan/f/.*") == []
    assert folder.write_part("plan", "f", 0, rows(5), Plan).rows == 5


def test_what_a_stage_cannot_open_is_not_said_of_the_folder(folder: RunFolder) -> None:
    """Rows are made while they are written; a source's own error is passed on as it is."""

    def unreadable() -> Iterator[Record]:
        yield from rows(1)
        raise PermissionError(errno.EACCES, "Permission denied", "books/a.txt")

    with pytest.raises(PermissionError, match=r"books/a\.txt"):
        folder.write_part("plan", "f", 0, unreadable(), Plan)


def test_a_part_appears_last(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before its table is in place, a part has rejections and counts at most, and is not there."""
    put = RunFolder._put

    def killed(self: RunFolder, temporary: Path, name: str) -> None:
        if name.rpartition("/")[2].startswith("part-") and name.endswith(".parquet"):
            raise KeyboardInterrupt
        put(self, temporary, name)

    monkeypatch.setattr(RunFolder, "_put", killed)
    with pytest.raises(KeyboardInterrupt):
        folder.write_part("plan", "f", 0, rows(5), Plan)
    assert sorted(path.rpartition("/")[2] for path in folder.files("plan/f/*")) == [
        "part-00000.json",
        "rejections-00000.parquet",
    ]
    assert not folder.has_part("plan", "f", 0)
    assert folder.read_counts("plan", "f", 0) is None


def test_a_claimed_part_keeps_another_process_waiting(tmp_path: Path) -> None:
    """The second build of a folder comes to a part when the first has left it."""
    code = (
        "import sys; from longhop.storage import RunFolder\n"
        "with RunFolder(sys.argv[1]).claim('plan', 'f', 0): print('mine', flush=True)"
    )
    folder = RunFolder(str(tmp_path))
    with folder.claim("plan", "f", 0):
        other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)  # noqa: S603
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=2)
    said, _ = other.communicate(timeout=30)
    assert said == "mine\n"


def test_a_scratch_folder_is_gone_afterwards_and_those_of_the_dead_too(folder: RunFolder) -> None:
    """A folder that a killed process left takes no room for long."""
    left = folder.work / f"dataset.{me().rpartition('-')[0]}-999999999.tmp"
    if folder.is_local:
        (left / "data").mkdir(parents=True)
    with folder.scratch("dataset") as scratch:
        (scratch / "file").write_text("x")
    assert not scratch.exists()
    assert not left.exists()


def test_left_over_temporary_files_of_the_dead_are_removed(tmp_path: Path) -> None:
    """Those of living processes stay, and those of other machines, of which nobody here knows."""
    folder = RunFolder(str(tmp_path))
    host = me().rpartition("-")[0]
    dead, alive = tmp_path / f".run.json.{host}-999999999.tmp", tmp_path / f".run.json.{host}-{os.getppid()}.tmp"
    elsewhere = tmp_path / ".run.json.another_machine-999999999.tmp"
    for file in (dead, alive, elsewhere):
        file.write_text("")
    folder.write_json("run.json", {"a": 1})
    assert not dead.exists()
    assert alive.exists()
    assert elsewhere.exists()
    assert folder.read_json("run.json") == {"a": 1}


def test_a_published_folder_is_swapped_whole(folder: RunFolder, tmp_path: Path) -> None:
    """What stood there before is gone afterwards."""
    for content in ("first", "second"):
        local = tmp_path / content
        (local / "data").mkdir(parents=True)
        (local / "data" / f"{content}.txt").write_text(content)
        folder.publish_folder(local, "dataset")
    names = [path.rpartition("/")[2] for path in folder.files("dataset/data/*")]
    assert names == ["second.txt"]


def test_an_unknown_protocol_is_said() -> None:
    """With an example of one that is known."""
    with pytest.raises(StorageError, match="give a local path or a URL such as"):
        RunFolder("nosuch://bucket/run")
