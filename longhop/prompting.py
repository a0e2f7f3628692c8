"""Prompts: one Markdown file each, loaded, checked and rendered to messages.

    ---
    name: judge
    system: system            # optional: the prompt whose text is the system message
    takes:
      question: the question
      reference: the right answer
      answer: the answer to be judged
    gives:                    # `text`, or a JSON schema of the reply
      type: object
      additionalProperties: false
      required: [equal]
      properties: {equal: {type: boolean}}
    ---
    Question: {{ question }}
    …

    >>> prompts = load_prompts()
    >>> prompts.render("judge", {"question": "How many?", "reference": "340", "answer": "340 crowns"})
    [{'role': 'user', 'content': 'Question: How many? …'}]

The body is a Jinja2 template of the user message. What it uses must be in `takes`, which is checked when it is loaded,
not when the first of ten thousand requests is rendered. A folder given in the recipe overrides single files.

A schema is one that servers take in strict mode: an object whose properties are all required and no others allowed. Its
bounds may be names of inputs, so that they are those of the request:

    >>> prompts["write_questions"].schema["properties"]["questions"]   # in the file: {type: array, maxItems: count, …}
    {'type': 'array', 'items': {…}}
    >>> prompts.schema("write_questions", {"count": 4, …})["properties"]["questions"]
    {'type': 'array', 'maxItems': 4, 'items': {…}}
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import jinja2.sandbox
import yaml

from longhop.errors import PromptError

__all__ = ["Prompt", "Prompts", "load_prompts"]

_KEYS = frozenset(["name", "system", "takes", "gives"])
_BOUNDS = frozenset(["enum", "maximum", "maxItems", "minimum", "minItems"])
"""Keywords of a schema whose value may be the name of an input."""


@dataclass(frozen=True)
class Prompt:
    """One prompt."""

    name: str
    source: str
    """The file as text."""
    where: str
    """The file, for messages."""
    takes: Mapping[str, str]
    """Inputs, and what they are."""
    schema: Mapping[str, Any] | None
    """JSON schema of the reply, without the bounds that depend on inputs; None for free text."""
    gives: Mapping[str, Any] | None
    """The schema as the file has it: a bound may be the name of an input."""
    system: str | None
    """Name of the prompt that is the system message."""
    template: jinja2.Template

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the file's text."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]


class Prompts:
    """All prompts of a recipe, by name."""

    def __init__(self, prompts: Mapping[str, Prompt]) -> None:
        self._prompts = dict(sorted(prompts.items()))
        for prompt in self._prompts.values():
            if prompt.system is None:
                continue
            if prompt.system not in self._prompts:
                raise PromptError(f"{prompt.where}: `system: {prompt.system}` names no prompt; {self._known()}")
            system = self._prompts[prompt.system]
            if system.takes or system.system is not None:
                raise PromptError(
                    f"{system.where}: is the system message of `{prompt.name}`, so it takes no inputs and has no "
                    "`system` of its own"
                )

    def __getitem__(self, name: str) -> Prompt:
        try:
            return self._prompts[name]
        except KeyError:
            raise PromptError(f"no prompt is called `{name}`; {self._known()}") from None

    def _known(self) -> str:
        return f"there are {', '.join(self._prompts)}"

    @property
    def hashes(self) -> dict[str, str]:
        """Hash of each prompt; a system message is part of the hash of what uses it."""
        return {
            name: prompt.hash
            if prompt.system is None
            else hashlib.sha256(f"{prompt.hash}{self._prompts[prompt.system].hash}".encode()).hexdigest()[:16]
            for name, prompt in self._prompts.items()
        }

    @property
    def sources(self) -> dict[str, str]:
        """Text of each prompt's file, by name."""
        return {name: prompt.source for name, prompt in self._prompts.items()}

    def render(self, name: str, inputs: Mapping[str, Any]) -> list[dict[str, str]]:
        """The messages of a prompt, `role` and `content` each.

        Raises:
            PromptError: An input is missing, or the template fails on what it was given.
        """
        prompt = self[name]
        messages = []
        if prompt.system is not None:
            messages.append({"role": "system", "content": _render(self[prompt.system], {})})
        messages.append({"role": "user", "content": _render(prompt, inputs)})
        return messages

    def schema(self, name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """JSON schema of the reply to a prompt with these inputs; None for free text.

        A bound that is the name of an input has its value: a number, the values of an `enum`, or of a list its length.

        Raises:
            PromptError: An input is missing.
        """
        prompt = self[name]
        if prompt.gives is None:
            return None
        missing = sorted(set(_inputs_of(prompt.gives)) - set(inputs))
        if missing:
            raise PromptError(f"{prompt.where}: its schema needs the input `{missing[0]}`, which is not given")
        bounded: Mapping[str, Any] = _bounded(prompt.gives, inputs)
        return bounded


def _bounded(schema: Any, inputs: Mapping[str, Any]) -> Any:
    """A schema with the values of inputs for their names; a bound whose input is not given, or empty, is left out."""
    if isinstance(schema, list):
        return [_bounded(item, inputs) for item in schema]
    if not isinstance(schema, dict):
        return schema
    bounded = {}
    for key, value in schema.items():
        if key not in _BOUNDS or not isinstance(value, str):
            bounded[key] = _bounded(value, inputs)
        elif value in inputs and inputs[value] not in ([], {}):  # nothing would be allowed
            given = inputs[value]
            bounded[key] = list(given) if key == "enum" else len(given) if isinstance(given, Sized) else given
    return bounded


def _inputs_of(schema: Any) -> Iterator[str]:
    """Names of inputs that are bounds in a schema."""
    if isinstance(schema, list):
        for item in schema:
            yield from _inputs_of(item)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key in _BOUNDS and isinstance(value, str):
                yield value
            else:
                yield from _inputs_of(value)


def _check_schema(gives: Mapping[str, Any], takes: Mapping[str, str], where: str) -> None:
    wrong = "gives" if gives.get("type") != "object" else _not_strict(gives)
    if wrong:
        raise PromptError(
            f"{where}: `{wrong}` is an object with `properties`, all of them in `required`, and "
            "`additionalProperties: false`; servers refuse other schemas in strict mode"
        )
    unknown = sorted(set(_inputs_of(gives)) - set(takes))
    if unknown:
        raise PromptError(
            f"{where}: `gives` has `{unknown[0]}` for a bound; that is a value, or an input: "
            f"the prompt takes {', '.join(takes) or 'nothing'}"
        )


def _not_strict(schema: Any, at: str = "gives") -> str | None:
    """Where a schema has an object that strict servers refuse; None where it has none."""
    if not isinstance(schema, dict):
        return None
    properties = schema.get("properties")
    if schema.get("type") == "object" and (
        not isinstance(properties, dict)
        or schema.get("additionalProperties") is not False
        or set(schema.get("required") or ()) != set(properties)
    ):
        return at
    wrong = (_not_strict(value, f"{at}.{key}") for key, value in schema.items())
    return next(filter(None, wrong), None)


def _render(prompt: Prompt, inputs: Mapping[str, Any]) -> str:
    try:
        return prompt.template.render(inputs)
    # A template is a program: what it does with its inputs may fail in these ways, too.
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise PromptError(f"{prompt.where}: {error}; it takes {', '.join(prompt.takes) or 'nothing'}") from error


def load_prompts(folder: str | Path | None = None) -> Prompts:
    """The shipped prompts, single ones replaced by the files of `folder`.

    Raises:
        PromptError: The folder does not exist, holds a Markdown file that overrides nothing, or a file is malformed
            or uses a variable that it does not take.
    """
    shipped = resources.files("longhop.prompts")
    prompts = {}
    for file in sorted(shipped.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".md"):
            prompt = _parse(file.read_text(encoding="utf-8"), f"prompts/{file.name}", file.name.removesuffix(".md"))
            prompts[prompt.name] = prompt
    if folder is not None:
        path = Path(folder)
        if not path.is_dir():
            raise PromptError(f"prompts: {path} is no folder; give one with files such as {min(prompts)}.md")
        for own in sorted(path.glob("*.md")):
            if own.stem not in prompts:
                known = ", ".join(f"{name}.md" for name in sorted(prompts))
                raise PromptError(f"{own}: overrides no prompt; a file is called one of {known}")
            try:
                text = own.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise PromptError(f"{own}: cannot be read: {error}") from error
            prompt = _parse(text, str(own), own.stem)
            unknown = sorted(set(prompt.takes) - set(prompts[own.stem].takes))
            if unknown:
                taken = ", ".join(prompts[own.stem].takes) or "nothing"
                raise PromptError(f"{own}: takes `{unknown[0]}`, which is not given; `{own.stem}` is given {taken}")
            prompts[own.stem] = prompt
    return Prompts(prompts)


def _parse(text: str, where: str, name: str) -> Prompt:
    opening, _, rest = text.partition("---\n")
    front, closed, body = rest.partition("\n---\n")
    if opening.strip() or not closed:
        raise PromptError(f"{where}: no front matter; the file begins with a line ---, YAML, and a line ---")
    try:
        meta = yaml.safe_load(front)
    except yaml.YAMLError as error:
        raise PromptError(f"{where}: the front matter is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(meta, dict) or set(meta) - _KEYS or meta.get("name") != name:
        raise PromptError(
            f"{where}: the front matter has the keys {', '.join(sorted(_KEYS))}, `name` being `{name}`; "
            f"got {', '.join(map(str, meta)) if isinstance(meta, dict) else type(meta).__name__}"
        )
    takes, gives = meta.get("takes") or {}, meta.get("gives", "text")
    if (
        not (isinstance(takes, dict) and all(isinstance(key, str) for key in takes))
        or not (gives == "text" or isinstance(gives, dict))
        or not isinstance(meta.get("system"), str | None)
    ):
        raise PromptError(
            f"{where}: `takes` maps inputs to what they are, `gives` is `text` or a JSON schema, `system` is a name"
        )
    environment = jinja2.sandbox.SandboxedEnvironment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
    )
    first_line = text[: len(text) - len(body)].count("\n")
    try:
        parsed = environment.parse(body)
        used = jinja2.meta.find_undeclared_variables(parsed)
        template = environment.from_string(body)
    except jinja2.TemplateSyntaxError as error:
        raise PromptError(f"{where}, line {first_line + error.lineno}: {error.message}") from error
    if any(jinja2.meta.find_referenced_templates(parsed)):
        raise PromptError(f"{where}: a prompt stands in one file; include, import and extends are not allowed")
    unknown = sorted(used - set(takes))
    if unknown:
        line = next((n for n, words in enumerate(body.splitlines(), first_line + 1) if unknown[0] in words), first_line)
        taken = ", ".join(takes) or "nothing"
        raise PromptError(f"{where}, line {line}: unknown variable `{unknown[0]}`; the prompt takes {taken}")
    if isinstance(gives, dict):
        _check_schema(gives, takes, where)
    return Prompt(
        name=name,
        source=text,
        where=where,
        takes=takes,
        schema=_bounded(gives, {}) if isinstance(gives, dict) else None,
        gives=gives if isinstance(gives, dict) else None,
        system=meta.get("system"),
        template=template,
    )
