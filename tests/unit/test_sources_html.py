"""HTML: the text of a page without what surrounds it, readable as Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest

from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem, list_source, read_item
from longhop.sources.html import Html, read_html, text_of
from longhop.sources.metadata import language_of, license_of, year_of
from longhop.sources.problems import ReadError

PAGE = """<!DOCTYPE html>
<html lang="en-GB"><head><meta charset="utf-8"><title>On Tides | The Pilot's Site</title>
<meta name="author" content="Ada Lee"><meta name="date" content="2019-04-12">
<link rel="canonical" href="https://example.org/tides">
<link rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/">
<style>p { color: red }</style><script>var secret = 1;</script></head>
<body><header><a href="/">Home of Pilots</a></header>
<nav><ul><li><a href="/a">Harbours</a></li><li><a href="/b">Currents</a></li></ul></nav>
<div class="cookie-banner">We use cookies.</div>
<main><article><h1>On Tides</h1>
<p>They <em>rise</em>
   twice a&nbsp;day<sup><a href="#n1">1</a></sup> by 10<sup>6</sup> litres.</p>
<h2>Tables</h2><table><caption>Heights</caption>
<tr><th>Hour</th><th>Height</th></tr><tr><td>3</td><td>2.5 | 2.6</td></tr></table>
<h2>Code</h2><pre><code class="language-python">def tide(hour):
    return height[hour]</code></pre>
<p>Call <code>tide(3)</code>; then <math alttext="h_{3}=x^{2}"><mi>h</mi></math>.</p>
<ul><li>high<ul><li>spring</li><li>neap</li></ul></li><li>low</li></ul>
<ol start="3"><li>wait</li><li>sail</li></ol>
<blockquote><p>Time and tide</p><p>wait for no man.</p></blockquote>
<p style="display:none">Hidden words</p>
</article></main>
<aside>Read also: ten tides you will not believe</aside>
<footer>Imprint and privacy</footer><script>alert(1)</script></body></html>
"""


def test_the_text_of_a_page_without_what_surrounds_it() -> None:
    """Headings, tables, code, lists, quotes and formulas stay; navigation, scripts and hidden parts go."""
    assert read_html(PAGE.encode()).text == (
        "# On Tides\n\nThey rise twice a day[1] by 10^6 litres.\n\n## Tables\n\nHeights\n\n"
        "| Hour | Height |\n| --- | --- |\n| 3 | 2.5 \\| 2.6 |\n\n## Code\n\n"
        "```\ndef tide(hour):\n    return height[hour]\n```\n\nCall `tide(3)`; then $h_{3}=x^{2}$.\n\n"
        "- high\n  - spring\n  - neap\n- low\n\n3. wait\n4. sail\n\n> Time and tide\n\n> wait for no man."
    )


def test_what_the_head_says() -> None:
    """Title without the site's name, author, year, language, licence and address."""
    about = read_html(PAGE.encode()).about
    assert about.title == "On Tides"
    assert about.author == "Ada Lee"
    assert (about.year, about.language, about.license) == (2019, "en", "CC-BY-SA-4.0")
    assert about.origin == "https://example.org/tides"


def test_sections_stand_at_headings_outside_of_code() -> None:
    """Offsets of sections are those of headings; a comment in code is none."""
    data = b"<h1>T</h1><p>a</p><h2>One</h2><pre><code>x\n\n# no heading\n</code></pre><h2>Two</h2><p>b</p>"
    for book, level in ((True, "chapter"), (False, "section")):
        html = read_html(data, book=book)
        assert [(html.text[offset:].partition("\n")[0], found) for offset, found in html.sections] == [
            ("## One", level),
            ("## Two", level),
        ]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ('<meta charset="iso-8859-1"><p>Müller</p>'.encode("latin-1"), "Müller"),
        (
            '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>Море</p>'.encode("cp1251"),
            "Море",
        ),
        (
            '<?xml version="1.0" encoding="Shift_JIS"?><html><body><p>海の潮</p></body></html>'.encode("shift_jis"),
            "海の潮",
        ),
        ("<p>Müller</p>".encode("utf-16"), "Müller"),
        ('<meta charset="iso-8859-1"><p>Müller’s</p>'.encode(), "Müller’s"),
        ('<meta charset="no-such-charset"><p>Müller</p>'.encode(), "Müller"),
        ('<meta charset="idna"><p>Müller</p>'.encode(), "Müller"),
    ],
)
def test_declared_encodings(data: bytes, text: str) -> None:
    """What a page declares is believed where its bytes bear it out."""
    assert read_html(data).text == text


def test_a_book_of_project_gutenberg_loses_its_wrapping() -> None:
    """Marked boilerplate and page numbers go, title and author are told."""
    data = """<html lang="en"><head><title>The Project Gutenberg eBook of Emma, by Jane Austen</title></head><body>
    <section class="pg-boilerplate pgheader" id="pg-header"><h2>The Project Gutenberg eBook of Emma</h2></section>
    <h1>EMMA</h1><h2>CHAPTER I</h2>
    <p><span class="pagenum">[3]</span>Emma Woodhouse, handsome, clever,<br>and rich.</p>
    <h2>CHAPTER II</h2><p>Mr. Weston was a native of Highbury.</p>
    <section class="pg-boilerplate" id="pg-footer">*** END OF THE PROJECT GUTENBERG EBOOK</section></body></html>"""
    html = read_html(data.encode(), book=True)
    assert (html.about.title, html.about.author) == ("Emma", "Jane Austen")
    assert html.text.startswith("# EMMA\n\n## CHAPTER I\n\nEmma Woodhouse, handsome, clever,\nand rich.")
    assert "GUTENBERG" not in html.text.upper()
    assert [level for _, level in html.sections] == ["chapter", "chapter"]


