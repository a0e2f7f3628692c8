"""Properties of cleaning: counts add up, cuts lie where they may, nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longhop.cleaning.overlap import ExcludedText
from longhop.recipe import DocumentsConfig
from longhop.records import Document, RawDocument
from longhop.sources.text import tidy
from longhop.stages.documents import clean
from longhop.tokens import WordTokenizer

LINES = st.sampled_from(["", "", "  indented", "One two, three.", "# Head", "CHAPTER I", "</document>", "word " * 90])
TEXTS = st.lists(LINES, min_size=1, max_size=60).map("\n".join).map(tidy).filter(bool)


@given(TEXTS, st.sampled_from(["book", "paper", "code"]), st.integers(1, 400))
def test_cuts_and_counts_hold_for_any_text(text: str, kind: str, most: int) -> None:
    """Whatever the text: at most `max_tokens`, exact counts, rising cuts behind newlines and before non-blanks."""
    tokenizer = WordTokenizer()
    config = DocumentsConfig(min_tokens=1, max_tokens=most)
    raw = RawDocument(kind=kind, title="T", source="s", text=text)
    for result in clean([raw], config, tokenizer, ExcludedText()):
        if isinstance(result, Document):
            assert result.n_tokens == tokenizer.count(result.text) <= most
            offsets = [cut.offset for cut in result.cuts]
            assert offsets == sorted(set(offsets))
            for cut in result.cuts:
                assert 0 < cut.offset < len(result.text)
                assert result.text[cut.offset - 1] == "\n"
                assert not result.text[cut.offset].isspace()
                assert cut.tokens == tokenizer.count(result.text[: cut.offset])


@given(st.text())
def test_tidy_text_stays_tidy(text: str) -> None:
    """Tidying again changes nothing, in prose and in code."""
    assert tidy(tidy(text)) == tidy(text)
    assert tidy(tidy(text, verbatim=True), verbatim=True) == tidy(text, verbatim=True)
