"""What the card says in figures, counted from the tables of a run, part by part.

    >>> facts = ExampleFacts()
    >>> facts.add(part, published)
    >>> facts.votes.most_common(1)
    [((7, 8), 24)]

Numbers are kept and rows are not, except the first example, which the card shows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

import msgspec

from longhop.funnel import FunnelRow, funnel
from longhop.publish.dataset import PartTables
from longhop.records import Rejection, Verdict, from_table
from longhop.stages.verdicts import judge_agreement

__all__ = ["ExampleFacts", "PictureFile", "SourceFacts", "excluded_facts", "parts_named", "source_facts"]

_NUMBERS = 8


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Documents of one kind and licence."""

    kind: str
    license: str
    documents: int
    tokens: int
    years: tuple[int, int] | None = None
    """The first and the last that documents give; None where none gives one."""
    languages: Mapping[str, int] = {}
    """Documents by the language that they give, the most frequent first."""


class PictureFile(msgspec.Struct, frozen=True, kw_only=True):
    """A picture beside the card and what it says."""

    path: str
    """Its name below the card's folder."""
    title: str
    says: str
    """One sentence with the figures that matter."""


class ExampleFacts:
    """What the card says about contexts and examples, gathered part by part."""

    def __init__(self) -> None:
        self.first: dict[str, Any] | None = None
        self.checks: dict[tuple[str, str], FunnelRow] = {}
        """Questions by kind and check."""
        self.contexts: Counter[int] = Counter()
        """Contexts by target length."""
        self.filled: Counter[int] = Counter()
        """Their tokens by target length."""
        self.lengths: Counter[int] = Counter()
        self.kinds: Counter[str] = Counter()
        self.votes: Counter[tuple[int, int]] = Counter()
        """Examples by votes and traces."""
        self.compared: Counter[tuple[bool, bool | None]] = Counter()
        """Distinct answers of all questions by exact match and judge."""
        self.judge_failed: Counter[str] = Counter()
        """Traces whose answer the judge was asked about and said nothing of, by why."""
        self.chosen: list[int] = []
        self.shortest: list[int] = []
        self.typical: list[float] = []
        self.longest: list[int] = []
        self.longest_example = 0
        """Tokens of all messages of the longest example."""

    def add(self, part: PartTables, published: frozenset[str]) -> None:
        """Take the tables of a part in."""
        for counted in funnel(part.questions.select(["kind", "checks"]).to_pylist()):
            known = self.checks.get((counted.kind, counted.check))
            self.checks[counted.kind, counted.check] = counted if known is None else known.plus(counted)
        for row in part.contexts.select(["target_tokens", "n_tokens"]).to_pylist():
            self.contexts[row["target_tokens"]] += 1
            self.filled[row["target_tokens"]] += row["n_tokens"]
        verdicts = from_table(part.verdicts, Verdict)
        groups = {verdict.trace_id: verdict.answer_group for verdict in verdicts}
        self.compared += judge_agreement(verdicts)
        self.judge_failed += Counter(verdict.judge_failed for verdict in verdicts if verdict.judge_failed)
        tokens: dict[tuple[str, int], list[int]] = {}
        for row in part.traces.select(["trace_id", "question_id", "n_tokens"]).to_pylist():
            group = groups.get(row["trace_id"])
            if group is not None:
                tokens.setdefault((row["question_id"], group), []).append(row["n_tokens"])
        for row in part.examples.to_pylist():
            if row["question_id"] not in published:
                continue
            self.first = self.first or row
            self.lengths[row["target_tokens"]] += 1
            self.kinds[row["kind"]] += 1
            self.votes[row["votes"], row["n_traces"]] += 1
            same = tokens[row["question_id"], groups[row["trace_id"]] or 0]
            self.chosen.append(row["trace_tokens"])
            self.shortest.append(min(same))
            self.typical.append(mean(same))
            self.longest.append(max(same))
            self.longest_example = max(self.longest_example, row["example_tokens"])


def parts_named(numbers: Sequence[int]) -> str:
    """Parts of a run by their numbers, as `part 2` or `parts 2, 4`; of many the first."""
    more = ", …" if len(numbers) > _NUMBERS else ""
    return f"part{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:_NUMBERS]))}{more}"


def excluded_facts(rejections: Iterable[Rejection]) -> dict[str, int]:
    """How many documents each file of `documents.exclude` has left out; the details begin with its name."""
    overlaps = (rejection.detail for rejection in rejections if rejection.reason == "overlaps_evaluation")
    return dict(Counter(detail.partition(": a text in it has ")[0] for detail in overlaps))


def source_facts(documents: Iterable[Mapping[str, Any]]) -> list[SourceFacts]:
    """Documents by kind and licence.

    Args:
        documents: Rows with `kind`, `license` and `n_tokens`, and with `year` and `language` where they are known.
    """
    count: Counter[tuple[str, str]] = Counter()
    tokens: Counter[tuple[str, str]] = Counter()
    years: dict[tuple[str, str], list[int]] = defaultdict(list)
    languages: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in documents:
        key = (row["kind"], row["license"] or "not given")
        count[key] += 1
        tokens[key] += row["n_tokens"]
        if (year := row.get("year")) is not None:
            years[key] = [min([year, *years[key]]), max([year, *years[key]])]
        if language := row.get("language"):
            languages[key][language] += 1
    return [
        SourceFacts(
            kind=kind,
            license=licence,
            documents=count[kind, licence],
            tokens=tokens[kind, licence],
            years=(years[kind, licence][0], years[kind, licence][-1]) if years[kind, licence] else None,
            languages=dict(languages[kind, licence].most_common()),
        )
        for kind, licence in sorted(count)
    ]
