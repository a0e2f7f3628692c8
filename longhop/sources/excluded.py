"""Texts that no document may overlap, as `documents.exclude` of a recipe names them.

    >>> list(read_excluded(["benchmarks/longbench.jsonl"]))
    ["Who wrote the ferry's log? …", …]

A recipe names them because a model that is trained on the dataset will be measured on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from longhop.errors import SourceError
from longhop.sources.text import BinaryError, decode, tidy

__all__ = ["read_excluded"]


def read_excluded(paths: Sequence[str]) -> Iterator[str]:
    """Text of each file, or each string of each row of a JSON Lines file.

    Raises:
        SourceError: A file is missing or cannot be read.
    """
    for given in paths:
        path = Path(given).expanduser()
        try:
            text = tidy(decode(path.read_bytes()))
            if path.suffix.lower() not in {".jsonl", ".ndjson"}:
                yield text
                continue
            for line in text.split("\n"):
                if line.strip():
                    yield from _strings(msgspec.json.decode(line))
        except FileNotFoundError as error:
            raise SourceError(f"documents.exclude {given}: no such file. Correct the recipe.") from error
        except (OSError, BinaryError, msgspec.DecodeError) as error:
            raise SourceError(f"documents.exclude {given}: not readable as text or JSON Lines ({error}).") from error


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
