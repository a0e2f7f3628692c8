"""Lists what lies below a path: one item a document, or a table of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import Rejection
from longhop.sources.code import is_repository, refused_by_name, repository_files, vendored
from longhop.sources.folder import children, walk
from longhop.sources.hashes import HashCache, combined_sha
from longhop.sources.items import SourceItem, location_of, name_of, rejected
from longhop.sources.latex_files import LatexFiles
from longhop.sources.tables import columns_of, missing_columns

__all__ = ["FORMATS", "list_code", "list_folder", "list_prose_file"]

FORMATS = {
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    "": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".tex": "latex",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
READ = "longhop reads .txt, .md and .tex files and tables (.jsonl, .parquet)"


def list_prose_file(path: Path, source: Source) -> Iterator[SourceItem | Rejection]:
    """A source that is one file."""
    suffix = path.suffix.lower()
    with HashCache() as cache:
        if source.kind == "code" and suffix not in {".jsonl", ".ndjson", ".parquet"}:
            yield _file(path, path, "code", source, cache)
        elif suffix not in FORMATS:
            raise SourceError(f"source {path}: files of type {suffix} are not read; {READ}.")
        else:
            if FORMATS[suffix] in {"jsonl", "parquet"} and (missing := _missing(path, source)):
                raise SourceError(missing_columns(f"source {path}", *missing))
            latex = LatexFiles([path], path.parent) if FORMATS[suffix] == "latex" else None
            yield _file(path, path, FORMATS[suffix], source, cache, latex)


def list_folder(folder: Path, source: Source) -> Iterator[SourceItem | Rejection]:
    """A folder of texts and tables, and all folders below it."""
    entries = list(walk(folder))
    latex = LatexFiles([e for e in entries if isinstance(e, Path) and e.suffix.lower() == ".tex"], folder)
    with HashCache() as cache:
        for entry in entries:
            if isinstance(entry, Rejection):
                yield entry
                continue
            form = FORMATS.get(entry.suffix.lower())
            name = name_of(entry, folder)
            if form is None:
                yield rejected(name, "unsupported_format", f"files of type {entry.suffix} are not read; {READ}")
            elif form == "latex" and latex.is_part(entry):
                continue  # read where it is included
            elif form in {"jsonl", "parquet"}:
                yield _table_in_folder(entry, folder, form, source, cache)
            else:
                yield _file(entry, folder, form, source, cache, latex)


def list_code(folder: Path, source: Source) -> Iterator[SourceItem | Rejection]:
    """A repository, a folder of repositories, or the files of either."""
    with HashCache() as cache:
        if source.unit == "file":
            for entry in walk(folder, folder, vendored):
                yield entry if isinstance(entry, Rejection) else _code_file(entry, folder, source, cache)
        elif is_repository(folder):
            yield from _repository(folder, folder, source, cache)
        else:
            for entry in children(folder, folder, vendored):
                if isinstance(entry, Rejection):
                    yield entry
                elif entry.is_dir():
                    yield from _repository(entry, folder, source, cache)
                else:
                    yield _code_file(entry, folder, source, cache)


def _repository(path: Path, root: Path, source: Source, cache: HashCache) -> Iterator[SourceItem | Rejection]:
    parts, size, name = [], 0, name_of(path, root)
    for entry in repository_files(path, root):
        if isinstance(entry, Rejection):
            continue  # told when the repository is read
        try:
            length = entry.stat().st_size
            if refused_by_name(entry, length) is None:
                parts.append((entry.relative_to(path).as_posix(), cache.sha(entry)))
                size += length
        except OSError:
            continue  # told when the repository is read
    if not parts:
        yield rejected(name, "empty", "a folder without a file of text")
        return
    yield _item(path, root, "repository", source, combined_sha(parts), size)


def _code_file(path: Path, root: Path, source: Source, cache: HashCache) -> SourceItem | Rejection:
    try:
        refused = refused_by_name(path, path.stat().st_size)
    except OSError as error:
        return rejected(name_of(path, root), "unreadable", error.strerror or str(error))
    return rejected(name_of(path, root), *refused) if refused else _file(path, root, "code", source, cache)


def _table_in_folder(path: Path, folder: Path, form: str, source: Source, cache: HashCache) -> SourceItem | Rejection:
    try:
        missing = _missing(path, source)
    except SourceError as error:
        return rejected(name_of(path, folder), "malformed", str(error))
    if missing:
        return rejected(name_of(path, folder), "no_text", missing_columns(name_of(path, folder), *missing))
    return _file(path, folder, form, source, cache)


def _missing(path: Path, source: Source) -> tuple[list[str], list[str]] | None:
    wanted = [name for name in (source.text, source.title) if name is not None]
    columns = columns_of(path, wanted)
    missing = [name for name in wanted if name not in columns]
    return (missing, columns) if missing else None


def _file(
    path: Path, root: Path, form: str, source: Source, cache: HashCache, latex: LatexFiles | None = None
) -> SourceItem | Rejection:
    try:
        sha, size = cache.sha(path), path.stat().st_size
        parts = latex.parts_of(path) if latex is not None and form == "latex" else []
        if latex is not None and parts:
            sha = combined_sha([("", sha), *sorted((name_of(part, latex.root), cache.sha(part)) for part in parts)])
    except OSError as error:
        return rejected(name_of(path, root), "unreadable", error.strerror or str(error))
    return _item(path, root, form, source, sha, size)


def _item(path: Path, root: Path, form: str, source: Source, sha: str, size: int) -> SourceItem:
    return SourceItem(
        kind=source.kind,
        format=form,
        path=name_of(path, root),
        location=location_of(path),
        root=location_of(root if root.is_dir() else root.parent),
        sha=sha,
        size=size,
        license=source.license,
        text=source.text,
        title=source.title,
    )
