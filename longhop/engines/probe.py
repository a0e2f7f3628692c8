"""What servers are, asked before anything is sent to them: their model, its window, the size of their cache.

    >>> facts = asyncio.run(probe("reader", config))
    >>> facts["http://gpu1:8000/v1"].window
    131072

A server that has no list of models is taken as it is; one that answers with an error that concerns everyone (a wrong
key, another model) stops the build here, before anything is paid for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import msgspec
import openai

from longhop.engines.keys import headers_of, key_of, key_remedy, redacted
from longhop.errors import EngineError
from longhop.recipe import EngineConfig

__all__ = ["TargetFacts", "probe", "probe_all"]

_SECONDS = 20.0


@dataclass(frozen=True)
class TargetFacts:
    """What a server is."""

    window: int | None = None
    """Tokens of prompt and answer together, where it says so."""
    version: str | None = None
    """Of vLLM."""
    root: str | None = None
    """What the served model is, where it says so."""
    cache_tokens: int | None = None
    """Tokens that its prefix cache holds."""
    shares_prefixes: bool = False
    """Whether it computes a common beginning of prompts once."""


class _Model(msgspec.Struct):
    id: str
    max_model_len: int | None = None
    root: str | None = None


class _Models(msgspec.Struct):
    data: list[_Model]


async def probe_all(
    role: str, config: EngineConfig, clients: Mapping[str, openai.AsyncOpenAI], secret: str | None
) -> dict[str, TargetFacts]:
    """Ask all servers of an engine.

    Raises:
        EngineError: A key is wrong, a server has another model, the servers are not alike, or none can be reached.
    """
    found = await asyncio.gather(*(_probe(role, config, url, client, secret) for url, client in clients.items()))
    facts = {url: fact for url, fact in zip(clients, found, strict=True) if isinstance(fact, TargetFacts)}
    if not facts:
        raise EngineError(
            f"engines.{role}: no server answers: {'; '.join(map(str, found))}; start it, or correct `urls`"
        )
    for name in ("version", "root", "window"):
        values = {getattr(fact, name): url for url, fact in facts.items() if getattr(fact, name) is not None}
        if len(values) > 1:
            said = ", ".join(f"{url} has {value}" for value, url in sorted(values.items(), key=str))
            raise EngineError(
                f"engines.{role}.urls: the servers are not alike ({name}: {said}); serve one model on all"
            )
    return facts


async def _probe(
    role: str, config: EngineConfig, url: str, client: openai.AsyncOpenAI, secret: str | None
) -> TargetFacts | str:
    """What a server is, or why it does not answer."""
    try:
        data = await _get(client, "/models")
        models = msgspec.json.decode(data, type=_Models)
    except openai.APIStatusError as error:
        if error.status_code in (401, 403):
            said = f"engines.{role}: {url}: HTTP {error.status_code}: the key is refused"
            raise EngineError(f"{said}; {key_remedy(config)}") from None
        if error.status_code >= 500:
            return f"{url}: HTTP {error.status_code}"
        return TargetFacts()  # it has no list of models
    except openai.APIConnectionError as error:
        return _unreachable(role, url, error)
    except msgspec.MsgspecError:
        if not data.lstrip().startswith((b"{", b"[")):
            beginning = " ".join(data[:80].decode("utf-8", "replace").split())
            raise EngineError(
                f"engines.{role}: {url}/models answers with what is no JSON ({beginning or 'nothing'}); "
                "`urls` has addresses such as http://host:8000/v1"
            ) from None
        return TargetFacts()
    mine = next((model for model in models.data if model.id == config.model), None)
    if mine is None and models.data:
        names = ", ".join(sorted(model.id for model in models.data)[:10])
        raise EngineError(f"engines.{role}.model: {url} has no model {config.model}; it has {redacted(names, secret)}")
    version, cache, shares = await _vllm(client, url)
    return TargetFacts(
        window=mine.max_model_len if mine else None,
        root=mine.root if mine else None,
        version=version,
        cache_tokens=cache,
        shares_prefixes=shares,
    )


async def _vllm(client: openai.AsyncOpenAI, url: str) -> tuple[str | None, int | None, bool]:
    """Version, tokens of the cache, and whether prefixes are shared, of a server that is vLLM."""
    parts = urlsplit(url)
    place = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/").removesuffix("/v1"), "", ""))
    try:
        metrics = (await _get(client, f"{place}/metrics")).decode("utf-8", "replace")
    except (openai.OpenAIError, ValueError):
        return None, None, False
    if "vllm:" not in metrics:
        return None, None, False
    shares = "vllm:prefix_cache_queries" in metrics and 'enable_prefix_caching="False"' not in metrics
    blocks, size = (re.search(rf'vllm:cache_config_info{{[^}}]*\b{name}="(\d+)"', metrics) for name in _CACHE)
    cache = int(blocks[1]) * int(size[1]) if blocks and size else None
    try:
        version = msgspec.json.decode(await _get(client, f"{place}/version"), type=dict[str, str]).get("version")
    except (openai.OpenAIError, msgspec.MsgspecError):
        version = None
    return version, cache or None, shares


_CACHE = ("num_gpu_blocks", "block_size")


async def _get(client: openai.AsyncOpenAI, path: str) -> bytes:
    reply = await client.get(path, cast_to=openai.HttpxBinaryResponseContent, options={"timeout": _SECONDS})
    return reply.content


def _unreachable(role: str, url: str, error: openai.APIConnectionError) -> str:
    said, now = type(error).__name__, error.__cause__ or error.__context__
    while now is not None:
        said = str(now) or said
        now = now.__cause__ or now.__context__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        raise EngineError(
            f"engines.{role}: {url}: its certificate is not trusted ({said}); "
            "set SSL_CERT_FILE to a file with the authority's certificate"
        ) from None
    return f"{url}: {said}"


async def probe(role: str, config: EngineConfig, environment: Mapping[str, str]) -> dict[str, TargetFacts]:
    """Ask all servers of an engine that the recipe gives addresses for.

    Raises:
        EngineError: See `probe_all`; or a variable is not set.
    """
    secret, headers = key_of(role, config, environment), headers_of(role, config, environment)
    clients = {
        url.rstrip("/"): openai.AsyncOpenAI(
            base_url=url.rstrip("/"), api_key=secret or "none", default_headers=headers, max_retries=0, timeout=_SECONDS
        )
        for url in config.urls
    }
    try:
        return await probe_all(role, config, clients, secret)
    finally:
        for client in clients.values():
            await client.close()
