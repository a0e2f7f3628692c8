r"""EPUB: the chapters of a book in the order of its spine, as Markdown, without what surrounds them.

    >>> epub = read_epub(Path("sherlock.epub"))
    >>> epub.about.title, epub.text[:24], epub.sections[1]
    ('The Adventures of Sherlock Holmes', '## A Scandal in Bohemia\n', (45980, 'chapter'))

Navigation, cover, title page, copyright and licence pages go; notes, prefaces and appendices stay. Nothing is unpacked
onto a disk. A book of which a part is missing is kept without it, and the part is named.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from html.entities import html5
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lxml import etree

from longhop.sources.epub_package import Package, Part, inside, read_package
from longhop.sources.gutenberg import strip_gutenberg
from longhop.sources.headings import heading_sections
from longhop.sources.html import parse, text_of
from longhop.sources.html.blocks import blocks_of
from longhop.sources.html.main import keep_main
from longhop.sources.html.tree import name_of_tag, semantic_types, text_content
from longhop.sources.metadata import About
from longhop.sources.problems import ReadError
from longhop.sources.text import BinaryError, tidy

__all__ = ["Epub", "read_epub"]

MOST_BYTES = 200_000_000
"""A book whose text unpacks to more is none: the longest novels have some 10 MB."""
MOST_PARTS = 20_000
"""Files of text that a book may have."""
COPYRIGHT_CHARS = 4_000
"""A page of copyright that is not marked as one is no longer than this,"""
COPYRIGHT_PLACE = 6
"""and is among so many first or last pages."""
LEFT_CHARS = 120
"""A page from which a list of links was taken, and that has no more text than this, was a list of contents."""

_LEFT_OUT = set(
    """
    cover frontcover titlepage title-page halftitlepage copyright-page copyright imprint colophon toc landmarks loi lot
    page-list uncopyright other.cover other.copyright other.ads
    """.split()
)
_NAMES = re.compile(
    r"(?:\d+[-_]?)?(?:un)?(?:copyright|licen[sc]e|imprint|colophon|cover|title[-_]?page|toc|nav|contents)(?:[-_]?(?:page|\d+))?$",
    re.IGNORECASE,
)
_COPYRIGHT_MARKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"all rights reserved",
        r"\bisbn\b",
        r"©|\bcopyright\b",
        r"library of congress|cataloging.in.publication|british library",
        r"no part of this (?:publication|book|work)",
        r"first published|published by|printed in",
        r"work of fiction",
        r"permission is hereby granted",
        r"provided [\"“]?as is",
        r"creativecommons\.org|public domain|licen[sc]ed under",
    )
)
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]+);")
_XML_NAMES = {"amp", "lt", "gt", "quot", "apos"}
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


class Epub(NamedTuple):
    """A book as text, and what it says of itself."""

    text: str
    about: About
    sections: tuple[tuple[int, str], ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """Parts that could not be had: reason and detail of each."""


def read_epub(path: Path) -> Epub:
    """A book as text.

    Raises:
        ReadError: It is broken, encrypted, unpacks to too much, or gives none of its chapters.
        OSError: The file cannot be opened.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise ReadError("broken", f"is no EPUB, which is a ZIP archive ({error}); get the file again") from error
    with archive:
        book = _Book(archive)
        return book.read()


