"""What each character of a text is, as an array: what cleaning counts, it counts over whole texts at once.

>>> codes, classes = characters("Ah, 水!")
>>> (classes & LETTER).astype(bool).tolist()
[True, True, False, False, True, False]
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["BLANK", "LETTER", "UNSPACED", "WORD", "characters"]

LETTER = 1
"""A letter, or a mark on one: the vowel signs of Hindi make its words as letters do."""
BLANK = 2
WORD = 4
"""Stands within words: a letter, a mark, a digit or `_`."""
UNSPACED = 8
"""A letter of a script that sets no blanks between words."""

_UNSPACED_NAMES = ("CJK UNIFIED", "CJK COMPAT", "HIRAGANA", "KATAKANA", "THAI", "LAO ", "KHMER", "MYANMAR")


def characters(text: str) -> tuple[npt.NDArray[np.uint8 | np.uint32], npt.NDArray[np.uint8]]:
    """Code points of a text, and what each is: the sum of what holds of it."""
    if text.isascii():  # as most code is: a byte each
        data = text.encode()
        return np.frombuffer(data, dtype=np.uint8), np.frombuffer(data.translate(_ascii_table()), dtype=np.uint8)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return codes, _table()[codes]


@lru_cache(maxsize=1)
def _ascii_table() -> bytes:
    return bytes(map(_class_of, range(128))) + bytes(128)


@lru_cache(maxsize=1)
def _table() -> npt.NDArray[np.uint8]:
    return np.fromiter(map(_class_of, range(0x110000)), dtype=np.uint8, count=0x110000)


def _class_of(code: int) -> int:
    char = chr(code)
    category = unicodedata.category(char)
    if category[0] in "LM":
        unspaced = code > 0xE00 and unicodedata.name(char, "").startswith(_UNSPACED_NAMES)
        return LETTER | WORD | (UNSPACED if unspaced else 0)
    if category[0] == "N" or char == "_":
        return WORD
    return BLANK if char.isspace() else 0
