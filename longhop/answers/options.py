r"""The options that a question offers, for `longhop.answers`.

    >>> options("Which city? (A) Lyon (B) Paris")
    {'a': 'Lyon', 'b': 'Paris'}
    >>> labelled("B. Paris"), labelled("option (b)"), labelled("Paris")
    (('b', 'Paris'), ('b', ''), None)

Options are labelled with letters from A on, at least two, all in one way. Labels without brackets must begin on a line
of their own or behind a question mark or colon: `A. Smith or B. Jones` are people.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["labelled", "options"]

_START = r"(?:^|(?<=[\n?:]))\s*"
_STYLES = [  # the first label, the next ones
    (re.compile(r"(?<!\w)\(([Aa])\)\s*"), r"(?<!\w)\({}\)\s*"),
    *(
        (re.compile(rf"{_START}([Aa]){sign}\s+", re.MULTILINE), rf"(?<![\w.]){{}}{sign}\s+")
        for sign in (r"\)", r"\.", ":")
    ),
]
_LABELLED = re.compile(
    r"(?:(?:the\s+)?(?:correct\s+|final\s+)?(?:answer|option|choice)(?:\s+is)?:?\s+)?(?:option\s+)?"
    r"(?:\(([A-Za-z])\)|([A-Za-z])[).:]|([A-Za-z])(?=\s*$))\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)


@lru_cache(maxsize=4096)
def options(question: str) -> dict[str, str]:
    """Text of each option by its letter in lower case; empty where a question has none."""
    for first, following in _STYLES:
        for start in first.finditer(question):
            letter, texts, at = start[1], dict[str, str](), start.end()
            while True:
                further = re.compile(following.format(chr(ord(letter) + 1))).search(question, at)
                text = question[at : further.start() if further else len(question)]
                text = text.partition("\n\n")[0] if further is None else text
                texts[letter.lower()] = re.sub(r"[\s,;]+(?:or|and)?\s*$|\s(?:or|and)\s*$", "", text.strip()).strip(" ?")
                if further is None or letter in "yY":
                    break
                letter, at = chr(ord(letter) + 1), further.end()
            if len(texts) > 1 and all(texts.values()):
                return texts
    return {}


def labelled(answer: str) -> tuple[str, str] | None:
    """Letter and text of an answer that begins with a label; None for one that does not."""
    match = _LABELLED.fullmatch(answer.strip())
    return ((match[1] or match[2] or match[3]).lower(), match[4].strip()) if match else None
