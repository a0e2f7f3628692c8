"""Replies of a writer become questions with evidence in place, or rejections with a reason."""

import json
from typing import Any

import pytest

from longhop.engines import Choice, Completion, Request
from longhop.engines.scripted import ScriptedEngine
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.markup import document_header, render_document
from longhop.quotes import locate
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Context, ContextDocument, Question, Rejection, make_id
from longhop.stages.questions import write_questions
from longhop.writing.wanted import wanted

FIRST = (
    "Nobody knew it then.\nInes Halvorsen memorised every rock of the sound by tasting the mud on the lead.\nShe slept."
)
SECOND = "Ines Halvorsen paid 340 crowns.\nTobias Reeve paid 290 crowns."


def rendered(*documents: tuple[str, str]) -> Context:
    text, rows = "", []
    for title, body in documents:
        start = len(text) + len(document_header(title, "book"))
        text += render_document(title, "book", body)
        rows.append(
            ContextDocument(
                document_id=title,
                kind="book",
                title=title,
                source=title,
                license=None,
                start=start,
                end=start + len(body),
                n_tokens=20,
            )
        )
    return Context(context_id="c", split="train", target_tokens=64, n_tokens=40, text=text, documents=rows)


CONTEXT = rendered(("pilot", FIRST), ("ledger", SECOND))
RENDERED = rendered(("A & B", FIRST), ("ledger", SECOND))
TEXT = CONTEXT.text
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


class Writer(ScriptedEngine):
    """Replies with fixed contents, one after the other, the last again and again."""

    def __init__(self, *contents: str, finish_reason: str = "stop") -> None:
        def reply(_: Request) -> Completion:
            content = contents[min(len(self.requests), len(contents)) - 1]
            if content == "refuse":
                raise Refused("too_long", "9 of 8 tokens")
            return Completion(choices=(Choice(content=content, finish_reason=finish_reason, n_tokens=5),))

        super().__init__(reply, model="writer")


def run(writer: Writer, context: Context = CONTEXT, **config: Any) -> list[Question | Rejection]:
    off = ChecksConfig(closed_book=0, single_document=False, answerable=False)
    engine = Inference(writer)
    settings = QuestionsConfig(**{"per_context": 1, **config})
    return list(write_questions([context], settings, off, engine, engine, len, seed=1))


def write(content: str, per_context: int = 1, **writer: str) -> list[Question | Rejection]:
    return run(Writer(content, **writer), per_context=per_context)


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


def test_of_a_reply_that_was_cut_off_the_finished_questions_are_kept() -> None:
    """What was begun is left out, and the context's row says why there are fewer."""
    whole = json.dumps({"questions": [REPLY, {**REPLY, "answer": "290"}]})
    question, rejection = sorted(
        write(whole[:-40], per_context=2, finish_reason="length"), key=lambda row: type(row).__name__
    )
    assert isinstance(question, Question)
    assert isinstance(rejection, Rejection)
    assert (question.reference_answer, rejection.reason) == ("340", "fewer_questions")
    assert rejection.detail == "asked for 2 questions, got 1: the reply was cut off after 5 tokens"


def test_a_reply_that_was_cut_off_before_a_question_was_finished_is_a_rejection() -> None:
    """Half a question is none, even if it parses."""
    (rejection,) = write(json.dumps({"questions": [REPLY]})[:-3], finish_reason="length")
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "cut_reply"
    assert "cut off after 5 tokens" in rejection.detail


def test_a_bad_reply_is_asked_for_once_more() -> None:
    """With what was wrong, another seed, the same beginning; a good reply is asked for once."""
    writer = Writer("Here is a question: who?", json.dumps({"questions": [REPLY]}))
    (question,) = run(writer)
    assert isinstance(question, Question)
    first, second = writer.requests
    assert second.inputs["reply"] == "Here is a question: who?"
    assert "JSON" in second.inputs["problem"]
    assert {**second.inputs, **first.inputs} == second.inputs
    assert (second.affinity, second.seed != first.seed) == (first.affinity, True)
    good = Writer(json.dumps({"questions": [REPLY]}))
    run(good)
    assert len(good.requests) == 1


