"""Batches hold all items in their order, and no more than they must."""

from hypothesis import given
from hypothesis import strategies as st

from longhop.batches import batches


@given(st.lists(st.text(max_size=9)), st.integers(1, 12))
def test_nothing_is_lost_and_no_batch_is_larger_than_it_must(texts: list[str], most: int) -> None:
    """Without its last item every batch is below the size that ends it; all but the last reach it."""
    made = list(batches(texts, most, len))
    assert [text for batch in made for text in batch] == texts
    assert all(batch and sum(map(len, batch[:-1])) < most for batch in made)
    assert all(sum(map(len, batch)) >= most for batch in made[:-1])
