"""Which files of a folder of LaTeX are documents, and which are only parts of one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from longhop.sources.papers import DEPTH, included, strip_comments
from longhop.sources.text import BinaryError, decode, tidy

__all__ = ["LatexFiles", "resolve_include"]

_CLASS = re.compile(r"\\documentclass\b|\\documentstyle\b|\\begin\{document\}")


def resolve_include(name: str, folder: Path, root: Path) -> Path | None:
    """The file that `name` stands for in a document in `folder`; None where there is none within the source `root`."""
    for candidate in (folder / f"{name}.tex", folder / name):
        try:
            if candidate.is_file() and candidate.resolve().is_relative_to(root.resolve()):
                return candidate.resolve()
        except (OSError, ValueError, RuntimeError):  # a name that is no name of a file
            continue
    return None


class LatexFiles:
    """The LaTeX files of a source and what they include."""

    def __init__(self, files: Iterable[Path], root: Path) -> None:
        self.root = root
        self._whole: set[Path] = set()
        self._includes: dict[Path, list[str]] = {}
        for file in files:
            self._read(file.resolve())
        self._used: set[Path] = set()
        for file in self._whole:
            self._used.update(self.parts_of(file))

    def is_part(self, file: Path) -> bool:
        """Whether a document includes the file, which is none itself."""
        file = file.resolve()
        return file not in self._whole and file in self._used

    def parts_of(self, file: Path) -> list[Path]:
        """Files that a document includes, each once, as deep as they go."""
        main = file.resolve()
        found: dict[Path, None] = {}
        level = [main]
        for _ in range(DEPTH):
            level = [part for each in level for part in self._direct(each, main.parent) if part not in found]
            found.update(dict.fromkeys(level))
        found.pop(main, None)
        return list(found)

    def _direct(self, file: Path, folder: Path) -> list[Path]:
        parts = (resolve_include(name, folder, self.root) for name in self._read(file))
        return [part for part in parts if part is not None]

    def _read(self, file: Path) -> list[str]:
        if file not in self._includes:
            try:
                source = strip_comments(tidy(decode(file.read_bytes()), verbatim=True))
            except (OSError, BinaryError):
                source = ""
            if _CLASS.search(source):
                self._whole.add(file)
            self._includes[file] = included(source)
        return self._includes[file]
