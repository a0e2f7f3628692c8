"""Tokenizers: counts, additivity, what cannot be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import tokenizers
from huggingface_hub.errors import LocalEntryNotFoundError
from tokenizers import Regex, models, pre_tokenizers, trainers

from longhop import tokens
from longhop.errors import TokenizerError
from longhop.tokens import HubTokenizer, Tokenizer, WordTokenizer, load_tokenizer

TEXTS = [
    "The keeper wrote 14 lines.\nThen she slept.\n\n“Who?” he asked.\n",
    "def main():\n    return x  # done\n\n\n// not python\nfoo = bar();\n/* comment */\n",
    "# Title\n\n- item one\n- item two\n\n```\ncode\n```\n(1) first\n[2] second\n",
] * 5

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def byte_level(pattern: str | None) -> tokenizers.Tokenizer:
    """A byte-level BPE trained on the spot; without a pattern it has GPT-2's."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    if pattern is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def sentence_piece() -> tokenizers.Tokenizer:
    """A Unigram model with the leading blank of SentencePiece, trained on the spot."""
    tokenizer = tokenizers.Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=120,
        special_tokens=["<unk>", "<s>"],
        unk_token="<unk>",  # noqa: S106 -- a token of the vocabulary
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def offsets_of(text: str, tokenizer: Tokenizer) -> list[int]:
    """Every place where a document may be cut."""
    return [
        i
        for i in range(1, len(text))
        if text[i - 1] == "\n" and not text[i].isspace() and tokenizer.may_cut_before(text[i])
    ]


def test_words_are_words_and_marks() -> None:
    r"""`words` counts the matches of `\w+|[^\w\s]`."""
    assert WordTokenizer().count("One fish, two_fish – 3.5!") == 9


@pytest.mark.parametrize("pattern", [QWEN, O200K])
def test_byte_level_counts_add_up(pattern: str) -> None:
    """Sums over segments equal the count of the whole, for all seams that the tokenizer allows."""
    tokenizer = HubTokenizer("t", byte_level(pattern))
    assert tokenizer.additive
    for text in TEXTS[:3]:
        offsets = offsets_of(text, tokenizer)
        assert offsets
        counts = tokenizer.cumulative(text, [*offsets, len(text)])
        assert counts[-1] == tokenizer.count(text)
        assert counts[:-1] == [tokenizer.count(text[:offset]) for offset in offsets]


def test_empty_lines_of_gpt2_are_found_out() -> None:
    """GPT-2's pattern joins newlines at the end of a text that it parts within one; so nothing of it adds up."""
    tokenizer = HubTokenizer("t", byte_level(None))
    assert tokenizer.count("a\n\n") + tokenizer.count("b") != tokenizer.count("a\n\nb")
    assert not tokenizer.additive
    assert tokenizer.cumulative("a\n\nb", [3, 4]) == [3, 4]


def test_slash_after_newline_is_found_out() -> None:
    """A pattern that lets punctuation run on over newlines into `/` forbids cuts before `/`, and only there."""
    o200k, qwen = HubTokenizer("o", byte_level(O200K)), HubTokenizer("q", byte_level(QWEN))
    assert not o200k.may_cut_before("/")
    assert qwen.may_cut_before("/")
    assert all(o200k.may_cut_before(char) for char in "aZ#1([\"'{<–“é中")


def test_token_that_goes_on_behind_a_newline_forbids_the_cut() -> None:
    """A vocabulary with a token such as newline + `#` is not trusted before `#`, even where no probe shows it."""
    tokenizer = byte_level(QWEN)
    vocabulary = tokenizer.get_vocab()
    model = models.BPE(vocab={**vocabulary, "Ċ#": len(vocabulary)}, merges=[])
    tokenizer.model = model
    assert not HubTokenizer("t", tokenizer).may_cut_before("#")


