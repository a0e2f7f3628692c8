"""How the rows of each stage are made, as a short hash: what is equal is reused, what differs is built anew.

    >>> fingerprints(recipe, tokenizer.fingerprint, prompts.hashes, "", "")["traces"]
    '5c0f6f2a9d1b'

A stage's fingerprint covers its part of the recipe, the texts of its prompts, the engines that it asks, the version of
its code, and the fingerprint of the stage before. Which rows are made is no part of it: sources and numbers of contexts
stand in the plan, which only grows. Nor is what leaves the rows as they are: addresses, concurrency, prices, workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from longhop.engines.roles import identity
from longhop.recipe import Recipe
from longhop.stages import contexts, documents, examples, questions, traces, verdicts

__all__ = ["STAGES", "fingerprints"]

STAGES = ("documents", "plan", "context_plan", "contexts", "questions", "traces", "verdicts", "examples", "dataset")
"""All stages, in the order in which rows flow."""

_DATASET_VERSION = 3


def fingerprints(
    recipe: Recipe, tokenizer: str, prompts: Mapping[str, str], excluded: str, evaluation_sets: str
) -> dict[str, str]:
    """Fingerprint of every stage.

    Args:
        recipe: The recipe.
        tokenizer: Fingerprint of its tokenizer.
        prompts: Hash of each prompt.
        excluded: Fingerprint of the texts that documents must not overlap.
        evaluation_sets: Fingerprint of the texts that questions must not overlap.
    """

    def engine(role: str) -> dict[str, Any]:
        return identity(recipe.engines[role])

    def chosen(*names: str) -> dict[str, str]:
        return {name: prompts[name] for name in names}

    settings: dict[str, Any] = {
        "documents": [
            documents.VERSION,
            tokenizer,
            excluded,
            recipe.documents.model_dump(exclude={"near_duplicate", "splits", "exclude"}),
        ],
        "plan": [recipe.seed, recipe.documents.model_dump(include={"near_duplicate", "splits"})],
        "context_plan": [
            contexts.VERSION,
            recipe.contexts.model_dump(exclude={"lengths", "allow_fewer", "part_size", "part_tokens"}),
        ],
        "contexts": [],
        "questions": [
            questions.VERSION,
            recipe.questions.model_dump(exclude={"engine"}),
            recipe.checks.model_dump(exclude={"engine", "exclude"}),
            evaluation_sets,
            recipe.traces.reasoning,
            engine(recipe.questions.engine),
            engine(recipe.checks.engine),
            chosen("write_questions", "answer"),
        ],
        "traces": [
            traces.VERSION,
            recipe.traces.model_dump(exclude={"engine"}),
            engine(recipe.traces.engine),
            chosen("answer"),
        ],
        "verdicts": [
            verdicts.VERSION,
            recipe.scoring.model_dump(exclude={"judge"}),
            recipe.selection.must_match_reference,
            engine(recipe.scoring.judge),
            chosen("judge", "compare"),
        ],
        "examples": [examples.VERSION, recipe.selection.model_dump()],
        "dataset": [
            _DATASET_VERSION,
            recipe.dataset.model_dump(include={"license", "examples", "format", "reasoning", "configurations"}),
        ],
    }
    made: dict[str, str] = {}
    before = ""
    for stage in STAGES:
        said = json.dumps([stage, before, settings[stage]], sort_keys=True, ensure_ascii=False, default=str)
        before = made[stage] = hashlib.sha256(said.encode()).hexdigest()[:12]
    return made
