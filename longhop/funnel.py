"""The funnel of questions: how many of each kind came to each check, how many fell there, at how many tokens.

    >>> funnel(run.questions())
    [FunnelRow(kind='bridge', check='steps', seen=40, fell=0, tokens=0), …]

It is counted from the `checks` of the questions themselves, which hold every check up to the one that failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from longhop.records import Question

__all__ = ["FunnelRow", "funnel", "over_kinds"]


class FunnelRow(msgspec.Struct, frozen=True, kw_only=True):
    """One check and the questions of one kind."""

    kind: str
    check: str
    seen: int
    """Questions that came to the check and that it applies to."""
    fell: int
    """Questions that it rejected."""
    tokens: int
    """Of the prompts that it sent; 0 for a check that looks."""

    def plus(self, other: FunnelRow) -> FunnelRow:
        """The same check and kind over more questions."""
        return FunnelRow(
            kind=self.kind,
            check=self.check,
            seen=self.seen + other.seen,
            fell=self.fell + other.fell,
            tokens=self.tokens + other.tokens,
        )


def funnel(questions: pl.DataFrame | pl.LazyFrame | Iterable[Question | Mapping[str, Any]]) -> list[FunnelRow]:
    """Count a table of questions, records or rows, by kind and check.

    Args:
        questions: Each has `kind` and `checks`; other columns are not read.

    Returns:
        Rows by kind in the order of the alphabet, within a kind in the order in which the checks ran.
    """
    counts: dict[tuple[str, str], list[int]] = {}
    orders: list[list[str]] = []
    for kind, checks in _checked(questions):
        orders.append([name for name, _, _ in checks])
        for name, passed, tokens in checks:
            count = counts.setdefault((kind, name), [0, 0, 0])
            count[0] += 1
            count[1] += not passed
            count[2] += tokens
    places = {name: place for place, name in enumerate(_order(orders))}
    return [
        FunnelRow(kind=kind, check=check, seen=seen, fell=fell, tokens=tokens)
        for (kind, check), (seen, fell, tokens) in sorted(
            counts.items(), key=lambda item: (item[0][0], places[item[0][1]])
        )
    ]


def over_kinds(rows: Iterable[FunnelRow]) -> list[FunnelRow]:
    """The same with all kinds taken together, under the kind `all`."""
    rows = list(rows)
    by_kind: dict[str, list[str]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row.check)
    together = []
    for check in _order(list(by_kind.values())):
        same = [row for row in rows if row.check == check]
        together.append(
            FunnelRow(
                kind="all",
                check=check,
                seen=sum(row.seen for row in same),
                fell=sum(row.fell for row in same),
                tokens=sum(row.tokens for row in same),
            )
        )
    return together


def _checked(
    questions: pl.DataFrame | pl.LazyFrame | Iterable[Question | Mapping[str, Any]],
) -> Iterable[tuple[str, list[tuple[str, bool, int]]]]:
    if isinstance(questions, pl.LazyFrame):
        questions = questions.select("kind", "checks").collect()
    rows: Iterable[Question | Mapping[str, Any]]
    rows = (
        questions.select("kind", "checks").iter_rows(named=True) if isinstance(questions, pl.DataFrame) else questions
    )
    for row in rows:
        if isinstance(row, Question):
            yield row.kind, [(check.name, check.passed, check.tokens) for check in row.checks]
        else:
            # Tables that an earlier version wrote have no tokens.
            checks = row["checks"] or ()
            yield row["kind"], [(check["name"], check["passed"], check.get("tokens") or 0) for check in checks]


def _order(orders: Sequence[Sequence[str]]) -> list[str]:
    """All names in an order that agrees with each of the given ones, which leave out some."""
    known: list[str] = []
    for names in sorted({tuple(order) for order in orders}, key=lambda names: (-len(names), names)):
        place = 0
        for name in names:
            if name in known:
                place = known.index(name) + 1
            else:
                known.insert(place, name)
                place += 1
    return known
