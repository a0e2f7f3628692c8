"""The server as a command; it prints its address when it is ready, and ends on SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

import msgspec

from tests.model_server.app import serving
from tests.model_server.options import Faults, Script, Shape, add_arguments, from_arguments


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--with-stdin", action="store_true", help="end when standard input is closed")
    for options in (Script, Shape, Faults):
        add_arguments(parser, options)
    return parser.parse_args()


async def _main() -> None:
    given = _arguments()
    try:
        script, shape = from_arguments(given, Script), from_arguments(given, Shape)
        faults = from_arguments(given, Faults)
    except (msgspec.ValidationError, ValueError) as error:
        sys.exit(f"model_server: {error}")
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if given.with_stdin:
        # Nothing is ever written there: it can be read when it is closed.
        loop.add_reader(sys.stdin.fileno(), ended.set)
    async with serving(script, shape, faults, given.port) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(_main())
