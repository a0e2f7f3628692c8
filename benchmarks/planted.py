"""Which check catches which planted question, and which good questions are lost.

    python -m benchmarks.planted --seed 1 --labels

Prints a table of classes and checks, the share of each class that the check meant for it caught, the share that any
check caught, and the good questions lost by kind. With `--labels`, also the questions of MuSiQue and HotpotQA that each
check which looks would lose, where `tests/labelled.py` finds them. The reader is scripted, so that only the checks are
measured; `--second` takes the words that were written after the checks had been measured with the first.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Sequence

from longhop.engines.scripted import ScriptedEngine
from longhop.inference import Inference
from longhop.kinds import LOOKS
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Question
from longhop.stages.checks import check_questions
from tests.labelled import labelled, shared
from tests.planted import CLASSES, GOOD, PerfectReader, Planted, plant
from tests.planted_words import FIRST, SECOND

__all__ = ["checked", "main"]


def checked(planted: Sequence[Planted], **checks: object) -> list[tuple[Planted, Question]]:
    """Every planted question with what became of it."""
    reader = PerfectReader(planted)
    questions = check_questions(
        [(one.context, [one.question]) for one in planted],
        QuestionsConfig(),
        ChecksConfig.model_validate(checks),
        Inference(ScriptedEngine(reader)),
        lambda text: len(text.split()),
        seed=1,
    )
    return list(zip(planted, questions, strict=True))


def table(outcomes: Sequence[tuple[Planted, Question]]) -> None:
    """Print which check caught which class, and the good questions lost."""
    caught: dict[str, Counter[str]] = defaultdict(Counter)
    for one, question in outcomes:
        caught[one.cls][question.rejected_by or "-"] += 1
    print(f"{'class':14}{'n':>5}{'meant':>8}{'any':>7}  caught by")
    total = found = 0
    for cls, meant in CLASSES.items():
        count = caught[cls].total()
        any_check = count - caught[cls]["-"]
        total, found = total + count, found + any_check
        shares = f"{sum(caught[cls][name] for name in meant) / count:8.2f}{any_check / count:7.2f}"
        print(f"{cls:14}{count:5}{shares}  " + ", ".join(f"{name} {n}" for name, n in caught[cls].most_common()))
    print(f"{'all':14}{total:5}{'':8}{found / total:7.3f}")
    kinds: dict[str, list[Question]] = defaultdict(list)
    for one, question in outcomes:
        if one.cls == GOOD:
            kinds[question.kind].append(question)
    print(f"\n{'good':14}{'n':>5}{'lost':>7}  lost to")
    for kind, questions in kinds.items():
        lost = Counter(question.rejected_by for question in questions if question.rejected_by)
        print(f"{kind:14}{len(questions):5}{lost.total() / len(questions):7.2f}  {dict(lost) or ''}")
    good = [question for questions in kinds.values() for question in questions]
    print(f"{'all':14}{len(good):5}{sum(not question.accepted for question in good) / len(good):7.3f}")


def _labels() -> None:
    folder = shared()
    if folder is None:
        print("no labelled questions here")
        return
    rows = labelled(folder / "corpus" / "labels")
    off = {"closed_book": 0, "single_document": False, "answerable": False}
    print(f"\n{'people wrote':14}{len(rows):5}{'lost':>7}")
    for names in [*([name] for name in LOOKS), list(LOOKS)]:
        config = ChecksConfig.model_validate({**off, "skip": [name for name in LOOKS if name not in names]})
        reader = Inference(ScriptedEngine(lambda _: "unknown"))
        questions = check_questions(
            [(context, [question]) for _, context, question in rows], QuestionsConfig(), config, reader, len, seed=1
        )
        lost = [
            f"{source} {question.kind}"
            for (source, _, _), question in zip(rows, questions, strict=True)
            if any(check.name in LOOKS and not check.passed for check in question.checks)
        ]
        name = names[0] if len(names) == 1 else "together"
        print(f"{name:14}{'':5}{len(lost) / len(rows):7.3f}  {dict(Counter(lost)) or ''}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=40, help="questions of each bad class")
    parser.add_argument("--good", type=int, default=15, help="good questions of each kind")
    parser.add_argument("--second", action="store_true", help="the second set of words")
    parser.add_argument("--labels", action="store_true", help="also what people wrote")
    parser.add_argument("--show", action="store_true", help="also print what was missed and what was lost")
    given = parser.parse_args()
    outcomes = checked(plant(given.seed, given.each, given.good, SECOND if given.second else FIRST))
    table(outcomes)
    if given.show:
        for one, question in outcomes:
            wrong = question.rejected_by not in one.meant if one.cls != GOOD else not question.accepted
            if wrong:
                detail = question.checks[-1].detail if question.rejected_by else "passed"
                print(f"\n[{one.cls}] {question.question} -> {question.reference_answer}")
                print(f"    {question.rejected_by}: {detail}")
    if given.labels:
        _labels()


if __name__ == "__main__":
    main()
