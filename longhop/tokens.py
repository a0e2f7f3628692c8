r"""Tokenizers: how long a text is, and where it may be cut without changing that.

    >>> tokenizer = load_tokenizer("words")
    >>> tokenizer.count("One fish, two fish.")
    6
    >>> tokenizer.cumulative("One.\nTwo.\n", [5, 10])
    [2, 4]

`words` is embedded and needs no download; everything else is a `tokenizer.json`, from a path or from the Hugging Face
Hub. A tokenizer is additive when the counts of two parts add up to the count of the whole wherever the first part ends
in a newline and the second starts with a non-blank. That is tried at the start with letters, and before any other
character when it is first met: byte-level BPE with Qwen's pattern is additive everywhere, patterns like o200k's fail
before `/`, GPT-2's own behind empty lines, most SentencePiece models everywhere. Where a character fails nothing is cut
before it; where letters fail, all is counted whole. What is counted is counted by words where that is exact
(`longhop.word_counts`), which takes less than half the time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import Protocol

import huggingface_hub
import numpy as np
import tokenizers
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from longhop.batches import batches
from longhop.errors import TokenizerError
from longhop.word_counts import WordCounts

__all__ = ["HubTokenizer", "Tokenizer", "WordTokenizer", "load_tokenizer"]

WORD = re.compile(r"\w+|[^\w\s]")
"""What the tokenizer `words` counts."""

BATCH_CHARS = 4_000_000
"""Characters that are tokenised in one call: enough for all cores, little enough for memory."""

LEFT_OF_SEAM = (
    "word\n",
    "Word.\n\n",
    "x = f(1);\n",
    "    }\n",
    "\t\t\n",
    "12\n",
    "- \n\n\n",
    "//\n",
    "é”\n",
    "/*\n */\n",
    "#\n",
    "a  \n",
)
RIGHT_OF_SEAM = (
    "{0}",
    "{0}a",
    "{0}A b",
    "{0} a",
    "{0}1",
    "{0}{0}",
    "{0}{0}{0}\n",
    "{0}\n\n",
    "{0}/",
    "{0}'s",
    "{0}    x",
)
LETTERS = "TaIsé"

_MARKUP = re.compile(r"<\||<｜|[<\[]/?\w*_")
_NEWLINE_INSIDE = re.compile(r"[Ċ\n]([!-~])")


class Tokenizer(Protocol):
    """Counts tokens."""

    @property
    def name(self) -> str:
        """How the recipe calls it."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides a count."""

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Strings that the tokenizer takes for markup wherever they stand in a text."""

    @property
    def additive(self) -> bool:
        """Whether counts of parts add up, where `may_cut_before` allows the seam."""

    def count(self, text: str) -> int:
        """Tokens of `text`, without the special tokens of a template."""

    def count_batch(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""

    def may_cut_before(self, char: str) -> bool:
        """Whether counts add up at a seam behind a newline and before `char`; True if not additive (nothing does)."""

    def cumulative(self, text: str, offsets: Sequence[int]) -> list[int]:
        """Tokens of `text` before each of the ascending `offsets`; an offset of `len(text)` gives the count of all."""

    def cumulative_batch(self, texts: Sequence[str], offsets: Sequence[Sequence[int]]) -> list[list[int]]:
        """The same of each text, which is faster than one by one."""


class WordTokenizer:
    r"""Counts the matches of `\w+|[^\w\s]`."""

    name = "words"
    fingerprint = "words-1"
    special_tokens: tuple[str, ...] = ()
    additive = True

    def count(self, text: str) -> int:
        """Words and punctuation marks of `text`."""
        return len(WORD.findall(text))

    def count_batch(self, texts: Sequence[str]) -> list[int]:
        """Words and punctuation marks of each text."""
        return [self.count(text) for text in texts]

    def may_cut_before(self, char: str) -> bool:  # noqa: ARG002 -- the protocol's signature
        """No word goes on behind a newline."""
        return True

    def cumulative(self, text: str, offsets: Sequence[int]) -> list[int]:
        """Words and punctuation marks before each offset."""
        return list(accumulate(self.count_batch(_segments(text, offsets))))

    def cumulative_batch(self, texts: Sequence[str], offsets: Sequence[Sequence[int]]) -> list[list[int]]:
        """Words and punctuation marks of each text before each of its offsets."""
        return [self.cumulative(text, own) for text, own in zip(texts, offsets, strict=True)]


class HubTokenizer:
    """A `tokenizer.json`, without its truncation, padding and template."""

    def __init__(self, name: str, tokenizer: tokenizers.Tokenizer) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.name = name
        self._tokenizer = tokenizer
        self.fingerprint = hashlib.sha256(tokenizer.to_str().encode()).hexdigest()[:16]
        added = tokenizer.get_added_tokens_decoder().values()
        # Markup such as <tool_call> is often added without the flag `special`; words that someone added are no markup.
        special = {token.content for token in added if token.special or _MARKUP.match(token.content)}
        self.special_tokens = tuple(sorted(special))
        vocabulary = "\0".join(tokenizer.get_vocab(with_added_tokens=False))
        # A token that goes on behind a newline can swallow a seam, whether or not a probe happens to show it.
        self._seams = {match[1]: False for match in _NEWLINE_INSIDE.finditer(vocabulary)}
        self.additive = all(self._adds_up_before(letter) for letter in LETTERS)

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        return self.count_batch([text])[0]

    def count_batch(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        count = self._words.count if self._words is not None else self._encode
        return [counted for batch in batches(texts, BATCH_CHARS, len) for counted in count(batch)]

    def may_cut_before(self, char: str) -> bool:
        """Whether counts add up at a seam before `char`, as tried when it is first asked for."""
        return not self.additive or self._adds_up_before(char)

    def cumulative(self, text: str, offsets: Sequence[int]) -> list[int]:
        """Tokens before each offset: sums over the stretches between them, or of the whole if it is not additive."""
        return self.cumulative_batch([text], [offsets])[0]

    def cumulative_batch(self, texts: Sequence[str], offsets: Sequence[Sequence[int]]) -> list[list[int]]:
        """Tokens of each text before each of its offsets; on all cores, also of texts that are counted whole."""
        if self.additive:
            segments = [part for text, own in zip(texts, offsets, strict=True) for part in _segments(text, own)]
            counts = iter(self.count_batch(segments))
            return [list(accumulate(islice(counts, len(own)))) for own in offsets]
        found: list[list[int]] = []
        for batch in batches(texts, BATCH_CHARS, len):
            encodings = self._tokenizer.encode_batch(batch, add_special_tokens=False)
            for text, encoding in zip(batch, encodings, strict=True):
                found.append(_before(encoding, offsets[len(found)], len(text)))
        return found

    @cached_property
    def _words(self) -> WordCounts | None:
        return WordCounts.of(self._tokenizer)

    def _encode(self, texts: list[str]) -> list[int]:
        if not texts:
            return []
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def _adds_up_before(self, char: str) -> bool:
        known = self._seams.get(char)
        if known is None:
            rights = [right.format(char) for right in RIGHT_OF_SEAM]
            left_counts, right_counts = self._encode(list(LEFT_OF_SEAM)), self._encode(rights)
            whole = self._encode([left + right for left in LEFT_OF_SEAM for right in rights])
            known = [a + b for a in left_counts for b in right_counts] == whole
            self._seams[char] = known
        return known


def load_tokenizer(spec: str) -> Tokenizer:
    """The tokenizer that a recipe names: `words`, a path of a `tokenizer.json` or its folder, or an id on the Hub.

    A Hub id may carry a revision: `org/name@revision`.

    Raises:
        TokenizerError: It cannot be had; the message says why and what can stand there instead.
    """
    if spec == "words":
        return WordTokenizer()
    path = Path(spec).expanduser()
    if path.is_dir():
        path /= "tokenizer.json"
    if not path.is_file():
        if path.is_absolute() or path.suffix == ".json" or path.name == "tokenizer.json":
            raise TokenizerError(f"tokenizer {spec}: no file {path}. Give {_CHOICES}.")
        path = _download(spec)
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception, for a damaged file as for an unknown version
        raise TokenizerError(f"tokenizer {spec}: {path} is no readable tokenizer.json ({error})") from error
    return HubTokenizer(spec, tokenizer)


_CHOICES = "the path of a tokenizer.json (or of the folder that holds it), an id of the Hugging Face Hub, or `words`"


def _download(spec: str) -> Path:
    repository, _, revision = spec.partition("@")
    try:
        return Path(huggingface_hub.hf_hub_download(repository, "tokenizer.json", revision=revision or None))
    except (OSError, HfHubHTTPError, HFValidationError, RuntimeError) as error:
        first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise TokenizerError(
            f"tokenizer {spec}: neither a file here nor to be had from the Hugging Face Hub ({first}). Without a "
            f"connection, copy the model's tokenizer.json to this machine. Give {_CHOICES}."
        ) from error


def _before(encoding: tokenizers.Encoding, offsets: Sequence[int], length: int) -> list[int]:
    """Tokens that begin before each offset of a text of that length."""
    starts = np.fromiter((start for start, _ in encoding.offsets), dtype=np.int64, count=len(encoding))
    before = np.searchsorted(np.maximum.accumulate(starts), np.asarray(offsets, dtype=np.int64), side="left")
    return [len(encoding) if offset >= length else int(n) for offset, n in zip(offsets, before, strict=True)]


def _segments(text: str, offsets: Sequence[int]) -> list[str]:
    return [text[start:end] for start, end in pairwise([0, *offsets])]
