"""When two answers are the same: one normal form an answer, and comparison by equality.

    >>> exact_match("The 1,234.50 km", "1234.5 kilometres")
    True
    >>> exact_match("10 %", "10"), exact_match("Smith Jr.", "Smith"), exact_match("v1.2", "v1.20")
    (False, False, False)

Because two answers match when their normal forms are equal, matching is symmetric and transitive, and groups of answers
need no chains of comparisons. Letters and spaces are normalised as SQuAD does it: case, punctuation and articles do not
count. Numbers, dates, signs, versions and identifiers are not, since that normalisation takes 1.5 for 15, -3 for 3 and
10 % for 10. Where meaning goes beyond notation, the forms differ and a judge is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache

__all__ = ["exact_match", "matches_any", "normalize"]

_WRAPPING = "\"'`“”‘’«»*"
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−﹣－", "-") | {"’": "'", "‘": "'", "“": '"', "”": '"'})
_CODE = re.compile(
    r"[\w.]*[a-z0-9]_\w+[\w.]*(?:\(\))?|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|_+\w+|[a-z]+[a-z0-9]*[A-Z]\w*(?:\(\))?|[\w.:]+\(.*\)"
    r"|\w+(?:\.\w+)*\.(?:py|js|go|rs|c|h|cpp|md|tex|toml|json|yaml|yml|txt|ini|cfg)|\w+(?:::\w+)+|--?[a-z][\w-]*"
)
_VERSION = re.compile(r"[vV]\d+(?:\.\d+)*\S*|\d+\.\d+(?:\.\d+)+\S*")
_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?:[   ]\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+"
_QUANTITY = re.compile(
    rf"(?P<sign>[+-]?)(?P<currency>[$€£¥])?\s?(?P<number>{_NUMBER})(?:\s?/\s?(?P<below>\d+))?(?P<unit>\s?[^\d\s].*)?"
)
_MIXED = re.compile(r"(?P<whole>[+-]?\d+)\s+(?P<over>\d+)/(?P<below>\d+)(?P<unit>\s?[^\d\s].*)?")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
# A capital A within an answer is a letter: Vitamin A.
_ARTICLE = re.compile(r"(?:^(?i:a|an|the)|(?<=\s)(?:a|an|the|The))(?=\s)")
_LIST = re.compile(r"\s*[,;]\s*(?:and\s+|or\s+)?|\s+and\s+")

_SMALL = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {word: number for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_POWERS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINALS = {
    word: number
    for number, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        1,
    )
}
_MONTHS = {
    name: number
    for number, names in enumerate(
        "january/jan february/feb march/mar april/apr may june/jun july/jul august/aug september/sep/sept october/oct "
        "november/nov december/dec".split(),
        1,
    )
    for name in names.split("/")
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = [
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"),
    re.compile(r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})"),
    re.compile(rf"(?:the )?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m>{_MONTH})\.?,? (?P<y>\d{{3,4}})"),
    re.compile(rf"(?P<m>{_MONTH})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{3,4}})"),
    re.compile(rf"(?P<m>{_MONTH})\.?,? (?P<y>\d{{4}})"),
    re.compile(rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m>{_MONTH})"),
    re.compile(rf"(?P<m>{_MONTH})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?"),
]

_UNITS = {
    spelling: names[0]
    for names in (
        group.split("/")
        for group in (
            "%/percent/per cent/percentage/pct",
            "km/kilometre/kilometer",
            "m/metre/meter",
            "cm/centimetre/centimeter",
            "mm/millimetre/millimeter",
            "mi/mile",
            "ft/foot/feet",
            "in/inch/inche",
            "nmi/nautical mile",
            "kg/kilogram/kilogramme/kilo",
            "g/gram/gramme",
            "mg/milligram/milligramme",
            "t/tonne/metric ton",
            "lb/pound weight",
            "l/litre/liter",
            "ml/millilitre/milliliter",
            "h/hr/hour",
            "min/minute",
            "s/sec/second",
            "ms/millisecond",
            "°c/degree celsius/degree centigrade/degc",
            "°f/degree fahrenheit/degf",
            "°/degree/deg",
            "hz/hertz",
            "khz/kilohertz",
            "w/watt",
            "kw/kilowatt",
            "kb/kilobyte",
            "mb/megabyte",
            "gb/gigabyte",
            "$/dollar/usd/us dollar",
            "€/euro/eur",
            "£/pound sterling/gbp",
        )
    )
    for spelling in names
}
_UNITS |= {
    "km/h": "km/h",
    "kph": "km/h",
    "kmh": "km/h",
    "kilometre per hour": "km/h",
    "kilometer per hour": "km/h",
    "m/s": "m/s",
    "metre per second": "m/s",
    "meter per second": "m/s",
}
_NEVER_BARE = frozenset(["%", "$", "€", "£", "¥", "am", "pm"])
"""Units that change what a number is: 10 % is not 10."""


def exact_match(first: str, second: str) -> bool:
    """Whether two answers are the same but for notation."""
    return normalize(first) == normalize(second)


def matches_any(answer: str, references: Iterable[str]) -> bool:
    """Whether an answer matches one of the references.

    Beyond `exact_match`, a number with a unit matches a reference that is the bare number, and the other way round:
    "How many years?" is answered by `14` and by `14 years` alike. This holds against a reference only; two answers with
    different units never match by way of a bare number.
    """
    mine = normalize(answer)
    for reference in references:
        theirs = normalize(reference)
        if mine == theirs:
            return True
        if mine.startswith("number ") and theirs.startswith("number "):
            (one, _, first), (two, _, second) = mine[7:].partition(" "), theirs[7:].partition(" ")
            if one == two and "" in (first, second) and not {first, second} & _NEVER_BARE:
                return True
    return False


@lru_cache(maxsize=65536)
def normalize(answer: str) -> str:
    """The normal form of an answer; equal forms, same answer.

    A form says what it is: `number 14 year`, `date 1901-05-03`, `code tide_gain`, `list …`, `text last pilot`.
    """
    text = " ".join(unicodedata.normalize("NFKC", answer).translate(_DASHES).split())
    quoted = text.startswith("`") and text.endswith("`") and len(text) > 2
    text = text.strip(_WRAPPING + " ")
    text = text[:-1].rstrip() if text.endswith(".") and not re.search(r"\b[A-Z]\.$|\.\.$", text) else text
    text = text.strip(_WRAPPING + " ")
    if quoted and " " not in text and not re.fullmatch(_NUMBER, text):
        return f"code {text}"
    if _CODE.fullmatch(text):
        return f"code {text}"
    if _VERSION.fullmatch(text):
        return f"code {text.lower()}"
    return _date(text.lower()) or _number(text) or _list(text) or _text(text)


def _date(text: str) -> str | None:
    for pattern in _DATES:
        match = pattern.fullmatch(text)
        if match:
            parts = match.groupdict()
            month = _MONTHS.get(parts["m"]) or int(parts["m"])
            year, day = parts.get("y"), parts.get("d")
            if not 1 <= month <= 12 or (day and not 1 <= int(day) <= 31):
                return None
            return f"date {int(year) if year else '-'}-{month:02}-{int(day) if day else 0:02}"
    return None


def _number(text: str) -> str | None:
    text = _ARTICLE.sub("", text).strip()
    if match := _MIXED.fullmatch(text):
        if int(match["below"]) == 0:
            return None
        whole = int(match["whole"])
        part = Fraction(int(match["over"]), int(match["below"]))
        return _quantity(whole - part if match["whole"].startswith("-") else whole + part, match["unit"] or "")
    if match := _QUANTITY.fullmatch(text):
        value = Fraction(re.sub(r"[^\d.+-]", "", match["number"]))
        if match["below"]:
            if int(match["below"]) == 0:
                return None
            value /= int(match["below"])
        if match["sign"] == "-":
            value = -value
        unit = match["unit"] or ""
        if match["currency"]:
            unit = f"{unit} {match['currency']}" if unit.strip().split(" ")[:1] != [""] else match["currency"]
        ordinal = _ORDINAL.fullmatch(text)
        return f"ordinal {int(ordinal[1])}" if ordinal else _quantity(value, unit)
    words = re.split(r"[\s-]+", text.lower())
    if len(words) == 1 and words[0] in _ORDINALS:
        return f"ordinal {_ORDINALS[words[0]]}"
    used, value_of_words = _number_words(words)
    return _quantity(Fraction(value_of_words), " ".join(words[used:])) if used else None


def _number_words(words: list[str]) -> tuple[int, int]:
    """How many leading words spell a number, and the number."""
    total = current = used = 0
    for position, word in enumerate(words):
        if word in _SMALL:
            current += _SMALL[word]
        elif word in _TENS:
            current += 10 * _TENS[word]
        elif word == "hundred" and current:
            current *= 100
        elif word in _POWERS and current:
            total, current = total + current * _POWERS[word], 0
        elif word == "and" and used == position > 0 and words[position - 1] in _POWERS:
            continue
        else:
            break
        used = position + 1
    return used, total + current


def _quantity(value: Fraction, unit: str) -> str | None:
    """`number VALUE UNIT`; None where what follows the number is no unit but a phrase."""
    unit = unit.strip().lower().strip(".")
    first, _, rest = unit.partition(" ")
    if first in _POWERS:
        value, unit = value * _POWERS[first], rest.strip()
    if unit in ("a.m", "p.m"):
        unit = unit.replace(".", "")
    if len(unit.split()) > 3 or re.search(r"[\d,;:]", unit):
        return None
    words = " ".join(map(_singular, unit.split()))
    unit = _UNITS.get(unit) or _UNITS.get(_singular(unit)) or _UNITS.get(words) or _singular(unit)
    return f"number {value} {unit}".rstrip()


def _singular(unit: str) -> str:
    head, space, tail = unit.partition(" ")
    if tail.startswith(("per ", "of ")):
        return f"{_singular(head)}{space}{tail}"
    if unit.endswith("ies") and len(unit) > 4:
        return f"{unit[:-3]}y"
    return unit[:-1] if len(unit) > 2 and unit.endswith("s") and not unit.endswith(("ss", "us")) else unit


def _list(text: str) -> str | None:
    """A list with commas or semicolons: the order of its items does not count, unless they are numbers."""
    if not re.search(r"[,;]\s", text):
        return None
    items = [item for item in _LIST.split(text) if item]
    if len(items) < 2 or any(len(item.split()) > 4 for item in items):
        return None
    forms = [normalize(item) for item in items]
    if any(not form.startswith("text ") for form in forms):
        return f"list {'; '.join(forms)}"
    return f"list {'; '.join(sorted(forms))}"


def _text(text: str) -> str:
    plain = _ARTICLE.sub(" ", f"{text} ").strip() or text
    plain = re.sub(r"\b(\w)\.\s?(?=\w\b(?:\.|$))", r"\1", plain.casefold())  # u.s. is us
    # What stands between letters and digits and means something stays: c++, c#, at&t, 3:1, 1914-1918.
    plain = re.sub(r"(?<=\d)\s?-\s?(?=\d)", "\x00", plain)
    plain = re.sub(r"(?<=\w)'(?=\w)", "", plain)
    plain = re.sub(r"[^\w\s+#&%$€£°/:\x00]|(?<![\w+#])[+#&/:]+(?!\w)|(?<=\s):|:(?=\s|$)", " ", plain).replace(
        "\x00", "-"
    )
    plain = " ".join(plain.replace("_", " ").split())
    return f"text {plain}" if plain else f"text {text.casefold()}"
