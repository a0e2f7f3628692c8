"""Names hidden in a text: a document that may not say whom it speaks of.

>>> hide("Ines Halvorsen's chest held Halvorsen's maps.", ["Ines Halvorsen"])
'[hidden] chest held [hidden] maps.'
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from longhop.common_words import COMMON_WORDS

__all__ = ["HIDDEN", "hide"]

HIDDEN = "[hidden]"
"""What stands in the place of a name."""

_ENDING = r"(?:['’]s?|s['’]?|es['’]?)?"
_MOST_WORDS = 4  # of a name whose last word alone names it, too


def hide(text: str, names: Sequence[str]) -> str:
    """A text without some names, whatever their case, spacing, possessive or plural.

    Of a name of several capitalised words its last word goes, too, unless it is one of ordinary language: `Halvorsen`
    names Ines Halvorsen, `County` does not name Mountrail County.
    """
    forms = sorted({form for name in names for form in _forms(name)}, key=lambda form: (-len(form), form))
    if not forms:
        return text
    return re.sub(rf"(?<!\w)(?:{'|'.join(map(_pattern, forms))}){_ENDING}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)


def _forms(name: str) -> list[str]:
    plain = name.strip().strip('"“”‘`*.,;:()[]').strip()
    if not re.search(r"\w", plain):
        return []
    forms = [plain]
    bare = re.sub(r"^(?:an?|the)\s+", "", plain, flags=re.IGNORECASE)
    if bare and bare != plain:
        forms.append(bare)
    words = bare.split()
    if 2 <= len(words) <= _MOST_WORDS and all(word[0].isupper() for word in words):
        last = words[-1].strip(".,")
        if len(last) > 2 and last.isalpha() and last.casefold() not in COMMON_WORDS:
            forms.append(last)
    return forms


def _pattern(form: str) -> str:
    """A name with any space between its words, and either apostrophe."""
    return r"\s+".join(re.sub("['’]", "['’]", re.escape(word)) for word in form.split())
