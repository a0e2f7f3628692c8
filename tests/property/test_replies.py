"""The reader of replies takes whatever a model may write, and makes nothing of what is no question."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from longhop.engines import Choice
from longhop.replies.answers import extract_answer, separate
from longhop.replies.questions import read_questions
from longhop.replies.reasoning import split_reasoning
from longhop.replies.verdicts import read_verdict

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORDS = """{ } [ ] " ' , :
    \\ ``` ```json <think> </think> question answer steps questions "question": "answer": "steps":
    [{ }] Answer: **Answer:** \\boxed{ } 340 true null // /* équal “ ” $ ` ** _ # - > equal {"equal":true}"""
PIECES = st.sampled_from([*WORDS.split(), "\n"])
RUBBISH = st.lists(st.one_of(PIECES, TEXT), max_size=30).map("".join)


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    steps = [
        {
            "question": draw(TEXT),
            "answer": draw(TEXT),
            "evidence": draw(
                st.lists(
                    st.fixed_dictionaries({"document": st.integers(1, 999), "quote": TEXT}),
                    max_size=2,
                )
            ),
            "uses": draw(st.lists(st.integers(0, number - 1), max_size=2)) if number else [],
        }
        for number in range(draw(st.integers(1, 4)))
    ]
    return {
        "kind": draw(st.sampled_from(["bridge", "comparison"])),
        "steps": steps,
        "question": draw(TEXT),
        "answer": draw(TEXT),
        "answer_type": draw(st.sampled_from(["number", "name"])),
        "aliases": draw(st.lists(TEXT, max_size=2)),
    }


REPLIES = st.lists(questions(), max_size=3)


def as_json(read: Any) -> list[dict[str, Any]]:
    return [
        {
            "kind": question.kind,
            "steps": [
                {
                    "question": step.question,
                    "answer": step.answer,
                    "evidence": [{"document": quote.document, "quote": quote.quote} for quote in step.evidence],
                    "uses": list(step.uses),
                }
                for step in question.steps
            ],
            "question": question.question,
            "answer": question.answer,
            "answer_type": question.answer_type,
            "aliases": list(question.aliases),
        }
        for question in read.questions
    ]


@settings(max_examples=150, deadline=None)
@given(RUBBISH, st.booleans())
def test_whatever_is_written_is_read_without_an_error(text: str, cut: bool) -> None:
    """No exception, and no question where the words that make one are missing."""
    read = read_questions(text, ["bridge", "comparison"], ["a"], cut=cut)
    if not all(word in text.lower() for word in ("question", "answer", "steps")):
        assert not read.questions
    reasoning, content = split_reasoning(text)
    assert len(reasoning) + len(content) <= len(text) + 1
    assert read_verdict(text) in (True, False, None)


@settings(max_examples=100, deadline=None)
@given(REPLIES, st.sampled_from([None, 2]), st.booleans())
def test_a_valid_reply_is_read_exactly(reply: list[dict[str, Any]], indent: int | None, ascii_only: bool) -> None:
    """Whatever stands in its texts, and however it is laid out."""
    text = json.dumps({"questions": reply}, indent=indent, ensure_ascii=ascii_only)
    read = read_questions(text, ["bridge", "comparison"])
    assert not read.problems
    assert as_json(read) == reply


@settings(max_examples=60, deadline=None)
@given(REPLIES, st.data())
def test_a_cut_reply_gives_whole_questions_only(reply: list[dict[str, Any]], data: st.DataObject) -> None:
    """The first ones, each exactly as it was written."""
    text = json.dumps({"questions": reply}, indent=1)
    text = text[: data.draw(st.integers(0, len(text)))]
    read = as_json(read_questions(text, ["bridge", "comparison"], cut=data.draw(st.booleans())))
    assert read == reply[: len(read)]


@settings(max_examples=60, deadline=None)
@given(st.lists(questions(), min_size=1, max_size=3), TEXT, TEXT)
def test_a_fenced_reply_in_prose_is_read_exactly(reply: list[dict[str, Any]], before: str, after: str) -> None:
    """What stands around it does not count, unless it looks like JSON itself."""
    before, after = (text.translate(dict.fromkeys(map(ord, "{[<"), "(")) for text in (before, after))
    text = f"{before}\n```json\n{json.dumps({'questions': reply})}\n```\n{after}"
    assert as_json(read_questions(text)) == reply


@settings(max_examples=200, deadline=None)
@given(RUBBISH)
def test_an_answer_is_something_that_was_written(text: str) -> None:
    """Or there is none; the parts of a prompted attempt are the whole of it."""
    answer = extract_answer(text)
    assert answer is None or answer.strip()
    if answer is not None and ";" not in answer and "\\" not in text:
        assert "".join(answer.split()) in "".join(text.split())
    reasoning, content = separate(Choice(content=text), prompted=True)
    assert extract_answer(content) == extract_answer(split_reasoning(text)[1])
    assert len(reasoning) + len(content) <= len(text)


@settings(max_examples=100, deadline=None)
@given(
    RUBBISH,
    st.integers(-999, 999),
    st.sampled_from(["Answer: {}", "**Answer:** {}", "Final answer: {}.", "Answer:\n{}"]),
)
def test_the_last_stated_answer_counts_whatever_came_before(text: str, number: int, form: str) -> None:
    """As long as what came before is text and no tag that is still open."""
    said = form.format(number)
    assert extract_answer(f"{text}\n{said}") == str(number)
