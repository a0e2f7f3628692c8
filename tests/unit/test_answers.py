"""Answers match by notation, and what differs is never merged."""

import csv
import re
import string
from collections import Counter
from pathlib import Path

import pytest

from longhop.answers import exact_match, matches_any, normalize


def pairs() -> list[dict[str, str]]:
    with (Path(__file__).parent / "answer_pairs.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_no_pair_that_differs_is_merged() -> None:
    """No false merge in the table of labelled pairs."""
    merged = [
        pair for pair in pairs() if pair["expected"] == "different" and exact_match(pair["first"], pair["second"])
    ]
    assert merged == []


def test_hardly_any_pair_that_is_the_same_is_missed() -> None:
    """At most 2 % of the equal pairs of the table are missed; the judge is there for those."""
    same = [pair for pair in pairs() if pair["expected"] == "same"]
    missed = [pair for pair in same if not exact_match(pair["first"], pair["second"])]
    assert len(missed) <= 0.02 * len(same), missed


def test_the_table_covers_every_class_on_both_sides() -> None:
    """At least three pairs of each class, equal and different."""
    counts = Counter((pair["class"], pair["expected"]) for pair in pairs())
    assert min(counts.values()) >= 3
    assert {expected for _, expected in counts} == {"same", "different"}


def squad(answer: str) -> str:
    """The normalisation of the SQuAD evaluation script."""
    text = "".join(char for char in answer.lower() if char not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The last pilot", "last pilot"),
        ("the pilot of the sound", "Pilot of Sound"),
        ("a keeper", "the keeper"),
        ("x", "y"),
    ],
)
def test_letters_and_spaces_are_normalised_as_squad_does_it(first: str, second: str) -> None:
    """Case and articles do not count."""
    assert exact_match(first, second) == (squad(first) == squad(second))


def test_a_unit_may_be_left_out_where_the_question_names_it() -> None:
    """`14` and `14 years` answer "how many years?" alike, and 14 years are not 14 days by way of 14."""
    question = "How many years did Ines keep the light?"
    assert exact_match("14", "fourteen years", question)
    assert matches_any("14 years", ["14"], question)
    assert not exact_match("14 days", "14 years", question)
    assert not matches_any("14 days", ["14"], question)
    assert not exact_match("14 years", "14")
    assert exact_match("1,500", "1500 crowns", "What is the number of crowns in the chest?")
    assert exact_match("13.8", "13.8 nmi", "How many nautical miles is it to Skarn?")
    assert not exact_match("10 %", "10", "How many crowns are lost?")
    assert not exact_match("3 days", "3 years", "How many days and how many years?")
    assert not exact_match("3 days", "3 crowns", "How many crowns per day?")
    assert not exact_match("4 light years", "4 years", "How many light years away is it?")
    assert exact_match("4 light-years", "4", "How many light years away is it?")
    assert exact_match("5 km²", "5", "How many square kilometres is Skarn?")
    assert not exact_match("5 km", "5", "How many square kilometres is Skarn?")
    assert exact_match("5 gold crowns", "5", "How many gold crowns lie there?")


def test_case_counts_where_the_answer_is_an_identifier() -> None:
    """And only what wraps it is taken off; for other questions a word in backticks matches itself without them."""
    assert exact_match("`Map`", "Map", answer_type="identifier")
    assert not exact_match("Map", "map", answer_type="identifier")
    assert not exact_match("1.10", "1.1", answer_type="version")
    assert exact_match("Map", "map")
    assert not exact_match("`Map`", "`map`")
    assert matches_any("map", ["`map`"])
    assert not matches_any("Map", ["`map`"])


def test_any_alias_counts() -> None:
    """One of several references is enough, none is nothing."""
    assert matches_any("US", ["United States", "U.S."])
    assert not matches_any("UK", ["United States", "U.S."])
    assert not matches_any("UK", [])


def test_a_normal_form_says_what_it_is() -> None:
    """Forms can be read in a table of groups."""
    assert normalize("fourteen years") == "number 14 year"
    assert normalize("3 May 1901") == "date 1901-05-03"
    assert normalize("`tide_gain`") == "code tide_gain"
    assert normalize("The Last Pilot") == "text last pilot"
