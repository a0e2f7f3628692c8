"""What a recipe asks of its engines for one context, foreseen from the recipe and some assumptions.

    >>> loads = foresee(recipe, 8192, Wrappings.of(load_prompts(), count), Assumptions())
    >>> loads["traces"].requests, loads["traces"].prompt_tokens
    (1.0, 8320.0)

What the stages send follows from the recipe: how many questions in how many requests, which checks with how many
tries, eight samples a question. What comes back nobody knows beforehand: how many questions pass and how long replies
are. That is assumed here, and `longhop.estimate.measured` replaces it by what a preview or a run had.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from longhop.checks.asked import LEAST_SHOWN, SHARE
from longhop.checks.probes import OPEN_TRIES, reader_checks
from longhop.errors import PromptError
from longhop.prompting import Prompts
from longhop.recipe import ChecksConfig, Recipe

__all__ = ["ASKING", "Assumptions", "Load", "Wrappings", "foresee", "roles_of"]

ASKING = ("writing", "checks", "traces", "verdicts")
"""What asks engines: two in the stage `questions`, then the stages of these names."""

_FULL = 0.98
"""Of a context's target length, less the room, that is filled."""
_AGAIN_TAIL = 200
"""Tokens of a request that repeats another with what was wrong."""
_BESIDE = 1.5
"""Documents that a check shows beside the evidence, where it shows any."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What engines are asked for and give."""

    requests: float = 0.0
    samples: float = 0.0
    prompt_tokens: float = 0.0
    """Of all requests; the samples of a request share one prompt."""
    prefilled_tokens: float = 0.0
    """Those of them that are computed where servers keep what prompts of a context have in common."""
    generated_tokens: float = 0.0

    def plus(self, other: Load) -> Load:
        """Both together."""
        return Load(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    def times(self, factor: float | Mapping[str, float]) -> Load:
        """All of it times a number, or each by its name."""
        factors = factor if isinstance(factor, Mapping) else dict.fromkeys(self.__struct_fields__, factor)
        return Load(**{name: getattr(self, name) * factors[name] for name in self.__struct_fields__})


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken for granted as long as nothing was measured. Tokens are of one sample, its reasoning included."""

    accepted: float = 0.25
    """Questions that pass all checks: real filters leave 14 to 33 % (FIELD.md)."""
    looks: float = 0.6
    """Questions that pass the checks that look, and are asked about."""
    again: float = 0.15
    """Replies of which a question cannot be read, and which are asked for again."""
    writer_thinking: float = 1500.0
    """Tokens of a writer's reply beside its questions."""
    question_tokens: float = 350.0
    """Tokens of a question as a writer gives it, with steps and quotes."""
    check_tokens: float = 400.0
    trace_tokens: float = 1500.0
    judge_tokens: float = 150.0
    judged: float = 1.0
    """Answers of a question that the judge is asked about, beside those that match exactly."""
    tokens_a_word: float = 1.4
    """Tokens of a model for each word or sign, where the recipe counts words."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            share = name in ("accepted", "looks", "again")
            if not (math.isfinite(value) and 0 <= value <= (1 if share else 1e9)) or (not value and "tokens_a" in name):
                raise ValueError(f"{name}: got {value}, expected {'a share from 0 to 1' if share else 'a number'}")


class Wrappings(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of prompts without what differs between requests."""

    write: int
    answer: int
    judge: int

    @classmethod
    def of(cls, prompts: Prompts, count: Callable[[str], int]) -> Wrappings:
        """Count the prompts of a recipe; one that cannot be rendered without real inputs counts by its text."""
        question = "In which year was the ship built whose captain wrote the log of the second voyage?"
        inputs: dict[str, dict[str, Any]] = {
            "write_questions": {"context": "", "documents": [], "bridges": [], "count": 1, "wanted": {"bridge": 1}}
            | {"kinds": {"bridge": 1}, "min_documents": 2, "least_steps": 2, "most_steps": 7},
            "answer": {"context": "x\n", "question": question},
            "judge": {"question": question, "reference": "1871", "answer": "in 1871"},
        }

        def tokens(name: str) -> int:
            try:
                return sum(count(message["content"]) for message in prompts.render(name, inputs[name]))
            except PromptError:
                return count(prompts.sources[name])

        return cls(write=tokens("write_questions"), answer=tokens("answer"), judge=tokens("judge"))


def roles_of(recipe: Recipe) -> dict[str, str]:
    """Which engine answers what."""
    return {
        "writing": recipe.questions.engine,
        "checks": recipe.checks.engine,
        "traces": recipe.traces.engine,
        "verdicts": recipe.scoring.judge,
    }


def foresee(recipe: Recipe, length: int, wrappings: Wrappings, assumed: Assumptions) -> dict[str, Load]:
    """What one context of a target length needs, by what asks (`ASKING`), in tokens of the recipe's tokenizer."""
    tokens = _FULL * (length - recipe.contexts.room)
    asked = recipe.questions.per_context
    passed = asked * assumed.accepted
    return {
        "writing": _writing(recipe, tokens, wrappings.write, assumed),
        "checks": _checks(recipe, tokens, wrappings.answer, assumed),
        "traces": _traces(recipe, tokens, wrappings.answer, passed, assumed),
        "verdicts": _verdicts(recipe, wrappings.judge, passed, assumed),
    }


def _writing(recipe: Recipe, tokens: float, wrapping: int, assumed: Assumptions) -> Load:
    config = recipe.questions
    each = min(config.per_request or config.per_context, config.per_context)
    requests = math.ceil(config.per_context / each)
    # Also for a question that a check which looks lets fall: the writer is told, and may mend it.
    again = requests * (1 - (1 - assumed.again) * assumed.looks**each)
    whole = config.scope == "context"
    shown = tokens if whole else min(tokens, config.budget)
    once = shown + requests * wrapping if whole else requests * (shown + wrapping)
    reply = assumed.writer_thinking + assumed.question_tokens * config.per_context / requests
    return Load(
        requests=requests + again,
        samples=requests + again,
        prompt_tokens=(requests + again) * (shown + wrapping),
        prefilled_tokens=once + again * _AGAIN_TAIL,
        generated_tokens=(requests + again) * min(reply, _limit(recipe, config.engine, config.reply_tokens(each))),
    )


def _checks(recipe: Recipe, tokens: float, wrapping: int, assumed: Assumptions) -> Load:
    """Each check asks about what the ones before have left; the shares in between lie evenly on a logarithmic scale."""
    config, checks = recipe.questions, reader_checks(recipe.checks)
    documents = float(max(config.min_documents, 2))
    excerpt = min(recipe.checks.budget, max(LEAST_SHOWN, tokens / (SHARE * documents)), tokens / documents)
    steps = sum(config.steps) / 2 if config.steps[1] <= 4 else max(config.steps[0], 2.5)
    load = Load()
    for place, check in enumerate(checks):
        share = assumed.looks * (min(assumed.accepted / assumed.looks, 1.0) if assumed.looks else 0.0) ** (
            place / len(checks)
        )
        alive = config.per_context * share
        many, shown, tries = _asks(check.name, documents, steps, recipe.checks)
        prompts = alive * many
        tokens_shown = prompts * (wrapping + shown * excerpt)
        load = load.plus(
            Load(
                requests=prompts,
                samples=prompts * tries,
                prompt_tokens=tokens_shown,
                prefilled_tokens=0.9 * tokens_shown,
                generated_tokens=prompts
                * tries
                * min(assumed.check_tokens, _limit(recipe, recipe.checks.engine, 4096)),
            )
        )
    return load


def _asks(name: str, documents: float, steps: float, checks: ChecksConfig) -> tuple[float, float, float]:
    """Of a check: prompts a question, documents a prompt, tries a prompt."""
    tries = float(OPEN_TRIES)
    return {
        "closed_book": (1.0, 0.0, float(checks.closed_book)),
        "single_document": (documents + _BESIDE / 2, 1.0, tries),
        "bridge_masked": (0.8, 1 + 2 * _BESIDE, tries),
        "all_but_one": (documents if documents > 2 else 0.3, max(1.0, documents - 1), tries),
        "answerable": (1.0, documents + _BESIDE / 2, tries),
        "sub_questions": (steps, 1.0, tries),
        "unique": (0.8, documents - 1 + 2 * _BESIDE, tries),
    }.get(name, (1.0, documents, tries))


def _traces(recipe: Recipe, tokens: float, wrapping: int, passed: float, assumed: Assumptions) -> Load:
    config = recipe.traces
    some = 1 - (1 - assumed.accepted) ** recipe.questions.per_context  # contexts that are read at all
    reply = min(assumed.trace_tokens, _limit(recipe, config.engine, config.max_tokens))
    return Load(
        requests=passed,
        samples=passed * config.samples,
        prompt_tokens=passed * (tokens + wrapping),
        prefilled_tokens=some * tokens + passed * wrapping,
        generated_tokens=passed * config.samples * reply,
    )


def _verdicts(recipe: Recipe, wrapping: int, passed: float, assumed: Assumptions) -> Load:
    scoring = recipe.scoring
    distinct = {"never": 0.0, "when_no_exact_match": assumed.judged, "always": assumed.judged + 1}[scoring.ask]
    asked = passed * (distinct if recipe.selection.must_match_reference else 2 * min(distinct, assumed.judged))
    return Load(
        requests=asked,
        samples=asked * scoring.votes,
        prompt_tokens=asked * wrapping,
        prefilled_tokens=0.4 * asked * wrapping,
        generated_tokens=asked * scoring.votes * assumed.judge_tokens,
    )


def _limit(recipe: Recipe, role: str, asked: int) -> float:
    """Tokens that a reply may have: the engine's own limit goes before that of the stage."""
    own = recipe.engines[role].sampling.get("max_tokens", asked)
    return float(own) if isinstance(own, int | float) else math.inf
