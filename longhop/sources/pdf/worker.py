"""Reads the characters of a PDF, page after page, in a process of its own.

    python -P longhop/sources/pdf/worker.py paper.pdf 0 30

It prints JSON, a line each: first what the file says of itself, then each page as segments of lines. PDFium is C++ and
reads what strangers made: a page may hang it, crash it, or fill the memory. So it runs here, under limits that the
system keeps, and `pages.py` starts it again behind a page that ended it. It imports nothing of longhop, to start
quickly.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import signal
import sys
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

MEMORY = 4 << 30
"""Bytes of address space; a file lies in it as a map."""
WALL_FACTOR = 10
"""A page may take so many times its seconds of processor time, since other processes may run beside it."""
PAGE_CHARS = 400_000
"""Characters of a page that are read; a page of print has some 5,000."""
PASSWORD = 4
"""PDFium's code of an encrypted file."""
GAP = 0.7
"""A gap of so many font sizes ends a segment: the gutter of two columns is wider, the blanks of a line are not."""
RAISED = 0.15
"""A small character whose baseline is so many font sizes off stands above or below the line."""

Segment = list[Any]
"""x0, x1, baseline, top, size, bold, fixed pitch, text."""


def main(path: str, start: int, seconds: float) -> int:
    """Print the pages of a file from page `start` on; 0, or 3 where it cannot be opened, which is said."""
    _limit_memory()
    _limit_time(max(seconds, 5.0))
    try:
        document = pdfium.PdfDocument(path)
        n_pages = len(document)
    except pdfium.PdfiumError as error:
        _say({"error": "encrypted" if getattr(error, "err_code", None) == PASSWORD else "broken", "detail": str(error)})
        return 3
    about = dict(document.get_metadata_dict(skip_empty=True))
    language = _language(document)
    _say(
        {"pages": n_pages, "about": about, "language": language, "bookmarks": _bookmarks(document) if not start else []}
    )
    for number in range(start, n_pages):
        _limit_time(seconds)
        try:
            page = document[number]
        except pdfium.PdfiumError as error:
            _say({"page": number, "error": str(error)})
            continue
        try:
            _say({"page": number, **_page(page)})
        except pdfium.PdfiumError as error:
            _say({"page": number, "error": str(error)})
        finally:
            page.close()
    return 0


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # a system that has no such limits
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: float) -> None:
    """From now on so long until the system ends this process; only it can, while PDFium is at work."""
    with contextlib.suppress(AttributeError, ValueError):
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, seconds * WALL_FACTOR)


def _language(document: pdfium.PdfDocument) -> str | None:
    get = getattr(raw, "FPDFCatalog_GetLanguage", None)
    if get is None:
        return None
    try:
        n_bytes = get(document.raw, None, 0)
        if not 2 < n_bytes < 200:
            return None
        buffer = ctypes.create_string_buffer(n_bytes)
        get(document.raw, ctypes.cast(buffer, get.argtypes[1]), n_bytes)
    except (TypeError, ctypes.ArgumentError):
        return None
    return buffer.raw[: n_bytes - 2].decode("utf-16-le", "replace")


def _bookmarks(document: pdfium.PdfDocument) -> list[tuple[int, int, str]]:
    """Level, page and title of up to 5,000 bookmarks."""
    found: list[tuple[int, int, str]] = []
    with contextlib.suppress(pdfium.PdfiumError, UnicodeError, RecursionError):
        for mark in document.get_toc(max_depth=5):
            dest = mark.get_dest()
            index = dest.get_index() if dest is not None else None
            if index is not None:
                found.append((mark.level, index, mark.get_title()))
            if len(found) >= 5_000:
                break
    return found


def _page(page: pdfium.PdfPage) -> dict[str, Any]:
    width, height = page.get_size()
    textpage = page.get_textpage()
    try:
        segments = _Segments(textpage.raw, page.get_rotation(), _lower_corner(page), width, height).all()
    finally:
        textpage.close()
    images = 0
    if not segments:
        images = sum(1 for _ in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))
    return {"width": width, "height": height, "images": images, "segments": segments}


