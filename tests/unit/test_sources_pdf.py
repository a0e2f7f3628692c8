"""PDF: order of columns, whole words, no heads and feet, and what is refused."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem, list_source, read_item
from longhop.sources.pdf import Pdf, read_pdf
from longhop.sources.pdf.letters import Joiner, mend
from longhop.sources.problems import ReadError
from tests.typeset import HEIGHT, MARGIN, WIDTH, Set, pdf_of, set_pages

WORDS = "harbour lantern measurement observation instrument current estuary navigation pilot signal".split()


def sentences(start: int, count: int) -> str:
    """Sentences of which no two are the same."""
    return " ".join(
        f"The {WORDS[i % 10]} number {i} follows the {WORDS[(i * 3 + 1) % 10]} recorded in notebook {i * 7}."
        for i in range(start, start + count)
    )


PARAGRAPHS = [("h", "1 The Harbour"), *(("p", sentences(i * 8, 8)) for i in range(9))]
PARAGRAPHS += [("h", "2 The Estuary"), *(("p", sentences(100 + i * 8, 8)) for i in range(9))]


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def read(tmp_path: Path, data: bytes, **how: bool) -> Pdf:
    path = tmp_path / "paper.pdf"
    path.write_bytes(data)
    return read_pdf(path, **how)


def refusal(tmp_path: Path, data: bytes, seconds: float = 30.0) -> ReadError:
    path = tmp_path / "paper.pdf"
    path.write_bytes(data)
    with pytest.raises(ReadError) as caught:
        read_pdf(path, seconds=seconds)
    return caught.value


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("order", ["columns", "rows"])
def test_columns_are_read_one_after_the_other(tmp_path: Path, columns: int, order: str) -> None:
    """Words come in the order of the source, also where a file draws its lines across the columns."""
    lines = set_pages(PARAGRAPHS, columns=columns, title="Notes of a Pilot")
    pdf = read(tmp_path, pdf_of(lines, head="Annals of Pilots, Volume 12", foot="Pilots et al.", order=order))
    expected = words_of("Notes of a Pilot " + " ".join(text for _, text in PARAGRAPHS))
    assert words_of(pdf.text) == expected


def test_headings_are_headings_and_paragraphs_whole(tmp_path: Path) -> None:
    """A title, its sections and each paragraph stand on their own, over ends of columns and pages."""
    pdf = read(tmp_path, pdf_of(set_pages(PARAGRAPHS, title="Notes of a Pilot")))
    blocks = pdf.text.split("\n\n")
    assert blocks[0] == "# Notes of a Pilot"
    assert [block for block in blocks if block.startswith("## ")] == ["## 1 The Harbour", "## 2 The Estuary"]
    paragraphs = [text for kind, text in PARAGRAPHS if kind == "p"]
    assert [block for block in blocks if not block.startswith("#")] == paragraphs
    assert [pdf.text[offset:].partition("\n")[0] for offset, _ in pdf.sections] == [
        "## 1 The Harbour",
        "## 2 The Estuary",
    ]


def test_heads_feet_and_numbers_go(tmp_path: Path) -> None:
    """What repeats at the edges of pages is not in the text, and the same words within the text are."""
    inside = [("p", "Annals of Pilots, Volume 12 was the first to say so. " + sentences(0, 150))]
    lines = set_pages(inside, columns=1)
    pdf = read(tmp_path, pdf_of(lines, head="Annals of Pilots, Volume 12", foot="Page"))
    assert pdf.text.count("Annals of Pilots") == 1
    assert "Page" not in pdf.text
    assert words_of(pdf.text) == words_of(inside[0][1])


def test_first_lines_that_only_look_alike_stay(tmp_path: Path) -> None:
    """A refrain at the head of each page, set like the text, is text."""
    lines = []
    for page in range(4):
        lines += [
            Set(page, MARGIN, HEIGHT - 66 - 12 * i, "Times-Roman", 10, f"Line {i} of the song.") for i in range(50)
        ]
    assert read(tmp_path, pdf_of(lines, numbers=False)).text.count("Line 0 of the song.") == 4


def test_hyphens_at_line_ends_are_judged_by_the_rest_of_the_text() -> None:
    """A parted word is joined, a compound keeps its hyphen, a name and a number too."""
    joiner = Joiner(["This is a well-known fact about measurements."])
    assert joiner.join("the measure-", "ments were") == "the measurements were"
    assert joiner.join("a well-", "known fact") == "a well-known fact"
    assert joiner.join("the Baker-", "Street case") == "the Baker-Street case"
    assert joiner.join("see https://example.org/", "page here") == "see https://example.org/page here"
    assert joiner.join("the soft\u00ad", "ware") == "the software"
    assert joiner.join("very problem-", "and data-specific") == "very problem- and data-specific"


def test_letters_are_mended() -> None:
    """Ligatures and accents that stand beside their letters are letters."""
    assert mend("e\ufb03cient \ufb02ow of \ufb01sh") == "efficient flow of fish"
    assert mend("Erd\u02dd os and M¨uller") == "Erdős and Müller"
    assert mend("\U0001d465 + \U0001d466") == "x + y"


def test_a_table_stays_in_rows(tmp_path: Path) -> None:
    """Narrow cells beside one another are rows of a table and no columns of text."""
    lines = set_pages([("p", sentences(0, 12))], columns=1)
    low = min(line.y for line in lines) - 40
    for row in range(8):
        cells = ((60, f"harbour {row}"), (200, f"{row}.5 m"), (330, f"{row * 3} kn"))
        lines += [Set(0, x, low - 14 * row, "Times-Roman", 10, text) for x, text in cells]
    text = read(tmp_path, pdf_of(lines)).text
    assert [re.sub(r"\s+", " ", line) for line in text.split("\n")][-8:] == [
        f"harbour {row} {row}.5 m {row * 3} kn" for row in range(8)
    ]


def test_listings_keep_their_lines(tmp_path: Path) -> None:
    """Lines in a font of fixed pitch are code, with their indentation."""
    code = ["def tide(hour):", "    return height[hour]", "", "print(tide(3))"]
    lines = set_pages([("p", sentences(0, 12))], columns=1)
    low = min(line.y for line in lines) - 30
    for number, line in enumerate(code):
        indent = len(line) - len(line.lstrip())
        lines.append(Set(0, 60 + 5.4 * indent, low - 11 * number, "Courier", 9, line.strip()))
    text = read(tmp_path, pdf_of([line for line in lines if line.text])).text
    assert "```\ndef tide(hour):\n    return height[hour]\n\nprint(tide(3))\n```" in text


def test_what_the_file_says_of_itself(tmp_path: Path) -> None:
    """Title, author and year come out of the metadata where they are plausible, else off the first page."""
    lines = set_pages([("p", "Ada Lovelace and Mary Somerville"), *PARAGRAPHS], columns=1, title="Notes of a Pilot")
    said = read(tmp_path, pdf_of(lines, about={"Title": "The Pilot", "Author": "Grace Hopper"})).about
    assert (said.title, said.author) == ("The Pilot", "Grace Hopper")
    assert said.year == 2000  # the date that reportlab writes into files that are to be the same each time
    guessed = read(tmp_path, pdf_of(lines, about={"Title": "Microsoft Word - notes.doc", "Author": "admin"}), book=True)
    assert guessed.about.title == "Notes of a Pilot"
    assert guessed.about.author == "Ada Lovelace and Mary Somerville"
    assert guessed.about.year is None


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    """A file with a password is a rejection that says what to do."""
    error = refusal(tmp_path, pdf_of(set_pages(PARAGRAPHS), password="secret"))  # noqa: S106
    assert error.reason == "encrypted"
    assert "without a password" in error.detail


def test_a_scan_is_refused(tmp_path: Path) -> None:
    """Pages that are pictures have no text layer."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT))
    for _ in range(3):
        canvas.drawInlineImage(_picture(), 0, 0, WIDTH, HEIGHT)
        canvas.showPage()
    canvas.save()
    error = refusal(tmp_path, buffer.getvalue())
    assert error.reason == "no_text_layer"
    assert "3 of its 3 pages" in error.detail
    assert "ocrmypdf" in error.detail


