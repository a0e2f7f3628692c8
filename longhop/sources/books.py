r"""Plain text and Markdown: books, stories, papers in Markdown.

    >>> read_prose("rope.md", "---\ntitle: Rope\n---\n# The Rope\n\nIt was new.", markdown=True)
    Prose(text='# The Rope\n\nIt was new.', title='Rope', author=None)

Texts of Project Gutenberg lose their wrapping (`gutenberg.py`). Markdown stays Markdown, which language models read
well; front matter and comments go.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import yaml

from longhop.sources.gutenberg import strip_gutenberg
from longhop.sources.text import one_line, tidy

__all__ = ["Prose", "read_prose"]

SHORT_LINE = 80
"""A first line up to so many characters, followed by an empty one, is a title."""

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|$)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->[ \t]*\n?", re.DOTALL)
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*#*[ \t]*$|^(\S.*)\n=+[ \t]*$", re.MULTILINE)
_BY = re.compile(r"^\s*by\s+(\S.{2,60})$", re.IGNORECASE | re.MULTILINE)


class Prose(NamedTuple):
    """A text with what it says of itself."""

    text: str
    title: str
    author: str | None


def read_prose(name: str, text: str, *, markdown: bool) -> Prose:
    """A decoded file as prose; `name` gives the title where the text itself has none."""
    text = tidy(text)
    title = author = None
    if markdown:
        text, title, author = _front_matter(text)
        text = _COMMENT.sub("", text).strip("\n")
    stripped = strip_gutenberg(text)
    text, title, author = stripped.text, title or stripped.title, author or stripped.author
    if markdown and not title:
        heading = _HEADING.search(text)
        title = heading and (heading[1] or heading[2])
    if not title and not markdown:
        title, author = _first_line(text, author)
    return Prose(text, one_line(title or "") or one_line(PurePosixPath(name).stem) or "untitled", author)


def _front_matter(text: str) -> tuple[str, str | None, str | None]:
    match = _FRONT_MATTER.match(text)
    if not match:
        return text, None, None
    try:
        data = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return text, None, None
    if not isinstance(data, dict):
        return text, None, None
    title = data.get("title")
    author = _names(data.get("authors") or data.get("author"))
    # Only plain values: nested anchors, printed, would grow without end.
    return text[match.end() :].lstrip("\n"), str(title) if isinstance(title, str | int | float) else None, author


def _names(value: Any) -> str | None:
    values = value[:100] if isinstance(value, list) else [value]
    names = [entry.get("name") if isinstance(entry, dict) else entry for entry in values]
    return one_line(", ".join(name for name in names if isinstance(name, str))) or None


def _first_line(text: str, author: str | None) -> tuple[str | None, str | None]:
    head = text[:2_000].lstrip()
    first, _, rest = head.partition("\n")
    by = _BY.match(rest.lstrip("\n").partition("\n")[0])
    alone = by is not None or not rest or rest.startswith("\n")
    # A title stands alone; what goes on in the next line, or ends as a sentence does, is text.
    if 0 < len(first.strip()) <= SHORT_LINE and alone and first.strip()[-1] not in ".,;:!?":
        return first.strip(), author or (by and by[1].strip()) or None
    return None, author
