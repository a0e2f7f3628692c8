"""Takes running heads, feet and page numbers off the pages of a PDF.

What stands at the edge of a page goes if it is a page number, or if it stands at the same place on other pages too,
whatever its digits are, and apart from the text. A file of one page keeps all but its number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from longhop.sources.pdf.layout import rows_of
from longhop.sources.pdf.pages import Page, Segment

__all__ = ["without_margins"]

EDGE = 0.13
"""Share of a page's height, above and below, in which heads and feet stand."""
OUTER_EDGE = 0.09
"""Share in which a line is taken for the name of a journal."""
ROWS = 4
"""Lines of a head or foot."""
APART = 1.25
"""The last line of a head is so many times the usual distance of lines away from the text."""
REPEATED = 3
"""On so many pages, or half of them, a line is a running head."""

_PAGE_NUMBER = re.compile(
    r"[-–—•|·\s\[(]*(?:(?:page|p\.|seite)\s*)?(?:\d{1,5}|[ivxlc]{1,7})(?:\s*(?:of|/|von)\s*\d{1,5})?[-–—•|·\s\])]*$",
    re.IGNORECASE,
)
_JOURNAL = re.compile(
    r"\b(?:proceedings|journal|conference|transactions|vol\.|volume \d|preprint|arxiv:|doi:|https?://doi|issn"
    r"|under review)|©",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d+|\b[ivxlc]{1,7}\b")
Row = list[Segment]
_Key = tuple[str, str, int]


class _Edge(NamedTuple):
    """The upper or lower edge of a page."""

    side: str
    rows: list[Row]
    """From the outside inwards: those that may be a head or foot, and the one behind them."""
    most: int
    """Of those that may be a head or foot."""
    pitch: float
    """Usual distance of lines on the page."""


def without_margins(pages: Sequence[Page]) -> list[list[Segment]]:
    """Segments of each page without its head, foot and number."""
    edges = [_edges(page) for page in pages]
    seen: Counter[_Key] = Counter()
    for page, both in zip(pages, edges, strict=True):
        seen.update({key for edge in both for row in edge.rows[: edge.most] for key in _keys(page, edge.side, row)})
    least = min(REPEATED, max(2, (len(pages) + 1) // 2))
    result = []
    for page, both in zip(pages, edges, strict=True):
        gone: set[int] = set()
        for edge in both:
            repeated = [
                max(seen[key] for key in _keys(page, edge.side, row)) >= least for row in edge.rows[: edge.most]
            ]
            margin = _margin(page, edge, repeated if len(pages) > 1 else [False] * edge.most, alone=len(pages) > 1)
            gone.update(id(segment) for row in edge.rows[:margin] for segment in row)
        result.append([segment for segment in page.segments if id(segment) not in gone])
    return result


def _margin(page: Page, edge: _Edge, repeated: Sequence[bool], *, alone: bool) -> int:
    """How many rows of an edge are no text."""
    margin = 0
    for place, row in enumerate(edge.rows[: edge.most]):
        following = edge.rows[place + 1] if place + 1 < len(edge.rows) else None
        gap = abs(row[0].baseline - following[0].baseline) if following else float("inf")
        apart = gap >= APART * edge.pitch
        is_number = place == margin and _PAGE_NUMBER.match(_text(row)) and (apart or repeated[place])
        is_journal = alone and place == 0 and _is_edge_line(page, row, gap / edge.pitch)
        if is_number or is_journal or (repeated[place] and apart):
            margin = place + 1
        elif not repeated[place]:
            break
        # Lines of a head may stand close; it goes once the last of them is apart from the text.
    return margin


def _is_edge_line(page: Page, row: Row, gap: float) -> bool:
    """Whether a line that other pages lack names a journal or the like, at the very edge and lines from the text."""
    at_edge = min(row[0].baseline, page.height - row[0].baseline) < OUTER_EDGE * page.height
    return at_edge and gap >= 1.8 and len(_text(row)) < 120 and _JOURNAL.search(_text(row)) is not None


def _edges(page: Page) -> list[_Edge]:
    rows = rows_of(page.segments)
    gaps = [above[0].baseline - below[0].baseline for above, below in pairwise(rows)]
    pitch = max(median(gaps), 1.0) if gaps else 12.0
    top = sum(1 for row in rows if row[0].baseline > (1 - EDGE) * page.height)
    bottom = sum(1 for row in rows if row[0].baseline < EDGE * page.height)
    return [
        _Edge(side, order[: min(count, ROWS) + 1], min(count, ROWS), pitch)
        for side, count, order in (("top", top, rows), ("bottom", bottom, rows[::-1]))
    ]


def _keys(page: Page, side: str, row: Row) -> list[_Key]:
    """What a row is known by: its words without numbers, and its place, which may be off by a little."""
    text = _DIGITS.sub("#", _text(row).lower())
    distance = page.height - row[0].baseline if side == "top" else row[0].baseline
    return [(side, text, round(distance / 4)), (side, text, round(distance / 4 + 0.5) + 10_000)]


def _text(row: Row) -> str:
    return " ".join(segment.text for segment in sorted(row, key=lambda s: s.x0))
