"""What values of a recipe are: strict types that several of its parts have."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from longhop.recipe.whole import parse_tokens

__all__ = ["Address", "Config", "Language", "Name", "Share", "Text", "Tokens", "Variable"]

_SECRET = re.compile(r"(sk|pk|hf|gsk|ghp|xai)[-_].{12,}")


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) or _SECRET.match(value):
        raise ValueError("the name of an environment variable that holds the secret, not the secret itself")
    return value


Tokens = Annotated[int, BeforeValidator(parse_tokens), Field(le=2**40)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Text = Annotated[str, Field(min_length=1)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Variable = Annotated[str, AfterValidator(_variable)]
Address = Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(?:/[^\s?#]*)?$")]
"""Of a server; no user, password or query, since those are secrets, and recipes are published."""


class Config(BaseModel):
    """Base of all parts of a recipe: unknown keys are refused, types are taken strictly, values do not change."""

    # Strict, so that `seed: "7"` or `samples: true` is said and not guessed.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
