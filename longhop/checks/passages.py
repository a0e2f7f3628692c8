r"""Passages: what of a document bears on a question, for prompts that are short.

    >>> shelf = Shelf(context, count)
    >>> shelf.excerpt(0, [(120, 143)], content_words("Who paid 340 crowns?"), budget=1024)
    'The pilot paid 340 crowns.\n\n[…]\n\nIn May she left.'

A passage is a paragraph; a long one is cut at lines, then at sentences, at last between words, so that a document
without paragraphs gives an excerpt, too.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from longhop.reading import content_words
from longhop.records import Context

__all__ = ["Passages", "Shelf", "excerpt"]

Span = tuple[int, int]
Count = Callable[[str], int]

_LONGEST = 1_000  # characters of a passage; some 250 tokens, so that several fit the smallest budget
_GAP = "\n\n[…]\n\n"
_MISSES = 12  # passages that did not fit, after which no smaller one is looked for
_MOST_CHARACTERS = 16  # a token; a document with more of them than the budget allows does not fit, uncounted
_BEARS = 0.25  # least share of the weight of a question's words that a passage has which bears on it
_PARAGRAPH = re.compile(r"\S(?:[^\n]|\n(?!\s*\n))*")
_ENDS = (re.compile(r"\n\s*"), re.compile(r"(?:(?<=[.!?…;])[\"'”’)\]]*\s+|(?<=[。！？；]))"), re.compile(r"\s+"))


class Passages:
    """A document as passages with their words."""

    def __init__(self, text: str, start: int, end: int) -> None:
        """Cut `text[start:end]`; spans are offsets in `text`."""
        self.text, self.start, self.end = text, start, end
        self.spans: list[Span] = [
            span for match in _PARAGRAPH.finditer(text, start, end) for span in _cut(text, *match.span())
        ]
        self.words = [content_words(text[first:last]) for first, last in self.spans]

    def scores(self, words: frozenset[str], weight: Callable[[str], float]) -> list[float]:
        """Of each passage, the weight of the words that it shares."""
        weights = {word: weight(word) for word in sorted(words)}
        return [sum(weights[word] for word in sorted(words & own)) for own in self.words]

    @cached_property
    def frequency(self) -> Counter[str]:
        """In how many passages each word stands."""
        return Counter(word for words in self.words for word in words)

    def excerpt(
        self, spans: Sequence[Span], words: frozenset[str], budget: int, count: Count, weight: Callable[[str], float]
    ) -> str:
        """As the function `excerpt`, with words weighed."""
        if self.end - self.start <= _MOST_CHARACTERS * budget:
            whole = self.text[self.start : self.end]
            if count(whole) <= budget:
                return whole
        inside = [(max(a, self.start), min(b, self.end)) for a, b in spans]
        taken = self._quotes(sorted({(a, b) for a, b in inside if a < b}), budget, count)
        left = budget - count(self._joined(taken))
        grounded = [span for span in self.spans if any(a < span[1] and b > span[0] for a, b in taken)]
        scores = self.scores(words, weight)
        ranked = sorted(range(len(self.spans)), key=lambda number: (-scores[number], number))
        misses = 0
        for span in [*grounded, *(self.spans[number] for number in ranked)]:
            cost = count(self.text[span[0] : span[1]]) + 4
            if cost > left:
                misses += 1
                if misses > _MISSES:
                    break
            elif span not in taken:
                taken.append(span)
                left -= cost
        # Tokens of parts need not add up to those of the whole: what was taken last goes first.
        while count(said := self._joined(taken)) > budget and taken:
            taken.pop()
        return said

    def _quotes(self, quotes: list[Span], budget: int, count: Count) -> list[Span]:
        """The quotes themselves, each cut at its end where all together exceed the budget."""
        share = 1.0
        taken = quotes
        while taken and count(self._joined(taken)) > budget:
            share *= 0.8
            if share < 0.01:
                return self._quotes(quotes[: len(quotes) // 2], budget, count)
            taken = [(a, a + max(1, int(share * (b - a)))) for a, b in quotes]
        return list(taken)

    def _joined(self, taken: Sequence[Span]) -> str:
        """Spans in the order of the document; what only blanks part stays as it stands there, gaps are marked."""
        parts: list[Span] = []
        for first, last in sorted(taken):
            if parts and (first <= parts[-1][1] or not self.text[parts[-1][1] : first].strip()):
                parts[-1] = (parts[-1][0], max(last, parts[-1][1]))
            else:
                parts.append((first, last))
        return _GAP.join(self.text[first:last] for first, last in parts)


class Shelf:
    """The documents of a context, and what of them bears on what."""

    def __init__(self, context: Context, count: Count) -> None:
        self.context = context
        self._count = count
        self._passages: dict[int, Passages] = {}

    def passages(self, number: int) -> Passages:
        """A document of the context, by its place there, as passages."""
        if number not in self._passages:
            document = self.context.documents[number]
            self._passages[number] = Passages(self.context.text, document.start, document.end)
        return self._passages[number]

    def excerpt(self, number: int, spans: Sequence[Span], words: frozenset[str], budget: int) -> str:
        """The best passages of a document."""
        return self.passages(number).excerpt(spans, words, budget, self._count, self._weight)

    def bearing(self, words: frozenset[str], but: frozenset[str], most: int) -> list[str]:
        """Ids of documents with a passage that bears on a question, the likest first.

        Args:
            words: Content words of the question.
            but: Ids of documents to leave out.
            most: How many at most.
        """
        return self._best(words, but, most, lambda _passages, _number: True)

    def stating(self, answers: Sequence[str], words: frozenset[str], but: frozenset[str], most: int) -> list[str]:
        """Ids of documents where a passage that bears on the question says one of the answers, letter by letter."""
        named = [re.escape(" ".join(answer.split())).replace(r"\ ", r"\s+") for answer in answers if answer.strip()]
        if not named:
            return []
        said = re.compile(rf"(?<!\w)(?:{'|'.join(named)})(?!\w)", re.IGNORECASE)

        def says(passages: Passages, number: int) -> bool:
            return said.search(passages.text, *passages.spans[number]) is not None

        return self._best(words, but, most, says)

    def _best(
        self, words: frozenset[str], but: frozenset[str], most: int, admits: Callable[[Passages, int], bool]
    ) -> list[str]:
        least = _BEARS * sum(self._weight(word) for word in sorted(words))
        best: dict[str, float] = {}
        for number, document in enumerate(self.context.documents):
            if document.document_id in but or not words:
                continue
            passages = self.passages(number)
            for place, score in enumerate(passages.scores(words, self._weight)):
                known = best.get(document.document_id, 0.0)
                if score > known and score >= least and admits(passages, place):
                    best[document.document_id] = score
        ranked = sorted(best, key=lambda document_id: (-best[document_id], document_id))
        return ranked[:most]

    @cached_property
    def _frequency(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for number in range(len(self.context.documents)):
            total.update(self.passages(number).frequency)
        return total

    @cached_property
    def _size(self) -> int:
        return sum(len(self.passages(number).spans) for number in range(len(self.context.documents)))

    def _weight(self, word: str) -> float:
        """How telling a word is: its inverse frequency over the passages of the context."""
        return math.log(1 + self._size / (1 + self._frequency[word]))


def excerpt(
    text: str, start: int, end: int, spans: Sequence[Span], words: frozenset[str], budget: int, count: Count
) -> str:
    """A document's passages that bear on a question, `budget` tokens at most; the whole document where it fits.

    Quotes come first (`spans`, offsets in `text` as `start` and `end` are), each with the passage around it as far as
    the budget allows; where the quotes alone exceed it, each is cut. Then those passages that share most with the
    question, in the order of the document; gaps are marked by `[…]`.
    """
    passages = Passages(text, start, end)
    size = len(passages.spans)
    return passages.excerpt(spans, words, budget, count, lambda w: math.log(1 + size / (1 + passages.frequency[w])))


def _cut(text: str, start: int, end: int, level: int = 0) -> Iterator[Span]:
    """A stretch of text as passages that are not too long: cut at lines, else at sentences, words, anywhere."""
    if end - start <= _LONGEST:
        yield start, end
        return
    if level == len(_ENDS):
        for first in range(start, end, _LONGEST):
            yield first, min(first + _LONGEST, end)
        return
    first = last = start
    for match in _ENDS[level].finditer(text, start, end):
        if match.end() - first > _LONGEST and last > first:
            yield from _cut(text, first, last, level + 1)
            first = last
        last = match.end()
    if end - first > _LONGEST and first < last < end:
        yield from _cut(text, first, last, level + 1)
        first = last
    yield from _cut(text, first, end, level + 1)
