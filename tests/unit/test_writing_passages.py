"""Passages stand around what is to be seen, fit the budget, and are never empty."""

from longhop.writing.passages import choose_passages


def words(text: str) -> int:
    return len(text.split())


FILLER = [f"Nothing at all happens in paragraph {n} of it." for n in range(2000)]


def long_text(at: int, said: str) -> str:
    return "\n\n".join([*FILLER[:at], said, *FILLER[at:]])


def test_a_document_that_fits_is_shown_whole() -> None:
    """And what it does not need is left to the others."""
    text = long_text(1000, "Ines Halvorsen slept.")
    shown = choose_passages({0: text, 1: "Short."}, {0: [(text.index("Ines"), text.index("Ines") + 4)]}, 100, words)
    assert shown[1] == "Short."
    assert 80 < words(shown[0]) <= 99
    assert list(shown) == [0, 1]


def test_of_a_long_one_the_place_and_what_surrounds_it_is_shown() -> None:
    """Neighbours as they stand in the text; a gap is marked."""
    text = long_text(500, "Ines slept.").replace("paragraph 1500 of", "paragraph of Reeve in")
    places = [(text.index(name), text.index(name) + 4) for name in ("Ines", "Reeve")]
    shown = choose_passages({7: text}, {7: places}, 60, words)[7]
    assert "Ines slept." in shown
    assert "Reeve" in shown
    assert FILLER[499] in shown
    assert words(shown.replace("[…]", "")) <= 60
    for part in shown.split("\n\n[…]\n\n"):
        assert part in text


def test_no_document_is_left_without_words() -> None:
    """However small the budget, and whatever a paragraph is long."""
    line = "word " * 5000
    shown = choose_passages({0: line, 1: long_text(3, "Ines."), 2: "潮" * 9000}, {}, 3, words)
    assert set(shown) == {0, 1, 2}
    assert all(text.strip() for text in shown.values())
    assert max(words(text) for text in shown.values()) == 1
    assert len(choose_passages({0: "潮" * 9000}, {}, 40, len)[0]) <= 40
    assert choose_passages({0: " \n"}, {}, 9, words) == {}


def test_a_long_paragraph_is_cut_at_its_sentences() -> None:
    """The sentence that is meant stands whole."""
    text = " ".join(f"Sentence number {n} tells of day {n} at sea." for n in range(900))
    at = text.index("Sentence number 450")
    shown = choose_passages({0: text}, {0: [(at, at + 8)]}, 250, words)[0]
    assert "Sentence number 450 tells of day 450 at sea." in shown
    assert shown.startswith("Sentence")
    assert words(shown) <= 250
