"""Texts that no document or question may overlap, as `documents.exclude` and `checks.exclude` of a recipe name them.

    >>> list(read_excluded(["benchmarks/longbench.jsonl"]))
    ["Who wrote the ferry's log? …", …]

A recipe names them because a model that is trained on the dataset will be measured on them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from longhop.errors import SourceError
from longhop.sources.text import BinaryError, decode, tidy

__all__ = ["read_excluded"]


def read_excluded(paths: Sequence[str], key: str = "documents.exclude") -> Iterator[str]:
    """Text of each file, or each string of each row of a JSON Lines file.

    A damaged row is an error, not passed over: it would count as a text that nothing overlaps.

    Args:
        paths: The files.
        key: Where the recipe names them, for messages.

    Raises:
        SourceError: A file is missing, or it or one of its rows cannot be read.
    """
    for given in paths:
        where = f"{key} {given}"
        path = Path(os.path.expanduser(given))  # noqa: PTH111 - pathlib's raises for a user whom nobody knows
        try:
            text = decode(path.read_bytes())
        except FileNotFoundError as error:
            raise SourceError(f"{where}: no such file. Correct the recipe.") from error
        except (OSError, BinaryError) as error:
            raise SourceError(f"{where}: not readable as text ({error}). Give plain text or JSON Lines.") from error
        if path.suffix.lower() not in {".jsonl", ".ndjson"}:
            yield tidy(text)
            continue
        # By line ends alone: a string of JSON may hold any other character that `tidy` ends a line at.
        for number, line in enumerate(re.split(r"\r\n?|\n", text), 1):
            if line.strip():
                try:
                    strings = list(_strings(msgspec.json.decode(line)))
                except (msgspec.DecodeError, RecursionError) as error:
                    wrong = "nested too deep to be read" if isinstance(error, RecursionError) else f"no JSON ({error})"
                    raise SourceError(
                        f"{where}: line {number} is {wrong}. Correct the line, or take it out."
                    ) from error
                yield from map(tidy, strings)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
