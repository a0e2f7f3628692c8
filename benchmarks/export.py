"""How long the tables of a dataset take, against polars writing the same rows, already joined; and in what memory.

    .venv/bin/python -m benchmarks.export                 # time
    .venv/bin/python -m benchmarks.export --memory 600    # joined examples of ten times 600 MB, in 600 MB

Printed are seconds of processor and wall time of the whole export (join and write of all configurations) and of
`polars.DataFrame.write_parquet` with zstd, one frame a configuration, and their ratios. Both are repeated in turns, and
the best of each counts. The frames that polars writes are read back from what the export wrote. For memory a
process of its own has its address space limited, beyond what it takes when all is imported.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from longhop.prompting import load_prompts
from longhop.publish.dataset import PartTables, write_tables
from longhop.recipe import DatasetConfig
from longhop.records import Context, Example, Question, Trace, Verdict, make_id, schema_of

PROMPTS = load_prompts()
ALL = DatasetConfig(configurations=["preference", "rl"])


def part(number: int, contexts: int, letters: int, questions: int, samples: int) -> PartTables:
    """A part of made-up rows whose texts compress about as English does."""
    chance = random.Random(number)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(20_000)]

    def text(size: int) -> str:
        return " ".join(chance.choices(words, k=size // 7 + 1))[:size]

    rows: dict[type[Any], list[dict[str, Any]]] = {kind: [] for kind in (Context, Question, Trace, Verdict, Example)}
    for one in range(contexts):
        name = make_id(number, one)
        document: dict[str, Any] = {
            "document_id": name,
            "kind": "book",
            "title": "t",
            "source": "s",
            "license": "CC0-1.0",
        }
        document |= {"start": 0, "end": letters, "n_tokens": letters // 4}
        size = {"target_tokens": letters // 4, "n_tokens": letters // 4}
        rows[Context].append(
            {"context_id": name, "split": "train", **size, "text": text(letters), "documents": [document] * 8}
        )
        for two in range(questions):
            question = make_id(name, two)
            head: dict[str, Any] = {
                "question_id": question,
                "context_id": name,
                "kind": "bridge",
                "question": text(200),
            }
            head |= {"reference_answer": "340", "n_steps": 2}
            evidence = [{"document_id": name, "quote": text(300), "start": 0, "end": 300, "score": 1.0}] * 3
            head["evidence"] = evidence
            more = {"aliases": [], "answer_type": "number", "steps": [], "checks": [], "accepted": True, "model": "w"}
            rows[Question].append({**head, **more})
            for sample in range(samples):
                trace = {"trace_id": make_id(question, sample), "question_id": question, "sample": sample}
                said = {"reasoning": text(4000), "content": text(300), "answer": "340", "n_tokens": 1000 + sample}
                rows[Trace].append({**trace, **said, "finish_reason": "stop", "model": "r"})
                right = sample % 4 > 0
                found = {"valid": True, "exact_match": right, "judge": None, "correct": right, "evidence_cited": 0.5}
                rows[Verdict].append({**trace, **found, "answer_group": int(not right), "model": "j"})
            own = rows[Trace][-1]
            models = {"writer": "w", "reader": "r", "judge": "j"}
            counted: dict[str, Any] = dict.fromkeys(
                ["n_traces", "votes", "context_tokens", "trace_tokens", "shortest_tokens"], 8
            )
            counted |= {"longest_tokens": 8, "example_tokens": 8, "agreement": 0.75, "random_tokens": 8.0}
            rows[Example].append(
                {**head, **counted, "split": "train", "target_tokens": letters // 4, "documents": [document] * 8}
                | {key: own[key] for key in ("answer", "reasoning", "content", "trace_id")}
                | {"licenses": ["CC0-1.0"], "models": models}
            )
    return PartTables(*(pa.Table.from_pylist(own, schema=schema_of(kind)) for kind, own in rows.items()))


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def compare(letters: int, contexts: int, parts: int) -> None:
    """Print what an export takes and what polars does for the same rows."""
    tables = [part(number, contexts, letters, 4, 8) for number in range(parts)]
    chosen = frozenset(name for own in tables for name in own.examples["question_id"].to_pylist())
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        ours, theirs = [], []
        for turn in range(3):
            own = target / f"ours-{turn}"
            ours.append(measured(lambda own=own: write_tables(own, tables, PROMPTS, chosen, ALL)))  # type: ignore[misc]
            files = sorted(own.rglob("*.parquet"))
            frames: dict[Path, list[pa.Table]] = {}
            for file in files:
                frames.setdefault(file.parent, []).append(pq.read_table(file))
            joined: list[Any] = [pl.from_arrow(pa.concat_tables(each)) for each in frames.values()]
            other = target / f"polars-{turn}"
            other.mkdir()

            def write(joined: list[Any] = joined, other: Path = other) -> None:
                for number, frame in enumerate(joined):
                    frame.write_parquet(other / f"{number}.parquet", compression="zstd")

            theirs.append(measured(write))
            size = sum(frame.estimated_size() for frame in joined)
            del joined, frames
        stored = [sum(f.stat().st_size for f in (target / f"{who}-0").rglob("*.parquet")) for who in ("ours", "polars")]
    wall, processor = (min(each) for each in zip(*ours, strict=True))
    wall_polars, processor_polars = (min(each) for each in zip(*theirs, strict=True))
    print(f"{letters:,} letters a context, {size / 1e6:,.0f} MB of rows, load {os.getloadavg()[0]:.1f}")
    print(f"  ours   {wall:6.2f} s wall {processor:6.2f} s processor {stored[0] / 1e6:7.1f} MB stored")
    print(f"  polars {wall_polars:6.2f} s wall {processor_polars:6.2f} s processor {stored[1] / 1e6:7.1f} MB stored")
    print(f"  ratio  {wall / wall_polars:6.2f} wall {processor / processor_polars:6.2f} processor")


def limited(allowed: int) -> None:
    """Export rows of ten times the memory allowed; ends with a MemoryError where it does not do."""
    letters, contexts, questions = 400_000, 20, 8
    each = contexts * questions * letters
    count = -(-10 * allowed * 1_000_000 // each)

    def parts() -> Iterator[PartTables]:
        for number in range(count):
            yield part(number, contexts, letters, questions, 2)

    first = part(0, contexts, 100, questions, 2)
    ids = [make_id(make_id(n, one), two) for n in range(count) for one in range(contexts) for two in range(questions)]
    with tempfile.TemporaryDirectory() as folder:
        write_tables(Path(folder) / "warm", [first], PROMPTS, frozenset(ids))
        taken = int(Path("/proc/self/statm").read_text("utf-8").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + allowed * 1_000_000,) * 2)
        rows = write_tables(Path(folder) / "all", parts(), PROMPTS, frozenset(ids)).rows["default"]["train"]
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    joined = f"{rows:,} examples, {count * each / 1e6:,.0f} MB joined"
    print(f"{joined}, in {allowed:,} MB beyond the start; {most:,.0f} MB used")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--memory", type=int, metavar="MB")
    given = options.parse_args(sys.argv[1:])
    if given.memory:
        limited(given.memory)
    else:
        compare(8_000, 100, 2)  # parts as they are by default: 100 contexts, or 16M tokens
        compare(400_000, 40, 1)
