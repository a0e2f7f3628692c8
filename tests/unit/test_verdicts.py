"""Traces are scored against the reference or among themselves, never through chains of verdicts."""

import itertools
import json
import random
from collections.abc import Callable

import pytest

from longhop.engines import Request
from longhop.engines.scripted import ScriptedEngine
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.recipe import ScoringConfig, SelectionConfig
from longhop.records import Evidence, Question, Trace, Verdict, make_id
from longhop.replies.verdicts import read_verdict
from longhop.stages.verdicts import evidence_cited, judge_agreement, score_traces

QUESTION = Question(
    question_id="q",
    context_id="c",
    kind="bridge",
    question="Who?",
    reference_answer="Ines Halvorsen",
    aliases=["I. Halvorsen"],
    answer_type="name",
    n_steps=2,
    steps=[],
    evidence=[
        Evidence(document_id="d", quote="She memorised every rock\nof the sound.", start=0, end=9, score=1.0),
        Evidence(document_id="e", quote="Nobody else paid 340 crowns into the chest.", start=9, end=19, score=1.0),
    ],
    checks=[],
    accepted=True,
    rejected_by=None,
    model="w",
)

Judge = Callable[[str, str], str]


class Scripted(ScriptedEngine):
    """A judge that says what a function of the two answers says, `|` between votes."""

    def __init__(self, judge: Judge) -> None:
        def reply(request: Request) -> list[str]:
            said = judge(*pair(request)).split("|")
            return [said[sample % len(said)] for sample in range(request.samples)]

        super().__init__(reply, model="judge")

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [pair(request) for request in self.requests]


def pair(request: Request) -> tuple[str, str]:
    first, second = ("reference", "answer") if request.prompt == "judge" else ("first", "second")
    return request.inputs[first], request.inputs[second]


def traces(*answers: str | None) -> list[Trace]:
    return [
        Trace(
            trace_id=make_id("q", sample),
            question_id="q",
            sample=sample,
            reasoning="",
            content=f"Answer: {answer}",
            answer=answer,
            n_tokens=10,
            finish_reason="stop",
            model="r",
        )
        for sample, answer in enumerate(answers)
    ]


def same_first_letter(first: str, second: str) -> str:
    return json.dumps({"equal": first[:1].lower() == second[:1].lower()})


def score(
    rows: list[Trace], judge: Judge = same_first_letter, *, must_match: bool = True, **scoring: object
) -> tuple[list[Verdict], Scripted]:
    engine = Scripted(judge)
    verdicts = score_traces(
        [(QUESTION, rows)],
        ScoringConfig.model_validate(scoring),
        SelectionConfig(must_match_reference=must_match),
        Inference(engine),
        seed=1,
    )
    return list(verdicts), engine


def test_the_judge_is_asked_once_a_distinct_answer_that_is_no_exact_match() -> None:
    """Equal answers cost one request, exact ones none."""
    verdicts, engine = score(traces("Ines Halvorsen", "ines halvorsen.", "Ines", "INES", "Tobias", None))
    assert engine.asked == [("Ines Halvorsen", "INES"), ("Ines Halvorsen", "Tobias")]
    assert [v.exact_match for v in verdicts] == [True, True, False, False, False, False]
    assert [v.judge for v in verdicts] == [None, None, True, True, False, None]
    assert [v.correct for v in verdicts] == [True, True, True, True, False, False]
    assert [v.answer_group for v in verdicts] == [0, 0, 0, 0, 1, None]


def test_an_alias_is_an_exact_match() -> None:
    """Whatever alias is given, nobody is asked."""
    verdicts, engine = score(traces("I. Halvorsen"))
    assert (verdicts[0].exact_match, engine.asked) == (True, [])


