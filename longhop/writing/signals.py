r"""What documents may have in common, read off their texts: names, citations, names of code, quantities.

    >>> list(quantities("It cost 1,250 crowns in 1901."))
    [Signal(key='1250 crown', sort='quantity', start=8, end=20)]

Each reading is one pass of a few patterns over a text, so that a context of a million tokens takes seconds. The
patterns are made for English and for the notations of papers and code. Offsets are those of the text that is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from longhop.reading import is_identifier, mentions

__all__ = ["Signal", "citations", "definitions", "flat", "names", "quantities", "titles", "uses"]


class Signal(NamedTuple):
    """Something that another document may speak of, too."""

    key: str
    """The same in every document that has it."""
    sort: str
    """`name`, `identifier`, `citation`, `code` or `quantity`."""
    start: int
    end: int


_LONGEST_NAME = 60  # characters; what is longer is a heading
_LEAST_TITLE = 8
_TELLING_DIGITS = 3  # of a number without a unit
_FEASTS = frozenset("christmas easter lent michaelmas gutenberg english french german latin greek chapter".split())
_ARXIV = re.compile(r"(?<![\d.])\d{4}\.\d{4,5}(?=v\d|\D|$)(?!\.\d)")
_ARXIV_CITED = re.compile(r"(?i:arxiv(?:\.org/(?:abs|pdf)/|\s*:\s*|\s+))(\d{4}\.\d{4,5})")
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"'<>{}|\\^\[\]`,;]*[\w/)]")
_AUTHOR_YEAR = re.compile(
    r"\b([A-ZÀ-ÖØ-Þ][\w’'-]+)(?:\s+et\s+al\.?|\s+(?:and|&)\s+[A-ZÀ-ÖØ-Þ][\w’'-]+){0,2},?\s+\(?((?:1[89]|20)\d\d)[a-z]?\b"
)
_MONTHS = frozenset(
    "january february march april may june july august september october november december spring summer autumn fall "
    "winter since until in the of by from before after during year figure table section version copyright about "
    "around early late".split()
)
_NUMBER = re.compile(
    r"(?<![\w.,\-/:])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?![\d:/]|[.,]\d)(?:[ ~-]?(%|°[CF]?|[A-Za-zµ]+))?"
)
_NO_UNITS = frozenset(
    "a an and are as at by de den der for from had has he his if in into is it its la le no nor of on or she so that "
    "the their then there they this to was we were which who with x y th st nd rd pp p vol chapter page etc et".split()
)
_DEFINES = re.compile(
    r"^[^\S\n]*(?:export\s+|pub\s+|async\s+|static\s+|public\s+)*(?:def|class|func|function|fn|struct|enum|trait|interface)\s+"
    r"(?:\([^)\n]*\)\s*)?(\w{4,})",
    re.MULTILINE,
)
_FILE = re.compile(r"^==== (\S+) ====$", re.MULTILINE)
_PACKAGE = re.compile(
    r"^[^\S\n]*(?:name\s*=\s*[\"']([\w-]{4,})[\"']|package\s+(\w{4,})|module\s+([\w./-]{4,}))", re.MULTILINE
)
_IMPORTS = re.compile(
    r"^[^\S\n]*(?:from\s+([\w.]+)\s+import\b|import\s+([\w.]+)|use\s+([\w:]+)"
    r"|#include\s*[<\"]([\w./-]+)[>\"])|\b(?:require|import|from)\s*\(?\s*[\"']([\w./@-]+)[\"']",
    re.MULTILINE,
)
_CALLS = re.compile(r"\b([A-Za-z_]\w{3,})(?=\()|[`{]([A-Za-z_]\w{3,})(?:\(\))?[`}]")
_USUAL_FILES = frozenset(
    "readme __init__ __main__ main index setup conftest utils util helpers test tests config constants types makefile "
    "changelog license pyproject package mod lib cli app core common base models errors version".split()
)


def flat(text: str) -> str:
    """The text on one line, its offsets unchanged."""
    return text.replace("\n", " ").replace("\r", " ").replace("\t", " ")


def names(line: str, common: frozenset[str]) -> Iterator[Signal]:
    """Names and identifiers of a flat text; a single word that also stands there in small letters is none.

    A longer name gives its last word, too: who is introduced as Ines Halvorsen is called Halvorsen later.
    """
    for mention in mentions(line):
        name, start, end = mention
        if len(name) > _LONGEST_NAME:
            continue
        if is_identifier(name):
            yield Signal(name, "identifier", start, end)
            continue
        words = name.split()
        if len(words) > 1:
            yield Signal(" ".join(words), "name", start, end)
        last = words[-1] if words else ""
        plain = re.split(r"[’'-]", last.lower())[0]
        if len(last) > 3 and not {plain, last.lower()} & common and plain not in _FEASTS and not last.isupper():
            yield Signal(last, "name", end - len(last), end)


def citations(line: str) -> Iterator[Signal]:
    """Works that a flat text cites: arXiv ids, DOIs, author and year."""
    for match in _ARXIV_CITED.finditer(line):
        yield Signal(f"arXiv:{match[1]}", "citation", match.start(), match.end())
    for match in _DOI.finditer(line):
        yield Signal(f"doi:{match[0].lower()}", "citation", match.start(), match.end())
    for match in _AUTHOR_YEAR.finditer(line):
        if match[1].lower() not in _MONTHS:
            yield Signal(f"{match[1]} {match[2]}", "citation", match.start(), match.end())


def titles(owners: Mapping[int, tuple[str, str]], line: str, but: int) -> Iterator[tuple[int, Signal]]:
    """Documents whose title, or the arXiv id in their source, stands in a flat text.

    Args:
        owners: Title and source of each document, by its place.
        line: The text.
        but: The place of the document that the text is of.

    Yields:
        The place of the document that is named, and where.
    """
    lower = line.lower()
    searched = lower if len(lower) == len(line) else line  # few letters grow when made small
    for owner, (title, source) in owners.items():
        if owner == but:
            continue
        for wanted in _titles_of(title):
            at = searched.find(wanted.lower())
            while at >= 0:
                end = at + len(wanted)
                if not (searched[at - 1 : at].isalnum() or searched[end : end + 1].isalnum()):
                    yield owner, Signal(wanted, "citation", at, end)
                    break
                at = searched.find(wanted.lower(), end)
        for number in sorted(set(_ARXIV.findall(f"{source} {title}"))):
            at = line.find(number)
            if at >= 0:
                yield owner, Signal(f"arXiv:{number}", "citation", at, at + len(number))


def _titles_of(title: str) -> list[str]:
    """A title, and what stands before its colon, where they are long enough to be no chance."""
    whole = " ".join(title.split())
    forms = dict.fromkeys([whole, whole.partition(":")[0].strip()])
    return [form for form in forms if len(form) >= _LEAST_TITLE and (" " in form or is_identifier(form))]


def quantities(line: str) -> Iterator[Signal]:
    """Numbers of a flat text that are no chance: with a unit and two digits, or with three digits behind no unit."""
    for match in _NUMBER.finditer(line):
        whole, fraction = match[1].replace(",", ""), (match[2] or "").rstrip("0").rstrip(".")
        unit = match[3] or ""
        if unit.lower() in _NO_UNITS or (unit and unit[0].isupper() and unit[1:].islower()):
            unit = ""
        digits = len((whole + fraction.removeprefix(".")).strip("0"))
        is_year = not fraction and "," not in match[1] and len(whole) == 4 and whole[:2] in {"17", "18", "19", "20"}
        if digits < (2 if unit else _TELLING_DIGITS) or (is_year and not unit) or (not unit and not fraction):
            continue
        end = match.end() if unit else match.end(2) if match[2] else match.end(1)
        singular = unit[:-1] if len(unit) > 3 and unit.endswith("s") and not unit.endswith("ss") else unit
        yield Signal(f"{whole}{fraction} {singular}".strip(), "quantity", match.start(), end)
        if unit and fraction and digits >= _TELLING_DIGITS:
            # Code gives the number that a paper gives with its unit.
            yield Signal(f"{whole}{fraction}", "quantity", match.start(), end)


def definitions(text: str, title: str) -> Iterator[Signal]:
    """What code defines that other documents may import or call: functions, classes, modules, packages."""
    for match in _DEFINES.finditer(text):
        yield Signal(match[1], "code", match.start(1), match.end(1))
    for match in _FILE.finditer(text):
        stem = PurePosixPath(match[1]).stem
        if len(stem) > 3 and stem.lower() not in _USUAL_FILES:
            yield Signal(stem, "code", match.start(1), match.end(1))
    for match in _PACKAGE.finditer(text):
        name = (match[1] or match[2] or match[3]).rpartition("/")[2].replace("-", "_")
        yield Signal(name, "code", match.start(), match.end())
    stem = PurePosixPath(title).stem
    if len(stem) > 3 and re.fullmatch(r"\w+", stem) and stem.lower() not in _USUAL_FILES:
        yield Signal(stem, "code", 0, 0)


def uses(text: str, defined: Iterable[str]) -> Iterator[Signal]:
    """Where a text imports or calls what is `defined` elsewhere, or sets its name in type."""
    wanted = frozenset(defined)
    for match in _IMPORTS.finditer(text):
        path = next(filter(None, match.groups()))
        for part in dict.fromkeys(re.split(r"[./:@]+", path)):
            if part in wanted:
                yield Signal(part, "code", match.start(), match.end())
    for match in _CALLS.finditer(text):
        name = match[1] or match[2]
        if name in wanted:
            yield Signal(name, "code", match.start(), match.end())
