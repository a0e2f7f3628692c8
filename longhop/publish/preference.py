"""Preference pairs: the chosen trace of a question against a wrong one of the same question.

Of several wrong traces the one is taken whose length is nearest to that of the chosen one (of equals, the smallest
sample): the chosen is the shortest of its group, and a pair must not teach that shorter is better. A trace is wrong
where it is valid, says something else than the chosen one, and was found not to be correct; where the judge was asked
and said nothing of it, nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

__all__ = ["PAIR", "pairs"]

_SIDES = ("chosen", "rejected")
_TAKEN = {"trace_id": pa.string(), "answer": pa.large_string(), "n_tokens": pa.int64()}
PAIR = [(f"{side}_{name.removeprefix('n_')}", kind) for side in _SIDES for name, kind in _TAKEN.items()]
"""Columns of a pair, with their types."""
_TEXTS = ("reasoning", "content")


def pairs(examples: pa.Table, traces: pa.Table, verdicts: pa.Table) -> pa.Table:
    """Examples that have a wrong trace beside them.

    Args:
        examples: Examples of a part.
        traces: Its traces.
        verdicts: Its verdicts.

    Returns:
        The columns of the examples, those of `PAIR`, and `chosen_reasoning`, `chosen_content`, `rejected_reasoning`,
        `rejected_content`. An example whose own trace is not correct has no pair.
    """
    names = ["trace_id", "question_id", "valid", "correct", "answer_group", "judge_failed"]
    judged: dict[str, list[dict[str, Any]]] = {}
    for row in verdicts.select(names).to_pylist():
        judged.setdefault(row["question_id"], []).append(row)
    columns = ["trace_id", "sample", "n_tokens"]
    place = {row["trace_id"]: (at, row) for at, row in enumerate(traces.select(columns).to_pylist())}
    kept, sides = [], []
    for at, own in enumerate(examples.select(["question_id", "trace_id"]).to_pylist()):
        rows = judged.get(own["question_id"], [])
        mine = next((row for row in rows if row["trace_id"] == own["trace_id"]), None)
        if mine is None or not mine["correct"]:
            continue
        wrong = [place[row["trace_id"]] for row in rows if _wrong(row, mine)]
        chosen = place[own["trace_id"]]
        if wrong:
            tokens = chosen[1]["n_tokens"]
            nearest = min(wrong, key=lambda one: (abs(one[1]["n_tokens"] - tokens), one[1]["sample"]))
            kept.append(at)
            sides.append((chosen[0], nearest[0]))
    rows = examples.take(pa.array(kept, pa.int64()))
    for number, side in enumerate(_SIDES):
        own = traces.take(pa.array([both[number] for both in sides], pa.int64()))
        for name in (*_TAKEN, *_TEXTS):
            rows = rows.append_column(f"{side}_{name.removeprefix('n_')}", own[name])
    return rows


def _wrong(row: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    known = row["valid"] and not row["correct"] and row["judge_failed"] is None
    return bool(known and row["answer_group"] != chosen["answer_group"])
