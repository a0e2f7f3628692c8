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
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import msgspec
import openai

from longhop.engines.connections import Connections
from longhop.engines.keys import headers_of, key_of, key_remedy, redacted, secrets_of
from longhop.engines.replies import Malformed, beginning, read_completion, refuses_key
from longhop.errors import EngineError
from longhop.recipe import EngineConfig

__all__ = ["TargetFacts", "check_alike", "nobody", "probe", "probe_all", "probe_one", "unreachable"]

_SECONDS = 20.0
_ADDRESSES = "`urls` has addresses such as http://host:8000/v1"
_CACHE = ("num_gpu_blocks", "block_size")
_BYTES = openai.HttpxBinaryResponseContent


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
    role: str, config: EngineConfig, clients: Mapping[str, openai.AsyncOpenAI], secrets: Collection[str], model: str
) -> tuple[dict[str, TargetFacts], list[str]]:
    """Ask all servers of an engine for a model: what they are, and of those that cannot be reached why.

    Raises:
        EngineError: A key is wrong, a server has another model, or the servers are not alike.
    """
    asked = (probe_one(role, config, url, client, secrets, model) for url, client in clients.items())
    found = await asyncio.gather(*asked)
    facts = {url: fact for url, fact in zip(clients, found, strict=True) if isinstance(fact, TargetFacts)}
    check_alike(role, facts)
    return facts, [fact for fact in found if isinstance(fact, str)]


def nobody(role: str, silent: Sequence[str]) -> EngineError:
    """What to say where no server can be reached."""
    return EngineError(f"engines.{role}: no server answers: {'; '.join(silent)}; start it, or correct `urls`")


def check_alike(role: str, facts: Mapping[str, TargetFacts]) -> None:
    """Whether servers are so alike that an answer of one may stand for another's.

    Raises:
        EngineError: They are not.
    """
    for name in ("version", "root", "window"):
        values = {getattr(fact, name): url for url, fact in facts.items() if getattr(fact, name) is not None}
        if len(values) > 1:
            said = ", ".join(f"{url} has {value}" for value, url in sorted(values.items(), key=str))
            raise EngineError(
                f"engines.{role}.urls: the servers are not alike ({name}: {said}); serve one model on all"
            )


async def probe_one(
    role: str, config: EngineConfig, url: str, client: openai.AsyncOpenAI, secrets: Collection[str], model: str
) -> TargetFacts | str:
    """What a server is, or why it does not answer.

    Raises:
        EngineError: A key is wrong, it has another model, or is no such server at all.
    """
    try:
        data = await _get(client, "/models")
        models = msgspec.json.decode(data, type=_Models)
    except openai.APIStatusError as error:
        if refuses_key(error.status_code, error.response.text):
            said = f"engines.{role}: {url}: HTTP {error.status_code}: the key is refused"
            raise EngineError(f"{said}; {key_remedy(config)}") from None
        if error.status_code >= 500:
            return f"{url}: HTTP {error.status_code}"
        if error.status_code < 400 or (error.status_code in (404, 405) and await _has_no_chat(client)):
            raise _elsewhere(role, url, error.status_code) from None
        return TargetFacts()  # it has no list of models
    except openai.APIConnectionError as error:
        return f"{url}: {unreachable(role, url, error)}"
    except TimeoutError:
        return f"{url}: no reply within {_SECONDS:.0f} s"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        if not data.lstrip().startswith((b"{", b"[")):
            said = beginning(redacted(data.decode("utf-8", "replace"), secrets))
            raise EngineError(
                f"engines.{role}: {url}/models answers with what is no JSON ({said}); {_ADDRESSES}"
            ) from None
        if await _has_no_chat(client):
            raise _elsewhere(role, url, 200) from None
        return TargetFacts()
    mine = next((each for each in models.data if each.id == model), None)
    if mine is None and models.data:
        names = ", ".join(sorted(each.id for each in models.data)[:10])
        raise EngineError(f"engines.{role}.model: {url} has no model {model}; it has {redacted(names, secrets)}")
    version, cache, shares = await _vllm(client, url)
    return TargetFacts(
        window=mine.max_model_len if mine else None,
        root=mine.root if mine else None,
        version=version,
        cache_tokens=cache,
        shares_prefixes=shares,
    )


