"""Builds out of what lies packed: archives, bare repositories, compressed tables."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import zipfile
from pathlib import Path

import polars as pl

from longhop.sources.staging import drop_staged
from tests.integration.conftest import build, equal
from tests.integration.corpus import write_corpus, write_recipe


def git(folder: Path, *arguments: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {f"GIT_{role}_{key}": "n" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    command = ["git", "-c", "init.defaultBranch=main", "-C", str(folder), *arguments]
    subprocess.run(command, check=True, capture_output=True, env={**kept, **who, "HOME": str(folder)})  # noqa: S603


def commit(folder: Path, files: dict[str, str]) -> None:
    """Commit these files, and bring the bare copy beside it up to them."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "more")
    git(folder, "push", "--quiet", "--force", str(folder.parent / "code.git"), "HEAD:refs/heads/main")


def packed_corpus(folder: Path) -> list[dict[str, str]]:
    """The small corpus: half of it in an archive, half in a compressed table, and some code in a bare repository."""
    write_corpus(folder)
    chapters = sorted((folder / "books").iterdir())
    (folder / "in").mkdir()
    with zipfile.ZipFile(folder / "in" / "books.zip", "w") as archive:
        for chapter in chapters[::2]:
            archive.write(chapter, chapter.name)
        archive.writestr("../evil.md", "Not read.")
    rows = [{"text": chapter.read_text(), "title": chapter.stem, "author": "Lee"} for chapter in chapters[1::2]]
    with gzip.open(folder / "in" / "books.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    git(folder, "init", "--quiet", "--bare", str(folder / "code.git"))
    commit(folder / "code", {"app.py": "import lib\n\n" + "lib.x = 1\n\n" * 20, "lib.py": "x = 0\n\n" * 20})
    return [
        {"kind": "book", "path": "in"},
        {"kind": "code", "path": "code.git", "revision": "main"},
    ]


def test_a_build_reads_what_is_packed(tmp_path: Path) -> None:
    """With any number of workers the same tables; each document says where it comes from; nothing is left over."""
    recipe = write_recipe(tmp_path, sources=packed_corpus(tmp_path))
    run = build(recipe, tmp_path / "run")
    documents = run.documents().collect()
    assert documents.height == 9
    code = documents.filter(pl.col("kind") == "code").row(0, named=True)
    assert code["text"].startswith("==== lib.py ====")
    assert code["origin"].startswith("code@")
    assert documents.filter(pl.col("author") == "Lee").height == 4
    assert documents.filter(pl.col("origin").str.starts_with("in/books.zip!/chapter_")).height == 4
    rejections = run.rejections().filter(pl.col("reason") == "outside_path").collect()
    assert rejections["item_id"].to_list() == ["in/books.zip/../evil.md"]
    assert equal(run, build(recipe, tmp_path / "two", workers=2)) == []
    assert not list(tmp_path.rglob("evil.md"))
    drop_staged()  # this process read the first build, and may yet read more of the same archive
    assert not list(Path(os.environ["LONGHOP_CACHE"]).glob("unpacked/*"))


def test_a_branch_that_moves_changes_nothing_until_refresh(tmp_path: Path) -> None:
    """The commit is frozen with the listing; --refresh takes the new one as a new document beside the old."""
    recipe = write_recipe(tmp_path, sources=packed_corpus(tmp_path))
    run = build(recipe, tmp_path / "run")
    before = run.documents().collect()
    commit(tmp_path / "code", {"lib.py": "x = 2\n\n" * 20})
    again = build(recipe, tmp_path / "run")
    assert again.documents().collect().equals(before)
    more = build(recipe, tmp_path / "run", refresh=True).documents().collect()
    assert set(before["document_id"]) < set(more["document_id"])
    assert more.height == before.height + 1
    (new,) = more.filter(~pl.col("document_id").is_in(before["document_id"].to_list())).rows(named=True)
    assert "x = 2" in new["text"]
