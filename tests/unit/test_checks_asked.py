"""What the reader is asked by each check, what it is shown, and which answers speak against a question."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from longhop.checks.asked import refusal
from longhop.checks.masking import HIDDEN
from longhop.checks.probes import few_options
from longhop.engines import Request
from longhop.engines.scripted import ScriptedEngine
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.kinds import LOOKS
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Context, Question, Step
from longhop.stages.checks import check_questions
from tests.rows import context_of, question_of, quote_of

BODIES = {
    "pilot": "The pilot of the sound was Ines Halvorsen.",
    "ledger": "Ines Halvorsen's sextant was sold to Tobias Reeve.",
    "letter": "Tobias Reeve paid 340 crowns for the sextant.",
    "gossip": "They say that the sextant of the pilot was sold to Orla Pike for crowns.",
    "echo": "The sextant of the pilot cost 340 crowns, it is said.",
    "soup": "Soup is best eaten warm.",
}


def context(*names: str) -> Context:
    return context_of({name: BODIES[name] for name in names})


THREE = ("pilot", "ledger", "letter", "soup")


def question(place: Context, **fields: Any) -> Question:
    evidence = [quote_of(place, name, BODIES[name]) for name in ("pilot", "ledger", "letter")]
    steps = [
        Step(question="Who was the pilot?", answer="Ines Halvorsen", evidence=[0], uses=[]),
        Step(question="To whom was #1's sextant sold?", answer="Tobias Reeve", evidence=[1], uses=[0]),
        Step(question="How many crowns did he pay for it?", answer="340", evidence=[2], uses=[1]),
    ]
    asked = question_of(
        "How many crowns did the buyer of the pilot's sextant pay?", "340", steps, evidence, answer_type="number"
    )
    return msgspec.structs.replace(asked, **fields)


def right(request: Request) -> str:
    """Right when all three documents are shown; steps by their own."""
    shown, asked = request.inputs["context"], request.inputs["question"]
    if HIDDEN in shown + asked:
        return "Answer: unknown"
    if asked == "Who was the pilot?":
        return "Answer: It was Ines Halvorsen"
    if asked == "To whom was Ines Halvorsen's sextant sold?":
        return "Answer: Tobias Reeve"
    if asked.endswith("How many crowns did he pay for it?") and "Tobias Reeve" in asked:
        return "Answer: 340 crowns"
    together = all(BODIES[name] in shown for name in ("pilot", "ledger", "letter"))
    return f"Answer: {'340' if together else 'unknown'}"


def run(
    asked: Question, place: Context, reader: Callable[[Request], Any] = right, reasoning: str = "native", **checks: Any
) -> tuple[Question, list[Request]]:
    engine = ScriptedEngine(reader)
    config = ChecksConfig.model_validate({"skip": list(LOOKS), **checks})
    (checked,) = check_questions(
        [(place, [asked])],
        QuestionsConfig(),
        config,
        Inference(engine, concurrency=1),
        lambda text: len(text.split()),
        seed=1,
        reasoning=reasoning,
    )
    return checked, engine.requests


def test_all_checks_run_cheap_before_dear_and_count_their_tokens() -> None:
    """A good question passes all; each check says what its documents and questions had in tokens."""
    place = context(*THREE)
    checked, requests = run(question(place), place)
    assert checked.accepted, checked.checks[-1]
    names = [check.name for check in checked.checks]
    assert names == ["closed_book", "single_document", "bridge_masked", "all_but_one", "answerable", "sub_questions"]
    sent = sum(len((r.inputs["context"] + r.inputs["question"]).split()) for r in requests)
    assert sum(check.tokens for check in checked.checks) == sent
    assert all(check.tokens for check in checked.checks)


def test_earlier_answers_are_filled_into_a_step() -> None:
    """In the place of `#1`; where the step has none and does not name them, before it."""
    place = context(*THREE)
    _, requests = run(question(place), place)
    asked = [request.inputs["question"] for request in requests][-3:]
    assert asked[0] == "Who was the pilot?"
    assert asked[1] == "To whom was Ines Halvorsen's sextant sold?"
    assert "Tobias Reeve" in asked[2]
    assert asked[2].endswith("How many crowns did he pay for it?")


def test_a_last_step_that_is_the_question_itself_is_not_asked_on_its_documents_alone() -> None:
    """It needs the earlier documents, too, and was asked with all of them."""
    place = context(*THREE)
    whole = question(place)
    last = msgspec.structs.replace(whole.steps[2], question=whole.question)
    checked, _ = run(msgspec.structs.replace(whole, steps=[*whole.steps[:2], last]), place)
    assert checked.accepted, checked.checks[-1]


def test_the_bridge_is_hidden_from_documents_titles_and_question() -> None:
    """MuSiQue's test: the last step is asked, and whom it speaks of is hidden."""
    place = context(*THREE)
    letter = msgspec.structs.replace(place.documents[2], title="Letter of Reeve")
    place = msgspec.structs.replace(place, documents=[*place.documents[:2], letter, *place.documents[3:]])
    _, requests = run(question(place), place)
    (masked,) = [request for request in requests if HIDDEN in request.inputs["context"]]
    assert "Reeve" not in masked.inputs["context"] + masked.inputs["question"]
    assert "340 crowns" in masked.inputs["context"]
    assert BODIES["pilot"] not in masked.inputs["context"]


