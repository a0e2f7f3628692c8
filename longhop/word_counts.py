r"""Token counts by words: each distinct word is tokenised once, and a text's count is the sum over its words.

    >>> counts = WordCounts.of(tokenizers.Tokenizer.from_file("tokenizer.json"))
    >>> counts.count(["def draw(tide):\n    return tide"])
    [9]

Tokenising words that were met before is most of what a tokenizer does all day. A word here is what stands from one seam
to the next: `def| draw|(tide|):\n   | return| tide`. A seam lies

- behind a letter (A to Z, a to z) where an ASCII character follows that is no letter and no apostrophe,
- behind any ASCII character that can be seen, where a blank follows,
- between two blanks, where such a letter follows.

There the patterns of byte-level models part a text, whatever stands around it, so that counts of words add up exactly.
It is done only where that is certain:

- The model is a byte-level BPE that knows all bytes, and no token of its vocabulary reaches over a seam.
- Its normaliser is a Unicode form, which leaves ASCII as it is, and so what it does elsewhere ends at seams.
- What parts a text before the model are patterns that look neither back nor ahead, save for `\s+(?!\S)`, which looks
  for the end of blanks; and short texts of all kinds are parted around each seam as their halves are.
- No added token takes what is around it. Of those that reach over a seam, as `<|im_start|>` does, the beginning is
  looked for in the words: a text in which one may stand is tokenised whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, filterfalse, product
from string import ascii_letters
from typing import Any

import numpy as np
import tokenizers

from longhop.batches import batches

__all__ = ["WordCounts"]

_STRETCH = (
    r"(?: *+[^A-Za-z ]++(?<![!-~]))*+"  # signs and blanks, of which the last cannot be seen
    r"(?: +(?= [A-Za-z])| *+[^A-Za-z ]*+[A-Za-z]*+)"
)
_WORD = re.compile(
    r" ?[A-Za-z]++(?!['\x80-\U0010ffff])"  # most of them, found faster
    rf"|{_STRETCH}(?:(?<=[A-Za-z])(?=['\x80-\U0010ffff]){_STRETCH})*+"
)
_SEAM = re.compile(r"(?<=[A-Za-z])(?=[\0-&(-@\[-`{-\x7f])|(?<=[!-~])(?= )|(?<= )(?= [A-Za-z])")
_SEAM_IN_TOKEN = re.compile("[A-Za-z][!-&(-@\\[-`{-~\u0100-\u0121]|[!-~]\u0120|\u0120\u0120[A-Za-z]")
"""A seam as byte-level vocabularies write it: U+0120 is the blank, and U+0100 on the others that cannot be seen."""
_JOINABLE = re.compile(r"(?=[\0-&(-@\[-`{-\x7f])[\0-\x7f]*[!-~ ]")
"""A word of ASCII that stays one where a letter stands before it, and a letter ends it or `_BETWEEN` follows."""
_BETWEEN = " a"

_FORMS = frozenset({"NFC", "NFD"})
_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]")
_ENDS_BLANKS = r"\s+(?!\S)"
_PLAIN_PATTERN = re.compile(r"(?:\\[pP]\{\w+\}|\\[sSdrnt/]|\((?!\?)|\(\?i?:|[A-Za-z0-9 '’|)?*+{},/\]])*")
"""A pattern without its classes, if it looks neither back nor ahead."""

# Short texts around seams: what stands before a letter, what stands behind the character that follows it.
_BEFORE = ("a", "aB", "1", " ", "\n", "  ", ".", "'", "_", "é", "中", "\u0301", "\t(", "\n\n ", "”")
_BEHIND = (
    *("", "a", "A", "s", "1", "123", " ", "\n", "\n\n", "  ", "   b", ".", ".b", "'", "'s", "/", "_", "é", "中"),
    *("\u0301", "\r\n", "\n /", "\t\tx"),
)

MOST_KNOWN, MOST_KNOWN_CHARS = 400_000, 8_000_000
"""Words whose counts are kept, and their characters: some 50 MB. When there are more, those of the last texts stay."""
_JOINED_CHARS = 16_000
_WHOLE = -(2**48)
"""What a word counts for that makes the tokenizer count its text whole: less than what all others can make up for."""


class WordCounts:
    """Counts the tokens of texts, and remembers those of words; made by `of`."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, added: Mapping[int, tokenizers.AddedToken]) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, int] = {}
        self._known_chars = 0
        # Where an added token stands that reaches over a seam, its beginning ends a word.
        reaching = filter(_reaches_over, added.values())
        self._beginnings = tuple({_SEAM.split(token.content, maxsplit=1)[0] for token in reaching})
        sizes = {number: len(token) for token, number in tokenizer.get_vocab(with_added_tokens=False).items()}
        sizes |= {number: len(token.content.encode()) for number, token in added.items()}
        self._bytes = np.zeros(1 + max(sizes), dtype=np.int64)
        self._bytes[list(sizes)] = list(sizes.values())
        """Bytes of each token; byte-level vocabularies have a character for each."""

    @classmethod
    def of(cls, tokenizer: tokenizers.Tokenizer) -> WordCounts | None:
        """Counts by a tokenizer without truncation; None where it is not certain that counts of words add up."""
        added = tokenizer.get_added_tokens_decoder()
        return cls(tokenizer, added) if _adds_up(tokenizer, added.values()) else None

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, as many as the tokenizer itself gives; without the special tokens of a template."""
        split = list(map(_WORD.findall, texts))
        distinct = set(chain.from_iterable(split))
        known = self._known  # as it is now: another thread may begin a new one
        fresh = dict(self._counted(list(filterfalse(known.__contains__, distinct))))
        if len(known) + len(fresh) > MOST_KNOWN or self._known_chars > MOST_KNOWN_CHARS:
            known = self._known = {word: known[word] for word in distinct if word in known}
            self._known_chars = sum(map(len, known))
        known.update(fresh)
        self._known_chars += sum(map(len, fresh))
        counts = [sum(map(known.__getitem__, words)) for words in split]
        whole = [place for place, count in enumerate(counts) if count < 0]
        for place, count in zip(whole, self._lengths([texts[place] for place in whole]), strict=True):
            counts[place] = count
        return counts

    def _counted(self, words: list[str]) -> Iterator[tuple[str, int]]:
        """Words with their tokens."""
        joined: list[str] = []
        others: list[str] = []
        for word in words:
            if word.endswith(self._beginnings):
                yield word, _WHOLE
            elif not _JOINABLE.fullmatch(word):
                others.append(word)
            elif word[-1] in ascii_letters:
                joined.append(word)
            else:
                joined += word, _BETWEEN
        yield from zip(others, self._lengths(others), strict=True)
        yield from zip(joined, self._lengths_joined(joined), strict=True)

    def _lengths(self, texts: list[str]) -> list[int]:
        if not texts:
            return []
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def _lengths_joined(self, words: list[str]) -> Iterator[int]:
        """Tokens of words that stay words when they are put together: they are tokenised many at a time."""
        groups = list(batches(words, _JOINED_CHARS, len))
        texts = ["".join(group) for group in groups]
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False) if texts else []
        for group, encoding in zip(groups, encodings, strict=True):
            token_ends = np.cumsum(self._bytes[encoding.ids])
            word_ends = np.cumsum(list(map(len, group)))
            yield from np.diff(np.searchsorted(token_ends, word_ends, side="right"), prepend=0).tolist()


def _adds_up(tokenizer: tokenizers.Tokenizer, added: Collection[tokenizers.AddedToken]) -> bool:
    """Whether it is certain that counts of words add up to those of their text."""
    made: dict[str, Any] = json.loads(tokenizer.to_str())
    normalizers, steps = _flat(made["normalizer"], "normalizers"), _flat(made["pre_tokenizer"], "pretokenizers")
    return (
        all(step["type"] in _FORMS for step in normalizers)
        and all(_stands_alone(token, plain=not normalizers) for token in added)
        and _is_byte_level(made["model"], steps, {token.content for token in added})
        and all(_is_local(step) for step in steps)
        and _parts_at_seams(tokenizer)
    )


def _flat(step: dict[str, Any] | None, inner: str) -> list[dict[str, Any]]:
    """The steps that a sequence is made of, however deep."""
    if step is None:
        return []
    return [each for one in step[inner] for each in _flat(one, inner)] if step["type"] == "Sequence" else [step]


def _stands_alone(token: tokenizers.AddedToken, *, plain: bool) -> bool:
    """Whether a token is found by its own characters alone, before a normaliser or where none changes it."""
    if not plain and token.normalized and (_reaches_over(token) or not token.content.isascii()):
        return False
    # For the patterns a text ends before an added token, so that blanks before one that is a word are parted otherwise.
    # In one that ends in blanks a seam lies where a letter follows, and none begins in what is put between words.
    if token.content[0] in ascii_letters or token.content.startswith(_BETWEEN) or token.content.endswith("  "):
        return False
    # Where one may stand that reaches over a seam, the text is counted whole.
    return _reaches_over(token) or not (token.lstrip or token.rstrip or token.single_word)


def _reaches_over(token: tokenizers.AddedToken) -> bool:
    return _SEAM.search(token.content) is not None


def _is_byte_level(model: dict[str, Any], steps: list[dict[str, Any]], added: set[str]) -> bool:
    """Whether the model is a BPE over bytes, all of which it knows, whose own tokens reach over no seam."""
    names = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
    if model["type"] != "BPE" or any(model.get(name) for name in names):
        return False
    if not any(step["type"] == "ByteLevel" for step in steps):
        return False
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    vocabulary = model["vocab"]
    return all(letter in vocabulary for letter in alphabet) and not any(
        map(_SEAM_IN_TOKEN.search, set(vocabulary) - added)
    )


def _is_local(step: dict[str, Any]) -> bool:
    """Whether a step before the model parts a text by nothing but what it matches."""
    if step["type"] == "ByteLevel":
        return not step["add_prefix_space"]
    if step["type"] == "Digits":
        return True
    if step["type"] != "Split" or step["behavior"] != "Isolated" or "Regex" not in step["pattern"]:
        return False
    pattern = step["pattern"]["Regex"].replace(_ENDS_BLANKS, "")
    return _PLAIN_PATTERN.fullmatch(_CLASS.sub("", pattern)) is not None


def _parts_at_seams(tokenizer: tokenizers.Tokenizer) -> bool:
    """Whether short texts of all kinds are parted around seams as their halves are."""

    def parts(text: str) -> list[str]:
        return [part for part, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]

    def agree(lefts: list[str], rights: list[str]) -> bool:
        of_left, of_right = {left: parts(left) for left in lefts}, {right: parts(right) for right in rights}
        return all(parts(left + right) == of_left[left] + of_right[right] for left, right in product(lefts, rights))

    # Joined to a sign by the normaliser, a stroke makes another sign of it.
    signs = [*(chr(code) for code in range(128) if _SEAM.search(f"a{chr(code)}")), *"≠≮≯"]
    ends = [before + letter for before in _BEFORE for letter in "aZ"]
    seen = [*map(chr, range(33, 127)), *(before + sign for before in _BEFORE for sign in "1.'_")]
    return (
        agree([*ascii_letters, *ends], signs)
        and agree(["a", " sT", "\nre"], [sign + behind for sign in signs for behind in _BEHIND])
        and agree([*seen, *ends], [f" {behind}" for behind in _BEHIND])
        and agree([f"{before} " for before in ("", *_BEFORE)], [f" {letter}" for letter in ascii_letters])
    )
