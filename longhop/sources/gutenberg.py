r"""Project Gutenberg's wrapping: found, read for title, author and language, and taken off.

    >>> strip_gutenberg("The Project Gutenberg EBook of Emma, by Jane Austen\n\n*** START OF THIS PROJECT GUTENBERG "
    ...                 "EBOOK EMMA ***\n\nEmma Woodhouse\n\n*** END OF THIS PROJECT GUTENBERG EBOOK EMMA ***")
    Stripped(text='Emma Woodhouse', title='Emma', author='Jane Austen', language=None)

Two forms exist. Files since about 2003 stand between `*** START OF` and `*** END OF`, with the licence behind. Older
ones begin with some 250 to 350 lines that end in `*END*THE SMALL PRINT!`, without any mark of a beginning, or have that
small print at their end. In both, credits ("This etext was prepared by …") and an "End of the Project Gutenberg Etext"
stand within. Texts of the NLTK have no header but a first line `[Emma by Jane Austen 1816]`.

A book may speak of Project Gutenberg and quote its marks, and a file may hold several books with their wrappings. So no
mark takes anything off by itself: a header must open the file, and what stands before the mark of a start or behind
that of an end goes as far as it reads like Project Gutenberg's own. What reads like a book is the book.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from longhop.sources.metadata import language_of

__all__ = ["Stripped", "strip_gutenberg"]

HEAD_LINES = 600
"""Within so many lines the header ends."""
OPENING_CHARS = 2_000
"""Within so many characters it begins."""
MARKED, UNMARKED = 3, 8
"""So many known paragraphs make a header or licence, with a mark and without one."""
GAP_LINES = 25
"""So many lines that are not known may stand between two known paragraphs."""
LOOSE_LINES = 6
"""So many in all for each known paragraph: names of works, lists of contents, thanks."""
REST_LINES = 5
"""Up to so many lines behind the last mark of an end are no book."""
CREDIT_LINES = 120
"""Within so many lines behind the header letters and notes of Project Gutenberg may stand."""
CREDIT_PARAGRAPHS = 12
"""Within so many paragraphs behind these, credits."""

_FLAGS = re.IGNORECASE | re.MULTILINE
# Markdown that was made from HTML has `\*\*\*` for `***`.
_MARK = re.compile(
    r"(?P<start>^[ \t]*(?:\\?\*){3}[ \t]*START OF (?:THE|THIS)\b.{0,40}GUTENBERG"
    r"(?:[^*\n]|\n(?!\n)){0,400}\*\\?\*\\?\*.*$"
    r"|^.{0,20}\*END.{0,3}THE SMALL PRINT.*$"
    r"|^.{0,20}\*SMALL PRINT! Ver.*\*END\*.*$"
    r"|restrictions in how the file may be used\.\s*\n\*\*\*[ \t]*$)"
    r"|(?P<end>^[ \t]*(?:\\?\*){2,}[ \t]*END OF (?:THE|THIS) (?:PROJECT GUTENBERG|E-?BOOK|E-?TEXT)"
    r"(?:[^*\n]*\n[^*\n]+\*\\?\*|).*$)"
    r"|(?P<colophon>^[ \t*]*(?:The )?Ende? (?:of |dies\w* )?(?:the |this )?Proje[ck]t Gutenberg.*(?:\n.+){0,2}$)",
    _FLAGS,
)
_NAME = re.compile(r"Proje[ck]t Gutenberg", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\S.*(?:\n[ \t]*\S.*)*")
_OPENING = re.compile(
    r"(?:this is (?:a |the )?)?(?:the |das )?(?:copyrighted )?project gutenberg"
    r"(?:(?:'s)?,? (?:e-?text|e-?book)|'s .{2,120} by )"
)
_CLAUSE = re.compile(r"1\.[a-f]\.")
_FIELD = re.compile(
    r"(?:(?:sub)?title|author|editor|translator|illustrator|contributor|annotator|compiler|(?:release|posting) date"
    r"|(?:last|most recently) updated|edition|language|original publication|other information[\w ]*"
    r"|character set encoding|credits):|(?:e-?text prepared|produced) by\b"
)
# Parts of sentences of headers and letters, of the small print, of the licence; lower case, one blank between words.
_KNOWN = tuple(
    phrase.strip()
    for phrase in """
    use of anyone anywhere | [ebook # | [etext # | copyright laws are changing | information in this header
    | remove this header | header should be the first | details below | electronic path open
    | plain vanilla electronic | readable by both humans
    | contacting project gutenberg | need your donations | file should be named | editions of our e
    | versions based on separate | official release date | preliminary version may | neither this list
    | books in compliance | million dollars for each hour | gutenberg is to give away | gutenberg (one page)
    | record of our progress | carnegie-mellon | hart@ | please mail to | prefer to send you | ftp directly to
    | ftp session | most people start at our | include award-winning information | before announcement can
    | five letters of the filename | project gutenberg newsletter | gutenberg legal advisor | ebooks in compliance
    | money order | in the additional states | registered, we know of no prohibition | tax-deductible
    | small print | gutenberg-tm | you may distribute copies | receive a refund | disclaimers of implied
    | indemnify and hold | displayed, is clearly readable | readily converted by the reader | trademark license fee
    | gutenberg™ | gutenberg license | gutenberg literary archive | full license | editions will be renamed
    | terms of this agreement | replacement copy | word from project gutenberg | solicit donations
    | international donations | requirements for other states | search facility
    """.split("|")
)
_COLOPHON = re.compile(
    r"\*?(?:the )?ende? .{0,10}proje[ck]t gutenberg(?:'s)?(?: e-?(?:texte?s?|books?))?,?(?: of)? "
    r"[\"“]?(.{3,}?)[\"”]?[.,]?(?: (?:by|von|auf) |$)"
)

_CREDIT = re.compile(
    r"\s*[\[(*]*(?:"
    r"(?:this |these |the )?(?:e-?texts?|e-?books?|electronic (?:text|edition|version)s?|file)\b[^.]{0,80}?"
    r"\b(?:prepared|produced|created|scanned|transcribed|typed|converted|proofed|made|provided|donated)\b"
    r"|(?:produced|transcribed|scanned|proofread|prepared|digitized|typed) (?:by|from)\b"
    r"|transcribed (?:\w+ ){1,4}by\b"
    r"|(?:html|pdf) version by\b"
    r"|note: project gutenberg (?:also has|has)\b"
    r"|note from (?:the )?electronic text creator"
    r"|(?:the )?project gutenberg(?:'s)? e-?(?:text|book)\b(?=.{0,200}$)"
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

_NAMED = re.compile(r"^(Title|Author|Language):[ \t]*(.+(?:\n[ \t]+\S.*)*)$", re.MULTILINE)
_ETEXT_OF = re.compile(
    r"(?m:^)\W*(?:(?:This is )?The |Das )?Project Gutenberg(?:'s)?(?:[ \t]+E-?(?:text|book))?(?:[ \t]+of|,)?[ \t]+"
    r"(?!and\b|to\b)(.{2,200}?)\s*"
    r"(?:,?\s+by\s+([^\n*]{3,80}))?[ \t*]*(?:\n[ \t]*\n|\n[ \t]*[(#*]|\n(?:The )?Project Gutenberg|$)",
    re.IGNORECASE | re.DOTALL,
)
_SECOND_LINE = re.compile(r"\*{3,}.*Gutenberg.*\*{3,}[ \t]*\n\*{4,}(?!This file)([^*\n]+)\*{4,}")
_NLTK = re.compile(r"\s*\[(.{2,120}?)(?:, by ([^\d\n]{3,60}?)|,? by (.{3,60}?) \d{4})\][ \t]*\n")
_HEADING = re.compile(r"^#[^\n]*", re.MULTILINE)


class Stripped(NamedTuple):
    """A text without its wrapping."""

    text: str
    title: str | None = None
    author: str | None = None
    language: str | None = None
    """As a tag, such as `en`."""


def strip_gutenberg(text: str) -> Stripped:
    """Take off headers, licences and credits of a tidy text. A text without a header comes back as it is."""
    nltk = _NLTK.match(text)
    if nltk:
        return Stripped(text[nltk.end() :].strip("\n"), nltk[1], nltk[2] or nltk[3])
    header = _header(text)
    if header is None:
        return Stripped(text)
    title, author, language = _about(text[header.begin : header.end])
    parts, place, headed = [text[: header.begin].rstrip()], header.end, True
    for wrapping in [*_wrappings(text, header), _Stretch(len(text), len(text))]:
        part = text[place : wrapping.begin].rstrip().lstrip("\n")
        parts.append(_without_credits(part).strip("\n") if headed else part)
        place, headed = wrapping.end, wrapping.opens
    return Stripped("\n\n\n".join(part for part in parts if part), title, author, language)


class _Block(NamedTuple):
    """A mark or a paragraph."""

    begin: int
    end: int
    kind: str
    """Of a mark `start`, `end` or `colophon`, of a paragraph `opening`, `known`, `field` or `loose`."""
    lines: int


@dataclass
class _Stretch:
    """Marks and paragraphs that together may be a header or a licence, or a licence and the next header."""

    begin: int
    end: int
    known: int = 0
    """Paragraphs."""
    named: bool = False
    """Whether a paragraph of it names work and series, as the first of a header does."""
    loose: int = 0
    """Lines of other paragraphs between them."""
    closes: int = 0
    """Where the mark of an end ends that it begins with."""
    opens: bool = False
    """Whether it ends with the mark of a start."""

    def add(self, block: _Block) -> None:
        self.end = block.end
        self.known += block.kind in {"opening", "known"}
        self.named |= block.kind == "opening"
        self.opens = block.kind == "start"

    def widest_gap(self) -> int:
        if self.named or self.known >= MARKED:
            return GAP_LINES
        return REST_LINES if self.known else 0  # it may be a quotation yet

    def is_wrapping(self) -> bool:
        least = MARKED if self.closes or self.opens else UNMARKED
        between_books = bool(self.closes) and self.opens and not self.loose
        return between_books or (self.known >= least and self.loose <= LOOSE_LINES * self.known)


def _blocks(text: str, place: int) -> Iterator[_Block]:
    for mark in _MARK.finditer(text, place):
        yield from _paragraphs(text, place, mark.start())
        yield _Block(mark.start(), mark.end(), mark.lastgroup or "", 0)
        place = mark.end()
    yield from _paragraphs(text, place, len(text))


def _paragraphs(text: str, begin: int, end: int) -> Iterator[_Block]:
    for match in _PARAGRAPH.finditer(text, begin, end):
        words = _words(match[0]).lstrip("*#[( ")
        if _OPENING.match(words):
            kind = "opening"
        elif _CLAUSE.match(words) or any(phrase in words for phrase in _KNOWN):
            kind = "known"
        else:
            kind = "field" if _FIELD.match(words) else "loose"
        yield _Block(match.start(), match.end(), kind, match[0].count("\n") + 1)


def _words(text: str) -> str:
    return " ".join(text.lower().replace("’", "'").split())


def _header(text: str) -> _Stretch | None:
    """The header at the beginning of a file, up to the mark of a start."""
    header = None
    for block in _blocks(text[: _line_offset(text, HEAD_LINES)], 0):
        if header is None:
            # A mark without a header may be a quotation, unless nothing but a heading of Markdown stands before it.
            if block.kind == "start" and not _HEADING.sub("", text[: block.begin]).strip():
                return _Stretch(block.begin, block.end, opens=True)
            if block.begin > OPENING_CHARS or block.kind in {"start", "end", "colophon"}:
                return None
            if block.kind in {"opening", "known"}:
                header = _Stretch(block.begin, block.end, known=1)
        elif block.kind == "loose":
            header.loose += block.lines
        else:
            header.add(block)
            if header.opens:
                return header if header.is_wrapping() or not header.loose else None
    return None


def _wrappings(text: str, header: _Stretch) -> list[_Stretch]:
    """What is to be taken out of a text behind its header."""
    wrappings: list[_Stretch] = []
    quoted: list[_Stretch] = []
    until, goes = len(text), True
    for stretch in reversed(list(_stretches(text, header.end))):
        last = until == len(text)
        rest = _filled_lines(text[stretch.end : until])
        until = stretch.begin
        # The mark of an end is one right before other wrapping and before the end of the file; else it may be quoted.
        is_end = stretch.closes and goes and stretch.loose + rest <= (REST_LINES if last else 0)
        goes = bool(is_end) or stretch.is_wrapping()
        if goes and last and rest <= REST_LINES and not stretch.opens:
            stretch.end = len(text)
        (wrappings if goes else quoted).append(stretch)
    # An "End of the Project Gutenberg Etext of …" stands also between works that came in one file, with one header.
    headers = _words(" ".join(text[one.begin : one.end] for one in [header, *wrappings] if one.opens))
    for stretch in quoted:
        name = _COLOPHON.match(_words(text[stretch.begin : stretch.closes]))
        if name and name[1] in headers:
            wrappings.append(_Stretch(stretch.begin, stretch.closes))
    return sorted(wrappings, key=lambda stretch: stretch.begin)


def _stretches(text: str, place: int) -> Iterator[_Stretch]:
    """What may be wrapping; a mark of an end begins a stretch, and that of a start ends it."""
    named = _NAME.search(text, place)
    if named is None:
        return
    stretch, gap = None, 0
    for block in _blocks(text, max(place, named.start() - OPENING_CHARS)):
        if block.kind == "loose":
            gap += block.lines
        elif block.kind in {"end", "colophon"}:
            if stretch:
                yield stretch
            stretch, gap = _Stretch(block.begin, block.end, closes=block.end), 0
        elif block.kind != "field":
            if stretch is None or stretch.opens or gap > stretch.widest_gap():
                if stretch:
                    yield stretch
                stretch, gap = _Stretch(block.begin, block.end), 0
            stretch.loose, gap = stretch.loose + gap, 0
            stretch.add(block)
    if stretch:
        yield stretch


def _without_credits(body: str) -> str:
    cut = _line_offset(body, CREDIT_LINES)
    cut = body.find("\n\n", cut) if body.find("\n\n", cut) >= 0 else len(body)
    head, rest = body[:cut], body[cut:]
    letter = _LETTER.search(head)
    if letter and _NAME.search(head, 0, letter.start()):
        head = head[letter.end() :].lstrip("\n")
    scanner = _SCANNER.match(head)
    if scanner:
        head = head[scanner.end() :]
    paragraphs = re.split(r"(\n[ \t]*\n\s*)", head)
    first = 2 * CREDIT_PARAGRAPHS
    kept = [part for i, part in enumerate(paragraphs) if i % 2 or i > first or not _CREDIT.match(part)]
    return _NOTE.sub("", "".join(kept).lstrip("\n") + rest)


def _about(header: str) -> tuple[str | None, str | None, str | None]:
    fields = {match[1]: " ".join(match[2].split()) for match in reversed(list(_NAMED.finditer(header)))}
    title, author = fields.get("Title"), fields.get("Author")
    second = _SECOND_LINE.search(header[:1_000])
    if second:  # a series in the first line, the work in the second
        title = title or second[1].strip()
    match = _ETEXT_OF.search(header[:4_000])
    if match:
        title = title or " ".join(match[1].split()).strip(" ,*")
        author = author or (match[2] and " ".join(match[2].split()).strip(" .*"))
    return title or None, author or None, language_of(fields.get("Language"))


def _filled_lines(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip())


def _line_offset(text: str, lines: int) -> int:
    offset = 0
    for _ in range(lines):
        found = text.find("\n", offset)
        if found < 0:
            return len(text)
        offset = found + 1
    return offset
