"""Checks of form: what a question itself shows, without its context.

Each takes a question and says what is wrong with it, None where nothing is.
"""

from __future__ import annotations

import re

from longhop.recipe import QuestionsConfig
from longhop.records import Question

__all__ = ["answer_hidden", "bridge_hidden", "connected", "no_pointing", "one_question", "steps"]

_LONGEST_ANSWER = 200  # characters; an answer is a name, a number, a short phrase
_POINTING = re.compile(
    r"\b(?:document|passage|text|source|excerpt)s?\s*(?:#|no\.?|number)?\s*\d+\b"
    r"|\b(?:both|two|first|second|third|fourth|last|given|provided|above)\s(?:documents?|passages?|texts?|sources?|excerpts?)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"[^"]*"')


def steps(question: Question, config: QuestionsConfig) -> str | None:
    """As many steps as the recipe asks for; a question and an answer of a length that an answer has."""
    least, most = config.steps
    if not least <= question.n_steps <= most:
        return f"{question.n_steps} steps, expected {least} to {most}"
    if not question.question.strip() or not question.reference_answer.strip():
        return "question or answer is empty"
    if len(question.reference_answer) > _LONGEST_ANSWER:
        return f"an answer of {len(question.reference_answer)} characters, expected at most {_LONGEST_ANSWER}"
    return None


def connected(question: Question) -> str | None:
    """Every step but the last is used by a later one; a step without evidence uses another."""
    used = set()
    for number, step in enumerate(question.steps):
        wrong = [other for other in step.uses if not 0 <= other < number]
        if wrong:
            return f"step {number} uses step {wrong[0]}, which does not come before it"
        if not step.evidence and not step.uses:
            return f"step {number} has neither evidence nor a step that it uses"
        used.update(step.uses)
    loose = [number for number in range(question.n_steps - 1) if number not in used]
    return f"no later step uses step {loose[0]}" if loose else None


def one_question(question: Question) -> str | None:
    """One question, not two joined."""
    asked = _QUOTED.sub("", question.question).count("?")
    return f"{asked} question marks" if asked > 1 else None


def no_pointing(question: Question) -> str | None:
    """It speaks of things, not of documents."""
    match = _POINTING.search(_QUOTED.sub("", question.question))
    return f"points at documents: {match[0]!r}" if match else None


def bridge_hidden(question: Question) -> str | None:
    """What the steps have to find out does not stand in the question."""
    for step in question.steps[:-1]:
        named = step.answer.strip()
        if re.search(r"[^\W\d_]{2}", named) and _stands_in(named, question.question):
            return f"names the bridge {named!r}"
    return None


def answer_hidden(question: Question) -> str | None:
    """Nor does the answer."""
    answer = question.reference_answer.strip()
    return f"the answer {answer!r} stands in the question" if _stands_in(answer, question.question) else None


def _stands_in(words: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None