def test_a_writer_that_says_that_there_are_no_questions_is_not_asked_again() -> None:
    """An empty list is an answer."""
    writer = Writer('{"questions": []}')
    (rejection,) = run(writer)
    assert isinstance(rejection, Rejection)
    assert (rejection.reason, len(writer.requests)) == ("fewer_questions", 1)


def test_a_refusal_when_asked_again_leaves_the_first_reply_as_the_reason() -> None:
    """With the refusal behind it."""
    (rejection,) = run(Writer("no json", "refuse"))
    assert isinstance(rejection, Rejection)
    assert rejection.reason == "malformed_reply"
    assert "too_long: 9 of 8 tokens" in rejection.detail
    assert rejection.detail.endswith("'no json'")


def test_a_bad_question_discards_no_good_one() -> None:
    """And is named in the context's row."""
    rows = write(json.dumps({"questions": [{"kind": "bridge", "question": "?"}, REPLY]}), per_context=2)
    assert [type(row).__name__ for row in rows] == ["Rejection", "Question"]
    assert isinstance(rows[0], Rejection)
    assert rows[0].detail == "asked for 2 questions, got 1: question 1: `steps` is missing"


def test_a_whole_context_stands_in_the_prompt_as_it_is() -> None:
    """The same text that `answer` sends; passages are wrapped in the same markup."""
    writer = Writer(json.dumps({"questions": [REPLY]}))
    run(writer, RENDERED, scope="context")
    run(writer, RENDERED, scope="passages")
    whole, passages = (request.inputs for request in writer.requests)
    assert whole["context"] == RENDERED.text
    assert passages["context"] == RENDERED.text, "short documents stand whole among the passages"
    assert [document["title"] for document in whole["documents"]] == ["A & B", "ledger"]


def test_documents_without_a_telling_passage_are_not_numbered() -> None:
    """The writer sees 1 and 2; the second of them is the third of the context."""
    filler = "\n\n".join(f"nothing at all happens in paragraph {n} of it." for n in range(900))
    context = rendered(("pilot", FIRST), ("filler", filler), ("ledger", SECOND))
    writer = Writer(json.dumps({"questions": [REPLY]}))
    off = ChecksConfig(closed_book=0, single_document=False, answerable=False)
    engine = Inference(writer)
    rows = write_questions(
        [context], QuestionsConfig(per_context=1), off, engine, engine, lambda text: len(text.split()), seed=1
    )
    (question,) = rows
    assert isinstance(question, Question)
    shown = writer.requests[0].inputs["documents"]
    assert [(document["number"], document["title"]) for document in shown] == [(1, "pilot"), (2, "ledger")]
    assert [evidence.document_id for evidence in question.evidence] == ["pilot", "ledger"]


def test_every_kind_is_asked_for_by_its_weight() -> None:
    """Exactly where the numbers come out even; else by chance, the same for a context each time."""
    writer = Writer(json.dumps({"questions": [REPLY]}))
    run(writer, per_context=8, kinds={"bridge": 3, "comparison": 1})
    assert writer.requests[0].inputs["wanted"] == {"bridge": 6, "comparison": 2}
    drawn = [wanted({"bridge": 3, "comparison": 1}, 1, seed) for seed in range(400)]
    assert 60 < sum(numbers == {"comparison": 1} for numbers in drawn) < 140
    assert drawn == [wanted({"bridge": 3, "comparison": 1}, 1, seed) for seed in range(400)]
    assert all(sum(wanted({"a": 0.3, "b": 1.7, "c": 5}, n, n).values()) == n for n in range(1, 40))


