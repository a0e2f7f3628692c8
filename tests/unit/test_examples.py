"""The shortest trace of the majority, or a reason."""

import pytest

from longhop.recipe import SelectionConfig
from longhop.records import Context, ContextDocument, Example, Models, Question, Rejection, Trace, Verdict
from longhop.stages.examples import Attempts, select_examples

CONTEXT = Context(
    context_id="c",
    split="train",
    target_tokens=64,
    n_tokens=60,
    text="",
    documents=[
        ContextDocument(
            document_id=name, kind="book", title=name, source=name, license=licence, start=0, end=1, n_tokens=1
        )
        for name, licence in (("a", "MIT"), ("b", None), ("c", "CC0-1.0"), ("d", "MIT"))
    ],
)


def question(*, accepted: bool = True) -> Question:
    return Question(
        question_id="q",
        context_id="c",
        kind="bridge",
        question="Who?",
        reference_answer="1",
        aliases=[],
        answer_type="name",
        n_steps=2,
        steps=[],
        evidence=[],
        checks=[],
        accepted=accepted,
        rejected_by=None,
        model="w",
    )


def select(
    *votes: tuple[int | None, int],
    samples: int = 8,
    right: int | None = 0,
    accepted: bool = True,
    cited: list[float] | None = None,
    **config: object,
) -> Example | Rejection | None:
    """Each vote is (answer group, tokens); None for an invalid trace."""
    rows = [
        Trace(
            trace_id=f"t{sample}",
            question_id="q",
            sample=sample,
            reasoning="r",
            content="c",
            answer=None if group is None else str(group),
            n_tokens=tokens,
            finish_reason="stop",
            model="r",
        )
        for sample, (group, tokens) in enumerate(votes)
    ]
    verdicts = [
        Verdict(
            trace_id=f"t{sample}",
            question_id="q",
            sample=sample,
            valid=group is not None,
            exact_match=group == right and group is not None,
            judge=None,
            correct=group == right and group is not None,
            answer_group=group,
            evidence_cited=cited[sample] if cited else 0.0,
            model="j",
        )
        for sample, (group, _) in enumerate(votes)
    ]
    attempt = Attempts(question=question(accepted=accepted), context=CONTEXT, traces=rows, verdicts=verdicts)
    chosen = list(
        select_examples(
            [attempt],
            SelectionConfig.model_validate(config),
            samples,
            Models(writer="w", reader="r", judge="j"),
            lambda _, trace: trace.n_tokens + 100,
        )
    )
    return chosen[0] if chosen else None


def test_a_trace_must_cite_as_much_evidence_as_the_recipe_asks() -> None:
    """The shortest is a guess that cites half; the shortest that cites all is chosen, or none."""
    votes = [(0, 10), (0, 50), (0, 40), (0, 60)]
    cited = [0.5, 1.0, 1.0, 1.0]
    row = select(*votes, samples=4, cited=cited, min_evidence=0.9)
    assert isinstance(row, Example)
    assert (row.trace_id, row.votes) == ("t2", 4)
    row = select(*votes, samples=4, cited=cited)
    assert isinstance(row, Example)
    assert row.trace_id == "t0"
    assert reason(select(*votes, samples=4, cited=[0.5] * 4, min_evidence=0.9)) == "too_little_evidence"
    assert reason(select(*votes, samples=4, right=1, cited=[0.5] * 4, min_evidence=0.9)) == "majority_not_reference"


def test_the_shortest_trace_of_the_majority_is_chosen() -> None:
    """A shorter one of another group is not; equal tokens leave the smaller sample."""
    row = select((0, 50), (1, 10), (0, 40), (0, 40), (0, 60), (0, 70), (None, 1), (2, 5))
    assert isinstance(row, Example)
    assert (row.trace_id, row.votes, row.n_traces, row.agreement) == ("t2", 5, 8, 5 / 8)
    assert (row.trace_tokens, row.example_tokens, row.context_tokens) == (40, 140, 60)
    assert row.licenses == ["CC0-1.0", "MIT"]


def reason(row: Example | Rejection | None) -> str:
    assert isinstance(row, Rejection)
    return row.reason


def test_a_majority_is_more_than_half_of_all_samples() -> None:
    """Samples that are missing or invalid count against it."""
    assert reason(select((0, 1), (0, 1), (0, 1), (0, 1), (1, 1))) == "no_majority"
    assert reason(select(*[(0, 1)] * 4)) == "no_majority"
    assert isinstance(select(*[(0, 1)] * 5), Example)
    assert isinstance(select(*[(0, 1)] * 4, rule="plurality"), Example)


def test_a_tie_is_a_case_of_its_own() -> None:
    """Dropped, or settled by the shortest trace, never by who came first."""
    tied = [(1, 9), (0, 5), (0, 7), (1, 6)]
    assert reason(select(*tied)) == "tie"
    assert reason(select(*tied, rule="plurality")) == "tie"
    row = select(*tied, rule="plurality", ties="shortest")
    assert isinstance(row, Example)
    assert row.trace_id == "t1"


def test_the_majority_must_be_the_reference_unless_the_recipe_says_otherwise() -> None:
    """Five wrong traces make no example, or do."""
    wrong = [(1, 9)] * 5 + [(0, 1)] * 3
    assert reason(select(*wrong)) == "majority_not_reference"
    assert isinstance(select(*wrong, must_match_reference=False), Example)


def test_a_band_of_difficulty_leaves_out_what_is_too_hard_and_too_easy() -> None:
    """The share of all samples in the chosen group, both ends included."""
    three, all_eight = [(0, 1)] * 3 + [(1, 1), (2, 1)], [(0, 1)] * 8
    assert isinstance(select(*three, rule="plurality"), Example)
    assert isinstance(select(*three, rule="plurality", keep_agreement=[0.375, 1.0]), Example)
    assert reason(select(*three, rule="plurality", keep_agreement=[0.4, 1.0])) == "too_hard"
    assert isinstance(select(*all_eight, keep_agreement=[0.25, 1.0]), Example)
    assert reason(select(*all_eight, keep_agreement=[0.25, 0.9])) == "too_easy"
    assert isinstance(select(*[(0, 1)] * 3, samples=10, rule="plurality", keep_agreement=[0.3, 0.3]), Example)
    assert reason(select(*[(1, 1)] * 8, keep_agreement=[0.0, 0.5])) == "majority_not_reference"
    with pytest.raises(ValueError, match="least <= most"):
        SelectionConfig(keep_agreement=[0.9, 0.1])


def test_an_example_tells_what_the_choice_saves() -> None:
    """Shortest, mean and longest of its group, not of others, and also of those that cite too little."""
    row = select(
        (0, 10), (0, 20), (0, 60), (0, 30), (0, 80), (1, 1), (None, 900), cited=[0.0] + [1.0] * 6, min_evidence=0.5
    )
    assert isinstance(row, Example)
    assert (row.trace_tokens, row.shortest_tokens, row.random_tokens, row.longest_tokens) == (20, 10, 40.0, 80)


def test_without_a_valid_trace_there_is_no_example() -> None:
    """Also where no trace came at all."""
    assert reason(select((None, 1), (None, 1))) == "no_valid_trace"
    assert reason(select()) == "no_valid_trace"


def test_questions_that_were_not_accepted_are_passed_over() -> None:
    """They are rejections of the stage before."""
    assert select((0, 1), accepted=False) is None
