r"""Text without what typesetting adds to it, and where each character of it stands.

    >>> plain = Plain("the “well-\nknown”  pilot")
    >>> plain.text, plain.span(5, 14)
    ("the 'wellknown' pilot", (5, 15))

Two texts that differ in quotation marks, dashes, ligatures, accents, spaces, line breaks or hyphenation alone are equal
here. It serves to find words, not to compare values: `10²` is `102` here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["Plain"]

_DASH = "-‐‑‒–—―−﹣－"
_LETTER = r"[^\W\d_]"
_CHANGED = re.compile(
    rf"(?<={_LETTER})[\u0300-\u036f\u200b-\u200d\ufeff]*\s*[{_DASH}\u00ad]+\s*(?={_LETTER})"
    rf"|(?P<dash>\s*[{_DASH}]+\s*)"
    r"|(?P<space>\s+)"
    r"|(?P<quote>''|``|[\"'`´“”„‟‘’‚‛«»‹›′″])"
    r"|(?P<other>[^\x00-\x7f])"
)


class Plain:
    """A text as plain characters. `text` is what is left of it; `span` leads back."""

    def __init__(self, text: str) -> None:
        parts: list[str] = []
        places: list[int] = []
        last = 0
        for match in _CHANGED.finditer(text):
            start, end = match.span()
            parts.append(text[last:start])
            places.extend(range(last, start))
            kind = match.lastgroup
            plain = (
                _character(match[0])
                if kind == "other"
                else {"dash": "-", "space": " ", "quote": "'"}.get(kind or "", "")
            )
            parts.append(plain)
            places.extend([start] * len(plain))
            last = end
        parts.append(text[last:])
        places.extend(range(last, len(text)))
        self.text = "".join(parts)
        self._places = places
        self._original = text

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]`, not empty, stands in the original; without spaces at its ends."""
        first = self._places[start]
        last = self._places[end] if end < len(self._places) else len(self._original)
        last = max(last, self._places[end - 1] + 1)
        # What was left out between two characters, such as a hyphen at a line's end, belongs to neither.
        inner = self._original[first:last]
        kept = inner.strip()
        if kept:
            first += inner.index(kept[0])
            last = first + len(kept)
        return first, last


@lru_cache(maxsize=8192)
def _character(character: str) -> str:
    if character == "…":
        return "..."
    if unicodedata.category(character) == "Cf" or "\u0300" <= character <= "\u036f":
        return ""
    decomposed = unicodedata.normalize("NFKD", character)
    return "".join(part for part in decomposed if not "\u0300" <= part <= "\u036f")
