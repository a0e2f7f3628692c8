"""Quotes are placed on whole words of their own document, exactly or by likeness."""

import pytest

from longhop.quotes import NEARLY, locate
from longhop.typography import Plain
from tests.rows import context_of

FIRST = (
    "She kept the “well-\nknown” ledger — all 1340 pages of it.\n"
    "The lamp burned 340 hours. Inter-\nnational mail came late."
)
SECOND = "Bart is long gone. Art is long, and life is short."
CONTEXT = context_of({"first": FIRST, "second": SECOND})


@pytest.mark.parametrize(
    ("number", "quote", "passage", "least"),
    [
        (0, "The lamp burned 340 hours.", "The lamp burned 340 hours.", 1),
        (0, '"well-known" ledger - all 1340 pages', "“well-\nknown” ledger — all 1340 pages", NEARLY),
        (0, "International mail came late", "Inter-\nnational mail came late", NEARLY),
        (0, "…The lamp  burned 340 hours…", "The lamp burned 340 hours", NEARLY),
        (0, "The lamp burned 341 hours.", "The lamp burned 340 hours.", 0.9),
        (0, "he lamp burned 340 hour", "The lamp burned 340 hours", 0.9),
        (1, "rt is long, and life", "Art is long, and life", 0.9),
    ],
)
def test_passages_are_whole_words(number: int, quote: str, passage: str, least: float) -> None:
    """Typography does not matter; a cut or wrong word is found on the words that are meant."""
    found = locate(CONTEXT, CONTEXT.documents[number], quote)
    assert CONTEXT.text[found.start : found.end] == passage
    assert found.score >= least
    assert (found.score == 1) == (quote == passage)


def test_a_number_within_another_is_not_that_number() -> None:
    """`340` stands in `1340`, and is not found there."""
    found = locate(CONTEXT, CONTEXT.documents[0], "340 pages of it")
    assert found.score < 1
    assert CONTEXT.text[found.start : found.end] == "1340 pages of it"


@pytest.mark.parametrize("quote", ["", "   ", "\n", "…", "xylophones quivered"])
def test_nothing_is_found_for_nothing(quote: str) -> None:
    """An empty quote, or one of words that are not there, has no place."""
    assert locate(CONTEXT, CONTEXT.documents[0], quote).score < 0.6


def test_plain_text_leads_back_to_its_original() -> None:
    """What was left out is not in the span of what stands beside it."""
    plain = Plain("a “co-\noperative”  naïve ﬁne")
    assert plain.text == "a 'cooperative' naive fine"
    start = plain.text.index("naive")
    assert plain.span(start, start + 5) == (19, 24)
