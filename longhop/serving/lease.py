"""The clients' side: a lease holds servers as long as it is open, or its process lives.

    >>> with lease(spec, work) as servers:
    ...     servers.urls
    ['http://127.0.0.1:40001/v1', 'http://127.0.0.1:40002/v1']

The first lease of a machine starts the supervisor. Processes that are forked from one that has a lease have none: in
them a `Servers` only tells addresses, and asks how the servers are; whoever needs them longer than their parent takes a
lease of his own, which costs nothing while the servers run.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import filelock
import msgspec

from longhop.errors import EngineError
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
from longhop.serving.spec import ServerSpec

__all__ = ["Servers", "keep", "lease"]

log = logging.getLogger("longhop")

DEFAULT = Settings()
_CONNECT_TRIES = 20
_ANSWER_SECONDS = 60.0
_START_SECONDS = 5.0
"""A supervisor starts in a second, unless it waits for the one before it, which waits for its servers to end."""


class _Connection:
    """Messages to and from a supervisor."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._rest = b""
        self.pid = os.getpid()
        _connections.add(self)

    def send(self, message: FromClient) -> None:
        self._socket.sendall(line(message))

    def receive(self, timeout: float | None = None) -> FromSupervisor:
        """The next message that is none for the log.

        Raises:
            OSError: The supervisor is gone, or does not answer in time.
        """
        self._socket.settimeout(timeout)
        while True:
            text, found, rest = self._rest.partition(b"\n")
            if not found:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise ConnectionResetError("closed")
                self._rest += data
                continue
            self._rest = rest
            message: FromSupervisor = msgspec.json.decode(text, type=FromSupervisor)
            if not isinstance(message, Said):
                return message
            log.log(logging.WARNING if message.warning else logging.INFO, "vLLM %s", message.text)

    def close(self) -> None:
        """Let go of what is held; in a forked process only of its copy of the connection."""
        if self.pid == os.getpid():
            with contextlib.suppress(OSError):
                self.send(Release())
        self._socket.close()


_connections: weakref.WeakSet[_Connection] = weakref.WeakSet()


def _forget_connections() -> None:
    for connection in list(_connections):
        connection.close()
    _connections.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections)


class Servers:
    """Servers that are held."""

    def __init__(self, spec: ServerSpec, work: Path, urls: list[str], connection: _Connection) -> None:
        self.urls = urls
        """One a replica, such as `http://127.0.0.1:40001/v1`; they stay the same while the lease lasts."""
        self.model = spec.served_name
        """What requests name the model by."""
        self._key = spec.key
        self._work = work
        self._connection = connection
        self._asking = (os.getpid(), threading.Lock())

    def check(self) -> list[str]:
        """Ask how they are; gives the addresses that answer now, the others are being started again.

        Raises:
            EngineError: None will answer any more; it says why, with the end of the server's log.
        """
        pid, lock = self._asking
        if pid != os.getpid():  # the lock of another process, which may have been held while it forked
            self._asking = pid, lock = os.getpid(), threading.Lock()
        with lock:
            try:
                if self._connection.pid == pid:
                    answer = self._ask(self._connection)
                else:
                    connection = _open(Places(self._work))
                    if connection is None:
                        raise ConnectionResetError("gone")
                    with contextlib.closing(connection):
                        answer = self._ask(connection)
            except OSError as error:
                raise _gone(self._work) from error
        match answer:
            case Failed(text):
                raise EngineError(text)
            case State(failure=str() as failure):
                raise EngineError(failure)
            case State(up):
                return up
        raise _odd(self._work)

    def _ask(self, connection: _Connection) -> FromSupervisor:
        connection.send(Ask(self._key))
        return connection.receive(_ANSWER_SECONDS)


@contextlib.contextmanager
def lease(spec: ServerSpec, work: Path, settings: Settings = DEFAULT) -> Iterator[Servers]:
    """Hold the servers of a spec, started if they are not; waits until they answer.

    Args:
        spec: What to serve.
        work: A folder on a disk of this machine; all clients that name the same one share servers.
        settings: How patient the supervisor is; those of the client that starts it count.

    Raises:
        EngineError: They cannot be started; it says why in a sentence, with the end of the server's log.
    """
    spec.check(os.environ)
    work = work.absolute()
    connection = _connect(work, settings)
    with contextlib.closing(connection):
        answer = _ask_for(connection, Acquire(spec, str(Path.cwd()), _environment()), work)
        yield Servers(spec, work, answer.urls, connection)


