"""Checks of form reject what a question itself shows, and let through what only looks like it."""

import msgspec
import pytest

from longhop.checks import form
from longhop.checks.wording import named, states
from longhop.kinds import KINDS, LOOKS
from longhop.recipe import QuestionsConfig
from longhop.records import Question, Step
from tests.rows import question_of

CHAIN = [
    Step(question="Who memorised every rock of the sound?", answer="Ines Halvorsen", evidence=[0], uses=[]),
    Step(question="How many crowns did Ines Halvorsen pay?", answer="340", evidence=[1], uses=[0]),
]


def question(asked: str, answer: str = "340", **fields: object) -> Question:
    return msgspec.structs.replace(question_of(asked, answer, CHAIN, []), **fields)


@pytest.mark.parametrize(
    ("kind", "answer", "fits"),
    [
        ("number", "1,200 crowns", True),
        ("number", "three hundred", True),
        ("number", "the pilot", False),
        ("year", "1901", True),
        ("year", "44 BC", True),
        ("year", "long ago", False),
        ("date", "3 May 1901", True),
        ("date", "1901-05-03", True),
        ("date", "after the storm", False),
        ("percentage", "12.5 %", True),
        ("percentage", "ten per cent", True),
        ("percentage", "12.5", False),
        ("name", "Ines Halvorsen", True),
        ("name", "340", False),
        ("identifier", "tide_gain", True),
        ("identifier", "the gain of the tide as it is computed", False),
        ("yes_no", "Yes.", True),
        ("yes_no", "probably", False),
        ("list", "a lute, a lamp", True),
        ("list", "a lute", False),
        ("text", "a brass chest", True),
        ("text", "not mentioned in the text", False),
        ("text", "word " * 40, False),
        ("text", "?", False),
        ("colour of the hull", "green", True),
    ],
)
def test_an_answer_is_of_its_type_and_short(kind: str, answer: str, fits: bool) -> None:
    """A number holds a number, a name is none, and what says that nothing is known is no answer."""
    assert (form.answer(question("How much?", answer, answer_type=kind)) is None) == fits


def test_a_question_without_words_is_none() -> None:
    """Nor is one without an answer."""
    assert form.answer(question(" ")) == form.answer(question("Who?", " ")) == "question or answer is empty"


@pytest.mark.parametrize(
    "asked",
    [
        "Who paid? How many crowns?",
        "Who memorised every rock of the sound and how many crowns did Tobias pay?",
        "Which pilot knew the sound, and when did he die?",
        "Who paid the crowns; also, what did he buy?",
        "Name the pilot of the sound and state the sum that he paid.",
        "Who tuned the bells as well as how many bells were there?",
    ],
)
def test_two_questions_are_not_one(asked: str) -> None:
    """Joined by a mark, by `and` before a question word, or by a second command."""
    assert form.one_question(question(asked)) is not None


@pytest.mark.parametrize(
    "asked",
    [
        "Who is the man who founded the mill and who lies buried behind it?",
        "In what year was the pilot born that knew the sound and paid the crowns?",
        "Which film came out first, All the Marbles or What Ever Happened to Baby Jane?",
        "Who wrote the poem “Who? And when?” of the schoolmaster?",
        "The pilot is married to a weaver and what kind of singer?",
        "How many crowns did the pilot and the weaver pay together?",
    ],
)
def test_one_question_may_have_two_parts(asked: str) -> None:
    """Relative clauses, titles and sums are no second question."""
    assert form.one_question(question(asked)) is None


@pytest.mark.parametrize("answer", ["Ines Halvorsen and 340", "340; Ines Halvorsen", "Ines Halvorsen (340)"])
def test_an_answer_that_joins_those_of_steps_is_of_two_questions(answer: str) -> None:
    """Unless a quote states it as a whole, or its kind puts things side by side."""
    joined = question("What is to be said of the pilot?", answer)
    assert "joins the answers" in (form.one_question(joined) or "")
    assert form.one_question(msgspec.structs.replace(joined, kind="contradiction")) is None
    whole = [*CHAIN, Step(question="Who and what?", answer=answer, evidence=[1], uses=[0, 1])]
    assert form.one_question(msgspec.structs.replace(joined, steps=whole, n_steps=3)) is None


@pytest.mark.parametrize(
    "asked",
    [
        "What does document 2 say?",
        "What do both documents say?",
        "According to the passage, who paid?",
        "Which of the provided texts is older?",
        "In the text, how many crowns are paid?",
        "Which document mentions the pilot?",
        "What is stated in Passage B?",
        "Based on the given context, who paid?",
    ],
)
def test_questions_do_not_point_at_documents(asked: str) -> None:
    """By number, by place, or as the text."""
    assert form.no_pointing(question(asked)) is not None


@pytest.mark.parametrize(
    "asked",
    [
        "Who signed the document that ended the war?",
        "Where is the source of the Nile?",
        "How wide is the passage between the islands?",
        "Who wrote “The Second Text”?",
        "What does the paper call the gain that the code sets to 3?",
    ],
)
def test_documents_may_be_what_is_asked_of(asked: str) -> None:
    """A treaty, a river's source and a strait are things."""
    assert form.no_pointing(question(asked)) is None


