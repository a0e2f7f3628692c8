"""The package file of an EPUB: which files its text is in, in which order, and what it says of the book."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from lxml import etree

from longhop.sources.html.tree import name_of_tag, text_content
from longhop.sources.metadata import About, language_of, license_of, year_of
from longhop.sources.problems import ReadError
from longhop.sources.text import one_line

__all__ = ["Package", "Part", "inside", "read_package"]

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_TEXT_TYPES = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document", ""}
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_GUIDE_LEFT_OUT = {"cover", "toc", "title-page", "copyright-page", "colophon", "loi", "lot"}
_OPF = "{http://www.idpf.org/2007/opf}"


class Part(NamedTuple):
    """A file of the spine."""

    href: str
    path: str | None
    """Its name in the archive; None where it leads out of it."""
    left_out: bool
    """Whether the package calls it navigation, cover or copyright."""
    named: bool
    """Whether the list of contents names it."""


class Package(NamedTuple):
    """What the package file says."""

    parts: list[Part]
    about: About
    encrypted: frozenset[str]
    """Names of files that are protected."""


def inside(folder: str, href: str) -> str | None:
    """Name in the archive of what `href` in a file of `folder` refers to; None where it leads out of the archive."""
    path = posixpath.normpath(posixpath.join(folder, href.replace("\\", "/")))
    return None if path.startswith(("/", "../")) or path in {"..", "."} or "\0" in path else path


def read_package(read: Callable[[str], bytes]) -> Package:
    """The package of a book, whose files `read` gives (KeyError where there is none).

    Raises:
        ReadError: There is no package, or it is broken.
    """
    container = _xml(read, _CONTAINER)
    href = next((e.get("full-path") for e in container.iter() if name_of_tag(e) == "rootfile"), None)
    name = inside("", href) if href else None
    if name is None:
        raise ReadError("broken", f"{_CONTAINER} names no package file within the book; get the file again")
    package = _xml(read, name)
    folder = posixpath.dirname(name)
    items = {e.get("id"): e for e in package.iter() if name_of_tag(e) == "item"}
    guide = {
        inside(folder, _path(e.get("href") or ""))
        for e in package.iter()
        if name_of_tag(e) == "reference"
        and (e.get("type") or "").lower() in _GUIDE_LEFT_OUT
        # Some books call the first chapter their cover; a place within a file says nothing of the whole file.
        and "#" not in (e.get("href") or "")
    }
    spine = next((e for e in package.iter() if name_of_tag(e) == "spine"), None)
    named = _named_in_contents(read, folder, items, spine)
    parts: list[Part] = []
    for reference in (e for e in package.iter() if name_of_tag(e) == "itemref"):
        item = items.get(reference.get("idref"))
        if item is None:
            href = one_line(reference.get("idref") or "without a name")
            parts.append(Part(href, posixpath.join(folder, href), left_out=False, named=False))
            continue
        href = _path(item.get("href") or "")
        path = inside(folder, href)
        navigation = "nav" in (item.get("properties") or "").split()
        is_text = (item.get("media-type") or "").lower() in _TEXT_TYPES
        parts.append(Part(href, path, navigation or not is_text or path in guide, path in named))
    return Package(parts, _about(package), _encrypted(read))


def _xml(read: Callable[[str], bytes], name: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    try:
        root = etree.fromstring(read(name), parser)
    except KeyError as error:
        raise ReadError("broken", f"{name} is not in the file, so it is no EPUB; get the file again") from error
    except ReadError:
        raise
    except (etree.XMLSyntaxError, OSError, ValueError, EOFError, RuntimeError, ArithmeticError) as error:
        raise ReadError("broken", f"{name} in it cannot be read ({error}); get the file again") from error
    except Exception as error:  # zipfile's and zlib's own errors have no common root
        raise ReadError("broken", f"{name} in it cannot be unpacked ({error}); get the file again") from error
    if root is None:
        raise ReadError("broken", f"{name} in it is empty; get the file again")
    return root


def _path(href: str) -> str:
    try:
        return unquote(urlsplit(href).path)
    except ValueError:
        return href


def _named_in_contents(
    read: Callable[[str], bytes],
    folder: str,
    items: dict[str | None, etree._Element],
    spine: etree._Element | None,
) -> set[str | None]:
    """Files that the list of contents leads to the beginning of."""
    listing = items.get(spine.get("toc")) if spine is not None else None
    navigation = next((e for e in items.values() if "nav" in (e.get("properties") or "").split()), listing)
    path = inside(folder, _path(navigation.get("href") or "")) if navigation is not None else None
    if path is None:
        return set()
    try:
        root = _xml(read, path)
    except ReadError as error:
        if error.reason == "broken":  # a book can be read without it
            return set()
        raise
    hrefs = [e.get("href") or e.get("src") or "" for e in root.iter() if name_of_tag(e) in {"a", "content"}]
    return {inside(posixpath.dirname(path), _path(href)) for href in hrefs if href and "#" not in href}


def _encrypted(read: Callable[[str], bytes]) -> frozenset[str]:
    try:
        root = _xml(read, _ENCRYPTION)
    except ReadError as error:
        if isinstance(error.__cause__, KeyError):
            return frozenset()
        raise
    found: set[str] = set()
    for data in (e for e in root.iter() if name_of_tag(e) == "encrypteddata"):
        method = next((e.get("Algorithm") or "" for e in data.iter() if name_of_tag(e) == "encryptionmethod"), "")
        if method not in _FONTS:
            references = (e.get("URI") or "" for e in data.iter() if name_of_tag(e) == "cipherreference")
            found.update(name for uri in references if (name := inside("", _path(uri))))
    return frozenset(found)


def _about(package: etree._Element) -> About:
    refined: dict[tuple[str, str], str] = {}
    elements: dict[str, list[etree._Element]] = {}
    for element in package.iter():
        name = name_of_tag(element)
        if name == "meta" and element.get("refines"):
            key = (element.get("refines", "").lstrip("#"), element.get("property") or "")
            refined[key] = text_content(element).lower()
        elif name and "purl.org/dc/" in str(element.tag):
            elements.setdefault(name, []).append(element)

    def values(name: str) -> list[str]:
        return [one_line(text_content(element), 2_000) for element in elements.get(name, [])]

    titles = elements.get("title", [])
    mains = [e for e in titles if refined.get((e.get("id") or "", "title-type")) == "main"] or titles
    creators = elements.get("creator", [])
    roles = [e.get(f"{_OPF}role") or e.get("role") or refined.get((e.get("id") or "", "role")) for e in creators]
    authors = [e for e, role in zip(creators, roles, strict=True) if role in {None, "", "aut"}] or creators
    dates = elements.get("date", [])
    first = [e for e in dates if "publication" in (e.get(f"{_OPF}event") or e.get("event") or "")]
    links = [link for name in ("identifier", "source") for link in values(name) if link.startswith("http")]
    return About(
        title=next((title for e in mains if (title := one_line(text_content(e)))), None),
        author=one_line(", ".join(dict.fromkeys(map(text_content, authors)))) or None,
        year=next((year for e in [*first, *dates] if (year := year_of(text_content(e)))), None),
        language=next((code for tag in values("language") if (code := language_of(tag))), None),
        license=next((found for text in values("rights") if (found := license_of(text))), None),
        origin=next((one_line(link) for link in links), None),
    )