def test_pages_without_text_are_told_of(tmp_path: Path) -> None:
    """A file of which some pages are pictures keeps the others and names these."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT))
    for page in range(4):
        if page == 2:
            canvas.drawInlineImage(_picture(), 0, 0, WIDTH, HEIGHT)
        else:
            canvas.drawString(60, 700, f"This is page {page} of the notes, with a line of text.")
        canvas.showPage()
    canvas.save()
    pdf = read(tmp_path, buffer.getvalue())
    assert pdf.text.count("of the notes") == 3
    assert pdf.left_out == (("no_text_layer", "1 of 4 pages are pictures without text (3)"),)


@pytest.mark.parametrize("data", [b"no PDF at all", b"%PDF-1.7\n garbage", b"\0" * 5_000])
def test_a_broken_file_is_refused(tmp_path: Path, data: bytes) -> None:
    """What is no PDF is said to be none."""
    assert refusal(tmp_path, data).reason == "broken"


def test_a_cut_off_file_is_refused_or_read(tmp_path: Path) -> None:
    """Half a file gives its reason or its text, and stops nothing."""
    whole = pdf_of(set_pages(PARAGRAPHS))
    assert refusal(tmp_path, whole[: len(whole) // 4]).reason in {"broken", "unreadable", "no_text_layer"}


def test_a_page_that_hangs_its_reader_is_left_out(tmp_path: Path) -> None:
    """A page that would take for ever costs its seconds; the pages around it are kept."""
    path = tmp_path / "bomb.pdf"
    path.write_bytes(hanging_pdf())
    pdf = read_pdf(path, seconds=1.0)
    assert pdf.text.count("A page of text") == 2
    assert pdf.left_out == (("lost_page", "page 2 cannot be read: the reader takes more than 1 seconds"),)


def test_a_long_file_is_read(tmp_path: Path) -> None:
    """Many pages are no difficulty."""
    lines = [Set(page, 60, 700, "Times-Roman", 10, f"Entry {page} of the register is here.") for page in range(600)]
    text = read(tmp_path, pdf_of(lines)).text
    assert re.findall(r"Entry (\d+) of", text) == [str(page) for page in range(600)]


def test_pages_that_are_turned_are_read(tmp_path: Path) -> None:
    """A page that is shown turned reads as it is shown."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(WIDTH, HEIGHT))
    for turn in (0, 90, 180, 270):
        canvas.saveState()
        canvas.translate(WIDTH / 2, HEIGHT / 2)
        canvas.rotate(turn)
        for number in range(5):
            canvas.drawString(-180, 100 - 14 * number, f"Turned by {turn}: this is line {number} of the page.")
        canvas.restoreState()
        canvas.setPageRotation(turn)
        canvas.showPage()
    canvas.save()
    found = re.findall(r"Turned by (\d+): this is line (\d)", read(tmp_path, buffer.getvalue()).text)
    assert found == [(str(turn), str(number)) for turn in (0, 90, 180, 270) for number in range(5)]