class _Book:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {inside("", info.filename): info for info in archive.infolist() if not info.is_dir()}
        self._names.pop(None, None)
        self._left = MOST_BYTES
        self._left_out: dict[str, tuple[str, str]] = {}
        for info in archive.infolist():
            if inside("", info.filename) is None:
                self._leave_out(info.filename, "outside_path", "has a path that leads out of the book; it is not read")

    def read(self) -> Epub:
        """The whole book."""
        package = read_package(self._bytes)
        if any(name.lower() == "meta-inf/sinf.xml" for name in map(str, self._names)):
            raise ReadError("encrypted", "is protected by DRM (META-INF/sinf.xml); only a copy without it can be read")
        parts = [part for part in package.parts if not part.left_out]
        if not parts:
            raise ReadError("empty", "its spine names no text")
        texts: list[tuple[str, Part]] = []
        for place, part in enumerate(parts[:MOST_PARTS]):
            text = self._text(part, package, min(place, len(parts) - 1 - place) < COPYRIGHT_PLACE)
            if text:
                texts.append((text, part))
        if not texts:
            reason, detail = next(iter(self._left_out.values()), ("empty", "no chapter has text"))
            raise ReadError(reason, f"gives no text: {detail}")
        return self._joined(texts, package)

    def _joined(self, texts: list[tuple[str, Part]], package: Package) -> Epub:
        stripped = strip_gutenberg(tidy("\n\n\n".join(text for text, _ in texts)))
        text, about = stripped.text, package.about
        levels = dict(heading_sections(text, book=True))
        place = 0
        for part_text, part in texts:
            found = text.find(part_text[:200], place)
            if found > 0:
                # A chapter may go over several files; only what begins with a heading, or is named in the list of
                # contents, begins one.
                begins = part_text.startswith("#") or part.named
                levels[found] = "chapter" if begins else levels.get(found, "section")
            place = max(place, found)
        about = about._replace(title=about.title or stripped.title, author=about.author or stripped.author)
        return Epub(text, about, tuple(sorted(levels.items())), tuple(self._left_out.values()))

    def _text(self, part: Part, package: Package, at_an_end: bool) -> str:
        """Text of a file of the spine; empty where it is none of the book's."""
        if part.path is None:
            self._leave_out(part.href, "outside_path", "leads out of the book; it is not read")
            return ""
        if at_an_end and _NAMES.match(PurePosixPath(part.path).stem):
            return ""
        if part.path in package.encrypted:
            raise ReadError("encrypted", f"is protected by DRM ({part.path} is encrypted); get a copy without it")
        try:
            data = self._bytes(part.path)
        except KeyError:
            self._leave_out(part.path, "missing_part", "is in the book's spine and not in the file; get the file again")
            return ""
        except _ZIP_ERRORS as error:
            self._leave_out(part.path, "broken_part", f"cannot be unpacked ({error}); get the file again")
            return ""
        try:
            root = _tree(text_of(data))
        except BinaryError as error:
            self._leave_out(part.path, "binary", f"is no text ({error}); get the file again")
            return ""
        except ReadError as error:
            self._leave_out(part.path, error.reason, error.detail)
            return ""
        if root is None or _types(root) & _LEFT_OUT:
            return ""
        whole = len(text_content(root))
        text = tidy("\n\n".join(blocks_of(keep_main(root, site=False))))
        if len(text) <= LEFT_CHARS and whole > 2 * len(text) + LEFT_CHARS:
            return ""
        return "" if at_an_end and _is_copyright(text) else text

    def _bytes(self, name: str) -> bytes:
        """Content of a file of the archive.

        Raises:
            KeyError: There is none of this name.
            ReadError: It is encrypted, or unpacks to too much.
        """
        info = self._names[name]
        if info.flag_bits & 1:
            raise ReadError("encrypted", f"{name} in it is encrypted with a password; give an open copy")
        with self._archive.open(info) as file:
            data = file.read(self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise ReadError("too_large", f"its text unpacks to more than {MOST_BYTES:,} bytes ({name} is one of it)")
        return data

    def _leave_out(self, name: str, reason: str, detail: str) -> None:
        self._left_out.setdefault(name, (reason, f"{name[:200]} {detail}"))


def _tree(source: str) -> etree._Element | None:
    """Tree of a chapter: as XML, in which an empty `<a/>` is closed, or as HTML where it is no XML."""
    source = _DECLARATION.sub("", source, count=1)
    source = _ENTITY.sub(lambda match: match[0] if match[1] in _XML_NAMES else html5.get(match[1] + ";", ""), source)
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(source.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        return parse(source)
    return root if name_of_tag(root) == "html" else parse(source)


def _types(root: etree._Element) -> set[str]:
    """What the body of a chapter, and the only section in it, say that they are."""
    body = next((child for child in root if name_of_tag(child) == "body"), None)
    if body is None:
        return set()
    children = [child for child in body if name_of_tag(child)]
    return semantic_types(body) | (semantic_types(children[0]) if len(children) == 1 else set())


def _is_copyright(text: str) -> bool:
    return len(text) <= COPYRIGHT_CHARS and sum(1 for mark in _COPYRIGHT_MARKS if mark.search(text)) >= 3
