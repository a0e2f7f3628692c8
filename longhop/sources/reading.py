"""Reads one listed item: its documents, and what of it is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from longhop.records import RawDocument, Rejection
from longhop.sources.books import read_prose
from longhop.sources.code import refused_by_name, text_of
from longhop.sources.folder import checked, read_bytes
from longhop.sources.formatted import FORMATTED, read_formatted
from longhop.sources.git import Git, read_blobs
from longhop.sources.hashes import combined_sha, not_as_listed, sha_of_bytes
from longhop.sources.hub import read_hub
from longhop.sources.items import SourceItem, changed, name_of, path_of, rejected, vanished
from longhop.sources.latex_files import resolve_include
from longhop.sources.metadata import About
from longhop.sources.packed import read_packed
from longhop.sources.papers import DEPTH, MOST_CHARS, read_latex
from longhop.sources.references import without_references
from longhop.sources.remote import is_remote, read_remote
from longhop.sources.repositories import GONE, CommitTree, FolderTree, Tree, WorkingTree, read_repository
from longhop.sources.spdx import stated_in
from longhop.sources.tables import read_jsonl, read_parquet
from longhop.sources.text import BinaryError, decode, one_line

__all__ = ["read_item"]

TOO_MUCH = f"included files lie more than {DEPTH} deep, or have more than {MOST_CHARS:,} characters together"


def read_item(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """Documents of an item, and a rejection for each file or row of it that gives none.

    Raises:
        SourceError: A Hub dataset or an object cannot be had any more, or git is not to be had.
    """
    if item.format == "hub":
        yield from read_hub(item)
    elif item.member is not None and (item.commit is None or item.format not in {"code", "blob"}):
        yield from read_packed(item, read_item)
    elif item.format in FORMATTED.values():
        yield from read_formatted(item)
    elif item.format in {"jsonl", "parquet"}:
        yield from read_remote(item) if is_remote(item.location) else _read_table(item)
    elif item.format in {"repository", "worktree", "commit"}:
        yield from _read_repository(item)
    elif item.format == "blob":
        yield _read_blob(item)
    elif item.format == "code":
        yield _read_code_file(item)
    else:
        yield from _read_text(item)


def _read_table(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    if (wrong := not_as_listed(item)) is not None:
        yield wrong
        return
    yield from read_jsonl(item) if item.format == "jsonl" else read_parquet(item)


def _read_text(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    path = path_of(item.location)
    data = read_bytes(path, item.path)
    if isinstance(data, Rejection):
        yield data
        return
    try:
        text = decode(data)
    except BinaryError as error:
        yield rejected(item.path, "binary", str(error))
        return
    if item.format == "latex":
        yield from _read_latex(item, path, data, text)
    elif sha_of_bytes(data) != item.sha:
        yield changed(item.path)
    else:
        prose = read_prose(item.path, text, markdown=item.format == "markdown")
        yield _document(item, prose.text, prose.about)


def _read_latex(item: SourceItem, path: Path, data: bytes, text: str) -> Iterator[RawDocument | Rejection]:
    inputs = _Inputs(item, path, text)
    latex = read_latex(text, inputs.source_of, references=item.references == "keep")
    sha = sha_of_bytes(data)
    if inputs.shas:
        names = sorted((name_of(part, inputs.root), part_sha) for part, part_sha in inputs.shas.items())
        sha = combined_sha([("", sha), *names])
    if sha != item.sha:
        yield changed(item.path)
        return
    latex_text, sections = latex.text, latex.sections
    if item.references == "drop":
        latex_text, sections = without_references(latex_text, sections)
    yield _document(item, latex_text, About(latex.title or one_line(path.stem), latex.author), sections)
    yield from inputs.left_out.values()
    for name in latex.unread:
        yield inputs.rejected(name, "unread_input", f"is not read: {TOO_MUCH}; put its text where it is included")


class _Inputs:
    r"""What a paper takes in with `\input`, and what of it is not to be had."""

    def __init__(self, item: SourceItem, path: Path, text: str) -> None:
        self._item, self._path = item, path
        self.root = path_of(item.root)
        self.shas: dict[Path, str] = {}
        self.left_out: dict[str, Rejection] = {}
        self._sources: dict[Path, str | None] = {path: text}

    def source_of(self, name: str) -> str | None:
        part = resolve_include(name, self._path.parent, self.root)
        if part is None:
            self._leave_out(name, *self._why_not_found(name))
            return None
        if part not in self._sources:
            self._sources[part] = self._read(name, part)
        return self._sources[part]

    def rejected(self, name: str, reason: str, detail: str) -> Rejection:
        """A rejection of an included file; the paper itself is kept."""
        return rejected(self._item.path, reason, f"the included file {name} {detail}. The paper is kept without it")

    def _read(self, name: str, part: Path) -> str | None:
        try:
            content = part.read_bytes()
        except OSError:
            return None  # without its hash the paper counts as changed
        self.shas[part] = sha_of_bytes(content)
        try:
            return decode(content)
        except BinaryError as error:
            self._leave_out(name, "binary_input", f"is no text ({error}); save it as UTF-8, or do not include it")
            return None

    def _leave_out(self, name: str, reason: str, detail: str) -> None:
        self.left_out.setdefault(name, self.rejected(name, reason, detail))

    def _why_not_found(self, name: str) -> tuple[str, str]:
        folder, root = self._path.parent, self.root.resolve()
        try:
            inside = all((folder / file).resolve().is_relative_to(root) for file in (name, f"{name}.tex"))
        except (OSError, ValueError, RuntimeError):  # a name that is no name of a file
            inside = True
        if inside:
            detail = f"is not in {name_of(folder, self.root)}; put it there and list anew, unless it is part of TeX"
            return "missing_input", detail
        source = name_of(self.root, self.root)
        return "outside_input", f"leads out of the source {source}; copy it there, or name a folder above both"


def _read_code_file(item: SourceItem) -> RawDocument | Rejection:
    path = path_of(item.location)
    try:
        refused = refused_by_name(path, path.stat().st_size)
    except FileNotFoundError:
        return vanished(item.path)
    except OSError as error:
        return rejected(item.path, "unreadable", error.strerror or str(error))
    if refused:
        return rejected(item.path, *refused)
    data = read_bytes(path, item.path)
    if isinstance(data, Rejection):
        return data
    if sha_of_bytes(data) != item.sha:
        return changed(item.path)
    origin = f"{path_of(item.root).name}@{item.commit}:{item.member}, working tree" if item.commit else None
    return _code_document(item, data, origin)


def _read_blob(item: SourceItem) -> RawDocument | Rejection:
    git = Git.of(path_of(item.location))
    if git is None:
        return vanished(item.path, "the repository")
    data = read_blobs(git).read(item.sha)
    if data is None:
        return rejected(item.path, "vanished", GONE)
    content = checked(data, item.path)
    name = item.path.partition("/")[2]
    return content if isinstance(content, Rejection) else _code_document(item, data, f"{git.name}@{item.commit}:{name}")


def _code_document(item: SourceItem, data: bytes, origin: str | None) -> RawDocument | Rejection:
    text = text_of(data, item.path)
    if isinstance(text, Rejection):
        return text
    document = _document(item, text, About(item.path.partition("/")[2] or item.path))
    if isinstance(document, Rejection):
        return document
    return msgspec.structs.replace(document, license=item.license or stated_in(text), origin=origin)


def _read_repository(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    folder, root = path_of(item.location), path_of(item.root)
    if not folder.is_dir():
        yield vanished(item.path, "the folder")
        return
    tree: Tree = FolderTree(folder, root)
    title, origin = folder.name, None
    if item.format != "repository":
        git = Git.of(folder)
        if git is None:
            yield rejected(item.path, "vanished", "it is a git repository no more; list anew with --refresh")
            return
        title, origin = git.name, f"{git.name}@{item.commit}" if item.commit else None
        if item.format == "commit":
            if item.commit is None or not git.has(item.commit):
                yield rejected(item.path, "vanished", f"of the commit {item.commit} {GONE}")
                return
            tree = CommitTree(git, item.commit, item.path)
        else:
            tree = WorkingTree(git, root)
            origin = f"{origin}, working tree" if origin else None
    yield from read_repository(item, tree, title, origin)


def _document(
    item: SourceItem, text: str, about: About, sections: tuple[tuple[int, str], ...] = ()
) -> RawDocument | Rejection:
    if not text.strip():
        return rejected(item.path, "empty", "no text is left without markup and front matter")
    return RawDocument(
        kind=item.kind,
        title=about.title or "untitled",
        author=about.author,
        year=about.year,
        language=about.language,
        source=item.path,
        license=item.license or about.license,
        text=text,
        sections=sections,
    )
