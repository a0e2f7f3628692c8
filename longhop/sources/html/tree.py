"""Small questions to a tree of HTML, with and without namespaces."""

from __future__ import annotations

import re

from lxml import etree

__all__ = ["classes", "name_of_tag", "remove", "semantic_types", "text_content", "text_length"]

_BLANKS = re.compile(r"\s+")
_TYPES = ("epub:type", "{http://www.idpf.org/2007/ops}type")


def name_of_tag(element: etree._Element) -> str:
    """Name of an element in lower case without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def classes(element: etree._Element) -> list[str]:
    """Classes and id of an element, in lower case."""
    return f"{element.get('class') or ''} {element.get('id') or ''}".lower().split()


def semantic_types(element: etree._Element) -> set[str]:
    """What an element says it is in a book: `epub:type` and roles of DPUB-ARIA without their `doc-`."""
    words = " ".join(element.get(name) or "" for name in _TYPES).lower().split()
    roles = [role.removeprefix("doc-") for role in (element.get("role") or "").lower().split() if "doc-" in role]
    return {*words, *roles}


def text_content(element: etree._Element) -> str:
    """All text of an element in one line."""
    return _BLANKS.sub(" ", "".join(map(str, element.itertext()))).strip()


def text_length(element: etree._Element) -> int:
    """Characters of text that are no blanks."""
    return sum(len(text) - sum(map(text.count, " \n\t")) for text in map(str, element.itertext()))


def remove(element: etree._Element) -> None:
    """Take an element out and leave the text behind it."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is None:
            parent.text = (parent.text or "") + element.tail
        else:
            before.tail = (before.tail or "") + element.tail
    parent.remove(element)