def test_a_trace_that_was_cut_off_is_invalid() -> None:
    """Even if it states an answer."""
    (cut,) = traces("Ines Halvorsen")
    rows = [Trace(**{f: getattr(cut, f) for f in cut.__struct_fields__} | {"finish_reason": "length"})]
    (verdict,), _ = score(rows)
    assert (verdict.valid, verdict.correct, verdict.answer_group) == (False, False, None)


@pytest.mark.parametrize(("ask", "asked"), [("never", 0), ("when_no_exact_match", 1), ("always", 2)])
def test_when_the_judge_is_asked(ask: str, asked: int) -> None:
    """As the recipe says."""
    _, engine = score(traces("Ines Halvorsen", "Ines"), ask=ask)
    assert len(engine.asked) == asked


@pytest.mark.parametrize(
    ("said", "judged"),
    [
        ('{"equal": true}|{"equal": true}|{"equal": false}', True),
        ('{"equal": true}|{"equal": false}|rubbish', False),
        ("rubbish|rubbish|{}", None),
    ],
)
def test_several_votes_take_the_majority_of_the_readable(said: str, *, judged: bool | None) -> None:
    """A draw is not equal, none readable is null and not equal."""
    verdicts, _ = score(traces("Ines"), lambda *_: said, votes=3)
    assert verdicts[0].judge is judged
    assert verdicts[0].correct is bool(judged)


@pytest.mark.parametrize(
    ("said", "votes", "judged", "failed"),
    [
        ('{"equal": true}|{"equal": false}', 2, False, None),  # a draw
        ('{"equal": true}|{"equal": true}|hm', 3, True, None),
        ('{"equal": true}|hm|hm', 3, None, "undecided"),  # one of three is no majority
        ('{"equal": true}|{"equal": true}|hm|hm', 4, None, "undecided"),
        ('{"equal": false}|hm|hm', 3, False, None),
        ("hm", 3, None, "unreadable"),
    ],
)
def test_equal_needs_more_than_half_of_all_votes(said: str, votes: int, *, judged: bool | None, failed: str) -> None:
    """What cannot be read counts against it; why a verdict is null is noted."""
    verdicts, _ = score(traces("Ines"), lambda *_: said, votes=votes)
    assert (verdicts[0].judge, verdicts[0].judge_failed) == (judged, failed)


def test_agreement_counts_distinct_answers_once() -> None:
    """By exact match and judge; invalid traces are none."""
    rows = traces("Ines Halvorsen", "I. Halvorsen", "INES", "Ines", "Tobias", "Tobias", None)
    verdicts, _ = score(rows, ask="always")
    assert judge_agreement(verdicts) == {(True, True): 2, (False, True): 1, (False, False): 1}
    verdicts, _ = score(rows, lambda *_: "hm")
    assert judge_agreement(verdicts) == {(True, None): 2, (False, None): 2}
    assert [v.judge_failed for v in verdicts] == [None, None, *["unreadable"] * 4, None]


def test_a_null_between_heads_says_why_until_another_head_answers() -> None:
    """The last word counts: a readable "not equal" of a later head is an answer."""
    verdicts, _ = score(traces("a", "b"), lambda *_: "hm", must_match=False)
    assert [v.judge_failed for v in verdicts] == [None, "unreadable"]
    verdicts, _ = score(traces("a", "b", "c"), lambda *two: "hm" if "a" in two else "false", must_match=False)
    assert [(v.judge, v.judge_failed) for v in verdicts] == [(None, None), (None, "unreadable"), (False, None)]


def test_a_judge_that_refuses_is_null() -> None:
    """A refusal is no verdict."""

    def refuse(*_: str) -> str:
        raise Refused("content", "no")

    verdicts, _ = score(traces("Ines"), refuse)
    assert (verdicts[0].judge, verdicts[0].correct, verdicts[0].judge_failed) == (None, False, "refused")


