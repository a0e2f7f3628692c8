r"""From a tree of HTML to blocks of Markdown: headings, paragraphs, lists, quotes, tables, code, formulas.

    >>> blocks_of(etree.HTML("<h2>Tides</h2><ul><li>high<li>low</ul><pre><code>x = 1</code></pre>"))
    ['## Tides', '- high\n- low', '```\nx = 1\n```']

Emphasis and addresses of links go, since they only stand between a reader and the words. The tree is walked, never
recursed into, since pages may be nested more deeply than Python calls.
"""

from __future__ import annotations

import re

from lxml import etree

from longhop.sources.html.tree import classes, name_of_tag, semantic_types, text_content
from longhop.sources.text import one_line

__all__ = ["blocks_of"]

CELL_CHARS = 400
"""A table with a longer cell lays out a page and is no table of data."""

_BLOCKS = set(
    """
    address article aside body blockquote center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4
    h5 h6 header hgroup hr html li main ol p pre section summary table tbody td tfoot th thead tr ul caption
    """.split()
)
_IN_CELL = {"table", "ul", "ol", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"}
_CODE_NAMES = ("code", "source", "listing", "highlight", "program", "screen", "lang")
_SPACES = re.compile(r"[ \t\n\r\f]+")
_AROUND_BREAK = re.compile(r" *\n *")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_THIN = re.compile("[\u00a0\u2007\u2009\u200a\u202f]")
_BREAK = "\x00"
_SHORT_NOTE = re.compile(r"\[?\(?(\d{1,4}|[*†‡§a-z])\)?\]?$")
_DISPLAY = re.compile(r"display", re.IGNORECASE)


def blocks_of(root: etree._Element) -> list[str]:
    """Blocks of text, to be joined by empty lines."""
    writer = _Writer()
    walk = etree.iterwalk(root, events=("start", "end"))
    skipped: etree._Element | None = None
    for event, element in walk:
        if event == "start":
            if writer.take(element):
                walk.skip_subtree()
                skipped = element
            continue
        if element is skipped:
            skipped = None
        else:
            writer.leave(element)
        if element is not root and element.tail:
            writer.text(element.tail)
    writer.flush()
    return writer.blocks


class _Item:
    """What a line stands in: a list item or a quote, with what begins its first line and the others."""

    def __init__(self, element: etree._Element, first: str, rest: str) -> None:
        self.element, self.first, self.rest, self.fresh = element, first, rest, True


class _Writer:
    """Collects text of the walk in blocks."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self._line: list[str] = []
        self._items: list[_Item] = []
        self._counts: list[int | None] = []
        """Of each list that is open the number of its next item; None where items have no numbers."""
        self._joined = False
        """Whether the next item of a list goes on with the last block."""

    def text(self, text: str) -> None:
        """Text between tags, where blanks and line ends are one."""
        self._line.append(_SPACES.sub(" ", text))

    def take(self, element: etree._Element) -> bool:
        """Begin an element; true where it is done with, all that is in it included."""
        name = name_of_tag(element)
        if self._whole(element, name):
            return True
        if name in _BLOCKS:
            self.flush()
        if name in {"ul", "ol"}:
            start = element.get("start") or "1"
            self._counts.append(None if name == "ul" else int(start) if start.isdecimal() and len(start) < 9 else 1)
            self._joined = self._joined and len(self._counts) > 1
        elif name == "li":
            self._items.append(self._list_item(element))
        elif name == "blockquote":
            self._items.append(_Item(element, "> ", "> "))
        elif name == "dd":
            self._items.append(_Item(element, "  ", "  "))
        elif name[:1] == "h" and name[1:].isdecimal() and name in _BLOCKS:
            self._line.append("#" * int(name[1]) + " ")
        elif name == "q":
            self._line.append("“")
        elif "ltx_note_content" in classes(element):
            self._line.append(" (")
        if element.text:
            self.text(element.text)
        return False

    def leave(self, element: etree._Element) -> None:
        """End an element."""
        name = name_of_tag(element)
        if name in _BLOCKS:
            self.flush(heading=name[:1] == "h" and name[1:].isdecimal())
        if name in {"ul", "ol"}:
            self._counts.pop()
            self._joined = self._joined and bool(self._counts)
        elif name == "q":
            self._line.append("”")
        elif name in {"dt", "tr"}:
            self._joined = False
        elif "ltx_note_content" in classes(element):
            self._line.append(")")
        if self._items and self._items[-1].element is element:
            self._items.pop()

    def flush(self, *, heading: bool = False) -> None:
        """End a paragraph."""
        text = _THIN.sub(" ", _INVISIBLE.sub("", "".join(self._line)))
        self._line = []
        text = _AROUND_BREAK.sub("\n", _SPACES.sub(" ", text).replace(_BREAK, "\n")).strip(" \n")
        if heading:
            text = " ".join(text.split())
        if text.strip("# ") if heading else text:
            self._put(text)

    def _whole(self, element: etree._Element, name: str) -> bool:
        if not name:
            return True
        if name in {"br", "img"}:
            alt = one_line(element.get("alt") or "")
            letter = alt if len(alt) == 1 and alt.isalpha() else ""  # at the head of a chapter
            self._line.append(_BREAK if name == "br" else letter)
        elif name == "hr":
            self.flush()
            self._joined = False
        elif name == "math":
            self._line.append(_formula(element))
        elif name == "script":
            bars = "$$" if _DISPLAY.search(element.get("type") or "") else "$"
            self._line.append(f"{bars}{(element.text or '').strip()}{bars}")
        elif name in {"pre", "table"}:
            return self._laid_out(element, name)
        elif name in {"code", "kbd", "samp", "tt"} and not any(name_of_tag(e) in _BLOCKS for e in element.iter()):
            text = text_content(element)
            self._line.append(f"`{text}`" if text and name == "code" and "`" not in text else text)
        elif name in {"sup", "sub"}:
            self._line.append(_raised(element, name))
        elif name == "a" and semantic_types(element) & {"noteref", "biblioref"}:
            text = text_content(element)
            self._line.append(f"[{text.strip('[]()')}]" if text else "")
        else:
            return False
        return True

    def _laid_out(self, element: etree._Element, name: str) -> bool:
        if name == "pre":
            self.flush()
            self._put(_preformatted(element))
            return True
        rows = _rows(element)
        if rows is None:
            return False
        self.flush()
        for caption in (e for e in element if name_of_tag(e) == "caption"):
            self._put(text_content(caption))
        self._put(_table(rows))
        return True

    def _list_item(self, element: etree._Element) -> _Item:
        count = self._counts[-1] if self._counts else None
        if count is None:
            return _Item(element, "- ", "  ")
        self._counts[-1] = count + 1
        marker = f"{count}. "
        return _Item(element, marker, " " * len(marker))

    def _put(self, text: str) -> None:
        if not text.strip():
            return
        begins = any(item.fresh and name_of_tag(item.element) == "li" for item in self._items)
        first = "".join(item.first if item.fresh else item.rest for item in self._items)
        rest = "".join(item.rest for item in self._items)
        for item in self._items:
            item.fresh = False
        block = "\n".join((rest if i else first) + line for i, line in enumerate(text.split("\n")))
        if begins and self._joined and self.blocks:
            self.blocks[-1] += "\n" + block
        else:
            self.blocks.append(block)
        # Items follow one another without an empty line; any other block stands alone.
        self._joined = begins


def _formula(element: etree._Element) -> str:
    """A formula as TeX where the page has it, else its letters."""
    bars = "$$" if element.get("display") == "block" else "$"
    tex = element.get("alttext")
    if not tex:
        notes = (e for e in element.iter() if name_of_tag(e) == "annotation" and "tex" in (e.get("encoding") or ""))
        note = next(notes, None)
        tex = None if note is None else text_content(note)
    if tex and tex.strip():
        return f"{bars}{' '.join(tex.split())}{bars}"
    letters = (e.text or "" for e in element.iter() if name_of_tag(e) in {"mi", "mn", "mo", "mtext", "ms"})
    return _SPACES.sub(" ", " ".join(letters))


def _raised(element: etree._Element, name: str) -> str:
    text = text_content(element)
    linked = any(name_of_tag(e) == "a" for e in (*element.iter(), *element.iterancestors()))
    if name == "sup" and linked and _SHORT_NOTE.match(text):
        return f"[{text.strip('[]()')}]"
    if name == "sup" and re.fullmatch(r"[-−+]?\d+", text):
        return f"^{text}"
    return f"_{text}" if name == "sub" and re.fullmatch(r"[a-z]", text) else text


def _preformatted(element: etree._Element) -> str:
    text = "".join(
        (event == "start" and (("\n" if name_of_tag(e) == "br" else "") + (e.text or "")))
        or (event == "end" and e is not element and e.tail)
        or ""
        for event, e in etree.iterwalk(element, events=("start", "end"))
    )
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\u00a0", " ")).strip("\n").rstrip()
    around = element.getparent()
    names = [*classes(element), *(classes(around) if around is not None else [])]
    is_code = any(name_of_tag(e) == "code" for e in element) or any(
        name.startswith(_CODE_NAMES) or "sourcecode" in name for name in names
    )
    if not text.strip() or not is_code:
        return text
    fence = "````" if "```" in text else "```"
    return f"{fence}\n{text}\n{fence}"


def _rows(table: etree._Element) -> list[list[str]] | None:
    """Cells of a table of data, or None where the table only lays out what is in it."""
    names = " ".join(classes(table))
    if table.get("role") in {"presentation", "none"} or "ltx_eqn" in names or "ltx_equation" in names:
        return None
    if any(name_of_tag(inner) in _IN_CELL for inner in table.iterdescendants()):
        return None
    rows: list[list[str]] = []
    for row in table.iter():
        if name_of_tag(row) != "tr":
            continue
        cells: list[str] = []
        for cell in row:
            if name_of_tag(cell) in {"td", "th"}:
                text = " ".join(" ".join(blocks_of(cell)).split())
                if len(text) > CELL_CHARS:
                    return None
                span = cell.get("colspan") or "1"
                cells += [text] + [""] * (min(int(span), 50) - 1 if span.isdecimal() and len(span) < 4 else 0)
        if any(cells):
            rows.append(cells)
    return rows if rows and max(map(len, rows)) > 1 else None


def _table(rows: list[list[str]]) -> str:
    width = max(map(len, rows))
    escaped = [[cell.replace("|", "\\|") for cell in row] + [""] * (width - len(row)) for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])
