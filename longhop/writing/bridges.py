"""Bridges: what two or more documents of a context speak of, so that a question can lead from one to the other.

    >>> pilot = Text("Pilot", "book", "pilot.txt", "Ines Halvorsen tasted the mud on the lead to know the sound.")
    >>> ledger = Text("Ledger", "book", "ledger.txt", "In that year Ines Halvorsen paid 340 crowns into the chest.")
    >>> [(bridge.name, bridge.documents) for bridge in find_bridges([pilot, ledger])]
    [('Ines Halvorsen', (0, 1))]

What is in two to four documents is looked at: a name or identifier, a cited work or a title, code that is imported or
called, a number with its unit. The rarer it is and the more is said around it, the better; documents of different kinds
come before those of one. Passages that nearly repeat each other make no bridge, since one of them answers for both.
"""

from __future__ import annotations

import heapq
import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from longhop.common_words import COMMON_WORDS
from longhop.reading import STOPWORDS, is_identifier
from longhop.writing import signals
from longhop.writing.signals import Signal

__all__ = ["Bridge", "Place", "Text", "find_bridges", "find_related"]

MOST_DOCUMENTS = 4
"""What stands in more documents is a subject of the whole context and bridges nothing."""
_MOST = 600  # candidates read closely
_MOST_OF_DOCUMENTS = 40  # of them with the same documents, so that two long documents do not take all
_PLACES = 8  # kept of what a document says
_AROUND = 200  # characters on each side of a place, to see what is said there
_ENOUGH_WORDS = 20  # different words around a place that say enough
_SAME = 0.5  # share of word triples from which two passages repeat each other
_WEIGHTS = {"name": 1.0, "identifier": 1.0, "citation": 1.2, "code": 1.1, "quantity": 0.5}
_RELATED_WORDS = 6  # rare words by which related documents are shown
_WORD = re.compile(r"[^\W\d_]{4,}")
_SMALL = re.compile(r"[a-zà-ÿ]{3,}")
_ANY_WORD = re.compile(r"\w+")


class Text(NamedTuple):
    """A document as a bridge sees it."""

    title: str
    kind: str
    source: str
    text: str


class Place(NamedTuple):
    """Where a document names a bridge."""

    document: int
    """Its place among the documents, from 0."""
    start: int
    """In the document's text; equal to `end` where the document as a whole is meant."""
    end: int


class Bridge(NamedTuple):
    """What documents have in common."""

    name: str
    """As it is written; empty where they are only about similar things."""
    sort: str
    """`name`, `identifier`, `citation`, `code`, `quantity`, or `words` for documents about similar things."""
    places: tuple[Place, ...]
    """By document; of each, where most is said first."""
    score: float

    @property
    def documents(self) -> tuple[int, ...]:
        """Places of the documents that it joins, in order."""
        return tuple(sorted({place.document for place in self.places}))


_Found = dict[tuple[str, str], dict[int, list[Place]]]


def find_bridges(texts: Sequence[Text]) -> list[Bridge]:
    """The bridges between documents, the best first; the same for the same documents.

    Takes time in proportion to the texts: about a second a million characters.
    """
    lines = [signals.flat(document.text) for document in texts]
    found: _Found = defaultdict(lambda: defaultdict(list))
    counts: Counter[tuple[str, str]] = Counter()
    for number, signal in _signals(texts, lines):
        name = (signal.sort, signal.key)
        counts[name] += 1
        places = found[name][number]
        if len(places) < _PLACES:
            places.append(Place(number, signal.start, signal.end))
    candidates = []
    for name, by_document in found.items():
        many = len(by_document)
        if not 2 <= many <= MOST_DOCUMENTS:
            continue
        rarity = 1 / (many - 1) / math.log2(2 + counts[name] / many)
        # Named once in passing, a thing is seldom told of; and a single word is more often another's name.
        rarity *= min(3, 1 + min(map(len, by_document.values()))) / 3
        rarity *= 0.7 if name[0] == "name" and " " not in name[1] else 1.0
        kinds = len({texts[number].kind for number in by_document})
        candidates.append((-_WEIGHTS[name[0]] * rarity * (1.5 if kinds > 1 else 1.0), name))
    looked = (_bridge(name, found[name], -score, lines) for score, name in _spread(candidates, found))
    bridges = [bridge for bridge in looked if bridge is not None]
    return sorted(_without_parts(bridges), key=lambda bridge: (-bridge.score, bridge.sort, bridge.name))


def _signals(texts: Sequence[Text], lines: Sequence[str]) -> Iterator[tuple[int, Signal]]:
    small = {word for line in lines for word in _SMALL.findall(line)}
    common = frozenset(small) | COMMON_WORDS | STOPWORDS
    owners = {number: (document.title, document.source) for number, document in enumerate(texts)}
    defined: dict[str, set[int]] = defaultdict(set)
    for number, (document, line) in enumerate(zip(texts, lines, strict=True)):
        # A line of code ends its number, a line of prose may end before the unit.
        counted = document.text if document.kind == "code" else line
        for signal in (*signals.names(line, common), *signals.citations(line), *signals.quantities(counted)):
            yield number, signal
        cited = dict(signals.titles(owners, line, number))
        for owner, signal in cited.items():
            key = texts[owner].title
            yield number, signal._replace(key=key)
            yield owner, Signal(key, "citation", 0, 0)
        if document.kind == "code":
            for signal in signals.definitions(document.text, document.title):
                if is_identifier(signal.key) or (len(signal.key) > 4 and signal.key.lower() not in COMMON_WORDS):
                    defined[signal.key].add(number)
                    yield number, signal
    for number, document in enumerate(texts):
        for signal in signals.uses(document.text, defined):
            if defined[signal.key] != {number}:
                yield number, signal