@pytest.mark.parametrize(
    ("reader", "name", "says"),
    [
        (lambda _: "Answer: 340", "closed_book", "no document"),
        (
            lambda r: "Answer: 340" if BODIES["letter"] in r.inputs["context"] else right(r),
            "single_document",
            "'Letter'",
        ),
        (lambda r: "Answer: 340" if HIDDEN in r.inputs["context"] else right(r), "bridge_masked", "hidden"),
        (
            lambda r: "Answer: 340" if r.inputs["context"].count("<document") == 2 else right(r),
            "all_but_one",
            "without 'Pilot'",
        ),
        (lambda _: "Answer: unknown", "answerable", "0 of 3"),
        (lambda r: "Answer: nobody" if "Who was" in r.inputs["question"] else right(r), "sub_questions", "step 0"),
    ],
)
def test_each_check_rejects_what_it_is_meant_for(reader: Callable[[Request], str], name: str, says: str) -> None:
    """The detail says what was shown and how many tries were right."""
    place = context(*THREE)
    checked, _ = run(question(place), place, reader)
    assert checked.rejected_by == name
    assert says in checked.checks[-1].detail


def test_another_document_that_states_the_answer_is_asked_alone_and_comes_along() -> None:
    """One that answers by itself makes the question one of a single document, though no evidence stands in it."""
    place = context(*THREE, "echo")
    _, requests = run(question(place), place)
    alone = [r for r in requests if BODIES["echo"] in r.inputs["context"] and r.inputs["context"].count("<doc") == 1]
    assert len(alone) == 1
    assert any(BODIES["echo"] in r.inputs["context"] and BODIES["pilot"] in r.inputs["context"] for r in requests)
    checked, _ = run(
        question(place), place, lambda r: "Answer: 340" if BODIES["echo"] in r.inputs["context"] else right(r)
    )
    assert checked.rejected_by == "single_document"
    assert "'Echo' alone" in checked.checks[-1].detail


NAME = {"question": "To whom was the pilot's sextant sold?", "reference_answer": "Tobias Reeve", "answer_type": "name"}


def other(answer: str, tries: int) -> Callable[[Request], Any]:
    """Says something else where the gossip stands in the place of the ledger."""

    def reply(request: Request) -> Any:
        shown = request.inputs["context"]
        if BODIES["ledger"] in shown and BODIES["pilot"] in shown:
            return "Answer: Tobias Reeve"
        if BODIES["gossip"] in shown and HIDDEN not in shown + request.inputs["question"]:
            return [f"Answer: {answer if sample < tries else 'unknown'}" for sample in range(request.samples)]
        asked = request.inputs["question"]
        return right(request) if asked != NAME["question"] else "Answer: unknown"

    return reply