@pytest.mark.parametrize("document", [2, 9, "the ledger of the pilots", "Document 2"])
def test_a_quote_with_a_wrong_number_is_found_where_it_stands_word_for_word(document: int | str) -> None:
    """If that is one place only: a number is easily mistaken, a sentence is not."""
    step = {**REPLY["steps"][0], "evidence": [{"document": document, "quote": FIRST.splitlines()[1]}]}
    (question,) = write(json.dumps({"questions": [{**REPLY, "steps": [step, REPLY["steps"][1]]}]}))
    assert isinstance(question, Question)
    assert question.accepted
    assert question.evidence[0].document_id == "pilot"
    assert TEXT[question.evidence[0].start : question.evidence[0].end] == FIRST.splitlines()[1]


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


# One request or several, and what is asked again


def chain(question: str, answer: str = "340", kind: str = "bridge") -> dict[str, Any]:
    return {**REPLY, "question": question, "answer": answer, "kind": kind}


def replied(*questions: dict[str, Any]) -> str:
    return json.dumps({"questions": questions})


LONG = rendered(
    *[
        (title, "\n\n".join([*(f"nothing happens in paragraph {n} of {title}." for n in range(400)), *said]))
        for title, said in (
            ("pilot", ["Ines Halvorsen memorised every rock of the sound by tasting the mud on the lead."]),
            ("ledger", ["In that cold year Ines Halvorsen paid 340 crowns into the widows' chest of the town."]),
            ("bees", ["Tobias Reeve kept bees behind the old mill and sold their honey at distant markets."]),
            ("letters", ["Nobody answered what Tobias Reeve wrote to the harbour board about lamps and ropes."]),
        )
    ]
)


def asked(writer: Writer, context: Context = LONG, **config: Any) -> tuple[list[Any], list[dict[str, Any]]]:
    off = ChecksConfig(closed_book=0, single_document=False, answerable=False)
    engine = Inference(writer, concurrency=1)
    settings = QuestionsConfig(**config)
    rows = list(write_questions([context], settings, off, engine, engine, lambda text: len(text.split()), seed=1))
    return rows, [dict(request.inputs) for request in writer.requests]


def test_each_request_has_bridges_and_passages_of_its_own() -> None:
    """With one question a request: other documents, another seed; together what the recipe asks for."""
    writer = Writer('{"questions": []}')
    rows, requests = asked(writer, per_context=2, per_request=1, budget=256)
    assert sorted([document["title"] for document in inputs["documents"]] for inputs in requests) == [
        ["bees", "letters"],
        ["pilot", "ledger"],
    ]
    assert sorted(inputs["bridges"][0]["name"] for inputs in requests) == ["Ines Halvorsen", "Tobias Reeve"]
    assert all(inputs["bridges"][0]["documents"] == [1, 2] for inputs in requests)
    assert all(len(inputs["context"].split()) <= 256 for inputs in requests)
    assert all("Halvorsen" in inputs["context"] or "Reeve" in inputs["context"] for inputs in requests)
    assert len({request.seed for request in writer.requests}) == 2
    assert [row.reason for row in rows] == ["fewer_questions"] * 2


def test_kinds_are_dealt_to_the_requests() -> None:
    """All that are wanted, each once."""
    _, requests = asked(Writer('{"questions": []}'), per_context=4, per_request=3, kinds={"bridge": 1, "order": 1})
    assert [inputs["count"] for inputs in requests] == [3, 1]
    assert [sum(inputs["wanted"].get(kind, 0) for inputs in requests) for kind in ("bridge", "order")] == [2, 2]


def test_without_any_bridge_there_still_is_something_to_read() -> None:
    """Long documents without a shared name: the likest passages, never an empty prompt."""
    filler = [f"nothing at all happens in paragraph {n} of it." for n in range(900)]
    context = rendered(("one", "\n\n".join([*filler, "kelpworms sing"])), ("two", "\n\n".join(["kelpworms", *filler])))
    _, (inputs,) = asked(Writer('{"questions": []}'), context, budget=300)
    assert [document["title"] for document in inputs["documents"]] == ["one", "two"]
    assert all("kelpworms" in document["text"] for document in inputs["documents"])
    assert inputs["bridges"] == []
    assert len(inputs["context"].split()) <= 300


