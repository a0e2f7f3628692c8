"""Repositories: the files of a folder, of a git working tree, or of a commit, and the one document that they make.

    >>> tree = FolderTree(Path("data/sample/code/tides"), Path("data/sample/code"))
    >>> [file.name for file in tree.files() if isinstance(file, TreeFile)][:2]
    ['README.md', 'tides/__init__.py']

In a document the README comes first, then what is imported before what imports it, in the order of paths else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from longhop.records import RawDocument, Rejection
from longhop.sources.code import PACKAGES, join_files, refused_by_name, text_of, vendored, vendored_name
from longhop.sources.folder import checked, read_bytes, walk
from longhop.sources.git import Entry, Git, read_blobs
from longhop.sources.hashes import HashCache, combined_sha, sha_of_bytes
from longhop.sources.imports import Imports, dependency_order
from longhop.sources.items import SourceItem, changed, name_of, rejected
from longhop.sources.spdx import is_license_file, license_of
from longhop.sources.text import one_line

__all__ = [
    "GONE",
    "CommitTree",
    "FolderTree",
    "Tree",
    "TreeFile",
    "WorkingTree",
    "license_of_tree",
    "read_repository",
    "sha_of_tree",
]

GONE = (
    "nothing is left in the repository: its history was rewritten, or it is a partial clone; list anew with --refresh"
)
MOST_CHARS = 100_000_000
"""Characters of a repository's document; some 25M tokens, far above any context."""


class TreeFile(NamedTuple):
    """A file of a repository."""

    name: str
    """Path within the repository."""
    size: int
    sha: str
    """Git's id of its content; empty where only the content itself tells."""

    @property
    def refused(self) -> tuple[str, str] | None:
        """Reason and detail where it is left out without being read."""
        return refused_by_name(PurePosixPath(self.name), self.size)


class Tree(Protocol):
    """The files of a repository."""

    def files(self) -> Iterator[TreeFile | Rejection]:
        """All files, by path, and what is left out for where it lies."""

    def read(self, file: TreeFile) -> bytes | Rejection:
        """Content of a file."""

    def sha(self, file: TreeFile, cache: HashCache) -> str:
        """Hash of its content; OSError where it cannot be read."""

    def shown(self, name: str) -> str:
        """Name of a file for people, beginning with the source's own name."""


class FolderTree:
    """All files of a folder; `root` is the source that it belongs to."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.root = root

    def files(self) -> Iterator[TreeFile | Rejection]:
        """What `walk` gives without what is vendored."""
        for entry in walk(self.folder, self.root, vendored):
            if isinstance(entry, Rejection):
                yield entry
                continue
            try:
                yield TreeFile(entry.relative_to(self.folder).as_posix(), entry.stat().st_size, "")
            except OSError as error:
                yield rejected(name_of(entry, self.root), "unreadable", error.strerror or str(error))

    def read(self, file: TreeFile) -> bytes | Rejection:
        """From the disk."""
        return read_bytes(self.folder / file.name, self.shown(file.name))

    def sha(self, file: TreeFile, cache: HashCache) -> str:
        """Of the content on the disk."""
        return cache.sha(self.folder / file.name)

    def shown(self, name: str) -> str:
        """Below the source."""
        return name_of(self.folder / name, self.root)


class WorkingTree(FolderTree):
    """The files of a working tree that git tracks, as they lie on the disk now."""

    def __init__(self, git: Git, root: Path) -> None:
        super().__init__(git.folder, root)
        self._git = git

    def files(self) -> Iterator[TreeFile | Rejection]:
        """By path; what was removed from the disk is not told of."""
        within = {self.folder}
        for entry in _judged(self._git.tracked(), self.shown):
            if isinstance(entry, Rejection):
                yield entry
                continue
            path = self.folder / entry.name
            try:
                if not self._is_within(path.parent, within):
                    yield rejected(self.shown(entry.name), "symlink", "lies behind a link; links are not followed")
                    continue
                status = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                yield rejected(self.shown(entry.name), "unreadable", error.strerror or str(error))
                continue
            if stat.S_ISREG(status.st_mode):
                yield TreeFile(entry.name, status.st_size, "")
            elif stat.S_ISLNK(status.st_mode):
                yield rejected(self.shown(entry.name), "symlink", "a link; links are not followed")
            else:
                yield rejected(self.shown(entry.name), "unsupported_format", "no plain file on the disk")

    def _is_within(self, folder: Path, known: set[Path]) -> bool:
        """Whether no folder down to this one is a link: one that replaced a tracked folder may lead anywhere."""
        if folder in known:
            return True
        if not self._is_within(folder.parent, known) or folder.is_symlink():
            return False
        known.add(folder)
        return True


class CommitTree:
    """The files of a commit; `name` is the repository's, for people."""

    def __init__(self, git: Git, commit: str, name: str) -> None:
        self._git = git
        self._commit = commit
        self._name = name

    def files(self) -> Iterator[TreeFile | Rejection]:
        """By path."""
        for entry in _judged(self._git.tree(self._commit), self.shown):
            yield entry if isinstance(entry, Rejection) else TreeFile(entry.name, entry.size, entry.sha)

    def read(self, file: TreeFile) -> bytes | Rejection:
        """From the repository's objects."""
        data = read_blobs(self._git).read(file.sha)
        if data is None:
            return rejected(self.shown(file.name), "vanished", GONE)
        return checked(data, self.shown(file.name))

    def sha(self, file: TreeFile, _: HashCache) -> str:
        """Git's own."""
        return file.sha

    def shown(self, name: str) -> str:
        """Below the repository."""
        return f"{self._name}/{os.fsencode(name).decode('utf-8', 'backslashreplace')}"


