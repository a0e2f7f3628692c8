"""Kinds of questions: what each is, and what checks must know of it, in one table.

>>> KINDS["comparison"].few_options, "answer_hidden" in KINDS["comparison"].exempt
(True, True)
"""

from __future__ import annotations

import msgspec

__all__ = ["KINDS", "LEXICAL_KINDS", "LOOKS", "Kind", "kind_of"]

LOOKS = (
    "steps",
    "answer",
    "connected",
    "one_question",
    "no_pointing",
    "bridge_hidden",
    "answer_hidden",
    "evidence",
    "documents",
    "supported",
    "needed",
    "duplicate",
    "evaluation",
)
"""Names of the checks that look at a question and its context alone, in order; here, since a recipe names them."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What checks must know of a kind of questions."""

    few_options: bool = False
    """Whether the answer is one of few options, so that guesses are often right."""
    joins: int = 1
    """How many earlier steps one of its steps uses at least."""
    counts: bool = False
    """Whether a step may count what its quotes list, so that its answer stands in none of them."""
    states_parts: bool = False
    """Whether the answer may put what single steps found side by side."""
    exempt: frozenset[str] = frozenset()
    """Checks that it passes over."""
    needs: frozenset[str] = frozenset()
    """Kinds of documents without which a context cannot be asked for it."""


_OPTIONS_STAND_IN_QUESTION = frozenset(["bridge_hidden", "answer_hidden"])

KINDS: dict[str, Kind] = {
    "bridge": Kind(),
    "comparison": Kind(few_options=True, joins=2, exempt=_OPTIONS_STAND_IN_QUESTION),
    "intersection": Kind(joins=2),
    "counting": Kind(joins=2, counts=True),
    "order": Kind(few_options=True, joins=2, exempt=_OPTIONS_STAND_IN_QUESTION),
    "calculation": Kind(joins=2),
    "paper_to_code": Kind(needs=frozenset(["paper", "code"])),
    "contradiction": Kind(joins=2, states_parts=True),
    "choice": Kind(few_options=True, exempt=_OPTIONS_STAND_IN_QUESTION),
    "yes_no": Kind(few_options=True, exempt=_OPTIONS_STAND_IN_QUESTION),
}
LEXICAL_KINDS = ("bridge", "comparison", "calculation")
"""Kinds that the embedded engine writes; named here, since a recipe is read without its engines."""


def kind_of(name: str) -> Kind:
    """A kind by its name; one that a recipe's own prompts explain is treated as `bridge` is."""
    return KINDS.get(name, KINDS["bridge"])
