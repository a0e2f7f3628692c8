"""Archives as sources: read as folders, and what of them is not to be trusted is a rejection each."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import msgspec
import pytest

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem, archives, list_source, read_item, staging

Outcome = tuple[dict[str, RawDocument], dict[str, str]]
SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staging.drop_staged()
    monkeypatch.setenv("LONGHOP_CACHE", str(tmp_path / "cache"))


def packed(path: Path, files: dict[str, str | bytes]) -> Path:
    """An archive, of the kind that its name says."""
    contents = {name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in contents.items():
                archive.writestr(name, data)
        return path
    kind = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz", ".tar": ""}[path.suffix]
    with tarfile.open(path, f"w:{kind}") as archive:  # type: ignore[call-overload]
        for name, data in contents.items():
            add(archive, name, data)
    return path


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", **fields: object) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(data))


def read(source: Source) -> Outcome:
    documents, reasons = {}, {}
    entries = list(list_source(source))
    for entry in entries:
        if isinstance(entry, SourceItem):
            entry = msgspec.json.decode(msgspec.json.encode(entry), type=SourceItem)  # noqa: PLW2901
        for result in [entry] if isinstance(entry, Rejection) else read_item(entry):
            if isinstance(result, Rejection):
                assert "unpacked/" not in result.detail, result.detail
                reasons[result.item_id] = result.reason
            else:
                documents[result.source] = result
    return documents, reasons


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_is_read_as_a_folder(tmp_path: Path, suffix: str) -> None:
    """Books, papers with their parts, tables with their rows; each says which member it is."""
    path = packed(
        tmp_path / f"mixed{suffix}",
        {
            "b/rope.md": "# The Rope\n\nIt was new.",
            "p/main.tex": "\\documentclass{article}\\begin{document}\\input{part}\\end{document}",
            "p/part.tex": "A part of it.",
            "rows.jsonl": '{"text": "Rain."}\n{oops\n',
            "pic.png": b"\x89PNG",
        },
    )
    documents, reasons = read(Source(kind="book", path=str(path)))
    name = path.name
    assert {source: (d.text, d.origin) for source, d in documents.items()} == {
        f"{name}/b/rope.md": ("# The Rope\n\nIt was new.", f"{name}!/b/rope.md"),
        f"{name}/p/main.tex": ("A part of it.", f"{name}!/p/main.tex"),
        f"{name}/rows.jsonl#0": ("Rain.", f"{name}!/rows.jsonl#0"),
    }
    assert reasons == {f"{name}/pic.png": "unsupported_format", f"{name}/rows.jsonl#1": "malformed"}
    staging.drop_staged()
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []


def test_archives_within_a_folder_and_by_a_pattern(tmp_path: Path) -> None:
    """Beside files; their names stand below the folder's."""
    packed(tmp_path / "books" / "in" / "more.zip", {"a.txt": "Snow."})
    (tmp_path / "books" / "b.txt").write_text("Rain.")
    documents, _ = read(Source(kind="book", path=str(tmp_path / "books")))
    assert {name: d.origin for name, d in documents.items()} == {
        "books/b.txt": None,
        "books/in/more.zip/a.txt": "books/in/more.zip!/a.txt",
    }
    documents, _ = read(Source(kind="book", path=str(tmp_path / "books" / "**" / "*.zip")))
    assert list(documents) == ["more.zip/a.txt"]


def test_a_source_archive_is_a_repository(tmp_path: Path) -> None:
    """What lies in one folder is one repository, a wheel too; several folders are several; or file by file."""
    files: dict[str, str | bytes] = {
        "pkg-1.0/setup.py": "import pkg\n",
        "pkg-1.0/pkg/__init__.py": "one = 1\n",
        "pkg-1.0/README.md": "# Pkg",
        "pkg-1.0/LICENSE": "This is free and unencumbered software released into the public domain.",
        "pkg-1.0/big.py": "x" * 1_000_001,
    }
    sdist = packed(tmp_path / "pkg-1.0.tar.gz", files)
    documents, reasons = read(Source(kind="code", path=str(sdist)))
    (document,) = documents.values()
    assert (document.title, document.source) == ("pkg-1.0", "pkg-1.0.tar.gz/pkg-1.0")
    assert (document.license, document.origin) == ("Unlicense", "pkg-1.0.tar.gz!/pkg-1.0")
    assert [document.text[at:].split("\n")[0] for at, _ in document.sections] == [
        f"==== {name} ====" for name in ("README.md", "LICENSE", "pkg/__init__.py", "setup.py")
    ]
    assert reasons == {"pkg-1.0.tar.gz/pkg-1.0/big.py": "data"}
    wheel = packed(
        tmp_path / "pkg-1.0-py3-none-any.whl",
        {"a/x.py": "x = 1", "b/y.py": "y = 1", "pkg-1.0.dist-info/METADATA": "License-Expression: MIT\n"},
    )
    documents, reasons = read(Source(kind="code", path=str(wheel)))
    assert list(documents) == ["pkg-1.0-py3-none-any.whl"]
    assert documents["pkg-1.0-py3-none-any.whl"].text == "==== a/x.py ====\nx = 1\n\n==== b/y.py ====\ny = 1"
    assert reasons == {"pkg-1.0-py3-none-any.whl/pkg-1.0.dist-info": "vendored"}
    (document,) = documents.values()
    assert (document.title, document.license, document.origin) == ("pkg-1.0", "MIT", "pkg-1.0-py3-none-any.whl")
    two = packed(tmp_path / "two.zip", {"one/a.py": "a = 1", "two/b.py": "b = 1"})
    assert list(read(Source(kind="code", path=str(two)))[0]) == ["two.zip/one", "two.zip/two"]
    documents, _ = read(Source(kind="code", path=str(two), unit="file"))
    assert {name: d.title for name, d in documents.items()} == {
        "two.zip/one/a.py": "one/a.py",
        "two.zip/two/b.py": "two/b.py",
    }


