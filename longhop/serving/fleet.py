"""The servers of one spec: started together, stopped together.

>>> fleet = Fleet(spec, place, settings, say=print)
>>> await fleet.started()
>>> fleet.urls, fleet.up
(['http://127.0.0.1:40001/v1', 'http://127.0.0.1:40002/v1'], ['http://127.0.0.1:40001/v1'])
>>> await fleet.stop()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from longhop.errors import EngineError
from longhop.serving.logs import last_lines
from longhop.serving.messages import Settings
from longhop.serving.server import Place, Server
from longhop.serving.spec import ServerSpec

__all__ = ["Fleet"]

_REPORT_SECONDS = 30.0


class Fleet:
    """One server a replica."""

    def __init__(self, spec: ServerSpec, place: Place, settings: Settings, say: Callable[[str, bool], None]) -> None:
        self.spec = spec
        self.idle_since = time.monotonic()
        """When its last lease ended; kept by the supervisor."""
        self._servers = [Server(spec, replica, place, settings, say) for replica in range(spec.replicas)]
        self._say = say
        self._settings = settings
        self._starting = asyncio.create_task(self._start())
        self._stopping: asyncio.Task[None] | None = None

    @property
    def urls(self) -> list[str]:
        """Addresses of all servers that answer or will again."""
        return [server.url for server in self._servers if server.failure is None]

    @property
    def up(self) -> list[str]:
        """Addresses of those that answer now."""
        return [server.url for server in self._servers if server.is_up]

    @property
    def failure(self) -> str | None:
        """Why none will answer any more."""
        failures = [server.failure for server in self._servers]
        return failures[0] if None not in failures else None

    @property
    def is_over(self) -> bool:
        """Whether it is being stopped, or no server is left to serve."""
        gave_up = self._starting.done() and (self._starting.cancelled() or self._starting.exception() is not None)
        return self._stopping is not None or gave_up or self.failure is not None

    async def started(self) -> None:
        """Wait until all servers answer, or one where some are being started again; several may wait.

        Raises:
            EngineError: One cannot be started, and so all were stopped.
        """
        try:
            await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            if self._starting.cancelled():
                raise EngineError(f"vLLM for {self.spec.served_name} was stopped while it started") from None
            raise
        while not self.up:
            if self.is_over:
                raise EngineError(self.failure or f"vLLM for {self.spec.served_name} was stopped")
            await asyncio.sleep(self._settings.tick)

    async def stop(self) -> None:
        """End all servers; several may ask for it, and all wait for its end."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _start(self) -> None:
        since = time.monotonic()
        noun = "server" if len(self._servers) == 1 else "servers"
        self._say(f"{self.spec.served_name}: starting {len(self._servers)} {noun}", False)
        starts = [asyncio.create_task(server.start()) for server in self._servers]
        waiting: set[asyncio.Task[None]] = set(starts)
        try:
            while waiting:
                done, waiting = await asyncio.wait(
                    waiting, timeout=_REPORT_SECONDS, return_when=asyncio.FIRST_EXCEPTION
                )
                for start in done:
                    start.result()
                if waiting:
                    self._report(time.monotonic() - since)
        except BaseException:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self._end_servers()
            raise
        after = time.monotonic() - since
        self._say(f"{self.spec.served_name}: ready after {after:.0f} s at {', '.join(self.urls)}", False)

    def _report(self, seconds: float) -> None:
        slow = next((server for server in self._servers if not server.is_up), self._servers[0])
        end = last_lines(list(slow.log.lines), 1)
        said = f", whose log ends with: {end[0]}" if end else ""
        self._say(f"{self.spec.served_name}: waiting for {slow.name} since {seconds:.0f} s{said}", False)

    async def _stop(self) -> None:
        if not self._starting.done():
            self._starting.cancel()
        await asyncio.wait([self._starting])
        await self._end_servers()
        self._say(f"{self.spec.served_name}: stopped", False)

    async def _end_servers(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers))
