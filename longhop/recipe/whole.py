"""What concerns a recipe as a whole: lengths, names of engines, kinds, and paths, on plain values before validation.

    >>> parse_tokens("8k")
    8192
    >>> [str(problem) for problem in across({"contexts": {"lengths": {"8k": 4, 8192: 2}}})]
    ['contexts.lengths.8192: got the same length as 8k, expected every length once']

It looks at plain values, so that it is said beside what is wrong with single keys and not only once those are right.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from longhop.errors import Problem
from longhop.kinds import KINDS, LEXICAL_KINDS
from longhop.recipe.file import key_path, shortened

__all__ = ["AROUND_TOKENS", "ROLES", "TRACE_TOKENS", "absolute", "across", "parse_tokens", "same_key", "with_room"]

AROUND_TOKENS = 2048
"""What stands around a context and an answer, at most: prompt, question, and the chat markup of the model.

The prompts take some 170 tokens, a question up to a few hundred. Templates add 12 (Gemma 3) to 15 (Qwen3) for the three
messages of an example; those of some large models add a text of their own before the system's, of several hundred.
"""
TRACE_TOKENS = 16_384
"""`traces.max_tokens` where a recipe does not say it."""
EXAMPLE = "example"
"""As `contexts.room`: that whole examples are no longer than the lengths asked for."""

ROLES = (
    ("questions", "engine", "writer"),
    ("checks", "engine", "reader"),
    ("traces", "engine", "reader"),
    ("scoring", "judge", "judge"),
)
"""Where a recipe names an engine, and the name that stands there by default."""

_PATHS: tuple[tuple[str | None, ...], ...] = (
    ("tokenizer",),
    ("prompts",),
    ("sources", None, "path"),
    ("documents", "exclude", None),
    ("documents", "exclude", None, "path"),
    ("checks", "exclude", None),
    ("checks", "exclude", None, "path"),
    ("engines", None, "tokenizer"),
)
"""Where paths stand; None is any key of a mapping, any place of a list."""
_MOST_WEIGHT = 10**9  # far more than any share needs, and far from where a sum of weights is infinite
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
    return [*_engines(values), *_kinds(values), *_lengths(values), *_homes(values)]


def absolute(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """A copy in which all paths are absolute."""

    def is_path(tokenizer: str) -> bool:
        if tokenizer == "words":
            return False
        return tokenizer.endswith(".json") or tokenizer[0] in "./~" or os.path.exists(base / tokenizer)  # noqa: PTH110

    made = copy.deepcopy(values)
    for holder, key, path in _paths(made):
        if "://" not in path and (key[-1] != "tokenizer" or is_path(path)):
            # Links stay as they were written, and homes that nobody knows are `across`'s to tell.
            holder[key[-1]] = os.path.abspath(base / os.path.expanduser(path))  # noqa: PTH100, PTH111
    return made


def _engines(values: Mapping[str, Any]) -> Iterator[Problem]:
    engines = values.get("engines")
    if not isinstance(engines, dict) or not engines:
        return
    for part, key, default in ROLES:
        own = values.get(part, {})
        name = own.get(key, default) if isinstance(own, dict) else None
        if isinstance(name, str) and name not in map(str, engines):
            expected = f"one of the recipe's engines: {', '.join(map(str, engines))}"
            yield Problem(f"{part}.{key}", repr(name), expected)


def _kinds(values: Mapping[str, Any]) -> Iterator[Problem]:
    questions, engines = values.get("questions"), values.get("engines")
    kinds = questions.get("kinds") if isinstance(questions, dict) else None
    if not isinstance(questions, dict) or not isinstance(kinds, dict):
        return
    # Prompts of one's own may explain kinds of one's own.
    unknown = [] if values.get("prompts") else [kind for kind in kinds if isinstance(kind, str) and kind not in KINDS]
    for kind in unknown:
        yield Problem(key_path(("questions", "kinds", kind)), "an unknown kind", f"one of: {', '.join(KINDS)}")
    for kind, weight in kinds.items():
        if isinstance(weight, (int, float)) and weight > _MOST_WEIGHT:
            key = key_path(("questions", "kinds", str(kind)))
            yield Problem(key, shortened(weight), f"at most {_MOST_WEIGHT}")
    name = questions.get("engine", "writer")
    engine = engines.get(name) if isinstance(engines, dict) and isinstance(name, str) else None
    lexical = isinstance(engine, dict) and engine.get("kind") == "lexical"
    if lexical and kinds and not unknown and not set(kinds) & set(LEXICAL_KINDS):
        expected = f"at least one of {', '.join(LEXICAL_KINDS)}: the engine `{name}` is lexical and writes no others"
        yield Problem("questions.kinds", ", ".join(map(str, kinds)), expected)


def _lengths(values: Mapping[str, Any]) -> Iterator[Problem]:
    contexts = values.get("contexts")
    if not isinstance(contexts, dict) or not isinstance(contexts.get("lengths"), dict):
        return
    lengths: dict[int, object] = {}
    for key in contexts["lengths"]:
        try:
            tokens = parse_tokens(key)
        except ValueError:
            continue
        if tokens in lengths:
            given = f"the same length as {lengths[tokens]}"
            yield Problem(key_path(("contexts", "lengths", str(key))), given, "every length once")
        lengths[tokens] = key
    given = contexts.get("room", 0)
    try:
        room = _of_example(values) if given == EXAMPLE else parse_tokens(given)
    except ValueError:
        return
    if lengths and room >= min(lengths):
        said = f"{given}, which is {room:,} tokens here" if given == EXAMPLE else str(room)
        yield Problem("contexts.room", said, f"less than the smallest length, {min(lengths)}")


def with_room(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with the tokens that `contexts.room: example` stands for: what whole examples need beside contexts."""
    contexts = values.get("contexts")
    if not isinstance(contexts, dict) or contexts.get("room") != EXAMPLE:
        return values
    try:
        return {**values, "contexts": {**contexts, "room": _of_example(values)}}
    except ValueError:  # told of where it stands
        return {**values, "contexts": {**contexts, "room": 0}}


