"""Whatever a book says, its wrapping goes and its text stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longhop.sources.gutenberg import Stripped, strip_gutenberg

PROSE = st.sampled_from(["It rained.", "She read on, and he\nwent home.", "CHAPTER II", "* * *", "x " * 90])
QUOTED = st.sampled_from(
    [
        "*** START OF THE PROJECT GUTENBERG EBOOK EMMA ***",
        "*** END OF THE PROJECT GUTENBERG EBOOK EMMA ***",
        "*** END OF THE PROJECT GUTENBERG EBOOK THE LAMP ***",
        "End of Project Gutenberg's Emma, by Jane Austen",
        "If you can't reach Project Gutenberg,\nread something else.",
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*END*",
        "The works of Project Gutenberg are free.",
    ]
)
# A quotation stands within prose: right between two books it could be told from nothing.
BODIES = st.lists(st.tuples(PROSE, QUOTED | PROSE), max_size=12).map(
    lambda pairs: "\n\n".join(["It began.", *(paragraph for pair in pairs for paragraph in pair), "It ended."])
)

HEADER = """The Project Gutenberg EBook of The Lamp, by Ada Reed

This eBook is for the use of anyone anywhere.

Title: The Lamp

Author: Ada Reed

Release Date: June, 2008 [EBook #1]

"""
LICENCE = """***** This file should be named 1.txt *****

Updated editions will replace the previous one--the old editions will be renamed.

By using it you agree to the terms of this agreement.

Section 5.  General Information About Project Gutenberg-tm electronic works.
"""
START = "*** START OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***"
END = "*** END OF THIS PROJECT GUTENBERG EBOOK THE LAMP ***"
COLOPHON = "End of the Project Gutenberg EBook of The Lamp, by Ada Reed"


@given(BODIES)
def test_a_text_without_a_header_comes_back_as_it_is(body: str) -> None:
    """Marks that are quoted take nothing from a text that is no Gutenberg book."""
    assert strip_gutenberg(body) == Stripped(body)


@given(st.lists(BODIES, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_books_come_out_of_a_file_as_they_went_in(bodies: list[str], colophon: bool, licence: bool) -> None:
    """One book or several, with and without their licences, whatever they quote."""
    end = (f"{COLOPHON}\n\n" if colophon else "") + END + (f"\n\n{LICENCE}" if licence else "")
    text = "\n\n\n".join(f"{HEADER}{START}\n\n\n{body}\n\n\n{end}" for body in bodies)
    assert strip_gutenberg(text) == Stripped("\n\n\n".join(bodies), "The Lamp", "Ada Reed")


@given(st.text(alphabet=st.sampled_from("aE *#\n.'"), max_size=200), st.lists(QUOTED, max_size=4))
def test_any_text_is_read(text: str, quoted: list[str]) -> None:
    """Nothing that a file may hold stops the reader."""
    strip_gutenberg(HEADER + START + "\n" + text + "\n".join(quoted))
