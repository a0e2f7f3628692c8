"""Kinds of questions: what each is, and what checks must know of it, in one table.

>>> KINDS["comparison"].few_options, "answer_hidden" in KINDS["comparison"].exempt
(True, True)
"""

from __future__ import annotations

import msgspec

__all__ = ["KINDS", "LEXICAL_KINDS", "Kind", "kind_of"]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What checks must know of a kind of questions."""

    few_options: bool = False
    """Whether the answer is one of few options, so that guesses are often right."""
    joins: int = 1
    """How many earlier steps one of its steps uses at least."""
    exempt: frozenset[str] = frozenset()
    """Checks that it passes over."""


_OPTIONS_STAND_IN_QUESTION = frozenset(["bridge_hidden", "answer_hidden"])

KINDS: dict[str, Kind] = {
    "bridge": Kind(),
    "comparison": Kind(few_options=True, joins=2, exempt=_OPTIONS_STAND_IN_QUESTION),
    "intersection": Kind(joins=2),
    "counting": Kind(joins=2),
    "order": Kind(few_options=True, joins=2, exempt=_OPTIONS_STAND_IN_QUESTION),
    "calculation": Kind(joins=2),
    "paper_to_code": Kind(),
    "contradiction": Kind(joins=2),
    "choice": Kind(few_options=True, exempt=_OPTIONS_STAND_IN_QUESTION),
    "yes_no": Kind(few_options=True, exempt=_OPTIONS_STAND_IN_QUESTION),
}
LEXICAL_KINDS = ("bridge", "comparison", "calculation")
"""Kinds that the embedded engine writes; named here, since a recipe is read without its engines."""


def kind_of(name: str) -> Kind:
    """A kind by its name; one that a recipe's own prompts explain is treated as `bridge` is."""
    return KINDS.get(name, KINDS["bridge"])
