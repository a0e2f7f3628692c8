"""Quotes in their place: where a document of a context says what is quoted."""

from __future__ import annotations

import itertools
import re

from rapidfuzz import fuzz

from longhop.records import Context, ContextDocument, Evidence

__all__ = ["locate"]


def locate(context: Context, document: ContextDocument, quote: str) -> Evidence:
    """Where a quote stands in a document of a context: exactly, else the likest passage.

    The likest passage is searched in a window around the place that shares most of the quote's rarer words, since
    alignment over a whole book is slow and finds chance likeness.
    """
    text = context.text
    start = text.find(quote, document.start, document.end) if quote else -1
    if start >= 0:
        return Evidence(document_id=document.document_id, quote=quote, start=start, end=start + len(quote), score=1.0)
    nothing = Evidence(
        document_id=document.document_id, quote=quote, start=document.start, end=document.start, score=0.0
    )
    if not quote.strip():
        return nothing
    window = _window(text, document, quote)
    if window is None:
        return nothing
    first, last = window
    alignment = fuzz.partial_ratio_alignment(quote, text[first:last], score_cutoff=50)
    if alignment is None:
        return nothing
    return Evidence(
        document_id=document.document_id,
        quote=quote,
        start=first + alignment.dest_start,
        end=first + alignment.dest_end,
        score=round(alignment.score / 100, 4),
    )


def _window(text: str, document: ContextDocument, quote: str) -> tuple[int, int] | None:
    """A stretch of the document, three quotes long, around where most of the quote's longer words stand together."""
    words = sorted(set(re.findall(r"\w{4,}", quote)), key=lambda word: (-len(word), word))[:8]
    hits: list[int] = []
    for word in words:
        found = re.finditer(rf"\b{re.escape(word)}\b", text[document.start : document.end])
        hits.extend(document.start + match.start() for match in itertools.islice(found, 500))
    if not hits:
        return None
    hits.sort()
    span = len(quote)
    most, at, left = 0, hits[0], 0
    for right, hit in enumerate(hits):
        while hit - hits[left] > span:
            left += 1
        if right - left + 1 > most:
            most, at = right - left + 1, hits[left]
    return max(document.start, at - span), min(document.end, at + 2 * span)
