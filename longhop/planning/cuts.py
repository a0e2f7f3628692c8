r"""Where a document may be cut: before chapters, sections, files and paragraphs.

    >>> find_places("CHAPTER I\n\nIt rained.\n\nIt stopped.\n", "book", (), lambda char: True)
    [(11, 'paragraph'), (23, 'paragraph')]

Text before a cut ends in a newline and a character that is no blank follows, which is what keeps token counts additive
(DESIGN.md, invariant 1). Where a text has no empty lines, as poems and tables do, it may be cut before a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

__all__ = ["find_places"]

LEAST_CHARS = 200
"""Paragraphs nearer than this to the cut before them are no cuts of their own."""
MOST_CHARS = 3_000
"""A longer stretch without a cut, some 750 tokens, is cut before lines where it can be."""

_PARAGRAPH = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)*(?=\S)")
_LINE = re.compile(r"\n(?=\S)")
_NUMBER = r"(?:[IVXLC]{1,8}|\d{1,3}|[A-Z][A-Za-z]+(?:-[A-Za-z]+)?)"
_CHAPTER = re.compile(
    rf"(?:CHAPTER|Chapter|BOOK|Book|PART|Part|VOLUME|Volume|ACT|Act|ACTUS|Actus|CANTO|Canto|LETTER|Letter|STAVE|Stave)"
    rf"[ \t]+(?:THE[ \t]+|the[ \t]+)?{_NUMBER}\b[^\n]{{0,70}}(?:\n|$)"
    # Other languages, by their word in front of a number or behind it.
    r"|(?:KAPITEL|Kapitel|BUCH|Buch|TEIL|Teil|CHAPITRE|Chapitre|LIVRE|Livre|CAPÍTULO|Capítulo|CAPITOLO|Capitolo"
    r"|HOOFDSTUK|Hoofdstuk|ROZDZIAŁ|Rozdział|ГЛАВА|Глава|ЧАСТЬ|Часть|РОЗДІЛ|Розділ)"
    r"[ \t]+(?:(?:[IVXLC]{1,8}|\d{1,3})\b[^\n]{0,70}(?:\n|$)|[^\W\d_]+[ \t]*\n[ \t]*\n)"
    r"|(?:\d{1,3}\.|[A-ZÀ-Ý][^\W\d_]+)[ \t]+(?:KAPITEL|Kapitel|BUCH|Buch|TEIL|Teil)\b[^\n]{0,70}(?:\n|$)"
    r"|第[ \t]*[\d一二三四五六七八九十百千〇零]{1,7}[ \t]*[章回卷節节話话部][^\n。]{0,40}(?:\n|$)"
    r"|제[ \t]*\d{1,3}[ \t]*[장부편회][^\n]{0,40}(?:\n|$)"
    r"|(?:[IVXLC]{1,8}|\d{1,3})\.?[ \t]*\n[ \t]*\n"
    r"|[IVXLC]{1,8}\.[ \t]+[A-Z][^\n]{0,60}\n[ \t]*\n"
    r"|(?:PREFACE|PROLOGUE|EPILOGUE|INTRODUCTION|CONCLUSION|AFTERWORD|FOREWORD|APPENDIX|ETYMOLOGY|DEDICATION)\b"
    r"[^\na-z]{0,60}\n"
)
_SECTION = re.compile(r"#{2,6}[ \t]+\S|[A-Z][A-Z0-9 ,.:;'’\"“”!?&()-]{3,70}\n[ \t]*\n|[^\n]{1,100}\n[-=~]{3,}\n")
_TITLE = re.compile(r"#[ \t]+\S")
_RANK = {"paragraph": 0, "section": 1, "file": 2, "chapter": 3}


def find_places(
    text: str, kind: str, sections: Sequence[tuple[int, str]], may_cut_before: Callable[[str], bool]
) -> list[tuple[int, str]]:
    """Offsets where a document may be cut, rising, with what begins there.

    Args:
        text: The cleaned text.
        kind: Kind of the document; code has no headings, a book's first-level headings are chapters.
        sections: What the reader of the source knows to begin where.
        may_cut_before: Whether the tokenizer is additive before this character.
    """
    levels = {
        offset: level
        for offset, level in sections
        if 0 < offset < len(text) and text[offset - 1] == "\n" and not text[offset].isspace()
    }
    known = bool(levels)
    for match in _PARAGRAPH.finditer(text):
        offset = match.end()
        level = "paragraph" if kind == "code" else _level(text, offset, kind)
        # A heading that the reader of LaTeX has placed is not named twice.
        if offset not in levels or (_RANK[level] > _RANK[levels[offset]] and not known):
            levels[offset] = level
    places: list[tuple[int, str]] = []
    last = 0
    allowed: dict[str, bool] = {}
    for offset in [*sorted(levels), len(text)]:
        if offset < len(text):
            char = text[offset]
            if char not in allowed:
                allowed[char] = may_cut_before(char)
            if not allowed[char]:
                continue
        if offset - last > MOST_CHARS:
            for between in _lines(text, last, offset, may_cut_before):
                places.append((between, "paragraph"))
                last = between
        if offset == len(text):
            break
        if levels[offset] == "paragraph" and offset - last < LEAST_CHARS:
            continue
        places.append((offset, levels[offset]))
        last = offset
    return places


def _level(text: str, offset: int, kind: str) -> str:
    if _CHAPTER.match(text, offset):
        return "chapter" if kind == "book" else "section"
    if _TITLE.match(text, offset):
        return "chapter" if kind == "book" else "section"
    return "section" if _SECTION.match(text, offset) else "paragraph"


def _lines(text: str, start: int, end: int, may_cut_before: Callable[[str], bool]) -> list[int]:
    """Beginnings of lines in a stretch without paragraphs, `MOST_CHARS` apart."""
    found = []
    last = start
    before: int | None = None
    for match in _LINE.finditer(text, start, end):
        place = match.end()
        if place - last < LEAST_CHARS or end - place < LEAST_CHARS or not may_cut_before(text[place]):
            continue
        if place - last > MOST_CHARS and before is not None:
            found.append(before)
            last = before
        before = place
    if before is not None and end - last > MOST_CHARS and before > last:
        found.append(before)
    return found
