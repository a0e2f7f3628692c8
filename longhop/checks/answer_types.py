"""Types of answers: whether an answer is of the type that its question states, and as short as an answer of it is.

>>> misfit(msgspec.structs.replace(question, answer_type="number", reference_answer="the pilot"))
"'the pilot' is no number"
"""

from __future__ import annotations

import re
from collections.abc import Callable

from longhop.answers import normalize
from longhop.answers.numbers import starts_number
from longhop.records import Question

__all__ = ["misfit"]

_LONGEST = 200  # characters; an answer is a name, a number, a short phrase
_MOST_WORDS = 30
_MOST_ITEMS = 10
_NOTHING = re.compile(
    r"(?:it\s+is\s+|is\s+|the\s+answer\s+is\s+)?(?:unknown|n/?a|none\s+given|not\s+(?:specified|stated|mentioned|given|"
    r"available|provided|applicable|known|found|clear|enough\s+information)|unanswerable|unspecified|insufficient\s+"
    r"information|can(?:not|'t|\s+not)\s+be\s+(?:determined|answered|known|inferred)|no\s+(?:information|answer))\b.*",
    re.IGNORECASE,
)
_PER_CENT = re.compile(r"%|\bper\s?cents?\b|\bpercentages?\b|\bpoints?\b|\bpp\b", re.IGNORECASE)
_MONTH = re.compile(
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\b|\bcentury\b|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b",
    re.IGNORECASE,
)
_YEAR = re.compile(
    r"(?<!\d)\d{3,4}(?!\d)|\d{1,4}\s?(?:a\.?d|b\.?c|b?\.?c\.?e)\b|\b(?:eighteen|nineteen|seventeen|sixteen|twenty)\b",
    re.IGNORECASE,
)
_IN_NUMBERS = re.compile(r"\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?")
_VERB = re.compile(r"\b(?:is|was|were|are|has|had|have|did|does|because|which|paid|wrote|became)\b", re.IGNORECASE)


def misfit(question: Question) -> str | None:
    """What speaks against the reference answer as an answer of its type; None where nothing does."""
    answer = question.reference_answer.strip()
    words = answer.split()
    if len(answer) > _LONGEST:
        return f"an answer of {len(answer)} characters, expected at most {_LONGEST}"
    if len(words) > _MOST_WORDS:
        return f"an answer of {len(words)} words, expected at most {_MOST_WORDS}"
    if _NOTHING.fullmatch(answer.rstrip(".")):
        return f"{answer!r} is no answer"
    if not any(char.isalnum() for char in answer):
        return f"{answer!r} says nothing"
    kind = "_".join(question.answer_type.lower().replace("/", " ").replace("-", " ").split())
    if kind in _TYPES and not _TYPES[kind](answer):
        return f"{answer!r} is no {_NAMES.get(kind, kind)}"
    return None


def _number(answer: str) -> bool:
    form = normalize(answer)
    if form.startswith(("number ", "ordinal ", "time ")):
        return True
    holds = re.search(r"\d", answer) is not None or starts_number(answer.casefold())
    return holds and len(answer.split()) <= 8 and not _VERB.search(answer)


def _year(answer: str) -> bool:
    return _YEAR.search(answer) is not None and len(answer.split()) <= 6 and not _VERB.search(answer)


def _date(answer: str) -> bool:
    dated = normalize(answer).startswith("date ") or any(
        pattern.search(answer) for pattern in (_MONTH, _YEAR, _IN_NUMBERS)
    )
    return dated and len(answer.split()) <= 8


def _percentage(answer: str) -> bool:
    return (
        _PER_CENT.search(answer) is not None
        and (re.search(r"\d", answer) is not None or starts_number(answer.casefold()))
        and len(answer.split()) <= 8
    )


def _name(answer: str) -> bool:
    return (
        re.search(r"[^\W\d_]", answer) is not None
        and len(answer.split()) <= 12
        and not normalize(answer).startswith(("number ", "date "))
        and not re.search(r"[.!?]\s+[A-Z][a-z]+\s+[a-z]", answer)
    )


def _identifier(answer: str) -> bool:
    return len(answer) <= 100 and len(re.sub(r"\([^)]*\)", "()", answer).split()) <= 4


def _yes_no(answer: str) -> bool:
    return normalize(answer) in {"text yes", "text no"}


def _list(answer: str) -> bool:
    items = [item for item in re.split(r"[;,\n]|\s+(?:and|&)\s+", answer) if item.strip()]
    return 2 <= len(items) <= _MOST_ITEMS


_TYPES: dict[str, Callable[[str], bool]] = {
    "number": _number,
    "year": _year,
    "date": _date,
    "percentage": _percentage,
    "name": _name,
    "identifier": _identifier,
    "yes_no": _yes_no,
    "list": _list,
}
"""What each type asks of an answer; `text`, and types that a recipe's own prompts name, ask for nothing more."""
_NAMES = {"yes_no": "yes or no", "list": f"list of 2 to {_MOST_ITEMS}"}
