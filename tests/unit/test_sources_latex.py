"""LaTeX to text."""

from __future__ import annotations

import time

import pytest

from longhop.sources.papers import read_latex

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


def test_a_file_that_includes_itself_ends() -> None:
    """A loop of includes is cut off."""
    assert "x" in read_latex("x \\input{a}", {"a": "y \\input{a} \\input{a}"}.get).text


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
