"""The funnel counts questions by kind and check, from records, rows and frames alike."""

import polars as pl

from longhop.funnel import FunnelRow, funnel, over_kinds


def row(kind: str, *checks: tuple[str, bool, int]) -> dict[str, object]:
    return {
        "kind": kind,
        "checks": [{"name": name, "passed": passed, "detail": "", "tokens": tokens} for name, passed, tokens in checks],
    }


ROWS = [
    row("bridge", ("steps", True, 0), ("closed_book", True, 10), ("answerable", True, 50)),
    row("bridge", ("steps", True, 0), ("closed_book", False, 12)),
    row("comparison", ("steps", True, 0), ("single_document", True, 30), ("answerable", False, 40)),
    row("comparison", ("steps", False, 0)),
]


def count(kind: str, check: str, seen: int, fell: int, tokens: int) -> FunnelRow:
    return FunnelRow(kind=kind, check=check, seen=seen, fell=fell, tokens=tokens)


EXPECTED = [
    count("bridge", "steps", 2, 0, 0),
    count("bridge", "closed_book", 2, 1, 22),
    count("bridge", "answerable", 1, 0, 50),
    count("comparison", "steps", 2, 1, 0),
    count("comparison", "single_document", 1, 0, 30),
    count("comparison", "answerable", 1, 1, 40),
]


def test_rows_are_counted_by_kind_and_check() -> None:
    """Seen, fell and tokens; checks in the order in which they ran."""
    assert funnel(ROWS) == EXPECTED


def test_frames_are_counted_like_rows() -> None:
    """Eager and lazy ones."""
    frame = pl.DataFrame(ROWS)
    assert funnel(frame) == EXPECTED
    assert funnel(frame.lazy()) == EXPECTED


def test_kinds_are_taken_together() -> None:
    """Checks that one kind passes over keep their place."""
    together = over_kinds(funnel(ROWS))
    assert {one.check: (one.seen, one.fell, one.tokens) for one in together} == {
        "steps": (4, 1, 0),
        "closed_book": (2, 1, 22),
        "single_document": (1, 0, 30),
        "answerable": (2, 1, 90),
    }
    assert together[0].check == "steps"
    assert together[-1].check == "answerable"


def test_no_questions_make_no_funnel() -> None:
    """Nothing is counted, and tables without tokens count none."""
    assert funnel([]) == []
    old = {"kind": "bridge", "checks": [{"name": "steps", "passed": True, "detail": ""}]}
    assert funnel([old]) == [count("bridge", "steps", 1, 0, 0)]