def _elsewhere(role: str, url: str, status: int) -> EngineError:
    return EngineError(f"engines.{role}: {url} has neither /models nor /chat/completions (HTTP {status}); {_ADDRESSES}")


async def _has_no_chat(client: openai.AsyncOpenAI) -> bool:
    """Whether an address is not one of a server of this protocol: one that is refuses an empty request in its words."""
    try:
        async with asyncio.timeout(_SECONDS):
            reply = await client.post("/chat/completions", cast_to=_BYTES, content=b"{}", options={"timeout": _SECONDS})
        read_completion(reply.content)
    except openai.APIStatusError as error:
        return error.status_code in (404, 405) and "model" not in error.response.text
    except Malformed:  # it takes what is no request, and gives what is no answer
        return True
    except (openai.OpenAIError, TimeoutError):
        return False
    return False


async def _vllm(client: openai.AsyncOpenAI, url: str) -> tuple[str | None, int | None, bool]:
    """Version, tokens of the cache, and whether prefixes are shared, of a server that is vLLM."""
    parts = urlsplit(url)
    place = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/").removesuffix("/v1"), "", ""))
    try:
        metrics = (await _get(client, f"{place}/metrics")).decode("utf-8", "replace")
    except (openai.OpenAIError, ValueError, TimeoutError):
        return None, None, False
    if "vllm:" not in metrics:
        return None, None, False
    shares = "vllm:prefix_cache_queries" in metrics and 'enable_prefix_caching="False"' not in metrics
    blocks, size = (re.search(rf'vllm:cache_config_info{{[^}}]*\b{name}="(\d+)"', metrics) for name in _CACHE)
    cache = int(blocks[1]) * int(size[1]) if blocks and size else None
    try:
        version = msgspec.json.decode(await _get(client, f"{place}/version"), type=dict[str, str]).get("version")
    except (openai.OpenAIError, msgspec.MsgspecError, TimeoutError):
        version = None
    return version, cache or None, shares


async def _get(client: openai.AsyncOpenAI, path: str) -> bytes:
    async with asyncio.timeout(_SECONDS):  # the client's own limit is for each piece of a reply
        reply = await client.get(path, cast_to=_BYTES, options={"timeout": _SECONDS})
    return reply.content


def unreachable(role: str, url: str, error: openai.APIConnectionError) -> str:
    """Why a connection failed, in the system's words.

    Raises:
        EngineError: The server's certificate is not trusted, which will not pass.
    """
    said, now = type(error).__name__, error.__cause__ or error.__context__
    while now is not None:
        said = str(now) or said
        now = now.__cause__ or now.__context__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        raise EngineError(
            f"engines.{role}: {url}: its certificate is not trusted ({said}); "
            "set SSL_CERT_FILE to a file with the authority's certificate"
        ) from None
    if "WRONG_VERSION_NUMBER" in said:
        return f"it speaks no TLS, write http:// ({said})"
    return said


async def probe(role: str, config: EngineConfig, environment: Mapping[str, str]) -> dict[str, TargetFacts]:
    """Ask all servers of an engine that the recipe gives addresses for.

    Raises:
        EngineError: See `probe_all`; or no server can be reached, or a variable is not set.
    """
    assert config.model is not None
    secret, headers = key_of(role, config, environment), headers_of(role, config, environment)
    connections = Connections(secret, headers)
    clients = {url: connections.client(url) for url in dict.fromkeys(url.rstrip("/") for url in config.urls)}
    try:
        facts, silent = await probe_all(role, config, clients, secrets_of(secret, headers), config.model)
    finally:
        await connections.close()
    if not facts:
        raise nobody(role, silent)
    return facts
