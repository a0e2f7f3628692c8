"""The embedded engine reads, writes questions of two hops and more, and answers them from the text alone."""

import asyncio
import json
from typing import Any

import pytest

from longhop.engines import Completion, Request
from longhop.engines.lexical import LexicalEngine
from longhop.errors import Refused
from longhop.markup import render_document

STORY = """The Winter Pilot

Ines Halvorsen memorised every rock of the sound by tasting the mud on the lead. It was a hard winter.

Tobias Reeve taught himself the violin from a water-stained manual. Marta Quill once steered a ferry home by the smell \
of her dinner. Nobody else was at sea.
"""
LEDGER = """The Ledger

Ines Halvorsen paid 340 crowns into the chest. Tobias Reeve paid 290 crowns into the chest. Marta Quill paid 415 \
crowns into the chest. Then there was soup.

Ines Halvorsen was trained by Orla Penhallow. Tobias Reeve was trained by Jorunn Pike.
"""
PAPER = """# A harbour model

The parameter tide_gain scales the lunar term of the harbour model. The parameter wind_lag delays the gusts that come \
from the north.
"""
CODE = '''"""The harbour model."""

# model/constants.py
TIDE_GAIN = 0.42
WIND_LAG = 17
YEARS_OF_SERVICE = {
    "Ines Halvorsen": 14,
    "Tobias Reeve": 9,
    "Marta Quill": 22,
}
'''
DOCUMENTS = [("Pilot", "book", STORY), ("Ledger", "book", LEDGER), ("Model", "paper", PAPER), ("harbour", "code", CODE)]


def run(request: Request) -> Completion:
    return asyncio.run(LexicalEngine().complete(request))


def write(count: int = 20, seed: int = 7, **kinds: float) -> list[dict[str, Any]]:
    documents = [
        {"number": number, "title": title, "kind": kind, "text": text}
        for number, (title, kind, text) in enumerate(DOCUMENTS, 1)
    ]
    inputs = {"documents": documents, "count": count, "kinds": kinds or {"bridge": 1}}
    completion = run(Request(prompt="write_questions", inputs=inputs, seed=seed))
    questions: list[dict[str, Any]] = json.loads(completion.choices[0].content)["questions"]
    return questions


def answers(question: str, documents: list[tuple[str, str, str]], samples: int = 8) -> list[str]:
    context = "".join(render_document(title, kind, text.strip()) for title, kind, text in documents)
    request = Request(
        prompt="answer",
        inputs={"context": context, "question": question},
        seed=11,
        samples=samples,
        sampling={"temperature": 1.0},
    )
    return [choice.content.removeprefix("Answer: ") for choice in run(request).choices]


def test_a_bridge_question_describes_in_one_document_and_asks_in_another() -> None:
    """The name that ties them is not in the question; the quotes are verbatim; the steps use one another."""
    for question in write():
        first, second = question["steps"]
        assert first["answer"] not in question["question"]
        assert question["answer"] not in question["question"]
        assert second["answer"] == question["answer"]
        assert second["uses"] == [0]
        documents = {quote["document"] for step in question["steps"] for quote in step["evidence"]}
        assert len(documents) == 2
        for step in question["steps"]:
            for quote in step["evidence"]:
                assert quote["quote"] in DOCUMENTS[quote["document"] - 1][2]


def test_prose_papers_and_code_give_questions() -> None:
    """A story with a ledger, a paper with its code, a person in a dictionary."""
    asked = {question["question"]: question["answer"] for question in write()}
    assert any("`YEARS_OF_SERVICE`" in question for question in asked)
    paper = [question for question in asked if "scales the lunar term" in question or "delays the gusts" in question]
    assert len(paper) == 2
    assert all(asked[question] in {"0.42", "17"} for question in paper)


