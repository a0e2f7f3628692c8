"""Keys of servers: read from the environment when they are needed, never stored, never said.

>>> key_of("writer", EngineConfig(kind="openai", model="m", urls=["http://h/v1"], key_env="KEY"), {"KEY": "secret"})
'secret'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from longhop.errors import EngineError
from longhop.recipe import EngineConfig

__all__ = ["headers_of", "key_of", "key_remedy", "redacted", "secrets_of"]

_LEAST_SECRET = 4
"""Characters; what is shorter is no secret, and would be found in any word."""


def key_of(role: str, config: EngineConfig, environment: Mapping[str, str]) -> str | None:
    """The key that the recipe names a variable for; None where it names none.

    Raises:
        EngineError: The variable is not set, or to what no header can carry.
    """
    return None if config.key_env is None else _variable(role, "key_env", config.key_env, environment)


def headers_of(role: str, config: EngineConfig, environment: Mapping[str, str]) -> dict[str, str]:
    """Headers whose values the recipe names variables for.

    Raises:
        EngineError: A variable is not set, or to what no header can carry.
    """
    return {
        header: _variable(role, f"headers_env.{header}", variable, environment)
        for header, variable in config.headers_env.items()
    }


def secrets_of(key: str | None, headers: Mapping[str, str]) -> list[str]:
    """What must not be said."""
    return [*([key] if key is not None else []), *headers.values()]


def _variable(role: str, key: str, variable: str, environment: Mapping[str, str]) -> str:
    value = environment.get(variable, "").strip()
    if not value:
        raise EngineError(
            f"engines.{role}.{key}: the environment variable {variable} is not set; set it and build again"
        )
    if not (value.isascii() and value.isprintable()):
        raise EngineError(
            f"engines.{role}.{key}: the environment variable {variable} holds characters that no header can carry, "
            "such as a line break or a typographic quote; set it to the key alone"
        )
    return value


def key_remedy(config: EngineConfig) -> str:
    """What to do where a key is refused."""
    if config.key_env is None:
        return "name the environment variable of a key in key_env"
    return f"set {config.key_env} to a key that is valid there"


def redacted(text: str, secrets: Iterable[str]) -> str:
    """A server's words without the keys and headers, which some repeat."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, "…")
    return text
