r"""Answers to longhop's own prompts: inputs are read back out of the rendered text, the lexical engine answers them.

>>> prompts = LonghopPrompts()
>>> prompts.inputs("Question: How many?\n\nReference answer: 340\n\nGiven answer: 14\n\nDoes the given …")
('judge', {'question': 'How many?', 'reference': '340', 'answer': '14'})

The patterns are made of the prompts themselves, rendered with marks for inputs, so that a prompt may be reworded.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

from longhop.engines import Choice, Request
from longhop.engines.lexical import LexicalEngine
from longhop.errors import Refused
from longhop.prompting import load_prompts
from tests.model_server.answers import Answer
from tests.model_server.protocol import ApiError, ChatRequest

__all__ = ["LexicalAnswers", "LonghopPrompts"]

_MARK = re.compile("\0([a-z_]+)\0")
_FIRST_LINE = re.compile(r"\s*[^\n]*")
_DOCUMENT = re.compile(r'<document title="([^"\n]*)" kind="([^"\n]*)">\n(.*)', re.DOTALL)
_DOCUMENT_END = "\n</document>\n\n"
_SOMETIMES = ("reasoning", "unknown", "reply", "problem", "kept", "bridges")
"""Inputs that are given in some requests only; of these, only `unknown` makes a difference here."""
_THOUGHT = "I read what was given and compare."
"""A model that reasons does so before JSON, too; the lexical engine gives no reasons there."""


class _Number(int):
    """A number that a template can compare and that is rendered as a mark."""

    name = ""

    def __new__(cls, value: int, name: str) -> Self:
        number = super().__new__(cls, value)
        number.name = name
        return number

    def __str__(self) -> str:
        return _mark(self.name)


def _mark(name: str) -> str:
    return f"\0{name}\0"


@dataclass(frozen=True)
class _Pattern:
    """What stands between inputs, and the inputs between."""

    literals: Sequence[str]
    """One more than names. The last is the first line behind the inputs only: what follows makes no difference."""
    names: Sequence[str]

    @classmethod
    def of(cls, rendered: str) -> _Pattern:
        parts = _MARK.split(rendered)
        last = _FIRST_LINE.match(parts[-1])
        return cls([*parts[:-1:2], last[0] if last else ""], parts[1::2])

    def match(self, text: str) -> dict[str, str] | None:
        """The inputs in a text. It is read from its end: what is long stands first and may say anything."""
        end = text.rfind(self.literals[-1])
        if end < 0 or not text.startswith(self.literals[0]):
            return None
        values = {}
        for place in range(len(self.names) - 1, -1, -1):
            literal = self.literals[place]
            at = text.rfind(literal, 0, end) if place else 0
            if at < 0 or at + len(literal) > end:
                return None
            values[self.names[place]] = text[at + len(literal) : end]
            end = at
        return values


class LonghopPrompts:
    """The shipped prompts, read backwards."""

    def __init__(self) -> None:
        prompts = load_prompts()

        def patterns(name: str, **special: Any) -> list[tuple[str, _Pattern]]:
            names = [each for each in prompts[name].takes if each not in _SOMETIMES]
            inputs = {each: _mark(each) for each in names} | special
            return [(name, _Pattern.of(prompts.render(name, inputs)[-1]["content"]))]

        document = {each: _mark(each) for each in ("number", "title", "kind")}
        writes = {
            "documents": [document],
            "wanted": {_mark("wanted_kind"): _mark("wanted")},
            **{name: _Number(2, name) for name in ("min_documents", "least_steps", "most_steps")},
        }
        self._patterns = [
            *patterns("answer", unknown="possible"),
            *patterns("answer"),
            *patterns("answer", context=""),
            *patterns("judge"),
            *patterns("compare"),
            *patterns("write_questions", count=_Number(1, "count"), **writes),
            *patterns("write_questions", count=_Number(2, "count"), **writes),
        ]

    def inputs(self, text: str) -> tuple[str, dict[str, Any]] | None:
        """Name and inputs of the prompt that a user message is; None where it is none of longhop's."""
        for name, pattern in self._patterns:
            values = pattern.match(text)
            if values is not None:
                if name == "answer":
                    # The first of its patterns is that with `unknown`, which the engine heeds.
                    told = {"unknown": "possible"} if pattern is self._patterns[0][1] else {}
                    return name, {"context": "", **values, **told}
                if name != "write_questions":
                    return name, values
                between = pattern.literals[pattern.names.index("wanted") + 1]
                return name, _questions_inputs(values, between)
        return None


def _questions_inputs(values: Mapping[str, str], between: str) -> dict[str, Any]:
    """Inputs of `write_questions`; `between` stands between the number and the kind of questions wanted.

    The weights of kinds are not in the prompt: what is wanted of each takes their place.
    """
    documents = []
    for number, part in enumerate(values["context"].split(_DOCUMENT_END)[:-1], 1):
        found = _DOCUMENT.fullmatch(part)
        if found:
            title, kind, text = html.unescape(found[1]), html.unescape(found[2]), found[3]
            documents.append({"number": number, "title": title, "kind": kind, "text": text})
    listed = f"{values['wanted']}{between}{values['wanted_kind']}"
    wanted = {kind: int(many) for many, kind in re.findall(rf"(\d+){re.escape(between)}(\w+)", listed)}
    return {"documents": documents, "count": int(values["count"]), "wanted": wanted, "kinds": wanted}


class LexicalAnswers:
    """The lexical engine in a thread, so that a long context holds up nobody."""

    def __init__(self, *, thinks: bool) -> None:
        """Take whether the model reasons by itself; one that does not gives the steps of an answer in its content."""
        self._thought = _THOUGHT if thinks else ""
        self._prompts = LonghopPrompts()
        self._engine = LexicalEngine()
        self._thread = ThreadPoolExecutor(1)

    async def answers(self, asked: ChatRequest, seed: int, samples: int) -> list[Answer] | None:
        """What the engine answers to the first user message that is a prompt of longhop's.

        Later messages, as those that ask for valid JSON, change nothing. None where no message is such a prompt.

        Raises:
            ApiError: The engine cannot do what is asked.
        """
        request = self._request(asked, seed, samples)
        if request is None:
            return None
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._complete, request)
        try:
            choices = await work
        except Refused as refused:
            raise ApiError(400, "BadRequestError", str(refused), 400) from None
        thought = "" if request.prompt == "answer" else self._thought
        return [Answer(choice.reasoning or thought, choice.content) for choice in choices]

    def close(self) -> None:
        """Let go of the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _request(self, asked: ChatRequest, seed: int, samples: int) -> Request | None:
        sampling = {} if asked.temperature is None else {"temperature": asked.temperature}
        for message in asked.rendered:
            found = self._prompts.inputs(message["content"]) if message["role"] == "user" else None
            if found:
                name, inputs = found
                return Request(prompt=name, inputs=inputs, seed=seed, samples=samples, sampling=sampling)
        return None

    def _complete(self, request: Request) -> tuple[Choice, ...]:
        return asyncio.run(self._engine.complete(request)).choices
