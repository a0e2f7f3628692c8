"""What the report says in figures, counted over all rows of a run, part by part.

    >>> facts = gather(ReportTables(RunTables.open("runs/sample")))
    >>> facts.fates["example"]
    Counter({'example': 56})

Texts of contexts and traces are not read here: of a million questions a few numbers each are in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from longhop.funnel import FunnelRow, funnel, over_kinds
from longhop.publish.facts import SourceFacts, source_facts
from longhop.publish.portable import without_place
from longhop.publish.report_tables import ReportTables
from longhop.run_tables import StageState
from longhop.spending import Prices, costs_said, together
from longhop.stages.verdicts import judge_agreement

__all__ = ["BINS", "FATES", "Fate", "ReportFacts", "gather"]

FATES = {
    "example": "Examples",
    "check": "Rejected by a check",
    "choice": "Traces without a choice",
    "dataset": "Left out of the dataset",
    "waiting": "Not finished yet",
}
"""What can become of a question, in the order of the report; the reason says it exactly."""
BINS = 20
"""Stretches of a context of which the report tells how much evidence lies in each."""
_TOKENS = ("shortest_tokens", "random_tokens", "longest_tokens", "trace_tokens")


class Fate(NamedTuple):
    """What became of one question."""

    question_id: str
    part: int
    kind: str
    target_tokens: int
    fate: str
    """A key of `FATES`."""
    reason: str
    """The check that it failed, why there is no choice, or the fate again."""
    detail: str
    votes: int | None
    """Traces in the largest answer group; None for a question without verdicts."""


class StageCost(NamedTuple):
    """What a stage took, over all parts."""

    state: StageState
    tokens: int
    """Tokens of its rows; of questions, those of the prompts that their checks sent."""


@dataclass
class ReportFacts:
    """All that the report's figures are made of."""

    name: str
    samples: int
    """Traces asked for, a question."""
    models: dict[str, str]
    """Who wrote, answered and judged, by role."""
    lexical: bool
    """Whether an engine without a model took part."""
    sources: list[SourceFacts]
    stages: list[StageCost]
    asked: dict[int, int]
    """Contexts asked for, by target length."""
    prices: dict[str, Prices]
    """By role; none for those without."""
    lacking: list[str]
    """What the dataset that stands lacks of what was asked for, a sentence each."""
    questions: list[Fate] = field(default_factory=list)
    funnel: list[FunnelRow] = field(default_factory=list)
    contexts: dict[int, list[int]] = field(default_factory=dict)
    """Tokens of each context by target length."""
    compared: Counter[tuple[bool, bool | None]] = field(default_factory=Counter)
    """Distinct answers by exact match and judge."""
    tokens: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _TOKENS})
    """Of each example: the shortest, the mean, the longest and the chosen trace of its group."""
    depths: Counter[int] = field(default_factory=Counter)
    """Quotes of accepted questions that were found, by the stretch of the context in which they begin."""
    agreement: list[float] = field(default_factory=list)
    """Of each example: votes over samples."""
    traces: int = 0
    trace_tokens: int = 0
    read_tokens: int = 0
    """Tokens of contexts, counted once for each question that was sampled."""

    @property
    def fates(self) -> dict[str, Counter[str]]:
        """Questions by fate and reason, the most frequent reason first."""
        counts: dict[str, Counter[str]] = {fate: Counter() for fate in FATES}
        for question in self.questions:
            counts[question.fate][question.reason] += 1
        return {fate: Counter(dict(reasons.most_common())) for fate, reasons in counts.items()}

    @property
    def n_examples(self) -> int:
        """Examples of the dataset."""
        return len(self.agreement)

    @property
    def costs(self) -> list[str]:
        """What engines were asked for all parts that are finished: share of prompts in caches, money; in words."""
        return costs_said(together(cost.state.spent for cost in self.stages), self.prices)

    @property
    def unfinished(self) -> list[StageState]:
        """Stages of which parts are missing."""
        return [cost.state for cost in self.stages if cost.state.parts is None or cost.state.built < cost.state.parts]


def gather(tables: ReportTables, left_out: Mapping[str, tuple[str, str]] | None = None) -> ReportFacts:
    """Count all tables of a run, finished or not.

    Args:
        tables: The run's.
        left_out: Reason and detail of the examples that the dataset leaves out, by question; as the dataset that is
            published says where None.

    Raises:
        StorageError: A table is missing or damaged.
    """
    recipe = tables.run.recipe
    facts = ReportFacts(
        name=tables.run.name,
        samples=recipe.traces.samples,
        models={role: without_place(str(engine.model or engine.kind)) for role, engine in recipe.engines.items()},
        lexical=any(engine.kind == "lexical" for engine in recipe.engines.values()),
        sources=source_facts(_documents(tables)),
        stages=[],
        asked=dict(recipe.contexts.lengths),
        prices={role: engine.prices for role, engine in recipe.engines.items()},
        lacking=tables.run.lacking(),
    )
    if left_out is None:
        left_out = {}
        for part in tables.parts("dataset"):
            left_out.update(tables.rejected("dataset", part))
    checks: dict[tuple[str, str], FunnelRow] = {}
    for part in sorted({*tables.parts("contexts"), *tables.parts("questions")}):
        _add(facts, tables, part, left_out, checks)
    facts.funnel = over_kinds(checks.values())
    tokens = {state.stage: tables.run.tokens(state.stage) for state in tables.states}
    tokens["questions"] = sum(row.tokens for row in facts.funnel)
    facts.stages = [StageCost(state, tokens[state.stage]) for state in tables.states]
    return facts