@pytest.mark.parametrize(
    ("answer", "tries", "accepted"),
    [
        ("Orla Pike", 3, False),
        ("Orla Pike", 2, False),
        ("Orla Pike", 1, True),
        ("unknown", 3, True),
        ("Marta Quill", 3, True),
        ("Tobias Reeve", 3, True),
    ],
    ids=["sure", "mostly", "once", "unknown", "made up", "the same"],
)
def test_another_answer_in_the_context_speaks_against_a_question(answer: str, tries: int, accepted: bool) -> None:
    """Where most tries give it and a document says it; `unknown` is a possible reply."""
    place = context("pilot", "ledger", "gossip", "soup")
    checked, requests = run_two(place, other(answer, tries))
    assert checked.accepted is accepted, checked.checks[-1]
    assert checked.checks[-1].name == "unique"
    assert requests[-1].inputs["unknown"] == "possible"
    if not accepted:
        assert "'Orla Pike'" in checked.checks[-1].detail


def run_two(place: Context, reader: Callable[[Request], Any]) -> tuple[Question, list[Request]]:
    evidence = [quote_of(place, name, BODIES[name]) for name in ("pilot", "ledger")]
    whole = question(context(*THREE), **NAME)
    asked = msgspec.structs.replace(whole, steps=whole.steps[:2], n_steps=2, evidence=evidence)
    return run(asked, place, reader)


def test_what_the_reader_guesses_anyway_is_no_other_answer() -> None:
    """An answer that it gives without the other documents, too, says nothing of them."""
    place = context("pilot", "ledger", "gossip", "soup")

    def stubborn(request: Request) -> Any:
        said = other("Orla Pike", 3)(request)
        return "Answer: Orla Pike" if said == "Answer: unknown" and "sold?" in request.inputs["question"] else said

    checked, _ = run_two(place, stubborn)
    assert checked.accepted, checked.checks[-1]


def test_a_reader_that_is_asked_to_reason_is_asked_so_by_checks() -> None:
    """`reasoning: prompted` reaches every prompt, and the answer behind the reasoning counts."""
    place = context(*THREE)
    checked, requests = run(question(place), place, lambda r: f"Reasoning: I look.\n\n{right(r)}", reasoning="prompted")
    assert checked.accepted
    assert all(request.inputs["reasoning"] == "prompted" for request in requests)


def test_a_refusal_is_known_by_its_reason() -> None:
    """So that it can be asked again; what else failed cannot."""

    def refuse(_: Request) -> str:
        raise Refused("too_long", "131,073 tokens")

    place = context(*THREE)
    checked, _ = run(question(place), place, refuse)
    assert checked.rejected_by == "closed_book"
    assert refusal(checked.checks[-1].detail) == "too_long"
    assert refusal("0 of 3 tries right") is None
    assert refusal("the reader refused: unsupported_prompt: no") is None


@pytest.mark.parametrize(
    ("kind", "asked", "answer", "expected"),
    [
        ("bridge", "Was the pilot a member of the guild?", "yes", True),
        ("bridge", "Who was older, Ines Halvorsen or Tobias Reeve?", "Ines Halvorsen", True),
        ("bridge", "Which is higher, Nanda Devi or Broad Peak?", "Broad Peak", True),
        ("bridge", "Is Rutgers University or Brown University public?", "Rutgers University", True),
        ("comparison", "Which of them is older?", "Ines", True),
        ("bridge", "Who taught the pilot to sail or to row?", "Orla Pike", False),
        ("bridge", "How many crowns did the pilot pay?", "340", False),
    ],
)
def test_answers_out_of_few_options_are_known(kind: str, asked: str, answer: str, expected: bool) -> None:
    """By the kind, by yes or no, or since the question offers them."""
    place = context(*THREE)
    assert few_options(question(place, kind=kind, question=asked, reference_answer=answer)) is expected
