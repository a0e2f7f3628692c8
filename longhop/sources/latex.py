r"""From LaTeX to text, command by command.

    >>> convert(r"See \textbf{Fig.~\ref{fig:a}}\footnote{Drawn by \'Emile.}.")
    [('', 'See Fig. [fig:a] (Drawn by Émile.).')]

One pass over the source with a table of what commands mean. Mathematics stays as it is written.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexWalkerError

__all__ = ["convert", "expand_macros"]

GROUP_CHARS = 50_000
"""Within so many characters an argument ends; else its brace was never closed."""

_HEADINGS = {
    "part": ("chapter", "# "),
    "chapter": ("chapter", "# "),
    "section": ("section", "## "),
    "subsection": ("section", "### "),
    "subsubsection": ("section", "#### "),
    "paragraph": ("", "**"),
    "subparagraph": ("", "**"),
}
_DROPPED = {  # command: number of arguments that go with it
    name: count
    for count, names in {
        0: "maketitle tableofcontents listoffigures listoftables newpage clearpage cleardoublepage pagebreak "
        "noindent centering raggedright raggedleft bigskip medskip smallskip hline toprule midrule bottomrule "
        "appendix par hfill vfill small footnotesize scriptsize tiny normalsize large Large LARGE huge Huge "
        "bf it rm sf tt em sc bfseries itshape ttfamily sffamily rmfamily scshape mdseries upshape "
        "frontmatter mainmatter backmatter makeatletter makeatother onecolumn twocolumn singlespacing "
        "doublespacing linenumbers protect relax FloatBarrier balance printbibliography selectlanguage "
        "arraybackslash unskip ignorespaces leavevmode sloppy allowbreak nopagebreak linebreak nolinebreak "
        "indent",
        1: "label vspace hspace vskip hskip includegraphics bibliographystyle bibliography pagestyle "
        "thispagestyle index color columncolor rowcolor cellcolor usepackage hypersetup nocite phantom "
        "hphantom vphantom cline cmidrule title author date affil affiliation address thanks orcid "
        "keywordsname graphicspath pagenumbering input include captionsetup tikzset usetikzlibrary "
        "theoremstyle hyphenation addbibresource needspace enlargethispage todo listoftodos bibliographyfont "
        "email",
        2: "setlength addtolength setcounter addtocounter newtheorem rule newenvironment definecolor fontsize "
        "markboth numberwithin",
        3: "addcontentsline",
    }.items()
    for name in names.split()
}
_CITES = re.compile(r"(?:[a-zA-Z]*cite[a-zA-Z]*|footcite)\*?")
_REFERENCES = frozenset("ref eqref autoref cref Cref pageref nameref vref subref labelcref".split())
_SKIP_FIRST = {"textcolor": 1, "colorbox": 1, "resizebox": 2, "scalebox": 1, "rotatebox": 1, "parbox": 1, "raisebox": 1,
               "multicolumn": 2, "multirow": 2, "fcolorbox": 2, "adjustbox": 1, "foreignlanguage": 1}  # fmt: skip
_MATH = frozenset(
    "equation align gather multline eqnarray displaymath math flalign alignat subequations dmath empheq".split()
)
_VERBATIM = frozenset("verbatim Verbatim lstlisting minted alltt code codeblock".split())
_REMOVED = frozenset("tikzpicture pgfpicture CCSXML filecontents picture overpic".split())
_ENVIRONMENT_ARGUMENTS = {"tabular": 1, "tabularx": 2, "tabular*": 2, "longtable": 1, "array": 1, "minipage": 1,
                          "wrapfigure": 2, "wraptable": 2, "multicols": 1, "adjustbox": 1, "thebibliography": 1,
                          "list": 2, "tabulary": 2, "spacing": 1, "subfigure": 1, "subtable": 1}  # fmt: skip
_TABLES = frozenset("tabular tabularx tabular* longtable array tabulary".split())
_ACCENTS = {"'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
            "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a", "d": "\u0323",
            "b": "\u0331"}  # fmt: skip
_SPACES = frozenset(",;:! /@\n\t")

_TOKEN = re.compile(
    r"\\(?P<begin>begin|end)\s*\{(?P<environment>[^{}]*)\}"
    r"|\\verb\*?(?P<bar>[^\sa-zA-Z*])(?P<verb>.*?)(?P=bar)"
    r"|\\(?P<name>[a-zA-Z@]+)\*?"
    r"|\\(?P<symbol>[\s\S])"
    r"|(?P<math>\$\$?)"
    r"|(?P<char>[{}~&])"
)
_OPTIONAL = re.compile(r"\s*\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]")
_NEWCOMMAND = re.compile(
    r"\\(?:re)?newcommand\*?\s*\{?\s*\\([a-zA-Z]+)\s*\}?\s*(\[\d\])?\s*(?=\{)|\\def\s*\\([a-zA-Z]+)\s*(?=\{)"
)
_LABEL = re.compile(r"\\label\s*\{[^{}]*\}")
_ONE = re.compile(r"\\[a-zA-Z]|[^\\\s]")
_BRACE = re.compile(r"[{}]|\\[\\{}]")
_GONE, _BREAK = "\x02", "\x01"  # where a command left nothing; where a section begins
_LEFT_EMPTY = re.compile(r"^[ \t\x02]*\x02[ \t\x02]*\n", re.MULTILINE)
_LIGATURES = (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”"))


def expand_macros(body: str, preamble: str) -> str:
    """`body` with the commands without arguments that `preamble` defines as short texts."""
    macros = {}
    for match in _NEWCOMMAND.finditer(preamble):
        value, _ = _group(preamble, match.end())
        name = match[1] or match[3]
        if not match[2] and len(value) <= 200 and f"\\{name}" not in value and name not in _DROPPED:
            macros[name] = value
    if not macros:
        return body
    pattern = re.compile(rf"\\({'|'.join(sorted(macros, key=len, reverse=True))})(?![a-zA-Z@])(?:\{{\}}|\s(?=\w))?")
    for _ in range(3):  # a macro may use another
        expanded = pattern.sub(lambda match: macros[match[1]], body)
        if expanded == body or len(expanded) > 2 * len(body) + 10_000:
            break
        body = expanded
    return body


def convert(source: str) -> list[tuple[str, str]]:
    """Parts of the text with the level of the heading that opens each: `chapter`, `section` or nothing."""
    text = _LEFT_EMPTY.sub("", _Scanner(source).text()).replace(_GONE, "")
    text = re.sub(r"[ \t]+", " ", text) if "\t" in text else re.sub(r"(?<=\S) {2,}", " ", text)
    parts = []
    for index, part in enumerate(text.split(_BREAK)):
        level, body = ("", part) if index == 0 else part.split("\n", 1)
        if body.strip():
            parts.append((level, body.strip("\n")))
    return parts


class _Scanner:
    """One pass over a piece of source."""

    def __init__(self, source: str, depth: int = 0) -> None:
        self.source = source
        self.depth = depth
        self.place = 0
        self.out: list[str] = []
        self.tables = 0

    def text(self) -> str:
        while match := _TOKEN.search(self.source, self.place):
            self._plain(self.source[self.place : match.start()])
            self.place = match.end()
            if match["begin"]:
                self._environment(match["begin"] == "begin", match["environment"].strip())
            elif match["bar"]:
                self.out.append(match["verb"])
            elif match["name"]:
                self._command(match["name"])
            elif match["symbol"] is not None:
                self._symbol(match["symbol"])
            elif match["math"]:
                self._math(match["math"], match.start())
            elif match["char"] == "~":
                self.out.append(" ")
            elif match["char"] == "&":
                self.out.append(" | " if self.tables else "&")
        self._plain(self.source[self.place :])
        return "".join(self.out)

    def _plain(self, text: str) -> None:
        for written, meant in _LIGATURES:
            if written in text:
                text = text.replace(written, meant)
        self.out.append(text)

    def _inner(self, source: str) -> str:
        if self.depth > 20:  # deeper nesting is no text that anyone wrote
            return source
        return _Scanner(source, self.depth + 1).text()

    def _argument(self) -> str:
        self._options()
        value, self.place = _group(self.source, self.place)
        return value

    def _options(self) -> None:
        while match := _OPTIONAL.match(self.source, self.place):
            self.place = match.end()

    def _command(self, name: str) -> None:
        if name in _DROPPED:
            for _ in range(_DROPPED[name]):
                self._argument()
            self.out.append("\n\n" if name == "par" else _GONE)
        elif name in _HEADINGS:
            self._heading(name)
        elif name in _SKIP_FIRST:  # what is left of its arguments stays as text
            for _ in range(_SKIP_FIRST[name]):
                self._argument()
        elif name in _REFERENCES or _CITES.fullmatch(name):
            keys = [key.strip() for key in self._argument().split(",")]
            self.out.append(f"[{', '.join(keys)}]" if any(keys) else _GONE)
        elif name in _ACCENTS:
            self._accent(name)
        elif (written := self._written(name)) is not None:
            self.out.append(written)
        else:
            self._unknown(name)

    def _heading(self, name: str) -> None:
        level, mark = _HEADINGS[name]
        title = " ".join(self._inner(self._argument()).replace(_GONE, "").split())
        self.out.append(f"{_BREAK}{level}\n{mark}{title}\n" if level else f"\n\n**{title}** ")

    def _written(self, name: str) -> str | None:
        """What commands with a form of their own become; None for another command."""
        if name == "href":
            address, label = self._argument(), self._inner(self._argument())
            return label if label == address else f"{label} ({address})"
        if name in {"url", "path", "nolinkurl"}:
            return self._argument()
        if name == "footnote":
            return f" ({self._inner(self._argument()).strip()})"
        if name == "caption":
            return f"\n{self._inner(self._argument()).strip()}\n"
        if name == "item":
            match = _OPTIONAL.match(self.source, self.place)
            self.place = match.end() if match else self.place
            return f"\n- {self._inner(match[0].strip()[1:-1])} " if match else "\n- "
        if name == "bibitem":
            return f"\n\n[{self._argument()}] "
        if name in {"newcommand", "renewcommand", "providecommand", "DeclareMathOperator"}:
            self._argument()
            self._argument()
            return _GONE
        return None

    def _unknown(self, name: str) -> None:
        symbol = _symbol_of(name)
        if symbol is None:
            self._options()  # what stands in braces behind it stays as text
            self.out.append(_GONE)
        else:
            self.out.append(symbol)
            if self.source.startswith("{}", self.place):
                self.place += 2
            elif self.source[self.place : self.place + 1] == " ":
                self.place += 1

    def _symbol(self, symbol: str) -> None:
        if symbol == "\\":
            match = _OPTIONAL.match(self.source, self.place)
            if match and "\n\n" not in match[0]:
                self.place = match.end()
            self.out.append("\n")
        elif symbol in "([":
            closing = self.source.find(r"\)" if symbol == "(" else r"\]", self.place)
            if closing < 0:
                return
            inner = self.source[self.place : closing].strip()
            self.place = closing + 2
            self.out.append(f"${inner}$" if symbol == "(" else f"\n$${_LABEL.sub('', inner)}$$\n")
        elif symbol in _ACCENTS:
            self._accent(symbol)
        elif symbol in _SPACES:
            self.out.append("" if symbol in "!/@" else " ")
        elif symbol == "-":
            pass
        else:
            self.out.append(symbol)

    def _accent(self, accent: str) -> None:
        value, self.place = _group(self.source, self.place, letter=True)
        letter = {r"\i": "i", r"\j": "j"}.get(value.strip(), value)
        self.out.append(unicodedata.normalize("NFC", letter[:1] + _ACCENTS[accent] + letter[1:]) if letter else "")

    def _math(self, mark: str, start: int) -> None:
        end = self.source.find(mark, self.place)
        blank = self.source.find("\n\n", self.place)
        while end > 0 and self.source[end - 1] == "\\":
            end = self.source.find(mark, end + 1)
        if end < 0 or 0 <= blank < end:  # a lone dollar sign; mathematics never spans paragraphs
            self.out.append(mark)
            return
        self.place = end + len(mark)
        self.out.append(_LABEL.sub("", self.source[start : self.place]))

    def _environment(self, begins: bool, name: str) -> None:
        base = name.rstrip("*")
        if not begins:
            self.tables -= base in _TABLES or name in _TABLES
            self.out.append(_GONE)
            return
        if base in _MATH or base in _VERBATIM or base in _REMOVED:
            closing = rf"\end{{{name}}}"
            end = self.source.find(closing, self.place)
            end = len(self.source) if end < 0 else end
            inner = self.source[self.place : end]
            self.place = min(len(self.source), end + len(closing))
            if base in _MATH:
                body = re.sub(r"\n\s*\n", "\n", _LABEL.sub("", inner).strip())
                wrapped = base in {"equation", "displaymath", "math"}
                self.out.append(f"\n$${body}$$\n" if wrapped else f"\n\\begin{{{name}}}\n{body}\n\\end{{{name}}}\n")
            elif base in _VERBATIM:
                self.out.append("\n" + _OPTIONAL.sub("", inner, count=1).strip("\n") + "\n")
            return
        self._options()
        for _ in range(_ENVIRONMENT_ARGUMENTS.get(name, _ENVIRONMENT_ARGUMENTS.get(base, 0))):
            self._argument()
        self._options()
        self.tables += base in _TABLES or name in _TABLES
        if base == "abstract":
            self.out.append(f"{_BREAK}section\n## Abstract\n")
        self.out.append(_GONE)


def _group(source: str, place: int, *, letter: bool = False) -> tuple[str, int]:
    """What stands in braces at `place`, and where it ends; with `letter`, else the next character or command."""
    start = place
    while start < len(source) and source[start] in " \t\n":
        start += 1
    if source.startswith("{", start):
        depth = 0
        for match in _BRACE.finditer(source, start, start + GROUP_CHARS):
            depth += {"{": 1, "}": -1}.get(match[0], 0)
            if depth == 0:
                return source[start + 1 : match.start()], match.end()
        return "", start + 1  # never closed: the brace is ignored
    if letter and (one := _ONE.match(source, start)):
        return one[0], one.end()
    return "", place


@cache
def _symbol_of(name: str) -> str | None:
    """The character that a command without arguments stands for, from pylatexenc's table."""
    try:
        text: str = LatexNodes2Text(math_mode="verbatim").latex_to_text(f"\\{name}{{}}")
    except (LatexWalkerError, IndexError, ValueError, TypeError, AttributeError):
        return None
    return text if text and len(text) <= 5 and "\\" not in text else None
