"""Project Gutenberg's wrapping in its forms, written after the real ones."""

from __future__ import annotations

from itertools import product

import pytest

from longhop.sources.books import Prose, read_prose
from longhop.sources.gutenberg import Stripped, strip_gutenberg
from longhop.sources.metadata import About

BODY = (
    "THE LAMP\n\nby Ada Reed\n\nCHAPTER I\n\nIt was dark.\n\n"
    + "The keeper lit the lamp and waited.\n\n" * 30
    + "THE END"
)

MODERN = f"""The Project Gutenberg EBook of The Lamp, by Ada Reed

This eBook is for the use of anyone anywhere at no cost and with
almost no restrictions whatsoever.

Title: The Lamp: A Story
   of the Coast

Author: Ada Reed

Release Date: June, 2008 [EBook #1]

*** START OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***




Produced by An Anonymous Volunteer. HTML version by Al Haines.




{BODY}


End of the Project Gutenberg EBook of The Lamp, by
Ada Reed

*** END OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***

***** This file should be named 1.txt or 1.zip *****
Updated editions will replace the previous one--the old editions
will be renamed.
"""

NOTICE = "Please take a look at the important information in this header.\n" * 240

OLD = f"""*****The Project Gutenberg Etext of The Lamp, by Ada Reed*****
#2 in our series by Ada Reed

Copyright laws are changing all over the world, be sure to check
the copyright laws for your country before posting these files!!

*****The Project Gutenberg Etext of The Lamp, by Ada Reed*****
*****This file should be named lamp10.txt or lamp10.zip******

{NOTICE}
***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***
Why is this "Small Print!" statement here?

*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*




This etext was prepared by David Price, email ccx074@coventry.ac.uk
from the 1893 edition.





{BODY}





End of The Project Gutenberg Etext of The Lamp, by Ada Reed

"""

SMALL_PRINT_AT_THE_END = f"""The Project Gutenberg Etext of The Lamp
by Ada Reed
(#7 in our series by Ada Reed)

Please do not remove this header information.

The "legal small print" and other information about this book
tells you about restrictions in how the file may be used.

***
This etext was created by John Bechard, London, England.



{BODY}



The Project Gutenberg Etext of The Lamp
by Ada Reed
******This file should be named 7lamp11.txt or 7lamp11.zip******

More information about this book is at the top of this file.

We are now trying to release all our eBooks one year in advance
of the official release dates.

**The Legal Small Print**

*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*
"""


LICENCE = """Updated editions will replace the previous one--the old editions
will be renamed.

THE FULL PROJECT GUTENBERG LICENSE

By reading or using any part of this work, you indicate that you
agree to the terms of this agreement.

It is long, and this paragraph of it says nothing of its own.

1.E.8.  You may charge a reasonable fee for copies of Project Gutenberg-tm
electronic works.

Section 5.  General Information About Project Gutenberg-tm
"""

FORMS = {"modern": MODERN + LICENCE, "old": OLD, "small print at the end": SMALL_PRINT_AT_THE_END}


def wrapped(form: str, body: str) -> str:
    """A book as one of the forms has it."""
    return FORMS[form].replace(BODY, body)


@pytest.mark.parametrize("text", [MODERN, OLD, SMALL_PRINT_AT_THE_END])
def test_only_the_book_is_left(text: str) -> None:
    """All forms of header, credits and licence go, and all of the book stays."""
    stripped = strip_gutenberg(text)
    assert stripped.text == BODY
    assert stripped.author == "Ada Reed"


def test_titles_come_from_the_header() -> None:
    """From a field, over two lines too, or from the first line."""
    assert strip_gutenberg(MODERN).title == "The Lamp: A Story of the Coast"
    assert strip_gutenberg(OLD).title == "The Lamp"
    assert strip_gutenberg(SMALL_PRINT_AT_THE_END).title == "The Lamp"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("***START OF THE PROJECT GUTENBERG EBOOK LAMP***", "***END OF THE PROJECT GUTENBERG EBOOK LAMP***"),
        ("*** START OF THE PROJECT GUTENBERG EBOOK,\nTHE LAMP ***", "*** END OF THE PROJECT GUTENBERG EBOOK, LAMP ***"),
        ("*** START OF THIS PROJECT GUTENBERG ETEXT LAMP ***", "** END OF THIS PROJECT GUTENBERG ETEXT LAMP **"),
    ],
)
def test_spellings_of_the_marks(start: str, end: str) -> None:
    """Marks without blanks, over two lines, of etexts."""
    assert strip_gutenberg(f"The Project Gutenberg eBook, Lamp\n\n{start}\n\n{BODY}\n\n{end}\n\nLicence.").text == BODY


