r"""Quotes in their place: where a document of a context says what is quoted.

    >>> locate(context, document, 'the "well-known" pilot')  # the text has: the “well-\nknown”  pilot
    Evidence(document_id='pilot', quote='the "well-known" pilot', start=120, end=143, score=0.99, depth=0.04)

A quote is looked for as it stands first. Then only around the places that share its rarest pieces of words, since
alignment over a whole book is slow and finds chance likeness: there without regard to typography
(`longhop/typography.py`), at last by likeness. What is found are whole words.
"""

from __future__ import annotations

import heapq
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator

from rapidfuzz import fuzz

from longhop.records import Context, ContextDocument, Evidence
from longhop.typography import Plain

__all__ = ["locate"]

NEARLY = 0.99
"""Score of a passage that differs in typography alone; 1 is kept for what stands there character by character."""

_LEAST = 50  # likeness in per cent below which a passage is none of a quote
_LONGEST = 5_000  # characters; alignment is quadratic, and what is longer proves nothing in particular
_WHOLE = 20_000  # characters of a document that is looked through as a whole where no piece of a word is found
_PIECES, _HITS, _WINDOWS = 8, 5_000, 4
_RARE = 2  # times in a document; where so rare a piece of a word stands is looked at in any case
_FRAME = re.compile(r"^[\s.…\"'“”‘’«»]+|[\s…\"'“”‘’«»]+$|\s*\.{3}$")
_WORD = re.compile(r"\w+")
_SCRIPT_WITHOUT_SPACES = "\u2e80"  # from here on words are not parted by spaces


def locate(context: Context, document: ContextDocument, quote: str) -> Evidence:
    """Where a quote stands in a document of a context: exactly, else but for typography, else the likest passage.

    Args:
        context: Whose text is searched.
        document: One of its documents; nothing outside of it is found.
        quote: As the writer gives it.

    Returns:
        `start` and `end` are offsets in `context.text`, at the ends of whole words; `score` is 1 where the text has
        the quote character by character, `NEARLY` where quotation marks, dashes, spaces, line breaks, hyphenation or
        accents differ, else the likeness, and 0 where nothing is like it. `depth` is where in the text that is, and
        null where nothing is.
    """
    text = context.text
    found = _exactly(text, quote, document.start, document.end) if quote.strip() else None
    if found is None:
        found = _likest(text, document, quote) if quote.strip() else None
    start, end, score = found or (document.start, document.start, 0.0)
    depth = round((start + end) / 2 / len(text), 6) if found else None
    return Evidence(document_id=document.document_id, quote=quote, start=start, end=end, score=score, depth=depth)


def _exactly(text: str, quote: str, first: int, last: int) -> tuple[int, int, float] | None:
    """The first place that has the quote as whole words."""
    for start in itertools.islice(_occurrences(text, quote, first, last), _HITS):
        end = start + len(quote)
        if not (_within_word(text, start, first, last) or _within_word(text, end, first, last)):
            return start, end, 1.0
    return None


def _occurrences(text: str, part: str, first: int, last: int) -> Iterator[int]:
    at = text.find(part, first, last)
    while at >= 0:
        yield at
        at = text.find(part, at + 1, last)


def _within_word(text: str, at: int, first: int, last: int) -> bool:
    if not first < at < last:
        return False
    before, after = text[at - 1], text[at]
    return (
        (before.isalnum() or before == "_")
        and (after.isalnum() or after == "_")
        and before < _SCRIPT_WITHOUT_SPACES
        and after < _SCRIPT_WITHOUT_SPACES
    )


def _likest(text: str, document: ContextDocument, quote: str) -> tuple[int, int, float] | None:
    # A writer may put what it quotes into quotation marks, or begin and end it with dots.
    wanted = [text for text in (Plain(quote).text.strip(), Plain(_FRAME.sub("", quote)).text.strip()) if text]
    if not wanted:
        return None
    best: tuple[int, int, float] | None = None
    for first, last in _windows(text, document, quote):
        found = _in_window(text, first, last, wanted)
        if found and (best is None or found[2] > best[2]):
            best = found
            if best[2] >= NEARLY:
                break
    return best


