"""Counts by words are the tokenizer's own counts, for byte-level tokenizers of every family."""

from __future__ import annotations

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers, trainers

from longhop.tokens import HubTokenizer
from longhop.word_counts import WordCounts

_CASES = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_ENDS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = {
    "gpt-2": [],
    "qwen": [rf"{_CASES}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_ENDS}"],
    "llama-3": [rf"{_CASES}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_ENDS}"],
    "o200k": [
        (
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
            rf"\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_ENDS}"
        )
    ],
    "tekken": [
        (
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"
            rf"\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_ENDS}"
        )
    ],
    "deepseek": [
        r"\p{N}{1,3}",
        "[一-龥぀-ゟ゠-ヿ]+",
        (
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
            rf" ?[\p{{P}}\p{{S}}]+[\r\n]*|{_ENDS}"
        ),
    ],
}
"""What parts texts before the models of these families; GPT-2's own pattern is built in."""
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<think>", "<｜begin▁of▁sentence｜>", "[INST]"]
SAMPLE = [
    "def draw(tide):\n        return tide  # it's the keeper's\n\n\n// not 12345\nfoo = bar();\n/* comment */\n",
    "The keeper wrote 14 lines.\r\nThen she didn't sleep.\n\n“Who?” he asked — naïve, 中文 text, x≠y.\n\t\tif x:\n",
]


def byte_level(family: str, *, normalizer: bool = True) -> tokenizers.Tokenizer:
    """A tokenizer of a family, trained on the spot."""
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=family in {"llama-3", "tekken"}))
    if normalizer:
        tokenizer.normalizer = normalizers.NFC()
    steps = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in PATTERNS[family]]
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*steps, level])
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SAMPLE * 5, trainer)
    tokenizer.add_tokens(
        [
            AddedToken("~covid", normalized=False),
            AddedToken("«naïve»", normalized=False),
            AddedToken(" x\n", normalized=False),
        ]
    )
    return tokenizer


TOKENIZERS = {family: byte_level(family) for family in PATTERNS}
COUNTS = {family: WordCounts.of(tokenizer) for family, tokenizer in TOKENIZERS.items()}

pieces = st.one_of(
    st.sampled_from(
        ["draw", " the", "It's", "'s", "'", "’", "é", "e\u0301", "中文", "ひ", "“", "1", "2024", "  ", " ", "\t"]
    ),
    st.sampled_from(
        ["\n", "\n\n", "\r\n", "\r", "    ", "(", ");", "/", "//", "_", "=\u0338", "\u212a", "\u00a0", "\u3000"]
    ),
    st.sampled_from(
        ["\u200d", "\x1c", "\x0b", "🙂", "—", *SPECIAL, "covid", "~covid", "«naïve»", " x\n", "<|im", "<think"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=4),
    st.text(st.characters(max_codepoint=127), max_size=4),
)
texts = st.lists(pieces, max_size=24).map("".join)


@pytest.mark.parametrize("family", sorted(PATTERNS))
@given(st.lists(texts, max_size=4))
@settings(max_examples=150, deadline=None)
def test_counts_are_those_of_the_tokenizer(family: str, batch: list[str]) -> None:
    """Of any texts, with special tokens, odd blanks and all of Unicode in them, whatever was counted before."""
    counts = COUNTS[family]
    assert counts is not None
    expected = [len(encoding) for encoding in TOKENIZERS[family].encode_batch(batch, add_special_tokens=False)]
    assert counts.count(batch) == expected


@pytest.mark.parametrize("family", ["qwen", "o200k"])
@given(st.lists(texts, min_size=1, max_size=3), st.data())
@settings(max_examples=60, deadline=None)
def test_places_are_counted_as_by_the_tokenizer(family: str, batch: list[str], data: st.DataObject) -> None:
    """Before each place where a text may be cut there are as many tokens as the tokenizer finds there."""
    tokenizer = HubTokenizer(family, TOKENIZERS[family])
    assert tokenizer.additive
    offsets = []
    for text in batch:
        ends = [i for i in range(1, len(text)) if text[i - 1] == "\n" and not text[i].isspace()]
        offsets.append([i for i in ends if tokenizer.may_cut_before(text[i]) and data.draw(st.booleans())])
    found = tokenizer.cumulative_batch(batch, offsets)
    encoded = [
        [len(TOKENIZERS[family].encode(text[:offset], add_special_tokens=False)) for offset in own]
        for text, own in zip(batch, offsets, strict=True)
    ]
    assert found == encoded
