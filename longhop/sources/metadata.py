"""What files say of themselves, in one form: year, language, licence.

    >>> year_of("D:20190412101500Z"), language_of("en-GB"), license_of("https://creativecommons.org/licenses/by/4.0/")
    (2019, 'en', 'CC-BY-4.0')

What cannot be told for sure is None: a wrong year or licence is worse than none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["About", "language_of", "license_of", "year_of"]

FIRST_YEAR, LAST_YEAR = 1450, 2100
"""Years from the first printed books on count as years."""

_YEAR = re.compile(r"(?<!\d)(1[4-9]\d\d|20\d\d)(?=\d{4}(?:\D|$)|\d{10}|\D|$)")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?$")
_LONG_CODES = {
    "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt",
    "nld": "nl", "dut": "nl", "rus": "ru", "zho": "zh", "chi": "zh", "jpn": "ja", "kor": "ko", "ara": "ar",
    "swe": "sv", "fin": "fi", "dan": "da", "pol": "pl", "ces": "cs", "cze": "cs", "lat": "la", "ell": "el",
    "gre": "el", "heb": "he", "hin": "hi", "hun": "hu", "nor": "no", "tur": "tr", "ukr": "uk",
}  # fmt: skip
_NAMES = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt",
    "dutch": "nl", "russian": "ru", "chinese": "zh", "japanese": "ja", "korean": "ko", "arabic": "ar", "swedish": "sv",
    "finnish": "fi", "danish": "da", "polish": "pl", "czech": "cs", "latin": "la", "greek": "el", "hebrew": "he",
    "hindi": "hi", "hungarian": "hu", "norwegian": "no", "turkish": "tr", "ukrainian": "uk", "catalan": "ca",
    "esperanto": "eo", "welsh": "cy", "icelandic": "is", "tagalog": "tl",
}  # fmt: skip
"""As Project Gutenberg and people who fill in tables write them."""
_CREATIVE = re.compile(r"creativecommons\.org/licen[sc]es/(by(?:-nc)?(?:-nd|-sa)?)/(\d\.\d)", re.IGNORECASE)
_SPDX = re.compile(r"\b(CC[- ](?:BY(?:-NC)?(?:-ND|-SA)?))[- ](\d\.\d)\b", re.IGNORECASE)
_ZERO = re.compile(r"creativecommons\.org/publicdomain/zero/1\.0|\bCC0\b", re.IGNORECASE)
_MARK = re.compile(r"creativecommons\.org/publicdomain/mark/1\.0", re.IGNORECASE)
_PUBLIC = re.compile(r"\W*(?:this (?:work|book|e-?book|text) is )?(?:in the )?public domain\b", re.IGNORECASE)


class About(NamedTuple):
    """What a file says of itself, beside its text."""

    title: str | None = None
    author: str | None = None
    year: int | None = None
    language: str | None = None
    license: str | None = None
    origin: str | None = None


def year_of(text: str | None) -> int | None:
    """The first year in a date, whatever its form."""
    match = _YEAR.search(text or "")
    return int(match[1]) if match and FIRST_YEAR <= int(match[1]) <= LAST_YEAR else None


def language_of(tag: str | None) -> str | None:
    """Primary subtag of a language tag, of two letters where there is one; None for `und` and what is no tag.

    English names of languages, such as `German`, count as their tags.
    """
    if named := _NAMES.get((tag or "").strip().lower()):
        return named
    match = _LANGUAGE.match((tag or "").strip())
    if not match or match[1].lower() in {"und", "mul", "zxx"}:
        return None
    return _LONG_CODES.get(match[1].lower(), match[1].lower())


def license_of(text: str | None) -> str | None:
    """SPDX identifier of a Creative Commons licence that `text` names, or `public-domain`; None for anything else."""
    text = text or ""
    if _ZERO.search(text):
        return "CC0-1.0"
    match = _CREATIVE.search(text) or _SPDX.search(text)
    if match:
        return f"CC-{match[1].upper().replace('CC-', '').replace('CC ', '')}-{match[2]}"
    return "public-domain" if _MARK.search(text) or _PUBLIC.match(text) else None
