"""EPUB: chapters in the order of the spine, and what is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem, list_source, read_item
from longhop.sources.epub import Epub, read_epub
from longhop.sources.epub_package import inside
from longhop.sources.problems import ReadError

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles>'
    "</container>"
)
ABOUT = """<dc:title>The Tides</dc:title><dc:creator opf:role="aut">Ada Lee</dc:creator>
<dc:creator opf:role="ill">Bob Draw</dc:creator><dc:date>1897-05-01</dc:date><dc:language>en-GB</dc:language>
<dc:rights>Licensed under CC BY 4.0</dc:rights><dc:identifier>https://example.org/tides</dc:identifier>"""


def page(body: str, attributes: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title/></head><body {attributes}>{body}</body></html>'
    )


CHAPTERS = {
    "text/one.xhtml": page('<h2>I. The Flood</h2><p>It rose<a id="p3"/> at dawn.</p><p>It stayed.</p>'),
    "text/two.xhtml": page("<h2>II. The Ebb</h2><p>It fell &amp; fell&nbsp;again.</p>"),
}


def epub_of(
    parts: dict[str, str],
    *,
    spine: list[str] | None = None,
    missing: tuple[str, ...] = (),
    extra: dict[str, str | bytes] | None = None,
    about: str = ABOUT,
    guide: str = "",
    properties: dict[str, str] | None = None,
) -> bytes:
    """An EPUB of parts, whose names are relative to the package file in `OEBPS/`."""
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml" '
        f'properties="{(properties or {}).get(name, "")}"/>'
        for n, name in enumerate(parts)
    )
    names = list(parts)
    order = "".join(f'<itemref idref="i{names.index(name)}"/>' for name in spine or names)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:opf="http://www.idpf.org/2007/opf" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/" version="3.0"><metadata>{about}</metadata>'
        f"<manifest>{items}</manifest><spine>{order}</spine><guide>{guide}</guide></package>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OEBPS/content.opf", package)
        for name, text in parts.items():
            if name not in missing and not name.startswith(".."):
                archive.writestr(f"OEBPS/{name}", text)
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return buffer.getvalue()


def read(tmp_path: Path, data: bytes) -> Epub:
    path = tmp_path / "book.epub"
    path.write_bytes(data)
    return read_epub(path)


def refusal(tmp_path: Path, data: bytes) -> ReadError:
    with pytest.raises(ReadError) as caught:
        read(tmp_path, data)
    return caught.value


def test_chapters_come_in_the_order_of_the_spine(tmp_path: Path) -> None:
    """The spine orders, not the names or the archive; each chapter is a place to cut."""
    epub = read(tmp_path, epub_of(CHAPTERS, spine=["text/two.xhtml", "text/one.xhtml"]))
    assert epub.text == (
        "## II. The Ebb\n\nIt fell & fell again.\n\n\n## I. The Flood\n\nIt rose at dawn.\n\nIt stayed."
    )
    assert epub.sections == ((epub.text.index("## I. The Flood"), "chapter"),)
    assert epub.left_out == ()


def test_what_the_package_says(tmp_path: Path) -> None:
    """Title, the author and not the artist, year, language, licence and address."""
    about = read(tmp_path, epub_of(CHAPTERS)).about
    assert (about.title, about.author, about.year) == ("The Tides", "Ada Lee", 1897)
    assert (about.language, about.license, about.origin) == ("en", "CC-BY-4.0", "https://example.org/tides")


