"""Sentences, names and identifiers are read off prose and code."""

from longhop.reading import content_words, is_identifier, mentions, read_units


def names(text: str) -> list[str]:
    return [mention.name for mention in mentions(text)]


def test_units_are_slices_of_the_document() -> None:
    """A unit's offsets give back its sentence, line breaks included."""
    document = "Ines Halvorsen drew the\ntide tables. She slept.\n\nNext paragraph."
    units = read_units(document)
    assert [document[unit.start : unit.end] for unit in units] == [
        "Ines Halvorsen drew the\ntide tables.",
        "She slept.",
        "Next paragraph.",
    ]
    assert units[0].text == "Ines Halvorsen drew the tide tables."


def test_abbreviations_and_initials_end_no_sentence() -> None:
    """`Mr.` and a single initial do not split a sentence."""
    assert [unit.text for unit in read_units("Mr. Pettigrew met J. Crane there. He coughed.")] == [
        "Mr. Pettigrew met J. Crane there.",
        "He coughed.",
    ]


def test_names_are_runs_of_capitalised_words() -> None:
    """Articles and function words at the front are no part of a name."""
    assert names("But the Gallant Heron carried Maëlle Corbin to Skarn.") == ["Gallant Heron", "Maëlle Corbin", "Skarn"]
    assert names("The council met on Monday.") == []


def test_identifiers_of_code_are_found() -> None:
    """Snake and camel case are identifiers, and a constant is the same name as its parameter."""
    assert names("`tide_gain` feeds readTide and TIDE_GAIN.") == ["tide_gain", "readTide", "tide_gain"]
    assert is_identifier("tide_gain")
    assert not is_identifier("tide")


def test_code_is_read_by_lines_and_its_comments_by_sentences() -> None:
    """A dictionary entry is a unit of its own; a comment over two lines is one sentence."""
    units = read_units('# The years that a keeper\n# has served.\nYEARS = {\n    "Ines Halvorsen": 14,\n}\n')
    assert [(unit.text, unit.is_code) for unit in units] == [
        ("The years that a keeper has served.", False),
        ("YEARS = {", True),
        ('"Ines Halvorsen": 14,', True),
        ("}", True),
    ]


def test_markup_of_citations_and_links_is_no_part_of_a_sentence() -> None:
    """Citation keys and link targets vanish from the text, not from the slice."""
    document = "See [the map](maps/x.png) by **Tom Brown** [@brown; @x]."
    (unit,) = read_units(document)
    assert unit.text == "See the map by Tom Brown."
    assert document[unit.start : unit.end] == document


def test_content_words_drop_what_says_nothing() -> None:
    """Stop words go, plural `s` goes, case goes."""
    assert content_words("The Keepers of the light paid crowns") == {"keeper", "light", "paid", "crown"}
