"""Readers of laid-out files: no words lost or turned, no input that stops a build."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from longhop.sources.html import read_html
from longhop.sources.pdf import read_pdf
from longhop.sources.problems import ReadError
from longhop.sources.references import without_references
from longhop.sources.text import BinaryError
from tests.typeset import pdf_of, set_pages

WORDS = st.lists(
    st.sampled_from("tide harbour lantern observation current pilot estuary".split()), min_size=30, max_size=90
)
TAGS = st.sampled_from(
    "p div table tr td ul li ol blockquote pre h2 a sup span dl dd dt article main nav math q".split()
)


@settings(max_examples=8, deadline=None)
@given(st.lists(WORDS, min_size=3, max_size=9), st.integers(1, 3), st.sampled_from(["columns", "rows"]))
def test_set_words_are_read_in_order(paragraphs: list[list[str]], columns: int, order: str) -> None:
    """Text that was set in columns comes out as it went in, whatever the order in which it was drawn."""
    blocks = [("p", f"Entry {n} begins. {' '.join(words)}.") for n, words in enumerate(paragraphs)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "paper.pdf"
        path.write_bytes(pdf_of(set_pages(blocks, columns=columns), order=order))
        text = read_pdf(path).text
    assert re.findall(r"\w+", text) == re.findall(r"\w+", " ".join(text for _, text in blocks))


@given(st.lists(st.tuples(TAGS, st.booleans(), st.text("ab |#*`\n<&", max_size=12)), max_size=40))
def test_any_tags_in_any_order_are_read(pieces: list[tuple[str, bool, str]]) -> None:
    """Tags that are never closed, or never opened, raise nothing, and sections stand at headings."""
    source = "".join(f"<{'/' if closes else ''}{tag}>{text}" for tag, closes, text in pieces)
    html = read_html(source.encode())
    assert all(html.text[offset] == "#" for offset, _ in html.sections)


@given(st.binary(max_size=400))
def test_any_bytes_give_text_or_a_reason(data: bytes) -> None:
    """No bytes stop the reader of HTML but by saying why."""
    try:
        text = read_html(data).text
    except (BinaryError, ReadError) as error:
        text = str(error)
    assert isinstance(text, str)


@given(
    st.lists(st.sampled_from(["# T", "## References", "### More", "## End", "Text.", "## A Bibliography"]), max_size=12)
)
def test_references_go_and_offsets_stay(blocks: list[str]) -> None:
    """What is left is of the text, in its order, and sections stand where they stood."""
    text = "\n\n".join(blocks)
    offsets = tuple((match.start(), "section") for match in re.finditer(r"^#", text, re.MULTILINE))
    left, sections = without_references(text, offsets)
    assert not re.search(r"^## References$", left, re.MULTILINE)
    assert [offset for offset, _ in sections] == [match.start() for match in re.finditer(r"^#", left, re.MULTILINE)]
