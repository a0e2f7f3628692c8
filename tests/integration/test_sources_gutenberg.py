"""Real books of Project Gutenberg, where the corpus lies beside the repository; it is not ours to give away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from longhop.sources.gutenberg import strip_gutenberg
from longhop.sources.text import decode, tidy

ROOT = Path(__file__).resolve().parents[2]
CORPUS = next((path for path in (ROOT / "shared/corpus", ROOT.parent / "shared/corpus") if path.is_dir()), None)
BOOKS = sorted(CORPUS.glob("books/*.txt")) if CORPUS else []
OF_GUTENBERG = re.compile(r"Project Gutenberg|\be-?text\b|small print[!,]", re.IGNORECASE)

pytestmark = pytest.mark.skipif(not BOOKS, reason="shared/corpus is absent: its books are no part of the repository")


def wrapped_books() -> list[tuple[str, str]]:
    """Names and texts of the books that have a header."""
    texts = [(path.name, tidy(decode(path.read_bytes()))) for path in BOOKS]
    return [(name, text) for name, text in texts if "Project Gutenberg" in text[:2_000]]


def test_of_real_books_the_wrapping_goes_and_the_text_stays() -> None:
    """No line of Project Gutenberg's is left, and no book is cut short."""
    books = wrapped_books()
    assert books
    for name, text in books:
        stripped = strip_gutenberg(text)
        assert stripped.title, name
        assert not OF_GUTENBERG.search(stripped.text), name
        # The longest wrapping is 20,000 characters of licence, header, credits and notes.
        assert len(text) - len(stripped.text) < 25_000, name
        paragraphs = [paragraph for paragraph in re.split(r"\n{2,}", stripped.text) if len(paragraph) > 60]
        assert all(paragraph in text for paragraph in paragraphs), name


def test_real_books_that_were_put_into_one_file_come_out_whole() -> None:
    """Forms of thirty years, one behind the other: what comes out is what each gives alone."""
    books = [text for _, text in wrapped_books()]
    alone = " ".join(strip_gutenberg(text).text for text in books)
    together = strip_gutenberg("\n\n\n".join(books)).text
    assert together.split() == alone.split()
