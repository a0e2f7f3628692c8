"""Documents that come laid out for people: EPUB, HTML and PDF.

    >>> [document.title for document in read_formatted(item)]
    ['On Tides']

A file that cannot be read is one rejection; parts that it lacks are one each, and the rest of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from longhop.records import RawDocument, Rejection
from longhop.sources.epub import read_epub
from longhop.sources.hashes import not_as_listed
from longhop.sources.html import read_html
from longhop.sources.items import SourceItem, path_of, rejected, vanished
from longhop.sources.metadata import About
from longhop.sources.pdf import read_pdf
from longhop.sources.problems import ReadError
from longhop.sources.references import without_references
from longhop.sources.text import BinaryError, one_line

__all__ = ["FORMATTED", "read_formatted"]

FORMATTED = {".epub": "epub", ".html": "html", ".htm": "html", ".xhtml": "html", ".pdf": "pdf"}
"""Format by suffix."""


class _Content(NamedTuple):
    text: str
    about: About
    sections: tuple[tuple[int, str], ...]
    left_out: tuple[tuple[str, str], ...] = ()


def read_formatted(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """The document of a listed EPUB, HTML or PDF file, and a rejection for each part of it that is not to be had."""
    path = path_of(item.location)
    if (wrong := not_as_listed(item)) is not None:
        yield wrong
        return
    try:
        content = _content(item)
    except FileNotFoundError:
        yield vanished(item.path)
        return
    except OSError as error:
        yield rejected(item.path, "unreadable", error.strerror or str(error))
        return
    except ReadError as error:
        yield rejected(item.path, error.reason, error.detail)
        return
    except BinaryError as error:
        yield rejected(item.path, "binary", str(error))
        return
    about, text, sections = content.about, content.text, content.sections
    if item.references == "drop":
        text, sections = without_references(text, sections)
    if not text.strip():
        yield rejected(item.path, "empty", "no text is left without markup and navigation")
    else:
        yield RawDocument(
            kind=item.kind,
            title=about.title or one_line(path.stem) or "untitled",
            author=about.author,
            year=about.year,
            language=about.language,
            origin=about.origin,
            source=item.path,
            license=item.license or about.license,
            text=text,
            sections=sections,
        )
    for reason, detail in content.left_out:
        yield rejected(item.path, reason, f"{detail}. The rest of the file is kept")


def _content(item: SourceItem) -> _Content:
    path, book = path_of(item.location), item.kind == "book"
    if item.format == "epub":
        return _Content(*read_epub(path))
    if item.format == "pdf":
        return _Content(*read_pdf(path, book=book))
    return _Content(*read_html(path.read_bytes(), book=book))
