r"""Words are what `\w+` matches, by whichever way they are found, and so are the classes of characters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longhop.cleaning.characters import LETTER, UNSPACED, WORD, characters
from longhop.words import split_words


@pytest.mark.parametrize("text", ["", " ", "a", "tide_gain=1.5;\n\tx\x00y\x1cz", "naïve “test”", "a\u2028b", "İ i̇"])
def test_words_of_all_sorts_of_texts(text: str) -> None:
    """Blanks, control characters and letters of any script."""
    assert split_words(text) == re.findall(r"\w+", text)


@given(st.text(st.characters(max_codepoint=127)) | st.text())
def test_words_are_what_the_pattern_matches(text: str) -> None:
    """In ASCII, where another way is taken, as in all of Unicode."""
    assert split_words(text) == re.findall(r"\w+", text)


def test_plain_characters_are_what_they_are_among_others() -> None:
    """ASCII has a way of its own, and it gives the same codes and the same classes."""
    plain = "".join(map(chr, range(128)))
    codes, classes = characters(plain)
    among_codes, among_classes = characters(plain + "\u6c34")
    assert codes.tolist() == among_codes.tolist()[:-1]
    assert classes.tolist() == among_classes.tolist()[:-1]
    assert among_classes.tolist()[-1] == LETTER | WORD | UNSPACED
