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
from longhop.checks.asked import Reading, ask, reader_checks
from longhop.checks.candidate import Candidate
from longhop.checks.novelty import EvaluationSets
from longhop.inference import Inference
from longhop.kinds import LOOKS, kind_of
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Check, Context, Question

__all__ = ["check_questions", "look"]


def check_questions(
    written: Sequence[tuple[Context, Sequence[Question]]],
    config: QuestionsConfig,
    checks: ChecksConfig,
    reader: Inference,
    count: Callable[[str], int],
    seed: int,
    evaluation_sets: EvaluationSets | None = None,
    reasoning: str = "native",
) -> Iterator[Question]:
    """Run all checks that the recipe asks for; questions come back in their order.

    Args:
        written: Contexts with their questions.
        config: The recipe's `questions`.
        checks: The recipe's `checks`.
        reader: What is asked.
        count: Tokens of a text, by the recipe's tokenizer.
        seed: The recipe's seed.
        evaluation_sets: What no question may overlap; the texts of the recipe's `checks.exclude`.
        reasoning: The recipe's `traces.reasoning`: `prompted` where the reader must be asked to reason in the open.
    """
    candidates = []
    sets = evaluation_sets or EvaluationSets()
    for context, questions in written:
        earlier: list[Question] = []
        for question in questions:
            candidate = Candidate(context, question, list(earlier), [])
            look(candidate, config, checks, sets)
            if candidate.passing:
                earlier.append(question)
            candidates.append(candidate)
    reading = Reading(reader, count, seed, reasoning)
    for check in reader_checks(checks):
        ask(check, candidates, checks, reading)
    for candidate in candidates:
        failed = [check.name for check in candidate.checks if not check.passed]
        yield msgspec.structs.replace(
            candidate.question,
            checks=candidate.checks,
            accepted=not failed,
            rejected_by=failed[0] if failed else None,
        )


def look(candidate: Candidate, config: QuestionsConfig, checks: ChecksConfig, sets: EvaluationSets) -> None:
    """Run the checks that look, as far as the question passes them; their names are those of `longhop.kinds.LOOKS`.

    Their outcomes are put into the candidate's `checks`; the last one is the only one that may have failed.
    """
    question, context = candidate.question, candidate.context
    titles = tuple(document.title for document in context.documents)
    looks: dict[str, Callable[[], str | None]] = {
        "steps": lambda: form.steps(question, config),
        "answer": lambda: form.answer(question),
        "connected": lambda: form.connected(question),
        "one_question": lambda: form.one_question(question),
        "no_pointing": lambda: form.no_pointing(question, titles),
        "bridge_hidden": lambda: form.bridge_hidden(question),
        "answer_hidden": lambda: form.answer_hidden(question),
        "evidence": lambda: evidence.evidence(question, checks),
        "documents": lambda: evidence.documents(question, config),
        "supported": lambda: evidence.supported(question, context),
        "needed": lambda: evidence.needed(question, context),
        "duplicate": lambda: novelty.duplicate(question, candidate.earlier, checks),
        "evaluation": lambda: novelty.evaluation(question, sets),
    }
    for name in LOOKS:
        if name in kind_of(question.kind).exempt or name in checks.skip:
            continue
        wrong = looks[name]()
        candidate.checks.append(Check(name=name, passed=wrong is None, detail=wrong or ""))
        if wrong is not None:
            return
