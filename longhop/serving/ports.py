"""Free ports, each for one server.

A port that was free a moment ago may be taken when a server binds it, after it has loaded its libraries; and two vLLM
servers of one user may even share a port unnoticed. So a port is also held by a lock on its byte of a file, which all
longhop processes of this user on this machine see, and which the system gives back when the process ends. Against
others' programs helps only to try another port.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import tempfile
from pathlib import Path

from longhop.errors import EngineError

__all__ = ["Port"]

_TRIES = 100
_held: set[int] = set()
"""Those of this process, which its own locks do not keep out."""


class Port:
    """A free port of a host, held until `free`."""

    def __init__(self, host: str) -> None:
        for _ in range(_TRIES):
            self.number = _unused(host)
            if self.number not in _held:
                with contextlib.suppress(OSError):
                    fcntl.lockf(_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, self.number)
                    _held.add(self.number)
                    return
        raise EngineError(f"no free port was found on {host} for a vLLM server; end what uses so many")

    def free(self) -> None:
        """Let others have it."""
        if self.number in _held:
            _held.discard(self.number)
            fcntl.lockf(_file(), fcntl.LOCK_UN, 1, self.number)


def _file() -> int:
    """Opened once: closing any copy would give back all locks of the process."""
    if not _opened:
        path = Path(tempfile.gettempdir()) / f"longhop-ports-{os.getuid()}"
        _opened.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    return _opened[0]


_opened: list[int] = []


def _unused(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise EngineError(
                f"host {host} of a vLLM server is no address of this machine ({error.strerror})"
            ) from error
        return int(probe.getsockname()[1])
