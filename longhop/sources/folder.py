"""Walks a folder: every file below it, in the order of their names, and what is not followed.

    >>> [entry.name for entry in walk(Path("data/sample/books"))][:2]
    ['drowned_shelves.md', 'ferry_strike.txt']

Hidden files and folders are passed over, and so are Python's caches. Symbolic links are not followed, wherever they
lead: what they point to within the source is listed at its own place, and what lies outside was not asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from longhop.errors import SourceError
from longhop.records import Rejection
from longhop.sources.items import name_of, rejected

__all__ = ["MOST_BYTES", "TOO_LARGE", "checked", "children", "pointer", "read_bytes", "walk"]

MOST_BYTES = 256 * 1024**2
"""A larger file is no document: the longest works have a hundredth of it. Tables are read row by row, and may be."""
TOO_LARGE = "a text of more than {:,} bytes is data, no document; split it, or make it a table (.jsonl, .parquet)"
_LFS = b"version https://git-lfs.github.com/spec/"
_MOST_POINTER = 1_024


def children(
    folder: Path, root: Path | None = None, leave_out: Callable[[Path], str | None] | None = None
) -> Iterator[Path | Rejection]:
    """Files and folders of `folder`, sorted by name; what is left out comes as a rejection.

    Args:
        folder: Where to look.
        root: The source that it belongs to; names in rejections are relative to it.
        leave_out: Says for a folder why it is left out (a detail), or None; reason `vendored`.

    Raises:
        SourceError: `folder` is the source itself and cannot be read.
    """
    root = root or folder
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        if folder == root:
            raise SourceError(f"source {folder}: cannot be read ({error.strerror}). Make it readable.") from error
        yield rejected(name_of(folder, root), "unreadable", str(error.strerror))
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        try:
            child = _child(entry, path, root, leave_out)
        except OSError as error:  # a folder that may be listed and not entered, a path too long for the system
            child = rejected(name_of(path, root), "unreadable", error.strerror or str(error))
        yield child


def walk(
    folder: Path, root: Path | None = None, leave_out: Callable[[Path], str | None] | None = None
) -> Iterator[Path | Rejection]:
    """Files below `folder`, at any depth, as `children` gives those of one folder."""
    root = root or folder
    # Folders that are being walked, the deepest last; no recursion, since they may lie deeper than Python calls.
    open_folders = [children(folder, root, leave_out)]
    while open_folders:
        entry = next(open_folders[-1], None)
        if entry is None:
            open_folders.pop()
        elif isinstance(entry, Path) and entry.is_dir():
            open_folders.append(children(entry, root, leave_out))
        else:
            yield entry


def read_bytes(path: Path, name: str, most: int = MOST_BYTES) -> bytes | Rejection:
    """Content of a file of at most `most` bytes, or why there is none to be had."""
    try:
        size = path.stat().st_size
        if size > most:
            return rejected(name, "too_large", f"{size:,} bytes; {TOO_LARGE.format(most)}")
        data = path.read_bytes()
    except FileNotFoundError:
        return rejected(name, "vanished", "the file was there when the source was listed; list anew with --refresh")
    except OSError as error:
        return rejected(name, "unreadable", error.strerror or str(error))
    return checked(data, name)


def checked(data: bytes, name: str) -> bytes | Rejection:
    """Content of a file, unless there is nothing in it, or only the place where Git LFS keeps it."""
    if data.startswith(_LFS) and len(data) < _MOST_POINTER:
        return rejected(
            name, "lfs_pointer", "Git LFS keeps the content elsewhere; fetch it with `git lfs pull`, then list anew"
        )
    if not data.strip():
        return rejected(name, "empty", f"{len(data)} bytes, no text")
    return data


def pointer(path: Path, name: str) -> Rejection | None:
    """The rejection of a table, archive or book that Git LFS keeps elsewhere, before a reader calls it damaged."""
    try:
        if path.stat().st_size >= _MOST_POINTER:
            return None
        found = checked(path.read_bytes(), name)
    except OSError:
        return None  # told by who reads it
    return found if isinstance(found, Rejection) and found.reason == "lfs_pointer" else None


def _child(
    entry: os.DirEntry[str], path: Path, root: Path, leave_out: Callable[[Path], str | None] | None
) -> Path | Rejection:
    if entry.is_symlink():
        return rejected(name_of(path, root), "symlink", _where(path, root))
    if entry.is_dir():
        path.stat()  # the entry may know what it is from the folder it is in; who walks on must be able to look
        why = leave_out(path) if leave_out else None
        return rejected(name_of(path, root), "vendored", why) if why else path
    if entry.is_file():
        return path
    return rejected(name_of(path, root), "unsupported_format", "neither a file nor a folder")


def _where(path: Path, root: Path) -> str:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "a link that loops or leads nowhere; links are not followed"
    if target.is_relative_to(root.resolve()):
        return "a link within the source, which is read where it leads to; links are not followed"
    return "a link that leaves the source; links are not followed, copy what it points to or make it a source"
