"""From bytes to clean text."""

from __future__ import annotations

import pytest

from longhop.sources.text import BinaryError, decode, one_line, tidy

FRENCH = "Le garçon naïf a mangé une pêche à la crème brûlée. "


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252"])
def test_encodings_are_told_apart(encoding: str) -> None:
    """UTF-8 with and without mark, UTF-16 and UTF-32 with mark, Latin-1 and CP1252 give the same text."""
    assert decode((FRENCH * 3).encode(encoding)) == FRENCH * 3


@pytest.mark.parametrize("text", ["é", "Müller", "naïve café", "¿Qué?", "Ærø"])
def test_short_latin_1_is_not_taken_for_something_exotic(text: str) -> None:
    """A few bytes of Latin-1 are read as such, not guessed at."""
    assert decode(text.encode("latin-1")) == text


def test_quotes_of_windows_are_quotes() -> None:
    """Bytes 0x80 to 0x9f are CP1252's quotes and dashes."""
    assert decode(b"\x93It\x92s here\x94 \x96 \x80 5") == "“It’s here” – € 5"


def test_utf_8_with_a_stray_byte_keeps_its_utf_8() -> None:
    """One broken byte does not turn a whole text into mojibake."""
    data = "Größe – naïve – señor – œuvre".encode() + b" caf\xe9"
    assert decode(data) == "Größe – naïve – señor – œuvre café"


def test_another_script_is_guessed() -> None:
    """A text that is mostly bytes above 127 and no UTF-8 is another script."""
    text = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. " * 4
    assert decode(text.encode("cp1251")) == text


@pytest.mark.parametrize("data", [b"\x7fELF\0\0\1", b"PK\3\4\5\6\7\x0e\x0f", bytes(range(256)) * 4])
def test_binary_is_refused(data: bytes) -> None:
    """Null bytes and control characters are no text."""
    with pytest.raises(BinaryError):
        decode(data)


def test_prose_is_tidied() -> None:
    """Line ends, controls, form feeds, trailing blanks, empty lines, Unicode form."""
    raw = "\n\nOne. \r\nTwo\x07.\r\x0c\n\n\n\n\n\nCafe\u0301\u00a0\t\n\x1a\n \n"
    assert tidy(raw) == "One.\nTwo.\n\n\nCafé"


def test_code_is_left_as_it_stands() -> None:
    """Verbatim keeps trailing blanks, tabs and empty lines within."""
    raw = "\tx = 1  \n\n\n\n\n\ny = '\\x07'\n\n"
    assert tidy(raw, verbatim=True) == "\tx = 1  \n\n\n\n\n\ny = '\\x07'"


@pytest.mark.parametrize("beside", ["", "é"])
@pytest.mark.parametrize("code", sorted({*range(32), 127} - {9, 10}))
def test_no_control_character_is_left(code: int, beside: str) -> None:
    """Each is gone or ends a line, in plain text as in any other."""
    found = tidy(f"a{beside}{chr(code)}b", verbatim=True)
    assert found == (f"a{beside}\nb" if chr(code) in "\r\v\f" else f"a{beside}b")


def test_lone_surrogates_do_not_survive() -> None:
    """Half a character, as JSON can hold it, becomes the replacement character, which Arrow can write."""
    assert tidy("a\ud800b") == "a\ufffdb"


def test_tidy_twice_is_tidy_once() -> None:
    """Tidying is done once and for all."""
    raw = " a \n\n\n\n b\u2028c\r\n\x85d\n"
    assert tidy(tidy(raw)) == tidy(raw)


def test_a_title_is_one_line() -> None:
    """No line breaks, no controls, not too long."""
    assert one_line("  A\n\tlong\x00 title ") == "A long title"
    assert one_line("word " * 100, 20) == "word word word word…"