def test_navigation_cover_and_copyright_go(tmp_path: Path) -> None:
    """What is marked as such, listed as such, named as such or reads as such is no text; a preface and notes are."""
    legal = "<p>Copyright © 1897 Ada Lee.</p><p>All rights reserved. ISBN 1-2345. Printed in England.</p>"
    links = "".join(f'<li><a href="x{i}.xhtml">Chapter {i}</a></li>' for i in range(6))
    parts = {
        "cover.xhtml": page("<p>Cover words</p>"),
        "title.xhtml": page("<h1>The Tides</h1><p>by Ada Lee, printed words</p>", 'epub:type="titlepage"'),
        "legal.xhtml": page(legal),
        "nav.xhtml": page("<nav epub:type='toc'><ol><li><a href='text/one.xhtml'>I</a></li></ol></nav>"),
        "contents.xhtml": page(f"<h2>Chapters</h2><ul>{links}</ul>"),
        "preface.xhtml": page("<h2>Preface</h2><p>I saw it.</p>"),
        **CHAPTERS,
        "notes.xhtml": page('<h2>Notes</h2><aside epub:type="footnote"><p>1. A note.</p></aside>'),
        "uncopyright.xhtml": page("<p>May you do good.</p>"),
    }
    guide = '<reference type="cover" href="cover.xhtml"/>'
    epub = read(tmp_path, epub_of(parts, guide=guide, properties={"nav.xhtml": "nav"}))
    for gone in ("Cover words", "printed words", "All rights", "Chapter 3", "do good"):
        assert gone not in epub.text
    for kept in ("I saw it.", "It rose at dawn.", "A note."):
        assert kept in epub.text
    assert epub.text.startswith("## Preface")


def test_a_book_of_project_gutenberg_loses_its_wrapping(tmp_path: Path) -> None:
    """Headers and licences that go over the parts of a book are no text of it."""
    parts = {
        "a.xhtml": page(
            '<section class="pg-boilerplate pgheader" id="pg-header"><h2>The Project Gutenberg eBook of Tides</h2>'
            "<p>This ebook is for the use of anyone anywhere</p></section><h1>TIDES</h1><p>They rise.</p>"
        ),
        "b.xhtml": page('<section class="pg-boilerplate" id="pg-footer"><p>START: FULL LICENSE</p></section>'),
    }
    assert read(tmp_path, epub_of(parts)).text == "# TIDES\n\nThey rise."


def test_a_missing_chapter_is_told_and_the_rest_kept(tmp_path: Path) -> None:
    """A part of the spine that is not in the file is named once."""
    epub = read(tmp_path, epub_of(CHAPTERS, missing=("text/one.xhtml",)))
    assert epub.text == "## II. The Ebb\n\nIt fell & fell again."
    assert [reason for reason, _ in epub.left_out] == ["missing_part"]
    assert "OEBPS/text/one.xhtml" in epub.left_out[0][1]


def test_all_chapters_missing_is_a_refusal(tmp_path: Path) -> None:
    """A book without any of its chapters is none."""
    error = refusal(tmp_path, epub_of(CHAPTERS, missing=tuple(CHAPTERS)))
    assert error.reason == "missing_part"


def test_paths_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    """Neither members of the archive nor the spine reach files beside the book."""
    (tmp_path / "secret.xhtml").write_text(page("<p>Secret</p>"), encoding="utf-8")
    parts = {**CHAPTERS, "../../secret.xhtml": ""}
    epub = read(tmp_path, epub_of(parts, extra={"../../evil.xhtml": page("<p>Evil</p>")}))
    assert [reason for reason, _ in epub.left_out] == ["outside_path", "outside_path"]
    assert "Secret" not in epub.text
    assert "Evil" not in epub.text
    assert "It rose at dawn." in epub.text
    assert [inside("OEBPS", href) for href in ("a/../b.xhtml", "../x.xhtml")] == ["OEBPS/b.xhtml", "x.xhtml"]
    assert not any(inside("OEBPS", href) for href in ("../../x", "/etc/passwd", "..\\..\\x"))


def encryption(uri: str, algorithm: str) -> dict[str, str | bytes]:
    return {
        "META-INF/encryption.xml": '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
        f'<enc:EncryptionMethod Algorithm="{algorithm}"/><enc:CipherData><enc:CipherReference URI="{uri}"/>'
        "</enc:CipherData></enc:EncryptedData></encryption>"
    }


