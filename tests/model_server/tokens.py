r"""Tokens of the simulated model: words and signs, `\w+|[^\w\s]`, found in megabytes of text within milliseconds.

>>> prompt = read_prompt(render([{"role": "user", "content": "How many crowns?"}]), block_size=2)
>>> prompt.n_tokens, len(prompt.blocks)      # user, How, many, crowns, ?, assistant
(6, 3)

A prompt is hashed block by block, each digest covering all text before it, as vLLM hashes blocks of its prefix cache.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Prompt", "clip", "count_tokens", "read_prompt", "render", "token_ids"]

_SPACE, _WORD, _SIGN = 0, 1, 2
_CONTEXT_END = "</document>"
_VOCABULARY = 151_000


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the server needs to know of a prompt."""

    n_tokens: int
    blocks: list[bytes]
    """A digest for each full block: of it and of all before it."""
    digest: bytes
    """Of the whole prompt."""
    context_blocks: int
    """Full blocks within its documents: up to the last `</document>`; 0 where it has none."""


def render(messages: Iterable[Mapping[str, str]]) -> str:
    """Messages as the chat template of the simulated model writes them: a token a message and one at the end more."""
    return "".join(f"{message['role']}\n{message['content']}\n\n" for message in messages) + "assistant\n"


def read_prompt(text: str, block_size: int) -> Prompt:
    """Count and hash a rendered prompt; 1M tokens take some 50 ms, most of it for the digests of small blocks."""
    starts = _starts(text)
    bounds = [0, *starts[block_size::block_size].tolist()]
    if len(starts) and len(starts) % block_size == 0:
        bounds.append(len(text))
    hasher, blocks = hashlib.blake2b(digest_size=8), []
    for start, end in itertools.pairwise(bounds):
        hasher.update(text[start:end].encode(errors="surrogatepass"))
        blocks.append(hasher.copy().digest())
    hasher.update(text[bounds[-1] :].encode(errors="surrogatepass"))
    documents_end = text.rfind(_CONTEXT_END)
    inside = int(np.searchsorted(starts, documents_end + len(_CONTEXT_END))) if documents_end >= 0 else 0
    return Prompt(len(starts), blocks, hasher.digest(), inside // block_size)


def count_tokens(text: str) -> int:
    """How many tokens a text has."""
    return len(_starts(text))


def clip(text: str, most: int) -> str:
    """The first `most` tokens of a text."""
    starts = _starts(text)
    return text if len(starts) <= most else text[: starts[most]].rstrip()


def token_ids(text: str) -> list[int]:
    """A number for each token, the same for the same word."""
    starts = _starts(text)
    if not len(starts):
        return []
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    codes[_kinds(text) == _SPACE] = 0
    begins = np.zeros(len(codes), np.intp)
    begins[starts] = 1
    place = np.arange(len(codes)) - starts[begins.cumsum() - 1]
    sums = np.add.reduceat(codes * (2 * place.astype(np.uint64) + np.uint64(0x9E3779B1)), starts)
    ids: list[int] = (sums % np.uint64(_VOCABULARY)).tolist()
    return ids


def _starts(text: str) -> NDArray[np.intp]:
    """Where tokens begin: a sign, or a character of a word that has none before it."""
    kinds = _kinds(text)
    word = kinds == _WORD
    begins = word.copy()
    begins[1:] &= ~word[:-1]
    begins |= kinds == _SIGN
    return np.flatnonzero(begins)


def _kinds(text: str) -> NDArray[np.uint8]:
    if text.isascii():
        return np.frombuffer(text.encode().translate(_ascii_kinds()), np.uint8)
    return _all_kinds().take(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32))


@lru_cache(maxsize=1)
def _ascii_kinds() -> bytes:
    return _kinds_below(128).tobytes() + bytes(128)


@lru_cache(maxsize=1)
def _all_kinds() -> NDArray[np.uint8]:
    return _kinds_below(0x110000)


def _kinds_below(limit: int) -> NDArray[np.uint8]:
    kinds = np.full(limit, _SIGN, np.uint8)
    characters = "".join(map(chr, range(limit)))
    for pattern, kind in ((r"\w+", _WORD), (r"\s+", _SPACE)):
        for match in re.finditer(pattern, characters):
            kinds[match.start() : match.end()] = kind
    return kinds
