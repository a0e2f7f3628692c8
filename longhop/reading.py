"""What can be read off a text without a model: sentences, names, identifiers, content words.

    >>> unit = read_units('Ines Halvorsen drew the tide tables. `tide_gain` scales the lunar term.')[1]
    >>> unit.text, unit.entities
    ('`tide_gain` scales the lunar term.', (Mention(name='tide_gain', start=1, end=10),))

Prose is read by sentences, code and tables by lines, comments by the sentences in them. It is rules over characters,
made for English and for the notations of code; a model would read better and could not be shipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Mention", "Unit", "content_words", "is_identifier", "mentions", "read_units"]


class Mention(NamedTuple):
    """A name or identifier and where it stands in its unit's text."""

    name: str
    start: int
    end: int


class Unit(NamedTuple):
    """A sentence of prose or a line of code."""

    start: int
    end: int
    """`document[start:end]` is the unit as it stands, line breaks included."""
    text: str
    """The same on one line, without comment markers."""
    entities: tuple[Mention, ...]
    is_code: bool


STOPWORDS = frozenset(
    """a about above after again against all almost along already also although always am among an and another any
    are around as at away back be became because become been before behind being below between both but by came can
    cannot come could did do does doing done down during each either else even ever every few first for from further
    gave get give given go goes going gone got had has have having he hence her here hers herself him himself his how
    however i if in indeed instead into is it its itself just last later least less let like made make many may me
    might mine more most much must my myself near neither never no nobody none nor not nothing now of off often on
    once one only onto or other others our ours out over own per perhaps quite rather said same see seen shall she
    should since so some still such take taken than that the their theirs them themselves then there therefore these
    they this those though three through thus till to together too two under until up upon us very was we well went
    were what whatever when where whereas whether which while who whole whom whose why will with within without would
    yes yet you your yours mr mrs miss ms dr sir lady lord saint st chapter figure table section equation
    part""".split()
)
_NOT_NAMES = frozenset(
    """i january february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday mr mrs ms dr sir god true false none null todo note""".split()
)
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr st prof capt col gen lieut rev hon jr sr vs etc fig eq no vol pp ed cf al e.g i.e approx sec".split()
)

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"“‘'(\[*_]{0,2}[A-Z0-9`])")
_BLOCK = re.compile(r"\S[^\n]*(?:\n[^\S\n]*\S[^\n]*)*")
_COMMENT = re.compile(r"^[^\S\n]*(?:#+|//+|\*+|--|;+|%+|\"{3}|'{3}|>|[-*+])[^\S\n]*", re.MULTILINE)
_COMMENT_LINE = re.compile(r"[^\S\n]*(?:#|//|\*|--|%)\s?\S")
_CODE_LINE = re.compile(
    r"""^\s*(?:def|class|return|import|from|if|elif|else|for|while|func|const|let|var|type|package|try|with|raise|assert|
        yield|async|await|static|public|private|void|int|function|export|struct|interface|switch|case)\b.*[:({;=\[,)}]\s*$
        | [{};]\s*$ | ^\s*[\w.\[\]"'()-]+\s*(?::\s*[\w.\[\], |]+)?\s*(?:=|:=|\+=|-=)\s*\S
        | ^\s*["'`]?[\w .'-]+["'`]?\s*:\s*\S+,?\s*$
        | ^\s*["'][^"']+["']\s*[:,] | ^\s*[)\]}]+ | ^\s*[|@\\] | ^\s*[\w.]+\(.*\)\s*$ | \($ | ^\s*\[[\w.\"-]+\]\s*$
        | ^\s*(?:import|from|package|return|raise|assert|const|let|var)\s+\S""",
    re.VERBOSE,
)

_NOISE = re.compile(
    r"""\s?\[@[^\]]*\] | \s?\\cite\w*\{[^}]*\} | \s?\[\d+(?:[,;–-]\s?\d+)*\]  # citations
        | (?<=\])\([^)\s]*\) | !?\[(?=[^\]]*\]\() | \](?=\()                  # targets of links
        | (?<!\w)[*_]{1,3}(?=\w) | (?<=[\w.,])[*_]{1,3}(?!\w)                 # emphasis""",
    re.VERBOSE,
)

