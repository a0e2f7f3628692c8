"""Keeps a machine's servers for all clients of a work folder; daemon.py is the process that it runs in.

A client is a connection: when its process ends, however it ends, the kernel closes that. Servers without clients stay
a little (`Settings.linger`), and the supervisor ends when it has neither. SIGTERM ends it and all servers at once; when
it is killed, the servers' guards end them.

Turns: an exclusive spec waits until no other is held, and the others wait for it. Who holds servers keeps them from
those who wait, so that a stage is finished before the next model is loaded; whoever waits for what his own process
holds is told so instead. So nobody waits for somebody who waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
import time
from collections.abc import Collection
from pathlib import Path

import msgspec

from longhop.errors import EngineError
from longhop.serving import guard
from longhop.serving.fleet import Fleet
from longhop.serving.messages import (
    VERSION,
    Acquire,
    Ask,
    Failed,
    FromClient,
    FromSupervisor,
    Hello,
    Keep,
    Ready,
    Release,
    Said,
    Settings,
    State,
    Welcome,
    line,
)
from longhop.serving.places import Places
from longhop.serving.server import Place
from longhop.serving.spec import ServerSpec, check_together

__all__ = ["Supervisor"]

log = logging.getLogger("longhop.serving")

_MAX_MESSAGE = 1 << 24
_IDLE_SECONDS = 2.0
"""A supervisor without clients and servers waits so long for the next client."""
_FIRST_SECONDS = 10.0
"""And so long for the first."""
_REMIND_SECONDS = 60.0


class _Client:
    """A connection."""

    def __init__(self, writer: asyncio.StreamWriter, pid: int) -> None:
        self.pid = pid
        self.started = (found := guard.process(pid)) and found.started
        self.spec: ServerSpec | None = None
        """What it holds."""
        self.keeps = False
        self.work: asyncio.Task[None] | None = None
        self._writer = writer

    def send(self, message: FromSupervisor) -> None:
        if not self._writer.is_closing():
            self._writer.write(line(message))

    def say(self, text: str) -> None:
        self.send(Said(text))

    def is_gone(self) -> bool:
        """Whether its process has ended, though a process that it forked may hold the connection open."""
        if not self.pid:  # of another namespace
            return False
        found = guard.process(self.pid)
        if found is None:
            return Path("/proc/self/stat").exists()
        return found.started != self.started or found.state == "Z"

    def cut(self) -> None:
        self._writer.transport.abort()


class Supervisor:
    """Keeps servers as long as somebody needs them."""

    def __init__(self, work: Path, settings: Settings, lock: int) -> None:
        self._places = Places(work)
        self._lock = lock
        self._settings = settings
        self._clients: set[_Client] = set()
        self._fleets: dict[str, Fleet] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._busy_at = time.monotonic()
        self._had_clients = False
        self._closing = False
        self._stop = asyncio.Event()

    async def serve(self, listening: socket.socket) -> None:
        """Serve until nobody needs servers any more, or a signal comes."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        server = await asyncio.start_unix_server(self._connected, sock=listening, limit=_MAX_MESSAGE)
        try:
            while not self._stop.is_set():
                self._look_around()
                if self._is_idle():
                    break
                await asyncio.sleep(self._settings.tick)
        finally:
            # Nobody comes in from here on, nor those who have knocked; who tries starts the next supervisor, which
            # waits until this one is gone.
            self._closing = True
            self._places.forget_address()
            server.close()
            why = "was asked to end (SIGTERM)" if self._stop.is_set() else f"has failed, see {self._places.log}"
            told = f"the supervisor of the vLLM servers {why}, so they are stopped; build again"
            for client in self._clients:
                if client.work is not None:
                    client.work.cancel()
                client.send(Failed(told))
            for key in list(self._fleets):
                self._retire(key)
            await _all_done(self._stopping)
            for client in list(self._clients):
                client.cut()
            await asyncio.to_thread(guard.end_descendants, self._settings.grace)

    def _look_around(self) -> None:
        """Let go of clients that are gone and of servers that nobody needs."""
        for client in list(self._clients):
            if client.is_gone():
                client.cut()
        now = time.monotonic()
        if self._clients or self._fleets or self._stopping:
            self._busy_at = now
        kept = any(client.keeps for client in self._clients)
        for key, fleet in list(self._fleets.items()):
            lingers = kept or now - fleet.idle_since < self._settings.linger
            if not self._holders(key) and (fleet.is_over or not lingers):
                log.info("%s: nobody needs it any more", fleet.spec.served_name)
                self._retire(key)

    def _is_idle(self) -> bool:
        idle = min(_IDLE_SECONDS, self._settings.linger) if self._had_clients else _FIRST_SECONDS
        return time.monotonic() - self._busy_at > idle

    def _holders(self, key: str) -> list[_Client]:
        return [client for client in self._clients if client.spec is not None and client.spec.key == key]

    def _retire(self, key: str) -> asyncio.Task[None]:
        """Stop servers; whoever asks for them from here on gets new ones."""
        task = asyncio.create_task(self._fleets.pop(key).stop())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)
        return task

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closing:
            writer.close()
            return
        client = _Client(writer, _peer(writer))
        self._clients.add(client)
        self._had_clients = True
        try:
            while text := await reader.readline():
                if not self._answer(client, msgspec.json.decode(text, type=FromClient)):
                    break
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            # What a client says holds its environment, so only the kind of the error is told.
            log.info("process %d: %s", client.pid, type(error).__name__)
        finally:
            if client.work is not None:
                client.work.cancel()
            self._let_go(client)
            self._clients.discard(client)
            writer.close()

    def _answer(self, client: _Client, message: FromClient) -> bool:
        """Do what a client asks; false when it wants nothing more."""
        match message:
            case Hello():
                client.send(Welcome(VERSION, os.getpid()))
                return message.version == VERSION
            case Acquire():
                client.work = asyncio.create_task(self._acquire(client, message))
            case Keep():
                client.keeps = True
                client.send(Ready())
            case Ask():
                client.send(self._state(message.key))
            case Release():
                return False
        return True

    def _state(self, key: str) -> State:
        fleet = self._fleets.get(key)
        if fleet is None:
            return State(failure="its vLLM servers were stopped since nobody held them; take a lease again")
        return State(fleet.up, fleet.failure)

    async def _acquire(self, client: _Client, wanted: Acquire) -> None:
        try:
            await self._turn(client, wanted.spec)
            fleet = await self._fleet(client, wanted)
            await fleet.started()
        except EngineError as error:
            log.info("process %d: %s", client.pid, error)
            self._let_go(client)
            client.send(Failed(str(error)))
        except Exception:
            # The client waits for an answer, and the others' servers are not to suffer.
            log.exception("process %d", client.pid)
            self._let_go(client)
            told = f"vLLM for {wanted.spec.served_name}: the supervisor has failed, see {self._places.log}"
            client.send(Failed(told))
        else:
            client.send(Ready(fleet.urls))

    def _let_go(self, client: _Client) -> None:
        if client.spec is not None:
            fleet = self._fleets.get(client.spec.key)
            client.spec = None
            if fleet is not None:
                fleet.idle_since = time.monotonic()

    async def _turn(self, client: _Client, spec: ServerSpec) -> None:
        """Wait until the spec may be held, and hold it; then stop servers that must not stand beside it."""
        remind_at, waited = 0.0, ""
        while blocking := self._blocking(client, spec):
            who = f"{spec.served_name}: waits for {blocking}; one of them is exclusive"
            if waited != who or time.monotonic() > remind_at:
                waited, remind_at = who, time.monotonic() + _REMIND_SECONDS
                log.info("process %d: %s", client.pid, who)
                client.say(who)
            await asyncio.sleep(self._settings.tick)
        client.spec = spec
        beside = [other for other in self._clients if other.spec is not None and other is not client]
        check_together([spec, *(other.spec for other in beside if other.spec is not None)])
        held = {other.spec.key for other in beside if other.spec is not None}
        leaving = set(self._stopping)
        for key, fleet in list(self._fleets.items()):
            if key != spec.key and key not in held and _clash(spec, fleet.spec):
                client.say(f"{spec.served_name}: the servers of {fleet.spec.served_name} are stopped for it")
                leaving.add(self._retire(key))
        # A GPU is free only when the process that used it is gone.
        await _all_done(leaving)

    def _blocking(self, client: _Client, spec: ServerSpec) -> str:
        """Who is waited for; empty when it is the client's turn.

        Raises:
            EngineError: The client would wait for itself.
        """
        blocking: dict[str, set[int]] = {}
        for other in self._clients:
            if other.spec is None or other.spec.key == spec.key or not (spec.exclusive or other.spec.exclusive):
                continue
            if other.pid and other.pid in _line_of(client.pid):
                raise EngineError(
                    f"vLLM for {spec.served_name}: it waits for the servers of {other.spec.served_name}, which process "
                    f"{other.pid} holds that asks for it itself; end that lease first, or set `exclusive: false`"
                )
            blocking.setdefault(other.spec.served_name, set()).add(other.pid)
        if not blocking:
            now = time.monotonic()
            for key, fleet in self._fleets.items():
                idle = now - fleet.idle_since
                if (
                    key != spec.key
                    and not self._holders(key)
                    and (spec.exclusive or fleet.spec.exclusive)
                    and not fleet.is_over
                    and idle < self._settings.settle
                ):
                    return f"{fleet.spec.served_name}, which was in use {idle:.0f} s ago"
        return " and ".join(
            f"{name} (held by process {', '.join(map(str, sorted(pids)))})" for name, pids in sorted(blocking.items())
        )

    async def _fleet(self, client: _Client, wanted: Acquire) -> Fleet:
        """The servers of a spec, started if there are none."""
        spec = wanted.spec
        fleet = self._fleets.get(spec.key)
        if fleet is not None and not fleet.is_over and (different := _different(spec, fleet.spec)):
            if len(self._holders(spec.key)) > 1:
                raise EngineError(
                    f"vLLM for {spec.served_name}: its servers are in use with another `{different}`; engines of one "
                    f"model, revision, args and command share servers, so give them the same `{different}`"
                )
            client.say(f"{spec.served_name}: its servers are started again, with another `{different}`")
        if fleet is not None and (fleet.is_over or _different(spec, fleet.spec)):
            await _all_done({self._retire(spec.key)})
            # Whoever waited for the same end may have started new ones.
            fleet = self._fleets.get(spec.key)
        if fleet is None:
            place = Place(self._places.folder, wanted.folder, wanted.environment, self._lock)
            fleet = Fleet(
                spec, place, self._settings, lambda text, warning: self._tell(spec.key, text, warning=warning)
            )
            self._fleets[spec.key] = fleet
        elif not fleet.up:
            client.say(f"{spec.served_name}: waiting for its servers, which are being started")
        return fleet

    def _tell(self, key: str, text: str, *, warning: bool) -> None:
        log.log(logging.WARNING if warning else logging.INFO, "%s", text)
        for client in self._holders(key):
            client.send(Said(text, warning))