def test_without_a_reference_answers_join_the_first_head_they_equal() -> None:
    """Heads by size, both orders asked; the reference is noted and not followed."""
    verdicts, engine = score(traces("tobias", "tobias", "Tom", "Marta"), must_match=False)
    assert [v.answer_group for v in verdicts] == [0, 0, 0, 1]
    assert [v.judge for v in verdicts] == [None, None, True, False]
    assert not any(v.correct for v in verdicts)
    assert ("tobias", "Tom") in engine.asked
    assert ("Tom", "tobias") in engine.asked


def test_both_orders_must_agree() -> None:
    """A judge that prefers what comes first merges nothing."""
    verdicts, _ = score(traces("a", "b"), lambda first, _: json.dumps({"equal": first == "a"}), must_match=False)
    assert {v.answer_group for v in verdicts} == {0, 1}


@pytest.mark.parametrize(
    ("one", "other", "judged"),
    [("hm", "hm", None), ('{"equal": true}', "hm", None), ('{"equal": false}', "hm", False), ("hm", "false", False)],
)
def test_an_unreadable_comparison_is_null_and_not_equal(one: str, other: str, *, judged: bool | None) -> None:
    """Unless the other order says "not equal", which is enough."""
    verdicts, _ = score(traces("a", "b"), lambda first, _: one if first == "a" else other, must_match=False)
    assert [v.judge for v in verdicts] == [None, judged]
    assert {v.answer_group for v in verdicts} == {0, 1}


def test_there_are_no_chains() -> None:
    """A equals B, B equals C, but C is compared with the head A only."""
    near = {frozenset("ab"), frozenset("bc")}
    verdicts, _ = score(
        traces("a", "a", "a", "b", "b", "c"),
        lambda first, second: json.dumps({"equal": frozenset((first, second)) in near}),
        must_match=False,
    )
    assert [v.answer_group for v in verdicts] == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("must_match", [True, False])
def test_the_order_of_traces_does_not_matter(*, must_match: bool) -> None:
    """Every permutation gives each trace the same verdict."""
    rows = traces("Ines", "Ivo", "tobias", "Tom", "Marta", None, "marta", "Tobias")
    expected, _ = score(rows, must_match=must_match)
    by_id = {verdict.trace_id: verdict for verdict in expected}
    for seed in range(20):
        shuffled = random.Random(seed).sample(rows, len(rows))
        verdicts, _ = score(shuffled, must_match=must_match)
        assert {verdict.trace_id: verdict for verdict in verdicts} == by_id


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        ('{"equal": true}', True),
        ('```json\n{"equal": false}\n```', False),
        ("<think>maybe true</think>\nfalse", False),
        ("Yes.", True),
        ("equal: no", False),
        ("It is not true that they are equal.", None),
        ("true or false", None),
        ('{"equal": "true"}', True),
        ("{'equal': False}", False),
        ('{\n  "equal": true\n}', True),
        ('{"reason": "both {1, 2}", "equal": false}', False),
        ("**True**", True),
        ("Equal: **false**.", False),
        ('"yes"', True),
        ('They mean the same.\n\n{"equal": true}', True),
        ('{"equal": false}\n\nThe dates differ.', False),
        ('Thus:\n```json\n{"equal": true}\n```', True),
        ('<think>{"equal": true}', None),
        ('Reply with {"equal": true} or {"equal": false}', None),
        ('{"equal": true}\nor\n{"equal": false}', None),
        ('It is not {"equal": true}', None),
        ('{"equal": null}', None),
        ('{"equal": tr', None),
        ("[true]", None),
        ("1", None),
        ("", None),
    ],
)
def test_a_verdict_is_read_by_itself_or_not_at_all(content: str, *, verdict: bool | None) -> None:
    """As the whole reply, or as JSON on lines of its own: a search for a word would find the true of "not true"."""
    assert read_verdict(content) is verdict


def test_evidence_is_cited_when_its_words_are() -> None:
    """Line breaks and small slips do not matter, other words do."""
    (row,) = traces("x")
    fields = {f: getattr(row, f) for f in row.__struct_fields__}
    cites = Trace(**fields | {"reasoning": 'It says: "She memorized every rock of the sound." So it is Ines.'})
    assert evidence_cited(QUESTION, cites) == 0.5
    assert evidence_cited(QUESTION, row) == 0


