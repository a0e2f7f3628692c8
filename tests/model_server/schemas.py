"""JSON that a schema allows: what a model with structured output would write, in words that mean nothing.

>>> instance({"type": "object", "properties": {"equal": {"type": "boolean"}}}, Random(7))
{'equal': True}

It knows what prompts and pydantic models use: objects, arrays, strings, numbers, booleans, null, `enum`, `const`,
`anyOf`, `oneOf`, `$ref`. Patterns and formats of strings are not kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from tests.model_server.words import some_words

__all__ = ["instance"]


def instance(schema: Mapping[str, Any], rng: Random) -> Any:
    """A value that the schema allows; arrays have one item or two more than they must."""
    return _value(schema, schema, rng)


def _value(schema: Mapping[str, Any], root: Mapping[str, Any], rng: Random) -> Any:
    if "$ref" in schema:
        target: Any = root
        for key in schema["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        return _value(target, root, rng)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _value(schema[key][0], root, rng)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind if isinstance(kind, str) else kind[0]:
        case "object":
            return {name: _value(each, root, rng) for name, each in schema.get("properties", {}).items()}
        case "array":
            least = schema.get("minItems", 0)
            most = schema.get("maxItems", least + 2)
            return [_value(schema.get("items", {}), root, rng) for _ in range(rng.randint(min(least + 1, most), most))]
        case scalar:
            return _scalar(scalar, schema.get("minimum", 0), schema.get("maximum"), rng)


def _scalar(kind: str, least: float, most: float | None, rng: Random) -> Any:
    most = least + 9 if most is None else most
    match kind:
        case "integer":
            return rng.randint(math.ceil(least), math.floor(most))
        case "number":
            return round(rng.uniform(least, most), 3)
        case "boolean":
            return rng.random() < 0.5
        case "null":
            return None
        case _:
            return some_words(rng, rng.randint(2, 5))
