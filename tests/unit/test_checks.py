"""Each check rejects what it is meant for and lets the rest through."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from longhop.checks.passages import excerpt
from longhop.engines import Choice, Completion, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.kinds import LOOKS
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Evidence, Question, Step
from longhop.stages.checks import check_questions
from tests.rows import context_of, question_of, quote_of

FIRST = "Ines Halvorsen memorised every rock of the sound."
SECOND = "Ines Halvorsen paid 340 crowns. Tobias Reeve paid 290 crowns."
TEXT = f"{FIRST}\n{SECOND}\n"
CONTEXT = context_of({"pilot": FIRST, "ledger": SECOND}, behind="\n")


def quote(name: str, words: str) -> Evidence:
    return quote_of(CONTEXT, name, words)


GOOD = question_of(
    "Whoever memorised every rock of the sound paid how many crowns?",
    "340",
    [
        Step(question="Who memorised every rock?", answer="Ines Halvorsen", evidence=[0], uses=[]),
        Step(question="How many crowns did she pay?", answer="340", evidence=[1], uses=[0]),
    ],
    [quote("pilot", FIRST), quote("ledger", "Ines Halvorsen paid 340 crowns.")],
    aliases=["340 crowns"],
    answer_type="number",
)

Reader = Callable[[Request], list[str]]


class Scripted:
    """Answers what a function of the request says."""

    model = "scripted"

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.sent: list[Request] = []

    def key(self, request: Request) -> str:
        return str(request)

    async def complete(self, request: Request) -> Completion:
        self.sent.append(request)
        said = self.reader(request)
        return Completion(
            choices=tuple(Choice(content=f"Answer: {said[i % len(said)]}") for i in range(request.samples))
        )


def needs_both(request: Request) -> list[str]:
    """Right exactly when both documents are shown, or those of a step."""
    context, question = request.inputs["context"], request.inputs["question"]
    if "Who memorised every rock?" in question and "How many crowns" not in question:
        return ["Ines Halvorsen" if FIRST in context else "unknown"]
    if "Ines Halvorsen" in question and "Ines Halvorsen paid 340" in context:
        return ["340"]
    return ["340"] if FIRST in context and "340" in context else ["290"]


def check(
    *questions: Question,
    reader: Reader = needs_both,
    config: QuestionsConfig | None = None,
    **checks: Any,
) -> list[Question]:
    return list(
        check_questions(
            [(CONTEXT, questions)],
            config or QuestionsConfig(),
            ChecksConfig.model_validate(checks),
            Inference(Scripted(reader)),
            lambda text: len(text.split()),
            seed=1,
        )
    )


def test_a_good_question_passes_every_check() -> None:
    """The checks stand on the question in their order, cheap before dear."""
    (question,) = check(GOOD)
    assert question.accepted
    assert question.rejected_by is None
    assert [c.name for c in question.checks] == [
        *LOOKS,
        "closed_book",
        "single_document",
        "bridge_masked",
        "answerable",
        "sub_questions",
    ]
    assert all(c.passed for c in question.checks)


def changed(**fields: object) -> Question:
    return msgspec.structs.replace(GOOD, **fields)


COMPARED = [
    Step(question="What did the first pay?", answer="340", evidence=[1], uses=[]),
    Step(question="What did the other pay?", answer="290", evidence=[2], uses=[]),
    Step(question="Which is more?", answer="Ines Halvorsen", evidence=[], uses=[0, 1]),
]
COMPARISON = changed(
    kind="comparison",
    question="Who paid more, Ines Halvorsen or Tobias Reeve?",
    reference_answer="Ines Halvorsen",
    aliases=[],
    answer_type="name",
    n_steps=3,
    steps=COMPARED,
    evidence=[
        quote("pilot", FIRST),
        quote("ledger", "Ines Halvorsen paid 340"),
        quote("ledger", "Tobias Reeve paid 290"),
    ],
)
"""Its evidence stands in two documents by name only; the checks that look are not what is tested with it."""
NO_LOOKS = list(LOOKS)


def test_options_of_a_comparison_may_stand_in_the_question() -> None:
    """`Who paid more, Ines Halvorsen or Tobias Reeve?` says its answer by nature."""
    (question,) = check(
        COMPARISON,
        skip=["documents", "supported", "needed"],
        closed_book=0,
        single_document=False,
        answerable=False,
    )
    assert question.accepted


def test_a_question_that_says_the_same_as_an_earlier_one_is_a_duplicate() -> None:
    """The first of two stays."""
    twin = changed(question_id="q2", question=GOOD.question.replace("Whoever", "Who ever"))
    first, second = check(GOOD, twin)
    assert first.accepted
    assert second.rejected_by == "duplicate"


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        (lambda _: ["340"], "closed_book"),
        (lambda r: ["340"] if r.inputs["context"] else ["unknown"], "single_document"),
        (lambda r: ["340"] if "340" in r.inputs["context"] else ["unknown"], "single_document"),
        (lambda _: ["unknown"], "answerable"),
        (lambda r: needs_both(r) if FIRST not in r.inputs["context"] else ["340", "290", "290"], "answerable"),
    ],
)
def test_what_the_reader_is_asked(reader: Reader, name: str) -> None:
    """Known by heart, answered by one document, or not by both: each is caught by its check."""
    (question,) = check(GOOD, reader=reader)
    assert question.rejected_by == name


def test_one_lucky_guess_of_three_proves_nothing() -> None:
    """Two right tries of three reject an open answer, one does not."""
    (question,) = check(
        GOOD,
        reader=lambda r: needs_both(r) if needs_both(r) != ["290"] else ["340", "290", "290"],
    )
    assert question.accepted


def test_few_options_are_tried_five_times() -> None:
    """Four lucky guesses of five reject no comparison; fifteen right ones do."""
    off: dict[str, Any] = {"skip": NO_LOOKS, "answerable": False}
    lucky = ["Ines Halvorsen"] * 4 + ["Tobias Reeve"]
    (question,) = check(COMPARISON, reader=lambda _: lucky, **off)
    assert question.accepted
    (question,) = check(COMPARISON, reader=lambda _: ["Ines Halvorsen"], **off)
    assert question.rejected_by == "closed_book"
    assert "15 of 15" in question.checks[-1].detail


def test_an_alias_counts_as_right() -> None:
    """The reader that says `340 crowns` is right."""
    (question,) = check(GOOD, reader=lambda r: ["340 crowns"] if needs_both(r) == ["340"] else needs_both(r))
    assert question.accepted


def test_checks_can_be_switched_off() -> None:
    """Without the checks that ask, nobody is asked."""

    def never(_: Request) -> list[str]:
        raise AssertionError

    (question,) = check(GOOD, reader=never, closed_book=0, single_document=False, answerable=False)
    assert question.accepted


def test_a_reader_that_refuses_leaves_the_question_out() -> None:
    """What could not be checked is not accepted, and the engine's words are kept."""

    def refuse(_: Request) -> list[str]:
        raise Refused("content", "no such words")

    (question,) = check(GOOD, reader=refuse)
    assert question.rejected_by == "closed_book"
    assert "no such words" in question.checks[-1].detail


def test_an_excerpt_keeps_evidence_within_the_budget() -> None:
    """Paragraphs with evidence come first, gaps are marked, the budget holds."""
    paragraphs = [f"Paragraph {n} " + "word " * 20 for n in range(50)]
    text = "\n\n".join(paragraphs)
    span = text.index("Paragraph 30 ")
    part = excerpt(text, 0, len(text), [(span, span + 10)], frozenset(), 100, lambda t: len(t.split()))
    assert "Paragraph 30 " in part
    assert len(part.split()) <= 110
    assert "[…]" in part
    assert len(re.findall("Paragraph", part)) >= 3
