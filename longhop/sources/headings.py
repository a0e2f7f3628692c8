r"""Where sections begin in text with Markdown headings, as readers of HTML, EPUB and PDF write it.

>>> heading_sections("# Of rope\n\n## Hemp\n\nIt rots.\n\n## Wire\n\nIt does not.", book=True)
((11, 'chapter'), (30, 'chapter'))
"""

from __future__ import annotations

import re

__all__ = ["heading_sections"]

_HEADING = re.compile(r"^(#{1,6}) \S|^(```)", re.MULTILINE)


def heading_sections(text: str, *, book: bool) -> tuple[tuple[int, str], ...]:
    """Where Markdown headings stand outside of code; of a book the highest that occur twice are chapters."""
    found: list[tuple[int, int]] = []
    in_code = False
    for match in _HEADING.finditer(text):
        if match[2]:
            in_code = not in_code
        elif not in_code:
            found.append((match.start(), len(match[1])))
    depths = [depth for _, depth in found]
    top = next((depth for depth in range(1, 7) if depths.count(depth) > 1), 1) if book else 0
    return tuple((offset, "chapter" if depth <= top else "section") for offset, depth in found if offset)
