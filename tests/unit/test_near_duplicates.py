"""Near-duplicates: what is found, by which share, and that it stays cheap where all texts have something in common."""

from __future__ import annotations

import random

import numpy as np

from longhop.cleaning.near_duplicates import MOST, near_duplicates, signature

DRAW = random.Random(2)
VOCABULARY = ["".join(DRAW.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(5_000)]


def words(count: int) -> str:
    return " ".join(DRAW.choices(VOCABULARY, k=count))


def found(*texts: str, threshold: float = 0.8) -> list[int | None]:
    """The place of what each is a near-duplicate of."""
    same = near_duplicates([signature(text) for text in texts], threshold, [len(text) for text in texts])
    return [one and one.place for one in same]


def test_a_paper_in_two_forms_is_one() -> None:
    """One has its references and captions, the other not: half of all is common, and nearly all of the shorter."""
    body, references = words(1_000), words(600)
    assert found(f"{body} {references}", body) == [None, 0]
    alone = near_duplicates([signature(f"{body} {references}"), signature(body)], 0.8)
    assert alone == [None, None]


def test_different_works_with_something_in_common_stay() -> None:
    """A licence, an introduction, a third of the text: none of them makes two works one."""
    common = words(500)
    assert found(f"{common} {words(1_000)}", f"{common} {words(1_000)}", f"{common} {words(700)}") == [None] * 3


def test_only_what_is_kept_is_compared_with() -> None:
    """A text that resembles a near-duplicate, and not what that is one of, stays; settled texts stay in any case."""
    first = words(1_000).split()
    second = first[150:] + words(150).split()
    third = second[150:] + words(150).split()
    texts = [" ".join(text) for text in (first, second, third)]
    assert found(*texts[:2]) == [None, 0]
    assert found(*texts[1:]) == [None, 0]
    assert found(*texts) == [None, 0, None]
    signatures = [signature(text) for text in texts]
    assert near_duplicates(signatures, 0.8, [len(text) for text in texts], settled=3) == [None] * 3


def test_texts_without_words_are_not_all_the_same() -> None:
    """Signs alone, few words, one word again and again: only what is equal is the same."""
    assert found("!!! ???", "… — …", "!!! ???") == [None, None, 0]
    assert found("one two", "two one", "one", "word " * 50, "term " * 50) == [None] * 5


def test_boilerplate_of_all_texts_does_not_make_all_comparisons() -> None:
    """Thousands of texts that share a third are told apart, and the copies among them are found."""
    draw = np.random.default_rng(3)
    count = 8 * MOST
    values = draw.integers(0, 2**32, (count, 128), dtype=np.uint32)
    common = draw.random((count, 128)) < 0.55
    values[common] = np.broadcast_to(draw.integers(0, 2**32, 128, dtype=np.uint32), values.shape)[common]
    copies = np.concatenate([values, values[::7]])
    same = near_duplicates(copies, 0.8, [1_000] * len(copies))
    assert same[:count] == [None] * count
    assert [one and one.place for one in same[count:]] == list(range(0, count, 7))


def test_nothing_is_the_same_as_nothing() -> None:
    """No texts, one text, a threshold of 1."""
    assert near_duplicates([], 0.8) == []
    assert near_duplicates([signature("a b c d")], 0.8) == [None]
    assert found("a b c d e", "a b c d e", "a b c d f", threshold=1.0) == [None, 0, None]
