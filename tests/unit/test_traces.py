"""Traces are sampled, their reasoning separated and their answers extracted."""

import time
from pathlib import Path

import pytest

from longhop.answers import exact_match
from longhop.engines import Choice, Completion, Request
from longhop.engines.scripted import ScriptedEngine
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.recipe import TracesConfig
from longhop.records import Context, Question, Rejection, Trace, make_id
from longhop.replies.answers import extract_answer, separate
from longhop.stages.traces import sample_traces

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
        ("<think>\nAnswer: 14", ("Answer: 14", "")),
        ("It is Ines.\nAnswer: 1", ("", "It is Ines.\nAnswer: 1")),
    ],
)
def test_reasoning_is_separated(content: str, expected: tuple[str, str]) -> None:
    """Also with a missing opening tag, and where the model was cut off while it thought."""
    assert separate(Choice(content=content)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("It is Ines.\n\nAnswer: 1", ("It is Ines.", "Answer: 1")),
        ("Answer: 14\nNo.\n**Answer:** 1\n", ("Answer: 14\nNo.", "**Answer:** 1")),
        ("It is Ines.\nSo $\\boxed{1}$.", ("It is Ines.", "So $\\boxed{1}$.")),
        ("**Reasoning:** It is Ines.\n\n**Answer:** 1", ("It is Ines.", "**Answer:** 1")),
        ("Reasoning:\nIt is Ines.\nAnswer: 1\nShe paid it.", ("It is Ines.", "Answer: 1\nShe paid it.")),
        ("Answer: 1", ("", "Answer: 1")),
        ("It is Ines.", ("It is Ines.", "")),
        ("<think>It is Ines.</think>\nShe paid.\nAnswer: 1", ("It is Ines.", "She paid.\nAnswer: 1")),
    ],
)
def test_prompted_reasoning_is_what_comes_before_the_answer(content: str, expected: tuple[str, str]) -> None:
    """Unless the model marks it by tags, as those do that reason by themselves."""
    assert separate(Choice(content=content), prompted=True) == expected


def test_reasoning_given_apart_is_taken_as_it_is() -> None:
    """A server that separates reasoning itself is believed."""
    for prompted in (True, False):
        assert separate(Choice(content=" a\nAnswer: 1 ", reasoning=" r "), prompted=prompted) == ("r", "a\nAnswer: 1")


def test_reasoning_that_a_server_separates_halfway_is_put_together() -> None:
    """What it leaves in the content up to the closing tag is no answer."""
    choice = Choice(content="Answer: 14? No.\n</think>\nAnswer: 1", reasoning="r")
    assert separate(choice) == ("r\n\nAnswer: 14? No.", "Answer: 1")