def test_sentence_piece_is_counted_whole() -> None:
    """Where letters are not additive, counts before offsets come from one encoding of the whole text."""
    tokenizer = HubTokenizer("t", sentence_piece())
    assert not tokenizer.additive
    text = TEXTS[0]
    offsets = [i for i in range(1, len(text)) if text[i - 1] == "\n" and text[i] != "\n"]
    counts = tokenizer.cumulative(text, [*offsets, len(text)])
    assert counts == sorted(counts)
    assert counts[-1] == tokenizer.count(text)
    assert 0 < counts[0] < counts[-1]


def test_truncation_and_padding_are_off(tmp_path: Path) -> None:
    """A tokenizer.json that truncates and pads counts all tokens, and those only."""
    tokenizer = byte_level(None)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    loaded = load_tokenizer(str(tmp_path))
    assert loaded.count("word " * 50) == len(byte_level(None).encode("word " * 50))
    assert loaded.count("a") == 1


def test_special_tokens_are_those_that_act_as_markup() -> None:
    """Special tokens and tokens that look like markup count, words that someone added do not."""
    tokenizer = byte_level(None)
    tokenizer.add_tokens(["covid", "<|tool|>"])
    assert HubTokenizer("t", tokenizer).special_tokens == ("<|endoftext|>", "<|tool|>")


def test_fingerprint_follows_content(tmp_path: Path) -> None:
    """The same content has the same fingerprint under any path, another content another one."""
    for name, pattern in (("a", None), ("b", None), ("c", QWEN)):
        byte_level(pattern).save(str(tmp_path / f"{name}.json"))
    first, second, third = (load_tokenizer(str(tmp_path / f"{name}.json")).fingerprint for name in "abc")
    assert first == second != third


def test_batches_count_as_single_texts() -> None:
    """A batch gives what one call a text gives, empty texts and empty batches too."""
    tokenizer = HubTokenizer("t", byte_level(None))
    assert tokenizer.count_batch([*TEXTS[:3], ""]) == [tokenizer.count(text) for text in [*TEXTS[:3], ""]]
    assert tokenizer.count_batch([]) == []


@pytest.mark.parametrize("name", ["words", "additive", "whole"])
def test_places_in_a_batch_are_counted_as_in_single_texts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each text before each of its own offsets, whatever stands together in a call; a text may have no offsets."""
    hub = {"additive": byte_level(QWEN), "whole": sentence_piece()}
    made: Tokenizer = HubTokenizer("t", hub[name]) if name in hub else WordTokenizer()
    assert made.additive == (name != "whole")
    texts = ["", *TEXTS[:3], "é\n\nlast"]
    offsets: list[list[int]] = [[], *([*offsets_of(text, made)[:5], len(text)] for text in texts[1:])]
    alone = [made.cumulative(text, own) for text, own in zip(texts, offsets, strict=True)]
    assert [len(counts) for counts in alone] == [len(own) for own in offsets]
    assert made.cumulative_batch(texts, offsets) == alone
    monkeypatch.setattr(tokens, "BATCH_CHARS", 1)
    assert made.cumulative_batch(texts, offsets) == alone
    assert made.cumulative_batch([], []) == []


@pytest.mark.parametrize("spec", ["/no/such/tokenizer.json", "no/such.json"])
def test_missing_path_names_the_choices(spec: str) -> None:
    """A path that is not there says what may stand in its place."""
    with pytest.raises(TokenizerError, match=r"no file .*`words`"):
        load_tokenizer(spec)


def test_damaged_file_is_named(tmp_path: Path) -> None:
    """A tokenizer.json that is none is named."""
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TokenizerError, match=r"no readable tokenizer\.json"):
        load_tokenizer(str(tmp_path))


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a connection the message says how to do without."""

    def offline(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("cannot reach the Hub")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", offline)
    with pytest.raises(TokenizerError, match=r"copy the model's tokenizer\.json .* or `words`"):
        load_tokenizer("org/model")
