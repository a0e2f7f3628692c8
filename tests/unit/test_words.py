r"""Words are what `\w+` matches, by whichever way they are found."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longhop.stages.words import split_words


@pytest.mark.parametrize("text", ["", " ", "a", "tide_gain=1.5;\n\tx\x00y\x1cz", "naïve “test”", "a\u2028b", "İ i̇"])
def test_words_of_all_sorts_of_texts(text: str) -> None:
    """Blanks, control characters and letters of any script."""
    assert split_words(text) == re.findall(r"\w+", text)


@given(st.text(st.characters(max_codepoint=127)) | st.text())
def test_words_are_what_the_pattern_matches(text: str) -> None:
    """In ASCII, where another way is taken, as in all of Unicode."""
    assert split_words(text) == re.findall(r"\w+", text)
