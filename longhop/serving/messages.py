"""What clients and the supervisor say to each other: one JSON object a line, over a Unix socket.

    client:      {"type":"hello","version":1}
    supervisor:  {"type":"welcome","version":1,"pid":4711}
    client:      {"type":"acquire","spec":{"model":"org/model"},"folder":"/home/me","environment":{…}}
    supervisor:  {"type":"said","text":"org/model: starting 2 servers"}
    supervisor:  {"type":"ready","urls":["http://127.0.0.1:40001/v1","http://127.0.0.1:40002/v1"]}
    client:      {"type":"ask","key":"5c0f6f2a9d1b3e44"}
    supervisor:  {"type":"state","up":["http://127.0.0.1:40001/v1"]}

A client holds its servers as long as its connection is open. `hello` and `welcome` stay as they are in all versions, so
that each side can tell that the other is of another one; whatever else changes raises `VERSION`.
"""

from __future__ import annotations

import msgspec

from longhop.serving.spec import ServerSpec

__all__ = [
    "VERSION",
    "Acquire",
    "Address",
    "Ask",
    "Failed",
    "FromClient",
    "FromSupervisor",
    "Hello",
    "Keep",
    "Ready",
    "Release",
    "Said",
    "Settings",
    "State",
    "Welcome",
    "line",
]

VERSION = 1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the supervisor is, in seconds; those of the client that starts it count."""

    linger: float = 20.0
    """How long servers stay when their last lease has ended, so that the next task finds their cache filled."""
    settle: float = 3.0
    """How long servers that nobody holds keep their place when others wait for it: a task may follow at once."""
    grace: float = 15.0
    """From SIGTERM to SIGKILL."""
    ready: float = 1800.0
    """Until a server must answer: large models take long to load, and longer to fetch."""
    restarts: int = 3
    """How often a server that ended by itself is started again."""
    backoff: float = 2.0
    """Before the first restart; four times as long before each further one."""
    stable: float = 600.0
    """After so long without an end, restarts count from nothing again."""
    health: float = 5.0
    """How often to ask a server whether it is well; three times a 503, and it is ended."""
    tick: float = 0.2
    """How often to look at what sends no message: processes, and whether a server answers."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a supervisor listens: the file that clients find it by."""

    version: int
    pid: int
    socket: str


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="type"):
    """The first message of a client."""

    version: int


class Acquire(msgspec.Struct, frozen=True, tag="acquire", tag_field="type"):
    """Wants servers, and holds them from `ready` on."""

    spec: ServerSpec
    folder: str
    """Where the client works: what relative paths in the spec are relative to."""
    environment: dict[str, str]
    """The servers get it. It holds keys, so it is never written anywhere."""


class Keep(msgspec.Struct, frozen=True, tag="keep", tag_field="type"):
    """Wants no servers, but that those that others started stay while nobody needs their place."""


class Ask(msgspec.Struct, frozen=True, tag="ask", tag_field="type"):
    """How servers are."""

    key: str


class Release(msgspec.Struct, frozen=True, tag="release", tag_field="type"):
    """Needs nothing any more; said since a forked process may hold a copy of the connection open."""


FromClient = Hello | Acquire | Keep | Ask | Release


class Welcome(msgspec.Struct, frozen=True, tag="welcome", tag_field="type"):
    """The answer to `hello`."""

    version: int
    pid: int


class Said(msgspec.Struct, frozen=True, tag="said", tag_field="type"):
    """Something for the client's log."""

    text: str
    warning: bool = False


class Ready(msgspec.Struct, frozen=True, tag="ready", tag_field="type"):
    """The servers answer; also the answer to `keep`."""

    urls: list[str] = []


class Failed(msgspec.Struct, frozen=True, tag="failed", tag_field="type"):
    """The servers will not answer, and why."""

    text: str


class State(msgspec.Struct, frozen=True, tag="state", tag_field="type"):
    """Which servers answer now, and what is wrong where none will again."""

    up: list[str] = []
    failure: str | None = None


FromSupervisor = Welcome | Said | Ready | Failed | State


def line(message: FromClient | FromSupervisor) -> bytes:
    """A message as it is sent."""
    return msgspec.json.encode(message) + b"\n"