def _in_window(text: str, first: int, last: int, wanted: list[str]) -> tuple[int, int, float] | None:
    """The likest passage of a window; the window's own ends are taken for ends of words."""
    plain = Plain(text[first:last])
    for words in wanted:
        for at in itertools.islice(_occurrences(plain.text, words, 0, len(plain.text)), _HITS):
            start, end = plain.span(at, at + len(words))
            start, end = first + start, first + end
            if not (_within_word(text, start, first, last) or _within_word(text, end, first, last)):
                return start, end, NEARLY
    bare = wanted[-1]
    if len(bare) > _LONGEST:
        return None
    alignment = fuzz.partial_ratio_alignment(bare, plain.text, score_cutoff=_LEAST)
    if alignment is None or alignment.dest_end <= alignment.dest_start:
        return None
    # The shorter of the two is aligned within the longer one; where the quote is longer, the whole window is meant.
    start, end, likeness = _whole_words(plain.text, alignment.dest_start, alignment.dest_end, bare)
    if end <= start or likeness < _LEAST:
        return None
    start, end = plain.span(start, end)
    return first + start, first + end, min(round(likeness / 100, 4), NEARLY)


def _whole_words(text: str, start: int, end: int, wanted: str) -> tuple[int, int, float]:
    """Of the ends of words near the ends of an alignment, those between which the text is likest."""
    near = 30
    words = [match.span() for match in _WORD.finditer(text, max(0, start - near), min(len(text), end + near))]
    bounds = {0, len(text)} | {place for span in words for place in span}
    clean = [place for place in bounds if not _within_word(text, place, 0, len(text))]
    # A sign that belongs to the quote, such as its full stop, may stand before or behind a word.
    begins = heapq.nsmallest(5, {start, *clean}, key=lambda place: (abs(place - start), place))
    ends = heapq.nsmallest(5, {end, *clean}, key=lambda place: (abs(place - end), place))
    pairs = [
        (fuzz.ratio(wanted, text[one:two]), -abs(one - start) - abs(two - end), one, two)
        for one in begins
        for two in ends
        if one < two and not _within_word(text, one, 0, len(text)) and not _within_word(text, two, 0, len(text))
    ]
    if not pairs:
        return start, start, 0.0
    likeness, _, one, two = max(pairs)
    return one, two, likeness


def _windows(text: str, document: ContextDocument, quote: str) -> list[tuple[int, int]]:
    """Stretches of the document, about three quotes long, where most of the quote's rarer pieces stand together."""
    first, last, span = document.start, document.end, int(1.3 * len(quote)) + 20
    counts = {piece: text.count(piece, first, last) for piece in _pieces(quote)}
    if not any(counts.values()) and last - first <= _WHOLE:
        return [(first, last)]
    rarest = heapq.nsmallest(_PIECES, (piece for piece in counts if counts[piece]), key=lambda p: (counts[p], -len(p)))
    hits = sorted(
        (at, piece) for piece in rarest for at in itertools.islice(_occurrences(text, piece, first, last), _HITS)
    )
    weights = {piece: math.log(1 + (last - first) / counts[piece]) for piece in rarest}
    inside: Counter[str] = Counter()
    places: list[tuple[float, int]] = []
    total, left = 0.0, 0
    for at, piece in hits:
        total += weights[piece] if not inside[piece] else 0
        inside[piece] += 1
        while at - hits[left][0] > span:
            gone = hits[left][1]
            inside[gone] -= 1
            total -= weights[gone] if not inside[gone] else 0
            left += 1
        places.append((-round(total, 6), hits[left][0]))
    taken: list[int] = []
    for _, at in heapq.nsmallest(_WINDOWS * 20, set(places)):
        if all(abs(at - other) > span // 2 for other in taken):
            taken.append(at)
            if len(taken) == _WINDOWS:
                break
    rare = [at for at, piece in hits if counts[piece] <= _RARE]
    taken.extend(at for at in rare[: 2 * _WINDOWS] if all(abs(at - other) > span // 2 for other in taken))
    return [(max(first, at - span), min(last, at + 2 * span)) for at in taken]


def _pieces(quote: str) -> list[str]:
    """Words, and long ones in halves: a word may be parted at a line's end, and some scripts do not part any."""
    pieces: dict[str, None] = {}
    for word in _WORD.findall(quote[:_LONGEST]):
        size = 8 if word[0] < _SCRIPT_WITHOUT_SPACES else 4
        step = max(size // 2, 1)
        cut = [word] if len(word) < size else [word[at : at + step] for at in range(0, len(word) - step + 1, step)]
        pieces.update(dict.fromkeys(cut))
    # The longest are the rarest; counting all of a long quote would take longer than finding it.
    return heapq.nsmallest(2 * _PIECES, pieces, key=lambda piece: (-len(piece), piece))
