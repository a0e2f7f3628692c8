"""Which examples are published: no two that say the same, exactly as many as asked, balanced; or what is missing.

    >>> chosen = choose_examples(examples_by_part, duplicate=0.9, most=1000)
    >>> len(chosen.question_ids)
    1000
    >>> shortfall(1000, {8192: 400, 32768: 200}, {8192: 100, 32768: 100}).contexts
    {8192: 25, 32768: 150}

Examples are taken in the order of their parts, and a run grows by parts behind those that it has: so what was chosen
once stays chosen, except where a length or a kind that had too few gets its share later.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from longhop.cleaning.near_duplicates import near_duplicates, signature
from longhop.records import Rejection

__all__ = ["COLUMNS", "Chosen", "Shortfall", "choose_examples", "shortfall"]

COLUMNS = ("question_id", "question", "target_tokens", "kind", "split")
"""Columns of the examples that the choice reads."""


class Chosen(NamedTuple):
    """Which examples are published, and why the others are not."""

    question_ids: frozenset[str]
    rejections: list[Rejection]
    lengths: dict[int, int]
    """How many are published of each target length."""


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """Fewer examples than asked for, and what would make them."""

    asked: int
    there: int
    contexts: dict[int, int]
    """Target length: how many more contexts, by the examples that a context of that length gave so far.

    Empty where no context has given any, so that nothing can be foreseen.
    """
    unfinished: bool = False
    """Whether parts of the run are missing, whose contexts are among those that would make them."""

    def __str__(self) -> str:
        said = f"{self.asked - self.there:,} of {self.asked:,} examples are missing"
        if not self.contexts:
            return f"{said}; no context has given an example yet, so more contexts alone may give none"
        more = ", ".join(f"{count:,} of {length:,} tokens" for length, count in self.contexts.items())
        do = "raise contexts.lengths by these and build again"
        if self.unfinished:
            do = "those of the missing parts among them; raise contexts.lengths by the rest and build again"
        return f"{said}; at the acceptance so far, more contexts would make them: {more} ({do})"


def choose_examples(examples: Iterable[pa.Table], duplicate: float, most: int | None) -> Chosen:
    """Which examples are published: no two questions that say the same, and `most` of them at most.

    Args:
        examples: `COLUMNS` of the examples, by part in their order.
        duplicate: Likeness of two questions from which they say the same. The one of the earlier part stays, within a
            part that of the smaller id.
        most: How many to take, spread over lengths and kinds as evenly as there are examples, and over splits as they
            are; None for all.
    """
    rows: list[dict[str, Any]] = []
    for table in examples:
        rows += sorted(table.select(COLUMNS).to_pylist(), key=lambda row: str(row["question_id"]))
    same = near_duplicates([signature(row["question"]) for row in rows], duplicate)
    kept = [row for row, other in zip(rows, same, strict=True) if other is None]
    rejections = [
        _rejection(
            row["question_id"],
            "duplicate",
            f"says the same as question {rows[other.place]['question_id']}, likeness {other.share:.2f}",
        )
        for row, other in zip(rows, same, strict=True)
        if other is not None
    ]
    taken = kept if most is None or len(kept) <= most else _balanced(kept, most)
    question_ids = frozenset(row["question_id"] for row in taken)
    rejections += [
        _rejection(row["question_id"], "beyond_examples", f"dataset.examples is {most}")
        for row in kept
        if row["question_id"] not in question_ids
    ]
    lengths: dict[int, int] = defaultdict(int)
    for row in taken:
        lengths[row["target_tokens"]] += 1
    return Chosen(question_ids, rejections, dict(sorted(lengths.items())))


def _rejection(item_id: str, reason: str, detail: str) -> Rejection:
    return Rejection(stage="dataset", item_id=item_id, reason=reason, detail=detail)


def _balanced(rows: Sequence[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """So many of the rows: as even over lengths and kinds as there are rows, each group from its beginning."""
    groups: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["target_tokens"], row["kind"]].append(row)
    shares = _evenly({key: len(groups[key]) for key in sorted(groups)}, most)
    return [row for key, share in shares.items() for row in _mixed(groups[key])[:share]]


def _evenly(sizes: Mapping[tuple[int, str], int], most: int) -> dict[tuple[int, str], int]:
    """How many to take of each group: one of each in turn, as long as it has any, `most` together."""
    shares = dict.fromkeys(sizes, 0)
    left, waiting = most, len(sizes)
    # The small ones first: what they cannot give is shared by the others.
    for key in sorted(sizes, key=lambda key: sizes[key]):
        shares[key] = min(sizes[key], left // waiting)
        left -= shares[key]
        waiting -= 1
    return shares


def _mixed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of each split in their order, mixed so that every beginning has the splits in their shares."""
    splits: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        splits[row["split"]].append(row)
    placed = [
        ((place + 0.5) / len(own), split, place, row) for split, own in splits.items() for place, row in enumerate(own)
    ]
    return [row for *_, row in sorted(placed, key=lambda each: each[:3])]


def shortfall(
    asked: int | None, examples: Mapping[int, int], contexts: Mapping[int, int], *, unfinished: bool = False
) -> Shortfall | None:
    """What is missing of the examples asked for; None where nothing is.

    Args:
        asked: How many examples were asked for; None for as many as there are.
        examples: Published examples by target length.
        contexts: Contexts that were tried, by target length.
        unfinished: Whether parts of the run are missing, so that not all its contexts were tried.
    """
    there = sum(examples.values())
    if asked is None or there >= asked:
        return None
    giving = {length: examples.get(length, 0) for length in sorted(contexts) if examples.get(length, 0)}
    # The missing ones go to the lengths that have least, so that the dataset ends as balanced as it can.
    level = _level(list(giving.values()), asked - there)
    more: dict[int, int] = {}
    left = asked - there
    for length, have in sorted(giving.items(), key=lambda item: item[1]):
        wanted = min(left, max(0, level - have))
        left -= wanted
        if wanted:
            more[length] = math.ceil(wanted * contexts[length] / have)
    return Shortfall(asked=asked, there=there, contexts=dict(sorted(more.items())), unfinished=unfinished)


def _level(have: Sequence[int], more: int) -> int:
    """The number to which those below it are raised by `more` together, rounded up; 0 for no numbers."""
    numbers = sorted(have)
    for count in range(1, len(numbers) + 1):
        level = math.ceil((sum(numbers[:count]) + more) / count)
        if count == len(numbers) or level <= numbers[count]:
            return level
    return 0
