"""Dates and times in common notations, for `longhop.answers`.

    >>> date("the 3rd of May, 1901"), date("1901-05-03"), date("May 1901"), date("44 BC")
    ('1901-05-03', '1901-05-03', '1901-05', 'year -44')
    >>> time_of_day("3:30 p.m."), time_of_day("15:30"), time_of_day("3:30")
    ('15:30', '15:30', None)

Only what has one reading is a date: `3/5/1901` is the third of May or the fifth of March, so it stays text;
`25/12/1901` is a date. A weekday is passed over where it is the right one. All take lower case.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re

__all__ = ["ORDINALS", "date", "time_of_day"]

_FIRST = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
ORDINALS = {word: number for number, word in enumerate(_FIRST, 1)}
"""Ordinal words up to hundredth, hyphens as spaces."""
for _tens, (_stem, _whole) in enumerate(
    zip(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(),
        "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth".split(),
        strict=True,
    ),
    2,
):
    ORDINALS[_whole] = 10 * _tens
    ORDINALS.update({f"{_stem} {_FIRST[unit - 1]}": 10 * _tens + unit for unit in range(1, 10)})
ORDINALS["hundredth"] = 100

_MONTHS = {
    name: number
    for number, names in enumerate(
        "january/jan february/feb march/mar april/apr may june/jun july/jul august/aug september/sep/sept october/oct "
        "november/nov december/dec".split(),
        1,
    )
    for name in names.split("/")
}
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()

_M = rf"(?P<m>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
_WORDS = "|".join(sorted((word.replace(" ", "[ -]") for word, n in ORDINALS.items() if n <= 31), key=len, reverse=True))
_D = r"(?P<d>\d{1,2})(?:st|nd|rd|th|\.)?"
_D_WORD = rf"(?:{_D}|(?P<dw>{_WORDS}))"
_Y = r"(?P<y>\d{4})"
_PATTERNS = [
    re.compile(pattern)
    for pattern in (
        rf"{_Y}-(?P<m>\d{{1,2}})-(?P<d>\d{{1,2}})(?:[t ]00:00(?::00)?z?)?",
        rf"{_Y}(?P<sep>[/.])(?P<m>\d{{1,2}})(?P=sep)(?P<d>\d{{1,2}})",
        rf"(?P<d>\d{{1,2}})\.\s?(?P<m>\d{{1,2}})\.\s?{_Y}",
        rf"(?:the )?{_D_WORD}(?: of |[ -]){_M},?[ -]{_Y}",
        rf"{_M} (?:the )?{_D_WORD},? {_Y}",
        rf"{_Y},? {_M} {_D}",
        rf"{_M}(?:,| of|) {_Y}",
        rf"(?:the )?{_D_WORD}(?: of)? {_M}",
        rf"{_M} (?:the )?{_D_WORD}",
    )
]
_SLASHES = re.compile(rf"(?P<one>\d{{1,2}})/(?P<two>\d{{1,2}})/{_Y}")
_BEFORE = re.compile(r"(?:in|on|during|the year|in the year|year) (?=.*\d)")
_WEEKDAY = re.compile(rf"(?:on )?(?P<name>{'|'.join(_WEEKDAYS)}),? (?:the )?(?=.*\d)")
_ERA = re.compile(
    r"(?P<front>a\.?\s?d\.?)\s(?P<one>\d{1,4})|(?P<two>\d{1,5})\s?(?P<era>b\.?\s?c\.?(?:\s?e\.?)?|a\.?\s?d\.?|c\.?\s?e\.?)"
)
_TIME = re.compile(r"(?:at )?(?P<h>\d{1,2})(?:[:.](?P<min>\d{2})(?::(?P<sec>\d{2}))?)?\s?(?P<half>[ap]\.?\s?m\.?)?")
_NOON = {"noon": "12:00", "midday": "12:00", "12 noon": "12:00", "midnight": "00:00", "12 midnight": "00:00"}


def date(text: str) -> str | None:
    """The date that a text is, in as many parts as it gives: year, month, day, or month and day (`--05-03`)."""
    weekday = None
    if named := _WEEKDAY.match(text):
        weekday, text = _WEEKDAYS.index(named["name"]), text[named.end() :]
    text = text.removeprefix("on ") if weekday is None else text
    found = _parts(text)
    if found is None and weekday is None and (before := _BEFORE.match(text)):
        found = _parts(text[before.end() :])
    if found is None:
        return None if weekday is not None else _era(text)
    year, month, day = found
    if day and not 1 <= day <= calendar.monthrange(year or 2000, month)[1]:
        return None
    if weekday is not None and not (year and day and dt.date(year, month, day).weekday() == weekday):
        return None
    return f"{f'{year:04}' if year else '-'}-{month:02}" + (f"-{day:02}" if day else "")


def _parts(text: str) -> tuple[int | None, int, int | None] | None:
    """Year, month, day; the month is a month."""
    for pattern in _PATTERNS:
        if match := pattern.fullmatch(text):
            given = match.groupdict()
            month = _MONTHS.get(given["m"]) or int(given["m"])
            word = given.get("dw")
            day = ORDINALS[word.replace("-", " ")] if word else given.get("d")
            year = int(given["y"]) if given.get("y") else None
            valid = 1 <= month <= 12 and year != 0
            return (year, month, int(day) if day else None) if valid else None
    if match := _SLASHES.fullmatch(text):
        one, two = int(match["one"]), int(match["two"])
        if one > 12 >= two >= 1 or one == two <= 12:
            return int(match["y"]), two, one
        if two > 12 >= one >= 1:
            return int(match["y"]), one, two
    return None


def _era(text: str) -> str | None:
    match = _ERA.fullmatch(text)
    if not match:
        return None
    year = int(match["one"] or match["two"])
    return f"year {-year if (match['era'] or '').startswith('b') else year}"


def time_of_day(text: str) -> str | None:
    """Hours, minutes and, unless they are 0, seconds of 24; None where it may be morning or afternoon, or a ratio."""
    if text in _NOON:
        return _NOON[text]
    match = _TIME.fullmatch(text)
    if not match:
        return None
    hour, minute = int(match["h"]), int(match["min"] or 0)
    if match["half"]:
        if not (1 <= hour <= 12 and minute < 60):
            return None
        hour = hour % 12 + (12 if match["half"].startswith("p") else 0)
    elif not (
        match["min"] and ":" in text and (hour >= 13 or match["h"].startswith("0")) and hour < 24 and minute < 60
    ):
        return None
    second = int(match["sec"] or 0)
    if second >= 60:
        return None
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")
