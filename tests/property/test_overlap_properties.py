"""Properties of overlap: what is whole in a document is found in it, whatever stands around it and however it looks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longhop.cleaning.overlap import ExcludedText

WORD = st.text("abcdefghijklmnopqrstuvwxyzäßéжд", min_size=2, max_size=8)
TEXTS = st.lists(WORD, min_size=13, max_size=60, unique_by=str.lower).map(" ".join)
AROUND = st.text(max_size=200)


@given(TEXTS, AROUND, AROUND, st.sampled_from([0.0, 0.1, 1.0]))
def test_a_whole_text_is_found(text: str, before: str, after: str, share: float) -> None:
    """In a document that has it whole, with other marks between its words and in other case."""
    written = text.replace(" ", " — ").replace("ab", "AB")
    found = ExcludedText([("f", text)], share).overlap(f"{before}\n{written}\n{after}")
    assert found is not None
    assert 0 < found.share <= 1
    assert found.run in " ".join(text.lower().split())


@given(TEXTS, TEXTS)
def test_without_a_common_run_there_is_no_overlap(text: str, document: str) -> None:
    """The array arithmetic finds what sets of words find."""

    def runs(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[at : at + 13]) for at in range(len(words) - 12)}

    common = runs(text.lower().split()) & runs(document.lower().split())
    found = ExcludedText([("f", text)]).overlap(document)
    assert (found is not None) == bool(common)
