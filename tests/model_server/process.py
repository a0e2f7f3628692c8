"""A server in a process of its own, for tests and benchmarks.

    with model_server(Script(answers="lexical"), Shape(slots=8), faults=["429:0.05"]) as server:
        client(server.url)                                # http://127.0.0.1:PORT/v1
        assert server.stats().max_running <= 8

The process ends with the block, and also when the process that started it is killed: it listens on a pipe.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from tests.model_server.options import Faults, Script, Shape, as_arguments
from tests.model_server.stats import Seen, Stats

__all__ = ["Server", "model_server"]

_ROOT = Path(__file__).parents[2]
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    url: str
    """With `/v1`, as clients take it."""
    process: subprocess.Popen[bytes]

    @property
    def root(self) -> str:
        """Without `/v1`: where /metrics, /health and /tokenize are."""
        return self.url.removesuffix("/v1")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.root.rpartition(":")[2])

    def stats(self) -> Stats:
        """What it has counted."""
        return msgspec.json.decode(self._ask("/admin/stats"), type=Stats)

    def requests(self) -> list[Seen]:
        """The chat requests that it has seen, in order of arrival."""
        return msgspec.json.decode(self._ask("/admin/requests"), type=list[Seen])

    def set_faults(self, *faults: str, **settings: Any) -> None:
        """From now on these go wrong and no others; attempts are counted anew.

        Args:
            faults: In their short form, such as `429:0.05`.
            settings: `seed`, `retry_after`, `drip_seconds`.
        """
        Faults.of(faults, **settings)  # says what is wrong with them
        self._ask("/admin/faults", {"faults": faults, **settings})

    def reset(self) -> None:
        """Forget counts, requests, attempts and the cache."""
        self._ask("/admin/reset", {})

    def kill(self) -> None:
        """End the process at once, as a crash does."""
        self.process.kill()
        self.process.wait()

    def _ask(self, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        with _DIRECT.open(urllib.request.Request(self.root + path, data), timeout=30) as reply:  # noqa: S310
            answer: bytes = reply.read()
        return answer


@contextmanager
def model_server(
    script: Script | None = None,
    shape: Shape | None = None,
    faults: Faults | Iterable[str] = (),
    port: int = 0,
) -> Iterator[Server]:
    """Start a server and end it afterwards, by its own process id.

    Args:
        script: How it answers.
        shape: How fast it is.
        faults: What goes wrong, in short forms such as `429:0.05` or as a whole.
        port: Where it listens; 0 for any that is free.
    """
    planned = faults if isinstance(faults, Faults) else Faults.of(faults)
    command = [sys.executable, "-m", "tests.model_server", "--port", str(port), "--with-stdin"]
    command += [*as_arguments(script or Script()), *as_arguments(shape or Shape()), *as_arguments(planned)]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            yield Server(_address(process, said), process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()


def _address(process: subprocess.Popen[bytes], said: IO[str]) -> str:
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        said.seek(0)
        if found := re.search(r"http://127\.0\.0\.1:\d+/v1\n", said.read()):
            return found.group().strip()
        time.sleep(0.01)
    said.seek(0)
    raise RuntimeError(f"the model server did not start: {said.read()}")
