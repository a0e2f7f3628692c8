"""What concerns a recipe as a whole: lengths, names of engines, and paths, on plain values before they are validated.

    >>> parse_tokens("8k")
    8192
    >>> [str(problem) for problem in across({"contexts": {"lengths": {"8k": 4, 8192: 2}}})]
    ['contexts.lengths.8192: got the same length as 8k, expected every length once']

It looks at plain values, so that it is said beside what is wrong with single keys and not only once those are right.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from longhop.errors import Problem
from longhop.recipe_file import key_path

__all__ = ["ROLES", "absolute", "across", "parse_tokens", "same_key"]

ROLES = (
    ("questions", "engine", "writer"),
    ("checks", "engine", "reader"),
    ("traces", "engine", "reader"),
    ("scoring", "judge", "judge"),
)
"""Where a recipe names an engine, and the name that stands there by default."""

_NUMBER = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([km])?", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "k": 1024, "m": 1024**2}


def parse_tokens(value: object) -> int:
    """A number of tokens: `8k` is 8192, `1m` is 1048576, `400_000` is 400000.

    Raises:
        ValueError: For anything else, also for what is no whole number of tokens.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _NUMBER.fullmatch(value.strip().replace("_", "")) if isinstance(value, str) else None
    size = Fraction(match[1]) * _UNITS[(match[2] or "").lower()] if match else Fraction(1, 2)
    if size.denominator != 1:
        raise ValueError("a number of tokens such as 8192, 8k or 1m")
    return int(size)


def same_key(path: tuple[str | int, ...], given: str, key: object) -> bool:
    """Lengths are the same key in every way of writing them."""
    if path == ("contexts", "lengths"):
        try:
            return parse_tokens(given) == parse_tokens(key)
        except ValueError:
            pass
    return given == str(key)


def across(values: Mapping[str, Any]) -> list[Problem]:
    """What is wrong between parts; here and not in the models, so that it is said beside what is wrong in the parts."""
    problems: list[Problem] = []
    contexts, engines = values.get("contexts"), values.get("engines")
    if isinstance(engines, dict) and engines:
        for part, key, default in ROLES:
            own = values.get(part, {})
            name = own.get(key, default) if isinstance(own, dict) else None
            if isinstance(name, str) and name not in map(str, engines):
                expected = f"one of the recipe's engines: {', '.join(map(str, engines))}"
                problems.append(Problem(f"{part}.{key}", repr(name), expected))
    if isinstance(contexts, dict) and isinstance(contexts.get("lengths"), dict):
        lengths: dict[int, object] = {}
        for key in contexts["lengths"]:
            try:
                tokens = parse_tokens(key)
            except ValueError:
                continue
            if tokens in lengths:
                given = f"the same length as {lengths[tokens]}"
                problems.append(Problem(key_path(("contexts", "lengths", str(key))), given, "every length once"))
            lengths[tokens] = key
        try:
            room = parse_tokens(contexts.get("room", 0))
        except ValueError:
            return problems
        if lengths and room >= min(lengths):
            problems.append(Problem("contexts.room", str(room), f"less than the smallest length, {min(lengths)}"))
    return problems


def absolute(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """A copy in which all paths are absolute."""

    def whole(path: object) -> object:
        if not isinstance(path, str) or not path or "://" in path:
            return path
        return os.path.abspath(base / Path(path).expanduser())  # noqa: PTH100 - links stay as they were written

    def tokenizer(spec: object) -> object:
        if not isinstance(spec, str) or spec in {"", "words"}:
            return spec
        is_path = spec.endswith(".json") or spec[0] in "./~" or (base / spec).exists()
        return whole(spec) if is_path else spec

    made = dict(values)
    made["tokenizer"] = tokenizer(made.get("tokenizer", "words"))
    if "prompts" in made:
        made["prompts"] = whole(made["prompts"])
    if isinstance(made.get("sources"), list):
        made["sources"] = [
            own | {"path": whole(own["path"])} if isinstance(own, dict) and "path" in own else own
            for own in made["sources"]
        ]
    documents = made.get("documents")
    if isinstance(documents, dict) and isinstance(documents.get("exclude"), list):
        made["documents"] = documents | {"exclude": [whole(own) for own in documents["exclude"]]}
    if isinstance(made.get("engines"), dict):
        made["engines"] = {
            name: own | {"tokenizer": tokenizer(own["tokenizer"])}
            if isinstance(own, dict) and "tokenizer" in own
            else own
            for name, own in made["engines"].items()
        }
    return made
