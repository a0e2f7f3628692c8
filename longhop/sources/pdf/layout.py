"""The order in which a page is read: columns one after the other, lines that span them in between.

Text is found by where it stands, not by the order in which a program has written it: columns that were written line by
line across the page come out one after the other. A gutter is believed only where lines on both sides fill columns, so
that a table of narrow cells stays a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from longhop.sources.pdf.letters import unspaced
from longhop.sources.pdf.pages import Segment

__all__ = ["Line", "lines_in_order", "rows_of"]

LEAST_LINES = 4
"""A column has at least so many lines on both sides of the gutter."""
FILLED = 0.55
"""Half of the lines of a column fill at least this share of its width."""
LEAST_WIDTH = 8.0
"""Font sizes that a column is wide at least; some 20 characters."""
SPANNING = 0.5
"""Share of the lines that may cross a gutter."""
CELL_GAP = 3.0
"""Blanks of so many font sizes within a line part the cells of a table."""
FAR = 30.0
"""Points that the first line right of a gutter may be away from it."""
DEPTH = 3
"""Gutters within columns are looked for so deep: a page has at most some four columns."""
STEP = 2.0
"""Points between the places where a gutter is looked for."""


class Line(NamedTuple):
    """A line of a column, in points."""

    x0: float
    x1: float
    baseline: float
    size: float
    bold: bool
    fixed: bool
    text: str
    column: int
    """Number of its column on the page, from 0; -1 for a line that spans columns."""
    left: float
    """Where the column begins."""
    right: float
    """Where it ends."""
    cells: int
    """Stretches of text that wide blanks part."""


def lines_in_order(pages: Sequence[Sequence[Segment]]) -> list[list[Line]]:
    """Lines of each page in reading order.

    A page with few lines, such as a last one, has the gutter that most pages have.
    """
    gutters = [_gutter(list(segments)) for segments in pages]
    found = sorted(gutter for gutter in gutters if gutter is not None)
    usual = found[len(found) // 2] if 2 * len(found) >= len(pages) and found else None
    result = []
    for segments, gutter in zip(pages, gutters, strict=True):
        lines: list[Line] = []
        fits = gutter is None and usual is not None and _fits(segments, usual)
        _order(list(segments), lines, usual if fits else gutter, depth=0)
        result.append(lines)
    return result


def _fits(segments: Sequence[Segment], gutter: float) -> bool:
    """Whether a gutter of other pages parts the few lines of a page."""
    crossing = sum(1 for s in segments if s.x0 < gutter - 1 and s.x1 > gutter + 1)
    right = [s for s in segments if s.x0 >= gutter - 1]
    return bool(right) and crossing <= SPANNING / 2 * len(segments) and min(s.x0 for s in right) - gutter < FAR


def _order(segments: list[Segment], lines: list[Line], gutter: float | None, depth: int) -> None:
    if gutter is None:
        lines.extend(_lines(segments, -1 if not depth else _next_column(lines)))
        return
    left: list[Segment] = []
    right: list[Segment] = []
    spanning: list[Segment] = []

    def band() -> None:
        for column in (left, right):
            if column:
                _order(list(column), lines, _gutter(column) if depth < DEPTH else None, depth + 1)
            column.clear()

    for row in rows_of(segments):
        across = [s for s in row if s.x0 < gutter - 1 and s.x1 > gutter + 1]
        if across:
            if left or right:
                band()
            spanning += row
        else:
            if spanning:
                lines.extend(_lines(spanning, -1))
                spanning = []
            left += [s for s in row if s.x1 <= gutter + 1]
            right += [s for s in row if s.x1 > gutter + 1]
    if spanning:
        lines.extend(_lines(spanning, -1))
    band()


def _next_column(lines: list[Line]) -> int:
    return max((line.column for line in lines), default=-1) + 1


def rows_of(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments of one baseline each, from the top of the page."""
    rows: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: (-s.baseline, s.x0)):
        if rows and rows[-1][0].baseline - segment.baseline <= 0.35 * min(rows[-1][0].size, segment.size):
            rows[-1].append(segment)
        else:
            rows.append([segment])
    return rows


