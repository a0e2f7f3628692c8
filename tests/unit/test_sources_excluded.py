"""Texts to exclude: out of plain text, JSON, JSON Lines, CSV and Parquet; what is wrong is said by file and line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longhop.errors import SourceError
from longhop.recipe import Excluded
from longhop.sources.excluded import read_excluded, stamps


def read(*entries: str | Excluded) -> list[str]:
    """The texts alone."""
    return [text for _, text in read_excluded(entries)]


def test_excluded_texts_are_read(tmp_path: Path) -> None:
    """Plain text whole, JSON Lines string by string; a missing or broken file is an error that names it."""
    (tmp_path / "a.txt").write_text("Plain.")
    (tmp_path / "b.jsonl").write_text('{"q": "Who?", "n": 1, "list": ["x", {"y": "z"}]}\n\n{"q": "What?"}\n')
    paths = [str(tmp_path / "a.txt"), str(tmp_path / "b.jsonl")]
    found = list(read_excluded(paths))
    assert [text for _, text in found] == ["Plain.", "Who?", "x", "z", "What?"]
    assert [file for file, _ in found] == ["a.txt", "b.jsonl", "b.jsonl", "b.jsonl", "b.jsonl"]
    (tmp_path / "c.jsonl").write_text("{broken")
    for name in ("none.txt", "c.jsonl"):
        with pytest.raises(SourceError, match=name):
            read(str(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"q": "Who?"}\n\n\n\n\n\n{broken\n', r"line 7 is no JSON \(.*\)\. Correct the line"),
        (b'{"q": "Who?"}\r\n' + b"[" * 100_000 + b"\n", r"line 2 is nested too deep to be read\. Correct the line"),
        (b'"x"\n' + b"[" * 990 + b'"y"' + b"]" * 990, r"line 2 is nested too deep to be read\. Correct the line"),
        (b"PK\0\0", r"not readable as text \(null bytes"),
        (b"", r"holds no text\. Take it out"),
        (b'{"n": 1}\n', r"holds no text\. Take it out"),
    ],
)
def test_a_damaged_row_of_an_excluded_text_is_an_error(tmp_path: Path, content: bytes, said: str) -> None:
    """To pass over it would be to say that no document overlaps it; the message names file and line."""
    path = tmp_path / "benchmark.jsonl"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=rf"documents\.exclude {path}: {said}"):
        read(str(path))


def test_rows_of_an_excluded_text_are_lines_and_nothing_else(tmp_path: Path) -> None:
    """A line separator of Unicode within a string ends no row, and stray bytes and decomposed letters are read."""
    path = tmp_path / "A.JSONL"
    path.write_bytes('{"q": "one\u2028two"}\r{"q": "cafe\u0301"}\n'.encode() + b'{"q": "caf\xe9"}\r\n')
    assert read(str(path)) == ["one\ntwo", "caf\u00e9", "caf\u00e9"]


ROWS = [
    {"_id": "1", "question": "Who kept it?", "choice_A": "Ines", "answer": "A", "context": "The keeper, Ines."},
    {"_id": "2", "question": "Who left?", "choice_A": "Nobody", "answer": "A", "context": "All stayed."},
]


@pytest.mark.parametrize(
    "name", ["b.json", "b.jsonl", "b.jsonl.gz", "lines.json", "b.csv", "b.tsv", "b.parquet", "b.json.gz"]
)
def test_columns_of_every_format(tmp_path: Path, name: str) -> None:
    """The files of LongBench v2 (JSON), AA-LCR (CSV) and RULER (JSON Lines) are read by the columns that count."""
    path = tmp_path / name
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    delimiter = "\t" if name.endswith("tsv") else ","
    table = [list(ROWS[0]), *(list(row.values()) for row in ROWS)]
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        content = {
            "b.json": json.dumps(ROWS, indent=1).encode(),
            "b.json.gz": gzip.compress(json.dumps(ROWS).encode()),
            "b.jsonl": lines,
            "lines.json": lines,
            "b.jsonl.gz": gzip.compress(lines),
        }.get(name, "\r\n".join(delimiter.join(f'"{value}"' for value in row) for row in table).encode())
        path.write_bytes(content)
    wanted = Excluded(path=str(path), columns=["question", "context"])
    assert read(wanted) == ["Who kept it?", "The keeper, Ines.", "Who left?", "All stayed."]
    assert {"Ines", "Who left?"} <= set(read(str(path)))
    with pytest.raises(SourceError, match=r"no column `quesion`\. It has: .*`question`"):
        read(Excluded(path=str(path), columns=["quesion", "context"]))


def test_columns_within_others(tmp_path: Path) -> None:
    """A column is found at any depth, as in the files of SQuAD and MuSiQue, with all texts within it."""
    path = tmp_path / "squad.json"
    paragraphs = [{"context": "Rain fell.", "qas": [{"question": "What fell?", "id": "x"}]}]
    path.write_text(json.dumps({"version": "1", "data": [{"title": "T", "paragraphs": paragraphs}]}))
    assert read(Excluded(path=str(path), columns=["context", "question"])) == ["Rain fell.", "What fell?"]
    assert read(Excluded(path=str(path), columns=["qas"])) == ["What fell?", "x"]


def test_patterns_and_formats(tmp_path: Path) -> None:
    """A pattern is all its files in order; `format` reads a file whose name says something else."""
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_text(f'{{"q": "{name}"}}\n')
    assert read(Excluded(path=str(tmp_path / "*.jsonl"), columns=["q"])) == ["a.jsonl", "b.jsonl"]
    (tmp_path / "rows[1].data").write_text('{"q": "x"}\n')
    assert read(Excluded(path=str(tmp_path / "rows[1].data"), format="jsonl")) == ["x"]
    (tmp_path / "long.csv").write_text('q,a\n"' + "word " * 100_000 + '\nnext line",x\n')
    assert len(read(Excluded(path=str(tmp_path / "long.csv"), columns=["q"]))[0]) > 500_000


@pytest.mark.parametrize(
    ("name", "columns", "said"),
    [
        ("none/*.jsonl", None, "no such file. Correct the recipe"),
        ("", None, r"a folder. Name its files, such as .*\*\.jsonl"),
        ("a.txt", ["q"], "by its name this is no table"),
        ("broken.parquet", None, "not readable"),
        ("broken.json", None, "it is no JSON"),
        ("cut.jsonl.gz", None, "not readable"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, columns: list[str] | None, said: str) -> None:
    """Each with what to do."""
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "broken.parquet").write_text("x" * 99)
    (tmp_path / "broken.json").write_text('[{"q": ')
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"q": "x"}\n' * 99)[:-9])
    with pytest.raises(SourceError, match=said):
        read(Excluded(path=str(tmp_path / name), columns=columns))


def test_wrappings_of_gutenberg_are_no_text(tmp_path: Path) -> None:
    """A book that is excluded with Project Gutenberg's licence does not exclude whatever has that licence."""
    marks = ["*** START OF THIS PROJECT GUTENBERG EBOOK EMMA ***", "*** END OF THIS PROJECT GUTENBERG EBOOK EMMA ***"]
    head = "The Project Gutenberg EBook of Emma, by Jane Austen\n\n"
    (tmp_path / "emma.txt").write_text(
        head + marks[0] + "\n\n" + "Emma Woodhouse\n\n" * 200 + marks[1] + "\n\nThe licence."
    )
    (text,) = read(str(tmp_path / "emma.txt"))
    assert "GUTENBERG" not in text
    assert text.startswith("Emma Woodhouse")


def test_stamps_change_with_the_files(tmp_path: Path) -> None:
    """By them one knows that what was made of the files still holds."""
    path = tmp_path / "a.txt"
    path.write_text("x")
    before = stamps([str(path)])
    assert stamps([Excluded(path=str(path))]) == before
    path.write_text("xy")
    assert stamps([str(path)]) != before
    with pytest.raises(SourceError, match="no such file"):
        stamps([str(tmp_path / "none.txt")])