def _lower_corner(page: pdfium.PdfPage) -> tuple[float, float]:
    left, bottom, _, _ = page.get_cropbox()
    return left, bottom


class _Segments:
    """Stretches of characters that stand side by side on one line."""

    def __init__(self, text: Any, rotation: int, corner: tuple[float, float], width: float, height: float) -> None:
        self._text = text
        self._rotation, self._corner, self._width, self._height = rotation, corner, width, height
        self._box = raw.FS_RECTF()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._name = ctypes.create_string_buffer(256)
        self._flags = ctypes.c_int()
        self._found: list[Segment] = []
        self._segment: Segment | None = None
        self._shift = 0
        """1 above the line, -1 below it."""
        self._last_x0 = self._last_x1 = self._bottom = 0.0
        self._last_index = self._surrogate = 0
        self._middles: list[float] = []
        """Of the characters of the segment, without those of ligatures."""

    def all(self) -> list[Segment]:
        """Segments of the page in the order of its content."""
        text, box = self._text, ctypes.byref(self._box)
        x, y = ctypes.byref(self._x), ctypes.byref(self._y)
        for index in range(min(raw.FPDFText_CountChars(text), PAGE_CHARS)):
            code = raw.FPDFText_GetUnicode(text, index)
            if code in {10, 13} and raw.FPDFText_IsGenerated(text, index):
                continue  # PDFium's own line ends; where lines end is seen from the places of characters
            if code in {9, 32, 160}:
                if self._segment is not None and not self._segment[7].endswith(" "):
                    self._segment[7] += " "
                continue
            if 0xD800 <= code < 0xE000:  # a character above U+FFFF comes as two
                if code < 0xDC00:
                    self._surrogate = code
                    continue
                code = 0x10000 + ((self._surrogate - 0xD800) << 10) + (code - 0xDC00) if self._surrogate else 0xFFFE
                self._surrogate = 0
            if not raw.FPDFText_GetLooseCharBox(text, index, box) or not raw.FPDFText_GetCharOrigin(text, index, x, y):
                continue
            self._add(index, code)
        self._end()
        return self._found

    def _add(self, index: int, code: int) -> None:
        x0, x1, baseline, top = self._place()
        size = top - min(self._bottom, baseline)
        size = size or raw.FPDFText_GetFontSize(self._text, index)
        char = _char(code)
        if not char:
            return
        segment = self._segment
        if segment is not None:
            off = baseline - segment[2]
            largest = max(segment[4], size)
            moved = x0 - segment[1]
            # The letters of a ligature have one box.
            if abs(off) < 0.1 and self._last_x0 - 0.1 <= x0 and x1 <= self._last_x1 + 0.1 and x1 > x0:
                segment[7] += char
                return
            if not (-0.35 * largest <= moved <= GAP * largest and abs(off) <= 0.6 * largest):
                self._end()
                segment = None
            elif abs(off) > RAISED * largest and segment[4] > 1.15 * size:
                self._mark(1 if off > 0 else -1, char)
            elif abs(off) > RAISED * largest and size > 1.15 * segment[4] and not self._shift:
                # What began above the line, as marks of footnotes do, is followed by the line itself.
                segment[2], segment[4] = baseline, size
                segment[7] += "" if segment[7].endswith(" ") else " "
            elif abs(off) > 0.3 * largest:
                self._end()
                segment = None
            else:
                self._shift = 0
        if segment is None:
            if self._is_turned(index):
                return
            bold, fixed = self._font(index)
            self._shift = 0
            self._segment = [x0, x1, baseline, top, size, bold, fixed, char]
            self._middles = []
        else:
            segment[1] = max(segment[1], x1)
            segment[7] += char
        self._last_x0, self._last_x1, self._last_index = x0, x1, index
        self._middles.append((x0 + x1) / 2)

    def _mark(self, shift: int, char: str) -> None:
        """A character above or below the line; a mark stands before the first."""
        segment = self._segment
        assert segment is not None
        if shift != self._shift and segment[7][-1:].isalnum() and char.isalnum():
            segment[7] += "^" if shift > 0 else "_"
        self._shift = shift

    def _end(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None or not segment[7].strip():
            return
        segment[7] = segment[7].strip()
        if segment[5] or segment[6]:  # a line that only begins in bold or in a font of code is neither
            bold, fixed = self._font(self._last_index)
            segment[5:7] = [segment[5] and bold, segment[6] and fixed]
        words = segment[7].split(" ")
        if len(words) > 3 and sum(1 for word in words if len(word) == 1) > 0.6 * len(words):
            self._close_up(segment, "".join(words))
        segment[:5] = [round(value, 1) for value in segment[:5]]
        self._found.append(segment)

    def _close_up(self, segment: Segment, letters: str) -> None:
        """Take out blanks that PDFium has seen between letters set apart, as listings are; words are further apart."""
        if len(letters) != len(self._middles):
            return
        steps = [after - before for before, after in zip(self._middles, self._middles[1:], strict=False)]
        usual = sorted(steps)[len(steps) // 2]
        text = letters[0]
        for step, letter in zip(steps, letters[1:], strict=True):
            text += (" " if step > 1.6 * usual else "") + letter
        segment[6] = segment[6] or any(len(word) > 3 and word.isalpha() for word in text.split())
        segment[7] = text

    def _place(self) -> tuple[float, float, float, float]:
        """x0, x1, baseline and top of the character that was asked for, on the page as it is shown."""
        left, right, bottom, top = self._box.left, self._box.right, self._box.bottom, self._box.top
        baseline = self._y.value
        dx, dy = self._corner
        turns = self._rotation // 90 % 4
        if turns == 0:
            self._bottom = bottom - dy
            return left - dx, right - dx, baseline - dy, top - dy
        x = self._x.value
        if turns == 1:  # shown turned clockwise: what went up goes right
            self._bottom = self._height - (right - dx)
            return bottom - dy, top - dy, self._height - (x - dx), self._height - (left - dx)
        if turns == 2:
            self._bottom = self._height - (top - dy)
            return (
                self._width - (right - dx),
                self._width - (left - dx),
                self._height - (baseline - dy),
                self._height - (bottom - dy),
            )
        self._bottom = left - dx
        return self._width - (top - dy), self._width - (bottom - dy), x - dx, right - dx

    def _is_turned(self, index: int) -> bool:
        """Whether text stands on its side, as stamps in the margin do."""
        angle = raw.FPDFText_GetCharAngle(self._text, index)
        if angle < 0:
            return False
        shown = math.degrees(angle) + self._rotation
        return 20 < shown % 360 < 340

    def _font(self, index: int) -> tuple[bool, bool]:
        length = raw.FPDFText_GetFontInfo(self._text, index, self._name, 255, ctypes.byref(self._flags))
        name = self._name.raw[: max(0, min(length, 255) - 1)].decode("latin-1").lower()
        weight = raw.FPDFText_GetFontWeight(self._text, index)
        bold = weight >= 600 or any(part in name for part in ("bold", "black", "cmbx", "-medi", "heavy", "sfbx"))
        fixed = bool(self._flags.value & 1) or any(
            part in name for part in ("mono", "courier", "cmtt", "consol", "menlo", "typewriter", "inconsolata", "sftt")
        )
        return bold, fixed


_OLD_LIGATURES = {0x0B: "ff", 0x0C: "fi", 0x0D: "fl", 0x0E: "ffi", 0x0F: "ffl"}


def _char(code: int) -> str:
    """A character; ligatures of old TeX fonts, whose codes are those of control characters, as letters.

    Surrogates and codes of private use, such as parts of tall brackets, are nothing.
    """
    if code == 2:  # PDFium's mark of a hyphen at the end of a line
        return "-"
    if code in _OLD_LIGATURES:
        return _OLD_LIGATURES[code]
    if code < 32 or 0xD800 <= code <= 0xF8FF or code in {0xFFFE, 0xFFFF} or code > 0x10FFFF:
        return ""
    return chr(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
