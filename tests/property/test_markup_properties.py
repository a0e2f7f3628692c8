"""Properties of neutralising: nothing is left, nothing but blanks is added, twice is once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longhop.markup import Neutralizer

PARTS = [
    "<",
    ">",
    "|",
    "/",
    "document",
    "think",
    "<|",
    "|>",
    "im_start",
    "[",
    "]",
    "INST",
    "s",
    "</s>",
    " ",
    "\n",
    "<s>",
]
TEXTS = st.lists(st.sampled_from([*PARTS, "aa", "｜", "Q"]), max_size=30).map("".join)
TOKENS = st.lists(st.text(alphabet="a<|> s", min_size=1, max_size=4), max_size=5)


@given(TEXTS, TOKENS)
def test_no_special_token_is_left(text: str, tokens: list[str]) -> None:
    """However parts of markup are nested, no token that can be broken occurs afterwards."""
    broken = Neutralizer(tokens)(text)
    lowered = broken.lower()
    assert not any(token in broken for token in tokens if len(token.strip()) > 1)
    assert all(mark not in lowered for mark in ("</document>", "<document ", "<think>", "</think>"))
    assert all(mark not in broken for mark in ("<|im_start|>", "[INST]", "</s>"))


@given(TEXTS, TOKENS)
def test_only_blanks_come_in_and_twice_is_once(text: str, tokens: list[str]) -> None:
    """The text without blanks is the same, and neutralising again changes nothing."""
    neutralizer = Neutralizer(tokens)
    broken = neutralizer(text)
    assert broken.replace(" ", "") == text.replace(" ", "")
    assert neutralizer(broken) == broken


@given(TEXTS, st.data())
def test_offsets_keep_their_characters(text: str, data: st.DataObject) -> None:
    """Each offset goes on naming the same character, or the blank that was put before it."""
    offsets = data.draw(st.lists(st.integers(0, max(0, len(text) - 1)), max_size=5)) if text else []
    broken, moved = Neutralizer().with_offsets(text, offsets)
    for before, after in zip(offsets, moved, strict=True):
        assert broken[after:].lstrip(" ")[:1] == text[before:].lstrip(" ")[:1]
        assert len(broken[:after].replace(" ", "")) == len(text[:before].replace(" ", ""))