def test_two_books_in_one_file_both_stay() -> None:
    """An "End of" with a book behind it is taken out, not taken for the end."""
    text = OLD.replace(
        "THE END", "End of Project Gutenberg Etext of The Lamp, by Ada Reed\nMore below. . .\n\n" + BODY, 1
    )
    stripped = strip_gutenberg(text).text
    assert stripped.count("It was dark.") == 2
    assert "Gutenberg" not in stripped


QUOTATIONS = [
    "*** END OF THE PROJECT GUTENBERG EBOOK EMMA ***",
    "*** END OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***",
    "End of the Project Gutenberg EBook of Emma, by Jane Austen",
    "End of the Project Gutenberg was near, she said.",
    "If you can't reach Project Gutenberg,\nwrite to the keeper.",
    "The Project Gutenberg Literary Archive Foundation has been approved by\nthe keeper.",
    "We are now trying to release all our eBooks one year in advance\nof the storm.",
    "***START**THE SMALL PRINT!",
    "*** START OF THE PROJECT GUTENBERG EBOOK EMMA ***",
    """*** START OF THE PROJECT GUTENBERG EBOOK EMMA ***\n\nis above it, and below it
\n*** END OF THE PROJECT GUTENBERG EBOOK EMMA ***\n\nbefore the next one with
\n*** START OF THE PROJECT GUTENBERG EBOOK PERSUASION ***""",
]


@pytest.mark.parametrize(("form", "quotation"), list(product(FORMS, QUOTATIONS)))
def test_a_book_that_quotes_a_mark_keeps_all_of_its_text(form: str, quotation: str) -> None:
    """What follows a mark and reads like the book is the book, at its beginning, in its middle, near its end."""
    for before in ("It was dark.\n\n", "The keeper lit the lamp and waited.\n\n" * 15):
        body = BODY.replace(before, f"{before}He read:\n\n{quotation}\n\nand nodded.\n\n", 1)
        assert strip_gutenberg(wrapped(form, body)).text == body


@pytest.mark.parametrize("form", ["modern", "old"])
def test_a_mark_that_is_quoted_right_before_the_last_one_is_text(form: str) -> None:
    """Of several marks only the last, and what belongs to it, ends the book."""
    body = f"{BODY}\n\n*** END OF THE PROJECT GUTENBERG EBOOK EMMA ***\n\nwas what he read last."
    assert strip_gutenberg(wrapped(form, body)).text == body


@pytest.mark.parametrize("quotation", QUOTATIONS)
def test_an_essay_that_quotes_a_mark_keeps_all_of_its_text(quotation: str) -> None:
    """Without a header no mark is one, also where the essay speaks of Project Gutenberg from its beginning."""
    text = f"Project Gutenberg's files\n\nTheir marks are like this:\n\n{quotation}\n\nRest.\n\n" + BODY
    assert strip_gutenberg(text) == Stripped(text)


@pytest.mark.parametrize("forms", [*product(FORMS, repeat=2), *product(FORMS, repeat=3)])
def test_of_several_books_in_one_file_all_text_stays_and_nothing_else(forms: tuple[str, ...]) -> None:
    """Headers and licences between books go as those around them do, whichever forms follow one another."""
    bodies = [BODY.replace("keeper", keeper) for keeper in ("keeper", "sailor", "baker")][: len(forms)]
    text = "\n\n".join(wrapped(form, body) for form, body in zip(forms, bodies, strict=True))
    assert strip_gutenberg(text).text == "\n\n\n".join(bodies)


def test_books_of_which_only_the_marks_are_left_come_apart() -> None:
    """The end of one book right before the start of the next is no quotation; nor are short books behind it lost."""
    start, end = "*** START OF THE PROJECT GUTENBERG EBOOK {} ***", "*** END OF THE PROJECT GUTENBERG EBOOK {} ***"
    text = f"{start}\n\n{BODY}\n\n{end}\n\n{start}\n\nIt rained."
    assert strip_gutenberg(text).text == f"{BODY}\n\n\nIt rained."


