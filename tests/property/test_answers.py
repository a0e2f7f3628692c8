"""Matching answers is an equivalence for any text."""

from hypothesis import given
from hypothesis import strategies as st

from longhop.answers import exact_match, matches_any, normalize

ANSWER = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="0123456789.,-+/% $kmayMAthe'\"`_()", max_size=14),
    st.integers().map(str),
    st.dates().map(str),
)


@given(ANSWER)
def test_every_answer_has_one_form_and_matches_itself(answer: str) -> None:
    """Nothing fails, nothing differs from itself, white space around changes nothing."""
    assert exact_match(answer, answer)
    assert normalize(f"  {answer} ") == normalize(answer)
    assert matches_any(answer, [answer])


@given(ANSWER, ANSWER)
def test_matching_is_symmetric(first: str, second: str) -> None:
    """Also against a reference."""
    assert exact_match(first, second) == exact_match(second, first)
    assert matches_any(first, [second]) == matches_any(second, [first])


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12))
def test_numbers_match_by_value(first: int, second: int) -> None:
    """With and without thousands separators, and with a decimal point."""
    assert exact_match(str(first), f"{first:,}")
    assert exact_match(str(first), f"{first}.0")
    assert exact_match(str(first), str(second)) == (first == second)
    assert not exact_match(f"{first} %", str(first))
