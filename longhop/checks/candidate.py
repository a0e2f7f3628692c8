"""A question on its way through the checks."""

from __future__ import annotations

import msgspec

from longhop.records import Check, Context, Question

__all__ = ["Candidate"]


class Candidate(msgspec.Struct):
    """A question, its context, and the outcome of the checks so far."""

    context: Context
    question: Question
    earlier: list[Question]
    """Questions of the same context that came before and passed the checks that look."""
    checks: list[Check]
    guesses: set[str] = msgspec.field(default_factory=set)
    """What the reader answered to it without all of its evidence, in normal form."""

    @property
    def passing(self) -> bool:
        """Whether it passed all checks so far."""
        return all(check.passed for check in self.checks)
