"""How far a document's tokens in a context lie from what planning knows of it.

    >>> whole, cut = probe_seams(tokenizer, sample)
    >>> whole.low, whole.high      # a byte-level tokenizer such as Qwen's joins a full stop and the newline behind it
    (-2, 0)

Planning has no text to count. It knows the counts of the document, of its header and of its footer, and adds them up;
what a tokenizer does where they meet is tried here, on texts of the corpus and on made-up ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING, NamedTuple, Self

from longhop.markup import DOCUMENT_FOOTER, document_header, render_document

if TYPE_CHECKING:
    from longhop.tokens import Tokenizer

__all__ = ["SHORT_CHARS", "Seams", "probe_seams"]

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
"""A text that is longer is not tried: there are few of them in a context, so that nothing depends on their seams."""
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
