"""Sets text as PDF for the tests of its reader: columns, hyphens at line ends, heads, feet, drawn in any order."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT, MARGIN, GUTTER = 595.0, 842.0, 54.0, 20.0


class Set(NamedTuple):
    """A line with its place."""

    page: int
    x: float
    y: float
    font: str
    size: float
    text: str


def lines_of(text: str, width: float, font: str, size: float, *, hyphenate: bool = True) -> list[str]:
    """Text broken into lines of at most `width` points; long words are parted with a hyphen."""
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if stringWidth(longer, font, size) <= width:
            line = longer
            continue
        part = len(word) // 2
        halves = hyphenate and len(word) >= 8 and word.isalpha()
        if halves and line and stringWidth(f"{line} {word[:part]}-", font, size) <= width:
            lines.append(f"{line} {word[:part]}-")
            line = word[part:]
        else:
            lines.append(line)
            line = word
    return [found for found in [*lines, line] if found]


def set_pages(
    blocks: Sequence[tuple[str, str]],
    *,
    columns: int = 2,
    size: float = 10.0,
    font: str = "Times-Roman",
    title: str = "",
) -> list[Set]:
    """Blocks, each `p` (a paragraph) or `h` (a heading) with its text, in columns below a title over all of them."""
    found: list[Set] = []
    width = (WIDTH - 2 * MARGIN - (columns - 1) * GUTTER) / columns
    page, column = 0, 0
    top = HEIGHT - MARGIN - 12
    if title:
        found.append(Set(0, MARGIN, top - 10, "Helvetica-Bold", 20, title))
        top -= 50
    y = top
    for kind, text in blocks:
        bold = kind == "h"
        use, points = ("Times-Bold", size + 2) if bold else (font, size)
        lines = lines_of(text, width - 10, use, points, hyphenate=not bold)
        y -= 10 if bold else 0
        for number, line in enumerate(lines):
            if y < MARGIN + 30:
                column += 1
                if column == columns:
                    page, column = page + 1, 0
                    top = HEIGHT - MARGIN - 12
                y = top
            indent = 10.0 if not number and not bold else 0.0
            found.append(Set(page, MARGIN + column * (width + GUTTER) + indent, y, use, points, line))
            y -= 1.2 * points
        y -= 4 if bold else 0
    return found


def pdf_of(
    lines: Sequence[Set],
    *,
    head: str = "",
    foot: str = "",
    numbers: bool = True,
    order: str = "columns",
    about: dict[str, str] | None = None,
    password: str | None = None,
) -> bytes:
    """A file of the lines; `order` is that in which they are drawn: by `columns`, or in `rows` over the whole page."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT), encrypt=password, invariant=1)
    for name, value in (about or {}).items():
        getattr(canvas, f"set{name}")(value)
    for page in range(max((line.page for line in lines), default=0) + 1):
        if head:
            canvas.setFont("Times-Italic", 9)
            canvas.drawString(MARGIN, HEIGHT - 36, head)
        if foot or numbers:
            canvas.setFont("Times-Roman", 9)
            canvas.drawCentredString(WIDTH / 2, 30, f"{foot} {page + 1}".strip() if numbers else foot)
        here = [line for line in lines if line.page == page]
        if order == "rows":
            here.sort(key=lambda line: (-line.y, line.x))
        for line in here:
            canvas.setFont(line.font, line.size)
            canvas.drawString(line.x, line.y, line.text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
