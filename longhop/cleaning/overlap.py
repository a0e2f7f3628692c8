"""Texts that no document may overlap: benchmarks whose questions a model must not have seen.

    >>> asked = "Who kept the log of the ferry in the winter after the mill had burned?"
    >>> excluded = ExcludedText([("bench.jsonl", asked)])
    >>> excluded.overlap("They asked: who kept the log of the ferry in the winter after the mill had burned?").run
    'who kept the log of the ferry in the winter after the mill'

Runs of 13 words are compared, case and punctuation aside: the measure of the GPT-3 paper (arXiv 2005.14165, C.1). In
scripts without blanks two characters count as a word. Runs that say nothing are passed over: numbers, contents,
one phrase repeated, and what `longhop.cleaning.boilerplate` knows.

One run in common does not make two long texts the same: books quote the same psalm, papers thank in the same words. So
two texts overlap by a share, of the runs of the shorter of the two, that both have: a question in a book, a paper in a
context of ten papers, an edition of a book of which a benchmark has a chapter. Or by 10,000 runs, forty pages.

Memory is 12 bytes a run of what is excluded; of a text of more than 16,384 runs, and where a share decides, one run in
16 is kept, which finds 99 of 100 stretches of 700 characters out of a book.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from longhop.batches import batches
from longhop.cleaning.boilerplate import BOILERPLATE
from longhop.cleaning.word_runs import RUN, runs_of, words_of
from longhop.sources.text import one_line

__all__ = ["RUN", "ExcludedText", "Index", "Overlap"]

VERSION = 1
"""Raise it when the same texts give another index."""
MOST_RUNS = 10_000
"""Runs in common from which two texts overlap, whatever their lengths; the longest licence has 5,600 words."""
SAMPLED_FROM = 16_384
"""Runs of an excluded text above which a sixteenth of them is kept."""
STEP = 16
LEAST_HITS = 3
"""Kept runs of such a text that a document must have: one may stand in both by chance."""
BATCH_CHARS = 1_000_000

_Hashes = npt.NDArray[np.uint64]
_Owners = npt.NDArray[np.uint32]
_MANY = 500_000


class Overlap(NamedTuple):
    """What a document has in common with a text."""

    file: str
    """The file that the text stands in."""
    run: str
    """The first run that both have, in small letters."""
    share: float
    """Of the runs of the shorter of the two, at most 1."""

    @property
    def detail(self) -> str:
        """For a rejection; it begins with the file, so that rejections can be counted by it."""
        shared = f"{self.share:.0%} of the runs of {RUN} words of the document, or of the text if that is shorter"
        return f"{self.file}: a text in it has {shared}, the first being “{one_line(self.run)}”"


class Index(NamedTuple):
    """Runs of excluded texts, as arrays that can be kept in files and mapped from there."""

    files: list[str]
    """Of each text the file that it stands in."""
    hashes: _Hashes
    """Of the runs that are kept, in their order."""
    owners: _Owners
    """The text that each stands in; of several the first."""
    sizes: npt.NDArray[np.int64]
    """Of each text how many runs it has."""
    bits: npt.NDArray[np.uint8]
    """A bit for each hash: what is not there needs no search."""


class ExcludedText:
    """Runs of words that no document may have.

    Args:
        texts: The name of the file that each stands in, for messages, and the text.
        share: Share of runs in common, of those of the shorter of two texts, from which they overlap; 0: one is enough.
    """

    def __init__(self, texts: Iterable[tuple[str, str]] = (), share: float = 0.0) -> None:
        self._share = share
        hashes: _Hashes = np.empty(0, dtype=np.uint64)
        owners: _Owners = np.empty(0, dtype=np.uint32)
        files: list[str] = []
        sizes: list[int] = []
        pending: list[tuple[_Hashes, _Owners]] = []
        for batch in batches(_distinct(texts), BATCH_CHARS, lambda named: len(named[1])):
            new, own, counts = _kept_runs([text for _, text in batch], sampled=share > 0)
            pending.append((new, own + np.uint32(len(sizes))))
            files += [file for file, _ in batch]
            sizes += counts
            if sum(len(kept) for kept, _ in pending) > max(_MANY, len(hashes) // 8):
                hashes, owners = _merged(hashes, owners, pending)
                pending = []
        hashes, owners = _merged(hashes, owners, pending)
        self._index = Index(files, hashes, owners, np.array(sizes, dtype=np.int64), _bits(hashes))

    @property
    def index(self) -> Index:
        """What it has made of the texts; `of` makes the same of it again."""
        return self._index

    @classmethod
    def of(cls, index: Index, share: float) -> ExcludedText:
        """The same as was made of the texts, for the same share."""
        made = cls(share=share)
        made._index = index
        return made

    @property
    def fingerprint(self) -> str:
        """Hash of the runs and of what decides by them; without any it does not matter where they came from."""
        digest = hashlib.sha256()
        if len(self._index.hashes):
            for array in self._index[1:4]:
                digest.update(np.ascontiguousarray(array).data)
            digest.update(repr((self._index.files, self._share)).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]

    def overlap(self, text: str) -> Overlap | None:
        """The text that `text` has most in common with, if that is enough to say that they overlap."""
        files, known, owners, sizes, bits = self._index
        if not len(known):
            return None
        lowered = text.lower()
        words = words_of(lowered)
        hashes, places = runs_of(words)
        likely = np.flatnonzero(_among(hashes, bits))
        found = np.minimum(np.searchsorted(known, hashes[likely]), len(known) - 1)
        hits = known[found] == hashes[likely]
        if not hits.any():
            return None
        places, found = places[likely[hits]], found[hits]
        texts, counts = np.unique(owners[np.unique(found)], return_counts=True)
        steps = np.where((sizes[texts] > SAMPLED_FROM) & (self._share > 0), STEP, 1)
        # Of a text that is kept in part the same part of the document is compared with it.
        own = np.where(steps > 1, np.count_nonzero(_kept(hashes)), len(hashes))
        shares = np.minimum(1.0, counts / np.maximum(1, np.minimum(own, -(-sizes[texts] // steps))))
        enough = (shares >= self._share) | (counts * steps >= MOST_RUNS)
        enough &= (steps == 1) | (counts >= LEAST_HITS)
        if not enough.any():
            return None
        best = int(np.argmax(np.where(enough, shares, -1.0)))
        place = int(places[np.argmax(owners[found] == texts[best])])
        return Overlap(files[int(texts[best])], words.said(lowered, place), float(shares[best]))


def _distinct(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Texts, each once: many rows of a benchmark ask about one context."""
    seen: set[int] = set()
    for file, text in texts:
        if (name := hash(text)) not in seen:
            seen.add(name)
            yield file, text


