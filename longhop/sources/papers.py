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
"""Characters that a paper may have with all that it includes; a file that includes itself many times ends here."""

_COMMENT_LINE = re.compile(r"^[ \t]*%.*\n?", re.MULTILINE)
# Not the escapes within an address, `{https://x.org/a%20b}`.
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%(?![0-9A-Fa-f]{2}[^\s{}]*\}).*")
_SKIPPED = re.compile(r"\\begin\{comment\}.*?\\end\{comment\}|\\iffalse\b.*?\\fi\b", re.DOTALL)
_INCLUDE = re.compile(r"\\(?:input|include|subfile)\s*\{\s*([^{}\n]+?)\s*\}|\\input\s+([\w./-]+)")
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


def strip_comments(source: str) -> str:
    """LaTeX without comments."""
    return _SKIPPED.sub("", _COMMENT.sub(r"\1", _COMMENT_LINE.sub("", source)))


def included(source: str) -> list[str]:
    """Names of the files that a source without comments includes."""
    return [match[1] or match[2] for match in _INCLUDE.finditer(source)]


def read_latex(source: str, include: Callable[[str], str | None] = lambda _: None) -> Latex:
    """A LaTeX document as text; `include` gives the source of an included file, or None where there is none."""
    source = _with_included(strip_comments(tidy(source, verbatim=True)), include, DEPTH)[:MOST_CHARS]
    start = source.find(_BEGIN)
    preamble, body = (source[:start], source[start + len(_BEGIN) :]) if start >= 0 else ("", source)
    end = body.rfind(_END)
    body = body[:end] if end >= 0 else body
    body = expand_macros(body, preamble)
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
    return Latex(text, title, author, tuple(sections))


def _with_included(source: str, include: Callable[[str], str | None], depth: int) -> str:
    if depth == 0:
        return source
    size = 0

    def replacement(match: re.Match[str]) -> str:
        nonlocal size
        inner = include(match[1] or match[2]) if size < MOST_CHARS else None
        if inner is None:
            return ""
        inner = _with_included(strip_comments(tidy(inner, verbatim=True)), include, depth - 1)
        size += len(inner)
        if _BEGIN in inner:  # a subfile with a preamble of its own
            inner = inner[inner.find(_BEGIN) + len(_BEGIN) :].replace(_END, "")
        return f"\n{inner}\n"

    return _INCLUDE.sub(replacement, source)


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
    return next((line for line in lines if line), "").strip(" ,")


def _plain(source: str) -> str:
    return " ".join(part for _, part in convert(source))
