"""What lies packed, in an archive or a commit, listed and read as the folder that it would be.

    >>> with Packed.of_archive(Path("data/books.zip")).unpacked(code=False) as (folder, left_out):
    ...     sorted(path.name for path in folder.iterdir())
    ['rope.md', 'tides.txt']

An item of it names the archive (or the repository) as its location and a path within it as its member. Its reader gets
it in a private folder, which lasts as long as items of the same archive follow one another.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath, PurePosixPath

import msgspec

from longhop.records import RawDocument, Rejection
from longhop.sources.archives import unpack, without_suffix
from longhop.sources.code import refused_by_name
from longhop.sources.folder import MOST_BYTES
from longhop.sources.git import Git, read_blobs
from longhop.sources.items import SourceItem, location_of, name_of, path_of, rejected, vanished
from longhop.sources.staging import private_folder, staged

__all__ = ["Packed", "read_packed"]

_Wants = Callable[[str, int], bool]


class Packed:
    """An archive, or a commit of a git repository."""

    def __init__(self, name: str, key: str, fill: Callable[[Path, _Wants], Iterator[Rejection]]) -> None:
        self.name = name
        self.key = key
        """Changes with the content."""
        self._fill = fill

    @classmethod
    def of_archive(cls, path: Path) -> Packed:
        """An archive; OSError where it is not there."""
        status = path.stat()
        name = name_of(path, path)
        key = f"{os.fsencode(path)!r} {status.st_size} {status.st_mtime_ns}"
        return cls(name, key, lambda into, wants: unpack(path, into, wants))

    @classmethod
    def of_commit(cls, git: Git, commit: str) -> Packed:
        """A commit; nothing is checked out, since the folder is gone again before anybody sees it."""
        key = f"{os.fsencode(git.folder)!r} {commit}"
        return cls(git.name, key, lambda into, wants: _write_commit(git, commit, into, wants))

    @contextlib.contextmanager
    def unpacked(self, code: bool) -> Iterator[tuple[Path, list[Rejection]]]:
        """Its files in a folder of its name, and what of it is left out; gone afterwards."""
        with private_folder() as above:
            folder = above / self.name
            yield folder, list(self._fill(folder, _wants(code)))

    def place(self, code: bool) -> Path:
        """Its files in a folder of its name, kept until another is asked for."""

        def fill(above: Path) -> None:
            for _ in self._fill(above / self.name, _wants(code)):
                pass  # told when it was listed

        return staged(f"{self.key} {code}", fill) / self.name

    def outward(
        self, entry: SourceItem | Rejection, folder: Path, path: Path, name: str, commit: str | None
    ) -> SourceItem | Rejection:
        """An entry of the listing of `folder` as one of what lies at `path` and is called `name`."""
        if isinstance(entry, Rejection):
            detail = entry.detail.replace(str(folder), name)  # messages of readers name the file that they have read
            return msgspec.structs.replace(entry, item_id=self.renamed(entry.item_id, name), detail=detail)
        member = path_of(entry.location).relative_to(folder)
        return msgspec.structs.replace(
            entry,
            path=self.renamed(entry.path, name),
            location=location_of(path),
            root=location_of(path.parent),
            member=location_of(member),
            commit=commit,
        )

    def renamed(self, inner: str, name: str) -> str:
        """The name of an entry, which begins with that of the folder, with `name` in that place."""
        first, slash, rest = inner.partition("/")
        return f"{name}{slash}{rest}" if first == self.name else inner


def read_packed(
    item: SourceItem, read: Callable[[SourceItem], Iterator[RawDocument | Rejection]]
) -> Iterator[RawDocument | Rejection]:
    """Documents of an item of an archive or a commit, by the reader of its format."""
    path = path_of(item.location)
    assert item.member is not None
    try:
        packed = Packed.of_commit(_git(path, item.commit), item.commit) if item.commit else Packed.of_archive(path)
    except FileNotFoundError:
        what = f"the commit {item.commit}" if item.commit else "the archive"
        yield vanished(item.path, what)
        return
    except OSError as error:
        yield rejected(item.path, "unreadable", error.strerror or str(error))
        return
    folder = packed.place(item.kind == "code")
    member = path_of(item.member)
    inner_path = name_of(folder / member, folder)
    # What stands before the member is the name of the archive in its source.
    depth = len(member.parts)
    name = item.path.rsplit("/", depth)[0] if depth else item.path
    inner = msgspec.structs.replace(
        item, path=inner_path, location=location_of(folder / member), root=location_of(folder), member=None, commit=None
    )
    if item.commit:
        origin = f"{name}@{item.commit}:{member.as_posix()}"
    else:
        origin = f"{name}!/{member.as_posix()}" if member.parts else name
    for result in read(inner):
        if isinstance(result, Rejection):
            detail = result.detail.replace(str(folder), name)
            yield msgspec.structs.replace(result, item_id=packed.renamed(result.item_id, name), detail=detail)
        else:
            row = result.source.removeprefix(inner_path)  # a row of a table has its number there
            shown = os.fsencode(f"{origin}{row}").decode("utf-8", "backslashreplace")
            title = result.title if member.parts else without_suffix(result.title)
            yield msgspec.structs.replace(result, source=packed.renamed(result.source, name), title=title, origin=shown)


def _git(path: Path, commit: str) -> Git:
    git = Git.of(path)
    if git is None or not git.has(commit):
        raise FileNotFoundError(path)
    return git


def _wants(code: bool) -> _Wants:
    """Whose contents are read: of code what its name does not refuse, else all but what no document is so large."""
    if code:
        return lambda name, size: refused_by_name(PurePosixPath(name), size) is None
    tables = (".jsonl", ".ndjson", ".parquet", ".gz", ".zst")
    return lambda name, size: size <= MOST_BYTES or PurePath(name).suffix.lower() in tables


def _write_commit(git: Git, commit: str, into: Path, wants: _Wants) -> Iterator[Rejection]:
    into.mkdir()
    blobs = read_blobs(git)
    for entry in git.tree(commit):
        shown = f"{into.name}/{os.fsencode(entry.name).decode('utf-8', 'backslashreplace')}"
        parts = entry.name.split("/")
        if any(part.startswith(".") for part in parts):
            continue  # as in a folder; `..` among them
        if entry.mode == "120000":
            yield rejected(shown, "symlink", "a link; links are not followed")
        elif entry.mode == "160000":
            detail = f"another repository, at its commit {entry.sha[:12]}; make it a source of its own"
            yield rejected(shown, "submodule", detail)
        else:
            target = into.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                data = blobs.read(entry.sha) if wants(entry.name, entry.size) else None
                file.write(data) if data is not None else file.truncate(entry.size)