def test_a_paper_made_by_latexml() -> None:
    """Formulas come as TeX, equations stand alone, notes in brackets, the title without its number."""
    data = """<html lang="en"><head><title>[2101.00001] On Hops</title></head><body><nav class="ltx_page_navbar">x</nav>
    <article class="ltx_document"><h1 class="ltx_title ltx_title_document">On Hops</h1>
    <div class="ltx_authors"><span class="ltx_personname">Ada Lee</span></div>
    <p>Let <math alttext="x" display="inline"><mi>x</mi></math> be<span class="ltx_note">
    <sup class="ltx_note_mark">1</sup>
    <span class="ltx_note_content"><sup class="ltx_note_mark">1</sup>as in Lee</span></span>:</p>
    <table class="ltx_equation ltx_eqn_table"><tr><td><math alttext="y=x^{2}" display="block"><mi>y</mi></math></td>
    <td><span class="ltx_tag">(1)</span></td></tr></table>
    <section><h2>References</h2><ul><li>Lee. Tides.</li></ul></section></article>
    <footer class="ltx_page_footer">Generated</footer></body></html>"""
    html = read_html(data.encode())
    assert (html.about.title, html.about.author) == ("On Hops", "Ada Lee")
    assert "Let $x$ be" in html.text
    assert "(as in Lee)" in html.text
    assert "$$y=x^{2}$$" in html.text
    assert "Generated" not in html.text


def test_blogs_without_marks_lose_their_link_lists() -> None:
    """A list that is nearly all links is a menu, wherever it stands; links within text stay."""
    links = "".join(f'<li><a href="/{i}">Post number {i}</a></li>' for i in range(8))
    data = f"<body><div><ul>{links}</ul></div><p>See <a href='/x'>the log</a> for more words on this.</p></body>"
    assert read_html(data.encode()).text == "See the log for more words on this."


@pytest.mark.parametrize("data", [b"<p>", b"<html></html>", b" ", b"<script>x</script>", b"<!-- -->"])
def test_pages_without_text(data: bytes) -> None:
    """Nothing is no error."""
    assert read_html(data).text == ""


def test_deep_nesting_and_large_tables_end() -> None:
    """Pages that are nested more deeply than Python calls are read; those that the parser gives up are told."""
    assert read_html(b"<div>" * 1_500 + b"inner words" + b"</div>" * 1_500 + b"<p>after").text == "inner words\n\nafter"
    with pytest.raises(ReadError, match="nested"):
        read_html(b"<div>" * 3_000 + b"inner words" + b"</div>" * 3_000)
    nested = b"<table><tr><td>" * 300 + b"deep cell" + b"</td></tr></table>" * 300
    assert "deep cell" in read_html(nested).text


def test_files_of_a_folder(tmp_path: Path) -> None:
    """HTML files are documents with what they say; the recipe's licence is stronger; bad ones are told."""
    (tmp_path / "a.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "b.htm").write_bytes(b"<html>\0\1\2\3 no text</html>")
    (tmp_path / "c.xhtml").write_text("<html><body><nav>only menus</nav></body></html>", encoding="utf-8")
    read = [e for item in list_source(Source(kind="web", path=str(tmp_path))) for e in _entries(item)]
    (document,) = [entry for entry in read if isinstance(entry, RawDocument)]
    assert (document.title, document.year, document.language, document.license) == (
        "On Tides",
        2019,
        "en",
        "CC-BY-SA-4.0",
    )
    assert document.origin == "https://example.org/tides"
    reasons = {entry.item_id.rpartition("/")[2]: entry.reason for entry in read if isinstance(entry, Rejection)}
    assert reasons == {"b.htm": "binary", "c.xhtml": "empty"}
    named = Source(kind="web", path=str(tmp_path), license="MIT")
    (document,) = [e for item in list_source(named) for e in _entries(item) if isinstance(e, RawDocument)]
    assert document.license == "MIT"


def test_words_for_years_languages_and_licences() -> None:
    """What is not sure is None."""
    assert [year_of(text) for text in ("D:20190412", "12 May 1897", "2019-04", "n.d.", "9999", "v1234567", None)] == [
        2019, 1897, 2019, None, None, None, None,
    ]  # fmt: skip
    assert [language_of(tag) for tag in ("en-GB", "deu", "zh_Hant", "und", "German", "Martian", None)] == [
        "en", "de", "zh", None, "de", None, None,
    ]  # fmt: skip
    assert license_of("http://creativecommons.org/publicdomain/zero/1.0/") == "CC0-1.0"
    assert license_of("This work is licensed under CC BY-NC-SA 4.0") == "CC-BY-NC-SA-4.0"
    assert license_of("Public domain in the USA.") == "public-domain"
    assert license_of("Not in the public domain. All rights reserved.") is None


def test_text_of_keeps_what_is_no_declaration() -> None:
    """A charset that is spoken of far down declares nothing."""
    data = b"<p>" + b"x" * 5_000 + "<meta charset=cp1251> Müller".encode()
    assert text_of(data).endswith("Müller")


def _entries(item: SourceItem | Rejection) -> list[RawDocument | Rejection]:
    return [item] if isinstance(item, Rejection) else list(read_item(item))


def test_html_is_a_tuple_of_text_about_and_sections() -> None:
    """What a reader gives is plain data."""
    assert read_html(b"<p>x</p>") == Html("x", read_html(b"<p>x</p>").about, ())
