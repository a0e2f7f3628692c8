"""Engines out of a recipe: one for each role, and what of its settings decides the answers.

>>> model_of(EngineConfig(kind="lexical"))
'lexical'
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from longhop.engines import Engine
from longhop.engines.keys import headers_of, key_of
from longhop.engines.lexical import LexicalEngine
from longhop.errors import EngineError
from longhop.prompting import Prompts
from longhop.recipe import EngineConfig
from longhop.tokens import Tokenizer, load_tokenizer

__all__ = ["check_engine", "check_keys", "identity", "make_engine", "model_of"]


def model_of(config: EngineConfig) -> str:
    """Name of what answers."""
    return config.model or config.kind


def identity(config: EngineConfig) -> dict[str, Any]:
    """What decides the answers, for fingerprints; where a server stands and how fast it is asked does not."""
    if config.kind == "lexical":
        return {"kind": config.kind, "version": LexicalEngine.version}
    return config.model_dump(include={"kind", "model", "revision", "sampling", "extra_body", "args"})


def make_engine(
    role: str, config: EngineConfig, prompts: Prompts, tokenizer: Tokenizer, work: Path | None, urls: list[str]
) -> Engine:
    """The engine of a role.

    Args:
        role: Its name in the recipe.
        config: Its settings.
        prompts: The recipe's prompts.
        tokenizer: The recipe's tokenizer; the engine may have one of its own.
        work: Folder that the processes of a machine share.
        urls: Addresses of its servers.

    Raises:
        EngineError: A variable with its key is not set.
    """
    if config.kind == "lexical":
        return LexicalEngine()
    # The official client takes a second to import, which runs without a server need not pay.
    from longhop.engines.openai import OpenAIEngine  # noqa: PLC0415

    own = load_tokenizer(config.tokenizer) if config.tokenizer is not None else tokenizer
    words = own.name == "words"
    return OpenAIEngine(role, config, prompts, own.count, counts_words=words, work=work, urls=urls)


def check_keys(role: str, config: EngineConfig) -> None:
    """Whether the variables that an engine needs are set.

    Raises:
        EngineError: One is not.
    """
    key_of(role, config, os.environ)
    headers_of(role, config, os.environ)


def check_engine(role: str, config: EngineConfig, needed: int) -> None:
    """Look at what can be looked at beforehand: servers that stand already are asked what they are.

    Args:
        role: Its name in the recipe.
        config: Its settings.
        needed: Tokens of the longest prompt and its answer.

    Raises:
        EngineError: A key is missing or wrong, no server answers, one has another model, or too short a window.
    """
    check_keys(role, config)
    if config.kind != "openai":
        return
    from longhop.engines.probe import probe  # noqa: PLC0415

    with ThreadPoolExecutor(1) as thread:  # a notebook has a loop of its own running in this one
        facts = thread.submit(asyncio.run, probe(role, config, os.environ)).result()
    windows = [fact.window for fact in facts.values() if fact.window is not None]
    window = min([*windows, *([config.max_context] if config.max_context else [])], default=None)
    if window is not None and window < needed:
        raise EngineError(
            f"engines.{role}: the longest prompt and its answer need {needed:,} tokens, the server takes {window:,}; "
            "serve the model with a longer context, or ask for shorter contexts in contexts.lengths"
        )
