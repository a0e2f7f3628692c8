"""Contexts: how planning grows with the corpus, and what contexts cost over counting the same texts once.

    python -m benchmarks.contexts planning --documents 1000 10000 100000
    python -m benchmarks.contexts stage --megabytes 100 --tokenizer tokenizer.json books/ packages/
    python -m benchmarks.contexts stage --megabytes 80 --lengths 1m=100 --reuse 8

`planning` makes documents without text: 256 terms each, of which a third are of a topic that a hundred documents share
and the rest are drawn as words are (the first in a third of all documents, the hundredth in 9 %, the thousandth in 2 %,
as counted in 28 books and 2,500 modules of Python's standard library), filled up with terms of their own; one document
in five names another. It prints seconds of processor time, peak memory and the exponent of growth.

`stage` makes documents of the files in the folders (by default of the running Python's own sources and packages; read
again with other words where they are not enough), then contexts of them through the tasks of a build, planned in a
process of its own and rendered part by part with as many as a build with so many workers has, and counts the texts of
those contexts with `tokenizers.encode_batch_fast`, which uses all processors.
Without `--tokenizer` a byte-level BPE with Qwen's pattern is trained. Processor time is given beside wall time, since
machines are shared.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import tokenizers

from benchmarks.documents import train, write_corpus
from longhop import Recipe
from longhop.manifest import begin, load
from longhop.planning.planned import COLUMNS, PlannedDocument, planned_documents
from longhop.recipe import ContextsConfig, Splits, parse_tokens
from longhop.records import Document, make_id, schema_of
from longhop.stages.contexts import plan_contexts
from longhop.storage import RunFolder
from longhop.tasks.base import planned_contexts
from longhop.tasks.contexts import ContextPlans, Contexts
from longhop.tasks.documents import DocumentPlan, Documents
from longhop.tokens import load_tokenizer

TERMS = 256
TOPIC_SIZE, TOPIC_TERMS = 100, 150
CHUNK = 1_000
TOKENS = (800, 30_000)
"""Lengths of documents lie between these, evenly on a logarithmic scale."""
CUT_EVERY = 120


def tables(documents: int, seed: int = 7) -> Iterator[pa.Table]:
    """Rows of the table of documents without text, as planning reads them."""
    schema = pa.schema([schema_of(Document).field(name) for name in COLUMNS])
    common = 50_000 + 2 * documents
    law = np.cumsum(1 / (np.arange(common) + 30) ** 1.05)
    law /= law[-1]
    for first in range(0, documents, CHUNK):
        rng = np.random.default_rng((seed, first))
        rows = []
        for number in range(first, min(documents, first + CHUNK)):
            topic = number % max(1, documents // TOPIC_SIZE)
            words = {f"w{rank}" for rank in np.searchsorted(law, rng.random(160))}
            words |= {f"topic{topic}x{n}" for n in rng.choice(TOPIC_TERMS, TERMS // 3, replace=False)}
            words |= {f"own{number}x{n}" for n in range(TERMS - len(words))}
            tokens = int(math.exp(rng.uniform(math.log(TOKENS[0]), math.log(TOKENS[1]))))
            counts = rng.geometric(0.4, len(words)).tolist()
            rows.append(
                {
                    "document_id": make_id(number),
                    "kind": ("book", "paper", "code")[number % 3],
                    "title": f"Document {number}",
                    "n_chars": 4 * tokens,
                    "n_tokens": tokens,
                    "cuts": [
                        {"offset": 4 * at, "tokens": at, "level": "paragraph" if at % (8 * CUT_EVERY) else "section"}
                        for at in range(CUT_EVERY, tokens, CUT_EVERY)
                    ],
                    "terms": [{"term": t, "count": n} for t, n in zip(sorted(words), counts, strict=True)],
                    "names": [f"title:document {number}"],
                    "mentions": [f"title:document {rng.integers(documents)}"] if number % 5 == 0 else [],
                }
            )
        yield pa.Table.from_pylist(rows, schema=schema)


def plan_once(documents: int, length: int) -> dict[str, float]:
    """Seconds and memory of reading rows and planning contexts that use half of the tokens; run in its own process."""
    planned: list[PlannedDocument] = []
    reading = 0.0
    for table in tables(documents):
        began = time.process_time()
        planned += planned_documents(table, ["train"] * table.num_rows)
        reading += time.process_time() - began
    tokens = sum(document.n_tokens for document in planned)
    many = max(1, tokens // 2 // length)
    config = ContextsConfig(lengths={length: many}, part_size=1000)
    wall, began = time.monotonic(), time.process_time()
    plans = plan_contexts(planned, config, Splits(), load_tokenizer("words"), 7)
    took = time.process_time() - began
    return {
        "documents": documents,
        "contexts": len(plans),
        "reading": reading,
        "planning": took,
        "wall": time.monotonic() - wall,
        "peak_mb": peak_mb(),
    }


def planning(arguments: argparse.Namespace) -> None:
    """Planning of corpora of growing size, each in a process of its own."""
    print("documents  contexts  reading s  planning s  wall s  peak MB  exponent")
    last: dict[str, float] | None = None
    for documents in arguments.documents:
        now = alone("plan-once", str(documents), "--length", arguments.length)
        exponent = ""
        if last is not None:
            grown = (now["reading"] + now["planning"]) / (last["reading"] + last["planning"])
            exponent = f"{math.log(grown) / math.log(now['documents'] / last['documents']):.2f}"
        print(
            f"{now['documents']:9,} {now['contexts']:9,} {now['reading']:10.1f} {now['planning']:11.1f} "
            f"{now['wall']:7.1f} {now['peak_mb']:8,.0f}  {exponent}",
            flush=True,
        )
        last = now
    print(f"load {os.getloadavg()[0]:.1f}")


def alone(*command: str) -> dict[str, float]:
    """What a command of this file prints, run in a process of its own."""
    called = [sys.executable, "-m", "benchmarks.contexts", *command]
    done = subprocess.run(called, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- this file
    return dict(json.loads(done.stdout))


def peak_mb() -> float:
    """Most memory that this process or one that it has started has had."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def cpu() -> float:
    """Processor seconds of this process, of all its threads, and of those that it has started and that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def make_documents(corpus: Path, out: Path, tokenizer: str, lengths: dict[str, int], reuse: int) -> None:
    """A run up to its documents."""
    sources = [{"kind": "code", "path": str(corpus / "code"), "unit": "file"}]
    if (corpus / "prose").is_dir():
        sources.append({"kind": "book", "path": str(corpus / "prose")})
    recipe = Recipe.parse(
        {
            "name": "contexts",
            "tokenizer": tokenizer,
            "sources": sources,
            "documents": {"near_duplicate": None},
            "contexts": {"lengths": lengths, "reuse": reuse, "allow_fewer": True},
            "engines": {role: {"kind": "lexical"} for role in ("writer", "reader", "judge")},
        }
    )
    manifest, _ = begin(RunFolder(str(out)), recipe, "2026-01-01T00:00:00+00:00")
    made = manifest.fingerprints
    for part in range(manifest.growth[-1][1]):
        Documents(str(out), made["documents"], part).run()
    DocumentPlan(str(out), made["plan"], 0).run()


def make_contexts(out: str, workers: int) -> dict[str, float]:
    """Plan and render the contexts of a run whose documents are there, part by part, with so many processes."""
    manifest = load(RunFolder(out))
    made = manifest.fingerprints
    wall, began = time.monotonic(), cpu()
    ContextPlans(out, made["context_plan"], 0).run()
    planning, planning_wall = cpu() - began, time.monotonic() - wall
    plans = planned_contexts(out, made["context_plan"], 1)
    parts = [Contexts(out, made["contexts"], part) for part in sorted({plan.part for plan in plans})]
    if workers == 1:
        for part in parts:
            part.run()
    else:
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            pool.map(Contexts.run, parts, chunksize=1)
            pool.close()
            pool.join()
    return {
        "contexts": len(plans),
        "planning": planning,
        "planning_wall": planning_wall,
        "cpu": cpu() - began,
        "wall": time.monotonic() - wall,
        "peak_mb": peak_mb(),
    }


def count_contexts(out: str) -> dict[str, float]:
    """Count the texts of the documents in a run's contexts, and nothing else."""
    folder, manifest = RunFolder(out), load(RunFolder(out))
    tokenizer = tokenizers.Tokenizer.from_file(str(manifest.recipe["tokenizer"]))
    spent, waited, tokens = 0.0, 0.0, 0
    for part in folder.parts("contexts", manifest.fingerprints["contexts"]):
        name = folder.part_name("contexts", manifest.fingerprints["contexts"], part)
        for context in folder.read_table(name, ["text", "documents"]).to_pylist():
            texts = [context["text"][row["start"] : row["end"]] for row in context["documents"]]
            wall, began = time.monotonic(), cpu()
            tokens += sum(map(len, tokenizer.encode_batch_fast(texts, add_special_tokens=False)))
            spent += cpu() - began
            waited += time.monotonic() - wall
    return {"tokens": tokens, "cpu": spent, "wall": waited, "peak_mb": peak_mb()}


