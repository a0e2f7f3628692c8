"""Replies are read as models write them: fenced, quoted wrongly, cut off, in prose; nothing is made up."""

import json
from typing import Any

import pytest

from longhop.replies.questions import Quote, Reading, read_questions
from longhop.replies.reasoning import split_reasoning


def step(question: str, answer: str, document: Any, quote: str, *uses: int) -> dict[str, Any]:
    return {"question": question, "answer": answer, "evidence": [{"document": document, "quote": quote}], "uses": uses}


FIRST: dict[str, Any] = {
    "kind": "bridge",
    "steps": [step("Who?", "Ines", 1, 'She said "aye" {twice}.'), step("How much?", "340", 2, "Ines paid 340.", 0)],
    "question": "How much did the pilot pay?",
    "answer": "340",
    "answer_type": "number",
    "aliases": ["340 crowns"],
}
SECOND: dict[str, Any] = {**FIRST, "question": "How little?", "answer": "290"}
REPLY = json.dumps({"questions": [FIRST, SECOND]})
READ = read_questions(REPLY)


def test_a_reply_in_order_is_taken_as_it_is() -> None:
    """Every field, and nothing is complained of."""
    assert not READ.problems
    question, other = READ.questions
    assert (question.kind, question.question, question.answer) == ("bridge", FIRST["question"], "340")
    assert (question.answer_type, question.aliases, other.answer) == ("number", ("340 crowns",), "290")
    assert question.steps[0].evidence == (Quote(1, 'She said "aye" {twice}.'),)
    assert [step.uses for step in question.steps] == [(), (0,)]


SINGLE_QUOTES = REPLY.replace('\\"aye\\"', "aye").replace('"', "'")
FORMS = {
    "fenced": f"```json\n{REPLY}\n```",
    "fenced in prose": f"Sure, here you are [as asked]:\n\n```\n{REPLY}\n```\n\nI hope that {{this}} helps!",
    "in prose": f"Here are two questions: {REPLY} Good luck.",
    "after reasoning": f'<think>\nMaybe {{"questions": []}}?\n</think>\n{REPLY}',
    "a bare list": json.dumps([FIRST, SECOND]),
    "one after the other": f"{json.dumps(FIRST)}\n{json.dumps(SECOND)}",
    "two fences": f"First:\n```json\n{json.dumps(FIRST)}\n```\nSecond:\n```json\n{json.dumps(SECOND)}\n```",
    "under another name": json.dumps({"results": [FIRST, SECOND]}),
    "keys as titles": REPLY.replace('"question"', '"Question"').replace('"answer_type"', '"Answer type"'),
    "commas at the end": REPLY.replace("}]", "},]").replace("]}", "],}"),
    "with comments": REPLY.replace('"kind"', '/* the kind */ "kind"'),
    "numbers as text": REPLY.replace('"document": 1', '"document": "1"').replace("[0]", '["0"]'),
    "answers as numbers": REPLY.replace('"340"', "340"),
    "documents in words": REPLY.replace('"document": 1', '"document": "Document 1"'),
    "documents by title": REPLY.replace('"document": 1', '"document": "the  Pilot"'),
    "kinds in capitals": REPLY.replace('"bridge"', '"Bridge"'),
    "byte order mark": f"\ufeff{REPLY}",
    "carriage returns": json.dumps({"questions": [FIRST, SECOND]}, indent=2).replace("\n", "\r\n"),
    "without the last brackets": REPLY[:-2],
    "without the last bracket, fenced": f"```json\n{REPLY[:-1]}\n```",
}


@pytest.mark.parametrize("form", FORMS)
def test_what_models_make_of_json_is_read_alike(form: str) -> None:
    """Fences, prose around, other shapes and types: the questions are the same."""
    read = read_questions(FORMS[form], ["bridge", "comparison"], ["The pilot", "The ledger"])
    assert read == READ


def test_single_quotes_are_read() -> None:
    """As Python prints a dictionary."""
    read = read_questions(SINGLE_QUOTES)
    assert [question.answer for question in read.questions] == ["340", "290"]
    assert read.questions[0].steps[0].evidence == (Quote(1, "She said aye {twice}."),)


def test_quotes_within_quotes_are_read() -> None:
    """What writers forget most: to escape what they copy."""
    read = read_questions(REPLY.replace('\\"', '"'))
    assert [question.answer for question in read.questions] == ["340", "290"]
    assert read.questions[0].steps[0].evidence[0].quote == 'She said "aye" {twice}.'


def test_a_single_question_needs_no_list() -> None:
    """Nor does one that stands where the list should."""
    assert read_questions(json.dumps(FIRST)).questions == READ.questions[:1]
    assert read_questions(json.dumps({"questions": FIRST})).questions == READ.questions[:1]


def test_what_is_optional_may_be_missing_or_null() -> None:
    """Evidence of a step that deduces, its uses, aliases, the type of the answer, a kind where there is one only."""
    bare = {"steps": [{"question": "a", "answer": "b", "evidence": None}], "question": "c", "answer": "d"}
    (question,) = read_questions(json.dumps(bare | {"aliases": None}), ["comparison"]).questions
    assert (question.kind, question.answer_type, question.aliases) == ("comparison", "text", ())
    assert (question.steps[0].evidence, question.steps[0].uses) == ((), ())


