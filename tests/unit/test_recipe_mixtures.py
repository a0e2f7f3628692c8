"""Shares of contexts and of their tokens, counted out when a recipe is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longhop.errors import RecipeError
from longhop.recipe import Recipe
from longhop.recipe.mixtures import counted

BASE: dict[str, Any] = {
    "name": "mixed",
    "sources": [{"kind": "book", "path": "books"}],
    "engines": {role: {"kind": "lexical"} for role in ("writer", "reader", "judge")},
}


def lengths(**contexts: Any) -> dict[int, int]:
    return Recipe.parse({**BASE, "contexts": contexts}).contexts.lengths


def said(**contexts: Any) -> str:
    with pytest.raises(RecipeError) as caught:
        lengths(**contexts)
    return str(caught.value)


def test_shares_of_contexts() -> None:
    """With `count` the shares are of the contexts, and all together are exactly so many."""
    assert lengths(count=1000, lengths={"8k": 0.5, "128k": 0.3, "1m": 0.2}) == {8192: 500, 131072: 300, 1048576: 200}
    assert sum(lengths(count=10, lengths={"8k": 1 / 3, "16k": 1 / 3, "32k": 1 / 3}).values()) == 10


def test_shares_of_tokens() -> None:
    """With `tokens` each length gets the contexts that have its share of them, one at least."""
    made = lengths(tokens="50m", lengths={"8k": 0.5, "128k": 0.3, "1m": 0.2})
    assert made == {8192: 3200, 131072: 120, 1048576: 10}
    assert lengths(tokens="1m", lengths={"8k": 0.9, "1m": 0.1})[1048576] == 1


def test_numbers_stay_numbers() -> None:
    """Without `count` and `tokens` lengths are numbers of contexts, and a resolved recipe reads as the same."""
    assert lengths(lengths={"8k": 100, "1m": 1}) == {8192: 100, 1048576: 1}
    recipe = Recipe.parse({**BASE, "contexts": {"count": 7, "lengths": {"8k": 0.5, "16k": 0.5}}})
    assert Recipe.parse(recipe.resolved()) == recipe


def test_mixed_forms_are_refused() -> None:
    """What cannot be meant is said once, with the key, and nothing else of the same lengths."""
    assert "`count: 1000` (of the contexts) or `tokens: 50m`" in said(lengths={"8k": 0.5, "1m": 0.5})
    assert "contexts.lengths.8k: got 100" in said(count=1000, lengths={"8k": 100, "1m": 0.5})
    assert "shares that sum to 0.9" in said(count=1000, lengths={"8k": 0.5, "1m": 0.4})
    assert "one of them" in said(count=1000, tokens="1m", lengths={"8k": 1.0})
    assert "contexts.count: got 0" in said(count=0, lengths={"8k": 1.0})
    assert "contexts.count: got '1k'" in said(count="1k", lengths={"8k": 1.0})
    assert "contexts.tokens: got 'many'" in said(tokens="many", lengths={"8k": 1.0})
    assert "contexts.lengths.8k: got true" in said(count=5, lengths={"8k": True})
    problems = said(lengths={"8k": 0.5, "1m": 0.5}).strip().splitlines()
    assert sum("contexts.lengths" in line for line in problems) == 1
    assert "contexts.lengths.soon" in said(count=5, lengths={"soon": 1.0})
    assert counted({"contexts": {"count": 5}}) == ({"contexts": {"count": 5}}, [])
    assert counted({"contexts": 3}) == ({"contexts": 3}, [])


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=6),
    st.integers(1, 5000),
    st.integers(0, 3000),
    st.sampled_from(["count", "tokens"]),
)
def test_a_larger_whole_takes_from_no_length(parts: list[int], whole: int, more: int, key: str) -> None:
    """Plans only grow: raising `count` or `tokens` never asks for fewer contexts of a length."""
    shares = {f"{2**n}k": part / sum(parts) for n, part in enumerate(parts)}
    size = 1 if key == "count" else 65_536
    one, two = (
        counted({"contexts": {key: many * size, "lengths": shares}})[0]["contexts"]["lengths"]
        for many in (whole, whole + more)
    )
    assert all(two[length] >= one[length] >= 1 for length in shares)
    if key == "count" and min(one.values()) > 1:
        assert sum(one.values()) == whole
