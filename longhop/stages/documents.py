"""Documents: choose, clean, count, find what they are about; duplicates and splits come after, in `plan.py`.

    >>> documents = list(clean(read_item(item), DocumentsConfig(), load_tokenizer("words"), ExcludedText()))
    >>> documents[0].n_tokens, documents[0].cuts[0]
    (10382, Cut(offset=1204, tokens=231, level='chapter'))

`clean` works document by document, on any worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from longhop.batches import batches
from longhop.cleaning.language import other_language
from longhop.cleaning.near_duplicates import signature
from longhop.cleaning.overlap import ExcludedText
from longhop.cleaning.quality import Fault, judge
from longhop.markup import Neutralizer
from longhop.planning.cuts import find_places
from longhop.planning.links import mentions_of, names_of
from longhop.planning.terms import rare_terms
from longhop.recipe import DocumentsConfig
from longhop.records import Cut, Document, RawDocument, Rejection, make_id
from longhop.sources.text import one_line
from longhop.tokens import Tokenizer

__all__ = ["VERSION", "clean"]

VERSION = 5
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
    entries = (
        raw if isinstance(raw, Rejection) else _draft(raw, config, tokenizer, exclude, neutralizer) for raw in raws
    )
    # Tokenisers work without Python's lock: while a thread counts a batch, the next is read and the last finished.
    with ThreadPoolExecutor(1, thread_name_prefix="counting") as thread:
        last: tuple[list[_Draft | Rejection], Future[list[list[int]]]] | None = None
        for batch in batches(entries, BATCH_CHARS, _chars):
            drafts = [entry for entry in batch if isinstance(entry, _Draft)]
            counted = thread.submit(_counted, drafts, tokenizer)
            if last is not None:
                yield from _finished(last[0], last[1].result(), config, tokenizer, neutralizer)
            last = batch, counted
        if last is not None:
            yield from _finished(last[0], last[1].result(), config, tokenizer, neutralizer)


class _Draft(NamedTuple):
    """A document that is clean and not yet counted."""

    raw: RawDocument
    text: str
    places: list[tuple[int, str]]


def _chars(entry: _Draft | Rejection) -> int:
    return len(entry.text) if isinstance(entry, _Draft) else 0


def _draft(
    raw: RawDocument, config: DocumentsConfig, tokenizer: Tokenizer, exclude: ExcludedText, neutralizer: Neutralizer
) -> _Draft | Rejection:
    if config.licenses is not None and raw.license not in config.licenses.allow:
        allowed = ", ".join(config.licenses.allow)
        return _rejected(raw.source, "license", f"licence {raw.license or 'not given'}, allowed are {allowed}")
    if config.languages is not None and (found := other_language(raw.text, raw.kind, raw.language, config.languages)):
        wanted = ", ".join(config.languages)
        return _rejected(raw.source, "language", f"its language is {found}; documents.languages allows {wanted}")
    if fault := _fault(raw, config):
        return _rejected(raw.source, fault.reason, fault.detail)
    text, offsets = neutralizer.with_offsets(raw.text, [offset for offset, _ in raw.sections])
    if overlap := exclude.overlap(text):
        return _rejected(raw.source, "overlaps_evaluation", overlap.detail)
    sections = [(offset, level) for offset, (_, level) in zip(offsets, raw.sections, strict=True)]
    return _Draft(raw, text, find_places(text, raw.kind, sections, tokenizer.may_cut_before))


def _fault(raw: RawDocument, config: DocumentsConfig) -> Fault | None:
    if config.quality is None:
        return None
    by = "code" if raw.kind == "code" else "prose"
    rules = config.quality.code if raw.kind == "code" else config.quality.prose
    return judge(raw.text, rules, f"documents.quality.{by}") if rules is not None else None


def _finished(
    batch: list[_Draft | Rejection],
    counts: list[list[int]],
    config: DocumentsConfig,
    tokenizer: Tokenizer,
    neutralizer: Neutralizer,
) -> Iterator[Document | Rejection]:
    counted = iter(counts)
    for entry in batch:
        if isinstance(entry, Rejection):
            yield entry
        else:
            yield from _document(entry, next(counted), config, tokenizer, neutralizer)


def _counted(drafts: list[_Draft], tokenizer: Tokenizer) -> list[list[int]]:
    """For each document its tokens before each place and in all; small documents are tokenised together."""
    offsets = [[*(offset for offset, _ in draft.places), len(draft.text)] for draft in drafts]
    return tokenizer.cumulative_batch([draft.text for draft in drafts], offsets)


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
        names=names_of(raw.kind, raw.title, raw.author, raw.source, text),
        mentions=mentions_of(raw.kind, text, raw.source),
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
