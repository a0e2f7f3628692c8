"""Lists what lies below a path: one item a document, or a table of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import Rejection
from longhop.sources.archives import is_archive
from longhop.sources.code import is_repository, refused_by_name, vendored
from longhop.sources.folder import MOST_BYTES, TOO_LARGE, children, pointer, walk
from longhop.sources.formatted import FORMATTED
from longhop.sources.git import Git
from longhop.sources.hashes import HashCache, combined_sha
from longhop.sources.items import SourceItem, described, location_of, name_of, rejected
from longhop.sources.latex_files import LatexFiles
from longhop.sources.packed import Packed
from longhop.sources.repositories import (
    CommitTree,
    FolderTree,
    Tree,
    TreeFile,
    WorkingTree,
    license_of_tree,
    sha_of_tree,
)
from longhop.sources.tables import columns_of, missing_columns, table_format, wanted_columns

__all__ = ["FORMATS", "list_code", "list_file", "list_folder"]

FORMATS = {
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    "": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".tex": "latex",
    **FORMATTED,
}
READ = "longhop reads .txt, .md, .tex, .epub, .html and .pdf files and tables (.jsonl, .parquet)"


def list_file(path: Path, source: Source) -> Iterator[SourceItem | Rejection]:
    """A source that is one file; an archive counts as a folder."""
    suffix = path.suffix.lower()
    table = table_format(path.name)
    _refuse_revision(path, source)
    if is_archive(path):
        yield from _list_archive(path, path, source)
        return
    if (elsewhere := pointer(path, name_of(path, path))) is not None:
        yield elsewhere
        return
    with HashCache() as cache:
        if source.kind == "code" and table is None:
            yield _file(path, path, "code", source, cache)
        elif table is not None:
            if missing := _missing(path, source):
                raise SourceError(missing_columns(f"source {path}", *missing))
            yield _file(path, path, table, source, cache)
        elif suffix not in FORMATS:
            raise SourceError(f"source {path}: files of type {suffix} are not read; {READ}.")
        else:
            latex = LatexFiles([path], path.parent) if FORMATS[suffix] == "latex" else None
            yield _file(path, path, FORMATS[suffix], source, cache, latex)


def list_folder(folder: Path, source: Source, root: Path | None = None) -> Iterator[SourceItem | Rejection]:
    """A folder of texts, tables and archives, and all folders below it; of a git working tree, what git tracks.

    Raises:
        SourceError: The folder cannot be read, or is a git repository without the revision.
    """
    git = Git.of(folder)
    if git is not None and (git.bare or source.revision is not None):
        commit = git.commit_of(source.revision)
        yield from _list_packed(Packed.of_commit(git, commit), git.folder, git.name, source, commit)
        return
    _refuse_revision(folder, source)
    root = root or folder
    entries = list(walk(folder, root))
    if git is not None:
        tracked = {folder / entry.name for entry in git.tracked() if entry.mode != "160000"}
        entries = [entry for entry in entries if isinstance(entry, Rejection) or entry in tracked]
    latex = LatexFiles([e for e in entries if isinstance(e, Path) and e.suffix.lower() == ".tex"], root)
    with HashCache() as cache:
        for entry in entries:
            if isinstance(entry, Rejection):
                yield entry
                continue
            form = table_format(entry.name) or FORMATS.get(entry.suffix.lower())
            name = name_of(entry, root)
            if is_archive(entry):
                yield from _list_archive(entry, root, source)
            elif form is not None and (elsewhere := pointer(entry, name)) is not None:
                yield elsewhere
            elif form is None:
                yield rejected(name, "unsupported_format", f"files of type {entry.suffix} are not read; {READ}")
            elif form == "latex" and latex.is_part(entry):
                continue  # read where it is included
            elif form in {"jsonl", "parquet"}:
                yield _table_in_folder(entry, root, form, source, cache)
            else:
                yield _file(entry, root, form, source, cache, latex)


def _list_archive(path: Path, root: Path, source: Source) -> Iterator[SourceItem | Rejection]:
    name = name_of(path, root)
    if (elsewhere := pointer(path, name)) is not None:
        yield elsewhere
    else:
        yield from _list_packed(Packed.of_archive(path), path, name, source, None)


def _list_packed(
    packed: Packed, path: Path, name: str, source: Source, commit: str | None
) -> Iterator[SourceItem | Rejection]:
    """What an archive or a commit holds, listed as the folder that it would be."""
    # The commit is looked up already.
    inner = source if source.revision is None else source.model_copy(update={"revision": None})
    with packed.unpacked(source.kind == "code") as (folder, left_out):
        found = _list_unpacked(folder, inner)
        nothing = [] if found or left_out else [rejected(folder.name, "empty", "nothing in it is read")]
        for entry in [*left_out, *nothing, *found]:
            yield packed.outward(entry, folder, path, name, commit)


def _list_unpacked(folder: Path, source: Source) -> list[SourceItem | Rejection]:
    if source.kind != "code":
        return list(list_folder(folder, source))
    top = folder
    if source.unit == "repository":
        # A wheel is one project whatever lies at its top, a source archive has all in one folder.
        while not is_repository(top) and len(inner := list(top.iterdir())) == 1 and inner[0].is_dir():
            top = inner[0]
        about = next((path for path in sorted(top.iterdir()) if path.name.endswith(".dist-info")), None)
        if is_repository(top) or about is not None:
            if about is not None and source.license is None:
                inner_tree = FolderTree(about, folder)
                stated = license_of_tree(inner_tree, (f for f in inner_tree.files() if isinstance(f, TreeFile)))
                source = source.model_copy(update={"license": stated})
            with HashCache() as cache:
                return list(_repository(FolderTree(top, folder), top, folder, source, cache))
    return list(list_code(top, source, folder))


def list_code(folder: Path, source: Source, root: Path | None = None) -> Iterator[SourceItem | Rejection]:
    """A repository, a folder of repositories, or the files of either; archives count as folders.

    Raises:
        SourceError: The folder cannot be read, or is a git repository without the revision.
    """
    root = root or folder
    with HashCache() as cache:
        git = Git.of(folder)
        if git is not None:
            yield from _list_git(git, root, source, cache)
        elif source.unit == "repository" and is_repository(folder):
            _refuse_revision(folder, source)
            yield from _repository(FolderTree(folder, root), folder, root, source, cache)
        else:
            found = False
            for entry in children(folder, root, vendored):
                if isinstance(entry, Rejection):
                    yield entry
                elif entry.is_dir():
                    inner = Git.of(entry)
                    found = found or inner is not None
                    yield from _within(entry, root, inner, source, cache)
                elif is_archive(entry) and not is_repository(folder):
                    yield from _list_archive(entry, root, source)
                else:
                    yield _code_file(entry, root, source, cache)
            if not found:
                _refuse_revision(folder, source)


def _within(
    folder: Path, root: Path, git: Git | None, source: Source, cache: HashCache
) -> Iterator[SourceItem | Rejection]:
    """A folder of a folder of repositories."""
    if git is not None:
        try:
            yield from list(_list_git(git, root, source, cache))
        except SourceError as error:  # one repository that is damaged, or lacks the revision, stops no other
            yield rejected(name_of(folder, root), "unreadable", str(error))
    elif source.revision is not None:
        detail = f"no git repository, and `revision: {source.revision}` asks for a commit of one"
        yield rejected(name_of(folder, root), "no_revision", detail)
    elif source.unit == "file":
        for entry in walk(folder, root, vendored):
            yield entry if isinstance(entry, Rejection) else _code_file(entry, root, source, cache)
    else:
        yield from _repository(FolderTree(folder, root), folder, root, source, cache)


def _refuse_revision(folder: Path, source: Source) -> None:
    if source.revision is not None:
        raise SourceError(
            f"source {folder}: `revision: {source.revision}` asks for a commit, and there is no git repository. "
            "Take `revision` out, or name the repository's own folder."
        )


def _list_git(git: Git, root: Path, source: Source, cache: HashCache) -> Iterator[SourceItem | Rejection]:
    tree: Tree
    if git.bare or source.revision is not None:
        commit = git.commit_of(source.revision)
        name = git.name if git.folder == root else f"{name_of(root, root)}/{git.name}"
        tree = CommitTree(git, commit, name)
        yield from _list_tree(tree, git, root, source, cache, commit=commit, form="commit", path=name)
    else:
        tree = WorkingTree(git, root)
        path = name_of(git.folder, root)
        yield from _list_tree(tree, git, root, source, cache, commit=git.head(), form="worktree", path=path)


def _list_tree(
    tree: Tree,
    git: Git,
    root: Path,
    source: Source,
    cache: HashCache,
    *,
    commit: str | None,
    form: str,
    path: str,
) -> Iterator[SourceItem | Rejection]:
    if source.unit == "repository":
        for item in _repository(tree, git.folder, root, source, cache):
            whole = isinstance(item, SourceItem)
            yield msgspec.structs.replace(item, format=form, commit=commit, path=path) if whole else item
        return
    entries = list(tree.files())
    stated = source.license or license_of_tree(tree, [entry for entry in entries if isinstance(entry, TreeFile)])
    for entry in entries:
        if isinstance(entry, Rejection):
            yield entry
            continue
        if refused := entry.refused:
            yield rejected(tree.shown(entry.name), *refused)
        elif form == "worktree":
            file = _file(git.folder / entry.name, root, "code", source, cache)
            more = {"commit": commit, "license": stated, "member": location_of(Path(entry.name))}
            yield file if isinstance(file, Rejection) else msgspec.structs.replace(file, **more)
        else:
            blob = _item(git.folder, root, "blob", source, entry.sha, entry.size)
            member = location_of(Path(entry.name))
            shown = tree.shown(entry.name)
            yield msgspec.structs.replace(blob, path=shown, commit=commit, license=stated, member=member)


def _repository(
    tree: Tree, folder: Path, root: Path, source: Source, cache: HashCache
) -> Iterator[SourceItem | Rejection]:
    parts, size = [], 0
    for entry in tree.files():
        if isinstance(entry, Rejection) or entry.refused is not None:
            continue  # told when the repository is read
        try:
            parts.append((entry.name, tree.sha(entry, cache)))
            size += entry.size
        except OSError:
            continue  # told when the repository is read
    if not parts:
        git = " that git tracks" if isinstance(tree, WorkingTree) else ""
        yield rejected(name_of(folder, root), "empty", f"a folder without a file of text{git}")
        return
    yield _item(folder, root, "repository", source, sha_of_tree(parts), size)


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
        return rejected(name_of(path, folder), "malformed", str(error).removeprefix(f"source {path}: "))
    if missing:
        return rejected(name_of(path, folder), "no_text", missing_columns(name_of(path, folder), *missing))
    return _file(path, folder, form, source, cache)


def _missing(path: Path, source: Source) -> tuple[list[str], list[str]] | None:
    wanted = wanted_columns(source)
    columns = columns_of(path, wanted)
    missing = [name for name in wanted if name not in columns]
    return (missing, columns) if missing else None


def _file(
    path: Path, root: Path, form: str, source: Source, cache: HashCache, latex: LatexFiles | None = None
) -> SourceItem | Rejection:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES and form not in {"jsonl", "parquet"}:
            return rejected(name_of(path, root), "too_large", f"{size:,} bytes; {TOO_LARGE.format(MOST_BYTES)}")
        sha = cache.sha(path)
        parts = latex.parts_of(path) if latex is not None and form == "latex" else []
        if latex is not None and parts:
            sha = combined_sha([("", sha), *sorted((name_of(part, latex.root), cache.sha(part)) for part in parts)])
    except OSError as error:
        return rejected(name_of(path, root), "unreadable", error.strerror or str(error))
    return _item(path, root, form, source, sha, size)


def _item(path: Path, root: Path, form: str, source: Source, sha: str, size: int) -> SourceItem:
    return SourceItem(
        **described(source),
        format=form,
        path=name_of(path, root),
        location=location_of(path),
        root=location_of(root if root.is_dir() else root.parent),
        sha=sha,
        size=size,
        references=source.references,
    )
