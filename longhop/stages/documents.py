"""Documents: clean, count, find what they are about; then duplicates and splits.

    >>> documents = list(clean(read_item(item), DocumentsConfig(), load_tokenizer("words"), ExcludedText()))
    >>> documents[0].n_tokens, documents[0].cuts[0]
    (10382, Cut(offset=1204, tokens=231, level='chapter'))

`clean` works document by document, on any worker. `plan_documents` looks at all documents at once, and needs no text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice, pairwise
from typing import NamedTuple

from longhop.markup import Neutralizer
from longhop.recipe import DocumentsConfig, Splits
from longhop.records import Cut, Document, Plan, RawDocument, Record, Rejection, make_id
from longhop.sources.text import one_line
from longhop.stages.cuts import find_places
from longhop.stages.near_duplicates import NearDuplicates, signature
from longhop.stages.overlap import ExcludedText
from longhop.stages.terms import rare_terms
from longhop.tokens import Tokenizer

__all__ = ["VERSION", "ListedDocument", "clean", "plan_documents"]

VERSION = 3
"""Raise it when the same input gives other rows."""

STAGE = "documents"
TITLE_CHARS = 200
BATCH_CHARS = 2_000_000
"""Characters that are tokenised together."""


def clean(
    raws: Iterable[RawDocument | Rejection], config: DocumentsConfig, tokenizer: Tokenizer, exclude: ExcludedText
) -> Iterator[Document | Rejection]:
    """Make documents of what a reader gives; its rejections are passed on, in their order.

    A document above `max_tokens` is cut at its last cut below, and the rest is a rejection.
    """
    neutralizer = Neutralizer(tokenizer.special_tokens)
    batch: list[_Draft | Rejection] = []
    size = 0
    for raw in raws:
        entry = raw if isinstance(raw, Rejection) else _draft(raw, config, tokenizer, exclude, neutralizer)
        batch.append(entry)
        size += len(entry.text) if isinstance(entry, _Draft) else 0
        if size >= BATCH_CHARS:
            yield from _finished(batch, config, tokenizer, neutralizer)
            batch, size = [], 0
    yield from _finished(batch, config, tokenizer, neutralizer)


class _Draft(NamedTuple):
    """A document that is clean and not yet counted."""

    raw: RawDocument
    text: str
    places: list[tuple[int, str]]


def _draft(
    raw: RawDocument, config: DocumentsConfig, tokenizer: Tokenizer, exclude: ExcludedText, neutralizer: Neutralizer
) -> _Draft | Rejection:
    if config.licenses is not None and raw.license not in config.licenses.allow:
        allowed = ", ".join(config.licenses.allow)
        return _rejected(raw.source, "license", f"licence {raw.license or 'not given'}, allowed are {allowed}")
    text, offsets = neutralizer.with_offsets(raw.text, [offset for offset, _ in raw.sections])
    if run := exclude.overlap(text):
        return _rejected(raw.source, "overlaps_evaluation", f"shares “{run}” with a text of documents.exclude")
    sections = [(offset, level) for offset, (_, level) in zip(offsets, raw.sections, strict=True)]
    return _Draft(raw, text, find_places(text, raw.kind, sections, tokenizer.may_cut_before))


def _finished(
    batch: list[_Draft | Rejection], config: DocumentsConfig, tokenizer: Tokenizer, neutralizer: Neutralizer
) -> Iterator[Document | Rejection]:
    counts = iter(_counted([entry for entry in batch if isinstance(entry, _Draft)], tokenizer))
    for entry in batch:
        if isinstance(entry, Rejection):
            yield entry
        else:
            yield from _document(entry, next(counts), config, tokenizer, neutralizer)


def _counted(drafts: list[_Draft], tokenizer: Tokenizer) -> list[list[int]]:
    """For each document its tokens before each place and in all; small documents are tokenised together."""
    offsets = [[*(offset for offset, _ in draft.places), len(draft.text)] for draft in drafts]
    if not tokenizer.additive:
        return [tokenizer.cumulative(draft.text, own) for draft, own in zip(drafts, offsets, strict=True)]
    segments = [
        draft.text[start:end] for draft, own in zip(drafts, offsets, strict=True) for start, end in pairwise([0, *own])
    ]
    counts = iter(tokenizer.count_batch(segments))
    return [list(accumulate(islice(counts, len(own)))) for own in offsets]


def _document(
    draft: _Draft, counts: list[int], config: DocumentsConfig, tokenizer: Tokenizer, neutralizer: Neutralizer
) -> Iterator[Document | Rejection]:
    raw, text = draft.raw, draft.text
    *before, whole = counts
    n_tokens = whole
    cuts = [
        Cut(offset=offset, tokens=tokens, level=level)
        for (offset, level), tokens in zip(draft.places, before, strict=True)
    ]
    if whole > config.max_tokens:
        text, n_tokens, cuts = _cut_off(text, cuts, config.max_tokens, tokenizer)
    if n_tokens < config.min_tokens:
        if whole > config.max_tokens:
            detail = f"{whole:,} tokens and no cut that leaves {config.min_tokens:,} to {config.max_tokens:,} of them"
            yield _rejected(raw.source, "too_long", detail)
        else:
            yield _rejected(raw.source, "too_short", f"{whole:,} tokens, documents.min_tokens is {config.min_tokens:,}")
        return
    document_id = make_id(text)
    yield Document(
        document_id=document_id,
        kind=raw.kind,
        title=_title(raw.title, neutralizer),
        author=_title(raw.author, neutralizer) if raw.author else None,
        source=raw.source,
        license=raw.license,
        year=raw.year,
        language=raw.language,
        origin=raw.origin,
        text=text,
        n_chars=len(text),
        n_tokens=n_tokens,
        cuts=cuts,
        signature=signature(text),
        terms=rare_terms(text),
    )
    if whole > config.max_tokens:
        detail = f"{raw.source}: {whole - n_tokens:,} of {whole:,} tokens lie behind documents.max_tokens"
        yield _rejected(document_id, "cut_to_max_tokens", detail)


def _cut_off(text: str, cuts: list[Cut], most: int, tokenizer: Tokenizer) -> tuple[str, int, list[Cut]]:
    """The text up to its last cut that leaves at most `most` tokens; nothing where there is none."""
    for place in range(len(cuts) - 1, -1, -1):
        if cuts[place].tokens > most:
            continue
        kept = text[: cuts[place].offset].rstrip()
        before = cuts[place - 1] if place else None
        if before is None or not tokenizer.additive:
            tokens = tokenizer.count(kept)
        else:  # without the blank lines at its end the last stretch may count otherwise
            tokens = before.tokens + tokenizer.count(kept[before.offset :])
        if tokens <= most:
            return kept, tokens, cuts[:place]
    return "", 0, []


def _title(title: str, neutralizer: Neutralizer) -> str:
    # A beginning of what holds no markup holds none.
    return neutralizer(one_line(title, TITLE_CHARS))[:TITLE_CHARS].rstrip()


def _rejected(item_id: str, reason: str, detail: str) -> Rejection:
    return Rejection(stage=STAGE, item_id=item_id, reason=reason, detail=detail)


class ListedDocument(Record, frozen=True, kw_only=True):
    """A document without its text, and where it lies; a row for `plan_documents`."""

    document_id: str
    kind: str
    title: str
    source: str
    license: str | None
    n_chars: int
    n_tokens: int
    cuts: list[Cut]
    signature: list[int]
    part: int
    row_group: int

    @classmethod
    def of(cls, document: Document, part: int, row_group: int) -> ListedDocument:
        """The row of a document that lies in `row_group` of `part`."""
        return cls(
            document_id=document.document_id,
            kind=document.kind,
            title=document.title,
            source=document.source,
            license=document.license,
            n_chars=document.n_chars,
            n_tokens=document.n_tokens,
            cuts=document.cuts,
            signature=document.signature,
            part=part,
            row_group=row_group,
        )


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
    known = {plan.document_id for plan in earlier}
    ordered = sorted(documents, key=lambda row: (row.part, row.row_group))
    index = NearDuplicates(config.near_duplicate) if config.near_duplicate is not None else None
    by_id: dict[str, ListedDocument] = {}
    for row in ordered:
        by_id.setdefault(row.document_id, row)
    if index is not None:
        for name in kept:
            if name in by_id:
                index.add(name, by_id[name].signature)
    new = [row for row in ordered if (row.document_id, row.part, row.row_group) not in planned]
    first: dict[str, int] = {}
    for place, row in enumerate(new):
        if row.document_id not in known:
            first.setdefault(row.document_id, place)
    duplicate_of: dict[str, tuple[str, float]] = {}
    for row in sorted((new[place] for place in first.values()), key=lambda row: (-row.n_tokens, row.document_id)):
        found = index.nearest(row.signature) if index is not None else None
        if found:
            duplicate_of[row.document_id] = found
        elif index is not None:
            index.add(row.document_id, row.signature)
    fresh = [name for name in first if name not in duplicate_of]
    splits = kept | _split(fresh, config.splits, seed, kept)
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
            detail = f"{row.source} is {share:.0%} similar to {by_id[original].source} ({original})"
            rejections.append(_rejected(name, "near_duplicate", detail))
        split = _split_of(name, splits, duplicate_of, earlier)
        plans.append(Plan(document_id=name, part=row.part, row_group=row.row_group, duplicate_of=original, split=split))
    return plans, rejections


def _split_of(
    name: str, splits: dict[str, str], duplicate_of: dict[str, tuple[str, float]], earlier: Sequence[Plan]
) -> str:
    if name in splits:
        return splits[name]
    if name in duplicate_of:
        return splits[duplicate_of[name][0]]
    return next(plan.split for plan in earlier if plan.document_id == name)


def _split(names: Sequence[str], shares: Splits, seed: int, kept: dict[str, str]) -> dict[str, str]:
    """Splits of new documents, so that all together come as near to the shares as whole documents allow."""
    wanted = {"train": shares.train, "validation": shares.validation, "test": shares.test}
    total = len(names) + len(kept)
    missing = {split: share * total for split, share in wanted.items()}
    for split in kept.values():
        missing[split] -= 1
    given = {}
    for name in sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest()):
        # Splits without a share get nothing, also where rounding would give them something.
        split = max((s for s, share in wanted.items() if share > 0), key=lambda s: missing[s])
        given[name] = split
        missing[split] -= 1
    return given
