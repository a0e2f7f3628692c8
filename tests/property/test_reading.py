"""Reading holds for any text."""

from hypothesis import given
from hypothesis import strategies as st

from longhop.reading import read_units

TEXT = st.text(alphabet=st.sampled_from("aZé .!?\n\t\"'`#*_-=({[]}):;/\\0_MrI"), max_size=300)


@given(TEXT)
def test_units_lie_in_order_within_the_document(document: str) -> None:
    """Units do not overlap, and a mention's place in a unit's text reads as the mention."""
    end = 0
    for unit in read_units(document):
        assert end <= unit.start < unit.end <= len(document)
        end = unit.end
        for mention in unit.entities:
            assert unit.text[mention.start : mention.end].lower() == mention.name.lower()
