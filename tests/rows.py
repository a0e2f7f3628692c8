"""Rows that tests begin with: contexts out of a few texts, quotes in their place, a question with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from longhop.records import Context, ContextDocument, Evidence, Question, Step

__all__ = ["context_of", "question_of", "quote_of"]


def context_of(bodies: Mapping[str, str], behind: str = "\n\n") -> Context:
    """Documents by their ids, one after the other, each with `behind` behind it; without tags around them."""
    text, documents = "", []
    for name, body in bodies.items():
        start = len(text)
        text += body
        documents.append(
            ContextDocument(
                document_id=name,
                kind="book",
                title=name.title(),
                source=f"{name}.txt",
                license=None,
                start=start,
                end=len(text),
                n_tokens=9,
            )
        )
        text += behind
    return Context(context_id="c", split="train", target_tokens=99, n_tokens=60, text=text, documents=documents)


def quote_of(context: Context, name: str, words: str, score: float = 1.0) -> Evidence:
    """Words of a document, where they stand in it first."""
    [document] = [each for each in context.documents if each.document_id == name]
    start = context.text.index(words, document.start)
    return Evidence(document_id=name, quote=words, start=start, end=start + len(words), score=score)


def question_of(asked: str, answer: str, steps: list[Step], evidence: list[Evidence], **fields: Any) -> Question:
    """A question that no check has seen."""
    return Question(
        **{
            "question_id": "q",
            "context_id": "c",
            "kind": "bridge",
            "question": asked,
            "reference_answer": answer,
            "aliases": [],
            "answer_type": "text",
            "n_steps": len(steps),
            "steps": steps,
            "evidence": evidence,
            "checks": [],
            "accepted": False,
            "rejected_by": None,
            "model": "w",
            **fields,
        }
    )