def _merged(hashes: _Hashes, owners: _Owners, pending: list[tuple[_Hashes, _Owners]]) -> tuple[_Hashes, _Owners]:
    """Runs in their order, with those that are not there yet; of equal ones the first."""
    if not pending:
        return hashes, owners
    new, first = np.unique(np.concatenate([kept for kept, _ in pending]), return_index=True)
    own = np.concatenate([own for _, own in pending])[first]
    places = np.searchsorted(hashes, new)
    if len(hashes):
        unknown = hashes[np.minimum(places, len(hashes) - 1)] != new
        places, new, own = places[unknown], new[unknown], own[unknown]
    return np.insert(hashes, places, new), np.insert(owners, places, own)


def _kept_runs(texts: list[str], *, sampled: bool) -> tuple[_Hashes, _Owners, list[int]]:
    lowered = [text.lower() for text in texts]
    words = words_of("\n".join(lowered))
    ends = np.cumsum([len(text) + 1 for text in lowered])
    of_word = np.searchsorted(ends, words.starts, side="right").astype(np.uint32)
    hashes, places = runs_of(words)
    owners = of_word[places]
    within = owners == of_word[places + RUN - 1]
    usual = ~np.isin(hashes, _boilerplate())
    sizes = np.bincount(owners[within], minlength=len(texts))
    keep = within & usual
    if sampled:
        keep &= (sizes[owners] <= SAMPLED_FROM) | _kept(hashes)
    return hashes[keep], owners[keep], sizes.tolist()


@lru_cache(maxsize=1)
def _boilerplate() -> _Hashes:
    return np.unique(np.concatenate([runs_of(words_of(text.lower()))[0] for text in BOILERPLATE]))


def _kept(hashes: _Hashes) -> npt.NDArray[np.bool_]:
    """A sixteenth of all runs, by nothing but the run itself."""
    return np.asarray(hashes >> np.uint64(60) == 0)


def _bits(hashes: _Hashes) -> npt.NDArray[np.uint8]:
    """Eight bits or more a hash, one of them set."""
    size = max(6, (8 * len(hashes)).bit_length())
    places = hashes >> np.uint64(64 - size)
    flags = np.zeros(2 ** (size - 3), dtype=np.uint8)
    if len(hashes):
        octets, first = np.unique(places >> np.uint64(3), return_index=True)
        set_here = np.uint8(1) << (places & np.uint64(7)).astype(np.uint8)
        flags[octets] = np.bitwise_or.reduceat(set_here, first)
    return flags


def _among(hashes: _Hashes, bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    size = len(bits).bit_length() - 1 + 3
    places = hashes >> np.uint64(64 - size)
    flags = bits[places >> np.uint64(3)] >> (places & np.uint64(7)).astype(np.uint8)
    return np.asarray(flags & np.uint8(1) != 0)
