"""Runs one server, and ends it with everything that it started.

    python -I -S guard.py GRACE LOCK COMMAND [ARGUMENT …]

The guard stands between the supervisor and a server. It stops the server when its standard input ends, which the
kernel sees to when the supervisor dies, however it dies; when it gets SIGTERM; and it cleans up when the server ends by
itself. First SIGTERM to all of the server's processes, in its process group or not; after GRACE seconds, SIGKILL to all
that is left. Orphans of the server become the guard's children (Linux's subreaper), so none is lost. LOCK is the number
of an open file that the guard keeps open: the next supervisor waits for the lock on it, and so for the servers' end.

It exits as the server did: its code, or 128 and the signal. It knows nothing of longhop, so that it starts at once; the
supervisor uses the same functions to clean up after a guard that was killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

__all__ = ["Process", "adopt_orphans", "descendants", "end_descendants", "process"]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GIVE_UP_SECONDS = 30.0
"""A process that SIGKILL does not end hangs in the kernel, as with a broken driver; nobody can end it."""
_LEFTOVER_SECONDS = 2.0
"""What a server that ended by itself left running gets so long to end."""
_EMPTY_LOOKS = 3
_IGNORED = (signal.SIGINT, signal.SIGHUP)


class Process(NamedTuple):
    """A process as /proc shows it."""

    pid: int
    parent: int
    state: str
    started: int
    """In ticks since the machine started: tells a process from a later one of the same number."""


def process(pid: int) -> Process | None:
    """A process of this machine; None where there is none, or no /proc."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may hold anything, so what counts comes after the last one.
    fields = text.rpartition(")")[2].split()
    return Process(pid, int(fields[1]), fields[0], int(fields[19]))


def descendants(root: int, spare: Collection[int] = ()) -> list[Process]:
    """All processes below `root`, without those in `spare` and what is below them."""
    below: dict[int, list[Process]] = {}
    with contextlib.suppress(OSError):
        for entry in os.listdir("/proc"):  # noqa: PTH208 - names are all that is needed
            if entry.isdigit() and (found := process(int(entry))) is not None:
                below.setdefault(found.parent, []).append(found)
    result, left = [], [root]
    while left:
        for found in below.get(left.pop(), []):
            if found.pid not in spare:
                result.append(found)
                left.append(found.pid)
    return result


def adopt_orphans() -> None:
    """Make what is below this process its child when its own parent ends (Linux)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_descendants(grace: float, spare: Collection[int] = ()) -> dict[int, int]:
    """End all processes below this one but `spare`: SIGTERM, and SIGKILL to what is left after `grace` seconds.

    Gives:
        What this process's own children ended with, by their number, as `os.waitpid` has it.
    """
    ended: dict[int, int] = {}
    begin = time.monotonic()
    asked: set[int] = set()
    empty = 0
    while True:
        reaped, is_childless = _reap(spare)
        ended |= reaped
        left = [found for found in descendants(os.getpid(), spare) if found.state != "Z"]
        after = time.monotonic() - begin
        # A process that forks and ends while /proc is read hides its child. Who has no child has nothing below him,
        # since orphans become children; where some children are spared, looking several times has to do.
        empty = 0 if left else empty + 1
        if is_childless or (spare and empty >= _EMPTY_LOOKS) or after > grace + _GIVE_UP_SECONDS:
            return ended
        for found in left:
            if after >= grace:
                _signal(found.pid, signal.SIGKILL)
            elif found.pid not in asked:
                asked.add(found.pid)
                _signal(found.pid, signal.SIGTERM)
        time.sleep(0.02)


def _reap(spare: Collection[int] = ()) -> tuple[dict[int, int], bool]:
    """What children ended with, and whether none is left; those in `spare` belong to somebody else in this process."""
    ended: dict[int, int] = {}
    if not spare:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended, True
            if not pid:
                return ended, False
            ended[pid] = status
    me = os.getpid()
    for found in descendants(me, spare):
        if found.parent == me and found.state == "Z":
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(found.pid, os.WNOHANG)
                ended[pid] = status
    return ended, False


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _start(command: list[str]) -> int:
    """Start the server in a session, and so a process group, of its own."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 127
    try:
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # the last resort, where somebody kills the guard itself
        if os.getppid() != guard:
            os._exit(128 + signal.SIGTERM)
        for number in (*_IGNORED, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(command[0], command)  # noqa: S606 - the recipe says what to run
    except OSError as error:
        code = 126 if isinstance(error, PermissionError) else 127
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(code)


def _end_group(server: int, grace: float) -> int:
    """End the server's process group, where there is no /proc that tells who else belongs to it."""
    until = time.monotonic() + grace
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(server, number)
        while number == signal.SIGKILL or time.monotonic() < until:
            pid, status = os.waitpid(server, os.WNOHANG)
            if pid:
                return status
            time.sleep(0.02)
    raise AssertionError


def main(argv: list[str]) -> int:
    """Run the command until it ends or nobody wants it any more."""
    grace, lock, command = float(argv[1]), int(argv[2]), argv[3:]
    os.set_inheritable(lock, False)  # for the guard alone
    adopt_orphans()
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in _IGNORED:  # these are for the terminal's programs
        signal.signal(number, signal.SIG_IGN)
    server = _start(command)
    ended: dict[int, int] = {}
    while server not in ended and not stop:
        readable, _, _ = select.select([0, woken], [], [])
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4096)
        if 0 in readable and not os.read(0, 4096):
            stop.append(0)
        ended |= _reap()[0]
    if server not in ended and process(server) is None:
        ended[server] = _end_group(server, grace)
    ended |= end_descendants(grace if server not in ended else min(grace, _LEFTOVER_SECONDS))
    code = os.waitstatus_to_exitcode(ended.get(server, 0))
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv))
