"""Verdicts: every trace is scored, and the traces of a question fall into answer groups.

    questions with their traces → one verdict a trace: valid, exact match, judge, correct, answer group

With a reference that must be matched, each distinct answer is compared with the reference: exact match, else the judge,
once a distinct answer. Those that match are one group, the rest group by exact match only. Without it, the groups by
exact match are ordered by size, then by answer; each is compared by the judge with the heads before it and joins the
first that it equals, both orders agreeing. There are no chains of verdicts, since their errors multiply: four answers
at 5 % false "same" a pair give 26 % false merges. Nothing depends on the order of traces.

Of several votes a comparison, "equal" needs more than half of all that were asked for; what cannot be read or was
refused counts against it. Else the verdict is "not equal" where as many say so as say "equal", which a draw is, and
null where nobody could be read or only those that are missing could have decided.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz

from longhop.answers import matches_any, normalize
from longhop.engines import Completion, Request
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.recipe import ScoringConfig, SelectionConfig
from longhop.records import Question, Trace, Verdict, make_seed
from longhop.replies.verdicts import read_verdict

__all__ = ["VERSION", "evidence_cited", "is_valid", "judge_agreement", "score_traces"]

VERSION = 2
"""Raise it when the same input gives other rows."""

_BATCH = 64  # questions whose judge requests go out together
_CITED = 85  # likeness of a quote and the trace's words from which it counts as cited, of 100
_TYPOGRAPHY = str.maketrans(dict.fromkeys("‘’‛", "'") | dict.fromkeys("“”„", '"') | dict.fromkeys("‐‑–—", "-"))


@dataclass
class _Scored:
    """A question on its way to its verdicts. Answers are known by their normal form."""

    question: Question
    traces: list[Trace]
    forms: list[str | None] = field(default_factory=list)
    """Normal form of each trace's answer; None for an invalid trace."""
    answers: dict[str, str] = field(default_factory=dict)
    """Normal form: the smallest answer written so, which stands for all of them before the judge."""
    sizes: dict[str, int] = field(default_factory=dict)
    exact: dict[str, bool] = field(default_factory=dict)
    judged: dict[str, bool | None] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Normal form: why the judge's verdict on it is null, where it was asked."""
    heads: dict[str, str] = field(default_factory=dict)
    """Normal form: that of the head of its group."""
    right: set[str] = field(default_factory=set)
    """Normal forms of the answers that count as right."""

    def __post_init__(self) -> None:
        question = self.question
        references = [question.reference_answer, *question.aliases]
        compared: set[str] = set()
        for trace in self.traces:
            if trace.answer is None or not is_valid(trace):
                self.forms.append(None)
                continue
            answer, form = trace.answer, normalize(trace.answer, question.question, question.answer_type)
            self.forms.append(form)
            self.sizes[form] = self.sizes.get(form, 0) + 1
            if answer in compared:
                continue
            compared.add(answer)
            self.answers[form] = min(answer, self.answers.get(form, answer))
            # Answers of one form are one answer, so what one of them matches all do.
            if not self.exact.get(form):
                self.exact[form] = matches_any(answer, references, question.question, question.answer_type)

    def ordered(self) -> list[str]:
        """Normal forms, the most frequent first, equally frequent ones in their own order."""
        return sorted(self.answers, key=lambda form: (-self.sizes[form], form))


def is_valid(trace: Trace) -> bool:
    """Whether a trace takes part in the vote: it was not cut off and states an answer."""
    return trace.answer is not None and trace.finish_reason != "length"


def score_traces(
    questions: Iterable[tuple[Question, Sequence[Trace]]],
    config: ScoringConfig,
    selection: SelectionConfig,
    judge: Inference,
    seed: int,
) -> Iterator[Verdict]:
    """Score the traces of questions.

    Args:
        questions: Questions with all their traces, in any order of the traces.
        config: When the judge is asked, and how often.
        selection: Whether the reference must be matched.
        judge: What compares answers that differ in their normal form.
        seed: The recipe's seed.

    Yields:
        A verdict for each trace, in the order given.
    """
    iterator = iter(questions)
    while batch := [_Scored(question, list(traces)) for question, traces in itertools.islice(iterator, _BATCH)]:
        if selection.must_match_reference:
            _compare_with_reference(batch, config, judge, seed)
        else:
            _compare_with_heads(batch, config, judge, seed)
        for scored in batch:
            yield from _verdicts(scored, judge.model)


def _compare_with_reference(batch: list[_Scored], config: ScoringConfig, judge: Inference, seed: int) -> None:
    asked = [
        (scored, form)
        for scored in batch
        for form in scored.ordered()
        if config.ask == "always" or (config.ask == "when_no_exact_match" and not scored.exact[form])
    ]
    requests = (
        _request(
            "judge",
            {
                "question": scored.question.question,
                "reference": scored.question.reference_answer,
                "answer": scored.answers[form],
            },
            scored.question,
            config,
            seed,
        )
        for scored, form in asked
    )
    for (scored, form), answered in zip(asked, judge.run(requests), strict=True):
        scored.judged[form], failed = _vote(answered, config.votes)
        if failed:
            scored.failed[form] = failed
    for scored in batch:
        right = [form for form in scored.ordered() if scored.exact[form] or scored.judged.get(form)]
        scored.right = set(right)
        for form in scored.answers:
            scored.heads[form] = right[0] if form in scored.right else form


