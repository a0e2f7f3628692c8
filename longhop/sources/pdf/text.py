"""From lines in reading order to text: paragraphs, headings, listings, tables.

A paragraph goes on behind the end of a column or page, over the notes and captions that stand in between.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from textwrap import dedent

from longhop.sources.pdf.layout import Line
from longhop.sources.pdf.letters import Joiner, mend

__all__ = ["Block", "blocks_of_pages", "body_size", "written"]

LARGE, SMALL = 1.12, 0.93
"""Larger than so many sizes of the body a line is a heading, smaller it is a note, a caption or a listing."""
HEADING_CHARS = 160
GAP = 1.4
"""Lines further apart than so many of the usual distances are two paragraphs."""
INDENT = 0.7
"""Font sizes of an indented first line."""
SHORT = 0.75
"""A line that fills less of its column ends where its writer ended it."""
FRONT_CHARS = 500
"""Names and addresses below a title are shorter than that."""
BACK = 12
"""So many blocks back a paragraph may go on."""

_NUMBERED = re.compile(r"(?:(\d{1,2}(?:\.\d{1,2}){0,4})\.?|[IVX]{1,5}\.|[A-H](?:\.\d{1,2}){0,3}\.?)\s+[^\W\d_a-z]")
_NAMED = re.compile(
    r"(?:\d{1,2}\.?\s+|[IVX]{1,5}\.\s+)?(?:abstract|references|bibliography|literature cited|works cited|introduction"
    r"|conclusions?|discussion|acknowledge?ments?|appendix(?: [A-Z\d])?|results|methods|related work|contents)\.?$",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"(?:[IVX]{1,5}\.|\d{1,2}\.?)\s+[A-Z][A-Z ,:&-]{3,}$")
_CAPTION = re.compile(r"(?:figure|fig\.|table|listing|algorithm|abbildung|tabelle)\s*\d+\s*[.:|]", re.IGNORECASE)
_REFERENCES = re.compile(r"(?:\W*\w{1,4}\.?\s+)?(?:references|bibliography|works cited|literature)", re.IGNORECASE)
_CONTENTS_LINE = re.compile(r".{2,}(?:\.[ .]?){5,}[ .]*(?:\d{1,4}|[ivxlc]{1,6})$")
_ITEM = re.compile(r"[•▪◦‣∙–—]\s*\S|[*-]\s|\(?(?:\d{1,2}|[a-z]|[ivx]{1,4})[.)]\s|\[\w{1,12}\]\s")
_ENDED = re.compile(r"[.!?:;…][\"”’')\]]*(?:\[[\d, –-]+\])?(?:\^\w{1,3})?$")
_WORD_KEY = re.compile(r"[^\w]+")


@dataclass(eq=False)
class Block:
    """A stretch of text."""

    kind: str
    """`heading`, `body`, `small` (notes, captions), `code` or `table`."""
    text: str
    level: int = 0
    page: int = 0
    size: float = 0.0


def body_size(pages: Sequence[Sequence[Line]]) -> float:
    """Size of the characters that most of a file is set in."""
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 10.0


def blocks_of_pages(pages: Sequence[Sequence[Line]], bookmarks: Sequence[tuple[int, int, str]] = ()) -> list[Block]:
    """Blocks of a file; `bookmarks` are level, page and title."""
    body = body_size(pages)
    joiner = Joiner(mend(line.text) for lines in pages for line in lines)
    marks = {(page, _key(title)): level for level, page, title in bookmarks if _key(title)}
    flow = _Flow(body, joiner, marks)
    for number, lines in enumerate(pages):
        flow.page(number, lines)
    return flow.blocks


def written(blocks: Sequence[Block]) -> str:
    """Blocks as Markdown."""
    parts = []
    for block in blocks:
        if block.kind == "heading":
            parts.append(f"{'#' * block.level} {block.text}")
        elif block.kind == "code":
            parts.append(f"```\n{dedent(block.text)}\n```")
        else:
            # A line of prose is no heading of Markdown.
            parts.append("\\" + block.text if block.text.startswith("#") else block.text)
    return "\n\n".join(parts)


def _key(title: str) -> str:
    return _WORD_KEY.sub("", re.sub(r"^[\dIVX.]+\s+", "", mend(title))).lower()


class _Flow:
    """Makes blocks of lines, a page at a time."""

    def __init__(self, body: float, joiner: Joiner, marks: dict[tuple[int, str], int]) -> None:
        self.blocks: list[Block] = []
        self._body, self._joiner, self._marks = body, joiner, marks
        self._largest = 0.0
        self._number = 0
        self._front = False
        """Whether the names behind the title go on."""
        self._in_references = False
        """In lists of references the first line of each hangs out."""
        self._indents = False
        """Whether paragraphs begin with an indented line."""
        self._first_line = False
        """Whether the last line is the first one of its paragraph."""

    def page(self, number: int, lines: Sequence[Line]) -> None:
        """Add a page."""
        self._number = number
        gaps = [a.baseline - b.baseline for a, b in pairwise(lines) if a.column == b.column]
        gaps = [gap for gap in gaps if 0 < gap < 4 * self._body]
        pitch = median(gaps) if gaps else 1.5 * self._body
        self._front = self._front and number == 0
        if number == 0:
            self._largest = max(
                (line.size for line in lines if len(line.text) > 3 and _letters(line.text)), default=0.0
            )
        self._indents = self._indents or sum(_is_indented(line) for line in lines) > 2
        before: Line | None = None
        for place, line in enumerate(lines):
            after = lines[place + 1] if place + 1 < len(lines) else None
            is_code = line.fixed and any(
                other is None or other.fixed or abs(other.baseline - line.baseline) > GAP * pitch
                for other in (before, after)
            )
            self._line(line if is_code == line.fixed else line._replace(fixed=False), before, pitch)
            before = line
            self._front = self._front and not (self.blocks and _is_text(self.blocks[-1]))

    def _line(self, line: Line, before: Line | None, pitch: float) -> None:
        small = line.size < SMALL * self._body
        text = mend(line.text)
        if not text.strip() or (line.size > 1.5 * self._body and not any(map(str.isalnum, text))):
            return  # ornaments
        if ("...." in text or ". . ." in text) and _CONTENTS_LINE.match(text):
            return  # of a list of contents, which leads to pages that are no more
        same_column = before is not None and before.column == line.column and before.baseline > line.baseline
        gap = before.baseline - line.baseline if before is not None and same_column else 0.0
        apart = not same_column or gap > GAP * pitch
        level = self._heading_level(line, text, apart)
        last = self.blocks[-1] if self.blocks else None
        if level:
            wraps = last is not None and last.kind == "heading" and abs(last.size - line.size) < 0.08 * line.size
            if last is not None and wraps and same_column and gap < 2.0 * line.size and not _NUMBERED.match(text):
                last.text = self._joiner.join(last.text, text)
            else:
                self._add("heading", text, line, level)
                self._front = level == 1
                self._in_references = _REFERENCES.match(text) is not None
        elif line.fixed or (text.isdigit() and last is not None and last.kind == "code" and not apart):
            self._code(line, text, last, before if same_column else None, pitch)
        elif line.cells > 2 or (line.cells > 1 and last is not None and last.kind == "table" and not apart):
            if last is not None and last.kind == "table" and not apart:
                last.text += "\n" + text
            else:
                self._add("table", text, line)
        else:
            self._prose(line, text, before if same_column else None, apart, small)

    def _heading_level(self, line: Line, text: str, apart: bool) -> int:
        """1 of a title, 2 and more of a heading, 0 of text."""
        if len(text) > HEADING_CHARS or not _letters(text) or line.cells > 2:
            return 0
        marked = self._marks.get((self._number, _key(text)))
        if marked is not None:
            return min(marked + 2, 6)
        if self._number == 0 and line.size >= 0.98 * self._largest > 1.25 * self._body:
            return 1
        if self._front and not _NAMED.match(text) and not (line.bold and apart and _NUMBERED.match(text)):
            return 0
        numbered = _NUMBERED.match(text)
        depth = numbered[1].count(".") + 2 if numbered and numbered[1] else 2
        if text[0].islower() or text.endswith(("-", ",", ";")):
            return 0
        if _NAMED.match(text) and (line.bold or line.size > 1.04 * self._body or text.isupper() or apart):
            return 2
        if line.size > LARGE * self._body:
            return min(depth, 6)
        if line.size < SMALL * self._body or (text.endswith(".") and not numbered):
            return 0
        if line.bold and (numbered or text.isupper() or (apart and len(text) < 90)):
            return min(depth if numbered else 3, 6)
        return 2 if _CAPITALS.match(text) else 0

    def _code(self, line: Line, text: str, last: Block | None, before: Line | None, pitch: float) -> None:
        width = (line.x1 - line.x0) / max(1, len(line.text))
        indent = " " * max(0, min(60, round((line.x0 - line.left) / width))) if width > 0 else ""
        if last is not None and last.kind == "code" and before is not None:
            blank = "\n" if before.baseline - line.baseline > 1.7 * pitch else ""
            last.text += f"{blank}\n{indent}{text}"
        else:
            self._add("code", indent + text, line)

    def _prose(self, line: Line, text: str, before: Line | None, apart: bool, small: bool) -> None:
        kind = "small" if small or _CAPTION.match(text) else "body"
        last = self.blocks[-1] if self.blocks else None
        if before is None:
            open_block = self._unfinished(kind, text, line)
            if open_block is not None:
                open_block.text = self._joiner.join(open_block.text, text)
                self._first_line = False
                if open_block is not last:  # what follows goes on there
                    place = next(i for i in range(1, BACK + 1) if self.blocks[-i] is open_block)
                    self.blocks.append(self.blocks.pop(-place))
                return
        elif (last is not None and last.kind == kind) or (
            last is not None and last.kind == "small" and not apart and small
        ):
            assert before is not None
            if not self._begins(line, text, before, apart):
                width = before.right - before.left
                filled = width <= 0 or before.x1 >= before.left + SHORT * width
                hyphen = text[:1].islower() and last.text.endswith("-")
                self._first_line = False
                last.text = self._joiner.join(last.text, text) if filled or hyphen else f"{last.text}\n{text}"
                return
        self._add(kind, text, line)

    def _begins(self, line: Line, text: str, before: Line, apart: bool) -> bool:
        """Whether a line begins a paragraph, given the one above it."""
        if apart or abs(before.size - line.size) > 0.12 * max(before.size, line.size) or before.cells > 2:
            return True
        if before.text.endswith("-") and text[0].islower():
            return False
        indented = line.x0 - before.x0 > INDENT * line.size and line.x0 - line.left > INDENT * line.size
        full = before.x1 >= before.left + 0.9 * (before.right - before.left)
        if indented and self._in_references:
            return False
        if indented and before.x0 - before.left < INDENT * line.size:
            hangs = _ITEM.match(before.text) or text[0].islower() or (full and not _ENDED.search(before.text))
            return not hangs
        if before.x0 - line.x0 > INDENT * line.size and not self._first_line and not text[0].islower():
            return True  # of a list whose items stand out
        if (
            _ITEM.match(text)
            and line.x0 <= before.x0 + INDENT * line.size
            and (before.x1 < before.left + 0.9 * (before.right - before.left) or _ENDED.search(before.text))
        ):
            return True
        short = before.x1 < before.left + SHORT * (before.right - before.left)
        return bool(short and not self._indents and _ENDED.search(before.text) and not text[0].islower())

    def _unfinished(self, kind: str, text: str, line: Line) -> Block | None:
        """The paragraph that a line at the head of a column goes on with."""
        for block in reversed(self.blocks[-BACK:]):
            if block.kind == "heading":
                return None
            if block.kind == "body" and (abs(block.size - line.size) > 0.08 * line.size or self._front):
                return None
            if block.kind != kind or (block.kind == "small" and block is not self.blocks[-1]):
                continue
            if _CAPTION.match(block.text) or _ITEM.match(text) or _CAPTION.match(text):
                return None
            if block.text.endswith("-") or text[0].islower():
                return block
            return None if _ENDED.search(block.text[-60:]) or "\n" in block.text[-60:] else block
        return None

    def _add(self, kind: str, text: str, line: Line, level: int = 0) -> None:
        self._first_line = True
        block = Block(kind, text, level, self._number, line.size)
        if kind == "small" and self.blocks and self.blocks[-1].kind == "heading" and not _CAPTION.match(text):
            self.blocks.insert(-1, block)  # a note at the foot of a column whose last line is a heading
        else:
            self.blocks.append(block)


def _is_text(block: Block) -> bool:
    return block.kind == "body" and len(block.text) > FRONT_CHARS


def _is_indented(line: Line) -> bool:
    return INDENT * line.size < line.x0 - line.left < 4 * line.size and line.x1 > line.left + SHORT * (
        line.right - line.left
    )


def _letters(text: str) -> bool:
    return sum(map(str.isalpha, text)) >= 0.5 * len(text.replace(" ", ""))
