"""Verdicts and the choice that follows hold whatever the traces say and whatever the judge thinks."""

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from longhop.answers import exact_match
from longhop.engines import Request
from longhop.engines.scripted import ScriptedEngine
from longhop.inference import Inference
from longhop.recipe import ScoringConfig, SelectionConfig
from longhop.records import Context, Example, Models, Question, Rejection, Trace, Verdict, make_id
from longhop.stages.examples import REASONS, Attempts, select_examples
from longhop.stages.verdicts import score_traces

CONTEXT = Context(context_id="c", split="train", target_tokens=8, n_tokens=8, text="", documents=[])
QUESTION = Question(
    question_id="q",
    context_id="c",
    kind="bridge",
    question="How many crowns?",
    reference_answer="340",
    aliases=["three hundred and forty"],
    answer_type="number",
    n_steps=2,
    steps=[],
    evidence=[],
    checks=[],
    accepted=True,
    rejected_by=None,
    model="w",
)
ANSWERS = ["340", "340 crowns", "three hundred and forty", "341", "Skarn", "skarn.", "Vigga", "about 340", None]
TRACES = st.lists(st.tuples(st.sampled_from(ANSWERS), st.integers(1, 3), st.booleans()), min_size=1, max_size=8)
SCORING = st.builds(
    ScoringConfig,
    ask=st.sampled_from(["when_no_exact_match", "always", "never"]),
    votes=st.sampled_from([1, 3]),
)
SELECTION = st.builds(
    SelectionConfig,
    rule=st.sampled_from(["majority", "plurality"]),
    ties=st.sampled_from(["drop", "shortest"]),
    must_match_reference=st.booleans(),
)


def opinion(seed: int) -> ScriptedEngine:
    """A judge of no consistency: neither symmetric nor transitive, at times unreadable; but the same each time."""

    def reply(request: Request) -> list[str]:
        asked = sorted(request.inputs.items())
        return [
            ('{"equal": true}', '{"equal": false}', "hm")[int(make_id(seed, asked, sample), 16) % 3]
            for sample in range(request.samples)
        ]

    return ScriptedEngine(reply, model="judge")


def rows(traces: list[tuple[str | None, int, bool]]) -> list[Trace]:
    return [
        Trace(
            trace_id=f"t{sample}",
            question_id="q",
            sample=sample,
            reasoning="",
            content="",
            answer=answer,
            n_tokens=tokens,
            finish_reason="length" if cut else "stop",
            model="r",
        )
        for sample, (answer, tokens, cut) in enumerate(traces)
    ]


def judged(
    traces: list[Trace], scoring: ScoringConfig, selection: SelectionConfig, seed: int
) -> tuple[list[Verdict], Example | Rejection]:
    verdicts = list(score_traces([(QUESTION, traces)], scoring, selection, Inference(opinion(seed)), seed=1))
    (row,) = select_examples(
        [Attempts(question=QUESTION, context=CONTEXT, traces=traces, verdicts=verdicts)],
        selection,
        len(traces),
        Models(writer="w", reader="r", judge="judge"),
        lambda _question, _trace: 0,
    )
    return verdicts, row


@settings(max_examples=60, deadline=None)
@given(TRACES, SCORING, SELECTION, st.integers(0, 99), st.randoms(use_true_random=False))
def test_invariants_four_to_six(
    given_traces: list[tuple[str | None, int, bool]],
    scoring: ScoringConfig,
    selection: SelectionConfig,
    seed: int,
    rng: Random,
) -> None:
    """A verdict a trace, a row a question; no order matters; the chosen answer is right or was itself judged equal."""
    traces = rows(given_traces)
    verdicts, row = judged(traces, scoring, selection, seed)
    shuffled = rng.sample(traces, len(traces))
    again, other = judged(shuffled, scoring, selection, seed)

    assert [verdict.trace_id for verdict in verdicts] == [trace.trace_id for trace in traces]
    assert other == row
    assert {verdict.trace_id: verdict for verdict in again} == {verdict.trace_id: verdict for verdict in verdicts}

    by_id = {verdict.trace_id: verdict for verdict in verdicts}
    for trace in traces:
        verdict = by_id[trace.trace_id]
        assert verdict.valid == (trace.answer is not None and trace.finish_reason == "stop")
        assert (verdict.answer_group is None) == (not verdict.valid)
        assert not verdict.exact_match or verdict.correct
    sizes = Counter(verdict.answer_group for verdict in verdicts if verdict.valid)
    assert sorted(group for group in sizes if group is not None) == list(range(len(sizes)))
    assert [sizes[group] for group in range(len(sizes))] == sorted(sizes.values(), reverse=True)

    if isinstance(row, Rejection):
        assert row.reason in REASONS
        return
    chosen = by_id[row.trace_id]
    members = [trace for trace in traces if by_id[trace.trace_id].answer_group == chosen.answer_group]
    assert row.votes == len(members) == max(sizes.values())
    assert row.trace_tokens == min(trace.n_tokens for trace in members)
    if selection.must_match_reference:
        assert chosen.exact_match or chosen.judge is True
    else:
        heads = [trace.answer or "" for trace in members if by_id[trace.trace_id].judge is not True]
        assert all(exact_match(head, heads[0], QUESTION.question) for head in heads)
        assert chosen.judge is True or row.answer in heads
