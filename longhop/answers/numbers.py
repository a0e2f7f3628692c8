"""Numbers and quantities in common notations, for `longhop.answers`.

    >>> quantity("1,234.50 km"), quantity("three and a half kilometres"), quantity("$1.5bn"), quantity("ten per cent")
    ((Fraction(2469, 2), 'km'), (Fraction(7, 2), 'km'), (Fraction(1500000000, 1), '$'), (Fraction(10, 1), '%'))
    >>> quantity("14 or 15"), quantity("one two")
    (None, None)

Values are exact fractions. A unit is one of the table, by name or by symbol, or the noun that is counted, in the
singular. Symbols are told apart by case (5 m, 5 M; 5 Mb, 5 MB; 5 mW, 5 MW), names are not.
"""

from __future__ import annotations

import re
from fractions import Fraction

from longhop.answers.dates import ORDINALS

__all__ = ["asked_units", "is_unit", "ordinal", "quantity", "singular", "starts_number", "unit_of"]

_DIGITS = (
    r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|[1-9]\d{0,2}(?: \d{3})+(?!\d)|[1-9]\d?(?:,\d{2})+,\d{3}(?![\d,])|\d+)"
    r"(?:\.\d+)?(?:[eE][+-]?\d{1,2}(?!\d))?|\.\d+"
)
_CURRENCY = r"US\$|[A-Z]{1,2}\$|[$€£¥₹₽₩₺₴]|(?:USD|EUR|GBP|JPY|CHF|CNY|INR|SEK|NOK|DKK|AUD|CAD)(?=\s?\d)"
_POWER_OF_TEN = r"\s?[×x*·]\s?10\^(?P<power>[+-]?\d{1,2})"
_QUANTITY = re.compile(
    rf"(?P<sign>[+-]?)(?P<currency>{_CURRENCY})?\s?(?P<inner>[+-]?)(?:(?P<whole>\d+) (?=\d+/\d))?(?P<number>{_DIGITS})"
    rf"(?:/(?P<below>\d{{1,4}})(?![\d/]))?(?:{_POWER_OF_TEN})?(?P<unit>(?:\s?[^\W\d_]|\s?[%‰°$€£¥₹]|-(?=[^\W\d_])).*)?"
)
_TEN_TO = re.compile(r"(?P<sign>[+-]?)10\^(?P<power>[+-]?\d{1,2})(?P<unit>\s.*)?")
_SPELLED_UNIT = re.compile(r"[^\W\d_]+(?:['.][^\W\d_]+)*\.?|%|‰|°[CF]?|[$€£¥₹]|[^\W\d_]+\^?[23]|/|·")
_AND_A_HALF = re.compile(r"^([+-]?\d+) and (?:(?:a |one )?half\b|(?=\d+/\d))")
# Notations in which the comma is the decimal sign beyond doubt, and the apostrophes of Switzerland.
_EUROPEAN = re.compile(r"(?<![\d.,])(\d{1,3}(?:(?:\.\d{3})+|(?: \d{3})+)),(\d+)(?![\d.,])")
_SWISS = re.compile(r"(?<!\d)\d{1,3}(?:'\d{3})+(?![\d'])")
_HOW_MANY = re.compile(r"\b(?:how many|how much|number of|amount of)\s+([^\W\d_]+(?:[ -][^\W\d_]+){0,3})")
_IN_UNIT = re.compile(r"\bin ((?:(?:square|cubic|nautical) )?[^\W\d_]{2,}(?: per (?:square |cubic )?[^\W\d_]+)?)")
# In the plural or by a symbol that is no word: not "in second place", "in Oz".
_PLAIN_UNIT = re.compile(r"^(?:\w+ )?(?:\w{2,}s|feet|celsius|fahrenheit|hertz|kelvin|percent|km|kg|cm|mm|mph)\b")
_AUXILIARY = frozenset("can could did do does had has have is lay may might per shall should will would".split())
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")