def _judged(entries: Iterable[Entry], shown: Callable[[str], str]) -> Iterator[Entry | Rejection]:
    """Entries in the order of paths, as in a folder; hidden ones are passed over, others told of as rejections."""
    ordered = sorted(entries, key=lambda entry: os.fsencode(entry.name).split(b"/"))
    environments, packages = (
        {entry.name.removesuffix(f"/{file}") for entry in ordered if entry.name.endswith(f"/{file}")}
        for file in ("pyvenv.cfg", "__init__.py")
    )
    told: set[str] = set()
    for entry in ordered:
        *folders, base = entry.name.split("/")
        if base.startswith(".") or any(name.startswith(".") or name == "__pycache__" for name in folders):
            continue
        why = _vendored(folders, environments, packages)
        if why is not None:
            folder, detail = why
            if folder not in told:
                told.add(folder)
                yield rejected(shown(folder), "vendored", detail)
        elif entry.mode == "120000":
            yield rejected(shown(entry.name), "symlink", "a link; links are not followed")
        elif entry.mode == "160000":
            detail = f"another repository, at its commit {entry.sha[:12]}; make it a source of its own"
            yield rejected(shown(entry.name), "submodule", detail)
        else:
            yield entry


def _vendored(folders: list[str], environments: set[str], packages: set[str]) -> tuple[str, str] | None:
    for depth, name in enumerate(folders, 1):
        path = "/".join(folders[:depth])
        if (detail := vendored_name(name)) and not (name in PACKAGES and path in packages):
            return path, detail
        if path in environments:
            return path, "a virtual environment"
    return None


def sha_of_tree(files: Iterable[tuple[str, str]]) -> str:
    """Hash of a repository from the names and hashes of its files, in the order of paths."""
    return combined_sha(sorted(files, key=lambda file: not _is_readme(file[0])))


def _is_readme(name: str) -> bool:
    return "/" not in name and PurePosixPath(name).stem.lower() == "readme"


def license_of_tree(tree: Tree, files: Iterable[TreeFile]) -> str | None:
    """The licence that a repository states at its top."""
    stated = []
    for file in files:
        if is_license_file(file.name) and file.size < 1_000_000:
            data = tree.read(file)
            text = data if isinstance(data, Rejection) else text_of(data, file.name)
            if not isinstance(text, Rejection):
                stated.append((file.name, text))
    return license_of(stated)


def read_repository(item: SourceItem, tree: Tree, title: str, origin: str | None) -> Iterator[RawDocument | Rejection]:
    """The one document of a repository, and what of it is left out."""
    texts: dict[str, str] = {}
    imports: list[Imports] = []
    left_out: list[Rejection] = []
    parts: list[tuple[str, str]] = []
    size, beyond = 0, 0
    for file in tree.files():
        if isinstance(file, Rejection):
            left_out.append(file)
            continue
        if refused := file.refused:
            left_out.append(rejected(tree.shown(file.name), *refused))
            continue
        if size > MOST_CHARS and file.sha:
            beyond += 1
            parts.append((file.name, file.sha))
            continue
        name = os.fsencode(file.name).decode("utf-8", "backslashreplace")
        data = tree.read(file)
        if isinstance(data, Rejection):
            left_out.append(data)
            imports.append(Imports(name, ()))  # an empty `__init__.py` says where a package is
            if file.sha or data.reason in ("empty", "lfs_pointer"):
                parts.append((file.name, _sha(tree, file)))
            continue
        parts.append((file.name, file.sha or sha_of_bytes(data)))
        if size > MOST_CHARS:
            beyond += 1
            continue
        text = text_of(data, tree.shown(file.name))
        if isinstance(text, Rejection):
            left_out.append(text)
            imports.append(Imports(name, ()))
            continue
        size += len(text)
        texts[name] = text
        imports.append(Imports.of(name, text))
    if sha_of_tree(parts) != item.sha:
        yield changed(item.path)
        return
    yield from left_out
    if beyond:
        detail = (
            f"{beyond:,} files behind its first {MOST_CHARS:,} characters, by path, are left out; "
            "set `unit: file`, or name parts of it as sources"
        )
        yield rejected(item.path, "too_large", detail)
    if not texts:
        yield rejected(item.path, "empty", "no file of it is left")
        return
    license_found = license_of([(name, text) for name, text in texts.items() if is_license_file(name)])
    ordered = [name for name in dependency_order(imports) if name in texts]
    order = sorted(ordered, key=lambda name: not _is_readme(name))
    text, sections = join_files((name, texts.pop(name)) for name in order)
    yield RawDocument(
        kind=item.kind,
        title=one_line(title) or "code",
        source=item.path,
        license=item.license or license_found,
        origin=origin,
        text=text,
        sections=sections,
    )


def _sha(tree: Tree, file: TreeFile) -> str:
    try:
        with HashCache() as cache:
            return tree.sha(file, cache)
    except OSError:
        return ""  # then it is not what was listed
