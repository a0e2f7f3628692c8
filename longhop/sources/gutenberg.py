r"""Project Gutenberg's wrapping: found, read for title and author, and taken off.

    >>> strip_gutenberg("The Project Gutenberg EBook of Emma, by Jane Austen\n\n*** START OF THIS PROJECT GUTENBERG "
    ...                 "EBOOK EMMA ***\n\nEmma Woodhouse\n\n*** END OF THIS PROJECT GUTENBERG EBOOK EMMA ***")
    Stripped(text='Emma Woodhouse', title='Emma', author='Jane Austen')

Two forms exist. Files since about 2003 stand between `*** START OF` and `*** END OF`, with the licence behind. Older
ones begin with some 250 to 350 lines that end in `*END*THE SMALL PRINT!`, without any mark of a beginning, or have that
small print at their end. In both, credits ("This etext was prepared by …") and an "End of the Project Gutenberg Etext"
stand within. Texts of the NLTK have no header but a first line `[Emma by Jane Austen 1816]`.

A book that only mentions Project Gutenberg keeps its text: a header must open the file for anything to be taken off.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Stripped", "strip_gutenberg"]

HEAD_LINES = 600
"""Within so many lines the header ends."""
CREDIT_LINES = 120
"""Within so many lines behind the header letters and notes of Project Gutenberg may stand."""
CREDIT_PARAGRAPHS = 12
"""Within so many paragraphs behind these, credits."""

_FLAGS = re.IGNORECASE | re.MULTILINE
_OPENING = re.compile(r"Project Gutenberg|\*{3}\s*START OF TH", re.IGNORECASE)
_START = re.compile(r"^[ \t]*\*{3}[ \t]*START OF (?:THE|THIS)\b.{0,40}GUTENBERG[^*]{0,400}\*{3}.*$", _FLAGS)
_SMALL_PRINT_END = re.compile(r"^.{0,20}\*END.{0,3}THE SMALL PRINT.*$", _FLAGS)
_OLD_START = re.compile(r"restrictions in how the file may be used\.\s*\n+\*\*\*[ \t]*$", _FLAGS)

_END = re.compile(
    r"^[ \t]*(?:\*{2,}[ \t]*END OF (?:THE|THIS) (?:PROJECT GUTENBERG|E-?BOOK|E-?TEXT)"
    r"|\*{3}[ \t]*START: FULL LICENSE"
    r"|\*\*The Legal Small Print\*\*"
    r"|\*{3}START\*\*THE SMALL PRINT"
    r"|If you can't reach Project Gutenberg,"
    r"|The Project Gutenberg Literary Archive Foundation has been approved by"
    r"|We are now trying to release all our eBooks one year in advance"
    r"|(?:The )?Project Gutenberg E-?(?:text|book) of .+\n(?:.+\n)?\*{3,} ?This file should be named).*$",
    _FLAGS,
)
_END_LINE = re.compile(r"^[ \t*]*End of (?:the |this )?Project Gutenberg(?:.+\n)*.*$", _FLAGS)

_CREDIT = re.compile(
    r"\s*[\[(*]*(?:"
    r"(?:this |these |the )?(?:e-?texts?|e-?books?|electronic (?:text|edition|version)s?|file)\b[^.]{0,80}?"
    r"\b(?:prepared|produced|created|scanned|transcribed|typed|converted|proofed|made|provided|donated)\b"
    r"|(?:produced|transcribed|scanned|proofread|prepared|digitized|typed) (?:by|from)\b"
    r"|transcribed (?:\w+ ){1,4}by\b"
    r"|(?:html|pdf) version by\b"
    r"|note: project gutenberg (?:also has|has)\b"
    r"|note from (?:the )?electronic text creator"
    r"|(?:the )?project gutenberg(?:'s)? e-?(?:text|book)\b"
    r"|end of (?:the |this )?project gutenberg\b"
    r"|special thanks (?:are due )?to\b.{0,80}(?:proof|scan|text)"
    r"|more below\. \. \."
    r")",
    re.IGNORECASE | re.DOTALL,
)
_LETTER = re.compile(r"^Michael S\. Hart\n(?:.*\n){0,3}?Executive Director.*\n+(?:\*\*\*[ \t]*\n)?", _FLAGS)
_SCANNER = re.compile(
    r"(?:Scanner|Transcriber|Etext editor)'s Notes?:[\s\S]*?@.*(?:\n.+)*\n*(?:[A-Z][\w.]+(?: [A-Z][\w.]+){1,2}\n\n)?"
)
_NOTE = re.compile(r"^\[[^\[\]]{0,800}?(?:Project Gutenberg|\be-?text\b)[^\[\]]{0,800}\]\n*", _FLAGS)

_FIELD = re.compile(r"^(Title|Author):[ \t]*(.+(?:\n[ \t]+\S.*)*)$", re.MULTILINE)
_ETEXT_OF = re.compile(
    r"Project Gutenberg(?:'s)?(?:[ \t]+E-?(?:text|book))?(?:[ \t]+of|,)?[ \t]+(.{2,200}?)\s*"
    r"(?:,?\s+by\s+([^\n*]{3,80}))?[ \t*]*(?:\n[ \t]*\n|\n[ \t]*[(#*]|\n(?:The )?Project Gutenberg|$)",
    re.IGNORECASE | re.DOTALL,
)
_SECOND_LINE = re.compile(r"\*{3,}.*Gutenberg.*\*{3,}[ \t]*\n\*{4,}(?!This file)([^*\n]+)\*{4,}")
_NLTK = re.compile(r"\s*\[(.{2,120}?) by (.{3,60}?)(?: (\d{4}))?\][ \t]*\n")


class Stripped(NamedTuple):
    """A text without its wrapping."""

    text: str
    title: str | None = None
    author: str | None = None


def strip_gutenberg(text: str) -> Stripped:
    """Take off header, licence and credits of a tidy text. A text without a header comes back as it is."""
    nltk = _NLTK.match(text)
    if nltk:
        return Stripped(text[nltk.end() :].strip("\n"), nltk[1], nltk[2])
    head_end = _line_offset(text, HEAD_LINES)
    if not _OPENING.search(text, 0, min(head_end, 2_000)):
        return Stripped(text)
    start = _body_start(text, head_end)
    if start is None:
        return Stripped(text)
    title, author = _title_and_author(text[:start])
    body = _without_credits(_without_tail(text[start:].lstrip("\n")))
    return Stripped(body.strip("\n"), title, author)


def _body_start(text: str, head_end: int) -> int | None:
    for mark in (_START, _SMALL_PRINT_END, _OLD_START):
        # A licence at the end of a short text is no header: the small print of a header stands before its middle.
        match = mark.search(text, 0, head_end)
        if match and (mark is not _SMALL_PRINT_END or match.end() < len(text) - 200):
            return match.end()
    return None


def _without_tail(body: str) -> str:
    end = _END.search(body)
    if end:
        body = body[: end.start()]
    # The "End of" of a first book may stand in the middle of a file with two; only the last closes the file.
    for match in reversed(list(_END_LINE.finditer(body))):
        rest = body[match.end() :]
        if sum(1 for line in rest.splitlines() if line.strip()) > 5 and not _money_letter(rest):
            body = body[: match.start()] + rest
        else:
            body = body[: match.start()]
    return body.rstrip()


def _money_letter(rest: str) -> bool:
    """Whether what follows an "End of" is Project Gutenberg's own: its letter, its newsletter or its licence."""
    return len(re.findall(r"Gutenberg|\bdonations?\b|\be-?(?:book|text)s?\b", rest[:6_000], re.IGNORECASE)) >= 3


