"""The text of a context, with the exact place and the exact count of every document in it.

    >>> context = render(plan, [documents[piece.document_id] for piece in plan.pieces], tokenizer)
    >>> row = context.documents[0]
    >>> context.text[row.start : row.end]
    'The harbour of Marrow Bay…'

Documents were tokenised when they were cleaned, and their cuts know how many tokens lie before each. Between the first
and the last cut of a piece an additive tokenizer counts the same as in the document, so only what surrounds the seams,
from the last cut of one piece to the first of the next, is counted again. For other tokenizers the finished text is
counted whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from longhop.errors import CorpusError
from longhop.markup import document_header, render_document
from longhop.records import Context, ContextDocument, ContextPlan, Document, Piece

if TYPE_CHECKING:
    from longhop.tokens import Tokenizer

__all__ = ["render"]


class _Block(NamedTuple):
    """A rendered piece."""

    document: Document
    text: str
    body: tuple[int, int]
    """Where the document's own text lies in `text`."""
    counted: tuple[int, int]
    """Which stretch of `text` needs no further counting; empty if none."""
    tokens: int
    """Tokens of that stretch."""


def render(plan: ContextPlan, documents: Sequence[Document], tokenizer: Tokenizer) -> Context:
    """Render the pieces of a plan, whose documents stand in the same order.

    A piece loses the newlines at its end, since one newline and the footer follow.

    Raises:
        CorpusError: If a piece lies outside its document, so that plan and documents are not of one run.
    """
    blocks = [
        _block(plan.context_id, piece, document, additive=tokenizer.additive)
        for piece, document in zip(plan.pieces, documents, strict=True)
    ]
    seams, carried = [], ""
    for block in blocks:
        first, last = block.counted
        if first < last:
            seams.append(carried + block.text[:first])
            carried = block.text[last:]
        else:
            carried += block.text
    ends = [
        part
        for _, text, body, counted, _ in blocks
        for part in (text[body[0] : counted[0]], text[counted[1] : body[1]])
    ]
    counts = tokenizer.count_batch([*seams, carried, *ends])
    around, beside = sum(counts[: len(seams) + 1]), counts[len(seams) + 1 :]
    rows: list[ContextDocument] = []
    length = 0
    for number, block in enumerate(blocks):
        document = block.document
        rows.append(
            ContextDocument(
                document_id=document.document_id,
                kind=document.kind,
                title=document.title,
                source=document.source,
                license=document.license,
                start=length + block.body[0],
                end=length + block.body[1],
                n_tokens=beside[2 * number] + block.tokens + beside[2 * number + 1],
            )
        )
        length += len(block.text)
    return Context(
        context_id=plan.context_id,
        split=plan.split,
        target_tokens=plan.target_tokens,
        n_tokens=around + sum(block.tokens for block in blocks),
        text="".join(block.text for block in blocks),
        documents=rows,
    )


def _block(context_id: str, piece: Piece, document: Document, *, additive: bool) -> _Block:
    if piece.document_id != document.document_id or not 0 <= piece.start < piece.end <= len(document.text):
        raise CorpusError(
            f"context {context_id}: its piece {piece.document_id}[{piece.start}:{piece.end}] lies outside document "
            f"{document.document_id} of {len(document.text)} characters; plan and documents are not of one run"
        )
    body = document.text[piece.start : piece.end].rstrip("\n")
    text = render_document(document.title, document.kind, body)
    start = len(document_header(document.title, document.kind))
    end = start + len(body)
    inside = [cut for cut in document.cuts if piece.start < cut.offset < piece.start + len(body)] if additive else []
    if not inside:
        return _Block(document, text, (start, end), (end, end), 0)
    first, last = (start + cut.offset - piece.start for cut in (inside[0], inside[-1]))
    return _Block(document, text, (start, end), (first, last), inside[-1].tokens - inside[0].tokens)