def _add(
    facts: ReportFacts,
    tables: ReportTables,
    part: int,
    left_out: Mapping[str, tuple[str, str]],
    checks: dict[tuple[str, str], FunnelRow],
) -> None:
    """Take one part in."""
    contexts = {row["context_id"]: row for row in tables.rows("contexts", part, _CONTEXT)}
    for row in contexts.values():
        facts.contexts.setdefault(row["target_tokens"], []).append(row["n_tokens"])
    votes = _votes(facts, tables, part)
    examples = {row["question_id"]: row for row in tables.rows("examples", part, _EXAMPLE)}
    why = tables.rejected("examples", part)
    questions = tables.rows("questions", part, _QUESTION)
    for counted in funnel(questions):
        known = checks.get((counted.kind, counted.check))
        checks[counted.kind, counted.check] = counted if known is None else known.plus(counted)
    for row in questions:
        question = row["question_id"]
        context = contexts.get(row["context_id"])
        fate, (reason, detail) = "waiting", ("waiting", "")
        if not row["accepted"]:
            fate, (reason, detail) = "check", (row["rejected_by"] or "rejected", "")
        elif question in left_out:
            fate, (reason, detail) = "dataset", left_out[question]
        elif question in examples:
            fate, (reason, detail) = "example", ("example", "")
            _add_example(facts, examples[question])
        elif question in why:
            fate, (reason, detail) = "choice", why[question]
        target = context["target_tokens"] if context else 0
        found = votes.get(question)
        facts.questions.append(Fate(question, part, row["kind"], target, fate, reason, detail, found))
        if context and found is not None:
            facts.read_tokens += context["n_tokens"]
        if context and row["accepted"]:
            _add_depths(facts, row["evidence"] or (), context["documents"] or ())


def _votes(facts: ReportFacts, tables: ReportTables, part: int) -> dict[str, int]:
    """Size of the largest answer group of each question; counts traces and verdicts on the way."""
    traces = tables.table("traces", part, ["n_tokens"])
    if traces is not None:
        facts.traces += traces.num_rows
        facts.trace_tokens += sum(traces["n_tokens"].to_pylist())
    verdicts = tables.verdicts(part)
    facts.compared += judge_agreement(verdicts)
    groups: dict[str, Counter[int]] = {}
    for verdict in verdicts:
        counted = groups.setdefault(verdict.question_id, Counter())
        if verdict.valid and verdict.answer_group is not None:
            counted[verdict.answer_group] += 1
    return {question: max(counted.values(), default=0) for question, counted in groups.items()}


def _add_example(facts: ReportFacts, row: dict[str, Any]) -> None:
    facts.agreement.append(row["agreement"])
    for name in _TOKENS:
        if row.get(name) is not None:  # tables that an earlier version wrote have fewer columns
            facts.tokens[name].append(row[name])


def _add_depths(facts: ReportFacts, evidence: Sequence[dict[str, Any]], documents: Sequence[dict[str, Any]]) -> None:
    # The last document's end is the end of the context, but for its closing delimiter; so no text need be read.
    length = max((document["end"] for document in documents), default=0)
    for quote in evidence:
        if quote["end"] > quote["start"] and length:
            facts.depths[min(BINS - 1, quote["start"] * BINS // length)] += 1


_CONTEXT = ("context_id", "target_tokens", "n_tokens", "documents")
_QUESTION = ("question_id", "context_id", "kind", "checks", "evidence", "accepted", "rejected_by")
_EXAMPLE = ("question_id", "agreement", *_TOKENS)


def _documents(tables: ReportTables) -> Iterator[dict[str, Any]]:
    """Documents that take part: no duplicates, as far as the plan says."""
    duplicates = {
        row["document_id"]
        for part in tables.parts("plan")
        for row in tables.rows("plan", part, ("document_id", "duplicate_of"))
        if row["duplicate_of"] is not None
    }
    seen: set[str] = set()
    for part in tables.parts("documents"):
        for row in tables.rows("documents", part, ("document_id", "kind", "license", "n_tokens")):
            if row["document_id"] not in duplicates and row["document_id"] not in seen:
                seen.add(row["document_id"])
                yield row
