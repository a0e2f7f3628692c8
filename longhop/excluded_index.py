"""The texts of `documents.exclude` as runs of words that can be looked up, made once and then mapped from a file.

    >>> excluded_text(recipe.documents).overlap(text)

Each part of the documents stage is built in a process of its own. A benchmark of hundreds of megabytes is read by the
first of them and kept in the user's cache folder, which `LONGHOP_CACHE` moves; the others share the pages in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from longhop.cleaning import overlap
from longhop.cleaning.overlap import ExcludedText, Index
from longhop.folders import cache_folder
from longhop.recipe import DocumentsConfig
from longhop.sources.excluded import read_excluded, stamps

__all__ = ["excluded_text"]

MANY = 100_000
"""Runs below which reading the files anew is as fast."""
KEPT = 8
"""Indexes that are kept, the ones used last."""


def excluded_text(config: DocumentsConfig) -> ExcludedText:
    """What no document may overlap, as the recipe says.

    Raises:
        SourceError: A file is missing, empty or damaged, or lacks a column.
    """
    entries = [entry if isinstance(entry, str) else entry.model_dump() for entry in config.exclude]
    sampled = config.exclude_share > 0
    said = json.dumps([overlap.VERSION, entries, sampled, stamps(config.exclude)])
    place = cache_folder() / "excluded" / hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    with contextlib.suppress(OSError, ValueError, EOFError):  # not kept, or damaged: it is made anew
        files = json.loads((place / "files.json").read_bytes())
        arrays = (np.load(place / f"{name}.npy", mmap_mode="r") for name in Index._fields[1:])
        index = Index(files, *arrays)
        os.utime(place)
        return ExcludedText.of(index, config.exclude_share)
    made = ExcludedText(read_excluded(config.exclude), config.exclude_share)
    if len(made.index.hashes) >= MANY:
        with contextlib.suppress(OSError):  # without room it is made by each process
            _keep(made.index, place)
    return made


def _keep(index: Index, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".") as folder:
        kept = Path(folder) / "index"
        kept.mkdir()
        for name in Index._fields[1:]:
            np.save(kept / f"{name}.npy", getattr(index, name))
        (kept / "files.json").write_text(json.dumps(index.files))
        kept.replace(place)
    others = sorted((other for other in place.parent.iterdir() if other.name[0] != "."), key=_used, reverse=True)
    for other in others[KEPT:]:
        shutil.rmtree(other, ignore_errors=True)


def _used(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except OSError:  # another process has just removed it
        return 0.0
