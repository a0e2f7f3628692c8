"""Sources: where documents come from, listed first and read later.

    >>> for item in list_source(Source(kind="book", path="data/sample/books")):
    ...     for document in read_item(item):
    ...         print(document.title, len(document.text))

`list_source` says what there is (items with content hashes, for `run.json`) and what is left out; `read_item` reads one
item, on any worker and at any later time. A file that has changed since it was listed is not read: the run stands for
what was listed.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import Rejection
from longhop.sources.hub import list_hub
from longhop.sources.items import SourceItem, name_of, rejected
from longhop.sources.listing import list_code, list_file, list_folder
from longhop.sources.reading import read_item
from longhop.sources.remote import is_remote, list_remote

__all__ = ["SourceItem", "list_source", "read_item"]


def list_source(source: Source) -> Iterator[SourceItem | Rejection]:
    """What a source holds, in the order of names; what it holds and longhop does not read comes as rejections.

    Raises:
        SourceError: The source is missing, unreadable, or holds no document; a table lacks the column that was named.
    """
    if source.dataset is not None:
        yield from list_hub(source)
        return
    assert source.path is not None
    found = 0
    said: Rejection | None = None
    entries = list_remote(source) if is_remote(source.path) else _list_paths(source.path, source)
    for entry in entries:
        if isinstance(entry, SourceItem):
            found += 1
        else:
            said = said or entry
        yield entry
    if not found:
        texts = "texts (.txt, .md, .tex, .epub, .html, .pdf) or tables (.jsonl, .parquet)"
        what = "source files" if source.kind == "code" else texts
        first = f" ({said.item_id}: {said.reason}, {said.detail})" if said is not None else ""
        raise SourceError(f"source {source.path}: no readable document{first}. Put {what} there, or name another path.")


def _list_paths(given: str, source: Source) -> Iterator[SourceItem | Rejection]:
    paths = _paths(given)
    for path in paths:
        if len(paths) == 1:
            yield from _list_path(path, source)
            continue
        try:
            yield from list(_list_path(path, source))
        except SourceError as error:  # one of many that is damaged, or of another kind, stops no other
            said = str(error).removeprefix(f"source {path.resolve()}: ")
            yield rejected(name_of(path, path), "unreadable", said)


def _paths(given: str) -> list[Path]:
    path = Path(given).expanduser()
    if path.exists():
        return [path]
    if glob.has_magic(given):
        paths = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
        if paths:
            return paths
        raise SourceError(f"source {given}: nothing matches this pattern. Correct `path` in the recipe.")
    raise SourceError(f"source {given}: no such file or folder. Correct `path` in the recipe.")


def _list_path(path: Path, source: Source) -> Iterator[SourceItem | Rejection]:
    path = path.resolve()
    if path.is_dir():
        return list_code(path, source) if source.kind == "code" else list_folder(path, source)
    return list_file(path, source)