def test_a_list_of_titles_is_no_answer() -> None:
    """One title may be an answer, two are a list of documents."""
    titles = ("The Pilots of Holm", "Ledger")
    assert "lists titles" in (form.no_pointing(question("Who?", "Ledger and The Pilots of Holm"), titles) or "")
    assert form.no_pointing(question("Which is older?", "The Pilots of Holm"), titles) is None


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("Ines Halvorsen", "How much did ines halvorsen pay?", True),
        ("Ines Halvorsen", "How much did Captain Halvorsen pay?", True),
        ("Ines Halvorsen", "How much lay in Halvorsen's chest?", True),
        ("José García", "How much did Garcia pay?", True),
        ("the Halvorsen", "How old are the Halvorsens?", True),
        ("A.P.J. Kalam", "Who taught APJ Kalam?", True),
        ("tide_gain", "What is TIDE_GAIN?", True),
        ("Massachusetts Institute of Technology", "Who founded MIT?", True),
        ("drummer", "Which drummers died?", True),
        ("Kris Benson", "Who is the husband of Anna Benson?", False),
        ("Red", "How salty is the Red Sea?", False),
        ("John Harbour", "Who built the harbour?", False),
        ("University of Oklahoma", "Which school in Oklahoma is it?", False),
        ("the sea", "Who looked at the sea?", False),
        ("1901", "What happened in 1901?", False),
    ],
)
def test_a_bridge_is_named_by_any_of_its_names(name: str, asked: str, found: bool) -> None:
    """By last name, accents, case, plural, initials; kin, longer names and ordinary words do not name it."""
    steps = [Step(question="Who is meant?", answer=name, evidence=[0], uses=[]), CHAIN[1]]
    assert (form.bridge_hidden(question(asked, steps=steps)) is not None) == found


def test_a_word_that_the_sub_question_has_gives_nothing_away() -> None:
    """`Which Jews …?` does not have to find out `Jews`."""
    assert named("Ashkenazi Jews", "Whom do most Jews call so?", known="Which group of Jews?") is None


@pytest.mark.parametrize(
    ("asked", "answer", "found"),
    [
        ("Did the pilot pay 340 crowns?", "340", True),
        ("Was the sum of 1,200 crowns paid?", "1200", True),
        ("Did three hundred and forty crowns suffice?", "340", True),
        ("Which of the brass chest's makers made the chest of brass?", "the chest of brass", True),
        ("How many sisters had the two brothers of World War 2?", "2", False),
        ("Who paid more, Ines or Tobias?", "Tobias", False),
        ("Which is older of the mill and the bridge?", "the mill", False),
        ("Which university is in the Oklahoma hills?", "Oklahoma State University", False),
        ("Did it float?", "yes", False),
    ],
)
def test_the_answer_does_not_stand_in_the_question(asked: str, answer: str, found: bool) -> None:
    """In any notation; options that the question offers may stand there."""
    assert (form.answer_hidden(question(asked, answer)) is not None) == found


@pytest.mark.parametrize(
    ("uses", "evidence", "says"),
    [
        ([[], []], [[0], [1]], "no later step uses step 0"),
        ([[1], [0]], [[0], [1]], "does not come before it"),
        ([[], [0]], [[], [1]], "neither evidence"),
        ([[], [0]], [[0], [7]], "names quote 7"),
    ],
)
def test_steps_are_connected(uses: list[list[int]], evidence: list[list[int]], says: str) -> None:
    """Each is used later, uses earlier ones, and stands on something."""
    steps = [
        msgspec.structs.replace(step, uses=used, evidence=quotes)
        for step, used, quotes in zip(CHAIN, uses, evidence, strict=True)
    ]
    made = question("How much?", steps=steps, evidence=[None, None])
    assert says in (form.connected(made) or "")


def test_a_copy_is_no_step_and_a_comparison_joins_two() -> None:
    """A step that says again what another found adds nothing."""
    copy = Step(question="So how many crowns is it?", answer="340", evidence=[], uses=[1])
    made = question("How much?", steps=[*CHAIN, copy], n_steps=3, evidence=[None, None])
    assert form.connected(made) == "step 2 only copies step 1"
    compared = question("Who?", kind="comparison", evidence=[None, None])
    assert "joins 2 steps" in (form.connected(compared) or "")


def test_the_last_step_gives_the_answer() -> None:
    """In any notation; another value is an answer that nothing leads to."""
    config = QuestionsConfig()
    assert form.steps(question("How many crowns?", "340 crowns"), config) is None
    assert "the last step gives '340'" in (form.steps(question("How many crowns?", "341"), config) or "")
    assert "1 steps, expected 2 to 7" in (form.steps(question("?", n_steps=1, steps=CHAIN[1:]), config) or "")


@pytest.mark.parametrize(
    ("text", "answer", "said"),
    [
        ("paid three hundred and forty crowns", "340", True),
        ("born September 23, 1935 in", "23 September 1935", True),
        ("ten per cent of it", "10 %", True),
        ("cost 3,400 crowns", "340", False),
        ("v1.20 is out", "v1.2", False),
        ("calls tide_gains(x)", "tide_gain", False),
        ("the harbour of Holm", "Holm harbour", True),
    ],
)
def test_an_answer_is_recognised_in_a_text(text: str, answer: str, said: bool) -> None:
    """In another notation, and never within another value."""
    assert states(text, answer) == said


def test_kinds_pass_over_checks_that_exist() -> None:
    """A misspelt name would exempt from nothing."""
    asked = {"closed_book", "single_document", "all_but_one", "answerable", "sub_questions", "bridge_masked", "unique"}
    assert {name for kind in KINDS.values() for name in kind.exempt} <= {*LOOKS, *asked}
