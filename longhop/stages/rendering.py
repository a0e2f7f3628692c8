"""The text of a context, with the exact place and the exact count of every document in it.

    >>> context = render(plan, [documents[piece.document_id] for piece in plan.pieces], tokenizer)
    >>> row = context.documents[0]
    >>> context.text[row.start : row.end]
    'The harbour of Marrow Bay…'

Documents were tokenised when they were cleaned, and their cuts know how many tokens lie before each. Between the first
and the last cut of a piece an additive tokenizer counts the same as in the document, so only what surrounds the seams,
from the last cut of one piece to the first of the next, is counted again. For other tokenizers the finished text is
counted whole.

Planning has no text to count. `probe_seams` tells it how far a document's count in a context lies from what it knows:
the counts of the document, of its header and of its footer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING, NamedTuple, Self

from longhop.errors import CorpusError
from longhop.markup import DOCUMENT_FOOTER, document_header, render_document
from longhop.records import Context, ContextDocument, ContextPlan, Document, Piece

if TYPE_CHECKING:
    from longhop.tokens import Tokenizer

__all__ = ["Seams", "probe_seams", "render"]

STARTS = (
    *("The house", "it was", "Alice", "Although we", "MARROW", "Beyond them", "“I know,”", '"But it', "'Tis", "_You_"),
    *("# One", "- item", "1. One", "(see", "É", "的人", "/* x", "@x", "{", "<div", "$x", "    def f", "typedef x"),
)
"""What texts begin with: a word may be another one behind the space that some tokenizers put before a text."""
ENDS = ("house.", "day", "said,", "all.”", 'it."', "(him)", "12", "人。", "x;", "}", "});", "*/", ">", "|")
"""What texts end with."""
TAIL = 0.03
"""Share of the texts on either side that are left out of account; what they may have is spared in every context."""
SHORT_CHARS = 4_000
"""A text that is longer is not tried."""
FEWEST_TEXTS, MOST_TEXTS = 30, 1_000
"""Fewer texts of a corpus than the first do not show what it is like; of more than the last, some are tried."""


class Seams(NamedTuple):
    """Tokens that a document has in a context beyond its own and those of its header and footer, all counted apart."""

    low: int
    high: int
    rare: int
    """The most that a single document was seen to have."""

    @classmethod
    def of(cls, errors: Iterable[int], first: int) -> Self:
        """What most of these lie between, where the first document of a context has `first` more."""
        ordered = sorted(errors)
        last = len(ordered) - 1
        tail = int(TAIL * last)
        return cls(ordered[tail], ordered[last - tail], ordered[last] + first)

    @property
    def spread(self) -> int:
        """How many fewer a document may have than one with `high`."""
        return self.high - self.low


def probe_seams(tokenizer: Tokenizer, sample: Sequence[str] = ()) -> tuple[Seams, Seams]:
    """Seams of whole documents, and of any piece of one.

    An additive tokenizer may still join the end of a text and the newline behind it, as Qwen's do with `.` and newline;
    others, as most SentencePiece ones, begin each text that is counted alone with a token that it has not in a context.

    Args:
        tokenizer: The recipe's.
        sample: Texts of some documents. Long ones are passed over: they are few in a context, so that nothing depends
            on their seams. Where short ones are few, texts of all sorts are tried in their place.
    """
    header, footer = document_header("Of rope", "book"), "\n" + DOCUMENT_FOOTER
    beside = render_document("Of rope", "book", "They went home.")
    apart = tokenizer.count(beside * 2) + tokenizer.count(header) + tokenizer.count(footer)
    first = max(0, 2 * tokenizer.count(beside) - tokenizer.count(beside * 2))

    def added(texts: Sequence[str]) -> list[int]:
        """Tokens of each text once it stands in a context."""
        return [own - apart for own in tokenizer.count_batch([beside + header + t + footer + beside for t in texts])]

    probes = [f"{start} went over the hill to the {end}" for start, end in product(STARTS, ENDS)]
    short = [text for text in sample if len(text) <= SHORT_CHARS]
    short = short[:: 1 + len(short) // MOST_TEXTS]
    texts = short if len(short) >= FEWEST_TEXTS else [*short, *probes]
    whole = [own - alone for own, alone in zip(added(texts), tokenizer.count_batch(texts), strict=True)]
    cut: list[int] = []
    for own, text in zip(added(probes), probes, strict=True):
        if not text[0].isspace() and tokenizer.may_cut_before(text[0]):
            joined, ends = "", []
            for blank in ("\n\n", "\n\n\n\n", ""):  # a piece of a document loses the empty lines at its end
                joined += text + blank
                ends.append(len(joined))
            cut += [own - (end - start) for start, end in pairwise([0, *tokenizer.cumulative(joined, ends)])]
    return Seams.of(whole, first), Seams.of([*whole, *cut], first)


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