_UPPER = "A-ZÀ-ÖØ-Þ"
_WORD = rf"[{_UPPER}][\w’'-]*\w|[{_UPPER}](?=\.\s[{_UPPER}])\."
_NAME = re.compile(
    rf"\b(?:(?:Mr|Mrs|Dr|St|Capt|Prof)\.\s)?(?:{_WORD})(?:\s(?:(?:de|du|van|von|der|la|le|al|bin|ibn)\s)*(?:{_WORD}))*"
)
_IDENTIFIER = re.compile(
    r"\b(?:[a-z][a-z0-9]*(?:_[a-z0-9]+)+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]+[a-z0-9]*[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*[a-z]\w*)\b"
)
_POSSESSIVE = re.compile(r"['’]s?$")
_TOKEN = re.compile(r"\w+(?:['’]\w+)*")


def content_words(text: str) -> frozenset[str]:
    """The lower-case words of a text that say what it is about; plural and third-person `s` removed."""
    return frozenset(_stem(word) for token in _TOKEN.findall(text) if (word := token.lower()) not in STOPWORDS)


def _stem(word: str) -> str:
    word = _POSSESSIVE.sub("", word)
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def is_identifier(name: str) -> bool:
    """Whether a name is one of code (`tide_gain`, `TIDE_GAIN`, `tideGain`)."""
    return _IDENTIFIER.fullmatch(name) is not None


def mentions(text: str) -> tuple[Mention, ...]:
    """Names and identifiers of a sentence, in order, not overlapping.

    A single capitalised word at the beginning counts as a name here; whether it is one, only other places can tell.
    """
    found = [Mention(_plain(match[0]), match.start(), match.end()) for match in _IDENTIFIER.finditer(text)]
    taken = {position for mention in found for position in range(mention.start, mention.end)}
    for match in _NAME.finditer(text):
        if match.start() in taken:
            continue
        start, name = match.start(), _POSSESSIVE.sub("", match[0])
        words = name.split(" ")
        while words and (words[0].lower() in STOPWORDS or words[0].lower() in _NOT_NAMES) and words[0] not in _TITLES:
            start += len(words.pop(0)) + 1
        while words and (words[-1].lower() in _NOT_NAMES or words[-1].lower() in STOPWORDS):
            words.pop()
        name = " ".join(words)
        if len(name) > 2:
            found.append(Mention(name, start, start + len(name)))
    return tuple(sorted(found, key=lambda mention: mention.start))


def _plain(identifier: str) -> str:
    """`TIDE_GAIN` in the code is the `tide_gain` of the paper."""
    return identifier.lower() if "_" in identifier and identifier.isupper() else identifier


_TITLES = frozenset(
    ["Mr.", "Mrs.", "Dr.", "St.", "Capt.", "Prof.", "Mr", "Mrs", "Dr", "Sir", "Lady", "Lord", "Miss", "Saint"]
)


def read_units(document: str) -> list[Unit]:
    """The sentences and code lines of a document, in order."""
    units: list[Unit] = []
    for block in _BLOCK.finditer(document):
        for start, end, is_code in _segments(document, block.start(), block.end()):
            if is_code:
                unit = _unit(document, start, end, is_code=True)
                if unit:
                    units.append(unit)
            else:
                units.extend(_sentences(document, start, end))
    return units


def _segments(document: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Runs of prose lines and single lines of code within a block."""
    run = None
    position = start
    for line in document[start:end].splitlines(keepends=True):
        stop = position + len(line)
        if not _COMMENT_LINE.match(line) and _CODE_LINE.search(line.rstrip()):
            if run is not None:
                yield run, position, False
                run = None
            yield position, stop, True
        elif run is None:
            run = position
        position = stop
    if run is not None:
        yield run, end, False


def _sentences(document: str, start: int, end: int) -> Iterator[Unit]:
    begin = start
    for match in _SENTENCE_END.finditer(document, start, end):
        before = document[max(begin, match.start() - 12) : match.start()].rstrip(".").rpartition(" ")[2].lower()
        if before in _ABBREVIATIONS or (len(before) == 1 and before.isalpha() and document[match.start() - 1] == "."):
            continue
        unit = _unit(document, begin, match.end(), is_code=False)
        if unit:
            yield unit
        begin = match.end()
    unit = _unit(document, begin, end, is_code=False)
    if unit:
        yield unit


def _unit(document: str, start: int, end: int, *, is_code: bool) -> Unit | None:
    raw = document[start:end]
    stripped = raw.strip()
    if not stripped:
        return None
    start += raw.index(stripped[0]) if raw[0] != stripped[0] else 0
    marker = _COMMENT.match(stripped)
    if marker and not is_code:
        start += marker.end()
        stripped = stripped[marker.end() :]
        if not stripped:
            return None
    end = start + len(stripped)
    text = " ".join((stripped if is_code else _NOISE.sub("", _COMMENT.sub(" ", stripped))).split())
    return Unit(start, end, text, mentions(text), is_code) if text else None
