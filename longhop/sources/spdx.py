r"""The licence of a repository, as its files state it, by its SPDX identifier.

    >>> license_of([("LICENSE", "Permission is hereby granted, free of charge, to any person obtaining a copy")])
    'MIT'

Only what is stated plainly is told: an identifier in the project's own file, or a licence's text with its own words.
Two licences that differ, or one that is not known, give None; whoever needs to know should look, not guess.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from typing import Any

__all__ = ["is_license_file", "license_of", "stated_in"]

HEAD = 4_000
"""Characters of a licence's text, and of a file's head, that are looked at."""
_FILE = re.compile(r"(?:licen[cs]e|copying|unlicense)(?:[-_.].*)?", re.IGNORECASE)
_PROJECT = ("pyproject.toml", "package.json", "Cargo.toml", "PKG-INFO", "METADATA")
_HEADER = re.compile(r"^(License-Expression|License):[ \t]*(\S.*)$", re.MULTILINE)
_IDENTIFIER = re.compile(
    r"SPDX-License-Identifier:[ \t]*([A-Za-z0-9.+-]+(?:[ \t]+(?:AND|OR|WITH)[ \t]+[A-Za-z0-9.+-]+)*)"
)
_SPDX = re.compile(r"\(?[A-Za-z][A-Za-z0-9]*(?:[-.+][A-Za-z0-9.+-]*)?(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*\)?")
_KNOWN = frozenset(
    "MIT Apache-2.0 BSD-2-Clause BSD-3-Clause ISC MPL-2.0 Unlicense CC0-1.0 0BSD Zlib BSL-1.0 PSF-2.0 GPL-2.0-only "
    "GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later "
    "AGPL-3.0-only AGPL-3.0-or-later CC-BY-4.0 CC-BY-SA-4.0 EPL-2.0 EUPL-1.2 WTFPL Artistic-2.0".split()
)
_SAID = {name.lower(): name for name in _KNOWN} | {
    "mit license": "MIT",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "mpl 2.0": "MPL-2.0",
}
_TEXTS = (  # the first that fits; a text that contains another's words stands before it
    ("AGPL-3.0", r"gnu affero general public license\s+version 3"),
    ("LGPL-3.0", r"gnu lesser general public license\s+version 3"),
    ("LGPL-2.1", r"gnu lesser general public license\s+version 2\.1"),
    ("GPL-3.0", r"gnu general public license\s+version 3"),
    ("GPL-2.0", r"gnu general public license\s+version 2"),
    ("Apache-2.0", r"apache license\s+version 2\.0"),
    ("MPL-2.0", r"mozilla public license,? version 2\.0"),
    ("CC0-1.0", r"cc0 1\.0 universal"),
    ("CC-BY-SA-4.0", r"(?:attribution-sharealike|by-sa) 4\.0 international"),
    ("CC-BY-4.0", r"(?:attribution|by) 4\.0 international"),
    ("Unlicense", r"this is free and unencumbered software released into the public domain"),
    ("BSL-1.0", r"boost software license - version 1\.0"),
    ("PSF-2.0", r"python software foundation license version 2"),
    ("MIT", r"permission is hereby granted, free of charge, to any person obtaining a copy"),
    (
        "ISC",
        r"permission to use, copy, modify, and(?:/or)? distribute this software for any purpose with or without fee",
    ),
    ("BSD-3-Clause", r"redistribution and use in source and binary forms.*?(?:neither the name|the names? of)"),
    ("BSD-2-Clause", r"redistribution and use in source and binary forms"),
)


def is_license_file(name: str) -> bool:
    """Whether a path within a repository may say its licence: at its top, a licence or the project's own file."""
    return "/" not in name and (name in _PROJECT or _FILE.fullmatch(name) is not None)


def stated_in(text: str) -> str | None:
    """What the head of a file of code says of itself by `SPDX-License-Identifier`."""
    found = _IDENTIFIER.search(text[:HEAD])
    return found[1] if found else None


def license_of(files: Iterable[tuple[str, str]]) -> str | None:
    """The licence of a repository, out of its files (path and text) for which `is_license_file` holds."""
    given = sorted(files)
    projects = {said for name, text in given if (said := _of_project(name, text))}
    if len(projects) == 1:
        return projects.pop()
    texts = {_of_text(text) for name, text in given if _FILE.fullmatch(name) and text.strip()}
    return texts.pop() if len(texts) == 1 else None


def _of_text(text: str) -> str | None:
    if said := stated_in(text):
        return said
    words = " ".join(text[:HEAD].lower().split())
    return next((name for name, pattern in _TEXTS if re.search(pattern, words)), None)


def _of_project(name: str, text: str) -> str | None:
    try:
        if name == "package.json":
            data = json.loads(text)
            said = data.get("license") if isinstance(data, dict) else None
        elif name in ("pyproject.toml", "Cargo.toml"):
            said = _license_key(tomllib.loads(text), "project" if name == "pyproject.toml" else "package")
        elif name in ("PKG-INFO", "METADATA"):  # of Python's archives, whose head ends at the first empty line
            headers = dict(reversed(_HEADER.findall(text.partition("\n\n")[0])))
            said = headers.get("License-Expression") or headers.get("License")
        else:
            return None
    except (ValueError, RecursionError):
        return None
    if isinstance(said, dict):
        said = said.get("text") or said.get("type")
    if not isinstance(said, str) or len(said) > 100:
        return None
    said = said.strip()
    if found := _SAID.get(said.lower()):
        return found
    parts = re.split(r" (?:AND|OR|WITH) ", said.strip("()"))
    return said if len(parts) > 1 and _SPDX.fullmatch(said) and parts[0] in _KNOWN else None


def _license_key(data: dict[str, Any], table: str) -> Any:
    inner = data.get(table)
    return inner.get("license") if isinstance(inner, dict) else None
