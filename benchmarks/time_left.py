"""How well a build foresees its end: contexts of mixed lengths against a simulated server.

    python -m benchmarks.time_left --workers 2

The build is looked at twice a second, as the live view does. When it has ended it is known how long it really took, and
for each tenth of the way the foreseen rest is printed beside the real one. The last line is the largest error from a
third of the way to nine tenths, as a share of the rest.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import threading
import time
from pathlib import Path

from longhop import Builder, Recipe
from longhop.watch import Watch
from tests.model_server import Script, Shape
from tests.model_server.process import model_server

_ROOT = Path(__file__).parents[1]
_SECONDS = 0.5


def main() -> None:
    """Build, look on, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--contexts", default="2k: 18, 4k: 12, 8k: 6, 16k: 4", help="lengths, as a recipe has them")
    parser.add_argument("--part-size", type=int, default=3)
    parser.add_argument("--slots", type=int, default=24)
    args = parser.parse_args()
    logging.getLogger("longhop").addHandler(logging.NullHandler())
    shape = Shape(slots=args.slots, prefill_rate=100_000, decode_rate=150)
    with (
        tempfile.TemporaryDirectory(prefix="longhop-bench-") as folder,
        model_server(Script(answers="lexical"), shape) as server,
    ):
        engine = {"kind": "openai", "model": "simulated", "urls": [server.url], "concurrency": args.slots}
        recipe = Recipe.load(
            _ROOT / "data" / "recipes" / "sample.yaml",
            [
                f"contexts.lengths={{{args.contexts}}}",
                f"contexts.part_size={args.part_size}",
                "contexts.reuse=40",
                f"engines={{writer: {engine}, reader: {engine}, judge: {engine}}}",
            ],
        )
        looks = _looked_at(recipe, f"{folder}/run", args.workers)
    whole = looks[-1][0]
    print(f"the build took {whole:.0f} s")
    print(f"{'way':>5} {'foreseen':>9} {'real':>6} {'error':>6}")
    worst = 0.0
    for tenth in range(1, 10):
        seconds, left = next(look for look in looks if look[0] >= tenth / 10 * whole)
        real = whole - seconds
        error = None if left is None else (left - real) / real
        print(
            f"{tenth / 10:>5.0%} {'?' if left is None else f'{left:.0f}':>9} {real:>6.0f} "
            f"{'' if error is None else f'{error:+.0%}':>6}"
        )
    for seconds, left in looks:
        if whole / 3 <= seconds <= 0.9 * whole:
            real = whole - seconds
            worst = max(worst, 1.0 if left is None else abs(left - real) / real)
    print(f"largest error from a third of the way to nine tenths: {worst:.0%}")


def _looked_at(recipe: Recipe, out: str, workers: int) -> list[tuple[float, float | None]]:
    """Seconds since the build was begun, and what was foreseen then."""
    looks: list[tuple[float, float | None]] = []
    ended = threading.Event()
    began = time.monotonic()

    def look_on() -> None:
        watch = Watch(out, workers)
        while not ended.wait(_SECONDS):
            view = watch.look()
            looks.append((time.monotonic() - began, view.seconds_left if view else None))

    thread = threading.Thread(target=look_on)
    thread.start()
    try:
        Builder(recipe, out).build(workers=workers)
    finally:
        ended.set()
        thread.join()
    return [*looks, (time.monotonic() - began, 0.0)]


if __name__ == "__main__":
    main()
