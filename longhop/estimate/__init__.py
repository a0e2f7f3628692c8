"""What a recipe will cost, before anything is sent: requests, tokens, hours, money, disk, by stage and length.

    longhop estimate recipe.yaml --from runs/sample --prefill-rate 8000 --decode-rate 1200

    >>> estimate = Builder(recipe).estimate()
    >>> estimate.total.generated_tokens, estimate.money
    (21400000.0, 63.2)

How it is made is in `longhop/estimate/costs.py`; here it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from longhop.estimate.foreseen import ASKING, Load
from longhop.showing import Showable

__all__ = ["Estimate", "Rates", "Row", "length_of", "size_of", "total_of"]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens a second of all servers of an engine together; None where not known."""

    prefill: float | None = None
    decode: float | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One stage's share in the contexts of one length."""

    asks: str
    """`writing` and `checks` (both of the stage `questions`), `traces`, `verdicts`."""
    role: str
    length: int
    """Target length in tokens."""
    contexts: int
    load: Load
    hours: float | None
    """None where no rates are known."""
    money: float | None
    """None where the engine has no prices."""
    questions: float = 0.0
    """That traces are sampled of: fewer than requests, where a context's first one is computed by itself."""


class Estimate(Showable):
    """What a build will take."""

    def __init__(
        self,
        name: str,
        rows: list[Row],
        disk: dict[str, float],
        basis: list[str],
        notes: list[str],
        spread: float | None,
    ) -> None:
        self.name = name
        self.rows = rows
        self.disk = disk
        """Bytes by what takes them."""
        self.basis = basis
        """What the figures rest on: what was measured, or each assumption."""
        self.notes = notes
        self.spread = spread
        """How far the tokens of traces may be off by chance alone, as a share; None where they are assumed."""

    @property
    def total(self) -> Load:
        """All stages and lengths together."""
        return total_of(self.rows)

    @property
    def hours(self) -> float | None:
        """One stage after the other; None where rates of a stage are not known."""
        return _added(row.hours for row in self.rows)

    @property
    def money(self) -> float | None:
        """At the prices of the engines that have some; None where none has."""
        known = [row.money for row in self.rows if row.money is not None]
        return sum(known) if known else None

    @property
    def accepted(self) -> float:
        """Questions that will be accepted."""
        return sum(row.questions for row in self.rows if row.asks == "traces")

    def of(self, asks: str, length: int | None = None) -> Load:
        """What one stage asks, for one length or all."""
        return total_of([row for row in self.rows if row.asks == asks and length in (None, row.length)])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, then disk and what it all rests on."""
        contexts = {row.length: row.contexts for row in self.rows}
        yield Text(
            f"{self.name}: {sum(contexts.values()):,} contexts, about {_short(self.accepted)} accepted questions"
        )
        yield self._table()
        yield Text("prefill: tokens of all prompts; with reuse: what they have in common computed once")
        if self.spread is not None:
            yield Text(f"traces may be off by {self.spread:.0%} by chance alone (one standard deviation)")
        total = sum(self.disk.values())
        parts = ", ".join(f"{name} {size_of(size)}" for name, size in self.disk.items())
        yield Text(f"disk: about {size_of(total)} ({parts})")
        yield Text()
        for line in self.basis:
            yield Text(line)
        for line in self.notes:
            yield Text(f"note: {line}")

    def _table(self) -> Table:
        hours = any(row.hours is not None for row in self.rows)
        money = self.money is not None
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("stage", no_wrap=True)
        for name in ("length", "requests", "prefill", "with reuse", "generated"):
            table.add_column(name, justify="right", no_wrap=True)
        if hours:
            table.add_column("hours", justify="right", no_wrap=True)
        if money:
            table.add_column("money", justify="right", no_wrap=True)

        def add(first: str, second: str, rows: list[Row], style: str = "") -> None:
            load = total_of(rows)
            numbers = (load.requests, load.prompt_tokens, load.prefilled_tokens, load.generated_tokens)
            cells = [first, second, *map(_short, numbers)]
            if hours:
                cells.append(_hours(_added(row.hours for row in rows)))
            if money:
                known = [row.money for row in rows if row.money is not None]
                cells.append(f"{sum(known):,.2f}" if known else "-")
            table.add_row(*map(Text, cells), style=style)

        for asks in ASKING:
            mine = [row for row in self.rows if row.asks == asks]
            for number, row in enumerate(mine):
                add(asks if not number else "", length_of(row.length), [row])
            if len(mine) > 1:
                add("", "all", mine, "dim")
        add("total", "", self.rows, "bold")
        return table


def total_of(rows: list[Row]) -> Load:
    """All rows together."""
    total = Load()
    for row in rows:
        total = total.plus(row.load)
    return total


def _added(values: Iterable[float | None]) -> float | None:
    found = list(values)
    return None if None in found else sum(value for value in found if value is not None)


def _short(number: float) -> str:
    """`950`, `12.3k`, `4.56M`: three digits, since no more are known."""
    if number < 999.5:
        return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"
    for factor, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")):
        if number < 999.5 * factor or unit == "T":
            value = number / factor
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}{unit}"
    raise AssertionError


def length_of(tokens: int) -> str:
    """`8k`, `1m`, or all digits."""
    for unit, factor in (("m", 1024**2), ("k", 1024)):
        if tokens % factor == 0:
            return f"{tokens // factor}{unit}"
    return f"{tokens:,}"


def size_of(size: float) -> str:
    """Bytes as people say them."""
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} TiB"


def _hours(hours: float | None) -> str:
    if hours is None:
        return "-"
    return f"{hours:,.1f}" if hours >= 0.095 else f"{hours:.3f}" if hours else "0"
