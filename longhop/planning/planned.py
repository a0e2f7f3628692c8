"""What planning needs of a document, held so that a hundred thousand of them take little memory.

    >>> document = PlannedDocument.of(cleaned, split="train")
    >>> document.n_tokens, len(document.terms.keys)
    (10382, 256)

Texts stay in their tables. Of terms and names planning asks only whether two are equal, so they are hashes; cuts and
counts are arrays, which of a table of documents are views into one array a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from longhop.planning.pieces import Cuttable
from longhop.records import Document, Term

__all__ = ["COLUMNS", "Keys", "PlannedDocument", "TermCounts", "keys_of", "planned_documents"]

Keys = npt.NDArray[np.uint64]
"""Hashes of terms or names: the same on every machine, for other versions of the libraries, too."""

COLUMNS = ("document_id", "kind", "title", "n_chars", "n_tokens", "cuts", "terms", "names", "mentions")
"""Columns of the table of documents that planning reads."""

# Odd numbers by position; numpy never changes what its bit generators give.
_FACTORS = np.random.PCG64(2026).random_raw(4_096) | np.uint64(1)


def keys_of(words: Sequence[str] | pa.Array) -> Keys:
    """Hashes of terms or names: each byte times a number that chance has put at its position, summed (multilinear).

    Two words of up to 4,096 bytes share one with a chance of about 2⁻⁵⁶, and never where they differ in one byte only.
    """
    column = pa.array(words, pa.large_string()) if not isinstance(words, pa.Array) else words.cast(pa.large_string())
    if not len(column):
        return np.empty(0, np.uint64)
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    letters = np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]]
    ends = bounds - bounds[0]
    positions = np.arange(len(letters)) - np.repeat(ends[:-1], np.diff(ends))
    # One more than each byte, so that a word and the same with a zero behind it differ; sums run over, as is meant.
    products = (letters + np.uint64(1)) * _FACTORS[positions % len(_FACTORS)]
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(products)))
    return np.asarray(sums[ends[1:]] - sums[ends[:-1]], np.uint64)


class TermCounts(NamedTuple):
    """The terms of a document and how often it has each."""

    keys: Keys
    counts: npt.NDArray[np.uint16]

    @classmethod
    def of(cls, terms: Sequence[Term]) -> TermCounts:
        """The same of records."""
        return cls(keys_of([term.term for term in terms]), _small([term.count for term in terms]))


@dataclass(frozen=True, slots=True, eq=False)
class PlannedDocument:
    """A document without its text, and its split."""

    document_id: str
    kind: str
    title: str
    n_chars: int
    n_tokens: int
    cuts: Cuttable
    terms: TermCounts
    names: Keys
    """What others may call it."""
    mentions: Keys
    """What it may name."""
    split: str
    duplicate_of: str | None = None

    @classmethod
    def of(cls, document: Document, split: str, duplicate_of: str | None = None) -> PlannedDocument:
        """What planning needs of one document."""
        return cls(
            document_id=document.document_id,
            kind=document.kind,
            title=document.title,
            n_chars=document.n_chars,
            n_tokens=document.n_tokens,
            cuts=Cuttable.of(document.n_chars, document.n_tokens, document.cuts),
            terms=TermCounts.of(document.terms),
            names=keys_of(document.names),
            mentions=keys_of(document.mentions),
            split=split,
            duplicate_of=duplicate_of,
        )


def planned_documents(
    table: pa.Table, splits: Sequence[str | None], known: Keys | None = None
) -> Iterator[PlannedDocument]:
    """Documents out of a table with `COLUMNS`, in its order.

    Args:
        table: Rows of the table of documents.
        splits: Split of each row; None leaves it out.
        known: Names that any document of the run has, sorted; mentions of anything else are forgotten. None: all stay.
    """
    rows = table.combine_chunks()
    ids, kinds, titles = (rows[name].to_pylist() for name in ("document_id", "kind", "title"))
    chars, tokens = (_numbers(rows[name], np.int64) for name in ("n_chars", "n_tokens"))
    cut_bounds, cuts = _lists(rows["cuts"])
    offsets, before = _narrow(cuts.field("offset")), _narrow(cuts.field("tokens"))
    large = np.asarray(pl.Series(pl.from_arrow(cuts.field("level"))) != "paragraph", np.bool_)
    term_bounds, terms = _lists(rows["terms"])
    keys, counts = keys_of(terms.field("term")), _small(_numbers(terms.field("count"), np.int64))
    name_bounds, named = _lists(rows["names"])
    names = keys_of(named)
    mention_bounds, mentioned = _lists(rows["mentions"])
    mentions = keys_of(mentioned)
    if known is not None:
        kept = is_known(mentions, known)
        mention_bounds = np.concatenate(([0], np.cumsum(kept)))[mention_bounds]
        mentions = mentions[kept]
    for row, (document_id, split) in enumerate(zip(ids, splits, strict=True)):
        if split is None:
            continue
        cut, term, name, mention = (
            slice(bounds[row], bounds[row + 1]) for bounds in (cut_bounds, term_bounds, name_bounds, mention_bounds)
        )
        yield PlannedDocument(
            document_id=document_id,
            kind=kinds[row],
            title=titles[row],
            n_chars=int(chars[row]),
            n_tokens=int(tokens[row]),
            cuts=Cuttable(int(chars[row]), int(tokens[row]), offsets[cut], before[cut], large[cut]),
            terms=TermCounts(keys[term], counts[term]),
            names=names[name],
            mentions=mentions[mention],
            split=split,
        )


def is_known(keys: Keys, known: Keys) -> npt.NDArray[np.bool_]:
    """Which of the keys stand among `known`, which is sorted."""
    if not len(known):
        return np.zeros(len(keys), np.bool_)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[places] == keys, np.bool_)


def _lists(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Bounds of each row's list and what all lists hold."""
    if not column.num_chunks:
        return np.zeros(1, np.int64), pa.array([], column.type.value_type)
    array = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    bounds = np.asarray(array.offsets.to_numpy(), np.int64)
    return bounds - bounds[0], array.values.slice(bounds[0], bounds[-1] - bounds[0])


def _numbers(column: pa.ChunkedArray | pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[np.int64]:
    return np.asarray(column.to_numpy(), dtype)


def _narrow(column: pa.Array) -> npt.NDArray[np.uint32] | npt.NDArray[np.int64]:
    """In 32 bits where they do."""
    numbers = _numbers(column, np.int64)
    return numbers.astype(np.uint32) if not len(numbers) or numbers.max() < 2**32 else numbers


def _small(counts: Iterable[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
    return np.minimum(np.asarray(counts, np.int64), 2**16 - 1).astype(np.uint16)
