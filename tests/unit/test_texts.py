"""Documents by their ids: all of them, little besides, and said where something is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

import longhop.texts
from longhop.errors import StorageError, UnreachableError
from longhop.records import ContextPlan, Document, Piece
from longhop.storage import RunFolder
from longhop.texts import DocumentTexts
from tests.unit.test_pages import LENGTHS, letters
from tests.unit.test_storage import document

ROWS = {
    f"{part}/{n}": msgspec.structs.replace(
        document(n, letters(100 * part + n, length)), document_id=f"{part}/{n}", title=f"Of {n}", n_tokens=n
    )
    for part in range(3)
    for n, length in enumerate(LENGTHS)
}
PARTS = {name: int(name[0]) for name in ROWS}


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> RunFolder:
    """Ten documents in each of three parts."""
    folder = RunFolder(str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}")
    for part in range(3):
        folder.write_part(
            "documents", "f", part, [row for row in ROWS.values() if PARTS[row.document_id] == part], Document
        )
    return folder


def plan_of(*names: str) -> ContextPlan:
    pieces = [Piece(document_id=name, start=0, end=1, n_tokens=1) for name in names]
    return ContextPlan(context_id="-".join(names), split="train", target_tokens=8, part=0, pieces=pieces)


def check(documents: DocumentTexts, name: str) -> None:
    found, own = documents.read(name), ROWS[name]
    assert {key: getattr(own, key) for key in found.__struct_fields__} == msgspec.structs.asdict(found)


def test_a_document_is_as_its_table_says(folder: RunFolder) -> None:
    """With its text and what rendering needs of the other columns, in any order, and again."""
    documents = DocumentTexts(folder, "f", PARTS)
    for name in [*random.Random(1).sample(sorted(ROWS), len(ROWS)), *ROWS]:
        check(documents, name)


def test_what_plans_need_is_fetched_ahead(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for several plans, each page once; their order stays."""
    asked: list[list[tuple[str, int, int]]] = []
    read = RunFolder.read_ranges

    def noted(self: RunFolder, ranges: list[tuple[str, int, int]]) -> list[bytes]:
        asked.append(ranges)
        return read(self, ranges)

    monkeypatch.setattr(RunFolder, "read_ranges", noted)
    documents = DocumentTexts(folder, "f", PARTS)
    plans = [plan_of("0/0", "2/5"), plan_of("2/5", "1/4", "2/6"), plan_of("0/9")]
    for given, plan in zip(documents.ahead(plans), plans, strict=True):
        assert given is plan
        for piece in plan.pieces:
            check(documents, piece.document_id)
    [ranges] = asked
    assert len(ranges) == len(set(ranges)) == 4  # 2/5 and 2/6 share a page


def test_memory_is_bounded(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was wanted longest ago is forgotten, what is wanted now never."""
    monkeypatch.setattr(longhop.texts, "AHEAD_CHARS", 50_000)
    monkeypatch.setattr(longhop.texts, "KEPT_CHARS", 70_000)
    chance = random.Random(2)
    documents = DocumentTexts(folder, "f", PARTS)
    plans = [plan_of(*chance.sample(sorted(ROWS), 3)) for _ in range(50)]
    for plan in documents.ahead(plans):
        for piece in plan.pieces:
            check(documents, piece.document_id)
        kept = sum(row.n_chars for row in documents._kept.values())
        assert kept == documents._chars <= 50_000 + 3 * 60_000


def test_of_equal_documents_the_first_is_read(tmp_path: Path) -> None:
    """They share their id."""
    folder = RunFolder(str(tmp_path))
    rows = [document(7, "the same\n"), msgspec.structs.replace(document(7, "the same\n"), title="its copy")]
    folder.write_part("documents", "f", 0, rows, Document)
    assert DocumentTexts(folder, "f", {"7": 0}).read("7").title == "t"


@pytest.mark.parametrize(
    "break_pages",
    [
        lambda folder, name: folder.remove(name),
        lambda folder, name: folder.write_bytes(name, b"PAR1 no table"),
        lambda folder, name: folder.write_bytes(name, (folder.read_bytes(name) or b"")[:200]),
    ],
)
def test_without_pages_the_table_is_asked(folder: RunFolder, break_pages: Callable[[RunFolder, str], None]) -> None:
    """Missing or damaged: the table says the same."""
    break_pages(folder, folder.part_name("documents", "f", 1, "pages"))
    documents = DocumentTexts(folder, "f", PARTS)
    for name in ROWS:
        check(documents, name)


def test_a_damaged_table_is_named(folder: RunFolder) -> None:
    """Bytes that changed, a table cut short, one that is gone: which, and what to do; the others are read."""
    name = folder.part_name("documents", "f", 1)
    whole = folder.read_bytes(name) or b""
    place = folder.read_pages("f", 1).to_pylist()[4]
    inside = place["page"] + place["page_bytes"] // 2
    for data in (whole[:inside] + b"\0" * 100 + whole[inside + 100 :], whole[:inside]):
        folder.write_bytes(name, data)
        documents = DocumentTexts(folder, "f", PARTS)
        with pytest.raises(StorageError, match=r"part-00001\.parquet: is damaged .* delete it and build again"):
            list(documents.ahead([plan_of("0/4", "1/4", "2/4")]))
        check(documents, "2/4")
    folder.remove(name)
    with pytest.raises(StorageError, match=r"part-00001\.parquet: is missing; build again"):
        DocumentTexts(folder, "f", PARTS).read("1/4")


def test_pages_of_another_table_are_seen(folder: RunFolder) -> None:
    """Where a part was made anew by hand and its pages were not, a text would be another's."""
    rows = [msgspec.structs.replace(ROWS[f"1/{n}"], text="z" + ROWS[f"1/{n}"].text) for n in range(len(LENGTHS))]
    pages = folder.read_bytes(folder.part_name("documents", "f", 1, "pages")) or b""
    folder.write_part("documents", "f", 1, rows, Document)
    folder.write_bytes(folder.part_name("documents", "f", 1, "pages"), pages)
    with pytest.raises(StorageError, match=r"part-00001\.parquet: is damaged"):
        list(DocumentTexts(folder, "f", PARTS).ahead([plan_of(*ROWS)]))


def test_a_document_that_is_not_there_is_named(folder: RunFolder) -> None:
    """The plan has it elsewhere."""
    documents = DocumentTexts(folder, "f", {**PARTS, "1/9": 2})
    with pytest.raises(StorageError, match="document 1/9 is not in part 2 of the documents, where the plan has it"):
        documents.read("1/9")


def test_pages_go_with_their_part(folder: RunFolder) -> None:
    """A part that is removed leaves nothing; only documents have them."""
    for part in range(3):
        folder.remove_part("documents", "f", part)
    assert folder.files("documents/f/*") == []


@pytest.mark.parametrize(
    "error", [ConnectionResetError(104, "reset by peer"), TimeoutError(110, "timed out"), RuntimeError("503")]
)
def test_storage_that_does_not_answer_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It may answer later: nothing is to be deleted."""
    folder = RunFolder(f"memory://{tmp_path.name}")
    folder.write_part("documents", "f", 0, [document(1, "one")], Document)
    documents = DocumentTexts(folder, "f", {"1": 0})
    monkeypatch.setattr(type(folder._fs), "cat_ranges", lambda _, paths, *__, **___: [error] * len(paths))
    with pytest.raises(UnreachableError, match=r"part-00000\.parquet: cannot be read now: .*build again"):
        documents.read("1")
    monkeypatch.undo()
    assert documents.read("1").text == "one"
