r"""The one place that knows how a document is wrapped, and what of its text could be taken for markup.

    >>> render_document("A & B", "book", "Text.")
    '<document title="A &amp; B" kind="book">\nText.\n</document>\n\n'
    >>> Neutralizer(["<|end|>"])("He wrote </document> and <|end|>.")
    'He wrote < /document> and < |end|>.'

Neutralising happens once, while a document is cleaned: document delimiters, `<think>` tags, the special tokens of the
recipe's tokenizer and the markup of the model families in `markup_families` get a space after their first character.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from longhop.markup_families import FAMILIES, PATTERNS

__all__ = ["DOCUMENT_FOOTER", "Neutralizer", "document_header", "render_document"]

DOCUMENT_FOOTER = "</document>\n\n"
"""What closes a document in a context; a newline stands before it."""

# `[reasoning]`-like tags of the families stand in `markup_families`; these hold in any case of letters.
_DELIMITERS = (r"<(?i:/?document(?![\w-]))", r"<(?i:/?think(?:ing)?(?=[\s>/]))")


def document_header(title: str, kind: str) -> str:
    """The line that opens a document in a context."""
    return f'<document title="{html.escape(title)}" kind="{html.escape(kind)}">\n'


def render_document(title: str, kind: str, body: str) -> str:
    """A document as it stands in a context."""
    return f"{document_header(title, kind)}{body}\n{DOCUMENT_FOOTER}"


class Neutralizer:
    """Puts a space behind the first character of everything that could act as markup, until nothing can.

    Applied twice it changes nothing more, and it inserts spaces only. A special token of one character, or of blanks
    around one, cannot be broken this way and stays: no chat template uses one.
    """

    def __init__(self, special_tokens: Iterable[str] = ()) -> None:
        tokens = {token for family in FAMILIES.values() for token in family}
        # Blanks around a token are left out: a space behind a blank would not break it, and the rest being broken does.
        tokens.update(core for token in special_tokens if len(core := token.strip()) > 1)
        self._markup = re.compile(_by_first([*_DELIMITERS, *PATTERNS], tokens))

    def __call__(self, text: str) -> str:
        """`text` with its markup broken."""
        return self.with_offsets(text, ())[0]

    def with_offsets(self, text: str, offsets: Sequence[int]) -> tuple[str, list[int]]:
        """`text` with its markup broken, and where each of the `offsets` lies in it now."""
        moved = list(offsets)
        while breaks := self._breaks(text):
            pieces = [text[start:end] for start, end in zip([0, *breaks], [*breaks, len(text)], strict=True)]
            text = " ".join(pieces)
            # An offset at the very break stays before the space, so that what it marks keeps its first character.
            moved = [offset + bisect_right(breaks, offset - 1) for offset in moved]
        return text, moved

    def _breaks(self, text: str) -> list[int]:
        """Where spaces are due; markup that overlaps what was found is left to the next round."""
        return [match.start() + 1 for match in self._markup.finditer(text)]


def _by_first(patterns: Iterable[str], tokens: Iterable[str]) -> str:
    """A pattern that matches any of the patterns, each of which begins with a character as it is, or of the tokens.

    It begins with the set of all first characters, which is searched for five times as fast as one form or another.
    """
    behind: dict[str, list[str]] = {}
    for pattern in patterns:
        length = 2 if pattern.startswith("\\") else 1
        behind.setdefault(pattern[length - 1], []).append(pattern[length:])
    rests: dict[str, list[str]] = {}
    for token in tokens:
        rests.setdefault(token[0], []).append(token[1:])
    for first, own in rests.items():
        behind.setdefault(first, []).append(_trie_pattern(own))
    firsts = sorted(behind)
    forms = (f"(?<={re.escape(first)})(?:{'|'.join(f'(?:{form})' for form in behind[first])})" for first in firsts)
    return f"[{''.join(map(re.escape, firsts))}](?:{'|'.join(forms)})"


def _trie_pattern(tokens: Iterable[str]) -> str:
    """A pattern that matches any of the tokens and reads each character of the text once, however many there are."""
    trie: dict[str, dict[str, object]] = {}
    for token in tokens:
        node: dict[str, object] = trie  # type: ignore[assignment]
        for char in token:
            node = node.setdefault(char, {})  # type: ignore[assignment]
        node[""] = {}

    def pattern(node: dict[str, object]) -> str:
        if "" in node:  # the shortest token is enough: where it ends, a longer one is broken as well
            return ""
        branches = [re.escape(char) + pattern(child) for char, child in sorted(node.items())]  # type: ignore[arg-type]
        return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"

    return pattern(trie)  # type: ignore[arg-type]