def test_a_kind_is_asked_for_where_the_context_allows_it() -> None:
    """Its weight goes to the others; a context that allows none is a rejection and costs nothing."""
    _, (inputs,) = asked(Writer('{"questions": []}'), per_context=4, kinds={"paper_to_code": 9, "bridge": 1})
    assert inputs["wanted"] == {"bridge": 4}
    (row,), requests = asked(Writer("{}"), kinds={"paper_to_code": 1})
    assert (row.reason, requests) == ("no_kind", [])
    (row,), requests = asked(Writer("{}"), min_documents=5)
    assert (row.reason, requests) == ("few_documents", [])


BAD = {
    "uses": [{**REPLY["steps"][0], "uses": [7]}, REPLY["steps"][1]],
    "is used by no later": [REPLY["steps"][0], {**REPLY["steps"][1], "uses": []}],
    "quotes document 9": [{**REPLY["steps"][0], "evidence": [{"document": 9, "quote": "x"}]}, REPLY["steps"][1]],
    "1 steps, expected 2 to 7": [REPLY["steps"][1]],
    "neither evidence": [{**REPLY["steps"][0], "evidence": []}, REPLY["steps"][1]],
}


@pytest.mark.parametrize("fault", BAD)
def test_one_bad_question_is_asked_for_again_alone(fault: str) -> None:
    """With what was wrong and what is kept; the good one stays as it was."""
    writer = Writer(replied(chain("Good?"), {**chain("Bad?"), "steps": BAD[fault]}), replied(chain("Mended?", "340")))
    rows = run(writer, per_context=2)
    assert [row.question for row in rows if isinstance(row, Question)] == ["Good?", "Mended?"]
    second = writer.requests[1]
    assert (len(writer.requests), second.inputs["count"], second.inputs["kept"]) == (2, 1, ["Good?"])
    assert second.inputs["wanted"] == {"bridge": 1}
    assert fault in second.inputs["problem"]
    assert "Bad?" in second.inputs["problem"]


def test_what_a_look_finds_is_told_to_the_writer() -> None:
    """A quote that stands nowhere, say, in the check's words; a question that is mended so is a good one."""
    steps = [{**REPLY["steps"][0], "evidence": [{"document": 1, "quote": "nothing of this kind is said"}]}]
    bad = {**chain("Who was told?"), "steps": [*steps, *REPLY["steps"][1:]]}
    writer = Writer(replied(bad), replied(chain("Who was told?")))
    (row,) = run(writer)
    assert isinstance(row, Question)
    assert row.accepted
    assert "nothing of this kind" in writer.requests[1].inputs["problem"]
    rows = run(Writer(replied(bad), replied(bad)))
    assert [row.rejected_by for row in rows if isinstance(row, Question)] == ["evidence"]


def test_what_is_still_bad_is_rejected_with_its_reason() -> None:
    """By the check that finds it; a second request is the last."""
    bad = {**chain("Bad?"), "steps": BAD["uses"]}
    writer = Writer(replied(chain("Good?"), bad), replied({**bad, "question": "Still bad?"}))
    rows = run(writer, per_context=2)
    assert len(writer.requests) == 2
    questions = {row.question: row.rejected_by for row in rows if isinstance(row, Question)}
    assert questions == {"Good?": None, "Still bad?": "connected"}
    assert [row.reason for row in rows if isinstance(row, Rejection)] == ["connected"]


def test_a_request_says_how_long_the_reply_may_be() -> None:
    """By number of questions and steps; asked again for fewer, it may be shorter."""
    writer = Writer(replied(chain("Good?"), {}), replied(chain("New?")))
    run(writer, per_context=2, steps=[2, 3])
    limits = [request.sampling["max_tokens"] for request in writer.requests]
    assert limits == [4096 + 2 * 256 * 4, 4096 + 256 * 4]


def test_raw_newlines_within_a_text_are_read() -> None:
    """As grammars of servers let them through."""
    (question,) = write(replied(chain("What did\nshe\tpay?")).replace("\\n", "\n").replace("\\t", "\t"))
    assert isinstance(question, Question)
    assert question.question == "What did\nshe\tpay?"
