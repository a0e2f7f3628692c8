"""The embedded engine: answers longhop's prompts by rules over words, without a model.

    >>> engine = LexicalEngine()
    >>> request = Request(prompt="answer", inputs={"context": …, "question": …}, seed=7, samples=8)
    >>> completion = await engine.complete(request)
    >>> completion.choices[0].content
    'Answer: 340'

It is honest work, but it is no model. Questions are cut out of sentences by patterns: a clue that describes a name in
one document, a fact about the name in another. Answers are searched in the text, and the reader never sees the
reference. Its language is stiff, it knows nothing that words alone do not show, and where prose says things by halves
its questions are poor. It serves to try the pipeline, to test it and to measure it. Its data is not meant for training.

Everything is deterministic for a seed. Sampling varies the order of search and the choice among candidates.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Any

import msgspec
from rapidfuzz import fuzz

from longhop.engines import Choice, Completion, Request, Usage
from longhop.engines.lexical_index import ContextIndex, Page
from longhop.engines.lexical_reader import read
from longhop.engines.lexical_writer import Draft, write
from longhop.errors import Refused
from longhop.kinds import LEXICAL_KINDS

__all__ = ["LexicalEngine"]

_TOKEN = re.compile(r"\w+|[^\w\s]")


class LexicalEngine:
    """An `Engine` without a model, as writer, reader and judge."""

    model = "lexical"
    version = 3
    """Part of every key and fingerprint: raise it when answers change."""

    def key(self, request: Request) -> str:
        """Hash of prompt, inputs and sampling."""
        sent = msgspec.json.encode(
            (self.version, request.prompt, request.inputs, request.sampling), order="deterministic"
        )
        return hashlib.sha256(sent).hexdigest()

    async def complete(self, request: Request) -> Completion:
        """Answer one request at once.

        Raises:
            Refused: The engine does not know the prompt, or cannot write the kinds of questions asked for.
        """
        answer = {
            "write_questions": self._write,
            "answer": self._answer,
            "judge": self._judge,
            "compare": self._judge,
        }.get(request.prompt)
        if answer is None:
            raise Refused("unsupported_prompt", f"the lexical engine does not know the prompt `{request.prompt}`")
        choices = tuple(answer(request, request.seed + sample) for sample in range(request.samples))
        spent = sum(choice.n_tokens for choice in choices)
        return Completion(choices=choices, usage=Usage(completion_tokens=spent))

    def _write(self, request: Request, seed: int) -> Choice:
        kinds: Mapping[str, float] = request.inputs.get("wanted", {})
        if not set(kinds) & set(LEXICAL_KINDS):
            # Better one of the recipe's other kinds than none.
            kinds = request.inputs["kinds"]
        if not set(kinds) & set(LEXICAL_KINDS):
            raise Refused(
                "unsupported_kind",
                f"the lexical engine writes {', '.join(LEXICAL_KINDS)}, asked for {', '.join(kinds)}",
            )
        context, pages = request.inputs.get("context"), request.inputs["documents"]
        if context is not None:
            index = _index(context)
        else:
            index = ContextIndex(Page(page["title"], page["kind"], page["text"]) for page in pages)
        drafts = write(index, count=request.inputs["count"], kinds=kinds, rng=Random(f"write:{seed}"))
        numbers = [page["number"] for page in pages]
        return _choice(msgspec.json.encode({"questions": [_reply(index, numbers, draft) for draft in drafts]}).decode())

    def _answer(self, request: Request, seed: int) -> Choice:
        index = _index(request.inputs["context"])
        temperature = request.sampling.get("temperature")
        attempt = read(
            index,
            request.inputs["question"],
            Random(f"read:{seed}"),
            1.0 if temperature is None else temperature,
            guess="unknown" not in request.inputs,
        )
        return _choice(f"Answer: {attempt.answer}", attempt.reasoning)

    def _judge(self, request: Request, _seed: int) -> Choice:
        inputs = request.inputs
        first, second = (
            (inputs["reference"], inputs["answer"]) if "reference" in inputs else (inputs["first"], inputs["second"])
        )
        return _choice(msgspec.json.encode({"equal": _equal(str(first), str(second))}).decode())


@lru_cache(maxsize=2)
def _index(context: str) -> ContextIndex:
    # All requests of a context follow one another, so the last two contexts are what is worth keeping.
    return ContextIndex.of_context(context)


def _choice(content: str, reasoning: str = "") -> Choice:
    n_tokens = len(_TOKEN.findall(reasoning)) + len(_TOKEN.findall(content))
    return Choice(content=content, reasoning=reasoning, n_tokens=n_tokens)


def _equal(first: str, second: str) -> bool:
    """Whether two answers mean the same, as far as letters show: never where their numbers differ."""
    numbers = [re.findall(r"-?\d+(?:[.,]\d+)*", text) for text in (first, second)]
    if numbers[0] != numbers[1]:
        return False
    one, two = (" ".join(_TOKEN.findall(text.lower())) for text in (first, second))
    if not one or not two:
        return False
    if numbers[0]:
        # The same number with and without its unit: "340" and "340 crowns".
        words = [set(re.findall(r"[^\W\d]+", text)) for text in (one, two)]
        return words[0] <= words[1] or words[1] <= words[0]
    return fuzz.ratio(one, two) >= 92


def _reply(index: ContextIndex, numbers: list[int], draft: Draft) -> dict[str, Any]:
    """A draft in the form that the prompt `write_questions` asks for."""
    steps = []
    for step in draft.steps:
        evidence = []
        if step.place is not None:
            unit = index.at(step.place)
            quote = index.documents[step.place.page].text[unit.start : unit.end]
            evidence.append({"document": numbers[step.place.page], "quote": quote})
        steps.append({"question": step.question, "answer": step.answer, "evidence": evidence, "uses": list(step.uses)})
    return {
        "kind": draft.kind,
        "steps": steps,
        "question": draft.question,
        "answer": draft.answer,
        "answer_type": draft.answer_type,
        "aliases": list(draft.aliases),
    }
