"""The server in an event loop: its endpoints.

    async with serving(Script(), Shape(slots=8)) as url:     # http://127.0.0.1:PORT/v1
        ...

`tests.model_server.model_server` runs it in a process of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web

from tests.model_server.chat import Chat
from tests.model_server.options import Faults, Script, Shape
from tests.model_server.protocol import ApiError, ChatRequest
from tests.model_server.stats import prometheus
from tests.model_server.tokens import render, token_ids

__all__ = ["VERSION", "serving"]

VERSION = "0.11.0"
"""The vLLM whose ways it has."""
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(
    script: Script | None = None, shape: Shape | None = None, faults: Faults | None = None, port: int = 0
) -> AsyncIterator[str]:
    """Serve on the loopback; its address, ending in `/v1`."""
    chat = Chat(script or Script(), shape or Shape(), faults or Faults())
    endpoints = _Endpoints(chat)
    app = web.Application(client_max_size=0, middlewares=[endpoints.guard])
    app.add_routes(
        [
            web.get("/v1/models", endpoints.models),
            web.post("/v1/chat/completions", chat.handle),
            web.post("/tokenize", endpoints.tokenize),
            web.get("/health", endpoints.health),
            web.get("/version", endpoints.version),
            web.get("/metrics", endpoints.metrics),
            web.get("/admin/stats", endpoints.stats),
            web.get("/admin/requests", endpoints.requests),
            web.post("/admin/faults", endpoints.faults),
            web.post("/admin/reset", endpoints.reset),
        ]
    )
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
        chat.close()


class _Endpoints:
    """All but the chat."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    @web.middleware
    async def guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Ask for the key, and say errors as the API does."""
        key = self._chat.script.key
        if key and request.path.startswith("/v1/") and request.headers.get("Authorization") != f"Bearer {key}":
            refused = ApiError(401, "invalid_request_error", "Incorrect API key provided.", "invalid_api_key")
            return _json(refused.body, refused.status)
        try:
            return await handler(request)
        except ApiError as error:
            return _json(error.body, error.status)

    async def models(self, _: web.Request) -> web.Response:
        name = self._chat.script.model
        model = {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "vllm",
            "root": name,
            "parent": None,
            "max_model_len": self._chat.shape.window,
        }
        return _json({"object": "list", "data": [model]})

    async def tokenize(self, request: web.Request) -> web.Response:
        try:
            fields = msgspec.json.decode(await request.read())
            if "messages" in fields:
                text = render(msgspec.convert({"model": "", **fields}, ChatRequest).rendered)
            else:
                text = fields["prompt"]
            tokens = token_ids(text)
        except (msgspec.DecodeError, AttributeError, KeyError, TypeError) as error:
            raise ApiError(400, "BadRequestError", f"expected `prompt` or `messages`: {error}", 400) from None
        window = self._chat.shape.window
        return _json({"count": len(tokens), "max_model_len": window, "tokens": tokens, "token_strs": None})

    async def health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def version(self, _: web.Request) -> web.Response:
        return _json({"version": VERSION})

    async def metrics(self, _: web.Request) -> web.Response:
        self._chat.scheduler.refresh()
        return web.Response(text=prometheus(self._chat.stats, self._chat.script.model, self._chat.shape))

    # What tests ask

    async def stats(self, _: web.Request) -> web.Response:
        self._chat.scheduler.refresh()
        return _json(self._chat.stats)

    async def requests(self, _: web.Request) -> web.Response:
        return _json(list(self._chat.seen))

    async def faults(self, request: web.Request) -> web.Response:
        fields = msgspec.json.decode(await request.read())
        try:
            self._chat.set_faults(Faults.of(fields.pop("faults", ()), **fields))
        except (TypeError, ValueError) as error:
            raise ApiError(400, "BadRequestError", str(error), 400) from None
        return _json({})

    async def reset(self, _: web.Request) -> web.Response:
        self._chat.reset()
        return _json({})


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
