"""The plan of documents: which are duplicates, and which split each comes into. All are looked at, without their text.

>>> plans, rejections = plan_documents(rows, DocumentsConfig(), seed=1)
>>> plans[3].duplicate_of, rejections[0].reason
('9c1d0e6b52a7f384', 'near_duplicate')
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from longhop.cleaning.near_duplicates import PERMUTATIONS, near_duplicates
from longhop.recipe import DocumentsConfig, Splits
from longhop.records import Document, Plan, Record, Rejection

__all__ = ["ListedDocument", "plan_documents"]

STAGE = "documents"


class ListedDocument(Record, frozen=True, kw_only=True):
    """What the plan needs of a document, and where it lies; a kilobyte, however long the document is."""

    document_id: str
    source: str
    n_chars: int
    n_tokens: int
    signature: bytes
    """Its values as 32-bit integers, one after the other."""
    part: int
    row_group: int

    COLUMNS = ("document_id", "source", "n_chars", "n_tokens", "signature")

    @classmethod
    def of(cls, document: Document, part: int, row_group: int) -> ListedDocument:
        """The row of a document that lies in `row_group` of `part`."""
        return cls(
            document_id=document.document_id,
            source=document.source,
            n_chars=document.n_chars,
            n_tokens=document.n_tokens,
            signature=np.asarray(document.signature, dtype=np.uint32).tobytes(),
            part=part,
            row_group=row_group,
        )

    @classmethod
    def of_table(cls, table: pa.Table, part: int, row_group: int) -> Iterator[ListedDocument]:
        """Rows of documents out of a table with `COLUMNS`."""
        signatures = table["signature"].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.uint32)
        rows = table.select(cls.COLUMNS[:-1]).to_pylist()
        for row, values in zip(rows, signatures.reshape(-1, PERMUTATIONS), strict=True):
            yield cls(**row, signature=values.tobytes(), part=part, row_group=row_group)


def plan_documents(
    documents: Sequence[ListedDocument], config: DocumentsConfig, seed: int, earlier: Sequence[Plan] = ()
) -> tuple[list[Plan], list[Rejection]]:
    """Find duplicates and give each document a split.

    Args:
        documents: All documents of the run, of earlier growth steps too, in any order; equal ones share their id.
        config: Threshold of near-duplicates, and the splits.
        seed: Decides which documents come into which split.
        earlier: Plans of earlier growth steps: their documents keep split and place, and new ones are compared with
            them.

    Returns:
        Plans of the new documents, in the order of part and row group, and a rejection for each duplicate. Of equal
        documents the first stays, of similar ones the one planned earlier, else the longest, else the smallest id.
    """
    planned = {(plan.document_id, plan.part, plan.row_group) for plan in earlier}
    kept = {plan.document_id: plan.split for plan in earlier if plan.duplicate_of is None}
    splits = {plan.document_id: plan.split for plan in earlier} | kept
    ordered = sorted(documents, key=lambda row: (row.part, row.row_group))
    by_id: dict[str, ListedDocument] = {}
    for row in ordered:
        by_id.setdefault(row.document_id, row)
    new = [row for row in ordered if (row.document_id, row.part, row.row_group) not in planned]
    first: dict[str, int] = {}
    for place, row in enumerate(new):
        if row.document_id not in splits:
            first.setdefault(row.document_id, place)
    duplicate_of = _similar([by_id[name] for name in kept if name in by_id], [new[at] for at in first.values()], config)
    splits |= _split([name for name in first if name not in duplicate_of], config.splits, seed, kept)
    splits |= {name: splits[original] for name, (original, _) in duplicate_of.items()}
    plans, rejections = [], []
    for place, row in enumerate(new):
        name = row.document_id
        original = None
        if first.get(name) != place:
            original = name
            # Of equal documents one stays, under the id that they share: it is the other's source that is left out.
            rejections.append(_rejected(row.source, "duplicate", f"is equal to {by_id[name].source} ({name})"))
        elif name in duplicate_of:
            original, share = duplicate_of[name]
            detail = f"{row.source} is {share:.0%} the same as {by_id[original].source} ({original})"
            rejections.append(_rejected(name, "near_duplicate", detail))
        plans.append(
            Plan(document_id=name, part=row.part, row_group=row.row_group, duplicate_of=original, split=splits[name])
        )
    return plans, rejections


def _similar(
    kept: Sequence[ListedDocument], new: Sequence[ListedDocument], config: DocumentsConfig
) -> dict[str, tuple[str, float]]:
    """Of each new near-duplicate what it is one of, and how much of the shorter of the two both have."""
    if config.near_duplicate is None or not new:
        return {}
    rows = [*kept, *sorted(new, key=lambda row: (-row.n_tokens, row.document_id))]
    signatures = np.frombuffer(b"".join(row.signature for row in rows), dtype=np.uint32).reshape(-1, PERMUTATIONS)
    found = near_duplicates(signatures, config.near_duplicate, [row.n_chars for row in rows], settled=len(kept))
    pairs = zip(rows, found, strict=True)
    return {row.document_id: (rows[same.place].document_id, same.share) for row, same in pairs if same is not None}


def _rejected(item_id: str, reason: str, detail: str) -> Rejection:
    return Rejection(stage=STAGE, item_id=item_id, reason=reason, detail=detail)


def _split(names: Sequence[str], shares: Splits, seed: int, kept: dict[str, str]) -> dict[str, str]:
    """Splits of new documents, so that all together come as near to the shares as whole documents allow."""
    wanted = {"train": shares.train, "validation": shares.validation, "test": shares.test}
    total = len(names) + len(kept)
    missing = {split: share * total for split, share in wanted.items()}
    for split in kept.values():
        missing[split] -= 1
    given = {}
    # Splits without a share get nothing, also where rounding would give them something.
    open_ = [split for split, share in wanted.items() if share > 0]
    for name in sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()):
        split = max(open_, key=missing.__getitem__)
        given[name] = split
        missing[split] -= 1
    return given
