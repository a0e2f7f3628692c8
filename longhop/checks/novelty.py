"""Checks of novelty: a question says what no other of its context says."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz import fuzz

from longhop.recipe import ChecksConfig
from longhop.records import Question

__all__ = ["duplicate"]


def duplicate(question: Question, earlier: Sequence[str], checks: ChecksConfig) -> str | None:
    """No near-duplicate among the questions of the same context that came before."""
    for other in earlier:
        likeness = fuzz.token_sort_ratio(question.question, other) / 100
        if likeness >= checks.duplicate:
            return f"likeness {likeness:.2f} with {other!r}"
    return None
