"""Properties of recipes: whatever is written, it ends as a recipe or a list of problems; recipes come back equal."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from longhop.errors import Problem, RecipeError
from longhop.recipe import Recipe
from longhop.recipe.file import read_yaml

VALID: dict[str, Any] = {
    "name": "sample",
    "seed": 7,
    "sources": [
        {"kind": "book", "path": "books", "license": "CC0-1.0"},
        {"kind": "paper", "dataset": "a/b", "title": "title"},
    ],
    "documents": {
        "min_tokens": "1k",
        "near_duplicate": 0.8,
        "splits": {"train": 0.5, "test": 0.5},
        "licenses": {"allow": ["CC0-1.0"]},
        "exclude": ["a.txt", {"path": "b/*.csv", "columns": ["q"]}],
        "languages": ["en"],
        "quality": {"prose": {"min_letters": None}, "code": None},
    },
    "contexts": {"lengths": {"8k": 4, 4096: 2}, "room": 100, "group": "kind"},
    "questions": {"steps": [2, 4], "kinds": {"bridge": 1}},
    "traces": {"max_tokens": "16k", "top_p": None},
    "engines": {
        "writer": {"kind": "openai", "model": "m", "urls": ["http://a:1/v1"], "key_env": "KEY", "sampling": {"n": [1]}},
        "reader": {"kind": "vllm", "model": "m", "gpus": [0], "args": ["--x", "1"], "timeout": 3},
        "judge": {"kind": "lexical"},
    },
    "dataset": {"hub": "a/b", "examples": 10},
}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        ["8k", "1m", "book", "related", "lexical", "openai", "train", "writer", "a/b", 10**30, -1, 0, "~"]
    )
)
keys = st.text(max_size=4) | st.integers() | st.sampled_from(["kind", "path", "engine", "8k", "8192", "train", "model"])
values = st.recursive(
    scalars, lambda own: st.lists(own, max_size=3) | st.dictionaries(keys, own, max_size=3), max_leaves=6
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, own in inner:
        yield (*path, key)
        yield from places(own, (*path, key))


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """The valid recipe with one to three places replaced, removed or added to."""
    data: Any = copy.deepcopy(VALID)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(data))))
        here: Any = data
        for key in path[:-1]:
            here = here[key]
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "replace":
            here[path[-1]] = draw(values)
        elif action == "remove":
            del here[path[-1]]
        elif isinstance(here, dict):
            here[draw(keys)] = draw(values)
        else:
            here.append(draw(values))
        if not data:
            break
    return data


def outcome(data: Any, overrides: list[str]) -> Recipe | None:
    """The recipe, or None where it is refused with at least one problem, all in words."""
    problems: list[Problem] = []
    try:
        return Recipe.parse(data, base=Path("/base"), overrides=overrides)
    except RecipeError as error:
        problems = error.problems
    assert problems
    assert all(problem.key and problem.given and problem.expected for problem in problems)
    return None


def test_the_recipe_that_is_mutated_is_valid() -> None:
    """What the other tests rest on."""
    assert outcome(VALID, []) is not None


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_mutations_give_a_recipe_or_problems(data: Any) -> None:
    """No mutation of a recipe ends in another exception, and what is valid comes back equal from JSON."""
    recipe = outcome(data, [])
    if recipe is not None:
        assert Recipe.parse(json.loads(json.dumps(recipe.resolved())), base=Path("/other")) == recipe


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([".".join(map(str, path)) for path in places(VALID)]) | st.text(max_size=12), values)
def test_overrides_give_a_recipe_or_problems(key: str, value: Any) -> None:
    """No override ends in another exception."""
    outcome(VALID, [f"{key}={json.dumps(value, default=str)}"])
    outcome(VALID, [f"{key}={value}"])


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="ab:-[]{}&*!?|>#'\"\n <0.", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in an exception while it is read."""
    value, problems = read_yaml(text)
    assert value is None or not problems


@given(st.dictionaries(st.text(alphabet="abc.", min_size=1), st.integers() | st.text(alphabet="xyz 1"), max_size=4))
def test_json_is_read_as_what_it_is(data: dict[str, Any]) -> None:
    """JSON is YAML: it comes back as it is."""
    assert read_yaml(json.dumps(data)) == (data, [])