def _compare_with_heads(batch: list[_Scored], config: ScoringConfig, judge: Inference, seed: int) -> None:
    """In rounds: each question has one comparison open at a time, all questions of the batch together."""
    walks = [_Walk(scored, ask=config.ask != "never") for scored in batch]
    while open_walks := [walk for walk in walks if walk.pair() is not None]:
        requests = [
            _request(
                "compare",
                {"question": walk.scored.question.question, "first": first, "second": second},
                walk.scored.question,
                config,
                seed,
            )
            for walk in open_walks
            for first, second in walk.both_orders()
        ]
        said = [_vote(answered, config.votes) for answered in judge.run(requests)]
        for number, walk in enumerate(open_walks):
            walk.step(said[2 * number], said[2 * number + 1])
    for scored in batch:
        exact = {scored.heads[form] for form in scored.answers if scored.exact[form]}
        scored.right = {form for form in scored.answers if scored.heads[form] in exact}


class _Walk:
    """One question's way through its answers: each goes from head to head until it equals one."""

    def __init__(self, scored: _Scored, *, ask: bool) -> None:
        self.scored = scored
        self._waiting = scored.ordered() if ask else []
        self._heads: list[str] = []
        self._at = 0
        if not ask:
            scored.heads = {form: form for form in scored.answers}
        self._settle()

    def pair(self) -> tuple[str, str] | None:
        """Head and answer to be compared next, as normal forms."""
        return (self._heads[self._at], self._waiting[0]) if self._waiting else None

    def both_orders(self) -> list[tuple[str, str]]:
        head, form = self._heads[self._at], self._waiting[0]
        first, second = self.scored.answers[head], self.scored.answers[form]
        return [(first, second), (second, first)]

    def step(self, first: tuple[bool | None, str], second: tuple[bool | None, str]) -> None:
        """Take the verdicts of both orders, each with why it is null; an unreadable one counts as not equal."""
        (one, failed), (other, failed_too) = first, second
        form = self._waiting[0]
        if one and other:
            self.scored.heads[form] = self._heads[self._at]
            self.scored.judged[form] = True
            self._waiting.pop(0)
            self._at = 0
        else:
            # Where both orders must agree, one readable "not equal" is an answer; without any the verdict stays null.
            differs = one is False or other is False
            self.scored.judged[form] = False if differs else self.scored.judged.get(form)
            self._at += 1
        if self.scored.judged[form] is None:
            self.scored.failed[form] = failed or failed_too
        else:
            self.scored.failed.pop(form, None)
        self._settle()

    def _settle(self) -> None:
        """An answer that has passed all heads is a head itself."""
        if self._waiting and self._at == len(self._heads):
            form = self._waiting.pop(0)
            self._heads.append(form)
            self.scored.heads[form] = form
            self._at = 0


def _request(prompt: str, inputs: dict[str, str], question: Question, config: ScoringConfig, seed: int) -> Request:
    return Request(
        prompt=prompt,
        inputs=inputs,
        seed=make_seed(seed, prompt, question.question_id, *inputs.values()),
        samples=config.votes,
        affinity=question.question_id,
    )


def _vote(answered: Completion | Refused, votes: int) -> tuple[bool | None, str]:
    """The verdict of several votes, and why it is null where it is."""
    if isinstance(answered, Refused):
        return None, "refused"
    said = [verdict for choice in answered.choices if (verdict := read_verdict(choice.content)) is not None]
    equal = sum(said)
    if 2 * equal > max(votes, len(answered.choices)):
        return True, ""
    if said and 2 * equal <= len(said):
        return False, ""
    return None, "undecided" if said else "unreadable"


def _verdicts(scored: _Scored, model: str) -> Iterator[Verdict]:
    sizes: dict[str, int] = {}
    for member, head in scored.heads.items():
        sizes[head] = sizes.get(head, 0) + scored.sizes[member]
    groups = {head: number for number, head in enumerate(sorted(sizes, key=lambda head: (-sizes[head], head)))}
    for trace, form in zip(scored.traces, scored.forms, strict=True):
        exact = form is not None and scored.exact[form]
        judged = scored.judged.get(form) if form is not None else None
        yield Verdict(
            trace_id=trace.trace_id,
            question_id=trace.question_id,
            sample=trace.sample,
            valid=form is not None,
            exact_match=exact,
            judge=judged,
            correct=form in scored.right,
            answer_group=groups[scored.heads[form]] if form is not None else None,
            evidence_cited=evidence_cited(scored.question, trace),
            model=model,
            normal_form=form,
            judge_failed=scored.failed.get(form) if form is not None else None,
        )


def judge_agreement(verdicts: Iterable[Verdict]) -> Counter[tuple[bool, bool | None]]:
    """How exact match and judge agree, over the distinct answers of each question.

    Keys are `exact_match` and `judge` of an answer: six at most. Under `must_match_reference` both speak of the
    reference; without it, the judge compared the answer with the heads of groups. Null is what was not asked, refused
    or unreadable; `ask: always` fills the row of the exact matches.
    """
    distinct = {
        (verdict.question_id, verdict.normal_form): (verdict.exact_match, verdict.judge)
        for verdict in verdicts
        if verdict.valid
    }
    return Counter(distinct.values())


def evidence_cited(question: Question, trace: Trace) -> float:
    """Share of the question's quotes that the trace cites, 0 to 1; 0 where there is no evidence."""
    if not question.evidence:
        return 0.0
    text = _words(f"{trace.reasoning} {trace.content}")
    return sum(_cites(text, _words(evidence.quote)) for evidence in question.evidence) / len(question.evidence)


def _words(text: str) -> str:
    return " ".join(text.translate(_TYPOGRAPHY).casefold().split())


def _cites(text: str, quote: str) -> bool:
    # partial_ratio looks for the shorter in the longer: a trace of one word is no citation of the quote that holds it.
    if len(text) < len(quote):
        return fuzz.ratio(quote, text, score_cutoff=_CITED) > 0
    return quote in text or fuzz.partial_ratio(quote, text, score_cutoff=_CITED) > 0
