"""Examples: of each question's traces the shortest one of the majority, or a reason why there is none.

    questions with their traces and verdicts → one example or one rejection a question

Votes are counted over all samples that were asked for, so that missing and invalid ones count against a majority. A tie
is a case of its own and never settled by who came first. What the choice saves is told beside it: the tokens of the
shortest and longest trace of the group, and of a random one, which is their mean and no draw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean

import msgspec

from longhop.recipe import SelectionConfig
from longhop.records import Context, Example, Models, Question, Rejection, Trace, Verdict

__all__ = ["REASONS", "VERSION", "Attempts", "select_examples"]

VERSION = 2
"""Raise it when the same input gives other rows."""


REASONS = (
    "no_valid_trace",
    "tie",
    "no_majority",
    "majority_not_reference",
    "too_hard",
    "too_easy",
    "too_little_evidence",
)
"""Why a question has no example: nobody answered; the largest groups are equal; the largest is not more than half of
all samples; the largest does not say what the reference says; it has a smaller, or a larger, share of all samples than
`keep_agreement` allows; no trace of it cites as much evidence as is asked."""


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """A question with all that was tried on it."""

    question: Question
    context: Context
    """Its context; the text is not read here and may be empty."""
    traces: Sequence[Trace]
    verdicts: Sequence[Verdict]


def select_examples(
    attempts: Iterable[Attempts],
    config: SelectionConfig,
    samples: int,
    models: Models,
    count_example: Callable[[Question, Trace], int],
) -> Iterator[Example | Rejection]:
    """Choose the trace of every accepted question; questions that were not accepted are passed over.

    Args:
        attempts: Questions with their contexts, traces and verdicts.
        config: The recipe's `selection`.
        samples: How many samples were asked for.
        models: Who wrote, answered and judged.
        count_example: Tokens of the contents of all messages that the example will have.

    Yields:
        An example or a rejection for each accepted question, in their order.
    """
    for attempt in attempts:
        if not attempt.question.accepted:
            continue
        chosen = _choose(attempt, config, samples)
        if isinstance(chosen, Rejection):
            yield chosen
        else:
            yield _example(attempt, *chosen, samples, models, count_example)


def _choose(attempt: Attempts, config: SelectionConfig, samples: int) -> tuple[Trace, int] | Rejection:
    """The chosen trace and the size of its group."""
    question_id = attempt.question.question_id
    verdicts = {verdict.trace_id: verdict for verdict in attempt.verdicts if verdict.valid}
    sizes = Counter(verdict.answer_group for verdict in verdicts.values())

    def rejected(reason: str, detail: str) -> Rejection:
        return Rejection(stage="examples", item_id=question_id, reason=reason, detail=detail)

    if not sizes:
        return rejected("no_valid_trace", f"0 of {samples} samples state an answer")
    votes = max(sizes.values())
    largest = {group for group, size in sizes.items() if size == votes}
    counted = f"groups of {', '.join(map(str, sorted(sizes.values(), reverse=True)))} of {samples} samples"
    if len(largest) > 1 and (config.ties == "drop" or config.rule == "majority"):
        return rejected("tie", counted)
    if config.rule == "majority" and 2 * votes <= samples:
        return rejected("no_majority", counted)
    agreeing = [
        trace for trace in attempt.traces if trace.trace_id in verdicts and _in(verdicts[trace.trace_id], largest)
    ]
    # The shortest trace may be a guess that came out right: what it cites of the evidence tells.
    admitted = [trace for trace in agreeing if verdicts[trace.trace_id].evidence_cited >= config.min_evidence]
    # The equal tokens of two traces leave the smaller sample, so the choice does not depend on who came first.
    trace = min(admitted or agreeing, key=lambda trace: (trace.n_tokens, trace.sample))
    if config.must_match_reference and not verdicts[trace.trace_id].correct:
        detail = f"the majority says {trace.answer!r}, the reference {attempt.question.reference_answer!r}; {counted}"
        return rejected("majority_not_reference", detail)
    least, most = config.keep_agreement
    if not least - _CLOSE <= votes / samples <= most + _CLOSE:
        detail = f"the group has {votes / samples:.3g} of the samples, [{least:g}, {most:g}] are kept; {counted}"
        return rejected("too_hard" if votes / samples < least else "too_easy", detail)
    if not admitted:
        most = max(verdicts[trace.trace_id].evidence_cited for trace in agreeing)
        detail = f"no trace cites {config.min_evidence:.0%} of the evidence, the best {most:.0%}; {counted}"
        return rejected("too_little_evidence", detail)
    return trace, votes


_CLOSE = 1e-9  # shares such as 0.3 are no exact binary numbers


def _in(verdict: Verdict, groups: set[int | None]) -> bool:
    return verdict.answer_group in groups


def _example(
    attempt: Attempts,
    trace: Trace,
    votes: int,
    samples: int,
    models: Models,
    count_example: Callable[[Question, Trace], int],
) -> Example:
    question, context = attempt.question, attempt.context
    groups = {verdict.trace_id: verdict.answer_group for verdict in attempt.verdicts if verdict.valid}
    tokens = [other.n_tokens for other in attempt.traces if groups.get(other.trace_id) == groups[trace.trace_id]]
    return Example(
        question_id=question.question_id,
        context_id=context.context_id,
        split=context.split,
        question=question.question,
        answer=trace.answer or "",
        reference_answer=question.reference_answer,
        reasoning=trace.reasoning,
        content=trace.content,
        trace_id=trace.trace_id,
        n_traces=samples,
        votes=votes,
        agreement=votes / samples,
        target_tokens=context.target_tokens,
        context_tokens=context.n_tokens,
        trace_tokens=trace.n_tokens,
        shortest_tokens=min(tokens),
        random_tokens=fmean(tokens),
        longest_tokens=max(tokens),
        example_tokens=count_example(question, trace),
        documents=context.documents,
        licenses=sorted({document.license for document in context.documents if document.license}),
        evidence=question.evidence,
        kind=question.kind,
        n_steps=question.n_steps,
        models=models,
    )
