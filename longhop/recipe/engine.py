"""The part of a recipe that says by which model a role is answered, and where that stands."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from longhop.recipe.values import Address, Config, Text, Tokens, Variable

__all__ = ["EngineConfig"]


class EngineConfig(Config):
    """How prompts are answered. `lexical` needs no model; the other keys are those of a model's server."""

    kind: Literal["openai", "vllm", "lexical"]
    model: Text | None = Field(None, validate_default=True)
    revision: Text | None = None
    urls: list[Address] = Field([], validate_default=True)
    key_env: Variable | None = None
    """Variable that holds the key."""
    headers_env: dict[Text, Variable] = {}
    """Header: variable that holds its value."""
    concurrency: int = Field(64, ge=1)
    sampling: dict[str, Any] = {}
    """Sampling keys of every request; one that is null is not sent."""
    extra_body: dict[str, Any] = {}
    max_context: Tokens | None = Field(None, ge=1)
    tokenizer: Text | None = None
    """For fitting prompts, where it is not the recipe's."""
    timeout: float | None = Field(None, gt=0)
    """Seconds; null: from token counts."""
    prices: dict[Literal["input", "cached", "output"], Annotated[float, Field(ge=0)]] = {}
    """Per million tokens, in any one currency; `cached` is what prompts have in common with earlier ones, by default
    as dear as `input`."""
    exclusive: bool = False
    """Does not stand on the GPUs together with the other engines."""
    replicas: int = Field(1, ge=1)
    gpus: list[Annotated[int, Field(ge=0)]] = []
    args: list[str] = []
    command: list[Text] = Field(["vllm", "serve"], min_length=1)

    @field_validator("model")
    @classmethod
    def _named(cls, model: str | None, info: ValidationInfo) -> str | None:
        if model is None and info.data.get("kind") in {"openai", "vllm"}:
            raise ValueError("the name that the server knows the model by")
        return model

    @field_validator("urls")
    @classmethod
    def _reachable(cls, urls: list[str], info: ValidationInfo) -> list[str]:
        if not urls and info.data.get("kind") == "openai":
            raise ValueError("at least one address such as http://host:8000/v1")
        return urls
