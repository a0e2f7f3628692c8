"""Excerpts never exceed their budget and always hold the evidence; masks leave no name behind."""

import re

from hypothesis import given
from hypothesis import strategies as st

from longhop.checks.masking import hide
from longhop.checks.passages import excerpt

words = st.text(alphabet="abcdefgh", min_size=1, max_size=9)
breaks = st.sampled_from([" ", " ", " ", ". ", "\n", "\n\n", ".\n\n  "])
documents = st.lists(st.tuples(words, breaks), min_size=1, max_size=600).map(
    lambda parts: "".join(word + between for word, between in parts)
)


def characters(text: str) -> int:
    """A tokenizer that is not additive: a rounded quarter of the characters."""
    return -(-len(text) // 4)


@given(documents, st.data(), st.frozensets(words, max_size=5), st.integers(20, 300))
def test_an_excerpt_holds_the_evidence_within_its_budget(
    text: str, data: st.DataObject, asked: frozenset[str], budget: int
) -> None:
    """Up to three quotes, somewhere, that fit the budget together with the marks of the gaps."""
    spans = []
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(text) - 1))
        spans.append((start, min(len(text), start + data.draw(st.integers(1, budget // 2)))))
    part = excerpt(text, 0, len(text), spans, asked, budget, characters)
    assert characters(part) <= budget
    needed = characters("\n\n[…]\n\n".join(text[a:b] for a, b in spans))
    if needed <= budget:
        assert all(text[a:b] in part for a, b in spans)


@given(documents, st.integers(20, 300))
def test_an_excerpt_is_made_of_the_document(text: str, budget: int) -> None:
    """Between the marks stands what stands in the document, in its order."""
    at = 0
    for piece in excerpt(text, 0, len(text), [], frozenset(), budget, characters).split("\n\n[…]\n\n"):
        at = text.index(piece, at)


names = st.lists(st.text(alphabet="abcXYZéß0", min_size=1, max_size=6), min_size=1, max_size=3).map(" ".join)


@given(names, st.lists(st.sampled_from(["{}", "{}'s", "{}’s", "{}s", "the", "of", "was", "."]), max_size=20), st.data())
def test_masks_leave_no_name_behind(name: str, parts: list[str], data: st.DataObject) -> None:
    """In any case of letters, possessive or plural."""
    cases = [name, name.upper() if "ß" not in name else name, name.lower(), name.title()]
    text = " ".join(part.format(data.draw(st.sampled_from(cases))) for part in parts)
    masked = hide(text, [name])
    assert not re.search(rf"(?<!\w){re.escape(name)}(?:['’]?s)?(?!\w)", masked, re.IGNORECASE)
