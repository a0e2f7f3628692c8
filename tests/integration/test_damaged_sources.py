"""Damaged sources and recipes that nobody can fulfil: one sentence each, never a traceback, and the rest is built."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longhop.cli import main
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe


def test_damaged_rows_and_files_do_not_stop_a_build(tmp_path: Path) -> None:
    """Each is a rejection with its place in the table of rejections; all other documents are there."""
    write_corpus(tmp_path)
    books = tmp_path / "books"
    (books / "rows.JSONL").write_bytes(b'[1]\n{"text": "caf\xe9"}\n{"text": "Rain."}\n' + b"[" * 100_000)
    pq.write_table(pa.table({"text": ["Rain."]}), books / "whole.PARQUET")
    (books / "cut.parquet").write_bytes((books / "whole.PARQUET").read_bytes()[:-20])
    run = build(write_recipe(tmp_path), tmp_path / "run")
    left_out = run.rejections().filter(pl.col("stage") == "documents").collect()
    assert dict(left_out.select("item_id", "reason").iter_rows()) == {
        "books/cut.parquet": "malformed",
        "books/rows.JSONL#0": "malformed",
        "books/rows.JSONL#1": "malformed",
        "books/rows.JSONL#2": "too_short",
        "books/rows.JSONL#3": "malformed",
        "books/whole.PARQUET#0": "too_short",
    }
    assert run.documents().collect().height == 8


@pytest.mark.parametrize("command", ["check", "build"])
def test_kinds_that_nobody_writes_are_said_before_anything_is_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """One sentence and exit code 2 instead of a dataset without examples."""
    monkeypatch.chdir(tmp_path)
    recipe = write_recipe(write_corpus(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main([command, str(recipe), "--set", "questions.kinds={choice: 1}"])
    assert ended.value.code == 2
    assert not (tmp_path / "runs").exists()
    assert "the engine `writer` is lexical and writes no others" in capsys.readouterr().err


def test_a_damaged_excluded_text_stops_check_and_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With file and line: nobody can say that no document overlaps what cannot be read."""
    (tmp_path / "bench.jsonl").write_bytes(b'{"q": "Who?"}\n' + b"[" * 100_000)
    recipe = write_recipe(write_corpus(tmp_path), documents={"min_tokens": 20, "exclude": ["bench.jsonl"]})
    for arguments in (["check", str(recipe)], ["build", str(recipe), "--out", str(tmp_path / "run")]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 1
        assert "bench.jsonl: line 2 is nested too deep" in capsys.readouterr().err.splitlines()[-1]
