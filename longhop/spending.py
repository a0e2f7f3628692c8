"""What engines were asked and gave, in tokens, and what that costs.

    >>> spent = Spent.of(Usage(prompt_tokens=8_000, cached_tokens=6_000, completion_tokens=500))
    >>> spent.money({"input": 1.0, "cached": 0.1, "output": 4.0})
    0.0046

Prices are per million tokens, in any one currency; a price of cached tokens that is not given is that of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Self

import msgspec

from longhop.engines import Usage

__all__ = ["Prices", "Spending", "Spent", "costs_said", "price_of", "together"]

Prices = Mapping[Literal["input", "cached", "output"], float]


class Spent(Usage, frozen=True, kw_only=True):
    """What one role was asked and gave, as servers counted; completions that were kept from before are not in it."""

    requests: int = 0

    @classmethod
    def of(cls, usage: Usage) -> Self:
        """One request."""
        return cls(requests=1, **msgspec.structs.asdict(usage))

    def money(self, prices: Prices) -> float | None:
        """What it costs; None without prices."""
        return price_of(self.prompt_tokens - self.cached_tokens, self.cached_tokens, self.completion_tokens, prices)


Spending = dict[str, Spent]
"""By role."""


def price_of(computed: float, cached: float, generated: float, prices: Prices) -> float | None:
    """What tokens cost that were computed, found in a cache, and generated; None without prices."""
    if not prices:
        return None
    dear = prices.get("input", 0.0)
    return (computed * dear + cached * prices.get("cached", dear) + generated * prices.get("output", 0.0)) / 1e6


def together(spendings: Iterable[Mapping[str, Spent]]) -> Spending:
    """The sum of several, by role."""
    total: Spending = {}
    for spending in spendings:
        for role, spent in spending.items():
            total[role] = total.get(role, Spent()) + spent
    return total


def costs_said(spending: Mapping[str, Spent], prices: Mapping[str, Prices]) -> list[str]:
    """What part of the prompts servers had computed before, and what roles with prices cost, in words."""
    all_of_it = sum(spending.values(), Spent())
    share = all_of_it.cached_tokens / all_of_it.prompt_tokens if all_of_it.prompt_tokens else 0.0
    said = [f"{share:.0%} of the prompts cached"] if share else []
    costs = [spent.money(prices.get(role, {})) for role, spent in spending.items()]
    known = [cost for cost in costs if cost is not None]
    if known:
        money = sum(known)
        said.append(f"{money:,.2f} spent" if money >= 1 else f"{money:.2g} spent")
    return said