def test_evidence_without_a_document_has_none() -> None:
    """Number 0: the stage looks where it stands."""
    steps = [{**FIRST["steps"][0], "evidence": ["a quote", {"quote": "another"}, {"document": "Moby", "quote": 3}, {}]}]
    (question,) = read_questions(json.dumps(FIRST | {"steps": steps})).questions
    assert question.steps[0].evidence == (Quote(0, "a quote"), Quote(0, "another"), Quote(0, "3"))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ([[], [0], [0, 1]], [(), (0,), (0, 1)]),
        ([[], [1], [1, 2]], [(), (0,), (0, 1)]),
        ([[], [], [1]], [(), (), (1,)]),
        ([[0], [0]], [(), (0,)]),
        ([[0], [1]], [(), (0,)]),
        ([[1], [1], [2]], [(1,), (1,), (2,)]),
    ],
)
def test_steps_counted_from_one_are_understood(given: list[list[int]], read: list[tuple[int, ...]]) -> None:
    """Where they cannot have been counted from nought; what is wrong either way stays, and a check says so."""
    steps = [{"question": "a", "answer": "b", "evidence": [], "uses": uses} for uses in given]
    (question,) = read_questions(json.dumps(FIRST | {"steps": steps})).questions
    assert [step.uses for step in question.steps] == read


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"question": None}, "`question` is missing"),
        ({"answer": ["a", "b"]}, "`answer` is a list, expected text"),
        ({"answer": True}, "`answer` is true or false, expected text"),
        ({"steps": []}, "`steps` is missing"),
        ({"steps": ["find the pilot"]}, "text, expected an object"),
        ({"kind": "riddle"}, "`kind` is 'riddle', expected one of bridge, comparison"),
        ({"steps": [{"question": "a", "answer": "b", "uses": [10**30]}]}, "`uses` names step 1000000000"),
    ],
)
def test_a_bad_question_discards_no_good_one(change: dict[str, Any], problem: str) -> None:
    """And what is wrong with it is said, with its place."""
    read = read_questions(json.dumps({"questions": [FIRST | change, SECOND]}), ["bridge", "comparison"])
    assert read.questions == READ.questions[1:]
    assert len(read.problems) == 1
    assert read.problems[0].startswith("question 1: ")
    assert problem in read.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot do that.",
        "[1] says that {the pilot} paid.",
        "Question: Who? Answer: Ines. Steps: [find her, ask her]",
        "{question: who, answer: Ines}",
        "<think>\n" + REPLY,
        '"questions"',
        "7",
    ],
)
def test_no_question_is_made_of_prose(text: str) -> None:
    """Neither of what a model thought and never said."""
    read = read_questions(text)
    assert not read.questions
    assert read.problems


def test_an_empty_list_is_an_answer() -> None:
    """No question, and no problem."""
    assert read_questions('{"questions": []}') == Reading((), ())
    assert read_questions("```json\n[]\n```").questions == ()


SHAPES = {
    "as asked": REPLY,
    "question first": json.dumps([{key: q[key] for key in ("question", "answer", "steps")} for q in (FIRST, SECOND)]),
    "one only": json.dumps({key: FIRST[key] for key in ("question", "answer", "steps", "kind")}),
    "single quotes": SINGLE_QUOTES,
    "fenced": f"Sure:\n```json\n{json.dumps({'questions': [FIRST, SECOND]}, indent=1)}",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_wherever_a_reply_is_cut_only_finished_questions_are_taken(shape: str) -> None:
    """Cut at every place: each question is there whole or not at all, and what is missing is said."""
    whole = read_questions(SHAPES[shape]).questions
    seen = set()
    for end in range(len(SHAPES[shape]) + 1):
        read = read_questions(SHAPES[shape][:end], cut=True)
        assert read.questions == whole[: len(read.questions)], SHAPES[shape][:end]
        assert read.questions or read.problems
        seen.add(len(read.questions))
    assert seen == set(range(len(whole) + 1))


@pytest.mark.parametrize("shape", ["as asked", "question first", "one only", "fenced"])
def test_a_cut_that_the_server_does_not_report_is_noticed(shape: str) -> None:
    """Some say `stop` where they mean `length`."""
    whole = read_questions(SHAPES[shape]).questions
    for end in range(len(SHAPES[shape])):
        read = read_questions(SHAPES[shape][:end])
        assert read.questions == whole[: len(read.questions)], SHAPES[shape][:end]


@pytest.mark.parametrize("text", ['{"a": [' * 20_000, "[{" * 50_000, '{"questions": [{"question": "' + "la " * 50_000])
def test_replies_that_run_in_circles_cost_little(text: str) -> None:
    """Neither the stack nor minutes."""
    assert not read_questions(text).questions


def test_half_a_character_can_be_written() -> None:
    """A lone surrogate cannot stand in a table."""
    (question,) = read_questions(json.dumps(FIRST | {"answer": "\ud83d"})).questions
    assert question.answer == "�"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>\nIt is Ines.\n</think>\n\nAnswer: 1", ("It is Ines.", "Answer: 1")),
        ("It is Ines.\n</think>\nAnswer: 1", ("It is Ines.", "Answer: 1")),
        ("<Thinking>a</Thinking> b", ("a", "b")),
        ("<think>a</think> b <think>c</think> d", ("a b c", "d")),
        ("<think>a", ("a", "")),
        ("a\n<think>\nb", ("b", "a")),
        ("a <thinking hard> b", ("", "a <thinking hard> b")),
        ("a", ("", "a")),
    ],
)
def test_reasoning_is_what_stands_in_tags(text: str, expected: tuple[str, str]) -> None:
    """Also with a missing opening tag, several times, or never closed."""
    reasoning, content = split_reasoning(text)
    assert (" ".join(reasoning.split()), content) == expected
