r"""Takes the list of references off a paper.

>>> without_references("# On Tides\n\nThey rise [1].\n\n## References\n\n[1] A. Lee. Tides.\n\n## A Proofs\n\nLong.")[0]
'# On Tides\n\nThey rise [1].\n\n## A Proofs\n\nLong.'
"""

from __future__ import annotations

import re

__all__ = ["without_references"]

_HEADING = re.compile(
    r"^(#{1,6})[ \t]+(?:(?:\d{1,2}|[IVX]{1,5}|[A-Z])\.?[ \t]+)?"
    r"(?:references|bibliography|literature(?: cited)?|works cited|cited works|reference list|literatur(?:verzeichnis)?"
    r"|références|bibliographie|referencias|bibliografía)[ \t]*:?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_ANY_HEADING = re.compile(r"^(#{1,6})[ \t]+\S", re.MULTILINE)


Sections = tuple[tuple[int, str], ...]


def without_references(text: str, sections: Sections = ()) -> tuple[str, Sections]:
    """A Markdown text and its sections without lists of references; each goes up to the next heading of its size.

    Args:
        text: With its headings.
        sections: As of `RawDocument`; those within a list go with it.
    """
    while True:
        match = _HEADING.search(text)
        if match is None:
            return text, sections
        following = (found for found in _ANY_HEADING.finditer(text, match.end()) if len(found[1]) <= len(match[1]))
        after = next(following, None)
        end = after.start() if after else len(text)
        before = text[: match.start()].rstrip()
        kept = before + "\n\n" if before and after else before
        moved = len(kept) - end
        text = kept + text[end:]
        sections = tuple(
            (offset if offset < match.start() else offset + moved, level)
            for offset, level in sections
            if offset < match.start() or offset >= end
        )