def test_a_book_behind_a_licence_stays() -> None:
    """A licence is taken out as far as it goes, and a text without a header behind it is one more."""
    assert strip_gutenberg(f"{MODERN}\n{LICENCE}\n{BODY}").text == f"{BODY}\n\n\n{BODY}"


def test_a_header_may_hold_a_list_of_contents() -> None:
    """The older header names works and chapters between its paragraphs."""
    contents = "CONTENTS\n\n" + "A Chapter of It\n\n" * 20
    assert strip_gutenberg(OLD.replace(NOTICE, contents + NOTICE)).text == BODY


def test_what_stands_above_a_header_stays() -> None:
    """A note of whoever keeps the file is no part of the header."""
    assert strip_gutenberg(f"Read in spring.\n\n{MODERN}").text == f"Read in spring.\n\n\n{BODY}"


def test_small_print_of_books_under_copyright_is_a_header() -> None:
    """They are a third form of the older header."""
    text = OLD.replace("*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*", "").replace(
        "Why is this", "*SMALL PRINT! Ver.04.29.93 FOR COPYRIGHT PROTECTED ETEXTS*END*", 1
    )
    assert "SMALL" not in strip_gutenberg(text).text


def test_a_german_colophon_goes() -> None:
    """Etexts in German end in German."""
    text = OLD.replace(
        "End of The Project Gutenberg Etext of The Lamp, by", "Ende dieses Project Gutenberg Etextes von"
    )
    assert strip_gutenberg(text).text == BODY


@pytest.mark.parametrize(
    "above",
    ["", "---\ntitle: The Lamp\n---\n", "# The Lamp\n\n", "The Lamp\n========\n\n", "<!-- saved -->\n"],
)
def test_markdown_loses_its_wrapping_wherever_its_title_comes_from(above: str) -> None:
    """Front matter, a heading above the header or in the book, and none."""
    heading = above if above.startswith(("#", "The")) else ""
    for body in (BODY, BODY.replace("CHAPTER I", "# CHAPTER I")):
        prose = read_prose("lamp.md", above + wrapped("modern", body), markdown=True)
        assert prose.text == (f"{heading.strip()}\n\n\n{body}" if heading else body)
        assert (prose.about.title or "").startswith("The Lamp")
        assert prose.about.author == "Ada Reed"


def test_markdown_with_nothing_but_marks_loses_them() -> None:
    """Below a heading a mark needs no header, and asterisks may be escaped."""
    text = (
        f"# The Lamp\n\n\\*\\*\\* START OF THE PROJECT GUTENBERG EBOOK LAMP \\*\\*\\*\n\n{BODY}\n\n"
        "\\*\\*\\* END OF THE PROJECT GUTENBERG EBOOK LAMP \\*\\*\\*"
    )
    prose = read_prose("lamp.md", text, markdown=True)
    assert (prose.text, prose.about.title) == (f"# The Lamp\n\n\n{BODY}", "The Lamp")


def test_a_picture_credit_is_no_line_of_the_nltk() -> None:
    """Their first line has a year, or a comma before the author."""
    text = "[Photo by Ada Reed]\n\n# The Lamp\n\nIt was dark."
    prose = read_prose("lamp.md", text, markdown=True)
    assert (prose.text, prose.about.title) == (text, "The Lamp")
    assert strip_gutenberg("[The Lamp, by Ada Reed]\n\nIt was dark.")[1:3] == ("The Lamp", "Ada Reed")


def test_a_letter_to_the_readers_goes() -> None:
    """The letter of the editor, and the notes of whoever scanned the book."""
    letter = (
        "Project Gutenberg's Etext of The Lamp\n\nWe have left the spelling.\n\nMichael S. Hart\nProject Gutenberg\n"
        "Executive Director\n\n\n***\n\n\nScanner's Notes: What this is.\n\nIf you find errors write to a@b.com\n"
        "and c@d.com. I hope that you enjoy this.\n\nDavid Reed\n\n"
    )
    assert strip_gutenberg(OLD.replace("THE LAMP", letter + "THE LAMP", 1)).text == BODY


