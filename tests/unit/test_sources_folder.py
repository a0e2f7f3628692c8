"""Folders of texts: what is listed, what is read, what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem, list_source, read_item
from longhop.sources.hashes import HashCache


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGHOP_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """An empty folder called books."""
    folder = tmp_path / "books"
    folder.mkdir()
    return folder


def listed(path: Path, **options: str) -> tuple[list[SourceItem], dict[str, str]]:
    """Items, and reasons of rejections by item."""
    items, reasons = [], {}
    for entry in list_source(Source(kind="book", path=str(path), **options)):  # type: ignore[arg-type]
        if isinstance(entry, Rejection):
            reasons[entry.item_id] = entry.reason
        else:
            items.append(entry)
    return items, reasons


def read(item: SourceItem) -> RawDocument | Rejection:
    """The only result of an item."""
    (result,) = read_item(item)
    return result


def test_files_are_listed_in_order_at_any_depth(books: Path) -> None:
    """Sorted by path; other formats are named, hidden files are not."""
    for name in ("b.txt", "a.md", "sub/c.txt", "sub/d", "e.docx", "sub/f.odt", ".x.txt"):
        (books / name).parent.mkdir(exist_ok=True)
        (books / name).write_text(f"Text of {name}.")
    items, reasons = listed(books)
    assert [item.path for item in items] == ["books/a.md", "books/b.txt", "books/sub/c.txt", "books/sub/d"]
    assert reasons == {"books/e.docx": "unsupported_format", "books/sub/f.odt": "unsupported_format"}


def test_a_single_file_is_a_source(books: Path) -> None:
    """A path may name one file."""
    (books / "a.txt").write_text("Rain.")
    ((item,), _) = listed(books / "a.txt")
    document = read(item)
    assert isinstance(document, RawDocument)
    assert (document.source, document.title, document.text) == ("a.txt", "a", "Rain.")


@pytest.mark.parametrize("name", ["a.pdf", "a.epub", "a.jsonl", "a.parquet", "a.zip", "a.tar.gz"])
def test_what_git_lfs_keeps_elsewhere_is_not_called_damaged(books: Path, name: str) -> None:
    """A clone without its large files has pointers in their place; those of texts are told when they are read."""
    (books / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    (books / "b.txt").write_text("It was dark.")
    items, reasons = listed(books)
    assert [item.path for item in items] == ["books/b.txt"]
    assert reasons == {f"books/{name}": "lfs_pointer"}
    with pytest.raises(SourceError, match="git lfs pull"):
        listed(books / name)


def test_one_wrong_file_of_a_pattern_stops_no_other(books: Path) -> None:
    """A table without the column, a broken one and a file of another type are rejections, as they are in a folder."""
    (books / "a.jsonl").write_text('{"body": "It was dark."}')
    (books / "b.parquet").write_bytes(b"no table")
    (books / "c.docx").write_bytes(b"x")
    (books / "d.txt").write_text("It was dark.")
    items, reasons = listed(books / "*")
    assert [item.path for item in items] == ["d.txt"]
    assert reasons == dict.fromkeys(["a.jsonl", "b.parquet", "c.docx"], "unreadable")
    (books / "d.txt").unlink()
    with pytest.raises(SourceError, match=r"no readable document \(a.jsonl: unreadable, no column `text`"):
        listed(books / "*")


def test_patterns_name_several_paths(books: Path) -> None:
    """A pattern takes what matches it, and says when nothing does."""
    for name in ("a.txt", "b.txt", "c.md"):
        (books / name).write_text("Rain.")
    items, _ = listed(books / "*.txt")
    assert [item.path for item in items] == ["a.txt", "b.txt"]
    with pytest.raises(SourceError, match="nothing matches"):
        listed(books / "*.tex")


def test_missing_and_empty_sources_say_what_to_do(books: Path) -> None:
    """No such path, and nothing readable, are errors of the whole source with the path in them."""
    with pytest.raises(SourceError, match=r"none: no such file or folder\. Correct `path`"):
        listed(books / "none")
    with pytest.raises(SourceError, match=r"books: no readable document\. Put texts \(\.txt"):
        listed(books)
    (books / "a.docx").write_bytes(b"PK")
    with pytest.raises(SourceError, match="no readable document"):
        listed(books)
    with pytest.raises(SourceError, match=r"files of type \.docx are not read"):
        listed(books / "a.docx")


def test_empty_and_binary_files_are_rejections(books: Path) -> None:
    """What holds no text is a rejection when it is read; the others are read."""
    (books / "a.txt").write_bytes(b" \n\n ")
    (books / "b.txt").write_bytes(b"MZ\0\0\1\2")
    (books / "c.txt").write_bytes("Café.".encode("latin-1"))
    results = [read(item) for item in listed(books)[0]]
    assert [r.reason if isinstance(r, Rejection) else r.text for r in results] == ["empty", "binary", "Café."]


def test_unreadable_files_do_not_stop_the_others(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission is a rejection with the system's words."""
    (books / "a.txt").write_text("Rain.")
    (books / "b.txt").write_text("Snow.")
    opened = Path.open

    def refuse(self: Path, *arguments: object, **options: object) -> object:
        if self.name == "a.txt":
            raise PermissionError(13, "Permission denied")
        return opened(self, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    items, reasons = listed(books)
    assert [item.path for item in items] == ["books/b.txt"]
    assert reasons == {"books/a.txt": "unreadable"}


def test_links_are_not_followed(books: Path, tmp_path: Path) -> None:
    """Links out of the source, loops, broken links and links within are rejections and never hang."""
    (tmp_path / "secret.txt").write_text("Secret.")
    (books / "a.txt").write_text("Rain.")
    (books / "sub").mkdir()
    (books / "sub" / "loop").symlink_to(books)
    (books / "out.txt").symlink_to(tmp_path / "secret.txt")
    (books / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    (books / "self").symlink_to(books / "self")
    items, reasons = listed(books)
    assert [item.path for item in items] == ["books/a.txt"]
    assert set(reasons.values()) == {"symlink"}
    assert set(reasons) == {"books/sub/loop", "books/out.txt", "books/gone.txt", "books/self"}


@pytest.fixture
def deep(books: Path) -> Iterator[Path]:
    """A file 1,100 folders below books; neither pathlib nor shutil make or remove as many."""
    folders = [books]
    for _ in range(1100):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    file = folders[-1] / "deep.txt"
    file.write_text("Deep.")
    yield file
    file.unlink()
    for folder in reversed(folders[1:]):
        folder.rmdir()


def test_folders_are_walked_at_any_depth(books: Path, deep: Path) -> None:
    """Deeper than Python calls functions, and still in the order of names."""
    for name in ("a.txt", "e.txt"):
        (books / name).write_text("Rain.")
    items, reasons = listed(books)
    assert [Path(item.location).name for item in items] == ["a.txt", "deep.txt", "e.txt"]
    assert reasons == {}
    document = read(items[1])
    assert isinstance(document, RawDocument)
    assert deep.as_posix().endswith(document.source)


def test_a_folder_that_cannot_be_looked_at_is_a_rejection(books: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may be listed and not entered, or whose name is too long for the system, stops no other."""
    (books / "a.txt").write_text("Rain.")
    (books / "shut").mkdir()
    (books / "z.txt").write_text("Snow.")
    stat = os.stat

    def refuse(path: str | Path, **options: bool) -> os.stat_result:
        if Path(path).name in {"shut", "pyvenv.cfg"}:
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    items, reasons = listed(books)
    assert [item.path for item in items] == ["books/a.txt", "books/z.txt"]
    assert reasons == {"books/shut": "unreadable"}
    code = list(list_source(Source(kind="code", path=str(books), unit="file")))
    assert [(own.item_id, own.reason) for own in code if isinstance(own, Rejection)] == [("books/shut", "unreadable")]


def test_names_that_are_no_unicode_pass_through_json(books: Path) -> None:
    """A file whose name is no UTF-8 is listed, goes through JSON, and is read."""
    name = os.fsencode(books) + b"/caf\xe9.txt"
    try:
        with open(name, "wb") as file:  # noqa: PTH123 -- a path of bytes
            file.write(b"Rain.")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    ((item,), _) = listed(books)
    again = msgspec.json.decode(msgspec.json.encode(item), type=SourceItem)
    document = read(again)
    assert isinstance(document, RawDocument)
    assert document.source == "books/caf\\xe9.txt"
    document.title.encode()


def test_a_changed_file_is_not_read(books: Path) -> None:
    """What was listed is what a run is made of: a changed or vanished file is a rejection."""
    (books / "a.txt").write_text("Rain.")
    ((item,), _) = listed(books)
    (books / "a.txt").write_text("Snow.")
    changed = read(item)
    (books / "a.txt").unlink()
    vanished = read(item)
    assert [r.reason for r in (changed, vanished) if isinstance(r, Rejection)] == ["changed", "vanished"]


def test_latex_parts_are_no_documents_of_their_own(books: Path) -> None:
    """The file with the document class is the document; what it includes comes in, the rest stands alone."""
    (books / "main.tex").write_text(
        "\\documentclass{article}\\title{Tides}\\begin{document}A.\n\\input{sec/one}\n\\input{../out}\n\\end{document}"
    )
    (books / "sec").mkdir()
    (books / "sec" / "one.tex").write_text("From one. \\input{sec/two}")
    (books / "sec" / "two.tex").write_text("From two.")
    (books / "alone.tex").write_text("Alone.")
    (books.parent / "out.tex").write_text("Outside.")
    items, _ = listed(books)
    assert [item.path for item in items] == ["books/alone.tex", "books/main.tex"]
    main, outside = read_item(items[1])
    assert isinstance(main, RawDocument)
    assert isinstance(outside, Rejection)
    assert (outside.item_id, outside.reason) == ("books/main.tex", "outside_input")
    assert main.title == "Tides"
    assert main.text.split() == ["A.", "From", "one.", "From", "two."]
    (books / "sec" / "two.tex").write_text("From elsewhere.")
    changed = read(items[1])
    assert isinstance(changed, Rejection)
    assert listed(books)[0][1].sha != items[1].sha


def test_hashes_are_remembered_and_a_broken_cache_is_harmless(
    books: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is hashed once while size and time stay; a cache that is no database, or no folder, stops nothing."""
    path = books / "a.txt"
    path.write_text("Rain.")
    os.utime(path, (1_000_000, 1_000_000))
    with HashCache(tmp_path / "cache") as cache:
        sha = cache.sha(path)
    path.write_text("Snow.")
    os.utime(path, (1_000_000, 1_000_000))
    with HashCache(tmp_path / "cache") as cache:
        assert cache.sha(path) == sha
        os.utime(path, (2_000_000, 2_000_000))
        assert cache.sha(path) != sha
    (tmp_path / "cache" / "hashes.sqlite").write_bytes(b"no database" * 1000)
    assert listed(books)[0]
    for broken in (str(tmp_path / "cache"), str(path), "/proc/none"):
        monkeypatch.setenv("LONGHOP_CACHE", broken)
        assert listed(books)[0]


def test_a_fresh_file_is_not_remembered(books: Path, tmp_path: Path) -> None:
    """A file that changed a moment ago may change again without a new time; it is hashed each time."""
    path = books / "a.txt"
    path.write_text("Rain.")
    status = path.stat()
    with HashCache(tmp_path / "cache") as cache:
        sha = cache.sha(path)
        path.write_text("Snow.")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert cache.sha(path) != sha
