"""Replies of a writer become questions with evidence in place, or rejections with a reason."""

import json
from typing import Any

import pytest

from longhop.engines import Choice, Completion, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Context, ContextDocument, Question, Rejection, make_id
from longhop.stages.questions import choose_passages, locate, write_questions

FIRST = (
    "Nobody knew it then.\nInes Halvorsen memorised every rock of the sound by tasting the mud on the lead.\nShe slept."
)
SECOND = "Ines Halvorsen paid 340 crowns.\nTobias Reeve paid 290 crowns."
TEXT = f"{FIRST}\n\n{SECOND}\n\n"
CONTEXT = Context(
    context_id="c",
    split="train",
    target_tokens=64,
    n_tokens=40,
    text=TEXT,
    documents=[
        ContextDocument(
            document_id=name,
            kind="book",
            title=name,
            source=name,
            license=None,
            start=TEXT.index(body),
            end=TEXT.index(body) + len(body),
            n_tokens=20,
        )
        for name, body in (("pilot", FIRST), ("ledger", SECOND))
    ],
)
REPLY: dict[str, Any] = {
    "kind": "bridge",
    "steps": [
        {
            "question": "Who memorised every rock?",
            "answer": "Ines Halvorsen",
            "evidence": [{"document": 1, "quote": "Ines Halvorsen memorised every rock of the sound"}],
            "uses": [],
        },
        {
            "question": "How many crowns did she pay?",
            "answer": "340",
            "evidence": [{"document": 2, "quote": "Ines Halvorsen paid 340 crowns."}],
            "uses": [0],
        },
    ],
    "question": "Whoever memorised every rock of the sound paid how many crowns?",
    "answer": "340",
    "answer_type": "number",
    "aliases": ["340 crowns"],
}


class Writer:
    """Replies with fixed content."""

    model = "writer"

    def __init__(self, content: str, finish_reason: str = "stop") -> None:
        self.content = content
        self.finish_reason = finish_reason
        self.sent: list[Request] = []

    def key(self, request: Request) -> str:
        return str(request.inputs)

    async def complete(self, request: Request) -> Completion:
        self.sent.append(request)
        if self.content == "refuse":
            raise Refused("too_long", "9 of 8 tokens")
        return Completion(choices=(Choice(content=self.content, finish_reason=self.finish_reason, n_tokens=5),))


def write(content: str, per_context: int = 1, **writer: str) -> list[Question | Rejection]:
    off = ChecksConfig(closed_book=0, single_document=False, answerable=False)
    engine = Inference(Writer(content, **writer))
    config = QuestionsConfig(per_context=per_context)
    return list(write_questions([CONTEXT], config, off, engine, engine, len, seed=1))


def test_a_reply_becomes_a_question_with_evidence_in_place() -> None:
    """Offsets are those of the context, the id is made of context, text and answer."""
    (question,) = write(json.dumps({"questions": [REPLY]}))
    assert isinstance(question, Question)
    assert question.accepted
    assert question.question_id == make_id("c", REPLY["question"], "340")
    assert [TEXT[e.start : e.end] for e in question.evidence] == [e.quote for e in question.evidence]
    assert [step.evidence for step in question.steps] == [[0], [1]]
    assert question.model == "writer"


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        ("no json", "malformed_reply", "no json"),
        ('{"questions": [{"kind": "bridge"}]}', "malformed_reply", "steps"),
        ("refuse", "too_long", "9 of 8 tokens"),
    ],
)
def test_a_reply_that_cannot_be_used_is_a_rejection_of_the_context(content: str, reason: str, detail: str) -> None:
    """With a word for the table and the reason in detail."""
    (rejection,) = write(content)
    assert isinstance(rejection, Rejection)
    assert (rejection.stage, rejection.item_id, rejection.reason) == ("questions", "c", reason)
    assert detail in rejection.detail


def test_a_reply_that_was_cut_off_is_a_rejection() -> None:
    """Half a reply is none, even if it parses."""
    (rejection,) = write(json.dumps({"questions": [REPLY]}), finish_reason="length")
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "cut_reply"


def test_fewer_questions_than_asked_are_said() -> None:
    """The context's row says how many came."""
    rows = write(json.dumps({"questions": [REPLY]}), per_context=3)
    assert [row.reason for row in rows if isinstance(row, Rejection)] == ["fewer_questions"]


def test_the_same_question_twice_is_one_row() -> None:
    """Ids stay unique; the second leaves as a rejection."""
    rows = write(json.dumps({"questions": [REPLY, REPLY]}), per_context=2)
    assert [type(row).__name__ for row in rows] == ["Rejection", "Question"]


def test_every_rejected_question_is_a_row_and_a_rejection() -> None:
    """A quote in no document, and a document that does not exist."""
    for quote in ({"document": 2, "quote": "The whale sang for nine nights."}, {"document": 9, "quote": "x"}):
        bad = {**REPLY, "steps": [REPLY["steps"][0], {**REPLY["steps"][1], "evidence": [quote]}]}
        question, rejection = write(json.dumps({"questions": [bad]}))
        assert isinstance(question, Question)
        assert isinstance(rejection, Rejection)
        assert question.rejected_by == rejection.reason == "evidence"
        assert rejection.item_id == question.question_id


def test_a_quote_that_is_nearly_right_is_placed_on_what_it_means() -> None:
    """Line breaks and a wrong word do not hide a passage; the score says how near it is."""
    near = locate(CONTEXT, CONTEXT.documents[0], "Ines Halvorsen memorized every rock of the sound by tasting the mud")
    assert 0.9 < near.score < 1
    assert TEXT[near.start : near.end].startswith("Ines Halvorsen memorised")
    assert CONTEXT.documents[0].start <= near.start < near.end <= CONTEXT.documents[0].end


def test_a_quote_is_not_looked_for_outside_its_document() -> None:
    """What stands in the other document is not found."""
    assert locate(CONTEXT, CONTEXT.documents[0], "Tobias Reeve paid 290 crowns.").score < 0.9
    assert locate(CONTEXT, CONTEXT.documents[0], "").score == 0


def test_passages_keep_what_names_the_bridges() -> None:
    """Of long documents, paragraphs that share names are handed over, within the budget."""
    filler = "\n\n".join(f"Nothing at all happens in paragraph {n} of it." for n in range(2000))
    texts = [f"{filler}\n\nInes Halvorsen slept.\n\n{filler}", f"{filler}\n\nThen Ines Halvorsen paid.", "Short."]
    passages = choose_passages(texts, lambda text: len(text.split()))
    assert passages == ["Ines Halvorsen slept.", "Then Ines Halvorsen paid.", "Short."]
