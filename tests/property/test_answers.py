"""Matching answers is an equivalence for any text."""

import re
import string

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


NOTATIONS = st.sampled_from(
    "5 km|5000 m|5000|5|five km|5.0 km|3 May 1901|1901-05-03|May 3, 1901|1901年5月3日|(A)|A|A. Skarn|Skarn|skarn.|"
    "B|`Skarn`|"
    "yes|Yes, it is|no|No, it is not|10 %|10|ten percent|½|0.5|x_1|`x_1`|X_1|a, b, c|c, b and a|c; a; b".split("|")
)
QUESTIONS = st.sampled_from(["", "How many kilometres?", "Which? (A) Skarn (B) 5 km", "Is it?"])


@given(st.one_of(ANSWER, NOTATIONS), NOTATIONS, st.one_of(ANSWER, NOTATIONS), QUESTIONS)
def test_matching_is_symmetric_and_transitive(first: str, second: str, third: str, question: str) -> None:
    """Under any question, so that groups by exact match need no chains."""
    assert exact_match(first, second, question) == exact_match(second, first, question)
    if exact_match(first, second, question) and exact_match(second, third, question):
        assert exact_match(first, third, question)


CONVERSIONS = st.sampled_from([("km", "m", 1000), ("h", "min", 60), ("ft", "in", 12), ("kg", "g", 1000)])


@given(st.integers(0, 10**9), CONVERSIONS)
def test_units_convert_by_value(number: int, units: tuple[str, str, int]) -> None:
    """A length in kilometres is the same in metres, and no other."""
    large, small, factor = units
    assert exact_match(f"{number} {large}", f"{number * factor} {small}")
    assert not exact_match(f"{number} {large}", f"{number * factor + 1} {small}")


@given(
    st.text(
        alphabet="0123456789.,:/ 〇一二三十百千万億兆年月日時点分半公元前午後人公里이삼십백천만억년월일오후시كمد٣٫٪،",
        max_size=12,
    )
)
def test_other_scripts_never_fail(answer: str) -> None:
    """Whatever numerals, counters and marks stand together."""
    assert exact_match(answer, f" {answer}")


@given(st.integers(1, 99_999_999))
def test_chinese_numerals_match_by_value(number: int) -> None:
    """Spelled with units of ten and of ten thousand."""
    assert exact_match(chinese(number), f"{number:,}")
    assert not exact_match(chinese(number), str(number + 1))


def chinese(number: int) -> str:
    """A number below a hundred million in Chinese numerals, as they are written in full."""
    if number >= 10_000:
        rest = number % 10_000
        return f"{chinese(number // 10_000)}万{'零' if 0 < rest < 1000 else ''}{chinese(rest) if rest else ''}"
    said, gap = "", False
    for power, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // power % 10
        said += f"{'零' if gap and said else ''}{'一二三四五六七八九'[digit - 1]}{name}" if digit else ""
        gap = not digit
    return said


WORDS = st.lists(
    st.sampled_from("the The a an A An of owl keeper KEEPER Skarn light lights and who it island".split()),
    min_size=1,
    max_size=5,
).map(" ".join)


def squad(answer: str) -> str:
    """The normalisation of the SQuAD evaluation script."""
    text = "".join(char for char in answer.lower() if char not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


@given(WORDS, WORDS)
def test_words_match_as_squad_matches_them(first: str, second: str) -> None:
    """But for an article at the end, which is no article: vitamin A."""
    ends = (first.lower().split()[-1], second.lower().split()[-1])
    if not {"a", "an", "the"} & set(ends):
        assert exact_match(first, second) == (squad(first) == squad(second))


@given(WORDS)
def test_the_normal_form_of_words_is_its_own(answer: str) -> None:
    """Normalising it again changes nothing."""
    form = normalize(answer)
    assert normalize(form.removeprefix("text ")) == form


@given(st.lists(st.sampled_from([*string.printable, "−", "½", "é", "東", "²"]), max_size=25).map("".join))
def test_a_sign_before_a_number_and_a_unit_behind_it_always_count(noise: str) -> None:
    """Whatever follows."""
    assert not exact_match(f"-5 {noise}", f"5 {noise}")
    assert not exact_match(f"1.5 {noise}", f"15 {noise}")


def test_a_long_answer_takes_no_longer_than_its_length() -> None:
    """No pattern runs wild on what a model may write."""
    for text in (
        "a" * 50_000,
        "a_" * 20_000,
        "1," * 20_000,
        "a.b" * 9_000,
        "5 m " * 9_000,
        "(" * 40_000,
        "x, " * 9_000,
    ):
        assert exact_match(text, text)
        assert normalize(text)
        assert normalize(text[:119])
