"""Whatever a stage yields comes back, and whatever goes wrong leaves nothing behind."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longhop.records import Rejection, Trace
from longhop.storage import RunFolder

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
TRACES = st.builds(
    Trace,
    trace_id=TEXT,
    question_id=TEXT,
    sample=st.integers(0, 255),
    reasoning=TEXT,
    content=TEXT,
    answer=st.none() | TEXT,
    n_tokens=st.integers(0, 2**40),
    finish_reason=st.sampled_from(["stop", "length"]),
    model=TEXT,
)
REJECTIONS = st.builds(Rejection, stage=st.just("traces"), item_id=TEXT, reason=TEXT, detail=TEXT)
ITEMS = st.lists(TRACES | REJECTIONS, max_size=12)


@settings(deadline=None, max_examples=40)
@given(items=ITEMS, part=st.integers(0, 99_999), remote=st.booleans())
def test_what_is_written_comes_back(items: list[Trace | Rejection], part: int, remote: bool) -> None:
    """Rows and rejections in their order, counts that say how many; nulls and any text included."""
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(f"memory://{place}" if remote else place)
        counts = folder.write_part("traces", "f", part, items, Trace)
        traces = [item for item in items if isinstance(item, Trace)]
        rejections = [item for item in items if isinstance(item, Rejection)]
        assert folder.read_part("traces", "f", part, Trace) == traces
        assert folder.read_rejections("traces", "f", part) == rejections
        assert folder.read_counts("traces", "f", part) == counts
        assert (counts.rows, counts.tokens) == (len(traces), sum(trace.n_tokens for trace in traces))
        assert sum(counts.rejections.values()) == len(rejections)
        assert folder.parts("traces", "f") == [part]


@settings(deadline=None, max_examples=40)
@given(items=ITEMS, at=st.integers(0, 12))
def test_a_stage_that_fails_anywhere_leaves_nothing(items: list[Trace | Rejection], at: int) -> None:
    """After any number of rows, an error leaves the folder as it was."""
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(place)
        folder.write_part("traces", "f", 0, items, Trace)
        before = {path: path.read_bytes() for path in Path(place).rglob("*") if path.is_file()}
        failing = (1 // (number != at) and item for number, item in enumerate([*items, *items, None]))
        with pytest.raises((ZeroDivisionError, AttributeError)):
            folder.write_part("traces", "f", 0, failing, Trace)  # type: ignore[arg-type]
        assert {path: path.read_bytes() for path in Path(place).rglob("*") if path.is_file()} == before
