r"""Plain text and Markdown: books, stories, papers in Markdown.

    >>> read_prose("rope.md", "---\ntitle: Rope\n---\n# The Rope\n\nIt was new.", markdown=True)
    Prose(text='# The Rope\n\nIt was new.', about=About(title='Rope', author=None, year=None, …))

Texts of Project Gutenberg lose their wrapping (`gutenberg.py`). Markdown stays Markdown, which language models read
well; front matter, from which title, author, year, language and licence are taken, and comments go.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import yaml

from longhop.sources.gutenberg import strip_gutenberg
from longhop.sources.metadata import About, language_of, license_of, year_of
from longhop.sources.text import one_line, tidy

__all__ = ["Prose", "read_prose"]

SHORT_LINE = 80
"""A first line up to so many characters, followed by an empty one, is a title."""

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->[ \t]*\n?", re.DOTALL)
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*#*[ \t]*$|^(\S.*)\n=+[ \t]*$", re.MULTILINE)
_PARTS = (
    "chapter|book|part|volume|act|scene|canto|stave|letter|kapitel|buch|teil|chapitre|livre|partie|acte|cap[ií]tulo"
    "|capitolo|libro|parte|глава|часть|книга"
)
_NUMBERS = (
    r"[ivxlcdm]{1,8}|\d{1,3}|one|two|three|four|five|six|first|second|third|eins|un|une|uno|erste[rs]?|premi[eè]re?"
    "|primer[ao]?|prim[ao]|первая"
)
_PART = re.compile(
    rf"(?:(?:{_PARTS})[\s.:]+(?:the )?(?:{_NUMBERS})\b.{{0,60}}|(?:the )?(?:{_NUMBERS}) (?:{_PARTS})\b.{{0,60}}"
    r"|第[\d一二三四五六七八九十百千〇零]{1,7}[章回部卷節节話话].{0,30}"
    r"|(?:table of )?contents|inhalt(?:sverzeichnis)?|preface|prologue|introduction|foreword|dedication|vorwort"
    r"|einleitung|préface|prólogo|предисловие|目[录錄次]|[ivxlcdm]{1,8}\.?|\W*\d{1,3}\W*)$",
    re.IGNORECASE,
)
"""What opens a part of a book, and is not called as the book is."""
_BY = re.compile(r"^\s*by\s+(\S.{2,60})$", re.IGNORECASE | re.MULTILINE)


class Prose(NamedTuple):
    """A text with what it says of itself."""

    text: str
    about: About
    """With a title in any case."""


def read_prose(name: str, text: str, *, markdown: bool) -> Prose:
    """A decoded file as prose; `name` gives the title where the text itself has none."""
    text = tidy(text)
    about = About()
    if markdown:
        text, about = _front_matter(text)
        text = _COMMENT.sub("", text).strip("\n")
    stripped = strip_gutenberg(text)
    text, title, author = stripped.text, about.title or stripped.title, about.author or stripped.author
    if markdown and not title:
        heading = _HEADING.search(text)
        title = heading and (heading[1] or heading[2])
    if not title and not markdown:
        title, author = _first_line(text, author)
    title = one_line(title or "") or one_line(PurePosixPath(name).stem) or "untitled"
    return Prose(text, about._replace(title=title, author=author, language=about.language or stripped.language))


def _front_matter(text: str) -> tuple[str, About]:
    match = _FRONT_MATTER.match(text)
    if not match:
        return text, About()
    try:
        data = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return text, About()
    if not isinstance(data, dict):
        return text, About()
    licensed = _plain(data.get("license"))
    about = About(
        title=_plain(data.get("title")),
        author=_names(data.get("authors") or data.get("author")),
        year=year_of(_plain(data.get("date")) or _plain(data.get("year"))),
        language=language_of(_plain(data.get("lang")) or _plain(data.get("language"))),
        license=license_of(licensed) or licensed,
    )
    return text[match.end() :].lstrip("\n"), about


def _plain(value: Any) -> str | None:
    """A plain value as a line: nested anchors, printed, would grow without end."""
    return one_line(str(value)) or None if isinstance(value, str | int | float | dt.date) else None


def _names(value: Any) -> str | None:
    values = value[:100] if isinstance(value, list) else [value]
    names = [entry.get("name") if isinstance(entry, dict) else entry for entry in values]
    return one_line(", ".join(name for name in names if isinstance(name, str))) or None


def _first_line(text: str, author: str | None) -> tuple[str | None, str | None]:
    head = text[:2_000].lstrip()
    first, _, rest = head.partition("\n")
    by = _BY.match(rest.lstrip("\n").partition("\n")[0])
    alone = by is not None or not rest or rest.startswith("\n")
    first = first.strip()
    # A title stands alone; what goes on in the next line, or ends as a sentence does, is text.
    if 0 < len(first) <= SHORT_LINE and alone and first[-1] not in ".,;:!?" and not _PART.match(first):
        return first, author or (by and by[1].strip()) or None
    return None, author
