"""What a task costs beyond its work: a build of very many very small parts.

    python -m benchmarks.overhead --tasks 1000 2000 4000 --workers 1

Prints, for each number of tasks, the wall time of the build, the sum of what the parts themselves took, and the
difference a task; the last column is that difference over the one of the first line. It grows with the number of tasks,
since Luigi's scheduler looks at all that are pending whenever it gives work; how much is what this measures.
"""

from __future__ import annotations

import argparse
import logging
import random
import tempfile
import time
from pathlib import Path

from longhop import Builder, Recipe

STAGES = 5  # contexts, questions, traces, verdicts, examples
WORDS = "lantern harbour rope crane mill tower ledger brass kelp glacier bishop umbrella".split()


def corpus(folder: Path, documents: int = 60) -> None:
    """Short documents of random words: the engine finds nothing to ask in them."""
    rng = random.Random(1)
    folder.mkdir()
    for number in range(documents):
        words = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(10, 60)))
        (folder / f"{number:03}.txt").write_text(f"Note {number}.\n\n{words}.\n", encoding="utf-8")


def measure(tasks: int, workers: int) -> tuple[int, float, float]:
    """Tasks, wall seconds, and seconds of the parts' own work."""
    with tempfile.TemporaryDirectory(prefix="longhop-bench-") as name:
        place = Path(name)
        corpus(place / "notes")
        recipe = Recipe.parse(
            {
                "name": "overhead",
                "tokenizer": "words",
                "sources": [{"kind": "book", "path": str(place / "notes")}],
                "documents": {"min_tokens": 1, "near_duplicate": None},
                "contexts": {"lengths": {500: tasks // STAGES}, "reuse": tasks, "part_size": 1, "group": "random"},
                "questions": {"per_context": 1, "kinds": {"bridge": 1}},
                "engines": {role: {"kind": "lexical"} for role in ("writer", "reader", "judge")},
            },
            base=place,
        )
        began = time.monotonic()
        run = Builder(recipe, place / "run").build(workers=workers)
        wall = time.monotonic() - began
        states = run.states()
        return sum(state.built for state in states), wall, sum(state.seconds for state in states)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[1000, 2000, 4000])
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    print(f"{'tasks':>6} {'wall s':>8} {'work s':>8} {'ms a task':>10} {'ratio':>6}")
    first = None
    for tasks in chosen.tasks:
        built, wall, work = measure(tasks, chosen.workers)
        each = 1000 * (wall * chosen.workers - work) / built
        first = first or each
        print(f"{built:>6,} {wall:>8.1f} {work:>8.1f} {each:>10.1f} {each / first:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
