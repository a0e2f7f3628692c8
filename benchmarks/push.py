"""What a push loses, sends twice and takes, when one call in ten fails, and when it is killed.

    .venv/bin/python -m benchmarks.push

200 large files of 50 kB beside a small dataset go to a Hub on the loopback with the real client, which fails as in
`tests/hub_faults.py`: 429, 500, 502, 503, 504, connections broken off unread, answers that get lost. Beside `push` is
what the client does by itself with the same folder, told again until it succeeds. `waited` is how long would have been
waited for the Hub; the waits themselves take no time here. The last row is killed with -9 whenever 50 more objects have
arrived.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.utils.tqdm import disable_progress_bars

from longhop.publish.upload import push
from tests.hub import Hub
from tests.hub_faults import one_in_ten
from tests.pushing import licensed_dataset, turned, with_large_files

FILES, SIZE = 200, 50_000
SEEDS = range(3)
PUSH = "import sys, pathlib, longhop.publish.upload as u; u.push(pathlib.Path(sys.argv[1]), 'org/name')"


def main() -> None:
    """Print a table: a row for each way, and seed where one call in ten fails."""
    logging.disable(logging.CRITICAL)
    disable_progress_bars()
    with tempfile.TemporaryDirectory() as place:
        folder = with_large_files(licensed_dataset(Path(place) / "dataset"), FILES, SIZE)
        print("way                  seed  calls  lost  sent twice  commits  seconds  waited")
        for seed in SEEDS:
            _row("push", seed, Path(place), folder, lambda: push(folder, "org/name"))
        for seed in SEEDS:
            _row("client alone", seed, Path(place), folder, lambda: _alone(folder))
        _killed(Path(place), folder)


def _row(way: str, seed: int, place: Path, folder: Path, send: Callable[[], object]) -> None:
    with pytest.MonkeyPatch.context() as patch, Hub(faults=one_in_ten(seed)) as hub:
        waits = turned(patch, place)(hub)
        hub.make("org/name")
        begun = time.perf_counter()
        send()
        _print(way, str(seed), hub, folder, time.perf_counter() - begun, f"{sum(waits):6.0f}")


def _alone(folder: Path) -> None:
    """The client's own upload, tried again by whoever watches it."""
    for _ in range(100):
        try:
            HfApi().upload_folder(repo_id="org/name", repo_type="dataset", folder_path=folder)
        except Exception:  # noqa: BLE001, S112 - whatever it is, people try again
            continue
        return


def _killed(place: Path, folder: Path) -> None:
    with Hub() as hub:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        command = [sys.executable, "-c", PUSH, str(folder)]
        begun, kills = time.perf_counter(), 0
        while not hub.commits:
            process = subprocess.Popen(  # noqa: S603
                command, env={**kept, **hub.environment, "HF_HOME": str(place / "home")}, stderr=subprocess.DEVNULL
            )
            wanted = len(hub.objects) + 50
            while process.poll() is None and len(hub.objects) < wanted:
                time.sleep(0.001)
            if process.poll() is None and kills < 3:
                process.kill()
                kills += 1
            process.wait()
        _print(f"push, {kills} times killed", "", hub, folder, time.perf_counter() - begun, "")


def _print(way: str, seed: str, hub: Hub, folder: Path, seconds: float, waited: str) -> None:
    there = hub.files("org/name")
    files = [path for path in folder.rglob("*") if path.is_file()]
    lost = sum(there.get(path.relative_to(folder).as_posix()) != path.read_bytes() for path in files)
    twice = sum(hub.again.values())
    counts = f"{len(hub.calls):5}  {lost:4}  {twice:10}  {len(hub.commits):7}"
    print(f"{way:20} {seed:>4}  {counts}  {seconds:7.1f}  {waited}")


if __name__ == "__main__":
    main()