def test_references_are_dropped_on_request(tmp_path: Path) -> None:
    """`references: drop` takes the list off, what follows it stays; by default it stays."""
    blocks = [
        *PARAGRAPHS,
        ("h", "References"),
        ("p", "[1] A. Lee. On tides. 2001."),
        ("h", "A Proofs"),
        ("p", sentences(0, 5)),
    ]
    (tmp_path / "paper.pdf").write_bytes(pdf_of(set_pages(blocks, title="Notes of a Pilot")))
    texts = {}
    for references in ("keep", "drop"):
        source = Source.model_validate({"kind": "paper", "path": str(tmp_path), "references": references})
        (document,) = documents(source)
        texts[references] = document.text
        assert all(document.text[offset] == "#" for offset, _ in document.sections)
    assert "On tides" in texts["keep"]
    assert "On tides" not in texts["drop"]
    assert "A Proofs" in texts["drop"]


def test_bad_files_stop_no_good_ones(tmp_path: Path) -> None:
    """Of a folder, each bad file is one rejection and each good one a document with its licence."""
    (tmp_path / "good.pdf").write_bytes(pdf_of(set_pages(PARAGRAPHS, title="Notes of a Pilot")))
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "locked.PDF").write_bytes(pdf_of(set_pages(PARAGRAPHS), password="secret"))  # noqa: S106
    source = Source(kind="paper", path=str(tmp_path), license="CC-BY-4.0")
    read = [entry for item in list_source(source) if isinstance(item, SourceItem) for entry in read_item(item)]
    assert [entry.reason for entry in read if isinstance(entry, Rejection)] == ["broken", "encrypted"]
    (document,) = [entry for entry in read if isinstance(entry, RawDocument)]
    assert (document.kind, document.title, document.license) == ("paper", "Notes of a Pilot", "CC-BY-4.0")


