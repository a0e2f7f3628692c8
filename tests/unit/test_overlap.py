"""Overlap with texts that are measured on: what counts, what does not, and what is said."""

from __future__ import annotations

import random

import pytest

from longhop.cleaning.boilerplate import BOILERPLATE
from longhop.cleaning.overlap import SAMPLED_FROM, ExcludedText

DRAW = random.Random(11)
VOCABULARY = ["".join(DRAW.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(20_000)]
QUESTION = "Who kept the log of the ferry in the winter after the mill at Ostrava had burned down?"


def words(count: int) -> str:
    """Words that come together nowhere else."""
    return " ".join(DRAW.choices(VOCABULARY, k=count))


def excluded(*texts: str, share: float = 0.1) -> ExcludedText:
    """Texts of one file."""
    return ExcludedText([("bench.jsonl", text) for text in texts], share)


def test_a_question_within_a_book() -> None:
    """A short text is found whole in a long document, whatever case and marks it has there."""
    book = f"{words(5_000)}. {QUESTION.upper().replace(' ', '  ')} {words(5_000)}"
    found = excluded(words(3_000), QUESTION).overlap(book)
    assert found is not None
    assert (found.file, found.share) == ("bench.jsonl", 1.0)
    assert found.run == "who kept the log of the ferry in the winter after the mill"
    assert found.detail.startswith("bench.jsonl: a text in it has 100% of the runs of 13 words")
    assert excluded(QUESTION).overlap(words(9_000)) is None


def test_a_quotation_is_no_overlap_unless_one_run_is_enough() -> None:
    """Two long texts may have a sentence in common; where `share` is 0, they may not."""
    psalm = words(20)
    context, book = f"{words(3_000)} {psalm} {words(3_000)}", f"{words(4_000)} {psalm} {words(4_000)}"
    assert excluded(context).overlap(book) is None
    strict = excluded(context, share=0.0).overlap(book)
    assert strict is not None
    assert strict.run == " ".join(psalm.split()[:13])


@pytest.mark.parametrize("size", [200, 2_000, 40_000])
def test_what_stands_in_a_context(size: int) -> None:
    """A paper in a context of many, and a book of which a context has a chapter, both overlap."""
    paper = words(size)
    assert excluded(f"{words(20_000)} {paper} {words(20_000)}").overlap(paper) is not None
    chapter = " ".join(paper.split()[: max(150, size // 5)])
    assert excluded(chapter).overlap(paper) is not None


def test_much_in_common_is_enough() -> None:
    """Forty pages are an overlap, however long both texts are."""
    common = words(11_000)
    assert excluded(f"{common} {words(200_000)}").overlap(f"{words(200_000)} {common}") is not None


def test_long_texts_are_kept_in_part() -> None:
    """A sixteenth, which is 12 bytes each; with `share: 0` all is kept."""
    text = words(SAMPLED_FROM * 2)
    kept = excluded(text).index
    assert len(kept.hashes) < SAMPLED_FROM / 5
    assert len(excluded(text, share=0.0).index.hashes) > SAMPLED_FROM
    assert excluded(text).overlap(" ".join(text.split()[5_000:5_300])) is not None
    assert excluded(text).overlap(f"{words(150)} {' '.join(text.split()[7_000:7_016])}") is None


def test_what_says_nothing_is_passed_over() -> None:
    """Licences of files, numbers, contents, and one phrase again and again make no overlap, even of one run."""
    for licence in BOILERPLATE:
        code = "\n".join(f"# {line}" for line in licence.splitlines())
        assert excluded(f"{licence} {words(300)}", share=0.0).overlap(f"{code}\n{words(100)}") is None
    for nothing in ("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "a b c d e f g h i j k l m n o p", "no no no " * 20):
        assert excluded(f"{nothing} {words(30)}", share=0.0).overlap(f"{words(30)} {nothing}") is None


def test_scripts_without_blanks() -> None:
    """Two characters count as a word, so a run is 26 of them; vowel signs do not end words."""
    text = "".join(DRAW.sample([chr(0x4E00 + i) for i in range(3_000)], 60))
    assert excluded(text).overlap(f"他说：“{text}”。") is not None
    assert excluded(text[:25]).overlap(text) is None
    hindi = "नदी के किनारे एक पुराना घर था जिसमें दीपक जलता रहता और लोग"
    assert excluded(" ".join(hindi.split()[:12])).overlap(hindi) is None
    assert excluded(hindi).overlap(hindi) is not None


def test_runs_end_with_their_text() -> None:
    """No run goes over from one text of a file to the next, and equal texts count once."""
    one, two = words(10), words(10)
    assert excluded(one, two, share=0.0).overlap(f"{one} {two}") is None
    text = words(50)
    assert len(excluded(text, text, text).index.files) == 1


def test_the_fingerprint_is_that_of_what_decides() -> None:
    """Texts, files and share; files without any run change nothing."""
    text = words(50)
    prints = {
        excluded(text).fingerprint,
        excluded(text, share=0.2).fingerprint,
        excluded(text, words(40)).fingerprint,
        ExcludedText([("other.jsonl", text)], 0.1).fingerprint,
    }
    assert len(prints) == 4
    assert excluded(text).fingerprint == excluded(text).fingerprint
    assert excluded("short").fingerprint == ExcludedText().fingerprint
    assert ExcludedText.of(excluded(text).index, 0.1).fingerprint == excluded(text).fingerprint


@pytest.mark.parametrize("text", ["", "one", "\ud800 " * 99, "İ" * 99, "x" * 1_500_000, "\n" * 99])
def test_any_text_can_be_looked_at(text: str) -> None:
    """Nothing of it stands in the excluded text, and nothing breaks."""
    assert excluded(QUESTION).overlap(text) is None
    assert ExcludedText([("f", text)]).overlap(QUESTION) is None
