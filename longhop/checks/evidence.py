"""Checks of evidence: the quotes stand in the context, in as many documents as asked, and prove their steps."""

from __future__ import annotations

from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Question

__all__ = ["documents", "evidence"]


def evidence(question: Question, checks: ChecksConfig) -> str | None:
    """Every quote was found, as like as the recipe asks."""
    for number, found in enumerate(question.evidence):
        if found.score < checks.evidence or found.end <= found.start:
            return f"quote {number} not found: best likeness {found.score:.2f}, expected {checks.evidence:.2f}"
    return None if question.evidence else "no evidence"


def documents(question: Question, config: QuestionsConfig) -> str | None:
    """The quotes stand in as many documents as a question must need."""
    named = {found.document_id for found in question.evidence}
    if len(named) < config.min_documents:
        return f"evidence in {len(named)} documents, expected {config.min_documents}"
    return None