def test_protected_books_are_refused(tmp_path: Path) -> None:
    """A chapter that DRM has encrypted is told as such; fonts that are obscured harm nothing."""
    aes = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
    error = refusal(tmp_path, epub_of(CHAPTERS, extra=encryption("OEBPS/text/one.xhtml", aes)))
    assert error.reason == "encrypted"
    assert "DRM" in error.detail
    fonts = encryption("OEBPS/font.otf", "http://www.idpf.org/2008/embedding")
    assert "It rose" in read(tmp_path, epub_of(CHAPTERS, extra=fonts)).text


def test_a_password_is_told(tmp_path: Path) -> None:
    """A member that is encrypted in the archive is no broken file."""
    data = bytearray(epub_of(CHAPTERS))
    place = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 4)  # META-INF/container.xml in the directory
    struct.pack_into("<H", data, place + 8, 1)
    assert refusal(tmp_path, bytes(data)).reason == "encrypted"


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chapter that unpacks to more than any book is not unpacked to its end."""
    monkeypatch.setattr("longhop.sources.epub.MOST_BYTES", 1_000_000)
    error = refusal(tmp_path, epub_of({**CHAPTERS, "bomb.xhtml": page("<p>" + " " * 2_000_000 + "</p>")}))
    assert error.reason == "too_large"
    assert "bomb.xhtml" in error.detail


@pytest.mark.parametrize("data", [b"no archive", b"", epub_of(CHAPTERS)[:400]])
def test_broken_files_are_refused(tmp_path: Path, data: bytes) -> None:
    """What is no archive is said to be none."""
    assert refusal(tmp_path, data).reason == "broken"


def test_an_archive_that_is_no_epub_is_refused(tmp_path: Path) -> None:
    """A ZIP file without a container names what it lacks."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "text")
    error = refusal(tmp_path, buffer.getvalue())
    assert error.reason == "broken"
    assert "META-INF/container.xml" in error.detail


def test_a_damaged_chapter_is_told_and_the_rest_kept(tmp_path: Path) -> None:
    """A chapter whose bytes are damaged is left out, and named."""
    long = page("<h2>III</h2>" + "".join(f"<p>The harbour has {i * i} stones.</p>" for i in range(500)))
    data = bytearray(epub_of({**CHAPTERS, "three.xhtml": long}))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        place = archive.getinfo("OEBPS/three.xhtml").header_offset + 300
    data[place : place + 40] = b"\xff" * 40
    epub = read(tmp_path, bytes(data))
    assert [reason for reason, _ in epub.left_out] == ["broken_part"]
    assert "It fell" in epub.text


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    """Declared entities neither grow nor read files."""
    bomb = '<?xml version="1.0"?><!DOCTYPE html [<!ENTITY a "ha"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    part = page("<p>It rose &a; &b; here.</p>").replace('<?xml version="1.0" encoding="utf-8"?>', bomb)
    text = read(tmp_path, epub_of({"one.xhtml": part})).text
    assert "root:" not in text
    assert "It rose" in text


def test_books_of_a_folder(tmp_path: Path) -> None:
    """Good books are documents; of each bad one, and of each missing part, there is one rejection."""
    (tmp_path / "a.epub").write_bytes(epub_of(CHAPTERS))
    (tmp_path / "b.epub").write_bytes(b"no archive")
    (tmp_path / "c.epub").write_bytes(epub_of(CHAPTERS, missing=("text/one.xhtml",), about=""))
    items = [item for item in list_source(Source(kind="book", path=str(tmp_path))) if isinstance(item, SourceItem)]
    read = [entry for item in items for entry in read_item(item)]
    first, second = (entry for entry in read if isinstance(entry, RawDocument))
    assert (first.title, first.author, first.year, first.license) == ("The Tides", "Ada Lee", 1897, "CC-BY-4.0")
    assert (second.title, second.author, second.license) == ("c", None, None)
    rejections = [(entry.item_id.rpartition("/")[2], entry.reason) for entry in read if isinstance(entry, Rejection)]
    assert rejections == [("b.epub", "broken"), ("c.epub", "missing_part")]