def test_a_trace_of_one_word_cites_nothing() -> None:
    """Though the word stands in the quote; half a quote is none either."""
    (row,) = traces("x")
    fields = {f: getattr(row, f) for f in row.__struct_fields__}
    assert evidence_cited(QUESTION, Trace(**fields | {"content": "rock"})) == 0
    assert evidence_cited(QUESTION, Trace(**fields | {"content": "paid 340 crowns"})) == 0
    assert evidence_cited(QUESTION, Trace(**fields | {"content": "NOBODY ELSE paid 340 crowns into the chest"})) == 0.5


def test_a_unit_that_the_question_names_may_be_left_out() -> None:
    """`14` and `14 years` are one group, `14 days` another, and nobody is asked about the first two."""
    fields = {f: getattr(QUESTION, f) for f in QUESTION.__struct_fields__}
    question = Question(**fields | {"question": "How many years was it dark?", "reference_answer": "14", "aliases": []})
    engine = Scripted(lambda *_: '{"equal": false}')
    rows = [(question, traces("14 years", "fourteen", "14 days", "14"))]
    verdicts = list(score_traces(rows, ScoringConfig(), SelectionConfig(), Inference(engine), seed=1))
    assert [v.answer_group for v in verdicts] == [0, 0, 1, 0]
    assert [v.exact_match for v in verdicts] == [True, True, False, True]
    assert engine.asked == [("14", "14 days")]


def test_an_identifier_is_compared_by_case() -> None:
    """And with or without backticks."""
    fields = {f: getattr(QUESTION, f) for f in QUESTION.__struct_fields__}
    question = Question(**fields | {"answer_type": "identifier", "reference_answer": "Tide", "aliases": []})
    engine = Scripted(lambda *_: '{"equal": false}')
    rows = [(question, traces("`Tide`", "Tide", "tide"))]
    verdicts = list(score_traces(rows, ScoringConfig(), SelectionConfig(), Inference(engine), seed=1))
    assert [v.correct for v in verdicts] == [True, True, False]


def test_a_judge_that_errs_merges_no_more_than_it_errs() -> None:
    """A judge that says "same" of 5 % of what differs: the right group holds a wrong answer in about 5 % of questions.

    Chains of verdicts would make it 26 % with four answers (DESIGN.md, section 8).
    """
    answers = ["right", "wrong", "false", "other"]

    def errs(request: Request) -> str:
        asked = f"{request.inputs['question']} {request.inputs['answer']}"
        return json.dumps({"equal": int(make_id("errs", asked), 16) % 100 < 5})

    fields = {f: getattr(QUESTION, f) for f in QUESTION.__struct_fields__}
    rows = [
        (
            Question(**fields | {"question": f"Which {number}?", "reference_answer": "right", "aliases": []}),
            traces(*answers),
        )
        for number in range(2000)
    ]
    verdicts = list(score_traces(rows, ScoringConfig(), SelectionConfig(), Inference(ScriptedEngine(errs)), seed=1))
    wrong = [v for v in verdicts if v.sample > 0]
    assert 0.03 <= sum(v.correct for v in wrong) / len(wrong) <= 0.07
    assert all(v.correct for v in verdicts if v.sample == 0)


def test_groups_are_the_same_however_many_questions_go_together() -> None:
    """Batches of rounds do not mix questions."""
    pairs = list(itertools.repeat((QUESTION, traces("Ines", "Tom", "tobias")), 130))
    verdicts = list(
        score_traces(
            pairs,
            ScoringConfig(),
            SelectionConfig(must_match_reference=False),
            Inference(Scripted(same_first_letter)),
            seed=1,
        )
    )
    assert [v.answer_group for v in verdicts[:3]] * 130 == [v.answer_group for v in verdicts]
