"""Faults on the wire: replies that are none, connections that end, bodies that come slowly or not whole."""

from __future__ import annotations

import asyncio
import socket
import struct

from aiohttp import web

from tests.model_server.options import Kind
from tests.model_server.protocol import error_body

__all__ = ["fail", "reply_with"]

_DRIPS = 50
_PAGE = "<!doctype html><html><title>Sign in</title><body>Please sign in to this network.</body></html>"
_ERRORS: dict[str, tuple[str, str, str | int]] = {
    "429": ("requests", "Rate limit reached, please slow down.", "rate_limit_exceeded"),
    "500": ("InternalServerError", "The server had an error while processing your request.", 500),
    "503": ("ServiceUnavailable", "The engine is overloaded, please try again later.", 503),
}


async def fail(request: web.Request, fault: Kind, retry_after: float) -> web.StreamResponse:
    """Do what a fault does that happens before the request is looked at."""
    if fault == "hang":
        await asyncio.Event().wait()  # ends with the connection
    if fault == "reset":
        _reset(request)
        return web.Response()
    kind, message, code = _ERRORS[fault]
    headers = {"Retry-After": f"{retry_after:g}"} if fault == "429" else {}
    return web.json_response(error_body(kind, message, code), status=int(fault), headers=headers)


async def reply_with(request: web.Request, body: bytes, fault: Kind | None, seconds: float) -> web.StreamResponse:
    """Send the body of a reply, with a fault or none; `drip` takes so many real seconds."""
    match fault:
        case "html":
            return web.Response(text=_PAGE, content_type="text/html")
        case "truncated":
            body = body[: len(body) // 2]
        case "drip":
            response = await _begin(request, len(body))
            size = -(-len(body) // _DRIPS)
            for start in range(0, len(body), size):
                await asyncio.sleep(seconds / _DRIPS)
                await response.write(body[start : start + size])
            await response.write_eof()
            return response
        case "dropped":
            response = await _begin(request, len(body))
            await response.write(body[: len(body) // 2])
            await asyncio.sleep(0)  # half of it is on its way
            if request.transport:
                request.transport.close()
            return response
    return web.Response(body=body, content_type="application/json")


async def _begin(request: web.Request, length: int) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(length)})
    await response.prepare(request)
    return response


def _reset(request: web.Request) -> None:
    """End the connection with a reset, as a server does whose process is gone."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
