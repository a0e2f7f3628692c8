"""LaTeX to text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem, list_source, read_item
from longhop.sources.papers import DEPTH, included, read_latex, strip_comments

PAPER = r"""
\documentclass[11pt]{article} % class
\usepackage{amsmath}
\newcommand{\version}{2.1}
\title[Short]{On \emph{Tides} v\version\thanks{Funded.}}
\author[1]{Ines Halvorsen}
\author[2]{Émile Lef\`evre \\ Institute}
\begin{document}
\maketitle
% a comment of its own

\begin{abstract}
We measure 50\% of tides.
\end{abstract}
\section{Introduction}\label{sec:intro}
Tides\footnote{See below.} rise~\citep[p.~3]{lee2001,roe} by $h_0 = 3\,\mathrm{m}$ % inline
and fall; see Fig.~\ref{fig:a} and \href{https://x.org/a%20b}{the site}.

\subsection*{Method --- short}
``Quoted'' text, \textbf{bold \textit{and italic}}, M\"uller, \c{c}a, \o, \alpha.
\begin{equation}
  E = mc^2 \label{eq:e}
\end{equation}
\begin{itemize}
  \item One
  \item[Two] is second
\end{itemize}
\begin{figure}[ht]
  \centering
  \includegraphics[width=3cm]{a.png}
  \caption{A gauge.}
\end{figure}
\begin{tabular}{ll}
  \hline
  Port & Height \\
  Bay & 3 \\
\end{tabular}
\begin{verbatim}
x % no comment? \section{no}
\end{verbatim}
\bibliography{refs}
\end{document}
after
"""


def test_a_paper_becomes_readable_text() -> None:
    """Comments, preamble and layout go; headings, mathematics, quotes, lists and tables stay readable."""
    latex = read_latex(PAPER)
    assert latex.title == "On Tides v2.1"
    assert latex.author == "Ines Halvorsen, Émile Lefèvre"
    text = latex.text
    assert text.startswith("On Tides v2.1\n\n## Abstract\n")
    assert "We measure 50% of tides." in text
    assert "Tides (See below.) rise [lee2001, roe] by $h_0 = 3\\,\\mathrm{m}$" in text
    assert "Fig. [fig:a]" in text
    assert "### Method — short" in text
    assert "“Quoted” text, bold and italic, Müller, ça, ø" in text
    assert "$$E = mc^2$$" in text
    assert "- One\n" in text
    assert "- Two is second" in text
    assert "A gauge." in text
    assert "Port | Height" in text
    for gone in ("comment of its own", "usepackage", "centering", "a.png", "label", "after", "hline", "refs"):
        assert gone not in text


def test_sections_begin_where_they_are_said_to() -> None:
    """Each section's offset is that of its heading."""
    latex = read_latex(PAPER)
    heads = [latex.text[offset:].partition("\n")[0] for offset, _ in latex.sections]
    assert heads == ["## Abstract", "## Introduction", "### Method — short"]
    assert all(latex.text[offset - 1] == "\n" for offset, _ in latex.sections)


def test_included_files_come_in() -> None:
    """Included files, also those of included files, come in, deep ones too; what is not there leaves nothing behind."""
    files = {"a": "From a. \\input{b}", "b": "From b.% \\input{c}", "c": "From c."}
    source = "\\begin{document}Start.\n\\input{a}\n\\include{none}\n%\\input{c}\nEnd.\\end{document}"
    text = read_latex(source, files.get).text
    assert text.split() == ["Start.", "From", "a.", "From", "b.", "End."]


def test_a_file_that_is_open_is_not_opened_again() -> None:
    """In a circle each file comes once; one behind the other it comes as often as it is included."""
    assert read_latex("x \\input{a}", {"a": "y \\input{a} \\input{a}"}.get).text.split() == ["x", "y"]
    files = {"a": "A. \\input{b}", "b": "B. \\input{c} \\input{./a}", "c": "C. \\input{b}", "./a": "A. \\input{b}"}
    assert read_latex("\\input{a} \\input{a}", files.get).text.split() == ["A.", "B.", "C."] * 2


def test_files_that_lie_too_deep_or_grow_without_end_are_named() -> None:
    """A chain of files is read to a depth, and files that double one another to a length; what is left out is named."""
    chain = {str(number): f"L{number}. \\input{{{number + 1}}}" for number in range(1, 40)}
    latex = read_latex("\\input{1}", chain.get)
    assert latex.text.split() == [f"L{number}." for number in range(1, DEPTH + 1)]
    assert latex.unread == (str(DEPTH + 1),)
    doubling = {str(number): f"\\input{{{number + 1}}}" * 12 for number in range(DEPTH)}
    start = time.monotonic()
    assert read_latex("\\input{0}", doubling.get).unread
    assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("part", "read"),
    [
        ("Read.\n\\endinput\nNot.", ["Read."]),
        ("Read. \\endinput too.\nNot.\n\\input{none}", ["Read.", "too."]),
        ("Read.\n% \\endinput\nAll.", ["Read.", "All."]),
        ("\\ifx\\done\\undefined\\else\\endinput\\fi\nAll.", ["All."]),
        ("\\newif\\ifdraft\nRead.\n\\endinput\nNot.", ["Read."]),
        ("\\newcommand{\\stop}{\\endinput}\nAll.", ["All."]),
        ("\\begin{verbatim}\n\\endinput\n\\end{verbatim}\nAll.", ["\\endinput", "All."]),
        ("Read. \\endinputx all.", ["Read.", "all."]),
    ],
)
def test_a_file_ends_where_tex_ends_it(part: str, read: list[str]) -> None:
    r"""At `\endinput`, with the line it stands on, unless that is a comment, conditional, or shown; only that file."""
    text = read_latex("\\begin{document}\\input{part}\nEnd.\\end{document}", {"part": part}.get).text
    assert [word for word in text.split() if word in {"Read.", "too.", "All.", "all.", "Not.", "\\endinput"}] == read
    assert text.endswith("End.")


def test_what_a_paper_shows_is_not_included() -> None:
    r"""An `\input` that is printed, or that is commented out, is no file of the paper; names may be quoted."""
    source = (
        "\\verb|\\input{a}| \\begin{verbatim}\n\\input{b}\n\\end{verbatim} % \\input{c}\n\\begin{comment}\n\\input{d}\n"
        '\\end{comment}\\iffalse \\input{e} \\fi \\input f \\include{ g } \\input{"h i"} \\includegraphics{j}'
    )
    assert included(strip_comments(source)) == ["f", "g", "h i"]
    text = read_latex(source, lambda name: f"File {name}.").text
    assert "\\input{a}" in text
    assert "\\input{b}" in text
    assert [name for name in "abcdefg" if f"File {name}." in text] == ["f", "g"]


@pytest.fixture
def papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder called papers."""
    monkeypatch.setenv("LONGHOP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "papers"
    folder.mkdir()
    return folder


def write_paper(folder: Path, body: str) -> SourceItem:
    """A paper with a body, listed."""
    (folder / "main.tex").write_text(
        f"\\documentclass{{article}}\\begin{{document}}Start.\n{body}\nEnd.\\end{{document}}"
    )
    items = [item for item in list_source(Source(kind="paper", path=str(folder))) if isinstance(item, SourceItem)]
    return next(item for item in items if item.path.endswith("main.tex"))


def read_paper(item: SourceItem) -> tuple[list[str], dict[str, str]]:
    """The words of a paper, which is kept, and what was left out of it: details by reason."""
    document, *left_out = read_item(item)
    assert isinstance(document, RawDocument), document
    rejections = [one for one in left_out if isinstance(one, Rejection)]
    assert all(one.stage == "documents" and one.item_id == item.path for one in rejections)
    assert len(rejections) == len(left_out)
    return document.text.split(), {one.reason: one.detail for one in rejections}


def test_an_included_file_that_is_not_there_is_said(papers: Path) -> None:
    """Once, with its name and what to do; the paper is kept."""
    words, said = read_paper(write_paper(papers, "\\input{sec/one}\n\\input{sec/one}\n%\\input{sec/two}"))
    assert words == ["Start.", "End."]
    assert said == {
        "missing_input": "the included file sec/one is not in papers; put it there and list anew, unless it is part of "
        "TeX. The paper is kept without it"
    }


def test_an_included_file_that_is_no_text_is_said(papers: Path) -> None:
    """A picture, say; the paper is kept."""
    (papers / "plot.tex").write_bytes(b"\x89PNG\0\0\1")
    words, said = read_paper(write_paper(papers, "\\input{plot}"))
    assert words == ["Start.", "End."]
    assert said["binary_input"].startswith("the included file plot is no text (null bytes")


@pytest.mark.parametrize("name", ["../secret", "../secret.tex", "sec/../../secret", "/etc/passwd", "link"])
def test_an_included_file_outside_the_source_is_not_read(papers: Path, name: str) -> None:
    """Neither up the folders nor by an absolute path nor by a link; it is said whether or not there is such a file."""
    (papers / "sec").mkdir()
    (papers.parent / "secret.tex").write_text("Secret.")
    (papers / "link.tex").symlink_to(papers.parent / "secret.tex")
    words, said = read_paper(write_paper(papers, f"\\input{{{name}}}"))
    assert words == ["Start.", "End."]
    assert said["outside_input"].startswith(f"the included file {name} leads out of the source papers; copy it there")


def test_papers_that_include_one_another_come_once(papers: Path) -> None:
    """A circle through the paper itself, under several names of one file, ends and is nothing to report."""
    (papers / "part.tex").write_text("Part. \\input{main} \\input{main.tex} \\input{./part} \\input{part}")
    words, said = read_paper(write_paper(papers, "\\input{part}"))
    assert words == ["Start.", "Part.", "End."]
    assert said == {}


def test_files_that_lie_too_deep_are_said(papers: Path) -> None:
    """What a reader does not follow is no silent loss."""
    for number in range(DEPTH + 2):
        (papers / f"{number}.tex").write_text(f"L{number}. \\input{{{number + 1}}}")
    words, said = read_paper(write_paper(papers, "\\input{0}"))
    assert words == ["Start.", *(f"L{number}." for number in range(DEPTH)), "End."]
    assert said["unread_input"].startswith(
        f"the included file {DEPTH} is not read: included files lie more than {DEPTH}"
    )


def test_an_included_file_that_came_later_makes_another_paper(papers: Path) -> None:
    """A paper that was listed without its part is not read with it."""
    item = write_paper(papers, "\\input{part}")
    (papers / "part.tex").write_text("Part.")
    (changed,) = read_item(item)
    assert isinstance(changed, Rejection)
    assert changed.reason == "changed"


def test_a_part_may_have_the_name_with_or_without_its_ending(papers: Path) -> None:
    """As TeX adds `.tex` where there is no such file."""
    (papers / "a.tex").write_text("A.")
    (papers / "b").write_text("B.")
    words, said = read_paper(write_paper(papers, "\\input{a}\n\\input{a.tex}\n\\input b\n"))
    assert words == ["Start.", "A.", "A.", "B.", "End."]
    assert said == {}


@pytest.mark.parametrize(
    "source",
    [
        "\\section{never closed",
        "{{{{ \\textbf{a ",
        "\\begin{equation} x",
        "$ 5 and $ 6",
        "\\item[",
        "\\",
        "\\'",
        "\\frac",
        "}" * 1000 + "a",
        "\\textbf{" * 3000 + "deep" + "}" * 3000,
        "\\footnote{" * 200 + "deep" + "}" * 200,
    ],
)
def test_broken_source_gives_some_text(source: str) -> None:
    """Nothing that is written wrongly stops the reader."""
    assert isinstance(read_latex(f"Before. {source}").text, str)


def test_a_large_paper_is_read_at_once() -> None:
    """Half a megabyte takes well under five seconds."""
    source = PAPER.replace("\\end{document}", (PAPER.partition("\\maketitle")[2].partition("\\bib")[0] * 600))
    assert len(source) > 400_000
    start = time.monotonic()
    assert len(read_latex(source).text) > 100_000
    assert time.monotonic() - start < 5