_SMALL = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * number for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_SCALES = {"thousand": 10**3, "lakh": 10**5, "crore": 10**7, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SHORT_SCALES = {"k": 10**3, "K": 10**3, "m": 10**6, "M": 10**6, "mn": 10**6, "bn": 10**9, "B": 10**9, "tn": 10**12}
_PARTS = {"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4}
_PARTS |= {"fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "eighth": 8, "eighths": 8, "tenth": 10, "tenths": 10}

_UNITS = """
km kilometre kilometer|m metre meter|cm centimetre centimeter|mm millimetre millimeter
µm μm micrometre micrometer micron
nm nanometre nanometer|mi mile|ft foot feet|in inch inche|yd yard|nmi nautical_mile sea_mile|ly light-year light_year
ha hectare|acre|L l litre liter|mL ml millilitre milliliter|gal gallon|pt pint
kg kilogram kilogramme kilo|g gram gramme|mg milligram milligramme|t tonne metric_ton metric_tonne|lb lbs|oz ounce
h hr hrs hour|min mins minute|s sec secs second|ms millisecond|µs μs microsecond|ns nanosecond
day d|week wk|month mo|year yr yrs
°C degree_celsius degree_centigrade degrees_c degree_c celsius degC|°F degree_fahrenheit degree_f fahrenheit degF
° degree deg|K kelvin|Hz hertz|kHz kilohertz|MHz megahertz|GHz gigahertz
W watt|kW kilowatt|MW megawatt|GW gigawatt|mW milliwatt|kWh kilowatt-hour kilowatt_hour|V volt|kV kilovolt|mV millivolt
A amp ampere|mA milliampere milliamp|N newton|kN kilonewton|J joule|kJ kilojoule|MJ megajoule
kcal kilocalorie|cal calorie|Pa pascal|kPa kilopascal|hPa hectopascal|MPa megapascal
dB decibel|rpm revolution_per_minute
B byte|kB KB kilobyte|MB megabyte|GB gigabyte|TB terabyte|KiB kibibyte|MiB mebibyte|GiB gibibyte
bit|kbit kilobit|Mb Mbit megabit|Gb Gbit gigabit|px pixel|kn kt knot
km/h kph kmh kmph kilometre/hour kilometer/hour|mph mi/h mile/hour|Mbps Mbit/s megabit/second
% percent per_cent pct|‰ per_mille per_mil permille|percentage_point
$ US$ USD dollar us_dollar american_dollar|€ EUR euro|£ GBP pound_sterling|¥ JPY yen|₹ INR rupee|CHF swiss_franc
"""
_BY_NAME: dict[str, str] = {}
_BY_SYMBOL: dict[str, str] = {}
for _group in _UNITS.strip().replace("\n", "|").split("|"):
    _head, *_rest = _group.split()
    for _name in (_head, *_rest):
        _text = _name.replace("_", " ")
        _BY_SYMBOL[_text] = _head
        if len(_text) > 2 and _text.islower() and _text != "cal":  # Cal is kcal
            _BY_NAME[_text] = _head
_HEADS = frozenset(_BY_SYMBOL.values())
# KM for km, Hz for hz: where case tells no two units apart.
_FOLDED: dict[str, set[str]] = {}
for _symbol, _head in _BY_SYMBOL.items():
    _FOLDED.setdefault(_symbol.casefold(), set()).add(_head)
_ANY_CASE = {symbol: next(iter(heads)) for symbol, heads in _FOLDED.items() if len(heads) == 1 and len(symbol) > 1}

_NO_UNIT = (
    frozenset(
        """a about above after again ago all an and any apart are as at away back because before below better between
        but by during each earlier east else every fewer for from further he her higher his if in inside into is it
        its larger last later least less longer lower many minus more most much my nearly next no nor north not of
        off on one only or other our out over past per plus she shorter since smaller so some south such than that
        the their them then there these they this those though times to too under until up upon was we were west
        when where which while who whose with within without worse yet you your st nd rd th january february march
        april may june july august september october november december""".split()
    )
    | set(_SMALL)
    | set(_TENS)
    | set(_SCALES)
    | {"hundred", "point", "half", "dozen"}
)
"""Words that make a phrase out of what follows a number: `one of them`, `14 or 15`, `2 more`."""
_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth",
    "geese": "goose", "mice": "mouse", "knives": "knife", "wives": "wife", "lives": "life", "wolves": "wolf",
    "leaves": "leaf", "loaves": "loaf", "shelves": "shelf", "halves": "half", "oxen": "ox", "buses": "bus",
    "calories": "calorie", "kilocalories": "kilocalorie", "movies": "movie", "cookies": "cookie", "pies": "pie",
    "ties": "tie", "prairies": "prairie",
}  # fmt: skip
_SAME = frozenset("series species news lens means chaos gas bus atlas canvas corps chess".split())


def singular(word: str) -> str:
    """A noun in the singular, good enough to compare with; lower case."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _SAME or len(word) < 4 or word.endswith(("ss", "us", "is")) or not word.endswith("s"):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    return word[:-1]


def unit_of(text: str) -> str | None:
    """What a unit is called here, in lower case where the table lacks it; None for what is no unit but a phrase."""
    text = " ".join(text.strip().removeprefix("-").split())
    if not text:
        return ""
    if found := _known(text):
        return found
    words = re.sub(r"([/·])", r" \1 ", text).split()
    if len(words) > 4 or not all(_SPELLED_UNIT.fullmatch(word) for word in words):
        return None
    lowered = [word.casefold().rstrip(".") for word in words]
    if "/" in words or "per" in lowered[1:-1]:
        at = words.index("/") if "/" in words else lowered.index("per")
        above, below = unit_of(" ".join(words[:at])), unit_of(" ".join(words[at + 1 :]))
        compound = f"{above}/{below}"
        return _known(compound) or compound if above and below else None
    if lowered[0] in ("square", "sq", "cubic", "cu") and len(words) > 1:
        base = unit_of(" ".join(words[1:]))
        return base and f"{base}^{2 if lowered[0].startswith('s') else 3}"
    if lowered[-1] in ("squared", "cubed") and len(words) > 1:
        base = unit_of(" ".join(words[:-1]))
        return base and f"{base}^{2 if lowered[-1] == 'squared' else 3}"
    if len(words) == 1 and (powered := re.fullmatch(r"([^\W\d_]+)\^?([23])", words[0])):
        base = _known(powered[1])
        return f"{base}^{powered[2]}" if base else None
    if any(word in _NO_UNIT for word in lowered) or len(words) > 3:
        return None
    if len(words) > 1:
        return " ".join(lowered)
    # A single letter, or two, may be anything; its case may be what tells it from another.
    return lowered[0] if len(lowered[0]) > 2 else words[0]


def asked_units(question: str) -> frozenset[str]:
    """What the "how many …" of a question counts; nothing where there is none, or two.

    A noun may have adjectives before it and a verb behind it, so all words up to the next that is no noun count:
    of `how many gold crowns lie in` gold, crown, lie, gold crowns, … A unit of the table stands for itself alone:
    of `how many light years away` the light year, not the year.
    """
    lowered = question.casefold()
    found = _HOW_MANY.findall(lowered)
    if not found or (len(found) == 1 and found[0].split()[0] in _AUXILIARY):
        named = {unit for name in _IN_UNIT.findall(lowered) if _PLAIN_UNIT.search(name) and (unit := _named(name))}
        return frozenset(named) if len(named) == 1 else frozenset()
    if len(found) != 1:
        return frozenset()
    words: list[str] = []
    for word in re.split(r"[ -]", found[0]):
        if word in _NO_UNIT or word in _AUXILIARY:
            break
        words.append(word)
    spans = [words[at : at + length] for length in range(len(words), 0, -1) for at in range(len(words) - length + 1)]
    units = [unit for span in spans if (unit := unit_of(" ".join(span)))]
    known = next((unit for unit in units if is_unit(unit)), None)
    return frozenset([known]) if known else frozenset(name for unit in units for name in (unit, singular(unit)))


def _named(name: str) -> str | None:
    """The unit of the table that a question's "in metres per second" or "in metres" names."""
    for words in (name, name.split(" per ", maxsplit=1)[0]):
        if (unit := unit_of(words)) and is_unit(unit):
            return unit
    return None


def is_unit(name: str) -> bool:
    """Whether a unit is one of the table, or made of these, and no noun that is counted."""
    return name in _HEADS or "^" in name or "/" in name


def _known(text: str) -> str | None:
    bare = text.rstrip(".") or text
    if found := _BY_SYMBOL.get(bare):
        return found
    lowered = bare.casefold()
    head, space, last = lowered.rpartition(" ")
    plural = " ".join(map(singular, lowered.split()))
    return (
        _BY_NAME.get(lowered) or _BY_NAME.get(f"{head}{space}{singular(last)}") or _BY_NAME.get(plural)
        or _ANY_CASE.get(lowered)
    )  # fmt: skip


def ordinal(text: str) -> int | None:
    """The number of `3rd`, `third` or `twenty-third`; lower case."""
    if match := _ORDINAL.fullmatch(text):
        return int(match[1])
    return ORDINALS.get(text.replace("-", " "))


def quantity(text: str) -> tuple[Fraction, str] | None:
    """Value and unit of a text that is a number, with a unit or without; None for all else."""
    text = _AND_A_HALF.sub(lambda match: f"{match[1]} {'1/2' if match[0].endswith('half') else ''}", text)
    if "," in text or "'" in text:
        text = _EUROPEAN.sub(lambda match: f"{re.sub('[. ]', '', match[1])}.{match[2]}", text)
        text = _SWISS.sub(lambda match: match[0].replace("'", ""), text)
    if match := _TEN_TO.fullmatch(text):
        unit = unit_of(match["unit"] or "")
        value = Fraction(10) ** int(match["power"]) * (-1 if match["sign"] == "-" else 1)
        return (value, unit) if unit is not None else None
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return _spelled(text)
    if re.fullmatch(r"\d*0s", text.replace("'", "")):  # the 1990s, a man in his 60s
        return None
    value = Fraction(re.sub(r"[, ]", "", match["number"]))
    if match["below"]:
        below = int(match["below"])
        if "." in match["number"] or value.denominator != 1 or not value < below:
            return None  # 50/50, 24/7
        value /= below
        value += int(match["whole"] or 0)
    elif match["whole"]:
        return None
    if match["power"]:
        value *= Fraction(10) ** int(match["power"])
    if match["sign"] and match["inner"]:
        return None
    if "-" in (match["sign"], match["inner"]):
        value = -value
    return _with_unit(value, match["unit"] or "", match["currency"] or "")


def _with_unit(value: Fraction, rest: str, currency: str) -> tuple[Fraction, str] | None:
    rest = rest.strip()
    first, _, after = rest.partition(" ")
    if currency and first in _SHORT_SCALES:
        value, rest = value * _SHORT_SCALES[first], after
    elif singular(first.casefold()) in _SCALES or first.casefold() in ("hundred", "dozen"):
        value *= _SCALES.get(singular(first.casefold())) or {"hundred": 100, "dozen": 12}[first.casefold()]
        rest = after
    unit = unit_of(rest)
    if unit is None:
        return None
    if currency:
        money = _BY_SYMBOL.get(currency, currency)
        if unit not in ("", money):
            return None
        unit = money
    return _counted(value, unit)


def _counted(value: Fraction, unit: str) -> tuple[Fraction, str]:
    """What is counted in the singular: 14 nights are 14 night; but `2018 finals` may be those of a year."""
    if unit not in _HEADS and " " not in unit and not (1000 <= value < 2100 and value.denominator == 1):
        unit = singular(unit)
    return value, unit


def _spelled(text: str) -> tuple[Fraction, str] | None:
    """A number in words, with what follows it."""
    words = text.replace("-", " ").split()
    lowered = [word.casefold() for word in words]
    sign = -1 if lowered and lowered[0] in ("minus", "negative") else 1
    start = 1 if sign < 0 else 0
    value, used = _words(lowered[start:])
    if value is None:
        return None
    rest = words[start + used :]
    if [word.casefold() for word in rest[:1]] in (["a"], ["an"], ["of"]) and lowered[start + used - 1] == "half":
        rest = rest[1:]  # half a mile
    unit = unit_of(" ".join(rest))
    return _counted(sign * value, unit) if unit is not None else None


def _below_hundred(words: list[str]) -> tuple[int, int]:
    """Value and words used; no words, no number."""
    if not words:
        return 0, 0
    if words[0] in _SMALL:
        return _SMALL[words[0]], 1
    if words[0] in _TENS:
        unit = _SMALL.get(words[1], 0) if len(words) > 1 else 0
        return (_TENS[words[0]] + unit, 2) if 1 <= unit <= 9 else (_TENS[words[0]], 1)
    return 0, 0


def _below_thousand(words: list[str]) -> tuple[int, int]:
    value, used = _below_hundred(words)
    if words[used : used + 1] == ["hundred"] and (value or not used):
        value, used = max(value, 1) * 100, used + 1
        skip = 1 if words[used : used + 1] == ["and"] else 0
        more, further = _below_hundred(words[used + skip :])
        if further and more:
            return value + more, used + skip + further
    return value, used


def _words(words: list[str]) -> tuple[Fraction | None, int]:
    """The number that the first words spell, and how many they are."""
    year = _year(words)
    if year:
        return year
    if words[:1] == ["half"]:
        return Fraction(1, 2), 1
    total, used, last = 0, 0, 10**15
    while used < len(words):
        skip = 1 if used and words[used] == "and" else 0
        value, further = _below_thousand(words[used + skip :])
        scale = _SCALES.get(words[used + skip + further]) if used + skip + further < len(words) else None
        if scale and scale < last and (further or not used):
            total, last = total + max(value, 1) * scale, scale
            used += skip + further + 1
            continue
        if further and last > 1 and (not used or value < last):
            total, used, last = total + value, used + skip + further, 1
        break
    rest = words[used:]
    if not used:
        return (Fraction(12), 1) if rest[:1] == ["dozen"] else (None, 0)
    if rest[:1] == ["dozen"]:
        return Fraction(12 * total), used + 1
    if rest[:1] == ["point"] and rest[1:2] and rest[1] in _SMALL:
        digits = [str(_SMALL[word]) for word in rest[1:] if word in _SMALL]
        return Fraction(f"{total}.{''.join(digits)}"), used + 1 + len(digits)
    if rest[:1] and rest[0] in _PARTS and 0 < total < _PARTS[rest[0]]:
        return Fraction(total, _PARTS[rest[0]]), used + 1
    if rest[:2] == ["and", "half"] or rest[:3] in (["and", "a", "half"], ["and", "one", "half"]):
        return total + Fraction(1, 2), used + 1 + rest.index("half")
    if rest[:1] == ["and"]:  # two and three quarters; articles are gone
        above, at = (_SMALL[rest[1]], 2) if rest[1:2] and rest[1] in _SMALL else (1, 2 if rest[1:2] == ["a"] else 1)
        below = _PARTS.get(rest[at]) if rest[at : at + 1] else None
        if below and 0 < above < below:
            return total + Fraction(above, below), used + at + 1
    return Fraction(total), used


_STARTERS = re.compile(rf"\d|\b(?:{'|'.join([*_SMALL, *_TENS, *_SCALES, 'hundred', 'half', 'dozen', *ORDINALS])})\b")


def starts_number(text: str) -> bool:
    """Whether there is a digit or a word for a number in a text of lower case: a cheap look before the dear ones."""
    return _STARTERS.search(text) is not None


def _year(words: list[str]) -> tuple[Fraction, int] | None:
    """`nineteen fourteen` and `twenty twenty-one` are years."""
    first, used = _below_hundred(words)
    second, further = _below_hundred(words[used:])
    whole = used + further == len(words) and further > 0
    return (Fraction(100 * first + second), len(words)) if whole and 10 <= first <= 21 and second >= 10 else None
