r"""PDF: papers and books as Markdown, in the order in which people read them.

    >>> pdf = read_pdf(Path("paper.pdf"))
    >>> pdf.about.title, pdf.about.year, pdf.text[:11]
    ('On Tides', 2019, '# On Tides\n')

Columns come one after the other, words that lines part are whole again, heads, feet and page numbers are gone. What a
page draws (figures) and what is only a picture of text is not read. How: `worker.py` gets the characters out,
`margins.py` takes off what stands around the text, `layout.py` finds the order, `text.py` the paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from longhop.sources.gutenberg import strip_gutenberg
from longhop.sources.headings import heading_sections
from longhop.sources.metadata import About, language_of, license_of, year_of
from longhop.sources.pdf.layout import lines_in_order
from longhop.sources.pdf.margins import without_margins
from longhop.sources.pdf.pages import SECONDS, Page, PdfPages
from longhop.sources.pdf.text import Block, blocks_of_pages, written
from longhop.sources.problems import ReadError
from longhop.sources.text import one_line, tidy

__all__ = ["Pdf", "read_pdf"]

SCANNED_CHARS = 20
"""A file with fewer characters a page is a scan, or drawings."""
SCANNED_SHARE = 0.1
"""From this share on, pages that are pictures are told of."""
UNREADABLE_SHARE = 0.2
"""Share of characters without meaning from which a font has no table of what its glyphs are."""

_NO_TITLE = re.compile(
    r"(?:untitled|title|document\d*|no title|microsoft word\b.*|slide \d+|powerpoint.*"
    r"|.*\.(?:docx?|tex|dvi|pdf|indd|ps|qxd|pages|rtf|odt|wpd))$",
    re.IGNORECASE,
)
_NO_AUTHOR = re.compile(
    r"(?:unknown|anonymous|author|user|admin\w*|root|owner|default|none|n/?a|\(?\w*anonymous\)?|.*(?:latex|word|acrobat|writer|quartz|pandoc).*)$",
    re.IGNORECASE,
)
_PERSON = r"[A-Z][\w.'’-]*(?: (?:[a-z]{1,3} )?[A-Z][\w.'’-]*){1,4}"
_PERSONS = re.compile(rf"{_PERSON}(?:(?:,| and| &|, and) {_PERSON})*$")
_MARKS = re.compile(r"[*†‡§¶]|\^\w+(?:,\w+)*|(?<=[a-z])\d(?:,\d)*")
_DOI = re.compile(r"(?:doi:?\s*|doi\.org/)(10\.\d{4,9}/[^\s\"<>]+[\w)])", re.IGNORECASE)


class Pdf(NamedTuple):
    """A file as text, and what it says of itself."""

    text: str
    about: About
    sections: tuple[tuple[int, str], ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """Pages that could not be had: reason and detail."""


def read_pdf(path: Path, *, book: bool = False, seconds: float = SECONDS) -> Pdf:
    """A file as text.

    Args:
        path: Where it lies.
        book: Whether its highest headings are chapters; the year of its making is then not taken for its own.
        seconds: Processor time that a page may take.

    Raises:
        ReadError: It is encrypted, broken, has no text layer or only one without meaning, or cannot be read in time.
    """
    source = PdfPages(path, seconds=seconds)
    pages = list(source)
    _refuse_without_text(pages, source)
    lines = lines_in_order(without_margins(pages))
    blocks = blocks_of_pages(lines, source.bookmarks)
    text = tidy(written(blocks))
    stripped = strip_gutenberg(text)
    text = stripped.text
    about = _about(source, blocks, lines_of(pages[:1]), book=book)
    about = about._replace(title=about.title or stripped.title, author=about.author or stripped.author)
    return Pdf(text, about, heading_sections(text, book=book), _left_out(pages, source))


def lines_of(pages: Sequence[Page]) -> str:
    """Text of pages as it comes, for what is searched in it."""
    return "\n".join(segment.text for page in pages for segment in page.segments)


def _refuse_without_text(pages: list[Page], source: PdfPages) -> None:
    chars = "".join(segment.text for page in pages for segment in page.segments)
    n_chars = len(chars)
    if not pages:
        raise ReadError("unreadable", f"no page of it can be read ({next(iter(source.lost.values()), 'it has none')})")
    pictures = sum(1 for page in pages if page.images)
    if not n_chars or (n_chars < SCANNED_CHARS * len(pages) and pictures):
        what = f"{pictures} of its {len(pages)} pages are pictures" if pictures else f"{len(pages)} pages without text"
        raise ReadError(
            "no_text_layer", f"has no text layer ({what}); recognise its text first, for instance with ocrmypdf"
        )
    meaningless = sum(chars.count(char) for char in "\ufffd\u25a1")
    if meaningless > UNREADABLE_SHARE * n_chars:
        raise ReadError(
            "garbled", "its fonts do not say which letters they show; recognise its text, for instance with ocrmypdf"
        )


def _left_out(pages: list[Page], source: PdfPages) -> tuple[tuple[str, str], ...]:
    found = [("lost_page", f"page {number + 1} {why}") for number, why in sorted(source.lost.items())]
    pictures = [page.number + 1 for page in pages if page.images and not page.segments]
    if len(pictures) > SCANNED_SHARE * len(pages):
        some = ", ".join(map(str, pictures[:10])) + (", …" if len(pictures) > 10 else "")
        found.append(("no_text_layer", f"{len(pictures)} of {len(pages)} pages are pictures without text ({some})"))
    return tuple(found)


def _about(source: PdfPages, blocks: Sequence[Block], first_page: str, *, book: bool) -> About:
    given = {key: one_line(value) for key, value in source.about.items()}
    title = given.get("Title", "")
    plausible = len(title) > 3 and any(map(str.isalpha, title)) and not _NO_TITLE.match(title)
    top = next((place for place, block in enumerate(blocks) if block.kind == "heading" and block.level == 1), None)
    shown = blocks[top].text if top is not None and blocks[top].page == 0 else ""
    author = given.get("Author", "")
    if _NO_AUTHOR.match(author) or len(author) < 4:
        author = _author_below(blocks[top + 1 :]) if top is not None else ""
    doi = _DOI.search(first_page) or _DOI.search(" ".join(given.values()))
    return About(
        title=(title if plausible else one_line(shown)) or None,
        author=author or None,
        year=None if book else year_of(source.about.get("CreationDate")),
        language=language_of(source.language),
        license=license_of(first_page) if "creativecommons" in first_page.lower() else None,
        origin=f"https://doi.org/{doi[1]}" if doi else None,
    )


def _author_below(blocks: Sequence[Block]) -> str:
    """Names that stand right below the title."""
    for block in blocks[:2]:
        line = _MARKS.sub("", block.text.partition("\n")[0])
        line = " ".join(line.replace(" ,", ",").split()).strip(" ,")
        if block.kind in {"body", "small"} and _PERSONS.match(line):
            return one_line(line)
    return ""