def test_texts_of_the_nltk_name_title_and_author() -> None:
    """A first line in brackets is no part of the book."""
    stripped = strip_gutenberg("[The Lamp by Ada Reed 1895]\n\nIt was dark.")
    assert stripped == Stripped("It was dark.", "The Lamp", "Ada Reed")


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        "He read about Johannes Gutenberg.\n\n" * 50 + "End of the Project Gutenberg was near, she said.\n\n" + BODY,
        "A page.\n\n" * 300 + "*** START OF THE PROJECT GUTENBERG EBOOK X ***\n\nThis etext was prepared by me.",
    ],
)
def test_a_book_without_a_header_keeps_all_of_its_text(text: str) -> None:
    """Only a header at the beginning makes a text Project Gutenberg's."""
    assert strip_gutenberg(text).text == text


def test_credits_in_the_middle_stay() -> None:
    """What looks like a credit far from the header is the author's."""
    body = BODY.replace("THE END", "This file was prepared by the clerk.\n\n" * 2 + "THE END")
    assert strip_gutenberg(MODERN.replace(BODY, body)).text == body


def test_titles_of_plain_texts() -> None:
    """A short first line alone or with a by-line is a title; else the file's name is."""
    about = read_prose("x/a.txt", "Twelve Minutes\nby Noor C.\n\nThe strike.", markdown=False).about
    assert about == About("Twelve Minutes", "Noor C.")
    assert read_prose("x/a.txt", "Twelve Minutes\n\nThe strike.", markdown=False).about.title == "Twelve Minutes"
    assert read_prose("x/a.txt", "The strike was long.\nIt ended.", markdown=False).about.title == "a"


@pytest.mark.parametrize(
    "first",
    [
        "CHAPTER I",
        "Chapter 12: The Sea",
        "I",
        "XIV.",
        "3",
        "PREFACE",
        "Part the First",
        "Erstes Kapitel",
        "第一章 起源",
    ],
)
def test_the_heading_of_a_first_part_is_no_title(first: str) -> None:
    """A book that begins with its first chapter is called as its file is, not as all others that begin so."""
    assert read_prose("x/lamp.txt", f"{first}\n\nThe strike.", markdown=False).about.title == "lamp"


@pytest.mark.parametrize(
    "first", ["The Book of Tea", "Book of Hours", "Part Time", "Parting", "Second Sight", "1984: A Novel"]
)
def test_a_title_that_begins_as_a_part_does_is_one(first: str) -> None:
    """Words such as book and part may begin a title."""
    assert read_prose("x/lamp.txt", f"{first}\n\nThe strike.", markdown=False).about.title == first


def test_front_matter_says_year_language_and_licence() -> None:
    """Of front matter more is kept than title and author; licences by their identifiers where they have one."""
    head = "title: Rope\ndate: 2011-05-06\nlang: fr\nlicense: {}"
    made = [read_prose("p.md", f"---\n{head.format(name)}\n---\nText.", markdown=True) for name in ("CC BY 4.0", "MIT")]
    assert [prose.about for prose in made] == [About("Rope", None, 2011, "fr", name) for name in ("CC-BY-4.0", "MIT")]


def test_the_language_of_a_header_is_kept() -> None:
    """Project Gutenberg names the language in words."""
    header = MODERN.replace("\nAuthor:", "\nLanguage: German\n\nAuthor:", 1)
    assert strip_gutenberg(header).language == "de"
    assert strip_gutenberg(OLD).language is None


def test_titles_of_markdown() -> None:
    """Front matter first, then the first heading, then the file's name; front matter and comments go."""
    text = (
        "---\ntitle: 'Tides: an essay'\nauthors:\n  - name: A. B.\n  - name: C. D.\n---\n<!-- x -->\n# Tide\n\nWater."
    )
    about = About("Tides: an essay", "A. B., C. D.")
    assert read_prose("p.md", text, markdown=True) == Prose("# Tide\n\nWater.", about)
    assert read_prose("p.md", "# Tide #\n\nWater.", markdown=True).about.title == "Tide"
    assert read_prose("p.md", "Water.", markdown=True).about.title == "p"


def test_front_matter_that_explodes_is_harmless() -> None:
    """Anchors that would print as millions of items are no title; a rule at the beginning is no front matter."""
    bomb = "---\na: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
    )
    assert read_prose("p.md", f"{bomb}title: *i\nauthor: *i\n---\nText.", markdown=True) == Prose("Text.", About("p"))
    assert read_prose("p.md", "---\nonce upon\n---\nText.", markdown=True).text.startswith("---")