def _of_example(values: Mapping[str, Any]) -> int:
    """Tokens of the longest answer and of all that stands around it; an engine's own limit goes first."""
    traces, engines = (_mapping(values, key) for key in ("traces", "engines"))
    own = _mapping(_mapping(engines, traces.get("engine", "reader")), "sampling")
    longest = own.get("max_tokens") or own.get("max_completion_tokens") or traces.get("max_tokens", TRACE_TOKENS)
    return parse_tokens(longest) + AROUND_TOKENS


def _mapping(values: Mapping[str, Any], key: object) -> Mapping[Any, Any]:
    found = values.get(key) if isinstance(key, str) else None
    return found if isinstance(found, dict) else {}


def _homes(values: Mapping[str, Any]) -> Iterator[Problem]:
    for _, key, path in _paths(values):
        if path.startswith("~") and os.path.expanduser(path) == path:  # noqa: PTH111 - pathlib's raises
            expected = f"a home folder that this machine knows, or ./{path} where that is the name of a file or folder"
            yield Problem(key_path(key), shortened(path), expected)


def _paths(values: Mapping[str, Any]) -> Iterator[tuple[Any, tuple[str | int, ...], str]]:
    """Each text that is a path, or may be one: what holds it, its key, and itself."""
    for pattern in _PATHS:
        yield from _matches(values, pattern)


def _matches(
    holder: Any, pattern: tuple[str | None, ...], above: tuple[str | int, ...] = ()
) -> Iterator[tuple[Any, tuple[str | int, ...], str]]:
    inner = holder.items() if isinstance(holder, Mapping) else enumerate(holder) if isinstance(holder, list) else ()
    for name, own in inner:
        if pattern[0] not in (None, name):
            continue
        if pattern[1:]:
            yield from _matches(own, pattern[1:], (*above, name))
        elif isinstance(own, str) and own:
            yield holder, (*above, name), own
