"""Equal samples are doubted, and kept where the server is found to mean them."""

import pytest

from longhop.engines import Choice, Completion
from longhop.engines.equal_samples import EqualSamples

LONG = "The mate paid 340 crowns for the rope, so it says in the second document."


def completion(*contents: str, tokens: int = 0) -> Completion:
    return Completion(choices=tuple(Choice(content=content, n_tokens=tokens) for content in contents))


def kept(samples: EqualSamples, key: str, *contents: str, tokens: int = 0) -> int:
    return len(samples.kept(key, completion(*contents, tokens=tokens)).choices)


def test_different_samples_are_kept() -> None:
    """Nothing is doubted."""
    samples = EqualSamples()
    assert kept(samples, "k", LONG, LONG + " So.") == 2
    assert not samples.any_doubt


def test_of_equal_samples_the_first_is_kept_and_the_second_asked_for_alone() -> None:
    """Until that one is there, nobody knows."""
    samples = EqualSamples()
    assert kept(samples, "k", LONG, LONG, LONG) == 1
    assert samples.one_by_one("k")
    assert not samples.one_by_one("another")


def test_copies_are_found_out() -> None:
    """The second, with its own seed, says something else: the request's samples are asked for one by one."""
    samples = EqualSamples()
    kept(samples, "k", LONG, LONG)
    assert kept(samples, "k", "Another thing altogether, which nobody has said before this one.") == 1
    assert samples.one_by_one("k")
    assert not samples.always


def test_a_model_that_is_sure_is_believed() -> None:
    """The second says the same: the rest comes at once, and is kept."""
    samples = EqualSamples()
    kept(samples, "k", LONG, LONG)
    assert kept(samples, "k", LONG) == 1
    assert not samples.one_by_one("k")
    assert kept(samples, "k", LONG, LONG, LONG) == 3


def test_three_in_a_row_make_a_rule() -> None:
    """From then on the server is not asked for several at once; one that means what it says begins anew."""
    samples = EqualSamples()
    for number in range(3):
        assert not samples.always
        kept(samples, f"{number}", LONG, LONG)
        kept(samples, f"{number}", f"{LONG} {number}")
    assert samples.always
    kept(samples, "sure", LONG, LONG)
    kept(samples, "sure", LONG)
    assert not samples.always


def test_different_samples_in_between_end_the_row() -> None:
    """A server that gives different ones gives no copies as a rule."""
    samples = EqualSamples()
    for number in range(4):
        kept(samples, f"{number}", LONG, LONG)
        kept(samples, f"{number}", f"{LONG} {number}")
        kept(samples, f"other {number}", LONG, f"{LONG} other")
    assert not samples.always


@pytest.mark.parametrize(("content", "tokens", "doubted"), [("42", 3, False), (LONG, 0, True), ("42", 0, False)])
def test_short_answers_may_be_equal(content: str, tokens: int, doubted: bool) -> None:
    """They are equal too often; a server that counts no tokens has its words counted."""
    samples = EqualSamples()
    assert kept(samples, "k", content, content, tokens=tokens) == (1 if doubted else 2)


def test_reasoning_makes_a_difference() -> None:
    """Two ways to one answer are two samples."""
    ways = tuple(Choice(content=LONG, reasoning=reasoning) for reasoning in ("First.", "Second."))
    assert len(EqualSamples().kept("k", Completion(choices=ways)).choices) == 2
