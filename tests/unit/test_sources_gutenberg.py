"""Project Gutenberg's wrapping in its forms, written after the real ones."""

from __future__ import annotations

import pytest

from longhop.sources.books import read_prose
from longhop.sources.gutenberg import strip_gutenberg

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
    assert stripped == ("It was dark.", "The Lamp", "Ada Reed")


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
    assert read_prose("x/a.txt", "Twelve Minutes\nby Noor C.\n\nThe strike.", markdown=False)[1:] == (
        "Twelve Minutes",
        "Noor C.",
    )
    assert read_prose("x/a.txt", "Twelve Minutes\n\nThe strike.", markdown=False).title == "Twelve Minutes"
    assert read_prose("x/a.txt", "The strike was long.\nIt ended.", markdown=False).title == "a"


def test_titles_of_markdown() -> None:
    """Front matter first, then the first heading, then the file's name; front matter and comments go."""
    text = (
        "---\ntitle: 'Tides: an essay'\nauthors:\n  - name: A. B.\n  - name: C. D.\n---\n<!-- x -->\n# Tide\n\nWater."
    )
    assert read_prose("p.md", text, markdown=True) == ("# Tide\n\nWater.", "Tides: an essay", "A. B., C. D.")
    assert read_prose("p.md", "# Tide #\n\nWater.", markdown=True).title == "Tide"
    assert read_prose("p.md", "Water.", markdown=True).title == "p"


def test_front_matter_that_explodes_is_harmless() -> None:
    """Anchors that would print as millions of items are no title; a rule at the beginning is no front matter."""
    bomb = "---\na: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
    )
    assert read_prose("p.md", f"{bomb}title: *i\nauthor: *i\n---\nText.", markdown=True) == ("Text.", "p", None)
    assert read_prose("p.md", "---\nonce upon\n---\nText.", markdown=True).text.startswith("---")
