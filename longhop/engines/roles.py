"""Engines out of a recipe: one for each role, and what of its settings decides the answers.

>>> make_engine("writer", EngineConfig(kind="lexical")).model
'lexical'
"""

from __future__ import annotations

from typing import Any

from longhop.engines import Engine
from longhop.engines.lexical import LexicalEngine
from longhop.errors import EngineError
from longhop.recipe import EngineConfig

__all__ = ["identity", "make_engine"]


def make_engine(role: str, config: EngineConfig) -> Engine:
    """The engine of a role.

    Raises:
        EngineError: This version has no engine of that kind.
    """
    if config.kind == "lexical":
        return LexicalEngine()
    raise EngineError(
        f"engines.{role}.kind: `{config.kind}` is not in this version of longhop yet; "
        "set it to `lexical`, the embedded engine, to try the pipeline"
    )


def identity(config: EngineConfig) -> dict[str, Any]:
    """What decides the answers, for fingerprints; where a server stands and how fast it is asked does not."""
    if config.kind == "lexical":
        return {"kind": config.kind, "version": LexicalEngine.version}
    return config.model_dump(include={"kind", "model", "revision", "sampling", "extra_body", "args"})
