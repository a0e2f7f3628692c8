r"""LaTeX: papers as plain text with Markdown headings, mathematics as it is written.

    >>> read_latex("\\documentclass{article}\\title{On Tides}\\begin{document}\\maketitle\n"
    ...            "\\section{Start} % a comment\nIt \\emph{rises} by $h_0$~\\cite{lee}.\\end{document}").text
    'On Tides\n\n## Start\nIt rises by $h_0$ [lee].'

Comments and the preamble go, `\input` files come in, unknown commands leave their arguments behind. This is a scanner
and no TeX: a paper that computes its text stays readable at best. (pylatexenc's own conversion stops at commands whose
arguments it does not know; its table of symbols is used here.)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from longhop.sources.latex import convert, expand_macros
from longhop.sources.text import one_line, tidy

__all__ = ["Latex", "included", "read_latex", "strip_comments"]

DEPTH = 12
"""How deep files may include one another."""
MOST_CHARS = 20_000_000
"""Characters of included files that a paper may have; files that include others many times would double them."""
LEAST_CHARS = 1_000
"""What an included file counts at least, since empty files can double too."""

_COMMENT_LINE = re.compile(r"^[ \t]*%.*\n?", re.MULTILINE)
# Not the escapes within an address, `{https://x.org/a%20b}`.
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%(?![0-9A-Fa-f]{2}[^\s{}]*\}).*")
_SKIPPED = re.compile(r"\\begin\{comment\}.*?\\end\{comment\}|\\iffalse\b.*?\\fi\b", re.DOTALL)
_SHOWN = (  # as it is, not read by TeX
    r"\\begin\{(?P<kind>verbatim\*?|Verbatim|lstlisting|minted)\}.*?\\end\{(?P=kind)\}"
    r"|\\verb\*?(?P<bar>[^\sa-zA-Z*])[^\n]*?(?P=bar)"
)
_INCLUDE = re.compile(
    rf"{_SHOWN}|\\(?:input|include|subfile)\s*\{{\s*(?P<braced>[^{{}}\n]+?)\s*\}}|\\input\s+(?P<bare>[\w./-]+)",
    re.DOTALL,
)
_BIBLIOGRAPHY = re.compile(r"\\begin\{thebibliography\}.*?\\end\{thebibliography\}", re.DOTALL)
_END_INPUT = re.compile(rf"{_SHOWN}|(?P<end>\\endinput(?![a-zA-Z@]))", re.DOTALL)
_IF = re.compile(r"\\newif\s*\\if[a-zA-Z@]*|(?P<fi>\\fi(?![a-zA-Z@]))|(?P<if>\\if(?!f\b|thenelse\b)[a-zA-Z@]*)")
_BEGIN, _END = r"\begin{document}", r"\end{document}"
_TITLE = re.compile(r"\\title\b\*?\s*(?:\[[^\]]*\])?\s*(?=\{)")
_AUTHOR = re.compile(r"\\author\b\*?\s*(?:\[[^\]]*\])?\s*(?=\{)")
_THANKS = re.compile(
    r"\\(?:thanks|footnote|inst|orcid(?:ID|link)?|email|affil|IEEEauthorblockA)\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}"
)


class Latex(NamedTuple):
    """A paper as text, and where its sections begin."""

    text: str
    title: str | None
    author: str | None
    sections: tuple[tuple[int, str], ...]
    unread: tuple[str, ...] = ()
    """Names of included files that were left out, since they lie too deep or the paper is too long."""


def strip_comments(source: str) -> str:
    r"""LaTeX without comments, and without what stands behind an `\endinput`."""
    return _without_rest(_SKIPPED.sub("", _COMMENT.sub(r"\1", _COMMENT_LINE.sub("", source))))


def included(source: str) -> list[str]:
    """Names of the files that a source without comments includes."""
    return [name for match in _INCLUDE.finditer(source) if (name := _name(match))]


def read_latex(source: str, include: Callable[[str], str | None] = lambda _: None, *, references: bool = True) -> Latex:
    """A LaTeX document as text.

    Args:
        source: Of the file.
        include: Gives the source of an included file, or None where there is none.
        references: Whether its list of references is kept.
    """
    includes = _Includes(include)
    source = includes.put_into(_source(source))
    start = source.find(_BEGIN)
    preamble, body = (source[:start], source[start + len(_BEGIN) :]) if start >= 0 else ("", source)
    end = body.rfind(_END)
    body = body[:end] if end >= 0 else body
    body = expand_macros(body if references else _BIBLIOGRAPHY.sub("", body), preamble)
    head = expand_macros(preamble, preamble) + body[:20_000]
    title = _argument(_TITLE, head)
    authors = [_person(argument) for argument in _arguments(_AUTHOR, head)]
    author = one_line(", ".join(name for name in authors if name)) or None
    parts = convert(body)
    if title and "\\maketitle" in body:
        parts.insert(0, ("", title))
    text, sections = "", []
    for level, part in parts:
        clean = tidy(part)
        if not clean:
            continue
        text += "\n\n" if text else ""
        if level and text:
            sections.append((len(text), level))
        text += clean
    return Latex(text, title, author, tuple(sections), tuple(dict.fromkeys(includes.unread)))


def _source(text: str) -> str:
    return strip_comments(tidy(text, verbatim=True))


def _without_rest(source: str) -> str:
    place = conditions = 0
    for match in _END_INPUT.finditer(source):
        for found in _IF.finditer(source, place, match.start()):
            conditions += 1 if found["if"] else -1 if found["fi"] else 0
        place = match.end()
        line = source.rfind("\n", 0, match.start()) + 1
        braces = source.count("{", line, match.start()) - source.count("}", line, match.start())
        # Under a condition, or in what another command takes, TeX may never come to it.
        if match["end"] and conditions <= 0 and braces <= 0:
            return source[: match.start()] + source[place:].partition("\n")[0]  # TeX reads the line to its end
    return source


def _name(match: re.Match[str]) -> str | None:
    name = match["braced"] or match["bare"]
    return name.strip('"') if name else None


class _Includes:
    """Puts included files where they are included."""

    def __init__(self, include: Callable[[str], str | None]) -> None:
        self._include = include
        self._left = MOST_CHARS
        self.unread: list[str] = []

    def put_into(self, source: str, around: tuple[str, ...] = ()) -> str:
        """`source` with its parts; `around` are the sources of the files that include it, one within the other."""
        around = (*around, source)

        def part(match: re.Match[str]) -> str:
            name = _name(match)
            if name is None:  # shown as it is
                return match[0]
            if len(around) > DEPTH:
                self.unread.append(name)
                return ""
            text = self._include(name)
            if text is None:
                return ""
            inner = _source(text)
            # Names are found from the folder of the document, so a file that reads like one around it is that one, or
            # would go round like it.
            if inner in around:
                return ""
            if self._left <= 0:
                self.unread.append(name)
                return ""
            self._left -= max(len(inner), LEAST_CHARS)
            inner = self.put_into(inner, around)
            if _BEGIN in inner:  # a subfile with a preamble of its own
                inner = inner[inner.find(_BEGIN) + len(_BEGIN) :].replace(_END, "")
            return f"\n{inner}\n"

        return _INCLUDE.sub(part, source)


def _argument(pattern: re.Pattern[str], source: str) -> str | None:
    found = _arguments(pattern, source)
    return one_line(_plain(found[0])) or None if found else None


def _arguments(pattern: re.Pattern[str], source: str) -> list[str]:
    """What stands in braces behind each match."""
    found = []
    for match in pattern.finditer(source):
        depth = 0
        for place in range(match.end(), min(len(source), match.end() + 5_000)):
            depth += {"{": 1, "}": -1}.get(source[place], 0)
            if depth == 0:
                found.append(source[match.end() + 1 : place])
                break
    return found


def _person(argument: str) -> str:
    names = _THANKS.sub("", argument).replace(r"\and", ", ").replace(r"\AND", ", ")
    lines = [one_line(_plain(line)) for line in re.split(r"\\\\", names)]
    return next((line for line in lines if line), "").strip(" ,").replace(" ,", ",")


def _plain(source: str) -> str:
    return " ".join(part for _, part in convert(source))
