"""The choice among traces holds for any votes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longhop.recipe import SelectionConfig
from longhop.records import Context, Example, Models, Question, Trace, Verdict
from longhop.stages.examples import Attempts, select_examples

CONTEXT = Context(context_id="c", split="train", target_tokens=8, n_tokens=8, text="", documents=[])
QUESTION = Question(
    question_id="q",
    context_id="c",
    kind="bridge",
    question="?",
    reference_answer="0",
    aliases=[],
    answer_type="name",
    n_steps=2,
    steps=[],
    evidence=[],
    checks=[],
    accepted=True,
    rejected_by=None,
    model="w",
)
VOTES = st.lists(st.tuples(st.sampled_from([None, 0, 1, 2]), st.integers(1, 4)), max_size=9)
CONFIG = st.builds(
    SelectionConfig,
    rule=st.sampled_from(["majority", "plurality"]),
    ties=st.sampled_from(["drop", "shortest"]),
    must_match_reference=st.booleans(),
    keep_agreement=st.sampled_from([[0.0, 1.0], [0.25, 1.0], [0.5, 0.75]]),
)


@given(VOTES, CONFIG, st.randoms(use_true_random=False))
def test_the_choice_is_the_shortest_of_a_largest_group_in_any_order(
    votes: list[tuple[int | None, int]], config: SelectionConfig, rng: object
) -> None:
    """One row a question; permuting the traces changes nothing; no admitted trace of the group is shorter."""
    rows = [
        Trace(
            trace_id=f"t{sample}",
            question_id="q",
            sample=sample,
            reasoning="",
            content="",
            answer=None if group is None else str(group),
            n_tokens=tokens,
            finish_reason="stop",
            model="r",
        )
        for sample, (group, tokens) in enumerate(votes)
    ]
    verdicts = [
        Verdict(
            trace_id=row.trace_id,
            question_id="q",
            sample=row.sample,
            valid=group is not None,
            exact_match=group == 0,
            judge=None,
            correct=group == 0,
            answer_group=group,
            evidence_cited=0.0,
            model="j",
        )
        for row, (group, _) in zip(rows, votes, strict=True)
    ]

    def select(order: list[int]) -> object:
        attempt = Attempts(
            question=QUESTION,
            context=CONTEXT,
            traces=[rows[i] for i in order],
            verdicts=[verdicts[i] for i in reversed(order)],
        )
        models = Models(writer="w", reader="r", judge="j")
        (row,) = select_examples([attempt], config, max(1, len(votes)), models, lambda _q, _t: 0)
        return row

    order = list(range(len(rows)))
    row = select(order)
    rng.shuffle(order)  # type: ignore[attr-defined]
    assert select(order) == row
    if isinstance(row, Example):
        sizes = Counter(group for group, _ in votes if group is not None)
        group = votes[int(row.trace_id[1:])][0]
        assert group is not None
        assert row.votes == sizes[group] == max(sizes.values())
        assert row.trace_tokens == min(
            tokens for other, tokens in votes if other is not None and sizes[other] == row.votes
        )
        assert config.keep_agreement[0] <= row.agreement <= config.keep_agreement[1]
        assert row.shortest_tokens <= row.random_tokens <= row.longest_tokens
        assert row.agreement == pytest.approx(row.votes / len(votes))
        if config.rule == "majority":
            assert 2 * row.votes > len(votes)
        if config.must_match_reference:
            assert group == 0
