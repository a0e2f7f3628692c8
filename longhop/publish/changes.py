"""What a push changes in a repository: what is sent, what goes, what stays, and what nobody may overwrite.

    >>> change = compare({"README.md": mine}, {"README.md": theirs, "notes.txt": other}, listed)
    >>> change.send, change.kept
    (['README.md'], ['notes.txt'])

A dataset that longhop pushed has the file `longhop.json`: the sums of all that was put there. So the next push knows
its own: what is there as it was put is replaced, and goes where the dataset has it no longer. What others put there or
changed stays, or stands in the way; it is never overwritten without a word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

__all__ = ["LISTING", "Change", "FileSum", "compare", "inventory", "listing", "parse_listing"]

LISTING = "longhop.json"
_MADE_BY_THE_HUB = ".gitattributes"
_BLOCK = 8 * 1024**2


class FileSum(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds, in sums; a sum that is not known is None."""

    size: int
    sha256: str | None = None
    blob: str | None = None
    """The id that git gives to it."""

    def same(self, other: FileSum) -> bool:
        """Whether both are of one content; files of which no sum is known on both sides are not."""
        known = [
            (mine, theirs)
            for mine, theirs in ((self.sha256, other.sha256), (self.blob, other.blob))
            if mine is not None and theirs is not None
        ]
        return self.size == other.size and bool(known) and all(mine == theirs for mine, theirs in known)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Names of files, each in order."""

    send: list[str]
    delete: list[str]
    kept: list[str]
    """Is there, was put or changed by others, and stays."""
    in_the_way: list[str]
    """Was put or changed by others, and would be overwritten or read as part of the dataset."""


class _Listing(msgspec.Struct, frozen=True, kw_only=True):
    files: dict[str, FileSum]


def inventory(folder: Path) -> dict[str, Path]:
    """Files of a dataset folder by their names; what begins with a dot is none of the dataset."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: path
        for name, path in found.items()
        if name != LISTING and not any(part.startswith(".") for part in name.split("/"))
    }


def sum_of(path: Path) -> FileSum:
    """Read a file once for both of its sums."""
    with path.open("rb") as file:
        return _summed(iter(lambda: file.read(_BLOCK), b""), path.stat().st_size)


def sum_of_bytes(data: bytes) -> FileSum:
    """The sums of a content."""
    return _summed([data], len(data))


def _summed(blocks: Iterable[bytes], size: int) -> FileSum:
    sha256 = hashlib.sha256()
    blob = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for block in blocks:
        sha256.update(block)
        blob.update(block)
    return FileSum(size=size, sha256=sha256.hexdigest(), blob=blob.hexdigest())


def listing(files: Mapping[str, FileSum]) -> bytes:
    """The content of `longhop.json`."""
    said = msgspec.json.encode(_Listing(files=dict(sorted(files.items()))))
    return msgspec.json.format(said, indent=1) + b"\n"


def parse_listing(data: bytes) -> dict[str, FileSum] | None:
    """What `longhop.json` says; None for a file of that name that is none of ours."""
    try:
        return msgspec.json.decode(data, type=_Listing).files
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def compare(
    ours: Mapping[str, FileSum],
    there: Mapping[str, FileSum],
    listed: Mapping[str, FileSum] | None,
    *,
    overwrite: bool = False,
) -> Change:
    """What makes a repository hold the dataset.

    Args:
        ours: Files of the dataset.
        there: Files of the repository.
        listed: What the last push put there; None where there was none.
        overwrite: Send and delete also what stands in the way.
    """
    before = listed or {}
    send, delete, kept, in_the_way = [], [], [], []
    for name, mine in ours.items():
        theirs, last = there.get(name), before.get(name)
        if theirs is None:
            send.append(name)
        elif mine.same(theirs):
            continue
        elif last is not None and last.same(theirs):
            send.append(name)
        elif last is not None and last.same(mine) and not overwrite:
            kept.append(name)  # changed there and not here, as people do with a card
        else:
            in_the_way.append(name)
            send += [name] if overwrite else []
    for name, theirs in there.items():
        if name in ours or name in (LISTING, _MADE_BY_THE_HUB):
            continue
        last = before.get(name)
        if last is not None and last.same(theirs):
            delete.append(name)
        elif _is_read(name, ours):
            in_the_way.append(name)
            delete += [name] if overwrite else []
        else:
            kept.append(name)
            in_the_way += [name] if listed is None else []
    return Change(send=sorted(send), delete=sorted(delete), kept=sorted(kept), in_the_way=sorted(in_the_way))


def _is_read(name: str, ours: Iterable[str]) -> bool:
    """Whether a file lies where the card says that rows are: in a folder of ours below `data/`."""
    folder, slash, _ = name.rpartition("/")
    return name.startswith("data/") and any(mine.startswith(f"{folder}{slash}") for mine in ours)
