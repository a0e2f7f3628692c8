"""When two answers are the same: one normal form an answer, and comparison by equality.

    >>> exact_match("The 1,234.50 km", "1234.5 kilometres"), exact_match("3 May 1901", "1901-05-03")
    (True, True)
    >>> exact_match("10 %", "10"), exact_match("Smith Jr.", "Smith"), exact_match("v1.2", "v1.20")
    (False, False, False)

Because two answers match when their normal forms are equal, matching is symmetric and transitive, and groups of answers
need no chains of comparisons. Letters and spaces are normalised as SQuAD does it: case, punctuation and articles do not
count. Numbers, dates, signs, versions and identifiers are not, since that normalisation takes 1.5 for 15, -3 for 3 and
10 % for 10. Units that convert exactly are one answer: 1 km and 1000 m. Where meaning goes beyond notation, the forms
differ and a judge is asked: Müller and Mueller, `3/5/1901` and 3 May 1901, 5 pounds and £5, 0 °C and 32 °F.

Some rules that one may want to know:

- A unit may be left out only where the question names it: to "How many years …?" `14` and `14 years` are the same
  answer, `14 days` is another one. Pass the question; without it, a bare number matches bare numbers only.
- The order of a list counts, unless it is one beyond doubt: three items or more with commas, or semicolons, and none
  of them a number or date. `Paris, France` and `Simon and Garfunkel` are names.
- `Yes, it does` is `yes`, `No, they are not` is `no`; what says more, such as `Yes, in 1901`, is another answer.
- Where the question offers options with letters, `B`, `(B) Paris` and `Paris` are one answer, and `B. Lyon` is none of
  them where Lyon is another option.
- Case counts in what looks like code (`tide_gain`, `readTide`, `foo.bar()`, `--flag`, backticks), and in every answer
  to a question whose answer is an identifier (`answer_type`).
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache

from longhop.answers.dates import ORDINALS, date, time_of_day
from longhop.answers.numbers import asked_units, is_unit, ordinal, quantity, singular, starts_number
from longhop.answers.options import labelled, options
from longhop.answers.scripts import unpointed, western
from longhop.answers.units import in_base

__all__ = ["WRAPPINGS", "exact_match", "matches_any", "normalize", "unwrapped_once"]

_LONGEST = 120  # characters of a number, a date or a piece of code
_CODE_TYPE = re.compile(
    r"\b(?:identifier|code|symbol|function|method|class|variable|constant|parameter|argument|attribute|module|path|file"
    r"|filename|command|flag|option name|version|key)\b"
)
_DASHES = dict.fromkeys("‐‑‒–—―−﹣－", "-")
_QUOTES = dict.fromkeys("’‘‛′`´", "'") | dict.fromkeys("“”„‟", '"')
_SIGNS = {"⁄": "/", "≤": "<=", "≥": ">=", "≠": "!=", "µ": "μ", "™": "", "®": "", "©": "", "٫": ".", "٪": "%", "؛": ";"}
_COMMA = re.compile("[、،]|(?<![0-9０-９])，|，(?![0-9０-９])|٬(?![٠-٩])")
_POWERS = {chr(0x2070 + digit): str(digit) for digit in (0, *range(4, 10))} | {"²": "2", "³": "3", "¹": "1", "⁻": "-"}
_SUPERSCRIPT = re.compile(rf"(?<=[\w)])[{''.join(_POWERS)}]+")
_FRACTION = re.compile(r"(?<=\d)(?=[¼½¾⅐-⅞])")
WRAPPINGS = [("```", "```"), ("``", "``"), ("`", "`"), ("**", "**"), ("*", "*"), ('"', '"'), ("'", "'"), ("“", "”")]
WRAPPINGS += [("‘", "’"), ("«", "»"), ("„", "“"), ("\\(", "\\)"), ("$", "$")]
"""Signs that models put around an answer."""
_OPENERS = frozenset(opening[0] for opening, _ in WRAPPINGS)
_SENTENCE = re.compile(r"^(?:(?:the|my)\s+)?(?:final\s+)?answer(?:\s+is:?|:)\s+(?=\S)", re.IGNORECASE)
_BULLET = re.compile(r"(?:[-*•]|\d+[.)])\s+(?=\D)")
_NUMBERED = re.compile(r"(?<!\S)(\d{1,2})[.)]\s+(?=\D)")
# A set, or a list of quoted items; [a, b] may be code.
_BRACES = re.compile(r"\{([^{}:=;]*,[^{}:=;]*)\}|\[((?:\s*\"[^\[\]\",]*\"\s*(?:,|(?=\]))){2,})\]")
_REPLY = re.compile(
    r"(?:(?P<yes>yes)|no)[,.;:]?\s"
    r"(?:it|he|she|they|there|this|that|these|those|both|i|we|you|all|all of them|both of them)"
    r"\s(?:am|is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might)(?P<not>\snot|n?'t|not)?"
)

_ENDS_IN_INITIAL = re.compile(r"(?:^|[^\w'’])[^\W\d]\.$|\.\.$")

_VERSION = re.compile(r"v(?:ersion\s?|\.\s?)?(\d[\w.+-]*)|(\d+(?:\.\d+){2,}\S*|\d+(?:\.\d+)+-[a-z][\w.]*)")
_HEX = re.compile(r"0x[0-9a-f]+")
_INITIALS = re.compile(r"(?:[A-Z][a-z]?\.)+[A-Z][a-z]?\.?|(?:[^\W\d_]{1,2}\.){2,}|e\.g|i\.e|a\.k\.a", re.UNICODE)
_CODE = re.compile(
    r"\w*_\w*[^\W_][\w.]*(?:\(.*\))?|[\w.]*[^\W_]\w*_[\w.]*(?:\(.*\))?"  # tide_gain, __init__
    r"|(?!(?:[ie][A-Z][a-zA-Z]+|pH|[mrt]RNA)$)[a-z]+[0-9]*[A-Z]\w*(?:\(.*\))?"  # readTide, but not iPhone
    r"|[\w.:]*\w\(.*\)|\w+(?:\.\w+)*\[.*\]"  # f(x), x[0]
    r"|[^\W\d]\w*(?:\.\w+)+|\.[A-Za-z]\w*|[\w./-]+/[\w./-]*\.\w+"  # foo.bar, .NET, src/main.py
    r"|--?[A-Za-z][\w-]*(?:=\S+)?|[@$#][A-Za-z_]\w*|(?:~|\.{1,2})?/\w\S*|\*{1,2}[A-Za-z_]\w*|![A-Za-z_]\w*"
    r"|\w+(?:::\w+)+|[A-Za-z][A-Za-z+.-]*://\S+"
)
_OPERATORS = re.compile(r"->|=>|\*\*|(?<=\w)\*(?=\w)|&&|\|\||[<>=^~|\\{}]|^!|\+\+\w|\+=")
_TIGHT = re.compile(r"\s*([^\w\s])\s*")
_CHOICE = re.compile(r"(?:(?:option|choice|answer)\s+)?\(?([A-Za-z])[).]?", re.IGNORECASE)

_LETTER_AFTER = (
    "vitamin|type|plan|group|class|grade|option|choice|hepatitis|influenza|team|section|appendix|figure|table|part|"
    "series|serie|side|level|model|block|gate|hall|wing|line|phase|point|exhibit|category|division|formula|schedule|"
    "site|zone|factor|train|platform|building|room|annex|article|variant|version|sample|unit|company|list"
)
_KEY = r"(?:(?:flat |sharp )?(?:major|minor)|flat|sharp|level)\W*$"
_ARTICLE = re.compile(rf"(?<!\S)(?:an|the|(?<!{_LETTER_AFTER.replace('|', ' )(?<!')} )a(?! {_KEY}))\s+(?=\S)")


class _Plain(dict[int, str | None]):
    """What becomes of a character of prose: punctuation is a space, apostrophes vanish, signs and marks stay."""

    def __missing__(self, code: int) -> str | None:
        self[code] = " " if unicodedata.category(chr(code)).startswith("P") else chr(code)
        return self[code]


_PLAIN = _Plain({ord("'"): None, ord("_"): " ", ord("`"): " "})
# Signs that mean something where they stand go through the table as private characters.
_KEPT = {char: chr(0xE000 + number) for number, char in enumerate("-.:,'\"/&%#!")}
_BACK = {ord(private): char for char, private in _KEPT.items()}
_MEANT = re.compile(
    r"(?<=\d)[-.:,/](?=\d)|(?<!\w)-(?=\d)|(?<=\w)[&/](?=\w)|(?<=\w)#|#(?=\d)"
    r"|(?<=\d)['\"](?!s\b)|%|(?<=^[a-z])[-']$|(?<=\d)!"
)


def exact_match(first: str, second: str, question: str = "", answer_type: str = "") -> bool:
    """Whether two answers are the same but for notation; `question` and `answer_type` as in `normalize`."""
    return normalize(first, question, answer_type) == normalize(second, question, answer_type)


def matches_any(answer: str, references: Iterable[str], question: str = "", answer_type: str = "") -> bool:
    """Whether an answer matches one of the references, exactly or letter by letter but for what wraps it."""
    form, references = normalize(answer, question, answer_type), list(references)
    if any(form == normalize(reference, question, answer_type) for reference in references):
        return True
    bare = _unwrapped(answer)
    return any(bare == _unwrapped(reference) for reference in references)


@lru_cache(maxsize=65536)
def normalize(answer: str, question: str = "", answer_type: str = "") -> str:
    """The normal form of an answer; equal forms, same answer.

    A form says what it is: `number 14 year`, `date 1901-05-03`, `code tide_gain`, `list …`, `text last pilot`.

    Args:
        answer: The answer as it was written.
        question: The question; its "how many years" makes `14 years` the same as `14`.
        answer_type: What the answer is; where it is an identifier or the like, only what wraps it is taken off.
    """
    if question and (choice := _chosen(answer, question, answer_type)):
        return f"choice {choice}"
    return _form(answer, question, answer_type)


def _form(answer: str, question: str, answer_type: str) -> str:
    if answer_type and _CODE_TYPE.search(answer_type.lower()):
        return f"code {_unwrapped(answer)}"
    lines = [line for line in answer.splitlines() if line.strip()]
    if len(lines) > 1:
        answer = "; ".join(_BULLET.sub("", line.strip()) for line in lines)
    bare = _unwrapped(html.unescape(answer))
    text, quoted = _clean(bare), answer.strip().startswith("`")
    reply = _REPLY.fullmatch(text.casefold()) if text[:1] in "yYnN" else None
    if reply and bool(reply["yes"]) != bool(reply["not"]):
        return "text yes" if reply["yes"] else "text no"
    braced = None if quoted else _BRACES.fullmatch(text)
    if braced:
        items = braced[1] or braced[2]
        return _listed(re.split(r"\s*,\s*", items.strip(" ,")), unordered=bool(braced[1]))
    return _short(text, quoted=quoted, asked=_asked(question)) or _list(text) or f"text {_text(text)}"


def _chosen(answer: str, question: str, answer_type: str) -> str | None:
    """The letter of the option that an answer names, by letter, by text or by both; None where it names none."""
    forms = _option_forms(question, answer_type)
    if not forms:
        return None
    bare = _unwrapped(answer)
    if found := labelled(bare):
        letter, text = found
        if letter in forms and (not text or _form(text, question, answer_type) == forms[letter]):
            return letter
    form = _form(bare, question, answer_type)
    named = [letter for letter, own in forms.items() if own == form]
    return named[0] if len(named) == 1 else None


@lru_cache(maxsize=4096)
def _option_forms(question: str, answer_type: str) -> dict[str, str]:
    return {letter: _form(text, question, answer_type) for letter, text in options(question).items()}


_asked = lru_cache(maxsize=4096)(asked_units)


def _unwrapped(answer: str) -> str:
    """Without quotes, backticks, emphasis around it and without the full stop behind it."""
    text = _SENTENCE.sub("", " ".join(answer.split()))
    if text[:1] not in _OPENERS and text[-1:] != ".":
        return text
    while (inner := unwrapped_once(text)) != text:
        text = inner
    return text


def unwrapped_once(text: str, pairs: Sequence[tuple[str, str]] = WRAPPINGS) -> str:
    """A text without the full stop behind it, and without one layer of each pair of signs around it."""
    if text.endswith(".") and not _ENDS_IN_INITIAL.search(text):
        text = text[:-1].rstrip()
    for opening, closing in pairs:
        inner = text[len(opening) : len(text) - len(closing)]
        if text.startswith(opening) and text.endswith(closing) and inner.strip():
            # *a* and *b* is not wrapped as a whole.
            text = text if opening in inner or closing in inner else inner.strip()
    return text


def _clean(text: str) -> str:
    """Compatibility forms, dashes, quotes and digits of all scripts as plain characters."""
    if not text.isascii():
        text = _COMMA.sub(", ", unpointed(text)).replace("٬", ",")
        text = _SUPERSCRIPT.sub(lambda match: "^" + "".join(map(_POWERS.__getitem__, match[0])), text)
        text = unicodedata.normalize("NFKC", _FRACTION.sub(" ", text.translate(_TRANSLATE)))
        text = "".join(_plain_digit(char) for char in text if unicodedata.category(char) != "Cf").translate(_TRANSLATE)
    return western(" ".join(_BULLET.sub("", text, count=1).split() if text[:1] in "-*•" else text.split()))


_TRANSLATE = str.maketrans(_DASHES | {key: value for key, value in _QUOTES.items() if key != "`"} | _SIGNS)


def _plain_digit(char: str) -> str:
    return str(unicodedata.decimal(char)) if char.isdecimal() else char


def _short(text: str, *, quoted: bool, asked: frozenset[str] = frozenset()) -> str | None:
    """The form of a version, value or piece of code; None for prose, and for what is too long to be one of these."""
    if len(text) > _LONGEST:
        return None
    lowered = text.lower()
    if (version := _VERSION.fullmatch(lowered)) and not date(lowered) and "," not in lowered:
        return f"code {'v' if version[1] else ''}{(version[1] or version[2]).rstrip('.')}"
    if _HEX.fullmatch(lowered):
        return f"code {lowered}"
    if value := _value(text, asked):
        return value
    if _INITIALS.fullmatch(text):
        return None
    if (quoted and " " not in text) or _CODE.fullmatch(text) or _OPERATORS.search(text):
        # Within quotes a space may be what matters.
        return "code " + (text if "'" in text or '"' in text else _TIGHT.sub(r"\1", text))
    return None


def _value(text: str, asked: frozenset[str]) -> str | None:
    """Dates, times, ordinals and quantities."""
    lowered = text.casefold()
    if not starts_number(lowered):
        return f"time {clock}" if (clock := time_of_day(lowered)) else None
    if when := date(lowered):
        return f"date {when}"
    if clock := time_of_day(lowered):
        return f"time {clock}"
    plain = _without_articles(text)
    place = ordinal(plain.casefold())
    if place is not None:
        return f"ordinal {place}"
    number = quantity(plain) or quantity(
        re.sub(r"^(?:in|during|the year|year) (?=\d{4}$)", "", plain, flags=re.IGNORECASE)
    )
    if number:
        value, unit = number
        if not unit and len(asked) == 1 and is_unit(only := next(iter(asked))):
            unit = only
        elif asked and _is_asked(unit, asked) and not is_unit(unit):
            unit = ""
        value, unit = in_base(value, unit)
        return f"number {value} {unit}".rstrip()
    parts = re.split(r",?\s(?:and\s)?(?=\d)", plain)
    pairs = [quantity(part) for part in parts]
    if len(parts) > 1 and all(pair and pair[1] for pair in pairs):
        sums: dict[str, Fraction] = {}  # 5 ft 6 in
        for value, unit in (in_base(*pair) for pair in pairs if pair):
            sums[unit] = sums.get(unit, Fraction(0)) + value
        return "number " + " + ".join(f"{value} {unit}" for unit, value in sums.items())
    return None


def _is_asked(unit: str, asked: frozenset[str]) -> bool:
    return unit in asked or singular(unit) in asked


def _list(text: str) -> str | None:
    if marks := _numbered(text):
        return _listed(marks)
    separator = ";" if ";" in text else "," if "," in text else r"\s/"
    items = [item.strip() for item in re.split(rf"{separator}\s+", text.strip(" ,;")) if item.strip()]
    if len(items) < 2 or (len(items) < 3 and separator not in ";,"):
        return None
    said = re.split(r"(?:^|\s+)(and|or|&|as well as)\s+", items[-1])
    either = len(said) == 3 and said[1] == "or"
    items = [*items[:-1], *(item for item in said[::2] if item)] if len(said) == 3 else items
    if any(len(item.split()) > 6 for item in items):
        return None
    return _listed(items, short=separator == ",", either=either)


def _numbered(text: str) -> list[str]:
    """Items of `1) red 2) green`; none where the numbers are not 1, 2, 3 and so on."""
    if not text.startswith("1"):
        return []
    marks = list(_NUMBERED.finditer(text))
    if len(marks) < 2 or [int(mark[1]) for mark in marks] != list(range(1, len(marks) + 1)):
        return []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return [text[mark.end() : end].strip(" ,;") for mark, end in zip(marks, ends, strict=True)]


def _listed(items: list[str], *, short: bool = False, either: bool = False, unordered: bool = False) -> str:
    """The form of a list; empty where it is too short to be one."""
    forms = [_item(item) for item in items]
    numbers = any(form.startswith(("number ", "date ", "time ", "ordinal ")) for form in forms)
    if len(items) < 3 and short and not numbers:
        return ""
    ordered = forms if numbers and not unordered else sorted(forms)
    return f"{'either' if either else 'set' if numbers and unordered else 'list'} {'; '.join(ordered)}"


def _item(item: str) -> str:
    bare = _unwrapped(item)
    return _short(bare, quoted=item.startswith("`")) or f"text {_text(bare)}"


def _without_articles(text: str) -> str:
    folded = text.casefold()
    if len(folded) != len(text):  # ß and its kind; numbers have none
        return text
    keep, last = [], 0
    for match in _ARTICLE.finditer(folded):
        keep.append(text[last : match.start()])
        last = match.end()
    return "".join((*keep, text[last:]))


def _text(text: str) -> str:
    if choice := _CHOICE.fullmatch(text):
        return choice[1].casefold()
    plain = unicodedata.normalize("NFKC", text.casefold())
    plain = re.sub(r"(?<!\S)[\"'(\[]+(?=\w)", "", plain)  # an article may stand in quotes
    plain = _ARTICLE.sub("", plain)
    plain = re.sub(r"\s&\s", " and ", re.sub(r"\b(\w) & (?=\w\b)", r"\1&", plain))
    plain = re.sub(r"(?<=\d)\s-\s(?=\d)", "-", re.sub(r"(?<=\w)\s/\s(?=\w)", "/", plain))
    plain = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", plain)
    plain = _INITIALS.sub(lambda match: match[0].replace(".", "") + " ", plain)
    plain = re.sub(r"(?<!\w)([^\W\d_])\.\s?(?=[^\W\d_](?:\.|\s|$))", r"\1", plain)  # j. r. r. tolkien
    plain = _MEANT.sub(lambda match: _KEPT[match[0]], plain).translate(_PLAIN).translate(_BACK)
    words = _EAST.sub("", " ".join(plain.split()))
    words = _ORDINAL_WORD.sub(lambda match: _as_digits(ORDINALS[match[0]]), words)  # nineteenth century
    return words or " ".join(text.casefold().split())


# Between Chinese and Japanese characters a space says nothing; Korean divides its words.
_EAST = re.compile(r"(?<=[\u3005-\u30ff\u3400-\u9fff])\s(?=[\u3005-\u30ff\u3400-\u9fff])")
_ORDINAL_WORD = re.compile(rf"\b(?:{'|'.join(sorted(ORDINALS, key=len, reverse=True))})\b")


def _as_digits(number: int) -> str:
    ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
