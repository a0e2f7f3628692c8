"""One server: a replica on its own port and GPUs, started, watched, started again when it ends, and stopped.

    >>> server = Server(spec, 0, place, settings, say=print)
    >>> await server.start()           # EngineError, in one sentence with the end of its log, if it cannot
    >>> server.url, server.is_up
    ('http://127.0.0.1:40001/v1', True)
    >>> await server.stop()

The address stays the same when a server is started again, so that clients find it where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from longhop.errors import EngineError
from longhop.serving import guard
from longhop.serving.logs import ServerLog, cause, last_lines, secrets
from longhop.serving.messages import Settings
from longhop.serving.ports import Port
from longhop.serving.spec import ServerSpec

__all__ = ["Place", "Server"]

_PORT_TRIES = 5
_ASK_SECONDS = 10.0
_SICK_TIMES = 3
"""vLLM answers 503 when its engine has died, and ends soon; if it does not, it is ended after so many times."""


_GUARDS: set[int] = set()
"""Processes that guard servers of this supervisor, until their end was taken in."""
_CHANGING_GUARDS = asyncio.Lock()
"""Held while one starts, and while everything is ended that belongs to none."""


class Place(NamedTuple):
    """Where servers run."""

    logs: Path
    """Folder of their logs."""
    folder: str
    """Where they work: the client's own."""
    environment: Mapping[str, str]
    lock: int
    """An open file that the guards hold, see guard.py."""


