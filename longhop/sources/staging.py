"""A private folder for what lies packed: the files of an archive, or of a commit, while they are listed or read.

    >>> with private_folder() as folder:
    ...     ...                                 # gone afterwards
    >>> place = staged("books.zip 1732 9f86", unpack)   # kept until another is asked for, or the process ends

It lies in the user's cache folder, which `LONGHOP_CACHE` moves. What a killed process left there goes with the next.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from multiprocessing import util
from pathlib import Path

from longhop.errors import SourceError
from longhop.folders import cache_folder, is_gone, me

__all__ = ["drop_staged", "is_staged", "private_folder", "staged"]

_numbers = itertools.count()
_last: tuple[str, int, Path] | None = None
"""What is staged: its key, the process that did it, its folder."""


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """An empty folder that nobody else reads.

    Raises:
        SourceError: There is no room, or the cache folder is not writable.
    """
    folder = _new_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def staged(key: str, fill: Callable[[Path], None]) -> Path:
    """A folder that `fill` has filled; a listing names the files of an archive one after another, so it is kept.

    Raises:
        SourceError: As for `private_folder`.
    """
    global _last  # noqa: PLW0603 - a cache
    if _last is not None and _last[:2] == (key, os.getpid()):
        return _last[2]
    drop_staged()
    folder = _new_folder()
    try:
        fill(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _last = (key, os.getpid(), folder)
    # Also in a process that was forked and ends without the interpreter's own end.
    util.Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=0)
    return folder


def is_staged(folder: Path) -> bool:
    """Whether a folder lies in one of these."""
    return (cache_folder() / "unpacked") in folder.parents


def drop_staged() -> None:
    """Remove what `staged` keeps."""
    global _last  # noqa: PLW0603 - a cache
    if _last is not None and _last[1] == os.getpid():
        shutil.rmtree(_last[2], ignore_errors=True)
    _last = None


def _new_folder() -> Path:
    above = cache_folder() / "unpacked"
    try:
        above.mkdir(parents=True, exist_ok=True)
        for left_over in above.iterdir():
            if is_gone(left_over.name.rpartition("-")[0]):
                shutil.rmtree(left_over, ignore_errors=True)
        folder = above / f"{me()}-{next(_numbers)}"
        folder.mkdir(mode=0o700)
    except (OSError, RuntimeError) as error:
        raise SourceError(
            f"cache folder {above}: archives cannot be unpacked there ({error}). "
            "Make it writable, or name another with LONGHOP_CACHE."
        ) from error
    return folder