def test_reasoning_is_asked_for_where_the_recipe_says_so() -> None:
    """And then separated; a model that reasons by itself is sent nothing about it."""
    said = "It is Ines.\nAnswer: 340"
    for reasoning, inputs, expected in (
        ("prompted", {"reasoning": "prompted"}, ("It is Ines.", "Answer: 340")),
        ("native", {}, ("", said)),
    ):
        engine = ScriptedEngine(lambda _: said)
        config = TracesConfig.model_validate({"samples": 1, "reasoning": reasoning})
        (row,) = sample_traces([(question("a"), CONTEXT)], config, Inference(engine), lambda t: len(t.split()), seed=1)
        assert isinstance(row, Trace)
        assert engine.requests[0].inputs == {"context": CONTEXT.text, "question": "a?", **inputs}
        assert (row.reasoning, row.content, row.answer, row.n_tokens) == (*expected, "340", 5)


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("Answer: 340", "340"),
        ("Answer: 14\nNo, wrong.\nAnswer: 340", "340"),
        ("**Answer:** 340 crowns", "340 crowns"),
        ("**Answer**: 340", "340"),
        ("**Answer: 340**", "340"),
        ("**Answer: 340**.", "340"),
        ("**Answer:** **340**", "340"),
        ("**Final answer: `tide_gain`**", "tide_gain"),
        ("_Answer: 340_", "340"),
        ("### Final Answer: 340", "340"),
        ("> Answer: 340", "340"),
        ("- Answer: 340", "340"),
        ("* Answer: *340*", "340"),
        ("3. **Answer:** 340", "340"),
        ("The final answer: 340", "340"),
        ("The answer is: 340", "340"),
        ("ANSWER: FIVE", "FIVE"),
        ("Answer：340", "340"),
        ("So it is.\r\nAnswer: 340\r\n\r\n", "340"),
        ("Answer: 340.", "340"),
        ("Answer: 1,234.50 km.", "1,234.50 km"),
        ('Answer: "Ines Halvorsen".', "Ines Halvorsen"),
        ("Answer: “Skarn”", "Skarn"),
        ("Answer: 'a' and 'b'", "'a' and 'b'"),
        ("Answer: J. R. R.", "J. R. R."),
        ("Answer: The answer is 61 months.", "61 months"),
        ("Answer: -5", "-5"),
        ("Answer: __init__", "__init__"),
        ("Answer: foo_", "foo_"),
        ("Answer: **kwargs", "**kwargs"),
        ("Answer: $\\boxed{\\text{Skarn}}$", "Skarn"),
        ("Answer: \\(42\\)", "42"),
        ("Answer:\n340", "340"),
        ("**Answer:**\n\n340 crowns.", "340 crowns"),
        ("Answer:\n```\ntide_gain\n```", "tide_gain"),
        ("## Answer\n\n`tide_gain`", "tide_gain"),
        ("**Final Answer**\n\n$\\boxed{85\\%}$", "85%"),
        ("Answer:\n- Skarn\n- Vigga\n\nThat is all.", "Skarn; Vigga"),
        ("Answer:\nAnswer: 340", "340"),
        ("Answer: 340\n\nAnswer: <the answer>", "340"),
        ("Thus $x = \\boxed{340}$.", "340"),
        ("First \\boxed{14}, then \\boxed{340}", "340"),
        ("\\boxed{14}\nAnswer: 340", "340"),
        ("The answer is 340.", None),
        ("I conclude that the answer is: 340", None),
        ("It was she. Answer: 340", None),
        ("Answer: <the answer>", None),
        ("Answer: [your answer]", None),
        ("Answer: $ANSWER", None),
        ("Answer: …", None),
        ("Answer:", None),
        ("Answer", None),
        ("Answer:\n\n" + "It is told that " * 20, None),
        ("Answer:\n\n## Sources", None),
        ("\\boxed{}", None),
        ("\\boxed{34", None),
        ("Answers: 340", None),
        ("", None),
    ],
)
def test_the_last_stated_answer_counts(content: str, answer: str | None) -> None:
    """Only an answer that is stated as such counts, on a line of its own; one that repeats the form is none."""
    assert extract_answer(content) == answer


PAIRS = [
    answer
    for line in Path(__file__).with_name("answer_pairs.tsv").read_text(encoding="utf-8").splitlines()[1:]
    for answer in line.split("\t")[2:4]
]


@pytest.mark.parametrize("form", ["Answer: {}", "**Answer:** {}", "Answer:\n\n{}"])
def test_what_is_extracted_is_the_answer_that_was_given(form: str) -> None:
    """What is trimmed are signs that the comparison of answers passes over, too."""
    for answer in PAIRS:
        if answer.startswith("- ") and form.endswith("\n\n{}"):
            continue  # below its label that is the item of a list
        got = extract_answer(form.format(answer))
        assert got is not None, answer
        # Backticks make code of a bare word; without them it is compared by the type of the question's answer.
        quoted = answer.startswith("`")
        assert exact_match(got, answer) or (quoted and got == answer.strip("`")), answer


@pytest.mark.parametrize("text", ["Answer:\n" * 5_000, "Answer: " + "\\boxed{" * 2_000, "Answer: " + '"' * 20_001])
def test_traces_that_run_in_circles_cost_little(text: str) -> None:
    """A model that loops writes the same until it is cut off."""
    began = time.perf_counter()
    extract_answer(text)
    assert time.perf_counter() - began < 2
