r"""What a document is called and what it names: titles, arXiv ids, DOIs, modules; one's name is the other's mention.

    >>> names_of("paper", "On the Silting of Marrow Bay", "Ines Halvorsen", "2401.00001.tex", "")
    ['arxiv:2401.00001', 'title:on the silting of marrow bay']
    >>> mentions_of("paper", "We follow “On the Silting of Marrow Bay” (arXiv:2401.00001).", "b.tex")
    ['arxiv:2401.00001', 'title:on the silting of marrow bay']

Both are found document by document, while cleaning, where nobody knows yet what the others are called. So a text
mentions every phrase of the form of a title; planning keeps what a document really is called. A title such as `Emma` or
`The Dream` is a phrase like many others: it counts together with the surname of its author only, and `Introduction`,
which many documents are called, is left out where names are compared (`longhop/planning/relatedness.py`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise

from longhop.common_words import COMMON_WORDS
from longhop.sources.imports import Imports

__all__ = ["mentions_of", "names_of"]

MOST_NAMES = 64
MOST_MENTIONS = 512
HEAD = 3_000
"""Characters at the beginning of a paper in which an id is its own and not that of a work it cites."""
MOST_REFERENCES = 200_000
"""Characters of a list of references that are looked through."""

_ARXIV = re.compile(r"(?<![\d.])(\d{4}\.\d{4,5})(?=v\d|\D|$)(?!\.\d)")
_ARXIV_CITED = re.compile(r"(?i:arxiv(?:\.org/(?:abs|pdf)/|\s{0,3}:\s{0,3}|\s{1,3}))(\d{4}\.\d{4,5})(?!\d)")
# It begins with what is constant, which is ten times as fast.
_DOI = re.compile(r"10\.(?<![\w.]10\.)\d{4,9}/[^\s\"'<>{}|\\^\[\]`,;]{2,100}[\w/)]")
_OWN_DOI = re.compile(
    rf"(?<![@\w])(?:doi\.org/|(?i:doi)[ \t]{{0,2}}:?\s{{0,2}}(?:https?://(?:dx\.)?doi\.org/)?)({_DOI.pattern})"
)
_WORD = re.compile(r"\w+")
_SMALL = r"(?:of|and|the|in|a|an|to|for|on|or|at|by|with|from|as|is|are|via|de|la|von)"
# Without the underscore, which sets words in italics in many texts.
_CAPITAL = r"(?<![^\W_])[A-ZÀ-ÖØ-Þ][A-Za-z0-9À-ž’'-]+"
# A run of capitalised words, small ones between them, as titles are set in English prose.
_RUN = re.compile(rf"{_CAPITAL}(?: (?:{_SMALL} ){{0,2}}{_CAPITAL}){{1,9}}")
_QUOTED = re.compile(r"[“\"_*‘]([A-ZÀ-ÖØ-Þ][^“”\"_*{}\n]{6,150})[”\"_*’]")
_FIELD = re.compile(r"itle\s{0,3}=\s{0,3}[{\"]{1,2}([^}\"]{8,250})[}\"]")
_REFERENCES = re.compile(
    r"^[#\d. \t]{0,8}(?:References|REFERENCES|Bibliography|BIBLIOGRAPHY|Works Cited|Literature Cited)[ \t:]{0,3}$",
    re.MULTILINE,
)
_SEGMENT = re.compile(r"[.?!]\s|[“”\"_*{}\[\]]|,[”\"]?\s(?=[A-Z])|[.,] ?[”\"]|\(\d{4}\w?\)[.,]?\s")
_OWNS = re.compile(r"[’'](?:s |s, | )[“\"_*]?(?=[A-Z])")
_BY = re.compile(r"[,”\"_*]{0,3} by (?=[A-Z])")
_AROUND = 80
_OWNER = re.compile(rf"{_CAPITAL}$")
_SHORT_TITLE = re.compile(rf"(?:The |A )?{_CAPITAL}(?: {_CAPITAL})?")
_SHORT_TITLE_BEFORE = re.compile(rf"(?:The |A )?{_CAPITAL}(?: {_CAPITAL})?$")
_AUTHOR = re.compile(r"(?:[A-Z][\w.’-]* ){0,3}([A-ZÀ-ÖØ-Þ][\w’-]+)")
_FILE = re.compile(r"^==== (\S+) ====$", re.MULTILINE)
_LITTLE = frozenset("the a an of and in to for on or at by with from as is are via de la von his her its my".split())
_USUAL_FILES = frozenset(
    "readme __init__ __main__ main index setup conftest utils util helpers test tests config constants types makefile "
    "changelog license pyproject package mod lib cli app core common base models errors version exceptions compat "
    "api helper settings logging typing data client server parser io run build docs example examples".split()
)


def names_of(kind: str, title: str, author: str | None, source: str, text: str) -> list[str]:
    """What others may call a document, sorted, at most 64 names.

    Args:
        kind: Its kind; code is called by its modules.
        title: Its title.
        author: Its author or authors, where known.
        source: Its name relative to its source.
        text: Its text; of a paper the beginning is looked at, of code the names of its files.
    """
    if kind == "code":
        files = [match[1] for match in _files_in(text)] or [source]
        return sorted(islice(dict.fromkeys(_modules(files)), MOST_NAMES))
    names = {f"arxiv:{found}" for found in _ARXIV.findall(f"{posixpath.basename(source)} {title}")}
    if kind != "book":
        head = text[:HEAD]
        names.update(f"arxiv:{found}" for found in _ARXIV_CITED.findall(head)[:1])
        names.update(f"doi:{_doi(found)}" for found in _OWN_DOI.findall(head)[:1])
    for form in (title, title.partition(":")[0], title.partition(";")[0]):
        words = _words(form)
        if _is_telling(words):
            names.add("title:" + " ".join(words))
        elif 0 < len(words) <= 3:
            names.update(f"by:{surname} {' '.join(words)}" for surname in _surnames(author))
    return sorted(names)[:MOST_NAMES]


def mentions_of(kind: str, text: str, source: str) -> list[str]:
    """What a document may name, in the forms of `names_of`, sorted, at most 512 mentions.

    Ids and imports come before titles in a list of references, those before phrases set off in the text, those before
    words that are capitalised only.
    """
    found: dict[str, None] = {}
    for name in _mentioned(kind, text, source):
        found[name] = None
        if len(found) == MOST_MENTIONS:
            break
    return sorted(found)


def _mentioned(kind: str, text: str, source: str) -> Iterator[str]:
    if "arXiv" in text or "arxiv" in text:
        yield from (f"arxiv:{found}" for found in dict.fromkeys(_ARXIV_CITED.findall(text)))
    if "10." in text:
        yield from (f"doi:{_doi(found)}" for found in dict.fromkeys(_DOI.findall(text)))
    if kind == "code":
        yield from _imported(text, source)
        return
    line = text.replace("\n", " ")
    yield from _titles(_cited(text))
    yield from _titles(dict.fromkeys(_QUOTED.findall(line)))
    for surname, title in dict.fromkeys(_with_authors(line)):
        if 0 < len(words := _words(title)) <= 3:
            yield f"by:{surname.lower()} {' '.join(words)}"
    yield from _titles(dict.fromkeys(_RUN.findall(line)))


def _with_authors(line: str) -> Iterator[tuple[str, str]]:
    """Surname and title of `Austen's Emma` and `Emma by Jane Austen`."""
    for match in _OWNS.finditer(line):
        owner = _OWNER.search(line, max(0, match.start() - _AROUND), match.start())
        title = _SHORT_TITLE.match(line, match.end())
        if owner and title:
            yield owner[0], title[0]
    for match in _BY.finditer(line):
        title = _SHORT_TITLE_BEFORE.search(line, max(0, match.start() - _AROUND), match.start())
        author = _AUTHOR.match(line, match.end())
        if author and title:
            yield author[1], title[0]


def _cited(text: str) -> Iterator[str]:
    """Pieces of the list of references between full stops and quotation marks, of which titles are some."""
    yield from _FIELD.findall(text)
    begins = [match.end() for match in _REFERENCES.finditer(text)]
    if begins:
        references = text[begins[-1] : begins[-1] + MOST_REFERENCES].replace("-\n", "").replace("\n", " ")
        yield from _SEGMENT.split(references)


def _titles(phrases: Iterable[str]) -> Iterator[str]:
    for phrase in phrases:
        for form in dict.fromkeys((phrase, phrase.partition(":")[0])):
            words = _words(form)
            if len(words) <= 30 and _is_telling(words):
                yield "title:" + " ".join(words)


def _words(title: str) -> list[str]:
    """Small words of a title without its first article."""
    words = _WORD.findall(title.lower())
    return words[1:] if words[:1] in (["the"], ["a"], ["an"]) and len(words) > 1 else words


def _is_telling(words: Sequence[str]) -> bool:
    """Whether a phrase of these words is a title and hardly anything else."""
    bearing = [word for word in words if word not in _LITTLE and not word.isdigit()]
    rare = sum(word not in COMMON_WORDS and len(word) > 3 for word in bearing)
    return len(bearing) >= 2 and (rare >= 2 or (rare and len(words) >= 3) or len(bearing) >= 4)


def _surnames(author: str | None) -> list[str]:
    """Last words of the names of authors; the first word where a name is given as `Austen, Jane`."""
    found = []
    for name in re.split(r";| and | & ", author or ""):
        first, comma, behind = name.partition(",")
        words = _WORD.findall((first if comma and len(behind.split()) <= 3 else name).lower())
        found += words[-1:]
    return found


def _doi(found: str) -> str:
    return found.lower().rstrip(").")


def _modules(files: Sequence[str]) -> Iterator[str]:
    """Names that modules are imported by: the whole path first, then its endings, since nobody knows the root."""
    for file in sorted(files, key=lambda file: (file.count("/"), file)):
        stem, suffix = posixpath.splitext(file)
        parts = [part for part in stem.split("/") if part not in {"", ".", "src", "lib"}]
        if suffix in {".py", ".pyi", ".pyx"}:
            parts = parts[:-1] if parts[-1:] == ["__init__"] else parts
            endings = [parts[start:] for start in range(len(parts))]
            yield from ("module:" + ".".join(own) for own in endings if len(own) > 1 or _is_own(own, parts, stem))
        elif parts:
            endings = [parts[start:] for start in range(len(parts))]
            yield from ("file:" + "/".join(own).lower() for own in endings if len(own) > 1 or _is_own(own, parts, stem))


def _files_in(text: str) -> Iterable[re.Match[str]]:
    """The lines that open the files of a repository; most code is a file alone, which is seen much faster."""
    return _FILE.finditer(text) if "==== " in text else ()


def _is_own(ending: Sequence[str], parts: Sequence[str], stem: str) -> bool:
    """Whether one word is enough: a package, or a module at the top that is called as no other is."""
    top = len(parts) == 1 or stem.endswith("/__init__")
    return bool(ending) and top and len(ending[0]) > 2 and ending[0].lower() not in _USUAL_FILES


def _imported(text: str, source: str) -> Iterator[str]:
    """Modules and files that code imports; those of the document itself among them, which links nothing."""
    begins = [(match.start(), match.end(), match[1]) for match in _files_in(text)]
    pieces = [
        (name, text[start:stop]) for (_, start, name), (stop, *_) in pairwise([*begins, (len(text), len(text), "")])
    ]
    for name, own in pieces or [(source, text)]:
        imports = Imports.of(name, own)
        suffix = posixpath.splitext(name)[1]
        for each in (*imports.firm, *imports.late):
            if suffix in {".py", ".pyi", ".pyx"}:
                yield from ("module:" + found for found in _absolute(each, name))
            else:
                path = posixpath.normpath(posixpath.join(posixpath.dirname(name) if each[:1] == "." else "", each))
                yield "file:" + posixpath.splitext(path.replace("::", "/"))[0].lower()


def _absolute(wanted: str, name: str) -> Iterator[str]:
    """Dotted names of what Python imports: the module, and what is taken from it, which may be one."""
    module, colon, member = wanted.partition(":")
    stripped = module.lstrip(".")
    if dots := len(module) - len(stripped):
        folder = [part for part in posixpath.dirname(name).split("/") if part not in {"", ".", "src", "lib"}]
        folder = folder[: len(folder) - dots + 1]
        stripped = ".".join([*folder, stripped] if stripped else folder)
    if colon and member != "*":
        yield f"{stripped}.{member}" if stripped else member
    if stripped:
        yield stripped
