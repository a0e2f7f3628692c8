"""What pydantic finds wrong with a recipe, in plain words.

    >>> str(problems_of(error, Recipe)[0])
    'traces.sampels: got an unknown key, expected `samples` perhaps, or another of: …'

Neither the value of an unknown key nor what stands where the name of an environment variable belongs is shown, nor an
address with a user or a query: people put keys and tokens there by mistake.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from longhop.errors import Problem
from longhop.recipe.file import key_path, shortened

__all__ = ["problems_of"]

_EXPECTED = {
    "missing": "a value, since this key is required",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "invalid_key": "keys that are text",
    "literal_error": "{expected}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "string_too_short": "text that is not empty",
    "string_pattern_mismatch": "text of the form {pattern}",
}
_FORMS = {
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": "letters, digits, `.`, `_` and `-`, a letter or digit first",
    r"^https?://[^\s/@?#]+(?:/[^\s?#]*)?$": "an address such as http://host:8000/v1, with no key or user in it",
    r"^[a-z]{2,3}$": "a code of two or three small letters, such as en or de",
    r"^[\w.-]+/[\w.-]+$": "a repository of the Hub such as owner/name",
}
_NO_KEYS = {"[key]", "[path]", "[mapping]"}
"""Parts of pydantic's paths that say which of several forms was looked at."""
_SECRET = {"key_env", "headers_env"}


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """One problem for each of pydantic's errors on values that `model` was to validate, in the order of the keys."""
    return [_problem(detail, model) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    loc = tuple(part for part in detail["loc"] if part not in _NO_KEYS)
    kind = detail["type"]
    if kind == "extra_forbidden":
        return Problem(_path(loc, model), "an unknown key", _known(loc, model))
    if kind == "value_error":
        expected = str(detail["ctx"]["error"])
    else:
        form = _EXPECTED.get(kind)
        expected = form.format_map(detail.get("ctx", {})) if form else detail["msg"]
    if kind == "string_pattern_mismatch":
        expected = _FORMS.get(detail["ctx"]["pattern"], expected)
    value = detail["input"]
    if kind == "string_type" and isinstance(value, (int, float)):
        expected += f', such as "{shortened(value)}" in quotes'
    if kind in {"int_type", "float_type"} and isinstance(value, str):
        expected += ", without quotes"
    if kind == "missing":
        given = "nothing"
    elif isinstance(value, str) and (_SECRET & set(loc) or ("urls" in loc and set("@?#") & set(value))):
        given = "something else"
    elif kind == "too_short" and not value:
        given = "none"
    else:
        given = shortened(value)
    return Problem(_path(loc, model), given, expected)


def _path(loc: tuple[str | int, ...], model: type[BaseModel]) -> str:
    """As a path of keys; a number in a mapping (a length) is a key, in a list a place."""
    parts: list[str | int] = []
    for part, within in zip(loc, _types(loc, model), strict=False):
        parts.append(part if isinstance(part, int) and get_origin(within) is list else str(part))
    return key_path(parts)


def _types(loc: tuple[str | int, ...], model: type[BaseModel]) -> Iterator[Any]:
    """The type that each part of a path is looked up in; None from where it is not known."""
    here: Any = model
    for part in loc:
        here = _bare(here)
        yield here
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            here = field.annotation if field else None
        elif get_origin(here) in {list, dict}:
            here = get_args(here)[-1]
        else:
            here = None
    yield _bare(here)


def _bare(annotation: Any) -> Any:
    """A type without `Annotated` and without `| None`; the mapping, of what may be a text or a mapping."""
    if hasattr(annotation, "__metadata__"):
        return _bare(annotation.__origin__)
    inner = [own for own in get_args(annotation) if own is not type(None)]
    if get_origin(annotation) in {list, dict}:
        return annotation
    if len(inner) == 1 and type(None) in get_args(annotation):
        return _bare(inner[0])
    models = [own for own in map(_bare, inner) if isinstance(own, type) and issubclass(own, BaseModel)]
    if len(models) == 1:
        return models[0]
    return annotation


def _known(loc: tuple[str | int, ...], model: type[BaseModel]) -> str:
    within = list(_types(loc, model))[-2]
    keys = sorted(within.model_fields) if isinstance(within, type) and issubclass(within, BaseModel) else []
    name = str(loc[-1])
    near = difflib.get_close_matches(name, keys, n=1)
    if near:
        return f"`{near[0]}` perhaps, or another of: {', '.join(keys)}"
    elsewhere = [path for path in _all_keys(model) if path.rpartition(".")[2] == name]
    if elsewhere:
        return f"`{elsewhere[0]}`, where that key belongs"
    return f"one of: {', '.join(keys)}"


def _all_keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{before}{name}"
        below = _bare(field.annotation)
        if isinstance(below, type) and issubclass(below, BaseModel):
            yield from _all_keys(below, f"{before}{name}.")
