r"""A recipe's YAML as plain values: strictly read, with `KEY=VALUE` overrides applied.

    >>> data, problems = read_yaml("name: sample\nseed: 7\nseed: 8\n")
    >>> str(problems[0])
    'seed: got the same key again in line 3, expected every key once'
    >>> override({"traces": {"samples": 8}}, ["traces.samples=4"])
    ({'traces': {'samples': 4}}, [])

Values are those of YAML 1.2, so `no`, `12:30` and dates stay text and `1e-3` is a number. Tags are refused, and so is
a file whose anchors stand for more than it could sensibly hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from longhop.errors import Problem

__all__ = ["key_path", "override", "plain", "read_yaml", "shortened"]

MOST_CHARS = 1_000_000
MOST_VALUES = 50_000
"""Values of a recipe once anchors are put in; a long one has some hundreds."""
MOST_DEPTH = 40


class _Loader(yaml.SafeLoader):
    """Builds plain values by the rules of YAML 1.2; PyYAML's own are those of 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9_]{0,99})|0x[0-9a-fA-F]{1,16}", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)


_ONCE = "every key once"


def read_yaml(text: str) -> tuple[Any, list[Problem]]:
    """The value of a YAML text, None where there is none to be had, and all that is wrong with it as YAML."""
    if len(text) > MOST_CHARS:
        return None, [Problem("recipe", f"{len(text)} characters", f"at most {MOST_CHARS}")]
    try:
        if not _shallow(text):
            return None, [Problem("recipe", "lists or mappings nested too deep", f"at most {MOST_DEPTH} levels")]
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, []
        if not _expandable(node):
            expected = f"at most {MOST_VALUES} values, and none that holds itself"
            return None, [Problem("recipe", "anchors that stand for too much", expected)]
        problems = _misused(node, loader)
        # A key that stands twice has a value all the same, so that what else is wrong can be said with it.
        usable = all(problem.expected == _ONCE for problem in problems)
        return (loader.construct_document(node) if usable else None), problems
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "recipe"
        return None, [Problem(where, shortened(error.problem or error.context, quote=False), "YAML")]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return None, [Problem(f"line {line}", f"the control character U+{int(error.character):04X}", "text")]


def _shallow(text: str) -> bool:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            depth += 1
            if depth > MOST_DEPTH:
                return False
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            depth -= 1
    return True


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _expandable(root: yaml.Node) -> bool:
    """Whether the value stays small with every anchor put in; each node is measured once."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def measure(node: yaml.Node) -> int:
        if id(node) in open_nodes:
            return MOST_VALUES + 1  # it holds itself
        if id(node) not in sizes:
            open_nodes.add(id(node))
            own = 1 + (len(node.value) // 100 if isinstance(node, yaml.ScalarNode) else 0)
            sizes[id(node)] = min(own + sum(map(measure, _children(node))), MOST_VALUES + 1)
            open_nodes.remove(id(node))
        return sizes[id(node)]

    return measure(root) <= MOST_VALUES


def _misused(root: yaml.Node, loader: _Loader) -> list[Problem]:
    """Keys that stand twice in one mapping, and tags that make other than plain values."""
    problems: list[Problem] = []
    seen: set[int] = set()

    def walk(node: yaml.Node, path: tuple[str | int, ...]) -> None:
        if id(node) in seen:
            return
        seen.add(id(node))
        if node.tag not in _plain_tags(node, loader):
            problems.append(Problem(key_path(path), f"the tag {shortened(node.tag)}", "a plain value without a tag"))
        if isinstance(node, yaml.SequenceNode):
            for place, child in enumerate(node.value):
                walk(child, (*path, place))
        if isinstance(node, yaml.MappingNode):
            keys: set[tuple[str, str]] = set()
            for key, value in node.value:
                walk(key, path)
                name = str(key.value)
                if isinstance(key, yaml.ScalarNode) and (key.tag, name) in keys:
                    given = f"the same key again in line {key.start_mark.line + 1}"
                    problems.append(Problem(key_path((*path, name)), given, _ONCE))
                keys.add((key.tag, name))
                walk(value, (*path, name))

    walk(root, ())
    return problems


def _plain_tags(node: yaml.Node, loader: _Loader) -> set[str]:
    """What a node's tag may be: the one that its look gives it, or text."""
    if isinstance(node, yaml.ScalarNode):
        looks = loader.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
        return {looks, loader.DEFAULT_SCALAR_TAG}
    return {loader.DEFAULT_MAPPING_TAG if isinstance(node, yaml.MappingNode) else loader.DEFAULT_SEQUENCE_TAG}