class Server:
    """One replica of a spec."""

    def __init__(
        self, spec: ServerSpec, replica: int, place: Place, settings: Settings, say: Callable[[str, bool], None]
    ) -> None:
        self.name = spec.served_name if spec.replicas == 1 else f"{spec.served_name} (replica {replica})"
        self.is_up = False
        self.failure: str | None = None
        """Why it is not started any more."""
        self._spec = spec
        self._replica = replica
        self._place = place
        self._settings = settings
        self._say = say
        readable = re.sub(r"[^\w.-]+", "-", spec.served_name).strip("-.")[-60:]
        path = place.logs / f"{readable}-{spec.key[:8]}-{replica}.log"
        self.log = ServerLog(path, secrets(spec, place.environment))
        self._port: Port | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where its API is."""
        assert self._port is not None
        host = self._spec.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port.number}/v1"

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            EngineError: It ended, or does not answer in time.
        """
        until = time.monotonic() + self._settings.ready
        failure = ""
        for _ in range(_PORT_TRIES):
            self._free_port()
            self._port = Port(self._spec.host)
            failure = await self._launch(until)
            if not failure:
                self._watching = asyncio.create_task(self._watch())
                return
            if not self._is_port_taken():
                break
            self._say(f"{self.name}: port {self._port.number} was taken meanwhile; trying another", False)
        raise EngineError(f"vLLM for {self.name} did not start: {failure}")

    async def stop(self) -> None:
        """End it with all that it started."""
        self.is_up = False
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._end_process()
        self._free_port()

    async def _launch(self, until: float) -> str:
        """Start the process; gives an empty text when it answers, else why it does not."""
        assert self._port is not None
        environment = self._spec.environment(self._place.environment, self._replica)
        gpus = ",".join(map(str, self._spec.gpus_of(self._replica))) or "as the machine has them"
        self.log.begin(f"{time.strftime('%Y-%m-%d %H:%M:%S')} port {self._port.number}, GPUs {gpus}")
        try:
            await _whole(self._spawn(self._spec.command_line(self._port.number), environment))
        except OSError as error:
            return f"{error.strerror} ({error.filename}); it would have run in {self._place.folder}"
        assert self._process is not None
        self._reading = asyncio.create_task(self._read(self._process))
        while True:
            if self._process.returncode is not None:
                return await self._why_it_ended()
            if await asyncio.to_thread(self._answers):
                self.is_up = True
                return ""
            if time.monotonic() > until:
                await self._end_process()
                return self._told(f"it does not answer after {self._settings.ready:.0f} seconds")
            await asyncio.sleep(self._settings.tick)

    async def _spawn(self, command: list[str], environment: Mapping[str, str]) -> None:
        async with _CHANGING_GUARDS:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", guard.__file__, str(self._settings.grace), str(self._place.lock)),
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                cwd=self._place.folder,
                pass_fds=[self._place.lock],
                start_new_session=True,
            )
            _GUARDS.add(self._process.pid)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while data := await process.stdout.read(1 << 16):
            self.log.feed(data)
        self.log.end()

    async def _watch(self) -> None:
        """Start it again when it ends, as often as the settings say."""
        ended_often = 0
        while True:
            since = time.monotonic()
            failure = await self._until_it_ends()
            if time.monotonic() - since > self._settings.stable:
                ended_often = 0
            while True:
                ended_often += 1
                if ended_often > self._settings.restarts:
                    self.failure = f"vLLM for {self.name} ended and was started again in vain: {failure}"
                    self._say(self.failure, True)
                    return
                pause = self._settings.backoff * 4 ** (ended_often - 1)
                tries = f"try {ended_often} of {self._settings.restarts}"
                self._say(f"{self.name} ended; starting it again in {pause:.0f} s ({tries}): {failure}", True)
                await asyncio.sleep(pause)
                failure = await self._launch(time.monotonic() + self._settings.ready)
                if not failure:
                    self._say(f"{self.name} answers again at {self.url}", False)
                    break

    async def _until_it_ends(self) -> str:
        assert self._process is not None
        sick, is_dead, ask_at = 0, False, time.monotonic() + self._settings.health
        while self._process.returncode is None:
            await asyncio.sleep(self._settings.tick)
            if time.monotonic() > ask_at:
                ask_at = time.monotonic() + self._settings.health
                # A server that takes in a prompt of megabytes may be too busy to answer; only a 503 says it is ill.
                sick = sick + 1 if await asyncio.to_thread(self._status) == 503 else 0
                if sick >= _SICK_TIMES:
                    self.is_up, is_dead = False, True
                    await self._end_process()
        self.is_up = False
        why = await self._why_it_ended()
        return self._told("its engine had died (it answered 503), so it was ended") if is_dead else why

    async def _why_it_ended(self) -> str:
        """What its log and its exit say."""
        process, self._process = self._process, None
        assert process is not None
        code = await self._ended(process)
        await self._all_read()
        number = -code if code < 0 else code - 128
        with contextlib.suppress(ValueError):
            name = signal.Signals(number).name if number > 0 else ""
            if name == "SIGKILL":
                return self._told("it was killed (SIGKILL), perhaps since the machine ran out of memory")
            if name in {"SIGILL", "SIGSEGV", "SIGBUS", "SIGABRT"}:
                return self._told(f"it crashed ({name}); see that its build suits this machine's processor and GPU")
            if name:
                return self._told(f"it was ended ({name})")
        return self._told(f"it ended with exit code {code}")

    def _told(self, what: str) -> str:
        """One sentence, the end of the log, and its place."""
        lines = list(self.log.lines)
        found = cause(lines)
        if found is not None:
            what = f"{found.line.rstrip('.')}; {found.remedy or what}"
        end = "".join(f"\n    {line}" for line in last_lines(lines))
        return f"{what}\n  the end of its log, {self.log.path}:{end or ' it said nothing'}"

    def _is_port_taken(self) -> bool:
        return any("address already in use" in line.lower() for line in self.log.lines)

    async def _all_read(self) -> None:
        """Wait for the rest of what it said; a process that was lost may hold the pipe open."""
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=2)
            self._reading.cancel()
            self._reading = None

    async def _end_process(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
        while process.returncode is None:  # noqa: ASYNC110 - waiting for it also waits for pipes to close
            await asyncio.sleep(0.02)
        await self._ended(process)
        await self._all_read()

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        """Take in the end of a guard; gives its exit code."""
        _GUARDS.discard(process.pid)
        code = process.returncode or 0
        if code < 0:
            # Somebody killed the guard, so what it guarded is ours now.
            await _whole(_sweep(self._settings.grace))
        return code

    def _free_port(self) -> None:
        if self._port is not None:
            self._port.free()

    def _answers(self) -> bool:
        """Whether it is ready and serves the model."""
        if self._status() != 200:
            return False
        status, body = self._get("/v1/models")
        if status in {401, 403}:  # it wants a key, which is between it and those who ask it
            return True
        with contextlib.suppress(msgspec.MsgspecError):
            models = msgspec.json.decode(body, type=_Models)
            return status == 200 and self._spec.served_name in {model.id for model in models.data}
        return False

    def _status(self) -> int:
        return self._get("/health")[0]

    def _get(self, path: str) -> tuple[int, bytes]:
        """Status and body; status 0 where there is no answer."""
        assert self._port is not None
        connection = http.client.HTTPConnection(self._spec.host, self._port.number, timeout=_ASK_SECONDS)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Do something to its end, also when who waits for it is cancelled: else nobody knew what is left to end."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _sweep(grace: float) -> None:
    async with _CHANGING_GUARDS:
        await asyncio.to_thread(guard.end_descendants, grace, frozenset(_GUARDS))


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]
