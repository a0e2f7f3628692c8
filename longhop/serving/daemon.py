"""The process that a supervisor runs in.

    python -m longhop.serving.daemon WORK SETTINGS     started by the first client, see lease.py

It holds a lock in the work folder, listens on a Unix socket whose place it writes beside that, and leaves the session
of its client, so that no Ctrl-C reaches it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from longhop.serving import guard
from longhop.serving.messages import VERSION, Address, Settings
from longhop.serving.places import SOCKET_FOLDER, Places
from longhop.serving.supervisor import Supervisor

__all__ = ["main"]

log = logging.getLogger("longhop.serving")


def main(argv: list[str]) -> int:
    """Become a process of its own, tell the client on standard output that it may connect, and serve."""
    work, settings = Path(argv[1]), msgspec.json.decode(argv[2], type=Settings)
    if os.fork():
        os._exit(0)
    places = Places(work)
    lock = _locked(places.lock, settings.grace + 60)
    if lock is None:
        print(f"another supervisor holds {places.lock} and does not answer; end it", flush=True)  # noqa: T201 - to the client
        return 1
    guard.adopt_orphans()
    places.clean()
    folder = _socket_folder()
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"{folder}/socket")
            listening.listen(128)
            places.write_address(Address(version=VERSION, pid=os.getpid(), socket=f"{folder}/socket"))
            _leave_client(places)
            log.info("supervisor %d of protocol %d serves %s", os.getpid(), VERSION, work)
            asyncio.run(Supervisor(work, settings, lock).serve(listening))
            log.info("supervisor %d ends", os.getpid())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _locked(path: Path, seconds: float) -> int | None:
    """Take the lock; None where another holds it too long.

    The one before holds it until its servers have ended, or their guards do: only then are their GPUs free.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        if time.monotonic() > until:
            os.close(file)
            return None
        time.sleep(0.05)


def _socket_folder() -> str:
    """A folder of this user only, with a short name: a socket's path may have some hundred characters."""
    folder = tempfile.mkdtemp(prefix=SOCKET_FOLDER)
    if len(folder) > 80:
        Path(folder).rmdir()
        folder = tempfile.mkdtemp(prefix=SOCKET_FOLDER, dir="/tmp")
    return folder


def _leave_client(places: Places) -> None:
    """Say that clients may connect, and let go of the client's streams and signals."""
    print("ready", flush=True)  # noqa: T201 - to the client
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    file = os.open(places.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)
    os.chdir("/")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s")


if __name__ == "__main__":
    sys.exit(main(sys.argv))
