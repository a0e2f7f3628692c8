r"""From bytes to clean text: encoding, line ends, control characters, Unicode form.

    >>> decode("Müller".encode("latin-1"))
    'Müller'
    >>> tidy("One. \r\n\r\n\r\n\r\n\r\nTwo.\f")
    'One.\n\n\nTwo.'

What readers give is tidy; nothing behind them looks at encodings or line ends again.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

import charset_normalizer

__all__ = ["BinaryError", "decode", "one_line", "tidy"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

FOREIGN_SHARE = 0.15
"""Share of bytes above 127, most of them side by side, from which a text that is no UTF-8 is in another script."""
CONTROL_SHARE = 0.01
"""Share of control characters from which bytes are no text."""

_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\v\b\x1b\x1a"))
_NOT_PLAIN = "".join(map(chr, (*range(9), *range(11, 32), 127)))
_HIGH_RUN = re.compile(rb"[\x80-\xff]{2,}")
_REMOVED = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]")
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_TRAILING = re.compile(r"[ \t\u00a0]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{4,}")
_SURROGATES = re.compile("[\ud800-\udfff]")


class BinaryError(ValueError):
    """Bytes that are no text."""


def decode(data: bytes) -> str:
    """Text of `data`: by its byte order mark, as UTF-8, or as what an old text of the West is, CP1252 or Latin-1.

    UTF-8 with some stray bytes keeps its UTF-8, and the bytes are read as CP1252. A text with a large share of bytes
    above 127 that is no UTF-8 is in another script, which charset-normalizer guesses.

    Raises:
        BinaryError: Null bytes, many control characters, or nothing that can be read.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    head = data[:65_536]
    if b"\0" in data or len(head) - len(head.translate(None, _CONTROLS)) > CONTROL_SHARE * len(head):
        raise BinaryError("null bytes or many control characters")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    text, strays = _decode_with_strays(data)
    high = len(data) - len(data.translate(None, bytes(range(128, 256))))
    if high - strays > 2 * strays:
        return text
    in_runs = sum(map(len, _HIGH_RUN.findall(data)))
    if high > FOREIGN_SHARE * len(data) and in_runs > high / 2 and len(data) > 64:
        best = charset_normalizer.from_bytes(head).best()
        if best is None:
            raise BinaryError("no known encoding gives text")
        return data.decode(best.encoding, "replace")
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def tidy(text: str, *, verbatim: bool = False) -> str:
    """Text with one kind of line end, without control characters, in NFC, without blanks and empty lines at its end.

    Prose loses trailing blanks of lines, and more than two empty lines become two; with `verbatim`, code keeps both.
    """
    if not _is_plain(text):
        text = _LINE_END.sub("\n", text)
        text = _REMOVED.sub("", text)
        text = _SURROGATES.sub("\ufffd", text)
        if not unicodedata.is_normalized("NFC", text):
            text = unicodedata.normalize("NFC", text)
    if not verbatim:
        text = _TRAILING.sub("", text)
        text = _BLANK_LINES.sub("\n\n\n", text)
    return text.lstrip("\n").rstrip()


def _is_plain(text: str) -> bool:
    """Whether a text is ASCII without any control characters but tabs and newlines, as most code is."""
    return text.isascii() and not any(char in text for char in _NOT_PLAIN)


def one_line(text: str, most: int = 200) -> str:
    """A title: one line without control characters, at most `most` characters."""
    words = "".join(char if char.isprintable() else " " for char in text).split()
    line = unicodedata.normalize("NFC", " ".join(words))
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _decode_with_strays(data: bytes) -> tuple[str, int]:
    """`data` as UTF-8, bytes that are none as CP1252, and how many of these there are."""
    strays = 0

    def stray(error: UnicodeError) -> tuple[str, int]:
        nonlocal strays
        assert isinstance(error, UnicodeDecodeError)
        bad = error.object[error.start : error.end]
        strays += len(bad)
        return bad.decode("cp1252", "replace").replace("\ufffd", ""), error.end

    codecs.register_error("longhop-stray", stray)
    return data.decode("utf-8", "longhop-stray"), strays
