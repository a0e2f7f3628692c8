"""The frozen listing of a run: what its documents are read from, in parts that one task reads.

    >>> name = manifest.listing[0]
    >>> name
    '3f0c86b1a4de9275'
    >>> [item.path for item in read_part(folder, name).items]
    ['books/rope.md', 'books/tides.md']

A part lies in `listing/NAME.json` and is called by the hash of its content: what run.json names is what it named when
it was begun. Listed anew, a part whose items lie elsewhere now is another file beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from longhop.errors import StorageError
from longhop.fingerprints import STAGES
from longhop.recipe import Recipe
from longhop.records import Rejection
from longhop.sources import SourceItem, list_source
from longhop.storage import RunFolder

__all__ = ["ListingPart", "listed_anew", "read_part", "start_again"]

_PART_BYTES = 32 * 1024**2
_PART_ITEMS = 200
_NO_LABELS: dict[str, Any] = {
    "kind": "",
    "license": None,
    "title": None,
    "author": None,
    "year": None,
    "language": None,
    "license_column": None,
}
"""What a recipe says of a source's items, which changes no text."""


class ListingPart(msgspec.Struct, frozen=True, kw_only=True):
    """What one part of the documents is read from, and what was left out while listing."""

    items: list[SourceItem]
    left_out: list[Rejection]


def read_part(folder: RunFolder, name: str) -> ListingPart:
    """A part of the listing.

    Raises:
        StorageError: It is missing or damaged.
    """
    data = folder.read_bytes(_file(name))
    if data is None or _hash(data) != name:
        how = "is missing" if data is None else "is damaged"
        raise StorageError(f"{folder.url_of(_file(name))}: {how}; restore it from a copy, or {start_again()}")
    return msgspec.json.decode(data, type=ListingPart)


def start_again() -> str:
    """What to do where what a run is of is lost."""
    stages = ", ".join(f"{stage}/" for stage in STAGES if stage != "dataset")
    return f"delete {stages} and run.json, and build again: completions are kept elsewhere, none is asked for again"


def _file(name: str) -> str:
    return f"listing/{name}.json"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _encoded(part: ListingPart) -> tuple[str, bytes]:
    data = msgspec.json.encode(part)
    return _hash(data), data


def _identity(item: SourceItem) -> SourceItem:
    """An item without the place where it lies, and without its labels: neither makes another document of it."""
    return msgspec.structs.replace(item, location="", root="", commit=None, **_NO_LABELS)


def _placed(item: SourceItem, present: dict[SourceItem, SourceItem]) -> SourceItem:
    """An item that is listed, where it lies now."""
    now = present.get(_identity(item), item)
    return msgspec.structs.replace(item, location=now.location, root=now.root, commit=now.commit)


def listed_anew(folder: RunFolder, recipe: Recipe, before: Sequence[str]) -> tuple[list[str], list[str]]:
    """List the sources, write what is new, and give the names of all parts, and what there is to say.

    Parts that were listed before stay, with the places where their items lie now; parts of new items come behind.

    Raises:
        SourceError: A source cannot be listed.
        StorageError: A part that was listed is missing or damaged, or the folder is not writable.
    """
    notes: list[str] = []
    listing = [read_part(folder, name) for name in before]
    entries = [entry for source in recipe.sources for entry in list_source(source)]
    present = {_identity(entry): entry for entry in reversed(entries) if isinstance(entry, SourceItem)}
    known = {_identity(item) for part in listing for item in part.items}
    said = {rejection for part in listing for rejection in part.left_out}
    kept = [msgspec.structs.replace(part, items=[_placed(item, present) for item in part.items]) for part in listing]
    added = list(_parts_of(entries, known, said))
    if listing:
        names, listed = {item.path for item in known}, {item.path for item in present}
        new = [item for part in added for item in part.items]
        changed = sum(item.path in names for item in new)
        vanished = sum(item.path not in listed for item in known)
        notes.append(
            f"sources listed anew: {len(new) - changed} new, {changed} changed (taken as new documents), "
            f"{vanished} vanished (they stay in the run)"
        )
        labels = _labels_that_differ(listing, present)
        if labels:
            notes.append(
                f"{' and '.join(labels)} of some sources differ from what this run was begun with, and stay as they "
                "were: documents and contexts have them already. Build into another folder to change them"
            )
    made = [_encoded(part) for part in [*kept, *added]]
    for name, data in made:
        if name not in before:
            folder.write_bytes(_file(name), data)
    return [name for name, _ in made], notes


def _labels_that_differ(listing: list[ListingPart], present: dict[SourceItem, SourceItem]) -> list[str]:
    pairs = [(item, present.get(_identity(item), item)) for part in listing for item in part.items]
    return [label for label in _NO_LABELS if any(getattr(old, label) != getattr(new, label) for old, new in pairs)]


def _parts_of(
    entries: list[SourceItem | Rejection], known: set[SourceItem], said: set[Rejection]
) -> Iterator[ListingPart]:
    """Items that are not known yet, in parts that one task reads in reasonable time."""
    taken = set(known)
    items: list[SourceItem] = []
    left_out: list[Rejection] = []
    size = 0
    for entry in entries:
        if isinstance(entry, Rejection):
            if entry not in said:
                left_out.append(entry)
            continue
        identity = _identity(entry)
        if identity in taken:
            continue
        taken.add(identity)
        if items and (len(items) >= _PART_ITEMS or size + entry.size > _PART_BYTES):
            yield ListingPart(items=items, left_out=left_out)
            items, left_out, size = [], [], 0
        items.append(entry)
        size += entry.size
    if items or left_out:
        yield ListingPart(items=items, left_out=left_out)
