"""What a page says of itself: title, author, year, language, licence, origin.

Names of `meta` elements are those of Highwire Press (papers), Dublin Core (books), Open Graph (the web), and HTML.
"""

from __future__ import annotations

import re

from lxml import etree

from longhop.sources.html.tree import classes, name_of_tag, text_content
from longhop.sources.metadata import About, language_of, license_of, year_of
from longhop.sources.text import one_line

__all__ = ["about_page"]

_TITLES = "citation_title dc.title dcterms.title og:title".split()
_AUTHORS = "citation_author dc.creator dcterms.creator marcrel.aut author article:author".split()
_DATES = """
    citation_publication_date citation_date citation_year dcterms.issued dc.date dcterms.date article:published_time
    date
    """.split()
_LICENSES = "dc.rights dcterms.license dcterms.rights citation_license license copyright".split()
_GUTENBERG = re.compile(r"^(?:the )?project gutenberg(?:'s|’s)? e-?(?:book|text)(?: of|,)? ", re.IGNORECASE)
_BY = re.compile(r",? by ([^,]{3,60})\.?$")
_ARXIV = re.compile(r"^\[[\w./-]+\]\s*")
_SITE = re.compile(r"\s+[|–—·»-]\s+[^|–—·»]{2,60}$")


def about_page(root: etree._Element) -> About:
    """What the head of a page says, and its first heading where the head says no title."""
    named: dict[str, list[str]] = {}
    links: list[tuple[str, str]] = []
    title_element, headings = "", []
    for element in root.iter():
        tag = name_of_tag(element)
        if tag == "meta":
            name = (element.get("name") or element.get("property") or element.get("http-equiv") or "").strip().lower()
            value = one_line(element.get("content") or "")
            if name and value:
                named.setdefault(name, []).append(value)
        elif tag in {"link", "a"} and element.get("rel") and element.get("href"):
            links.append((element.get("rel", "").lower(), element.get("href", "")))
        elif tag == "title" and not title_element and _parent_name(element) != "svg":
            title_element = one_line(text_content(element))
        elif tag == "h1":
            headings.append(one_line(text_content(element)))
    title, author = _title(_first(named, _TITLES), title_element, [heading for heading in headings if heading])
    authors = next((named[name] for name in _AUTHORS if name in named), [])
    names = [name for name in authors if "://" not in name] or _names_in_text(root)
    languages = [root.get("lang"), root.get("{http://www.w3.org/XML/1998/namespace}lang"), root.get("xml:lang")]
    languages += [_first(named, ["content-language", "dc.language", "dcterms.language", "citation_language"])]
    rights = [href for rel, href in links if "license" in rel.split()] + named.get("dc.rights", [])
    rights += [value for name in _LICENSES for value in named.get(name, [])]
    origins = [href for rel, href in links if "canonical" in rel.split()] + named.get("og:url", [])
    return About(
        title=title,
        author=one_line(", ".join(dict.fromkeys(names))) or author,
        year=year_of(_first(named, _DATES)),
        language=next((code for tag in languages if (code := language_of(tag))), None),
        license=next((found for text in rights if (found := license_of(text))), None),
        origin=next((one_line(href) for href in origins if href.startswith(("http://", "https://"))), None),
    )


def _parent_name(element: etree._Element) -> str:
    parent = element.getparent()
    return "" if parent is None else name_of_tag(parent)


def _first(named: dict[str, list[str]], names: list[str]) -> str | None:
    return next((named[name][0] for name in names if name in named), None)


def _title(given: str | None, element: str, headings: list[str]) -> tuple[str | None, str | None]:
    """Title and, of a book of Project Gutenberg, its author."""
    if given and not _GUTENBERG.match(given):
        return given, None
    title, author = _ARXIV.sub("", given or element), None
    if _GUTENBERG.match(title):
        title = _GUTENBERG.sub("", title)
        by = _BY.search(title)
        if by:
            title, author = title[: by.start()], by[1].strip()
        return title.strip(" ,.") or None, author
    # A page's one heading is its title, where the title has it with the site's name around.
    if len(headings) == 1 and (not title or headings[0].lower() in title.lower()):
        return headings[0], None
    return (_SITE.sub("", title) if headings else title) or (headings[0] if headings else None), None


def _names_in_text(root: etree._Element) -> list[str]:
    """Names that are marked as authors in the text: pages made by LaTeXML, links with `rel=author`, `itemprop`."""
    found = []
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        if "ltx_personname" in classes(element):
            found.append(one_line((element.text or "").strip() or text_content(element)).strip(" ,&"))
        elif element.get("rel") == "author" or element.get("itemprop") == "author":
            found.append(one_line(text_content(element)))
    return [name for name in found if 2 < len(name) <= 80][:50]
