"""Git repositories as sources: working trees, bare ones at a revision, and what of them is no text."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources import SourceItem, list_source, read_item
from longhop.sources.git import close_blobs

Outcome = tuple[dict[str, RawDocument], dict[str, str]]
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
MIT = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy of this software\n"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGHOP_CACHE", str(tmp_path_factory.mktemp("cache")))


def git(folder: Path, *arguments: str) -> str:
    """What git says in a folder, as nobody in particular."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {
        f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (("NAME", "n"), ("EMAIL", "e"))
    }
    command = ["git", "-c", "init.defaultBranch=main", "-c", "core.autocrlf=false", "-C", str(folder), *arguments]
    done = subprocess.run(  # noqa: S603 - git
        command, capture_output=True, text=True, check=True, env={**kept, **who, "HOME": str(folder)}
    )
    return done.stdout.strip()


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def commit(folder: Path, files: dict[str, str | bytes]) -> str:
    """Commit these files, in a repository that is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    write(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "more")
    return git(folder, "rev-parse", "HEAD")


def bare(folder: Path) -> Path:
    """A bare copy of a repository, beside it."""
    target = folder.parent / f"{folder.name}.git"
    git(folder, "clone", "--quiet", "--bare", str(folder), str(target))
    return target


def read(source: Source) -> Outcome:
    documents, reasons = {}, {}
    for entry in list_source(source):
        for result in [entry] if isinstance(entry, Rejection) else read_item(entry):
            if isinstance(result, Rejection):
                reasons[result.item_id] = result.reason
            else:
                documents[result.source] = result
    return documents, reasons


def headings(document: RawDocument) -> list[str]:
    return [document.text[offset:].split("\n")[0].strip("= ") for offset, _ in document.sections]


@pytest.mark.parametrize("unit", ["repository", "file"])
def test_a_working_tree_is_what_git_tracks(tmp_path: Path, unit: str) -> None:
    """Neither what is ignored nor what was never added; contents are those on the disk."""
    folder = tmp_path / "tides"
    head = commit(folder, {"a.py": "a = 1\n", "gone.py": "x = 1\n", ".gitignore": "secret.py\n"})
    write(folder, {"secret.py": "s = 1\n", "new.py": "n = 1\n", "a.py": "a = 2\n"})
    (folder / "gone.py").unlink()
    documents, reasons = read(Source(kind="code", path=str(folder), unit=unit))  # type: ignore[arg-type]
    assert not reasons
    (document,) = documents.values()
    assert "a = 2" in document.text
    assert not any(name in document.text for name in ("s = 1", "n = 1", "x = 1"))
    place = f"tides@{head}" if unit == "repository" else f"tides@{head}:a.py"
    assert document.origin == f"{place}, working tree"


def test_a_bare_repository_is_read_at_a_revision(tmp_path: Path) -> None:
    """A branch, a tag, or the beginning of a commit; HEAD where none is named; nothing is written beside it."""
    first = commit(tmp_path / "tides", {"a.py": "a = 1\n"})
    git(tmp_path / "tides", "tag", "v1")
    second = commit(tmp_path / "tides", {"a.py": "a = 2\n"})
    place = bare(tmp_path / "tides")
    before = sorted(place.rglob("*"))
    for revision, sha, text in [
        (None, second, "a = 2"),
        ("v1", first, "a = 1"),
        (first[:9], first, "a = 1"),
        ("main", second, "a = 2"),
    ]:
        documents, _ = read(Source(kind="code", path=str(place), revision=revision))
        (document,) = documents.values()
        assert (document.source, document.title, document.origin) == ("tides", "tides", f"tides@{sha}")
        assert document.text == f"==== a.py ====\n{text}"
    assert sorted(place.rglob("*")) == before


def test_a_working_tree_at_a_revision_reads_the_commit(tmp_path: Path) -> None:
    """Whatever lies on the disk."""
    folder = tmp_path / "tides"
    first = commit(folder, {"a.py": "a = 1\n"})
    commit(folder, {"a.py": "a = 2\n"})
    documents, _ = read(Source(kind="code", path=str(folder), revision=first, unit="file"))
    assert {name: (d.text, d.origin) for name, d in documents.items()} == {
        "tides/a.py": ("a = 1", f"tides@{first}:a.py")
    }


def test_the_commit_is_frozen_when_it_is_listed(tmp_path: Path) -> None:
    """A branch that moves on changes nothing in a run; listed anew, what is equal is the same item."""
    folder = tmp_path / "tides"
    first = commit(folder, {"a.py": "a = 1\n", "b.py": "b = 1\n"})
    source = Source(kind="code", path=str(folder), revision="main", unit="file")
    listed = [entry for entry in list_source(source) if isinstance(entry, SourceItem)]
    listed = msgspec.json.decode(msgspec.json.encode(listed), type=list[SourceItem])
    second = commit(folder, {"a.py": "a = 2\n"})
    (document,) = read_item(listed[0])
    assert isinstance(document, RawDocument)
    assert (document.text, document.origin) == ("a = 1", f"tides@{first}:a.py")
    anew = [entry for entry in list_source(source) if isinstance(entry, SourceItem)]
    assert anew[1] == msgspec.structs.replace(listed[1], commit=second)
    assert anew[0].sha != listed[0].sha


@pytest.mark.parametrize("unit", ["repository", "file"])
@pytest.mark.parametrize("revision", [None, "HEAD"])
def test_links_submodules_and_pointers_are_rejections(tmp_path: Path, unit: str, revision: str | None) -> None:
    """Each with its reason, never as text; a large file is refused by its size."""
    folder, inner = tmp_path / "tides", tmp_path / "inner"
    commit(inner, {"i.py": "i = 1\n"})
    folder.mkdir()
    (folder / "link.py").symlink_to("/etc/passwd")
    git(folder, "init", "--quiet")
    git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "inner")
    commit(
        folder,
        {
            "a.py": "a = 1\n",
            "model.py": LFS,
            "node_modules/m.js": "m",
            "node_modules/n.js": "n",
            "dist/made.js": "d",
            "build/__init__.py": "made = 1",
            "big.py": "x" * 1_000_001,
        },
    )
    documents, reasons = read(Source(kind="code", path=str(folder), unit=unit, revision=revision))  # type: ignore[arg-type]
    assert reasons == {
        "tides/big.py": "data",
        "tides/dist": "vendored",
        "tides/inner": "submodule",
        "tides/link.py": "symlink",
        "tides/model.py": "lfs_pointer",
        "tides/node_modules": "vendored",
    }
    text = "\n".join(document.text for document in documents.values())
    assert [line for line in text.split("\n") if line and not line.startswith("====")] == ["a = 1", "made = 1"]


def test_a_tracked_folder_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    """The index still names files in it; the disk leads elsewhere."""
    folder, outside = tmp_path / "tides", tmp_path / "outside"
    commit(folder, {"sub/a.py": "a = 1\n", "b.py": "b = 1\n"})
    write(outside, {"a.py": "secret = 1\n"})
    (folder / "sub/a.py").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(outside)
    documents, reasons = read(Source(kind="code", path=str(folder)))
    assert reasons == {"tides/sub/a.py": "symlink"}
    assert "secret" not in documents["tides"].text


def test_files_stand_in_the_order_of_imports(tmp_path: Path) -> None:
    """What is imported first, the README before all, the order of paths else."""
    commit(
        tmp_path / "tides",
        {
            "README.md": "# Tides",
            "app.py": "from lib.z import z\nimport lib.a\n",
            "py/lib/__init__.py": "",
            "py/lib/a.py": "from . import m\n",
            "py/lib/m.py": "m = 1\n",
            "py/lib/z.py": "z = 1\n",
        },
    )
    documents, _ = read(Source(kind="code", path=str(bare(tmp_path / "tides"))))
    assert headings(documents["tides"]) == ["README.md", "py/lib/m.py", "py/lib/a.py", "py/lib/z.py", "app.py"]


def test_the_licence_is_read_off(tmp_path: Path) -> None:
    """Of the repository's own file; a file that states another has that one; the recipe's word goes before both."""
    files: dict[str, str | bytes] = {
        "LICENSE": MIT,
        "a.py": "a = 1\n",
        "b.py": "# SPDX-License-Identifier: ISC\nb = 1\n",
    }
    folder = tmp_path / "tides"
    commit(folder, files)
    documents, _ = read(Source(kind="code", path=str(folder)))
    assert documents["tides"].license == "MIT"
    documents, _ = read(Source(kind="code", path=str(folder), license="CC0-1.0"))
    assert documents["tides"].license == "CC0-1.0"
    documents, _ = read(Source(kind="code", path=str(folder), unit="file", revision="HEAD"))
    assert documents["tides/a.py"].license == "MIT"


def test_a_folder_of_repositories_may_be_bare_ones(tmp_path: Path) -> None:
    """Mirrors side by side; one without a commit is a rejection, the others live."""
    for name in ("one", "two"):
        commit(tmp_path / "work" / name, {"a.py": f"{name} = 1\n"})
        git(
            tmp_path,
            "clone",
            "--quiet",
            "--bare",
            str(tmp_path / "work" / name),
            str(tmp_path / "mirrors" / f"{name}.git"),
        )
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "mirrors" / "zero.git"))
    entries = list(list_source(Source(kind="code", path=str(tmp_path / "mirrors"))))
    assert [e.path for e in entries if isinstance(e, SourceItem)] == ["mirrors/one", "mirrors/two"]
    (rejection,) = [e for e in entries if isinstance(e, Rejection)]
    assert rejection.item_id == "mirrors/zero.git"
    assert "has no commit at HEAD" in rejection.detail


def test_a_revision_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    """With those that there are; also for what looks like an option, and where there is no repository."""
    commit(tmp_path / "tides", {"a.py": "a = 1\n"})
    git(tmp_path / "tides", "tag", "v1")
    for revision in ("v2", "--help", "f" * 40):
        with pytest.raises(SourceError, match=f"no branch, tag or commit `{revision}`; there are main, v1. Correct"):
            list(list_source(Source(kind="code", path=str(tmp_path / "tides"), revision=revision)))
    write(tmp_path / "plain", {"a.py": "a = 1\n"})
    with pytest.raises(SourceError, match="there is no git repository. Take `revision` out"):
        list(list_source(Source(kind="code", path=str(tmp_path / "plain"), revision="v1")))


@pytest.mark.parametrize("unit", ["repository", "file"])
def test_a_history_that_was_rewritten_is_a_rejection(tmp_path: Path, unit: str) -> None:
    """The commit that was listed is gone: nothing else is read in its place."""
    folder = tmp_path / "tides"
    commit(folder, {"a.py": "a = 1\n"})
    (item,) = list_source(Source(kind="code", path=str(folder), revision="main", unit=unit))  # type: ignore[arg-type]
    assert isinstance(item, SourceItem)
    write(folder, {"a.py": "a = 2\n"})
    git(folder, "commit", "--quiet", "--all", "--amend", "--message", "again")
    git(folder, "reflog", "expire", "--expire=now", "--all")
    git(folder, "gc", "--quiet", "--prune=now")
    close_blobs()
    (result,) = read_item(item)
    assert isinstance(result, Rejection)
    assert result.reason == "vanished"
    assert "history was rewritten" in result.detail


def test_without_git_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the command."""
    commit(tmp_path / "tides", {"a.py": "a = 1\n"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=r"there is no git here\. Install git"):
        list(list_source(Source(kind="code", path=str(tmp_path / "tides"))))


def test_nothing_of_the_repository_is_run(tmp_path: Path) -> None:
    """A monitor that its configuration names, and the caller's own GIT_DIR."""
    folder = tmp_path / "tides"
    commit(folder, {"a.py": "a = 1\n"})
    (folder / "monitor").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (folder / "monitor").chmod(0o755)
    git(folder, "config", "core.fsmonitor", str(folder / "monitor"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
        documents, _ = read(Source(kind="code", path=str(folder)))
    assert list(documents) == ["tides"]
    assert not (tmp_path / "ran").exists()


def test_books_and_papers_in_a_repository(tmp_path: Path) -> None:
    """Prose is read at a revision too, with what papers include; of a working tree only what git tracks."""
    folder = tmp_path / "notes"
    files: dict[str, str | bytes] = {
        "rope.md": "# The Rope\n\nIt was new.",
        "p/main.tex": "\\documentclass{article}\\begin{document}\\input{part}\\end{document}",
        "p/part.tex": "A part of it.",
        ".gitignore": "draft.md",
    }
    head = commit(folder, files)
    write(folder, {"draft.md": "A draft.", "rope.md": "# The Rope\n\nIt was old."})
    documents, reasons = read(Source(kind="paper", path=str(folder), revision="main"))
    assert not reasons
    assert {name: (d.text, d.origin) for name, d in documents.items()} == {
        "notes/p/main.tex": ("A part of it.", f"notes@{head}:p/main.tex"),
        "notes/rope.md": ("# The Rope\n\nIt was new.", f"notes@{head}:rope.md"),
    }
    documents, _ = read(Source(kind="paper", path=str(folder)))
    assert documents["notes/rope.md"].text.endswith("old.")
    assert list(documents) == ["notes/p/main.tex", "notes/rope.md"]


def test_names_that_are_no_text_are_kept_apart(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, quotes and line ends in names."""
    folder = tmp_path / "tides"
    commit(folder, {"a b.py": "a = 1\n", 'q"\n.py': "q = 1\n", os.fsdecode(b"caf\xe9.py"): "c = 1\n"})
    for unit in ("repository", "file"):
        items = list(list_source(Source(kind="code", path=str(folder), revision="HEAD", unit=unit)))
        items = msgspec.json.decode(msgspec.json.encode(items), type=list[SourceItem])
        text = "\n".join(
            r.text for i in items if isinstance(i, SourceItem) for r in read_item(i) if isinstance(r, RawDocument)
        )
        assert all(said in text for said in ("a = 1", "q = 1", "c = 1"))