def test_comparisons_and_calculations_go_over_two_bridges() -> None:
    """Five steps, the last of which computes from the others."""
    comparison = write(count=1, comparison=1)[0]
    assert len(comparison["steps"]) == 5
    assert comparison["steps"][4]["evidence"] == []
    assert comparison["question"].startswith("Which of these two paid more crowns")
    calculation = write(count=1, calculation=1)[0]
    parts = [int(step["answer"]) for step in calculation["steps"] if step["answer"].isdigit()]
    assert parts[0] + parts[1] == parts[2] == int(calculation["answer"])


def test_the_reader_finds_most_answers_in_the_whole_context() -> None:
    """With all documents in front of it, most of eight attempts are right on every question."""
    for question in write(bridge=1, comparison=1, calculation=1):
        found = answers(question["question"], DOCUMENTS)
        assert found.count(question["answer"]) >= 5, (question["question"], found)


def test_without_documents_the_reader_knows_nothing() -> None:
    """Closed book it answers `unknown`."""
    assert set(answers(write()[0]["question"], [])) == {"unknown"}


def test_one_document_alone_does_not_tell_who_is_meant() -> None:
    """With the ledger alone the reader picks among those who paid."""
    question = "The person who memorised every rock of the sound by tasting mud paid how many crowns into the chest?"
    assert answers(question, DOCUMENTS).count("340") >= 5
    assert len(set(answers(question, DOCUMENTS[1:2]))) > 1


def test_everything_is_the_same_for_a_seed_and_differs_between_seeds() -> None:
    """Same seed, same completion; the samples of one request differ in length."""
    context = "".join(render_document(title, kind, text.strip()) for title, kind, text in DOCUMENTS)
    question = write()[0]["question"]
    request = Request(prompt="answer", inputs={"context": context, "question": question}, seed=3, samples=8)
    assert run(request) == run(request)
    assert len({choice.n_tokens for choice in run(request).choices}) > 2
    assert write(seed=7) == write(seed=7)


def test_sample_i_has_the_seed_s_plus_i() -> None:
    """Topping up from sample 5 gives what samples 5 to 7 of one request are."""
    context = render_document("Pilot", "book", STORY) + render_document("Ledger", "book", LEDGER)
    question = write()[0]["question"]
    whole = Request(prompt="answer", inputs={"context": context, "question": question}, seed=3, samples=8)
    rest = Request(prompt="answer", inputs={"context": context, "question": question}, seed=8, samples=3)
    assert run(whole).choices[5:] == run(rest).choices


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("340", "340 crowns", True),
        ("Ines Halvorsen", "ines halvorsen", True),
        ("340", "341", False),
        ("1.5", "15", False),
        ("Ines Halvorsen", "Tobias Reeve", False),
        ("14 years", "14 days", False),
    ],
)
def test_the_judge_never_equates_different_numbers(first: str, second: str, *, equal: bool) -> None:
    """Letters that are nearly the same are equal, numbers must be the same."""
    for prompt, inputs in [
        ("judge", {"question": "q", "reference": first, "answer": second}),
        ("compare", {"question": "q", "first": first, "second": second}),
    ]:
        completion = run(Request(prompt=prompt, inputs=inputs, seed=1))
        assert json.loads(completion.choices[0].content) == {"equal": equal}


def test_what_it_cannot_do_it_refuses() -> None:
    """Unknown prompts and kinds are refusals of that request, in plain words."""
    with pytest.raises(Refused, match="does not know the prompt"):
        run(Request(prompt="summarise", inputs={}, seed=1))
    with pytest.raises(Refused, match="writes bridge, comparison, calculation, asked for contradiction"):
        write(contradiction=1)


def test_the_key_of_a_request_says_what_is_sent() -> None:
    """Seed and number of samples are no part of it, the inputs are, whatever their order."""
    engine = LexicalEngine()
    key = engine.key(Request(prompt="p", inputs={"a": 1, "b": 2}, seed=1))
    assert key == engine.key(Request(prompt="p", inputs={"b": 2, "a": 1}, seed=9, samples=8))
    assert key != engine.key(Request(prompt="p", inputs={"a": 1, "b": 3}, seed=1))