def test_a_folder_of_source_archives(tmp_path: Path) -> None:
    """As an index of packages gives them; an archive within a repository is its data."""
    for name in ("one", "two"):
        packed(tmp_path / "sdists" / f"{name}-1.tar.gz", {f"{name}-1/setup.py": f"{name} = 1\n"})
    packed(tmp_path / "sdists" / "repo" / "data.zip", {"a.py": "a = 1"})
    (tmp_path / "sdists" / "repo" / "main.py").write_text("m = 1")
    documents, reasons = read(Source(kind="code", path=str(tmp_path / "sdists")))
    assert list(documents) == ["sdists/one-1.tar.gz/one-1", "sdists/repo", "sdists/two-1.tar.gz/two-1"]
    assert reasons == {"sdists/repo/data.zip": "binary"}


@pytest.mark.parametrize("kind", ["book", "code"])
def test_what_leads_out_of_an_archive_is_a_rejection_each(tmp_path: Path, kind: str) -> None:
    """Paths upwards and absolute, links of both kinds, devices, archives within; the rest goes on."""
    path = tmp_path / "in" / "evil.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        add(archive, "a.txt", b"Rain.")
        add(archive, "../up.txt", b"up")
        add(archive, "x/../../up2.txt", b"up")
        add(archive, f"{tmp_path}/absolute.txt", b"absolute")
        add(archive, "link.txt", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(archive, "hard.txt", type=tarfile.LNKTYPE, linkname="a.txt")
        add(archive, "dir", type=tarfile.SYMTYPE, linkname=str(tmp_path))
        add(archive, "dir/through.txt", b"Snow.")
        add(archive, "null.txt", type=tarfile.CHRTYPE)
        add(archive, "pipe.txt", type=tarfile.FIFOTYPE)
        add(archive, "inner.zip", b"PK")
        add(archive, "a.txt/b.txt", b"clash")
        add(archive, "z" * 300 + ".txt", b"long")
        add(archive, "z.txt", b"Hail.")
    documents, reasons = read(Source(kind=kind, path=str(path)))
    assert all(said in "\n".join(d.text for d in documents.values()) for said in ("Rain.", "Hail.", "Snow."))
    assert {name.removeprefix("evil.tar.gz/"): reason for name, reason in reasons.items()} == {
        "../up.txt": "outside_path",
        "x/../../up2.txt": "outside_path",
        f"{tmp_path}/absolute.txt".lstrip("/"): "outside_path",
        "link.txt": "symlink",
        "hard.txt": "symlink",
        "dir": "symlink",
        "null.txt": "unsupported_format",
        "pipe.txt": "unsupported_format",
        "inner.zip": "nested_archive",
        "a.txt/b.txt": "name_clash",
        "z" * 300 + ".txt": "unreadable",
    }
    outside = [p for p in tmp_path.rglob("*") if p.is_file() and "cache" not in p.parts]
    assert outside == [path]


def test_a_zip_that_is_not_to_be_trusted(tmp_path: Path) -> None:
    """Encrypted members, links, paths with backslashes, contents that do not fit their checksum."""
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "Rain.")
        archive.writestr("locked.txt", "Secret.")
        archive.writestr("..\\up.txt", "up")
        archive.writestr("../up.txt", "up")
        archive.writestr("broken.txt", "Broken text.")
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("z.txt", "Hail.")
        infos = {info.filename: info for info in archive.infolist()}
    data = bytearray(path.read_bytes())
    at = data.rindex(b"locked.txt") - 46  # its entry in the directory at the end
    data[at + 8] |= 1
    data[infos["locked.txt"].header_offset + 6] |= 1
    start = data.index(b"Broken text.")
    data[start] ^= 1
    path.write_bytes(data)
    documents, reasons = read(Source(kind="book", path=str(path)))
    assert [d.text for d in documents.values()] == ["Rain.", "Hail."]
    assert {name.removeprefix("evil.zip/"): reason for name, reason in reasons.items()} == {
        "locked.txt": "encrypted",
        "..\\up.txt": "outside_path",
        "../up.txt": "outside_path",
        "broken.txt": "damaged_member",
        "link.txt": "symlink",
    }


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_a_bomb_is_one_rejection(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros that unpack to hundreds of times their size are not written; what stands behind them is read."""
    monkeypatch.setattr(archives, "HARMLESS", 1024**2)
    files: dict[str, str | bytes] = {"a.txt": "Rain.", "bomb.txt": bytes(8 * 1024**2), "z.txt": "Hail."}
    path = packed(tmp_path / f"bomb{suffix}", files)
    documents, reasons = read(Source(kind="book", path=str(path)))
    assert [d.text for d in documents.values()] == ["Rain.", "Hail."]
    assert reasons == {f"{path.name}/bomb.txt": "bomb"}


def test_an_archive_that_unpacks_to_too_much_ends_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In sum: what stands before is read, and the rest is told of once."""
    monkeypatch.setattr(archives, "MOST_BYTES", 1000)
    path = packed(tmp_path / "much.tar.gz", {f"{n}.txt": os.urandom(200).hex() for n in range(9)})
    documents, reasons = read(Source(kind="book", path=str(path)))
    assert list(documents) == ["much.tar.gz/0.txt", "much.tar.gz/1.txt"]
    assert reasons == {"much.tar.gz": "bomb"}


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar.bz2", ".tar.xz", ".tar"])
def test_a_cut_archive_gives_what_is_whole(tmp_path: Path, suffix: str) -> None:
    """A download that broke off: members before the break are read, the one at it is not."""
    path = packed(tmp_path / f"cut{suffix}", {f"{n}.txt": os.urandom(250_000).hex() for n in range(6)})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.8)])
    documents, reasons = read(Source(kind="book", path=str(path)))
    assert all(len(d.text) == 500_000 for d in documents.values())
    assert 1 <= len(documents) <= 5
    assert reasons == {path.name: "damaged_archive"}


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00", b"PK\x03\x04nothing"])
def test_what_is_no_archive_is_named(tmp_path: Path, content: bytes) -> None:
    """Alone it is the source's error, with the reason; beside others one rejection."""
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "bad.tar.gz"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"no readable document \(bad\.tar\.gz: damaged_archive, not readable from"):
        list(list_source(Source(kind="book", path=str(path))))
    packed(tmp_path / "in" / "good.zip", {"a.txt": "Rain."})
    documents, reasons = read(Source(kind="book", path=str(tmp_path / "in")))
    assert list(documents) == ["in/good.zip/a.txt"]
    assert reasons["in/bad.tar.gz"] == "damaged_archive"


