"""Which columns of a table mean what, and a row as a document.

>>> columns = Columns.of(item, ["body", "author", "when"])        # item.text == "body", item.year == "when"
>>> columns.document(item, "a.jsonl#0", {"body": "Rain.", "author": "Lee", "when": "1905-03-01"}, None).year
1905
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources.items import SourceItem, rejected
from longhop.sources.text import one_line, tidy

__all__ = ["Columns", "missing_columns", "wanted_columns"]

_MOST_NAMES = 30  # of columns in a message; rows of JSON may each have names of their own
_YEAR = re.compile(r"(?<!\d)(1[0-9]{3}|20[0-9]{2}|[1-9][0-9]{2}(?=\s*$))(?!\d)")


def wanted_columns(given: Source | SourceItem) -> list[str]:
    """The columns that a recipe names, each once; a table without one of them is not what was meant."""
    named = (given.text, given.title, given.author, given.year, given.language, given.license_column)
    return list(dict.fromkeys(name for name in named if name is not None))


def missing_columns(where: str, missing: list[str], columns: list[str]) -> str:
    """The message for columns that a recipe names and a table does not have."""
    names = ", ".join(f"`{name}`" for name in columns[:_MOST_NAMES]) or "none"
    more = f" and {len(columns) - _MOST_NAMES} more" if len(columns) > _MOST_NAMES else ""
    return (
        f"{where}: no column {', '.join(f'`{name}`' for name in missing)}. It has: {names}{more}. "
        f"Name the columns of text and title with `text:` and `title:` in the recipe's source."
    )


class Columns(NamedTuple):
    """The column of each thing, or None."""

    text: str
    title: str | None
    author: str | None
    year: str | None
    language: str | None
    license: str | None

    @classmethod
    def of(cls, item: SourceItem, present: Collection[str] | None) -> Columns:
        """Those that the recipe names, else those that bear the very name, where they are `present` (None: unknown)."""

        def chosen(named: str | None, usual: str) -> str | None:
            return named or (usual if present is None or usual in present else None)

        # A licence that the recipe gives for the whole source is its author's word.
        own = item.license_column or (None if item.license else chosen(None, "license"))
        return cls(
            item.text,
            chosen(item.title, "title"),
            chosen(item.author, "author"),
            chosen(item.year, "year"),
            chosen(item.language, "language"),
            own,
        )

    @property
    def names(self) -> list[str]:
        """What is read of a table, each once."""
        return list(dict.fromkeys(name for name in self if name is not None))

    def document(
        self, item: SourceItem, name: str, row: Mapping[str, Any], origin: str | None
    ) -> RawDocument | Rejection:
        """A row as a document, or why it is none; `name` is that of the row."""
        text = row.get(self.text)
        if not isinstance(text, str):
            found = "nothing" if text is None else type(text).__name__
            has = ", ".join(map(repr, list(row)[:_MOST_NAMES]))
            remedy = "" if text is None else "; name a column of texts with `text:`"
            return rejected(name, "no_text", f"column `{self.text}` holds {found}; the row has {has}{remedy}")
        text = tidy(text, verbatim=item.kind == "code")
        if not text:
            return rejected(name, "empty", f"column `{self.text}` holds no text")
        return RawDocument(
            kind=item.kind,
            title=_line(row, self.title) or name.rpartition("/")[2],
            author=_line(row, self.author),
            source=name,
            license=_line(row, self.license) or item.license,
            year=_year(row.get(self.year)) if self.year else None,
            language=_line(row, self.language),
            origin=origin,
            text=text,
        )


def _line(row: Mapping[str, Any], column: str | None) -> str | None:
    value = row.get(column) if column is not None else None
    if isinstance(value, list):
        value = ", ".join(str(each) for each in value[:20] if isinstance(each, str | int))
    return one_line(str(value)) or None if isinstance(value, str | int | float) else None


def _year(value: Any) -> int | None:
    if isinstance(value, dt.date):
        return value.year
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value) if 0 < value < 3000 else None
    found = _YEAR.search(value) if isinstance(value, str) else None
    return int(found[1]) if found else None