async def _all_done(tasks: Collection[asyncio.Task[None]]) -> None:
    """Wait for tasks, which go on when the one who waits does not."""
    if tasks:
        await asyncio.wait(tasks)


def _clash(spec: ServerSpec, other: ServerSpec) -> bool:
    """Whether servers of both may not stand at a time."""
    if spec.exclusive or other.exclusive:
        return True
    try:
        check_together([spec, other])
    except EngineError:
        return True
    return False


def _different(spec: ServerSpec, running: ServerSpec) -> str:
    """The first field in which servers that run are not what is wanted."""
    if spec.replicas != running.replicas:
        return "replicas"
    if spec.gpus != running.gpus:
        return "gpus"
    if "max-model-len" not in spec.options and (spec.max_model_len or 0) > (running.max_model_len or 1 << 60):
        return "max_model_len"
    return ""


def _line_of(pid: int) -> list[int]:
    """A process and those that it comes from."""
    pids: list[int] = []
    while pid > 1 and pid not in pids:
        pids.append(pid)
        found = guard.process(pid)
        pid = found.parent if found is not None else 0
    return pids


def _peer(writer: asyncio.StreamWriter) -> int:
    """The process that opened the connection, as the kernel tells; 0 where it does not."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(AttributeError, OSError):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int(struct.unpack("3i", credentials)[0])
    return 0
