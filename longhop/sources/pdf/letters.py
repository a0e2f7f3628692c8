"""Mends what PDF does to words: ligatures, accents beside their letters, letters set apart, hyphens at line ends.

>>> mend("The e\ufb03cient Erd\u02ddos graph"), Joiner(["a well-known result"]).join("it is well-", "known now")
('The efficient Erdős graph', 'it is well-known now')
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["Joiner", "mend", "unspaced"]

END_CHARS = 300
"""How much of a paragraph is looked at to see how it ends."""

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_LIGATURE = re.compile("[ﬀ-ﬆ]")
_ACCENTS = {
    "¨": "\u0308", "´": "\u0301", "ˆ": "\u0302", "˜": "\u0303", "˝": "\u030b", "ˇ": "\u030c", "˘": "\u0306",
    "˙": "\u0307", "˚": "\u030a",
}  # fmt: skip
_MATHEMATICAL = re.compile("[\U0001d400-\U0001d7ff]")
_ACCENT = re.compile(r"([¨´ˆ˜˝ˇ˘˙˚]) ?([A-Za-zı])|([Cc])¸|¸ ?([CcSs])")
_AND = {"and", "or", "nor", "und", "oder", "et", "ou", "y"}
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST = re.compile(r"([^\W\d_]+)[-\u2010\u00ad]$")
_FIRST = re.compile(r"([^\W\d_]+)")
_ADDRESS = re.compile(r"https?:$|https?://\S*[/.?=&_-]$")
_APART = re.compile(r"(?:\S{1,2} ){2,}\S{1,2}$")


def mend(text: str) -> str:
    """A line with whole letters."""
    text = _LIGATURE.sub(lambda match: _LIGATURES[match[0]], text)
    text = _MATHEMATICAL.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return _ACCENT.sub(_composed, text) if _ACCENT.search(text) else text


def unspaced(parts: Sequence[str]) -> list[str] | None:
    """Words of a line whose letters were set one by one, as listings are; None where they were not."""
    apart = [part for part in parts if _APART.match(part)]
    if len(parts) < 3 or not apart or any(len(part) > 3 and not _APART.match(part) for part in parts):
        return None
    return [part.replace(" ", "") for part in parts]


def _composed(match: re.Match[str]) -> str:
    if match[1]:
        letter = unicodedata.normalize("NFC", match[2].replace("ı", "i") + _ACCENTS[match[1]])
    else:
        letter = unicodedata.normalize("NFC", (match[3] or match[4]) + "\u0327")
    return letter if len(letter) == 1 else match[0]


class Joiner:
    """Joins lines; whether a hyphen at an end is part of a word it learns from the rest of the text."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._words: set[str] = set()
        for line in lines:
            words = _WORD.findall(line.lower())
            # The word at the end may be half of one.
            self._words.update(words[:-1] if line.endswith(("-", "\u2010", "\u00ad")) else words)

        self._compounds = " ".join(sorted(word for word in self._words if "-" in word))

    def join(self, before: str, line: str) -> str:
        """Two lines of a paragraph as one text."""
        end = before[-END_CHARS:]
        if _ADDRESS.search(end) or line.startswith("//"):
            return before + line
        last, first = _LAST.search(end), _FIRST.match(line)
        if last is None or first is None:
            return f"{before}{line}" if before.endswith(("\u2014", "/")) else f"{before} {line}"
        if first[1].lower() in _AND:
            return f"{before} {line}"  # "problem- and data-specific"
        if before.endswith("\u00ad"):
            return before[:-1] + line
        head, tail = last[1].lower(), first[1].lower()
        compound, whole = f"{head}-{tail}", f"{head}{tail}"
        as_compound = compound in self._compounds
        if not first[1][0].islower() or (as_compound and whole not in self._words):
            return before + line
        return before[:-1] + line
