"""Checks: is a question grounded, in form, new, truly multi-hop and answerable? Cheap checks come before dear ones.

    (context, questions) → the questions with `checks`, `accepted` and `rejected_by` filled

A question leaves at the first check that it fails; the checks up to that one are kept on it. Checks that look at the
question and its context alone come first, then those that ask the reader. `longhop/kinds.py` says which kinds of
questions pass over which checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from longhop.checks import evidence, form, novelty
from longhop.checks.asked import ask, reader_checks
from longhop.checks.candidate import Candidate
from longhop.inference import Inference
from longhop.kinds import kind_of
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Check, Context, Question

__all__ = ["check_questions"]


def check_questions(
    written: Sequence[tuple[Context, Sequence[Question]]],
    config: QuestionsConfig,
    checks: ChecksConfig,
    reader: Inference,
    count: Callable[[str], int],
    seed: int,
) -> Iterator[Question]:
    """Run all checks that the recipe asks for; questions come back in their order.

    Args:
        written: Contexts with their questions.
        config: The recipe's `questions`.
        checks: The recipe's `checks`.
        reader: What is asked.
        count: Tokens of a text, by the recipe's tokenizer.
        seed: The recipe's seed.
    """
    candidates = []
    for context, questions in written:
        earlier: list[str] = []
        for question in questions:
            candidate = Candidate(context, question, list(earlier), [])
            _look(candidate, config, checks)
            if candidate.passing:
                earlier.append(question.question)
            candidates.append(candidate)
    for name, of, expected in reader_checks(checks):
        ask(name, of, expected, candidates, checks, reader, count, seed)
    for candidate in candidates:
        failed = [check.name for check in candidate.checks if not check.passed]
        yield msgspec.structs.replace(
            candidate.question,
            checks=candidate.checks,
            accepted=not failed,
            rejected_by=failed[0] if failed else None,
        )


def _look(candidate: Candidate, config: QuestionsConfig, checks: ChecksConfig) -> None:
    question = candidate.question
    looks: list[tuple[str, Callable[[], str | None]]] = [
        ("steps", lambda: form.steps(question, config)),
        ("connected", lambda: form.connected(question)),
        ("one_question", lambda: form.one_question(question)),
        ("no_pointing", lambda: form.no_pointing(question)),
        ("bridge_hidden", lambda: form.bridge_hidden(question)),
        ("answer_hidden", lambda: form.answer_hidden(question)),
        ("evidence", lambda: evidence.evidence(question, checks)),
        ("documents", lambda: evidence.documents(question, config)),
        ("duplicate", lambda: novelty.duplicate(question, candidate.earlier, checks)),
    ]
    for name, look in looks:
        if name in kind_of(question.kind).exempt:
            continue
        wrong = look()
        candidate.checks.append(Check(name=name, passed=wrong is None, detail=wrong or ""))
        if wrong is not None:
            return
