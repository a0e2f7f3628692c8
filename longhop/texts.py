"""Documents by their ids, with their texts, of whose tables little more is read than they take.

    >>> documents = DocumentTexts(folder, fingerprint, {"0a4f…": 3, "77c1…": 12})
    >>> for plan in documents.ahead(plans):
    ...     [documents.read(piece.document_id).title for piece in plan.pieces]
    ['Of rope', 'The silting of Marrow Bay']

What several contexts need is fetched in one go, from object storage side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from longhop.batches import batches
from longhop.errors import StorageError
from longhop.pages import ABOUT, texts
from longhop.records import ContextPlan, DocumentText
from longhop.storage import RunFolder

__all__ = ["DocumentTexts"]

AHEAD_CHARS = 16 * 1024**2
"""Characters of the documents that are fetched in one go."""
KEPT_CHARS = 128 * 1024**2
"""Characters of documents that are kept, since books stand in several contexts of a part."""


class _Part(NamedTuple):
    """Where the texts of a part's documents lie."""

    about: pa.Table
    """As `longhop.pages.pages_of` gives it."""
    rows: dict[str, int]
    """Row of each document; of equal ones, which share their id, that of the first."""
    pages: npt.NDArray[np.int64]
    """Where the page of each row begins; they rise."""
    chars: npt.NDArray[np.int64]

    @classmethod
    def of(cls, about: pa.Table) -> Self:
        """The same, ready to be asked."""
        ids = about["document_id"].to_pylist()
        rows = {name: len(ids) - 1 - back for back, name in enumerate(reversed(ids))}
        pages, chars = (about[name].to_numpy().astype(np.int64) for name in ("page", "n_chars"))
        return cls(about, rows, pages, chars)

    def n_chars(self, document_id: str) -> int:
        """Characters of a document."""
        return int(self.chars[self.rows[document_id]])

    def page(self, document_id: str) -> tuple[int, int]:
        """First row of the page with a document's text, and the row behind its last."""
        own = self.pages[self.rows[document_id]]
        return int(np.searchsorted(self.pages, own)), int(np.searchsorted(self.pages, own, side="right"))


class DocumentTexts:
    """Reads documents of a run."""

    def __init__(self, folder: RunFolder, fingerprint: str, parts: Mapping[str, int]) -> None:
        """Nothing is read yet.

        Args:
            folder: The run's.
            fingerprint: Of its documents.
            parts: In which part each document lies.
        """
        self._folder, self._fingerprint, self._parts = folder, fingerprint, parts
        self._places: dict[int, _Part] = {}
        self._kept: dict[str, DocumentText] = {}
        self._chars = 0

    def ahead(self, plans: Iterable[ContextPlan]) -> Iterator[ContextPlan]:
        """The same plans, each given once its documents are there, for as many at once as memory is meant to hold.

        Raises:
            StorageError: A document is not where it should be, or its table is missing or damaged.
        """
        for batch in batches(plans, AHEAD_CHARS, self._chars_of):
            self._fetch(piece.document_id for plan in batch for piece in plan.pieces)
            yield from batch

    def read(self, document_id: str) -> DocumentText:
        """A document.

        Raises:
            StorageError: It is not where it should be, or its table is missing or damaged.
        """
        if document_id not in self._kept:
            self._fetch([document_id])
        return self._kept[document_id]

    def read_all(self, document_ids: Sequence[str]) -> list[DocumentText]:
        """Documents, fetched in one go.

        Raises:
            StorageError: One is not where it should be, or its table is missing or damaged.
        """
        self._fetch(document_ids)
        return [self._kept[document_id] for document_id in document_ids]

    def _chars_of(self, plan: ContextPlan) -> int:
        return sum(self._place(name).n_chars(name) for name in {piece.document_id for piece in plan.pieces})

    def _place(self, document_id: str) -> _Part:
        """Where the documents of a document's part lie."""
        part = self._parts[document_id]
        if part not in self._places:
            self._places[part] = _Part.of(self._folder.read_pages(self._fingerprint, part))
        place = self._places[part]
        if document_id not in place.rows:
            raise StorageError(
                f"{self._folder.url}: document {document_id} is not in part {part} of the documents, where the plan "
                "has it; its source changed before that part was made again. Restore the source and delete the part, "
                "or build into another folder"
            )
        return place

    def _fetch(self, document_ids: Iterable[str]) -> None:
        """Read what is missing, and forget what was wanted longest ago where that is too much."""
        wanted = dict.fromkeys(document_ids)
        missing = [name for name in wanted if name not in self._kept]
        for name in wanted:
            if name in self._kept:
                self._kept[name] = self._kept.pop(name)
        for document in self._read(missing) if missing else ():
            self._kept[document.document_id] = document
            self._chars += document.n_chars
        while self._chars > KEPT_CHARS and len(self._kept) > len(wanted):
            self._chars -= self._kept.pop(next(iter(self._kept))).n_chars

    def _read(self, names: Sequence[str]) -> Iterator[DocumentText]:
        pages: dict[tuple[int, int, int], list[str]] = {}
        for name in names:
            pages.setdefault((self._parts[name], *self._place(name).page(name)), []).append(name)
        behind = 0
        found = self._texts(list(pages))
        for (part, first, last), held in pages.items():
            place = self._places[part]
            for row in (place.rows[name] for name in held):
                text = found[behind + row - first]
                about = place.about.slice(row, 1).select(list(ABOUT)).to_pylist()[0]
                if len(text) != about["n_chars"]:
                    raise self._damaged(part, f"a text of {len(text)} characters is said to have {about['n_chars']}")
                yield DocumentText(text=text, **about)
            behind += last - first

    def _texts(self, pages: Sequence[tuple[int, int, int]]) -> list[str]:
        """All texts of pages, which are given by part, first row and the row behind the last."""
        ranges = []
        for part, first, _ in pages:
            begins = int(self._places[part].pages[first])
            size = self._places[part].about["page_bytes"][first].as_py()
            ranges.append((self._folder.part_name("documents", self._fingerprint, part), begins, begins + size))
        data = self._folder.read_ranges(ranges)
        try:
            return texts(data, sum(last - first for _, first, last in pages))
        except (pa.ArrowInvalid, OSError) as error:
            for own, (part, first, last) in zip(data, pages, strict=True):
                try:
                    texts([own], last - first)
                except (pa.ArrowInvalid, OSError) as reason:
                    raise self._damaged(part, str(reason)) from error
            raise

    def _damaged(self, part: int, said: str) -> StorageError:
        name = self._folder.part_name("documents", self._fingerprint, part)
        return StorageError(f"{self._folder.url_of(name)}: is damaged ({said}); delete it and build again")