def key_path(parts: Sequence[str | int]) -> str:
    """`("sources", 1, "path")` as `sources[1].path`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    return text or "recipe"


def shortened(value: object, *, quote: bool = True) -> str:
    """A value as a message shows it, on one line and not long."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif value is None:
        text = "nothing"
    elif isinstance(value, Mapping):
        text = "a mapping" if value else "an empty mapping"
    elif isinstance(value, (list, tuple)):
        text = f"a list of {len(value)}" if len(value) > 4 else repr(list(value))
    elif isinstance(value, str) and not quote:
        text = " ".join(value.split())
    else:
        text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def plain(value: object, path: tuple[str | int, ...] = ()) -> tuple[Any, list[Problem]]:
    """A copy of dicts, lists and scalars such as JSON has; whatever else is in there is a problem."""
    if len(path) > MOST_DEPTH:
        return None, [Problem(key_path(path[:3]), "lists or mappings nested too deep", f"at most {MOST_DEPTH} levels")]
    if isinstance(value, Mapping):
        made: dict[Any, Any] = {}
        problems: list[Problem] = []
        for key, own in value.items():
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                problems.append(Problem(key_path(path), f"the key {shortened(key)}", "keys that are text"))
                continue
            made[key], more = plain(own, (*path, str(key)))
            problems += more
        return made, problems
    if isinstance(value, (list, tuple)):
        parts = [plain(own, (*path, place)) for place, own in enumerate(value)]
        return [part for part, _ in parts], [problem for _, more in parts for problem in more]
    if isinstance(value, float) and value - value != 0:
        return None, [Problem(key_path(path), str(value), "a finite number")]
    if isinstance(value, str) and not value.isprintable() and re.search("[\0\ud800-\udfff]", value):
        return None, [Problem(key_path(path), "text with null characters or lone surrogates", "text")]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value, []
    return None, [
        Problem(key_path(path), f"a value of type {type(value).__name__}", "text, a number, a list or a mapping")
    ]


def override(
    data: Mapping[str, Any],
    settings: Sequence[str],
    same_key: Callable[[tuple[str | int, ...], str, object], bool] = lambda _, given, key: given == str(key),
) -> tuple[dict[str, Any], list[Problem]]:
    """Put `KEY=VALUE` settings into a copy of plain values.

    Args:
        data: Values of a recipe.
        settings: Each a dotted key (`traces.samples`, `sources.0.path` or `sources[0].path`), `=`, and a value in YAML.
        same_key: Whether text given as a key, under a path, means a key that is there.

    Returns:
        The values with all settings that could be applied, and what is wrong with the others.
    """
    made, problems = plain(data)
    for setting in settings:
        key, sign, text = setting.partition("=")
        parts = re.sub(r"\[(\d+)\]", r".\1", key.strip()).split(".")
        if not sign or not all(parts):
            problems.append(Problem(f"--set {shortened(setting, quote=False)}", "no key and value", "KEY=VALUE"))
            continue
        value, wrong = read_yaml(text)
        if wrong:
            problems += [Problem(key.strip(), problem.given, "a value in YAML") for problem in wrong]
            continue
        value, wrong = plain(value, tuple(parts))
        problems += wrong
        problem = _put(made, parts, value, same_key)
        if problem:
            problems.append(problem)
    return made, problems


def _put(
    data: dict[str, Any],
    parts: list[str],
    value: object,
    same_key: Callable[[tuple[str | int, ...], str, object], bool],
) -> Problem | None:
    here: Any = data
    path: tuple[str | int, ...] = ()
    while True:
        if isinstance(here, list):
            given, parts = parts[0], parts[1:]
            if not given.isdecimal() or int(given) >= len(here):
                return Problem(key_path((*path, given)), f"the place {given!r}", f"a place from 0 to {len(here) - 1}")
            key: Any = int(given)
        else:
            # A name may hold dots itself; the longest that is there is meant. So may a length that is not there yet,
            # such as 1.5k, and since nothing stands below a length, all that is left is its name.
            least = len(parts) if path == ("contexts", "lengths") else 1
            for length in range(len(parts), 0, -1):
                given = ".".join(parts[:length])
                found = [own for own in here if same_key(path, given, own)]
                if found or length == least:
                    break
            key, parts = (found[0] if found else given), parts[length:]
        path = (*path, key)
        if not parts:
            here[key] = value
            return None
        below = here[key] if isinstance(here, list) else here.get(key)
        if below is None:
            below = here[key] = {}
        if not isinstance(below, (dict, list)):
            return Problem(key_path((*path, *parts)), f"a key below {shortened(below)}", "a key of a mapping")
        here = below
