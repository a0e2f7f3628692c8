"""A server that replies what a function says, for what no simulation has thought of; and an engine that asks it.

    @in_loop
    async def test_something() -> None:
        async with replying(lambda asked: reply("Answer: 14")) as server, engine(server.url) as reader:
            completion = await reader.complete(request())
        assert server.bodies[0]["seed"] == 7

Servers and engine share the test's event loop, so a test takes milliseconds.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from longhop.engines import Completion, Request
from longhop.engines.openai import OpenAIEngine
from longhop.errors import EngineError, Refused
from longhop.prompting import Prompts, load_prompts
from longhop.recipe import EngineConfig
from longhop.tokens import WordTokenizer

__all__ = ["Asked", "Reply", "Replying", "contents", "engine", "in_loop", "outcome", "reply", "replying", "request"]

MODEL = "tiny"


@dataclass(frozen=True)
class Reply:
    """What goes back."""

    body: Any
    """Bytes as they are, anything else as JSON."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def reply(*contents: str, **usage: int) -> Reply:
    """A completion with these contents."""
    choices = [
        {"index": place, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        for place, content in enumerate(contents)
    ]
    return Reply({"choices": choices, **({"usage": usage} if usage else {})})


@dataclass(frozen=True)
class Asked:
    """A chat request."""

    body: dict[str, Any]
    headers: dict[str, str]
    number: int
    """Of the request, counted from 0."""

    @property
    def said(self) -> str:
        """All messages as one text."""
        return "\n".join(message["content"] for message in self.body.get("messages", []))


@dataclass
class Replying:
    """A server that runs."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Paths of other requests."""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Of chat requests, without messages."""
        return [{name: value for name, value in each.body.items() if name != "messages"} for each in self.asked]


@asynccontextmanager
async def replying(
    answer: Callable[[Asked], Reply | Awaitable[Reply]],
    others: dict[str, Reply] | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    port: int = 0,
) -> AsyncIterator[Replying]:
    """Serve on the loopback.

    Args:
        answer: What a chat request is answered.
        others: What other paths are, such as `/v1/models`, which lists the model if nothing is said of it.
        tls: For a server with a certificate.
        port: Where it listens; 0 for any that is free.
    """
    pages = {"/v1/models": Reply({"data": [{"id": MODEL}]}), **(others or {})}

    async def handle(got: web.Request) -> web.Response:
        if got.path != "/v1/chat/completions":
            server.others.append(got.path)
            return _response(pages.get(got.path, Reply({"detail": "Not Found"}, 404)))
        body = msgspec.json.decode(await got.read())
        headers = {name.lower(): value for name, value in got.headers.items()}
        server.asked.append(Asked(body, headers, len(server.asked)))
        given = answer(server.asked[-1])
        return _response(given if isinstance(given, Reply) else await given)

    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        scheme = "http" if tls is None else "https"
        server = Replying(f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/v1")
        yield server
    finally:
        await runner.cleanup()


def _response(given: Reply) -> web.Response:
    body = given.body if isinstance(given.body, bytes) else msgspec.json.encode(given.body)
    headers = {"Content-Type": "application/json", **given.headers}
    return web.Response(body=body, status=given.status, headers=headers)


@functools.cache
def prompts() -> Prompts:
    """The shipped ones."""
    return load_prompts()


@asynccontextmanager
async def engine(
    *urls: str,
    work: Path | None = None,
    count: Callable[[str], int] | None = None,
    counts_words: bool = False,
    environment: dict[str, str] | None = None,
    own_prompts: Prompts | None = None,
    **settings: Any,
) -> AsyncIterator[OpenAIEngine]:
    """An engine, closed at the end; what is not said is as a recipe has it."""
    config = EngineConfig(kind="openai", urls=list(urls), **{"model": MODEL, **settings})
    made = OpenAIEngine(
        "reader",
        config,
        own_prompts or prompts(),
        count or WordTokenizer().count,
        counts_words=counts_words,
        work=work,
        environment=environment or {},
    )
    try:
        yield made
    finally:
        await made.close()


def request(question: str = "How many?", **changes: Any) -> Request:
    """A question, with a context where one is given."""
    inputs = {"context": changes.pop("context", ""), "question": question}
    return Request(prompt="answer", inputs=inputs, **{"seed": 7, **changes})


async def outcome(reader: OpenAIEngine, asked: Request) -> Completion | Refused | EngineError:
    """What comes of a request."""
    try:
        return await reader.complete(asked)
    except (Refused, EngineError) as error:
        return error


def contents(completion: Completion | Refused | EngineError) -> list[str]:
    """Contents of the choices."""
    assert isinstance(completion, Completion), completion
    return [choice.content for choice in completion.choices]


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is a coroutine."""

    @functools.wraps(test)
    def run(*given: Any, **named: Any) -> None:
        asyncio.run(test(*given, **named))

    return run