def stage(arguments: argparse.Namespace) -> None:
    """Contexts of real texts, over counting their tokens once."""
    folders = arguments.folders or [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))]
    lengths = {length: int(many) for length, _, many in (each.partition("=") for each in arguments.lengths)}
    with tempfile.TemporaryDirectory(prefix="longhop-bench-") as name:
        place = Path(name)
        write_corpus(folders, place / "corpus", int(arguments.megabytes * 1e6))
        tokenizer = str((arguments.tokenizer or train(folders, place)).absolute())
        make_documents(place / "corpus", place / "run", tokenizer, lengths, arguments.reuse)
        contexts = alone("make", str(place / "run"), "--workers", str(arguments.workers))
        counting = alone("count", str(place / "run"))
    print(
        f"{contexts['contexts']:.0f} contexts, {counting['tokens'] / 1e6:.1f}M tokens: {contexts['cpu']:.1f} s of the "
        f"processor ({contexts['planning']:.1f} s planning), {contexts['wall']:.1f} s with {arguments.workers} workers "
        f"({contexts['planning_wall']:.1f} s planning), {contexts['peak_mb']:,.0f} MB\n"
        f"encode_batch_fast over the same texts: {counting['cpu']:.1f} s of the processor, {counting['wall']:.1f} s\n"
        f"ratio: {contexts['cpu'] / counting['cpu']:.2f} of the processor, {contexts['wall'] / counting['wall']:.2f} "
        f"in wall time; load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    grows = commands.add_parser("planning")
    grows.add_argument("--documents", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    grows.add_argument("--length", default="32k", help="of the contexts that are planned")
    one = commands.add_parser("stage")
    one.add_argument("folders", type=Path, nargs="*")
    one.add_argument("--megabytes", type=float, default=60)
    one.add_argument("--tokenizer", type=Path)
    one.add_argument("--lengths", nargs="+", default=["8k=200", "32k=100", "128k=30", "512k=4"])
    one.add_argument("--reuse", type=int, default=1)
    one.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that render parts")
    once = commands.add_parser("plan-once")  # this and what follows are run by the two above
    once.add_argument("documents", type=int)
    once.add_argument("--length", required=True)
    make = commands.add_parser("make")
    make.add_argument("out")
    make.add_argument("--workers", type=int, required=True)
    commands.add_parser("count").add_argument("out")
    arguments = parser.parse_args()
    if arguments.command == "planning":
        planning(arguments)
    elif arguments.command == "stage":
        stage(arguments)
    elif arguments.command == "plan-once":
        print(json.dumps(plan_once(arguments.documents, parse_tokens(arguments.length))))
    elif arguments.command == "make":
        print(json.dumps(make_contexts(arguments.out, arguments.workers)))
    else:
        print(json.dumps(count_contexts(arguments.out)))


if __name__ == "__main__":
    main()