def _spread(
    candidates: Iterable[tuple[float, tuple[str, str]]], found: Mapping[tuple[str, str], Mapping[int, object]]
) -> Iterator[tuple[float, tuple[str, str]]]:
    """The best candidates, not too many with the same documents."""
    taken: Counter[tuple[int, ...]] = Counter()
    for score, name in sorted(candidates):
        together = tuple(sorted(found[name]))
        taken[together] += 1
        if taken[together] <= _MOST_OF_DOCUMENTS:
            yield score, name
        if taken.total() >= 10 * _MOST or sum(min(many, _MOST_OF_DOCUMENTS) for many in taken.values()) >= _MOST:
            return


def _bridge(
    name: tuple[str, str], by_document: Mapping[int, list[Place]], score: float, lines: Sequence[str]
) -> Bridge | None:
    """The bridge over those passages that say something and do not repeat each other; None where one is left."""
    kept: list[Place] = []
    said: dict[int, float] = {}
    shingles: list[tuple[int, frozenset[tuple[str, ...]]]] = []
    for number in sorted(by_document):
        rated = [(_said(_around(lines[number], place), place), place) for place in by_document[number]]
        for worth, place in sorted(rated, key=lambda item: (-item[0], item[1])):
            triples = _triples(_around(lines[number], place))
            if place.start < place.end and any(other != number and _alike(triples, seen) for other, seen in shingles):
                continue
            shingles.append((number, triples))
            kept.append(place)
            said[number] = max(worth, said.get(number, 0.0))
    if len(said) < 2:
        return None
    return Bridge(name[1], name[0], tuple(kept), round(score * min(said.values()), 9))


def _around(line: str, place: Place) -> str:
    return line[max(0, place.start - _AROUND) : place.end + _AROUND]


def _said(around: str, place: Place) -> float:
    """How much is said there, from 0 to 1: different words, and letters rather than signs and figures."""
    if place.start == place.end:
        return 0.7  # the document as a whole
    words = len({word.lower() for word in _WORD.findall(around)})
    letters = sum(char.isalpha() or char == " " for char in around) / max(1, len(around))
    return min(1.0, words / _ENOUGH_WORDS) * letters


def _triples(around: str) -> frozenset[tuple[str, ...]]:
    words = [word.lower() for word in _ANY_WORD.findall(around)]
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def _alike(one: frozenset[tuple[str, ...]], two: frozenset[tuple[str, ...]]) -> bool:
    return bool(one and two) and len(one & two) >= _SAME * min(len(one), len(two))


def _without_parts(bridges: list[Bridge]) -> Iterator[Bridge]:
    """Without last words of longer names that join the same documents, and without what a better one says as well."""
    whole = {(bridge.documents, bridge.name.rpartition(" ")[2]) for bridge in bridges if " " in bridge.name}
    seen = set()
    for bridge in sorted(bridges, key=lambda bridge: (-bridge.score, bridge.sort, bridge.name)):
        if bridge.sort == "name" and (bridge.documents, bridge.name) in whole:
            continue
        if (bridge.documents, bridge.name.lower()) not in seen:
            seen.add((bridge.documents, bridge.name.lower()))
            yield bridge


def find_related(texts: Sequence[Text]) -> list[Bridge]:
    """Documents about similar things, in pairs, the most similar first: by rare words that they share.

    Every two documents with text are a pair as long as there are few; a pair that shares nothing comes last.
    """
    lines = [signals.flat(document.text).lower() for document in texts]
    words = [frozenset(_WORD.findall(line)) - COMMON_WORDS for line in lines]
    filled = [number for number, line in enumerate(lines) if line.strip()]
    spread = Counter(word for own in words for word in own)
    holders: dict[str, list[int]] = defaultdict(list)
    most = max(MOST_DOCUMENTS, len(texts) // 5)
    for number in filled:
        for word in words[number]:
            if 2 <= spread[word] <= most:
                holders[word].append(number)
    shared: dict[tuple[int, int], list[str]] = defaultdict(list)
    for word in sorted(holders, key=lambda word: (spread[word], -len(word), word)):
        for at, one in enumerate(holders[word]):
            for two in holders[word][at + 1 :]:
                shared[one, two].append(word)
    # Whatever shares nothing is joined to its neighbour, so that there always is something to show.
    pairs = {*shared, *itertools.pairwise(filled)} or {(number, number) for number in filled}
    rated = []
    for one, two in pairs:
        common = shared.get((one, two), [])
        weight = sum(1 / spread[word] for word in common) / math.sqrt(1 + len(words[one]) + len(words[two]))
        kinds = 1.5 if texts[one].kind != texts[two].kind else 1.0
        rated.append((weight * kinds, one, two, common[:_RELATED_WORDS]))
    best = heapq.nlargest(_MOST, rated, key=lambda item: (item[0], -item[1], -item[2]))
    return [
        Bridge("", "words", tuple(_where(lines, number, common) for number in sorted({one, two})), weight)
        for weight, one, two, common in best
    ]


def _where(lines: Sequence[str], number: int, common: Sequence[str]) -> Place:
    at = next((found for word in common if (found := lines[number].find(word)) >= 0), 0)
    return Place(number, at, at)