def test_an_archive_that_changed_or_vanished_is_not_read(tmp_path: Path) -> None:
    """The run stands for what was listed; an archive packed again with equal members is read."""
    path = packed(tmp_path / "a.zip", {"a.txt": "Rain.", "b.txt": "Snow."})
    items = [item for item in list_source(Source(kind="book", path=str(path))) if isinstance(item, SourceItem)]
    packed(path, {"a.txt": "Rain.", "b.txt": "Hail.", "c.txt": "Fog."})
    results = [result for item in items for result in read_item(item)]
    assert [r.reason if isinstance(r, Rejection) else r.text for r in results] == ["Rain.", "changed"]
    path.unlink()
    assert [r.reason for item in items for r in read_item(item) if isinstance(r, Rejection)] == ["vanished", "vanished"]


def test_an_archive_is_unpacked_once_for_all_its_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members follow one another, and a compressed archive can only be read through."""
    path = packed(tmp_path / "a.tar.gz", {f"{n}.txt": f"Rain {n}." for n in range(5)})
    items = [item for item in list_source(Source(kind="book", path=str(path))) if isinstance(item, SourceItem)]
    opened: list[Path] = []
    real = archives._Unpacker.tar

    def tar(self: archives._Unpacker, *arguments: object) -> object:
        opened.append(path)
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(archives._Unpacker, "tar", tar)
    assert len([result for item in items for result in read_item(item) if isinstance(result, RawDocument)]) == 5
    assert len(opened) == 1


def test_a_repository_in_an_archive_is_a_plain_folder(tmp_path: Path) -> None:
    """Git is not let loose on what came with it, and what is hidden is passed over."""
    bare = {"HEAD": "ref: refs/heads/main\n", "config": "[core]\nbare = true\n", "objects/x.py": "x = 1\n"}
    path = packed(
        tmp_path / "clone.zip", {"c/.git/config": "[core]\n", "c/.git/HEAD": "x", "c/a.py": "a = 1\n", **bare}
    )
    documents, reasons = read(Source(kind="code", path=str(path), unit="file"))
    assert {name for name in documents if name.endswith(".py")} == {"clone.zip/c/a.py", "clone.zip/objects/x.py"}
    assert not reasons
    assert all(document.origin == f"clone.zip!/{name.partition('/')[2]}" for name, document in documents.items())
