"""Reads one listed item: its documents, and what of it is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from longhop.records import RawDocument, Rejection
from longhop.sources.books import read_prose
from longhop.sources.code import join_files, read_file, refused_by_name, relative_name, repository_files
from longhop.sources.folder import read_bytes
from longhop.sources.hashes import HashCache, combined_sha, sha_of_bytes
from longhop.sources.items import SourceItem, name_of, path_of, rejected
from longhop.sources.latex_files import resolve_include
from longhop.sources.papers import read_latex
from longhop.sources.tables import read_hub, read_jsonl, read_parquet
from longhop.sources.text import BinaryError, decode, one_line

__all__ = ["read_item"]


def read_item(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """Documents of an item, and a rejection for each file or row of it that gives none.

    Raises:
        SourceError: A Hub dataset cannot be had any more.
    """
    if item.format == "hub":
        yield from read_hub(item)
    elif item.format in {"jsonl", "parquet"}:
        yield from _read_table(item)
    elif item.format == "repository":
        yield from _read_repository(item)
    elif item.format == "code":
        yield _read_code_file(item)
    else:
        yield _read_text(item)


def _changed(item: SourceItem) -> Rejection:
    return rejected(item.path, "changed", "the content is not what was listed; list anew with --refresh")


def _read_table(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    path = path_of(item.location)
    try:
        with HashCache() as cache:
            sha = cache.sha(path)
    except FileNotFoundError:
        yield rejected(item.path, "vanished", "the file was there when it was listed; list anew with --refresh")
        return
    except OSError as error:
        yield rejected(item.path, "unreadable", error.strerror or str(error))
        return
    if sha != item.sha:
        yield _changed(item)
        return
    yield from read_jsonl(item) if item.format == "jsonl" else read_parquet(item)


def _read_text(item: SourceItem) -> RawDocument | Rejection:
    path = path_of(item.location)
    data = read_bytes(path, item.path)
    if isinstance(data, Rejection):
        return data
    try:
        text = decode(data)
    except BinaryError as error:
        return rejected(item.path, "binary", str(error))
    if item.format == "latex":
        return _read_latex(item, path, data, text)
    if sha_of_bytes(data) != item.sha:
        return _changed(item)
    prose = read_prose(item.path, text, markdown=item.format == "markdown")
    return _document(item, prose.title, prose.text, prose.author)


def _read_latex(item: SourceItem, path: Path, data: bytes, text: str) -> RawDocument | Rejection:
    root = path_of(item.root)
    shas: dict[Path, str] = {}

    def include(name: str) -> str | None:
        part = resolve_include(name, path.parent, root)
        if part is None or part == path:
            return None
        try:
            content = part.read_bytes()
            shas.setdefault(part, sha_of_bytes(content))
            return decode(content)
        except (OSError, BinaryError):
            return None

    latex = read_latex(text, include)
    sha = sha_of_bytes(data)
    if sha != item.sha:
        names = sorted((name_of(part, root), part_sha) for part, part_sha in shas.items())
        sha = combined_sha([("", sha), *names])
    if sha != item.sha:
        return _changed(item)
    title = latex.title or one_line(path.stem)
    return _document(item, title, latex.text, latex.author, latex.sections)


def _read_code_file(item: SourceItem) -> RawDocument | Rejection:
    path = path_of(item.location)
    text = read_file(path, item.path)
    if isinstance(text, Rejection):
        return text
    try:
        if sha_of_bytes(path.read_bytes()) != item.sha:
            return _changed(item)
    except OSError as error:
        return rejected(item.path, "unreadable", error.strerror or str(error))
    return _document(item, item.path.partition("/")[2] or item.path, text)


def _read_repository(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    folder, root = path_of(item.location), path_of(item.root)
    if not folder.is_dir():
        yield rejected(item.path, "vanished", "the folder was there when it was listed; list anew with --refresh")
        return
    files: list[tuple[str, str]] = []
    left_out: list[Rejection] = []
    parts = []
    with HashCache() as cache:
        for entry in repository_files(folder, root):
            if isinstance(entry, Rejection):
                left_out.append(entry)
                continue
            text = read_file(entry, name_of(entry, root))
            try:
                if refused_by_name(entry, entry.stat().st_size) is None:
                    parts.append((entry.relative_to(folder).as_posix(), cache.sha(entry)))
            except OSError:
                pass  # `read_file` has said so
            if isinstance(text, Rejection):
                left_out.append(text)
            else:
                files.append((relative_name(entry, folder), text))
    if combined_sha(parts) != item.sha:
        yield _changed(item)
        return
    yield from left_out
    if not files:
        yield rejected(item.path, "empty", "no file of it is left")
        return
    text, sections = join_files(files)
    yield RawDocument(
        kind=item.kind,
        title=one_line(folder.name) or "code",
        source=item.path,
        license=item.license,
        text=text,
        sections=sections,
    )


def _document(
    item: SourceItem, title: str, text: str, author: str | None = None, sections: tuple[tuple[int, str], ...] = ()
) -> RawDocument | Rejection:
    if not text.strip():
        return rejected(item.path, "empty", "no text is left without markup and front matter")
    return RawDocument(
        kind=item.kind,
        title=title,
        author=author,
        source=item.path,
        license=item.license,
        text=text,
        sections=sections,
    )
