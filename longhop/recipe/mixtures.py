"""Mixtures: how many contexts of each length, where a recipe gives shares of a whole.

    >>> counted({"contexts": {"count": 1000, "lengths": {"8k": 0.5, "128k": 0.3, "1m": 0.2}}})[0]["contexts"]
    {'lengths': {'8k': 500, '128k': 300, '1m': 200}}
    >>> counted({"contexts": {"tokens": "50m", "lengths": {"8k": 0.5, "128k": 0.5}}})[0]["contexts"]
    {'lengths': {'8k': 3200, '128k': 200}}

With `contexts.count` the shares are of the contexts, with `contexts.tokens` of their tokens; without either, `lengths`
has numbers of contexts, and that is what it has in a recipe as resolved. A larger whole gives no length fewer contexts,
so that a plan grows by it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any

from longhop.errors import Problem
from longhop.recipe.file import key_path, shortened
from longhop.recipe.whole import parse_tokens

__all__ = ["counted"]

_WHOLES = {"count": "contexts", "tokens": "tokens of contexts"}


def counted(values: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """A recipe's plain values with numbers of contexts in the place of shares, and what is wrong with the shares.

    What is wrong is told once: then the lengths that are left are such that nothing else is said of them.
    """
    contexts = values.get("contexts")
    if not isinstance(contexts, dict) or not isinstance(contexts.get("lengths"), dict):
        return values, []
    given = [key for key in _WHOLES if contexts.get(key) is not None]
    lengths: dict[Any, Any] = contexts["lengths"]
    if not given and not any(map(_is_share, lengths.values())):
        return values, []
    rest = {key: value for key, value in contexts.items() if key not in _WHOLES}
    problems = _problems(contexts, lengths, given) if given else [_without_whole(lengths)]
    numbers = dict.fromkeys(lengths, 1) if problems else _numbers(contexts, lengths, given[0])
    return {**values, "contexts": {**rest, "lengths": numbers}}, problems


def _is_share(value: object) -> bool:
    return isinstance(value, float) and 0 < value < 1


def _without_whole(lengths: Mapping[Any, Any]) -> Problem:
    shares = ", ".join(f"{length}: {value}" for length, value in lengths.items() if _is_share(value))
    expected = "numbers of contexts, or shares with `count: 1000` (of the contexts) or `tokens: 50m` (of their tokens)"
    return Problem("contexts.lengths", f"shares ({shares}) of nothing", expected)


def _problems(contexts: Mapping[str, Any], lengths: Mapping[Any, Any], given: list[str]) -> list[Problem]:
    problems = []
    if len(given) > 1:
        problems.append(Problem("contexts.count", "`count` beside `tokens`", "one of them: what the shares are of"))
    for key in given:
        value = contexts[key]
        try:
            fine = isinstance(value, int | str) and parse_tokens(value) >= 1
        except ValueError:
            fine = False
        if not fine or (key == "count" and not isinstance(value, int)):
            wanted = "a whole number of contexts, at least 1" if key == "count" else "a number of tokens such as 50m"
            problems.append(Problem(f"contexts.{key}", shortened(value), wanted))
    whole = _WHOLES[given[0]]
    for length, share in lengths.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            said = f"a share above 0, up to 1, since `contexts.{given[0]}` is there: of the {whole}"
            problems.append(Problem(key_path(("contexts", "lengths", str(length))), shortened(share), said))
    if not problems and lengths and abs(sum(lengths.values()) - 1) > 1e-6:
        problems.append(Problem("contexts.lengths", f"shares that sum to {sum(lengths.values()):g}", "a sum of 1"))
    return problems


def _numbers(contexts: Mapping[str, Any], lengths: Mapping[Any, float], key: str) -> dict[Any, int]:
    """Contexts of each length, one at least."""
    whole = parse_tokens(contexts[key])
    if key == "count":
        return {length: max(1, number) for length, number in _apportioned(lengths, whole).items()}
    numbers = {}
    for length, share in lengths.items():
        try:
            numbers[length] = max(1, int(share * whole / max(1, parse_tokens(length)) + 0.5))
        except ValueError:
            numbers[length] = 1  # told with the other lengths
    return numbers


def _apportioned(shares: Mapping[Any, float], whole: int) -> dict[Any, int]:
    """Whole numbers that sum to `whole`, by Webster's method: a larger whole takes from no share."""
    numbers = {key: max(0, int(share * whole) - len(shares)) for key, share in shares.items()}
    heap = [(-share / (2 * numbers[key] + 1), place, key) for place, (key, share) in enumerate(shares.items())]
    heapq.heapify(heap)
    for _ in range(whole - sum(numbers.values())):
        _, place, key = heap[0]
        numbers[key] += 1
        heapq.heapreplace(heap, (-shares[key] / (2 * numbers[key] + 1), place, key))
    return numbers
