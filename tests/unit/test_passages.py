"""Excerpts keep to their budget, hold the evidence, and say what bears on a question; hidden names are hidden."""

import re

import pytest

from longhop.checks.masking import HIDDEN, hide
from longhop.checks.passages import Shelf, excerpt
from longhop.reading import content_words
from longhop.records import Context, ContextDocument


def count(text: str) -> int:
    return len(text.split())


SENTENCES = " ".join(f"Sentence number {n} says that keeper {n} lit a lamp." for n in range(400))


@pytest.mark.parametrize(
    "text",
    [SENTENCES, SENTENCES.replace(". ", ".\n"), re.sub(r"[.]", "", SENTENCES), SENTENCES.replace(" ", "")],
    ids=["one paragraph", "lines", "no sentences", "no spaces"],
)
def test_a_document_without_paragraphs_gives_an_excerpt(text: str) -> None:
    """It is cut at lines, sentences, words, or anywhere; the quote and what is like the question stand in it."""

    def tokens(part: str) -> int:
        return len(part) // 4

    at = text.index("300")
    part = excerpt(text, 0, len(text), [(at, at + 3)], content_words("Which lamp did keeper 77 light?"), 300, tokens)
    assert "300" in part
    assert 100 < tokens(part) <= 300


def test_evidence_comes_with_its_passage_and_the_likest_passages_follow() -> None:
    """The passage that has the rare words of the question is there, a hundred common ones are not."""
    paragraphs = [f"The keeper of lamp {n} went home to rest and to sleep." for n in range(100)]
    paragraphs[70] = "Tobias Reeve bought the brass sextant in spring."
    text = "\n\n".join(paragraphs)
    at = text.index("lamp 20 ")
    part = excerpt(text, 0, len(text), [(at, at + 7)], content_words("Who bought the brass sextant?"), 60, count)
    assert "The keeper of lamp 20 went home" in part
    assert "Tobias Reeve bought" in part
    assert "[…]" in part
    assert count(part) <= 60


def test_a_quote_that_exceeds_the_budget_is_cut() -> None:
    """Each of two long quotes keeps its beginning."""
    text = "\n\n".join([SENTENCES, SENTENCES.replace("keeper", "pilot")])
    spans = [(0, len(SENTENCES)), (len(SENTENCES) + 2, len(text))]
    part = excerpt(text, 0, len(text), spans, frozenset(), 200, count)
    assert "keeper 0 lit" in part
    assert "pilot 0 lit" in part
    assert count(part) <= 200


def shelf(*bodies: str) -> Shelf:
    documents, text = [], ""
    for number, body in enumerate(bodies):
        documents.append(
            ContextDocument(
                document_id=f"d{number}",
                kind="book",
                title=f"Book {number}",
                source=f"{number}.txt",
                license=None,
                start=len(text),
                end=len(text) + len(body),
                n_tokens=count(body),
            )
        )
        text += body + "\n\n"
    context = Context(
        context_id="c", split="train", target_tokens=999, n_tokens=count(text), text=text, documents=documents
    )
    return Shelf(context, count)


def test_documents_that_bear_on_a_question_are_found() -> None:
    """Those with a passage that has its rare words, the likest first; what is left out stays out."""
    books = shelf("The brass sextant was sold.", "A sextant was lost.", "Soup is warm.", "Snow fell for a week.")
    words = content_words("Who sold the brass sextant?")
    assert books.bearing(words, frozenset(), 3) == ["d0", "d1"]
    assert books.bearing(words, frozenset(["d0"]), 3) == ["d1"]
    assert books.bearing(words, frozenset(), 1) == ["d0"]


def test_documents_that_state_an_answer_do_so_about_the_question() -> None:
    """`340` in another matter is no other place of the answer, and neither is 1340."""
    books = shelf(
        "The pilot paid 340 crowns for rope.", "Page 340 is blank.", "The pilot paid 1340 crowns for rope.", "Snow."
    )
    words = content_words("How many crowns did the pilot pay?")
    assert books.stating(["340"], words, frozenset(), 3) == ["d0"]


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("Ines Halvorsen's chest", ["Ines Halvorsen"], f"{HIDDEN} chest"),
        ("INES HALVORSEN’S chest", ["Ines Halvorsen"], f"{HIDDEN} chest"),
        ("Ines\nHalvorsen left", ["Ines Halvorsen"], f"{HIDDEN} left"),
        ("Captain Halvorsen left", ["Ines Halvorsen"], f"Captain {HIDDEN} left"),
        ("the county of Mountrail County", ["Mountrail County"], f"the county of {HIDDEN}"),
        ("tide_gain and tide_gains, TIDE_GAIN", ["tide_gain"], f"{HIDDEN} and {HIDDEN}, {HIDDEN}"),
        ("a scanner", ["can"], "a scanner"),
        ("nothing to hide", ["", " "], "nothing to hide"),
        ("The O'Neills met", ["O’Neill"], f"The {HIDDEN} met"),
    ],
)
def test_names_are_hidden_whatever_their_form(text: str, names: list[str], expected: str) -> None:
    """Case, possessive, plural and line breaks do not show a name; within a word it is none."""
    assert hide(text, names) == expected