def test_a_file_that_changed_is_not_read(tmp_path: Path) -> None:
    """The listing stands for what was there."""
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf_of(set_pages(PARAGRAPHS)))
    (item,) = list_source(Source(kind="paper", path=str(tmp_path)))
    assert isinstance(item, SourceItem)
    path.write_bytes(pdf_of(set_pages(PARAGRAPHS[:5])))
    (entry,) = read_item(item)
    assert isinstance(entry, Rejection)
    assert entry.reason == "changed"
    path.unlink()
    (entry,) = read_item(item)
    assert isinstance(entry, Rejection)
    assert entry.reason == "vanished"


def documents(source: Source) -> list[RawDocument]:
    items = [item for item in list_source(source) if isinstance(item, SourceItem)]
    return [entry for item in items for entry in read_item(item) if isinstance(entry, RawDocument)]


def _picture() -> object:
    from PIL import Image  # noqa: PLC0415 - comes with reportlab

    return Image.new("RGB", (40, 60), (200, 180, 160))


def hanging_pdf() -> bytes:
    """Three pages; the second draws a form that draws another one twice, and so on, 26 deep."""
    depth = 26
    objects = {1: b"<< /Type /Catalog /Pages 2 0 R >>", 3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>"}
    pages, number = [], 4
    forms = list(range(100, 100 + depth))
    for page in range(3):
        content = b"BT /F1 12 Tf 60 700 Td (A page of text that can be read.) Tj ET"
        resources = b"/Font << /F1 3 0 R >>"
        if page == 1:
            content, resources = b"/X Do /X Do", f"/XObject << /X {forms[0]} 0 R >>".encode()
        pages.append(number)
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number + 1} 0 R /Resources << ".encode()
            + resources
            + b" >> >>"
        )
        objects[number + 1] = _stream(b"", content)
        number += 2
    for form in forms:
        last = form == forms[-1]
        inner = b"/Font << /F1 3 0 R >>" if last else f"/XObject << /X {form + 1} 0 R >>".encode()
        content = b"BT /F1 9 Tf 9 9 Td (x) Tj ET" if last else b"/X Do /X Do /X Do"
        objects[form] = _stream(
            b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << " + inner + b" >>", content
        )
    kids = " ".join(f"{page} 0 R" for page in pages)
    objects[2] = f"<< /Type /Pages /Kids [{kids}] /Count 3 >>".encode()
    data, places = b"%PDF-1.4\n", {}
    for name in sorted(objects):
        places[name] = len(data)
        data += b"%d 0 obj\n" % name + objects[name] + b"\nendobj\n"
    table = len(data)
    data += b"xref\n"
    for name in [0, *sorted(objects)]:
        data += b"%d 1\n" % name + (b"0000000000 65535 f \n" if not name else b"%010d 00000 n \n" % places[name])
    return data + b"trailer << /Size 200 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % table


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<< " + entries + b" /Length %d >>\nstream\n" % len(content) + content + b"\nendstream"
