"""Questions out of a writer's reply, also where its JSON is only nearly right.

    >>> read_questions("Here you are: {'question': 'Who?', 'answer': 85, 'steps': [{'question': 'W").questions
    ()

A reply is parsed as it stands first. Where that fails, the JSON in it is looked for, between fences and prose, and
repaired by json_repair. Each question is then read by itself, so a bad one discards no other. Nothing is made up:
without question, answer and steps there is no question, and what a cut reply left unfinished is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import json_repair
import msgspec

from longhop.replies.reasoning import split_reasoning

__all__ = ["Quote", "Reading", "WrittenQuestion", "WrittenStep", "faults", "read_questions"]

_STARTS = re.compile(r"""\{\s*(?:["'“]|\w+["'”]?\s*:|\})|\[\s*(?:\{|\])""")
"""Where JSON begins: an object with a key, a list of objects, or nothing of either. A bracket in prose is none."""
_SIGNS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_DEEPEST = 32
_LONGEST = 500_000  # characters; a reply that is longer runs in circles
_FAR = 1_000  # no chain has so many steps
_SAME_TYPES = {
    "integer": "number",
    "int": "number",
    "float": "number",
    "count": "number",
    "percent": "percentage",
    "person": "name",
    "place": "name",
    "title": "name",
    "entity": "name",
    "boolean": "yes_no",
    "bool": "yes_no",
    "string": "text",
    "str": "text",
    "phrase": "text",
}
"""Names that models have for the types that the prompt lists."""


class Quote(msgspec.Struct, frozen=True):
    """Evidence as a writer gives it."""

    document: int
    """Number of the document, 1 the first; 0 where the writer names none that can be known."""
    quote: str


class WrittenStep(msgspec.Struct, frozen=True):
    """A hop as a writer gives it."""

    question: str
    answer: str
    evidence: tuple[Quote, ...] = ()
    uses: tuple[int, ...] = ()


class WrittenQuestion(msgspec.Struct, frozen=True):
    """A question as a writer gives it."""

    kind: str
    steps: tuple[WrittenStep, ...]
    question: str
    answer: str
    answer_type: str = "text"
    aliases: tuple[str, ...] = ()


class Reading(NamedTuple):
    """What a reply holds."""

    questions: tuple[WrittenQuestion, ...]
    problems: tuple[str, ...]
    """What could not be read; empty for a reply that is in order, also one that says that there are no questions."""


def faults(question: WrittenQuestion, steps: Sequence[int], documents: int) -> list[str]:
    """What is wrong with a question that was read, in words that a writer can act on.

    Args:
        question: The question.
        steps: Least and greatest number of steps.
        documents: How many documents the writer was shown; 0 where their numbers do not matter.
    """
    least, most = steps
    wrong = []
    if not question.question.strip() or not question.answer.strip():
        wrong.append("`question` or `answer` is empty")
    if not least <= len(question.steps) <= most:
        wrong.append(f"{len(question.steps)} steps, expected {least} to {most}")
    used = {use for step in question.steps for use in step.uses}
    for number, step in enumerate(question.steps):
        if late := [use for use in step.uses if not 0 <= use < number]:
            wrong.append(f"step {number} uses step {late[0]}, which does not come before it")
        if not step.evidence and not step.uses:
            wrong.append(f"step {number} has neither evidence nor a step that it uses")
        if number not in used and number < len(question.steps) - 1:
            wrong.append(f"step {number} is used by no later step")
        if unknown := [quote.document for quote in step.evidence if documents and not 1 <= quote.document <= documents]:
            wrong.append(f"step {number} quotes document {unknown[0]}, expected 1 to {documents}")
    return wrong


class _Bad(ValueError):  # noqa: N818 - one question is
    """A question that cannot be read."""


def read_questions(
    content: str, kinds: Collection[str] = (), titles: Sequence[str] = (), *, cut: bool = False
) -> Reading:
    """The questions of a writer's reply.

    Args:
        content: The reply.
        kinds: Kinds that were asked for; empty for any.
        titles: Titles of the documents, in order of their numbers.
        cut: Whether the reply was cut off: what it left unfinished is then left out.
    """
    text = split_reasoning(content)[1][:_LONGEST]
    items = [item for value in _values(text, cut=cut) for item in _items(value)]
    questions, problems = [], []
    for number, item in enumerate(items, 1):
        try:
            questions.append(_question(item, kinds, titles))
        except _Bad as bad:
            problems.append(f"question {number}: {bad}")
    if not items:
        value, wrong = _decoded(text)
        if wrong or not isinstance(value, dict | list):
            problems.append(f"no finished question in JSON ({wrong or _named(value)})" if text else "an empty reply")
    return Reading(tuple(questions), tuple(problems))


# JSON in a text


class _Open(NamedTuple):
    """A bracket that is not closed."""

    sign: str
    at: int


def _values(text: str, *, cut: bool) -> list[Any]:
    """The objects and lists of a text, in its order; those that are no JSON are repaired."""
    value = _decoded(text)[0]
    if isinstance(value, dict | list):
        return [value]
    found = (_parsed(span, opened, cut=cut) for span, opened in _spans(text))
    return [value for value in found if isinstance(value, dict | list)]


def _decoded(text: str) -> tuple[Any, str]:
    """The value of a text that is JSON, or what is wrong with it."""
    try:
        return msgspec.json.decode(_encoded(text)), ""
    except (msgspec.DecodeError, RecursionError) as error:
        wrong = str(error)
    try:
        # Grammars of servers let raw newlines and other control characters through, within texts of limited length.
        return json.loads(text, strict=False), ""
    except (ValueError, RecursionError):
        return None, wrong


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _spans(text: str) -> Iterator[tuple[str, list[_Open]]]:
    """Stretches of a text that look like JSON, each with the brackets that it leaves open."""
    at = 0
    while begins := _STARTS.search(text, at):
        first, at = begins.start(), len(text)
        opened: list[_Open] = []
        for sign in _SIGNS.finditer(text, first):
            if sign[0] in "{[":
                opened.append(_Open(sign[0], sign.start() - first))
            elif sign[0] in "}]":
                # A bracket that does not close the last one closes the nearest that it can.
                while opened and opened.pop().sign != {"}": "{", "]": "["}[sign[0]]:
                    pass
            if len(opened) > _DEEPEST:
                return
            if not opened:
                at = sign.end()
                break
        yield text[first:at], opened


def _parsed(text: str, opened: list[_Open], *, cut: bool) -> Any:
    """The value of a stretch; without the item of its list that was not finished, None where that is all of it."""
    value, wrong = _decoded(text)
    if not wrong:
        return value
    text = text.rstrip().removesuffix("```").rstrip()
    # Where quotes are missing, brackets are miscounted; a reply that ends as JSON ends was then not cut.
    unfinished = bool(opened) and (cut or "truncated" in wrong or not text.endswith(("}", "]")))
    if unfinished:
        within = 1 if opened[0].sign == "[" else 2
        text, opened = text[: opened[within].at] if len(opened) > within else text, opened[:within]
    closing = "".join({"{": "}", "[": "]"}[bracket.sign] for bracket in reversed(opened))
    value, wrong = _decoded(text.rstrip().removesuffix(",") + closing)
    if wrong:
        try:
            value = json_repair.loads(text, skip_json_loads=True)
        except (RecursionError, ValueError):
            return None
    return None if unfinished and _items(value) == [value] else value


# Questions in JSON


def _items(value: Any) -> list[Any]:
    """What is to be a question: the items of the reply's list, a bare list's, or the value itself."""
    if isinstance(value, list):
        return value
    fields = _fields(value)
    if "question" in fields and "steps" in fields:
        return [value]
    listed = fields.get("questions")
    if isinstance(listed, dict):
        return [listed]
    if isinstance(listed, list):
        return listed
    # A list by another name.
    others = (other for other in fields.values() if isinstance(other, list) and other)
    return next((other for other in others if all("steps" in _fields(item) for item in other)), [value])


def _fields(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    return {re.sub(r"[\s-]+", "_", str(key).strip().lower()): field for key, field in value.items()}


def _question(value: Any, kinds: Collection[str], titles: Sequence[str]) -> WrittenQuestion:
    fields = _object(value)
    steps = _list(fields, "steps")
    if not steps:
        raise _Bad("`steps` is missing")
    return WrittenQuestion(
        kind=_kind(fields, kinds),
        steps=_counted_from_zero([_step(step, titles) for step in steps]),
        question=_text(fields, "question"),
        answer=_text(fields, "answer"),
        answer_type=_answer_type(_text(fields, "answer_type", "text")),
        aliases=tuple(text for alias in _list(fields, "aliases") if (text := _as_text(alias)) is not None),
    )


def _step(value: Any, titles: Sequence[str]) -> WrittenStep:
    fields = _object(value)
    evidence = []
    for quote in _list(fields, "evidence"):
        quoted = _fields(quote) or {"quote": quote}
        text = _as_text(quoted.get("quote"))
        if text is not None:
            evidence.append(Quote(_document(quoted.get("document"), titles), text))
    uses = [number for use in _list(fields, "uses") if (number := _as_number(use)) is not None]
    if any(abs(number) > _FAR for number in uses):
        raise _Bad(f"`uses` names step {max(uses, key=abs)}")
    return WrittenStep(_text(fields, "question"), _text(fields, "answer"), tuple(evidence), tuple(uses))


def _counted_from_zero(steps: list[WrittenStep]) -> tuple[WrittenStep, ...]:
    """Steps whose `uses` count from 0; that a writer counted from 1 is believed only where 0 is impossible.

    Small models often let the first step use itself, which says nothing and is left out.
    """
    used = [tuple(use for use in step.uses if number or use) for number, step in enumerate(steps)]
    pairs = [(number, use) for number, uses in enumerate(used) for use in uses]
    if any(use >= number for number, use in pairs) and all(0 < use <= number for number, use in pairs):
        used = [tuple(use - 1 for use in uses) for uses in used]
    return tuple(msgspec.structs.replace(step, uses=uses) for step, uses in zip(steps, used, strict=True))


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Bad(f"{_named(value)}, expected an object")
    return _fields(value)


def _list(fields: Mapping[str, Any], key: str) -> list[Any]:
    value = fields.get(key)
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [value]


def _text(fields: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = fields.get(key, default)
    value = default if value is None else value
    if value is None:
        raise _Bad(f"`{key}` is missing")
    text = _as_text(value)
    if text is None:
        raise _Bad(f"`{key}` is {_named(value)}, expected text")
    return text


def _as_text(value: Any) -> str | None:
    """A text or a number as text that can be written; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _as_number(value: Any) -> int | None:
    if isinstance(value, str):
        digits = re.findall(r"-?\d+", value[:_FAR])
        value = int(digits[0]) if len(digits) == 1 and len(digits[0]) < 10 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _document(value: Any, titles: Sequence[str]) -> int:
    """Number of the document that is meant, by its number or its title."""
    if isinstance(value, str):
        named = [number for number, title in enumerate(titles, 1) if _same(title, value)]
        if len(named) == 1:
            return named[0]
    number = _as_number(value)
    return number if number is not None and 0 < number <= _FAR * _FAR else 0


def _same(title: str, other: str) -> bool:
    return title.casefold().split() == other.casefold().split()


def _kind(fields: Mapping[str, Any], kinds: Collection[str]) -> str:
    said = _text(fields, "kind", "")
    if not kinds or said in kinds:
        return said
    known = [kind for kind in kinds if kind.casefold() == said.strip().casefold()]
    if known or len(kinds) == 1:
        return next(iter(known or kinds))
    raise _Bad(f"`kind` is {said!r}, expected one of {', '.join(kinds)}")


def _answer_type(said: str) -> str:
    """The type by its own name; types that a recipe's own prompts have stay as they are."""
    name = "_".join(said.strip().lower().replace("/", " ").replace("-", " ").split())
    return _SAME_TYPES.get(name, name) or "text"


def _named(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
