"""Connections to servers, through the official client: its own retries off, closed when nobody needs them any more.

    >>> connections = Connections("secret", {})
    >>> data = await connections.post("http://gpu1:8000/v1", b'{"model": …}', lambda: 120.0)

Whoever asks an engine knows nothing of event loops, so nobody could close its connections in theirs. They are closed
when the object is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncIterator, Callable, Mapping

import openai

__all__ = ["Connections"]

_CONNECT_SECONDS = 15.0
_LIMIT_AGAIN_SECONDS = 5.0
"""How often a request that waits asks whether it may still."""


class Connections:
    """A client for each server, all of one key and with one pool of connections."""

    def __init__(self, key: str | None, headers: Mapping[str, str]) -> None:
        self._key = key
        self._headers = headers
        self._clients: dict[str, openai.AsyncOpenAI] = {}
        self._loops: list[asyncio.AbstractEventLoop] = []
        weakref.finalize(self, _let_go, self._clients, self._loops, os.getpid())

    def client(self, target: str) -> openai.AsyncOpenAI:
        """The client of a server."""
        if target not in self._clients and self._clients:
            # A client of its own would load the system's certificates again, which takes a twentieth of a second.
            self._clients[target] = next(iter(self._clients.values())).copy(base_url=target)
        if target not in self._clients:
            self._loops[:] = [asyncio.get_running_loop()]
            self._clients[target] = openai.AsyncOpenAI(
                base_url=target,
                api_key=self._key or "none",
                default_headers=self._headers,
                max_retries=0,
                timeout=_CONNECT_SECONDS,
            )
        return self._clients[target]

    async def post(self, target: str, content: bytes, limit: Callable[[], float]) -> bytes:
        """Ask for a completion; what came back, as it came.

        Args:
            target: Address of the server.
            content: The request as JSON.
            limit: Seconds for all of it. Asked again while the reply is waited for, since the first requests are sent
                before it is known how fast a server is; it may become less that way, not more.

        Raises:
            openai.OpenAIError: It did not come, or with an error status.
            TimeoutError: It did not come whole in time.
        """
        seconds = limit()
        # The client's own limit is for each piece of a reply.
        async with asyncio.timeout(seconds) as clock, _shortened(clock, limit):
            # The client's own parsing of a reply takes longer than all the rest, so its bytes are asked for.
            response = await self.client(target).post(
                "/chat/completions",
                cast_to=openai.HttpxBinaryResponseContent,
                content=content,
                options={
                    "headers": {"Content-Type": "application/json"},
                    "timeout": openai.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS)),
                },
            )
        return response.content

    async def close(self) -> None:
        """Close them now."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.close()


@contextlib.asynccontextmanager
async def _shortened(clock: asyncio.Timeout, limit: Callable[[], float]) -> AsyncIterator[None]:
    """Lets the time of a request end earlier where `limit` has become less meanwhile."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def look() -> None:
        while not clock.expired():
            await asyncio.sleep(_LIMIT_AGAIN_SECONDS)
            ends = clock.when()
            if not clock.expired() and ends is not None and began + limit() < ends:
                clock.reschedule(began + limit())

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()


_closing: set[asyncio.Task[None]] = set()
"""Tasks that nobody waits for are kept until they are done."""


def _let_go(clients: dict[str, openai.AsyncOpenAI], loops: list[asyncio.AbstractEventLoop], pid: int) -> None:
    """Close connections in the loop that opened them; in a fork, which has inherited them, leave them alone."""

    def close() -> None:
        for client in clients.values():
            task = loops[0].create_task(client.close())
            _closing.add(task)
            task.add_done_callback(_closing.discard)

    if clients and pid == os.getpid() and loops[0].is_running():
        with contextlib.suppress(RuntimeError):  # it has ended meanwhile
            loops[0].call_soon_threadsafe(close)
