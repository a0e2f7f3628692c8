"""Traces are sampled, their reasoning separated and their answers extracted."""

import pytest

from longhop.engines import Choice, Completion, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.recipe import TracesConfig
from longhop.records import Context, Question, Rejection, Trace, make_id
from longhop.stages.traces import extract_answer, sample_traces, separate

CONTEXT = Context(context_id="c1", split="train", target_tokens=8, n_tokens=4, text="one two three four", documents=[])


def question(name: str, *, accepted: bool = True) -> Question:
    return Question(
        question_id=name,
        context_id="c1",
        kind="bridge",
        question=f"{name}?",
        reference_answer="340",
        aliases=[],
        answer_type="number",
        n_steps=0,
        steps=[],
        evidence=[],
        checks=[],
        accepted=accepted,
        rejected_by=None,
        model="w",
    )


class Fixed:
    """Gives every sample its seed's distance from the first."""

    model = "fixed"

    def key(self, request: Request) -> str:
        return str(request.inputs["question"])

    async def complete(self, request: Request) -> Completion:
        if request.inputs["question"] == "refused?":
            raise Refused("too_long", "9 of 8")
        return Completion(
            choices=tuple(Choice(content=f"Answer: {sample}", reasoning="r r") for sample in range(request.samples))
        )


def sample(*questions: Question, samples: int = 3) -> list[Trace | Rejection]:
    return list(
        sample_traces(
            ((q, CONTEXT) for q in questions),
            TracesConfig(samples=samples),
            Inference(Fixed()),
            lambda text: len(text.split()),
            seed=1,
        )
    )


def test_every_sample_ends_as_a_trace_or_a_rejection() -> None:
    """Accepted questions give a row a sample, refused ones a rejection a sample, others nothing."""
    rows = sample(question("a"), question("refused"), question("no", accepted=False), question("b"))
    assert [type(row).__name__ for row in rows] == ["Trace"] * 3 + ["Rejection"] * 3 + ["Trace"] * 3
    assert [row.sample for row in rows if isinstance(row, Trace)] == [0, 1, 2, 0, 1, 2]
    assert [row.item_id for row in rows if isinstance(row, Rejection)] == [make_id("refused", s) for s in range(3)]


def test_tokens_are_those_of_reasoning_and_content() -> None:
    """Two words of reasoning and two of content are four tokens."""
    (row, *_) = sample(question("a"))
    assert isinstance(row, Trace)
    assert (row.n_tokens, row.answer, row.reasoning, row.content) == (4, "0", "r r", "Answer: 0")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<think>\nIt is Ines.\n</think>\n\nAnswer: 1", ("It is Ines.", "Answer: 1")),
        ("It is Ines.\n</think>\nAnswer: 1", ("It is Ines.", "Answer: 1")),
        ("<think>It is", ("It is", "")),
        ("Answer: 1", ("", "Answer: 1")),
    ],
)
def test_reasoning_is_separated(content: str, expected: tuple[str, str]) -> None:
    """Also with a missing opening tag, and where the model was cut off while it thought."""
    assert separate(Choice(content=content)) == expected


def test_reasoning_given_apart_is_taken_as_it_is() -> None:
    """A server that separates reasoning itself is believed."""
    assert separate(Choice(content=" Answer: 1 ", reasoning=" r ")) == ("r", "Answer: 1")


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("Answer: 340", "340"),
        ("Answer: 14\nNo, wrong.\nAnswer: 340", "340"),
        ("**Answer:** 340 crowns", "340 crowns"),
        ("**Final answer: `tide_gain`**", "tide_gain"),
        ("The answer is 340.", None),
        ("Answer:", None),
        ("", None),
    ],
)
def test_the_last_stated_answer_counts(content: str, answer: str | None) -> None:
    """Only an answer that is stated as such counts, in the form that the prompt asks for."""
    assert extract_answer(content) == answer