def _gutter(segments: list[Segment]) -> float | None:
    """Where two columns are parted, in points from the left; None where there is one column."""
    if len(segments) < 2 * LEAST_LINES:
        return None
    begin, end = min(s.x0 for s in segments), max(s.x1 for s in segments)
    width = end - begin
    size = median(s.size for s in segments)
    wide = [s for s in segments if s.x1 - s.x0 > 2 * size]
    best: tuple[int, float, float] | None = None
    steps = int(width / STEP)
    open_from: float | None = None
    fewest: int | None = None
    found: list[tuple[int, float, float]] = []
    for step in range(int(steps * 0.15), int(steps * 0.85) + 1):
        place = begin + step * STEP
        crossing = sum(1 for s in segments if s.x0 < place - 0.5 and s.x1 > place + 0.5)
        if open_from is not None and crossing == fewest:
            continue
        if open_from is not None and fewest is not None:
            found.append((fewest, open_from, place - STEP))
        open_from, fewest = place, crossing
    if open_from is not None and fewest is not None:
        found.append((fewest, open_from, begin + steps * 0.85 * STEP))
    for crossing, start, stop in sorted(found, key=lambda f: (f[0], f[1] - f[2])):
        place = (start + stop) / 2
        if best is not None and crossing > best[0]:
            break
        if _parts(wide, place, crossing) and (best is None or stop - start > best[2] - best[1]):
            best = (crossing, start, stop)
    return None if best is None else (best[1] + best[2]) / 2


def _parts(wide: list[Segment], place: float, crossing: int) -> bool:
    """Whether columns of text lie right and left of a place."""
    left = [s for s in wide if s.x1 <= place + 0.5]
    right = [s for s in wide if s.x0 >= place - 0.5]
    if min(len(left), len(right)) < LEAST_LINES or crossing > SPANNING * (len(left) + len(right)):
        return False
    if not _is_column(left, leftmost=False) or not _is_column(right, leftmost=True):
        return False
    # Both stand side by side, at least in part.
    top = min(max(s.baseline for s in left), max(s.baseline for s in right))
    bottom = max(min(s.baseline for s in left), min(s.baseline for s in right))
    return top > bottom


def _is_column(segments: list[Segment], *, leftmost: bool) -> bool:
    """Whether the left- or rightmost segments that begin at one place are lines that fill a column."""
    size = median(s.size for s in segments)
    begins = sorted({s.x0 for s in segments}, reverse=not leftmost)
    for begin in begins:
        lines = [s for s in segments if -0.5 <= s.x0 - begin <= 2.5 * size]
        if len(lines) >= LEAST_LINES:
            break
    else:
        return False
    ends = sorted(s.x1 for s in lines)
    width = ends[len(ends) * 9 // 10] - begin
    return width >= LEAST_WIDTH * size and median(s.x1 - s.x0 for s in lines) >= FILLED * width


def _lines(segments: Sequence[Segment], column: int) -> list[Line]:
    if not segments:
        return []
    rows = rows_of(segments)
    left, right = _edges(rows)
    found = []
    for row in rows:
        row.sort(key=lambda s: s.x0)
        words = unspaced([s.text for s in row])
        texts = [s.text for s in row] if words is None else words
        text, cells = texts[0], 1
        for (before, segment), following in zip(pairwise(row), texts[1:], strict=True):
            gap = segment.x0 - before.x1
            apart = gap > CELL_GAP * max(before.size, segment.size)
            cells += apart
            text += ("   " if apart else " " if gap > 0.15 * segment.size else "") + following
        longest = max(row, key=lambda s: len(s.text))
        found.append(
            Line(
                row[0].x0,
                max(s.x1 for s in row),
                longest.baseline,
                longest.size,
                all(s.bold for s in row),
                words is not None or sum(len(s.text) for s in row if s.fixed) > 0.7 * sum(len(s.text) for s in row),
                text,
                column,
                left,
                right,
                cells,
            )
        )
    return found


def _edges(rows: Sequence[Sequence[Segment]]) -> tuple[float, float]:
    """Where the lines of a column begin and end; few lines stand out on either side."""
    begins = sorted(min(s.x0 for s in row) for row in rows)
    ends = sorted(max(s.x1 for s in row) for row in rows)
    return begins[len(rows) // 20], ends[-1 - len(rows) // 8]
