r"""What the lexical engine knows of the documents in front of it: who is named where, and which words stand where.

    >>> index = ContextIndex.of_context('<document title="A" kind="book">\nInes Halvorsen drew it.\n</document>\n\n')
    >>> index.pages["Ines Halvorsen"]
    {0: [0]}

An index is built from text alone and is the same for the writer and the reader; the reader is handed nothing else.
"""

from __future__ import annotations

import html
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from longhop.reading import Unit, content_words, is_identifier, read_units

__all__ = ["ContextIndex", "Page", "Place"]

_DOCUMENT = re.compile(r'^<document title="([^"\n]*)" kind="([^"\n]*)">\n(.*?)\n</document>$', re.MULTILINE | re.DOTALL)
_CONTAINER = re.compile(
    r"""^\s*(?:export\s+)?(?:const\s+|let\s+|var\s+)?["']?([\w-]+)["']?\s*(?::\s*[\w\[\], .|]+)?"""
    r"""(?:=|:=|:)\s*[\w.\[\]]*[{\[(]\s*$"""
)
_TABLE = re.compile(r"^\s*\[([\w.\"-]+)\]\s*$")


@dataclass(frozen=True, slots=True)
class Page:
    """A document in front of the engine."""

    title: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """A unit in its document."""

    page: int
    unit: int


class ContextIndex:
    """Units, names and words of some documents."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self.documents = list(pages)
        self.units: list[list[Unit]] = [read_units(page.text) for page in self.documents]
        self.containers: dict[Place, str] = dict(self._find_containers())
        self.pages: dict[str, dict[int, list[int]]] = self._find_names()
        self.endings = Counter(name.rpartition(" ")[2].lower() for name in self.pages if " " in name)

    @classmethod
    def of_context(cls, context: str) -> ContextIndex:
        """Index a rendered context. Cleaning has made sure that no document's text reads as a delimiter."""
        return cls(
            Page(html.unescape(match[1]), html.unescape(match[2]), match[3]) for match in _DOCUMENT.finditer(context)
        )

    def at(self, place: Place) -> Unit:
        """The unit at a place."""
        return self.units[place.page][place.unit]

    def words(self, place: Place) -> frozenset[str]:
        """Content words of a unit; a line inside a dictionary or table of code has the words of its name, too."""
        return self._words[place]

    def places(self, name: str) -> list[Place]:
        """Where a name stands, in order of the documents."""
        return [Place(page, unit) for page, units in self.pages.get(name, {}).items() for unit in units]

    def weight(self, word: str) -> float:
        """How telling a word is: its inverse frequency over units."""
        return math.log(1 + self._count / (1 + len(self._postings.get(word, ()))))

    def matches(self, words: frozenset[str], most: int = 400) -> list[tuple[float, Place]]:
        """Units by the weight of the words that they share with `words`, best first; ties in order of the text."""
        scores: dict[Place, float] = defaultdict(float)
        for word in sorted(words, key=lambda word: (len(self._postings.get(word, ())), word)):
            places = self._postings.get(word, [])
            # A word that stands everywhere tells nothing and costs most: it only adds to units found by rarer ones.
            if len(places) > 2000 and scores:
                shared = scores.keys() & set(places)
                for place in shared:
                    scores[place] += self.weight(word)
            else:
                weight = self.weight(word)
                for place in places:
                    scores[place] += weight
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0].page, item[0].unit))
        return [(score, place) for place, score in ranked[:most]]

    @cached_property
    def _words(self) -> dict[Place, frozenset[str]]:
        words = {}
        for page, units in enumerate(self.units):
            for number, unit in enumerate(units):
                place = Place(page, number)
                container = self.containers.get(place)
                words[place] = content_words(f"{unit.text} {container}" if container else unit.text)
        return words

    @cached_property
    def _postings(self) -> dict[str, list[Place]]:
        postings: dict[str, list[Place]] = defaultdict(list)
        for place, words in self._words.items():
            for word in words:
                postings[word].append(place)
        return dict(postings)

    @cached_property
    def _count(self) -> int:
        return sum(map(len, self.units))

    def _find_containers(self) -> Iterator[tuple[Place, str]]:
        """For lines of code: the name of the dictionary, list or table that they stand in."""
        for page, units in enumerate(self.units):
            container: str | None = None
            for number, unit in enumerate(units):
                if unit.text.startswith("===="):  # another file of the repository begins
                    container = None
                if not unit.is_code:
                    continue
                line = self.documents[page].text[unit.start : unit.end]
                opened = _TABLE.match(line) or _CONTAINER.match(line)
                if opened:
                    container = opened[1].strip('"')
                elif line.strip()[:1] in tuple("})]"):
                    container = None
                elif container:
                    yield Place(page, number), container

    def _find_names(self) -> dict[str, dict[int, list[int]]]:
        """Names by document and unit. A single capitalised word counts where it stands inside a sentence somewhere."""
        inside: Counter[str] = Counter()
        lower: Counter[str] = Counter()
        for units in self.units:
            for unit in units:
                for mention in unit.entities:
                    inside[mention.name] += mention.start > 1
                lower.update(set(re.findall(r"\b[a-z]{3,}\b", unit.text)))
        found: dict[str, dict[int, list[int]]] = {}
        for page, units in enumerate(self.units):
            for number, unit in enumerate(units):
                for name in dict.fromkeys(mention.name for mention in unit.entities):
                    single = " " not in name and not is_identifier(name)
                    # `The`, `Chapter`: a word that is as often written small is no name.
                    if single and (not inside[name] or lower[name.lower()] >= inside[name]):
                        continue
                    found.setdefault(name, {}).setdefault(page, []).append(number)
        return found
