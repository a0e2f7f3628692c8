"""What a source lists: items, each one or more documents, with a hash of their content.

    >>> item = SourceItem(kind="book", format="text", path="books/rope.md", location="/data/books/rope.md",
    ...                   sha="9f86d081884c7d65", size=4)
    >>> path_of(item.location).name
    'rope.md'

A listing is JSON in a run's `run.json`; names of files that are no valid UTF-8 go through it unharmed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from longhop.recipe import Source
from longhop.records import Record, Rejection

__all__ = ["SourceItem", "changed", "described", "location_of", "name_of", "path_of", "rejected", "vanished"]

_QUOTED = "file:"


class SourceItem(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a source holds, before it is read.

    A listing has many of them: what is as by default is not written.
    """

    kind: str
    format: str
    """How it is read: `text`, `markdown`, `latex`, …, `code`, `jsonl`, `parquet` or `hub`; of repositories
    `repository` (all files of a folder), `worktree` (those that git tracks) or `commit`; `blob`: a file of a commit."""
    path: str
    """Name relative to its source, beginning with the source's own name; for people and for `Document.source`."""
    location: str
    """Absolute path (of the archive or git repository that it lies in), address on object storage, or id of a Hub
    dataset; see `path_of`."""
    root: str = ""
    """Folder of the source, which nothing that is read may leave."""
    sha: str
    """Hash of the content; of an object its ETag, of a Hub dataset its commit."""
    size: int
    """Bytes."""
    license: str | None = None
    text: str = "text"
    """Column of the text, in tables."""
    title: str | None = None
    """Column of the title, in tables; null: `title`, where there is such a column. So are the next ones."""
    author: str | None = None
    year: str | None = None
    language: str | None = None
    license_column: str | None = None
    rows: int | None = None
    """At most so many rows are read."""
    references: str = "keep"
    """Whether lists of references are kept (`keep`) or left out (`drop`)."""
    config: str | None = None
    revision: str | None = None
    split: str | None = None
    member: str | None = None
    """Path within an archive or a commit."""
    commit: str | None = None
    """Commit that it was listed at, in a git repository. Another commit with the same content is the same item."""

    @property
    def is_table(self) -> bool:
        """Whether it may be many documents, a row each."""
        return self.format in {"jsonl", "parquet", "hub"}


def described(source: Source) -> dict[str, Any]:
    """What a recipe says of a source that holds for each of its items."""
    return {
        name: getattr(source, name)
        for name in ("kind", "license", "text", "title", "author", "year", "language", "license_column", "rows")
    }


def location_of(path: Path) -> str:
    """A path as text that is valid Unicode, whatever the bytes of its name are."""
    text = str(path)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _QUOTED + quote(os.fsencode(text))
    return text


def path_of(location: str) -> Path:
    """The path that `location_of` was given."""
    if location.startswith(_QUOTED):
        return Path(os.fsdecode(unquote_to_bytes(location.removeprefix(_QUOTED))))
    return Path(location)


def name_of(path: Path, root: Path) -> str:
    """Name of `path` for people: below the source `root` and beginning with its name, with `/`, as valid Unicode."""
    relative = path.relative_to(root.parent) if path != root else Path(root.name)
    return os.fsencode(relative.as_posix()).decode("utf-8", "backslashreplace")


def changed(name: str, what: str = "the content") -> Rejection:
    """What is there is not what was listed."""
    return rejected(name, "changed", f"{what} is not what was listed; list anew with --refresh")


def vanished(name: str, what: str = "the file") -> Rejection:
    """What was listed is not there."""
    return rejected(name, "vanished", f"{what} was there when it was listed; list anew with --refresh")


def rejected(item_id: str, reason: str, detail: str) -> Rejection:
    """A rejection of the stage `documents`."""
    return Rejection(stage="documents", item_id=item_id, reason=reason, detail=detail)
