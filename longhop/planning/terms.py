"""What a document is about: its names, identifiers and rarer words, for relatedness.

    >>> [(t.term, t.count) for t in rare_terms("The keeper met Ines Halvorsen. Ines Halvorsen left the quay.")]
    [('Halvorsen', 2), ('Ines', 2), ('Ines Halvorsen', 2), ('keeper', 1), ('quay', 1)]

Rules over characters, fast and made for English and code; which of the terms are rare among all documents is found out
where they are compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from longhop.common_words import COMMON_WORDS
from longhop.records import Term
from longhop.words import split_words

__all__ = ["rare_terms"]

MOST_TERMS = 256
MOST_NAMES = 128
MOST_IDENTIFIERS = 96

# A capital letter behind a small one, a comma or an opening mark begins a name; at the start of a sentence who knows.
# What stands before is looked at behind the letter: a pattern that begins with its letters is searched for faster.
_NAME = re.compile(r"[A-Z](?<=[a-z,;(\"“‘'][ \n][A-Z])[a-zà-ÿ]+(?:[ \n-](?:of |de |von |van )?[A-Z][a-zà-ÿ]+){0,3}")
_OPENS_TEXT = re.compile(r"[A-Z][a-zà-ÿ]+(?: [A-Z][a-zà-ÿ]+){1,3}")
# Of words that stand on lines of their own.
_IDENTIFIER = re.compile(r"^(?:_*[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+|[a-z]+[A-Z]\w+|[A-Z]+\d\w*)$", re.MULTILINE)
_WORD = re.compile(r"^[a-zà-ÿ]{4,}$", re.MULTILINE)
_NOT_NAMES = frozenset(
    "Mr Mrs Miss Ms Dr Sir Lady Lord Saint St The This That These Those And But For God Monday Tuesday Wednesday "
    "Thursday Friday Saturday Sunday January February March April May June July August September October November "
    "December English Chapter Section Figure Fig Table Equation Appendix None True False".split()
)


def rare_terms(text: str) -> list[Term]:
    """Up to 256 terms with their counts: most frequent names first, then identifiers, then words; sorted by term."""
    names: Counter[str] = Counter()
    for found, count in Counter(_NAME.findall(text)).items():
        whole = " ".join(found.split())
        parts = [part for part in re.split(r"[ -]", whole) if part not in _NOT_NAMES and len(part) > 2]
        for part in parts:
            if part.lower() not in COMMON_WORDS:
                names[part] += count
        if len(parts) > 1:
            names[whole] += count
    # A name of several words that opens a sentence counts where the same name is known from within one.
    if any(" " in name for name in names):
        for found, count in Counter(_OPENS_TEXT.findall(text)).items():
            if found in names:
                names[found] = max(names[found], count)
    counts = Counter(split_words(text))
    lines = "\n".join(counts)
    identifiers = {token: counts[token] for token in _IDENTIFIER.findall(lines)}
    words = {token: counts[token] for token in _WORD.findall(lines) if token not in COMMON_WORDS}
    chosen = dict(_top(names, MOST_NAMES))
    chosen |= _top(identifiers, MOST_IDENTIFIERS)
    chosen |= _top(words, MOST_TERMS - len(chosen))
    return [Term(term=term, count=count) for term, count in sorted(chosen.items())]


def _top(counts: Mapping[str, int], most: int) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[: max(0, most)])
