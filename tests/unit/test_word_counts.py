"""Counting by words: for which tokenizers it is done, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tokenizers
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers

from longhop import word_counts
from longhop.word_counts import WordCounts
from tests.property.test_word_counts import PATTERNS, SAMPLE, byte_level

Change = Callable[[tokenizers.Tokenizer], None]


def parted_by(pattern: str) -> Change:
    """A change of what parts texts."""

    def change(tokenizer: tokenizers.Tokenizer) -> None:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])

    return change


def with_tokens(*added: AddedToken) -> Change:
    """A change of the added tokens."""

    def change(tokenizer: tokenizers.Tokenizer) -> None:
        tokenizer.add_tokens(list(added))

    return change


def with_vocabulary(token: str) -> Change:
    """A change of the model's vocabulary."""

    def change(tokenizer: tokenizers.Tokenizer) -> None:
        vocabulary = tokenizer.get_vocab(with_added_tokens=False)
        tokenizer.model = models.BPE(vocab={**vocabulary, token: 900}, merges=[])

    return change


def without_a_byte(tokenizer: tokenizers.Tokenizer) -> None:
    """A vocabulary that does not know the letter q."""
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    del vocabulary["q"]
    tokenizer.model = models.BPE(vocab=vocabulary, merges=[])


def with_prefix(tokenizer: tokenizers.Tokenizer) -> None:
    """A blank before every text, as in old tokenizers."""
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)


def in_small_letters(tokenizer: tokenizers.Tokenizer) -> None:
    """A normaliser that changes letters."""
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])


def unigram(tokenizer: tokenizers.Tokenizer) -> None:
    """Another kind of model."""
    tokenizer.model = models.Unigram([("a", -1.0), ("b", -1.0)], 0)


QWEN = PATTERNS["qwen"][0]
REFUSED: dict[str, Change] = {
    "prefix": with_prefix,
    "small letters": in_small_letters,
    "unigram": unigram,
    "missing byte": without_a_byte,
    "token over a seam": with_vocabulary("x("),
    "token over blanks": with_vocabulary("ĠĠif"),
    "sign and blank": with_vocabulary(",Ġ"),
    "word characters": parted_by(r"\w+|\W"),
    "looks back": parted_by(rf"(?<=a)b|{QWEN}"),
    "looks ahead": parted_by(rf"\p{{L}}+(?!\()|{QWEN}"),
    "bound to the end": parted_by(rf"\s+$|{QWEN}"),
    "letters with signs": parted_by(rf"\p{{L}}+\(|{QWEN}"),
    "signs with blanks": parted_by(rf"[;,] +|{QWEN}"),
    "a word": with_tokens(AddedToken("covid", normalized=False)),
    "blanks": with_tokens(AddedToken("    ", normalized=False)),
    "what stands between words": with_tokens(AddedToken(" a(b", normalized=False)),
    "takes blanks": with_tokens(AddedToken("~~~", rstrip=True, normalized=False)),
    "only whole": with_tokens(AddedToken("~~~", single_word=True, normalized=False)),
    "found in other form": with_tokens(AddedToken("<é>", normalized=True)),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_may_not_add_up_is_refused(name: str) -> None:
    """One change of a tokenizer that is counted by words, and it is counted by words no more."""
    tokenizer = byte_level("qwen")
    assert WordCounts.of(tokenizer) is not None
    REFUSED[name](tokenizer)
    assert WordCounts.of(tokenizer) is None


def test_words_are_tokenised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of known words asks the tokenizer nothing."""
    counts = WordCounts.of(byte_level("qwen"))
    assert counts is not None
    texts = ["def draw(tide):\n        return tide", "The keeper's tide, as before: 14 lines"]
    first = counts.count(texts)
    asked: list[str] = []

    def lengths(texts: list[str]) -> list[int]:
        asked.extend(texts)
        return [1] * len(texts)

    monkeypatch.setattr(counts, "_lengths", lengths)
    monkeypatch.setattr(counts, "_lengths_joined", lengths)
    assert counts.count(texts[::-1]) == first[::-1]
    assert asked == []
    counts.count(["Never seen; as before."])
    assert sorted(set(asked) - {" a"}) == [" seen", ".", ";", "Never"]


def test_a_special_token_in_a_text_is_one_token() -> None:
    """Though seams lie within it; the words around it, alone, are none of its business."""
    tokenizer = byte_level("qwen")
    counts = WordCounts.of(tokenizer)
    assert counts is not None
    assert counts.count(["<|im_start|>", "<|im_starts|>", "a <|im b"]) == [
        1,
        *(len(tokenizer.encode(text)) for text in ("<|im_starts|>", "a <|im b")),
    ]


@pytest.mark.parametrize("bound", ["MOST_KNOWN", "MOST_KNOWN_CHARS"])
def test_what_is_remembered_is_bounded(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By words and by their characters; counts stay what they are."""
    monkeypatch.setattr(word_counts, bound, 40)
    tokenizer = byte_level("qwen")
    counts = WordCounts.of(tokenizer)
    assert counts is not None
    for number in range(20):
        texts = [f"text{number} of other words{number} each time", SAMPLE[number % 2]]
        assert counts.count(texts) == [len(tokenizer.encode(text)) for text in texts]
        assert len(counts._known) <= 120  # of one call, and what came before it