@contextlib.contextmanager
def keep(work: Path, settings: Settings = DEFAULT) -> Iterator[None]:
    """Let servers that others start stay between their leases, unless their place is needed; holds none itself.

    For the process that stands behind those with leases, such as a build's.

    Raises:
        EngineError: The supervisor cannot be started.
    """
    work = work.absolute()
    connection = _connect(work, settings)
    with contextlib.closing(connection):
        _ask_for(connection, Keep(), work)
        yield


def _environment() -> dict[str, str]:
    """The variables of this process; those that are no text cannot be told, and no server needs them."""
    return {name: value for name, value in os.environ.items() if not re.search(r"[\ud800-\udfff]", name + value)}


def _ask_for(connection: _Connection, message: Acquire | Keep, work: Path) -> Ready:
    try:
        connection.send(message)
        answer = connection.receive()
    except OSError as error:
        raise _gone(work) from error
    match answer:
        case Ready():
            return answer
        case Failed(text):
            raise EngineError(text)
    raise _odd(work)


def _connect(work: Path, settings: Settings) -> _Connection:
    """Speak to the supervisor, started if there is none."""
    places = Places(work)
    for _ in range(_CONNECT_TRIES):
        connection = _open(places)
        if connection is not None:
            return connection
        known = places.address()
        with filelock.FileLock(places.start_lock):
            if places.address() == known:  # else somebody else has just started one
                _start(places, work, settings)
    raise _gone(work)


def _open(places: Places) -> _Connection | None:
    """A connection; None where no supervisor listens, or it is about to end.

    Raises:
        EngineError: It is of another version.
    """
    address = places.address()
    if address is None:
        return None
    opened = socket.socket(socket.AF_UNIX)
    opened.settimeout(_ANSWER_SECONDS)
    connection = _Connection(opened)
    try:
        opened.connect(address.socket)
        connection.send(Hello(VERSION))
        answer = connection.receive(_ANSWER_SECONDS)
    except TimeoutError as error:
        opened.close()
        raise EngineError(
            f"{places.folder}: the supervisor of its vLLM servers (process {address.pid}) does not answer; end it "
            f"(kill {address.pid}) and build again"
        ) from error
    except OSError:
        opened.close()
        return None
    except msgspec.MsgspecError:
        answer = None
    if isinstance(answer, Welcome) and answer.version == VERSION:
        return connection
    opened.close()
    spoken = answer.version if isinstance(answer, Welcome) else address.version
    raise EngineError(
        f"{places.folder}: the supervisor of its vLLM servers (process {address.pid}) is of another version of longhop "
        f"(it speaks protocol {spoken}, this one {VERSION}); wait until the builds that use it have ended, or end it: "
        f"kill {address.pid}"
    )


def _start(places: Places, work: Path, settings: Settings) -> None:
    """Start a supervisor, and wait until it listens."""
    begin = time.monotonic()
    # Our own code, not what happens to lie in the folder that somebody works in.
    home = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))}
    words = [sys.executable, "-P", "-m", "longhop.serving.daemon", str(work), msgspec.json.encode(settings).decode()]
    with subprocess.Popen(  # noqa: S603 - our own program
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if not select.select([process.stdout], [], [], _START_SECONDS)[0]:
            log.info("vLLM: waiting for the supervisor, which waits while servers of an earlier build end")
        said = process.stdout.readline().decode(errors="replace").strip()
        if said == "ready":
            return
        errors = process.stderr.read().decode(errors="replace").strip()
    told = said or (errors.splitlines() or ["it said nothing"])[-1]
    raise EngineError(
        f"{places.folder}: the supervisor of vLLM servers could not be started ({told}, after "
        f"{time.monotonic() - begin:.0f} s)"
    )


def _gone(work: Path) -> EngineError:
    return EngineError(
        f"{work}: the supervisor of its vLLM servers is gone, and the servers with it; build again "
        f"(its log is {Places(work).log})"
    )


def _odd(work: Path) -> EngineError:
    return EngineError(
        f"{work}: the supervisor of its vLLM servers gave an answer that makes no sense; end it and build again"
    )
