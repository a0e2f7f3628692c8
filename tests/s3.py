"""Object storage for the tests: moto's server in a process of its own, on loopback and a free port.

with s3_server() as server:
os.environ.update(server.environment)      # what a user would set
RunFolder(f"{server.bucket}/run")          # s3://tests-1/run
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import s3fs

_numbers = itertools.count(1)
_SECRET = "nothing"  # noqa: S105 - the server asks for any


@dataclass(frozen=True)
class Server:
    """A server that runs, and one bucket on it."""

    url: str
    bucket: str

    @property
    def environment(self) -> dict[str, str]:
        """What clients need to find it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def client(self) -> s3fs.S3FileSystem:
        """A client of its own, that sees what is there now."""
        return s3fs.S3FileSystem(
            key="nobody", secret=_SECRET, endpoint_url=self.url, use_listings_cache=False, skip_instance_cache=True
        )


@contextmanager
def s3_server() -> Iterator[Server]:
    """Start a server with an empty bucket; it is ended by its own process id."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            server = Server(_address(process, said), f"s3://tests-{next(_numbers)}")
            server.client().mkdir(server.bucket)
            s3fs.S3FileSystem.clear_instance_cache()  # clients of a server before this one, by the same address
            yield server
        finally:
            process.terminate()
            process.wait()


def _address(process: subprocess.Popen[bytes], said: IO[str]) -> str:
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        said.seek(0)
        if found := re.search(r"http://127\.0\.0\.1:\d+", said.read()):
            return found.group()
        time.sleep(0.1)
    said.seek(0)
    raise RuntimeError(f"moto's server did not start: {said.read()}")