def _without_credits(body: str) -> str:
    cut = _line_offset(body, CREDIT_LINES)
    cut = body.find("\n\n", cut) if body.find("\n\n", cut) >= 0 else len(body)
    head, rest = body[:cut], body[cut:]
    letter = _LETTER.search(head)
    if letter and _OPENING.search(head, 0, letter.start()):
        head = head[letter.end() :].lstrip("\n")
    scanner = _SCANNER.match(head)
    if scanner:
        head = head[scanner.end() :]
    paragraphs = re.split(r"(\n[ \t]*\n\s*)", head)
    first = 2 * CREDIT_PARAGRAPHS
    kept = [part for i, part in enumerate(paragraphs) if i % 2 or i > first or not _CREDIT.match(part)]
    return _NOTE.sub("", "".join(kept).lstrip("\n") + rest)


def _title_and_author(header: str) -> tuple[str | None, str | None]:
    fields = {match[1]: " ".join(match[2].split()) for match in reversed(list(_FIELD.finditer(header)))}
    title, author = fields.get("Title"), fields.get("Author")
    second = _SECOND_LINE.search(header[:1_000])
    if second:  # a series in the first line, the work in the second
        title = title or second[1].strip()
    match = _ETEXT_OF.search(header[:4_000])
    if match:
        title = title or " ".join(match[1].split()).strip(" ,*")
        author = author or (match[2] and " ".join(match[2].split()).strip(" .*"))
    return title or None, author or None


def _line_offset(text: str, lines: int) -> int:
    offset = 0
    for _ in range(lines):
        found = text.find("\n", offset)
        if found < 0:
            return len(text)
        offset = found + 1
    return offset
