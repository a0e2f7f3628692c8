"""Takes out of a page what is not its text: navigation, menus, headers and footers of the site, hidden parts, scripts.

Each rule looks at how a part is marked (element, role, class, id), or at its being a list of links; none at its words.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lxml import etree

from longhop.sources.html.tree import classes, name_of_tag, remove, semantic_types

__all__ = ["keep_main"]

MAIN_SHARE = 0.4
"""What is marked as main text holds at least this share of the page's text, or the mark is not believed."""
MOST_SHARE = 0.5
"""What a class calls a side matter and holds more than this share of the text is none."""
LINK_SHARE, LINKS = 0.75, 4
"""A block with so many links that make up this share of its text is a menu or a list of contents."""

_NEVER = set(
    "script style noscript template svg iframe object embed applet button input select textarea option datalist "
    "audio video canvas map dialog link meta base head nav menu frame frameset".split()
)
_ROLES = set("navigation banner contentinfo search complementary menu menubar dialog alertdialog toolbar".split())
_SIDE_NAMES = set(
    """
    nav navbar navigation navigation-menu site-nav main-nav mainnav topnav breadcrumb breadcrumbs menu sidebar side-bar
    sidenav masthead site-header page-header-nav site-footer footer page-footer cookie cookies cookie-banner
    cookie-notice cookie-consent share sharing share-buttons social social-share social-links comments comment-list
    respond related related-posts related-articles recommended advertisement advert ads ad ad-slot sponsored newsletter
    subscribe signup popup modal toc table-of-contents toc-container skip-link skiplink skip-to-content pagination pager
    prev-next pagenavi sphinxsidebar related-pages navheader navfooter navtop navbottom
    mw-editsection navbox vertical-navbox mw-jump-link noprint catlinks printfooter mw-indicators
    ltx_page_navbar ltx_page_footer ltx_page_header ltx_toc ltx_pagination ar5iv-footer headerlink anchor-link
    pg-boilerplate pg-header pg-footer pgheader pgfooter pagenum pageno page-number x-ebookmaker-drop
    x-ebookmaker-pageno mathjax mathjax_preview mathjax_display mjx-chtml katex-html ltx_note_mark ltx_tag_note
    """.split()
)
_BOOK_NAMES = {
    name for name in _SIDE_NAMES if name.startswith(("pg", "page", "x-ebook", "mathjax", "katex", "mjx", "ltx"))
}
_BOOK_NAMES -= {"page-header-nav", "page-footer"}
_WRAPPING = {"pg-boilerplate", "pg-header", "pg-footer"}
_PAGE_MARKS = {"pagebreak", "landmarks", "toc", "page-list"}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_MAIN_NAMES = {"mw-content-text", "main-content", "maincontent", "article-body", "post-content", "entry-content"}
_LINKED = set("ul ol dl div table section p center td".split())


class _Size(NamedTuple):
    """Characters of an element that are no blanks, those of them in links, and how many links."""

    chars: int
    linked: int
    links: int


def keep_main(root: etree._Element, *, site: bool = True) -> etree._Element:
    """The part of a page that is its text, from which the rest was taken out.

    Args:
        root: The tree, which is changed.
        site: Whether it is a page of a site, which has menus around it, or a part of a book, which has next to none.
    """
    body = next((child for child in root.iter() if name_of_tag(child) == "body"), root)
    _remove_marked(body, site=site)
    main = _main(body) if site else body
    _remove_link_lists(main)
    return main


def _sizes(root: etree._Element) -> dict[etree._Element, _Size]:
    """Sizes of all elements, in one walk: a page may be nested deeply."""
    sizes: dict[etree._Element, _Size] = {}
    for _, element in etree.iterwalk(root, events=("end",)):
        chars, linked, links = _filled(element.text), 0, 0
        for child in element:
            size = sizes.get(child, _Size(0, 0, 0))
            chars += size.chars + _filled(child.tail)
            linked += size.linked
            links += size.links
        if name_of_tag(element) == "a" and element.get("href"):
            linked, links = chars, 1
        sizes[element] = _Size(chars, linked, links)
    return sizes


def _filled(text: str | None) -> int:
    return len(text) - sum(map(text.count, " \n\t")) if text else 0


def _remove_marked(body: etree._Element, *, site: bool) -> None:
    sizes = _sizes(body)
    doomed = []
    walk = etree.iterwalk(body, events=("start",))
    for _, element in walk:
        if element is body:
            continue
        why = _side(element, site=site)
        if why and (why == "never" or sizes[element].chars <= MOST_SHARE * sizes[body].chars):
            doomed.append(element)
            walk.skip_subtree()
    for element in doomed:
        remove(element)


def _side(element: etree._Element, *, site: bool) -> str | None:
    name = name_of_tag(element)
    if name == "script" and (element.get("type") or "").startswith("math/tex"):
        return None
    if name in _NEVER:
        return "never"
    if name == "math":
        return None
    if element.get("hidden") is not None or _HIDDEN.search(element.get("style") or ""):
        hides_formula = next((child for child in element.iter() if name_of_tag(child) == "math"), None) is not None
        return None if hides_formula else "never"
    if _WRAPPING & set(classes(element)):
        return "never"
    if not site:
        marked = semantic_types(element) & _PAGE_MARKS or _BOOK_NAMES & set(classes(element))
        return "side" if marked else None
    if element.get("aria-hidden") == "true" or (element.get("role") or "").lower() in _ROLES:
        return "side"
    if name in {"header", "footer", "aside"}:
        inside = {name_of_tag(parent) for parent in element.iterancestors()} & {"article", "main", "blockquote"}
        # Headers of an article hold its title; asides and footers of it may be notes or only links to more.
        return None if inside else "side"
    names = classes(element)
    return "side" if any(word in _SIDE_NAMES for word in names) else None


def _main(body: etree._Element) -> etree._Element:
    sizes = _sizes(body)
    candidates = [e for e in sizes if name_of_tag(e) == "main" or (e.get("role") or "").lower() == "main"]
    articles = [e for e in sizes if name_of_tag(e) == "article"]
    candidates += articles if len(articles) == 1 else []
    candidates += [e for e in sizes if isinstance(e.tag, str) and _MAIN_NAMES & set(classes(e))]
    return next((e for e in candidates if sizes[e].chars >= MAIN_SHARE * sizes[body].chars), body)


def _remove_link_lists(main: etree._Element) -> None:
    sizes = _sizes(main)
    doomed = []
    walk = etree.iterwalk(main, events=("start",))
    for _, element in walk:
        size = sizes[element]
        if element is main or name_of_tag(element) not in _LINKED:
            continue
        if size.links >= LINKS and size.linked >= LINK_SHARE * max(1, size.chars):
            doomed.append(element)
            walk.skip_subtree()
    for element in doomed:
        remove(element)
