"""Engines out of a recipe: one for each role, and what of its settings decides the answers.

>>> model_of(EngineConfig(kind="lexical"))
'lexical'
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from longhop.engines import Engine
from longhop.engines.keys import headers_of, key_of
from longhop.engines.lexical import LexicalEngine
from longhop.errors import EngineError
from longhop.prompting import Prompts
from longhop.recipe import EngineConfig, Recipe
from longhop.recipe.whole import AROUND_TOKENS
from longhop.serving.lease import Servers
from longhop.serving.spec import ServerSpec, check_together
from longhop.tokens import Tokenizer, load_tokenizer

__all__ = [
    "check_engine",
    "check_engines",
    "check_keys",
    "identity",
    "make_engine",
    "model_of",
    "server_spec",
    "window_needed",
]

_CHECK_TOKENS = 4096
"""Of the answer to a check, at most."""
_WORDS = 1.7
"""Tokens of a model a word, at most, in prose and code of European languages."""


def model_of(config: EngineConfig) -> str:
    """Name of what answers."""
    return config.model or config.kind


def identity(config: EngineConfig) -> dict[str, Any]:
    """What decides the answers, for fingerprints; where a server stands and how fast it is asked does not."""
    if config.kind == "lexical":
        return {"kind": config.kind, "version": LexicalEngine.version}
    return config.model_dump(include={"kind", "model", "revision", "sampling", "extra_body", "args"})


def window_needed(recipe: Recipe, role: str) -> int:
    """Tokens of the longest prompt of a role and its answer; estimated where the recipe counts words.

    Of roles that share vLLM's servers, the one that needs most decides.
    """
    config = recipe.engines[role]
    together = (
        {role}
        if config.kind != "vllm"
        else {
            name
            for name, other in recipe.engines.items()
            if other.kind == "vllm" and _servers(other).key == _servers(config).key
        }
    )
    most = max(need for name, need in _needs(recipe) if name in together) if together else 0
    return round(most * (_WORDS if recipe.tokenizer == "words" else 1)) + AROUND_TOKENS


def _needs(recipe: Recipe) -> Iterator[tuple[str, int]]:
    """What each use of an engine needs: context or passages, and the answer."""
    yield from ((role, 0) for role in recipe.engines)
    longest = max(recipe.contexts.lengths) - recipe.contexts.room
    questions, checks = recipe.questions, recipe.checks
    count = questions.per_request or questions.per_context
    shown = longest if questions.scope == "context" else min(longest, questions.budget)
    yield questions.engine, shown + _answer(recipe, questions.engine, questions.reply_tokens(count))
    if checks.ask_reader:
        shown = min(longest, checks.budget * questions.steps[1])
        yield checks.engine, shown + _answer(recipe, checks.engine, _CHECK_TOKENS)
    yield recipe.traces.engine, longest + _answer(recipe, recipe.traces.engine, recipe.traces.max_tokens)


def _answer(recipe: Recipe, role: str, tokens: int) -> int:
    """Tokens of an answer: what the engine's own `sampling` says goes before what the stage would ask for."""
    own = recipe.engines[role].sampling
    return int(own.get("max_tokens") or own.get("max_completion_tokens") or tokens)


def server_spec(recipe: Recipe, role: str) -> ServerSpec:
    """The servers that an engine of the kind `vllm` starts."""
    config = recipe.engines[role]
    return _servers(config, config.max_context or window_needed(recipe, role))


def _servers(config: EngineConfig, window: int | None = None) -> ServerSpec:
    assert config.model is not None
    return ServerSpec(
        model=config.model,
        revision=config.revision,
        args=tuple(config.args),
        command=tuple(config.command),
        replicas=config.replicas,
        gpus=tuple(config.gpus),
        max_model_len=window,
        exclusive=config.exclusive,
    )


def make_engine(
    role: str,
    config: EngineConfig,
    prompts: Prompts,
    tokenizer: Tokenizer,
    work: Path | None,
    servers: Servers | None = None,
) -> Engine:
    """The engine of a role.

    Args:
        role: Its name in the recipe.
        config: Its settings.
        prompts: The recipe's prompts.
        tokenizer: The recipe's tokenizer; the engine may have one of its own.
        work: Folder that the processes of a machine share.
        servers: Those that were started for it; None where the recipe says where they are.

    Raises:
        EngineError: A variable with its key is not set.
    """
    if config.kind == "lexical":
        return LexicalEngine()
    # The official client takes a second to import, which runs without a server need not pay.
    from longhop.engines.openai import OpenAIEngine  # noqa: PLC0415

    own = load_tokenizer(config.tokenizer) if config.tokenizer is not None else tokenizer
    served = _servers(config).served_name if config.kind == "vllm" else None
    words = own.name == "words"
    return OpenAIEngine(
        role,
        config,
        prompts,
        own.count,
        counts_words=words,
        work=work,
        urls=servers.urls if servers is not None else config.urls,
        served=served,
        restarting=servers.check if servers is not None else None,
    )


def check_keys(role: str, config: EngineConfig) -> None:
    """Whether the variables that an engine needs are set.

    Raises:
        EngineError: One is not.
    """
    key_of(role, config, os.environ)
    headers_of(role, config, os.environ)


def check_engines(recipe: Recipe, *, ask: bool = True) -> None:
    """Look at what can be looked at beforehand: servers that stand already are asked what they are, if `ask`.

    Raises:
        EngineError: A key is missing or wrong, no server answers, one has another model or too short a window, or
            servers that longhop would start cannot be.
    """
    for role in recipe.engines:
        check_engine(recipe, role, ask=ask)
    check_together([server_spec(recipe, role) for role, config in recipe.engines.items() if config.kind == "vllm"])


def check_engine(recipe: Recipe, role: str, *, ask: bool = True) -> int | None:
    """Look at one engine; gives the window of its servers in tokens, where they stand and say so.

    Raises:
        EngineError: As `check_engines`.
    """
    config = recipe.engines[role]
    check_keys(role, config)
    if config.kind == "vllm":
        server_spec(recipe, role).check(os.environ)
    elif config.kind == "openai" and ask:
        return _check_servers(role, config, window_needed(recipe, role))
    return None


def _check_servers(role: str, config: EngineConfig, needed: int) -> int | None:
    from longhop.engines.probe import probe  # noqa: PLC0415 - as above

    with ThreadPoolExecutor(1) as thread:  # a notebook has a loop of its own running in this one
        facts = thread.submit(asyncio.run, probe(role, config, os.environ)).result()
    windows = [fact.window for fact in facts.values() if fact.window is not None]
    window = min([*windows, *([config.max_context] if config.max_context else [])], default=None)
    if window is not None and window < needed:
        raise EngineError(
            f"engines.{role}: the longest prompt and its answer need about {needed:,} tokens, the server takes "
            f"{window:,}; serve it with a longer context, or ask for less in contexts.lengths or traces.max_tokens"
        )
    return window
