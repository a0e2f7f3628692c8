"""The text of a context, with the exact place and the exact count of every document in it.

    >>> pieces = [documents[piece.document_id] for piece in plan.pieces]
    >>> [context] = render([lay(plan, pieces, tokenizer, indents=True)], tokenizer)
    >>> row = context.documents[0]
    >>> context.text[row.start : row.end]
    'The harbour of Marrow Bay…'

Documents were tokenised when they were cleaned. An additive tokenizer counts the same between two lines of a document
wherever it stands, so only what surrounds the seams is counted again: from the last line of one piece over the tags to
the first of the next. For other tokenizers the finished text is counted whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from longhop.errors import CorpusError
from longhop.markup import document_header, render_document
from longhop.records import Context, ContextDocument, ContextPlan, Document, DocumentText, Piece

if TYPE_CHECKING:
    from longhop.tokens import Tokenizer

__all__ = ["Laid", "lay", "may_cut_before_indents", "render"]

LONG_CHARS = 500_000
"""Texts above this are counted one a thread."""

# Before a line that begins with a non-blank, or with blanks behind a line that ends in none.
_LINE = re.compile(r"\n(?=\S)|(?<=\S)\n(?=[ \t]+\S)")
_ENDS_OF_LINES = ("word\n", "Word.\n", "f(1);\n", "}\n", "12\n", "//\n", "é”\n", "#\n", "*/\n", "x:\n", "'\n", "的\n")
_INDENTS = (" ", "  ", "    ", "        ", "\t", "\t\t", " \t")
_INDENTED = ("a", "A b", "1", "_x", '"s', "'s", "(x)", "/", "//", "#", "}", "é", "的", "<", "$x", "@x", "...", "s")


class Laid(NamedTuple):
    """A context whose text stands and whose tokens are still to be counted."""

    plan: ContextPlan
    text: str
    rows: list[ContextDocument]
    """Its documents, each with the tokens that are known of it."""
    known: int
    """Tokens of the text that are known."""
    seams: list[str]
    """Stretches of the text that are to be counted."""
    beside: list[tuple[int, str, int]]
    """Stretches of documents to be counted: the row, the stretch, and how often its count is added to the row's (to be
    subtracted where negative)."""
    inside: list[tuple[str, int]]
    """Stretches to be counted whose counts are added to what is known of the text as often."""


def lay(
    plan: ContextPlan, documents: Sequence[Document | DocumentText], tokenizer: Tokenizer, *, indents: bool
) -> Laid:
    """Lay out the pieces of a plan, whose documents stand in the same order.

    A piece loses the newlines at its end, since one newline and the footer follow.

    Args:
        plan: Which pieces.
        documents: What they are of.
        tokenizer: The recipe's.
        indents: Whether counts add up before indented lines: `may_cut_before_indents` of the tokenizer.

    Raises:
        CorpusError: If a piece lies outside its document, so that plan and documents are not of one run.
    """
    texts: list[str] = []
    rows: list[ContextDocument] = []
    seams: list[str] = []
    beside: list[tuple[int, str, int]] = []
    inside: list[tuple[str, int]] = []
    length = known = 0
    carried = ""
    for number, (piece, document) in enumerate(zip(plan.pieces, documents, strict=True)):
        body = _body(plan.context_id, piece, document)
        text = render_document(document.title, document.kind, body)
        start = len(document_header(document.title, document.kind))
        first, last = _safe_lines(body, tokenizer, indents=indents) if tokenizer.additive else (len(body), len(body))
        whole = document.text[piece.start : piece.end]
        n_tokens = 0
        if first < last:
            # What lies between is the piece without its first and last lines, which end otherwise in the document.
            head, tail, old_tail = body[:first], body[last:], whole[last:]
            seams.append(carried + text[: start + first])
            carried = text[start + last :]
            n_tokens = piece.n_tokens
            known += n_tokens
            inside += [(head, -1), (old_tail, -1)]
            if tail != old_tail:
                beside += [(number, tail, 1), (number, old_tail, -1)]
        else:
            carried += text
            if len(body) == document.n_chars:
                n_tokens = document.n_tokens
            else:
                beside.append((number, body, 1))
        rows.append(
            ContextDocument(
                document_id=document.document_id,
                kind=document.kind,
                title=document.title,
                source=document.source,
                license=document.license,
                start=length + start,
                end=length + start + len(body),
                n_tokens=n_tokens,
            )
        )
        texts.append(text)
        length += len(text)
    return Laid(plan, "".join(texts), rows, known, [*seams, carried], beside, inside)


def render(laid: Sequence[Laid], tokenizer: Tokenizer) -> list[Context]:
    """Count what is not known of contexts, all in one batch."""
    stretches = [
        stretch
        for each in laid
        for stretch in (*each.seams, *(text for _, text, _ in each.beside), *(text for text, _ in each.inside))
    ]
    counts = iter(_counted(stretches, tokenizer))
    contexts = []
    for each in laid:
        n_tokens = each.known + sum(next(counts) for _ in each.seams)
        own = [row.n_tokens for row in each.rows]
        for number, _, times in each.beside:
            own[number] += times * next(counts)
        n_tokens += sum(times * next(counts) for _, times in each.inside)
        contexts.append(
            Context(
                context_id=each.plan.context_id,
                split=each.plan.split,
                target_tokens=each.plan.target_tokens,
                n_tokens=n_tokens,
                text=each.text,
                documents=[
                    msgspec.structs.replace(row, n_tokens=many) for row, many in zip(each.rows, own, strict=True)
                ],
            )
        )
    return contexts


def _counted(texts: Sequence[str], tokenizer: Tokenizer) -> list[int]:
    """Tokens of each text; long ones side by side, since a tokenizer works on one text with one processor."""
    long = [place for place, text in enumerate(texts) if len(text) > LONG_CHARS]
    if len(long) < 2:
        return tokenizer.count_batch(texts)
    counts = tokenizer.count_batch([text if len(text) <= LONG_CHARS else "" for text in texts])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for place, count in zip(long, pool.map(tokenizer.count, [texts[place] for place in long]), strict=True):
            counts[place] = count
    return counts


def _body(context_id: str, piece: Piece, document: Document | DocumentText) -> str:
    if piece.document_id != document.document_id or not 0 <= piece.start < piece.end <= len(document.text):
        raise CorpusError(
            f"context {context_id}: its piece {piece.document_id}[{piece.start}:{piece.end}] lies outside document "
            f"{document.document_id} of {len(document.text)} characters; plan and documents are not of one run"
        )
    return document.text[piece.start : piece.end].rstrip("\n")


def may_cut_before_indents(tokenizer: Tokenizer) -> bool:
    """Whether counts add up before indented lines, as tried; code has few others."""
    behind = [indent + text for indent in _INDENTS for text in _INDENTED]
    left, right = tokenizer.count_batch(_ENDS_OF_LINES), tokenizer.count_batch(behind)
    whole = tokenizer.count_batch([end + text for end in _ENDS_OF_LINES for text in behind])
    return [a + b for a in left for b in right] == whole


def _safe_lines(body: str, tokenizer: Tokenizer, *, indents: bool) -> tuple[int, int]:
    """Where the second line and the last begin, of those lines before which counts add up; equal if there is none."""

    def is_safe(at: int) -> bool:
        char = body[at : at + 1]
        return indents if char.isspace() else tokenizer.may_cut_before(char)

    first = next((match.end() for match in _LINE.finditer(body) if is_safe(match.end())), len(body))
    last = len(body)
    while last > first:
        last = body.rfind("\n", first - 1, last - 1) + 1
        if last <= first or (_LINE.match(body, last - 1) and is_safe(last)):
            break
    return first, max(first, last)
