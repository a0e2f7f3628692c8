"""What a dataset says of a recipe: all of it, but nothing of the machine that it ran on.

    >>> [without_place(word) for word in ("/models/qwen", "--chat-template=/etc/chat.jinja", "org/model")]
    ['qwen', '--chat-template=chat.jinja', 'org/model']

A recipe is resolved with absolute paths; whoever downloads the dataset has other ones. Of each the last part stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["portable", "without_place"]

_PLACE = re.compile(r"(^|=)(?:/|[A-Za-z]:[\\/]).*?([^/\\]*)[/\\]*$", re.DOTALL)


def without_place(text: str) -> str:
    """A path, or an argument `--name=PATH`, without the folders that it lies in; all else stays as it is."""
    return _PLACE.sub(r"\1\2", text)


def portable(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved recipe without the paths of this machine.

    Args:
        recipe: The result of `Recipe.resolved`; `Recipe.parse` takes what comes back, too.
    """
    documents, checks = recipe["documents"], recipe["checks"]
    return {
        **recipe,
        "sources": [_source(source) for source in recipe["sources"]],
        "documents": {**documents, "exclude": list(map(_excluded, documents["exclude"]))},
        "checks": {**checks, "exclude": list(map(_excluded, checks["exclude"]))},
        "tokenizer": without_place(recipe["tokenizer"]),
        "prompts": "prompts" if recipe["prompts"] else None,
        "engines": {role: _engine(engine) for role, engine in recipe["engines"].items()},
    }


def _excluded(entry: str | Mapping[str, Any]) -> str | dict[str, Any]:
    return without_place(entry) if isinstance(entry, str) else {**entry, "path": without_place(entry["path"])}


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: value for key, value in source.items() if value is not None}
    return {**said, "path": without_place(said["path"])} if "path" in said else said


def _engine(engine: Mapping[str, Any]) -> dict[str, Any]:
    names = {key: without_place(engine[key]) for key in ("model", "tokenizer") if engine[key] is not None}
    lists = {key: [without_place(word) for word in engine[key]] for key in ("args", "command")}
    return {**engine, **names, **lists}
