r"""Web pages, books and papers in HTML: the main text with Markdown headings, lists, tables and code.

    >>> read_html(b"<title>On Tides</title><nav>Home</nav><h1>On Tides</h1><p>They <em>rise</em>.<script>x()</script>")
    Html(text='# On Tides\n\nThey rise.', about=About(title='On Tides', ...))

Of a page its navigation, menus, site headers and footers go; a book or paper has little of that and keeps every word.
So nothing is judged by how it reads, only by what it is marked as, or by being a list of links. (Extractors made for
news, such as trafilatura and readability, lose verse, formulas, code and short chapters of books.)
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from lxml import etree

from longhop.sources.gutenberg import strip_gutenberg
from longhop.sources.headings import heading_sections
from longhop.sources.html.blocks import blocks_of
from longhop.sources.html.head import about_page
from longhop.sources.html.main import keep_main
from longhop.sources.metadata import About
from longhop.sources.problems import ReadError
from longhop.sources.text import decode, tidy

__all__ = ["Html", "parse", "read_html", "text_of"]

HEAD_BYTES = 4_096
"""An encoding is declared within so many bytes."""

_CHARSET = re.compile(
    rb"""<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)""", re.IGNORECASE
)
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_LATIN = {"iso8859-1", "cp1252", "ascii"}


class Html(NamedTuple):
    """A page as text, and what it says of itself."""

    text: str
    about: About
    sections: tuple[tuple[int, str], ...] = ()
    """Where sections begin; see `RawDocument.sections`."""


def read_html(data: bytes, *, book: bool = False) -> Html:
    """A page as text; of a `book` the highest headings that occur twice are chapters.

    Raises:
        BinaryError: `data` is no text.
        ReadError: It is nested too deeply.
    """
    root = parse(text_of(data))
    if root is None:
        return Html("", About())
    about = about_page(root)
    text = tidy("\n\n".join(blocks_of(keep_main(root))))
    stripped = strip_gutenberg(text)
    about = about._replace(title=about.title or stripped.title, author=about.author or stripped.author)
    return Html(stripped.text, about, heading_sections(stripped.text, book=book))


def text_of(data: bytes) -> str:
    """Decoded source, by byte order mark, declared encoding, or as `decode` guesses.

    Raises:
        BinaryError: `data` is no text.
    """
    declared = _CHARSET.search(data[:HEAD_BYTES])
    marked = data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if declared is None or marked or b"\0" in data:
        return decode(data)
    try:
        name = codecs.lookup((declared[1] or declared[2]).decode("ascii")).name
    except LookupError:
        return decode(data)
    if name in _LATIN or name.startswith(("utf-16", "utf-32", "utf-8")):
        # What is declared Latin-1 is CP1252 for all browsers, or UTF-8 that somebody saved; `decode` tells them apart.
        return decode(data)
    try:
        return data.decode(name, "replace")
    except (LookupError, UnicodeError):  # a codec of Python that gives no text, such as `idna`
        return decode(data)


def parse(source: str) -> etree._Element | None:
    """Tree of a page, or None where there is none; tags may have namespaces.

    Raises:
        ReadError: It is nested too deeply.
    """
    source = _DECLARATION.sub("", source, count=1).replace("\0", "")
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(source.encode("utf-8", "replace"), parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    # The parser stops there and would lose the rest without a word.
    if any("depth" in error.message for error in parser.error_log):
        raise ReadError("malformed", "its elements are nested more than 2,000 deep; repair it, or save it as text")
    return root
