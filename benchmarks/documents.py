"""The documents stage over real text and code: its time over that of tokenising alone, and its memory.

    python -m benchmarks.documents                                      the running Python's own sources and packages
    python -m benchmarks.documents --tokenizer tokenizer.json books/ packages/ --megabytes 100 400

The whole stage (read, clean, cut, count, terms, signature, write) is run part by part, as a build with so many workers
does it. Beside it stands `tokenizers.encode_batch_fast` alone over the texts of the very documents that the stage made,
with the same tokenizer and on all cores. Both run in processes of their own, in turns, and the best of each counts: of
times that have passed, and of the processor's, which others on the machine change less. Peaks are those of one of the
stage's processes, for each size of the corpus. Without `--tokenizer` a byte-level BPE with Qwen's pattern is trained.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from longhop import Recipe
from longhop.manifest import begin
from longhop.storage import RunFolder
from longhop.tasks.documents import Documents

SUFFIXES = {".py", ".pyi", ".pyx", ".c", ".h", ".js", ".md", ".rst", ".txt"}
LEAST_BYTES, MOST_BYTES = 1_000, 900_000
BATCH_CHARS = 4_000_000
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TRAINING_BYTES = 12_000_000
VOCABULARY = 50_000


def texts_in(folders: list[Path], seed: int = 1) -> Iterator[tuple[str, str]]:
    """Suffix and text of files, in an order that mixes the folders; from the second round on with other words."""
    files = [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in SUFFIXES and path.is_file() and LEAST_BYTES < path.stat().st_size < MOST_BYTES
    ]
    random.Random(seed).shuffle(files)
    turn = 0
    while files:
        for path in files:
            text = path.read_text(encoding="utf-8", errors="replace")
            if turn:  # other paragraphs beside each other, so that no document is there twice
                paragraphs = text.split("\n\n")
                random.Random(f"{turn} {path}").shuffle(paragraphs)
                text = "\n\n".join(paragraphs)
            yield path.suffix, text
        turn += 1


def write_corpus(folders: list[Path], place: Path, size: int) -> None:
    """Text and code of `size` bytes."""
    left = size
    for number, (suffix, text) in enumerate(texts_in(folders)):
        data = text.encode("utf-8", "replace")
        kind = "prose" if suffix in {".md", ".rst", ".txt"} else "code"
        file = place / kind / f"{number // 1000:03}" / f"{number:06}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        left -= len(data)
        if left <= 0:
            return


def train(folders: list[Path], place: Path) -> Path:
    """A byte-level BPE with Qwen's pattern."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(tokenizers.Regex(QWEN), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    sample, size = [], 0
    for _, text in texts_in(folders, seed=2):
        sample.append(text)
        size += len(text)
        if size > TRAINING_BYTES:
            break
    tokenizer.train_from_iterator(sample, trainer)
    tokenizer.save(str(place / "tokenizer.json"))
    return place / "tokenizer.json"


def run_stage(corpus: Path, out: Path, tokenizer: Path, workers: int) -> None:
    """All parts of the stage."""
    kinds: dict[str, dict[str, Any]] = {"code": {"kind": "code", "unit": "file"}, "prose": {"kind": "book"}}
    sources = [{**said, "path": str(corpus / name)} for name, said in kinds.items() if (corpus / name).is_dir()]
    recipe = Recipe.parse(
        {
            "name": "documents",
            "tokenizer": str(tokenizer),
            "sources": sources,
            "documents": {"min_tokens": 1},
            "contexts": {"lengths": {"8k": 1}},
            "engines": {role: {"kind": "lexical"} for role in ("writer", "reader", "judge")},
        }
    )
    manifest, _ = begin(RunFolder(str(out)), recipe, "2026-01-01T00:00:00+00:00")
    build = partial(_build, str(out), manifest.fingerprints["documents"])
    parts = range(manifest.growth[-1][1])
    began, used = time.perf_counter(), _processor()
    if workers == 1:
        list(map(build, parts))
    else:
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            pool.map(build, parts, chunksize=1)
            pool.close()
            pool.join()
    seconds, processor = time.perf_counter() - began, _processor() - used
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * 1024
    print(json.dumps({"seconds": seconds, "processor": processor, "peak": peak}))


def _build(out: str, fingerprint: str, part: int) -> None:
    Documents(out, fingerprint, part).run()


def run_alone(out: Path, tokenizer: Path) -> None:
    """Tokenise the texts of all documents, in batches as large as the stage's."""
    encoder = tokenizers.Tokenizer.from_file(str(tokenizer))
    folder = RunFolder(str(out))
    seconds = processor = chars = tokens = 0.0
    for name in sorted(folder.files("documents/*/part-*.parquet")):
        table = folder.read_table(name.removeprefix(f"{out}/"), ["text"])
        batch, size = [], 0
        texts = table["text"].to_pylist()
        for number, text in enumerate(texts, 1):
            batch.append(text)
            size += len(text)
            if size < BATCH_CHARS and number < len(texts):
                continue
            began, used = time.perf_counter(), _processor()
            tokens += sum(map(len, encoder.encode_batch_fast(batch, add_special_tokens=False)))
            seconds += time.perf_counter() - began
            processor += _processor() - used
            chars += size
            batch, size = [], 0
    print(json.dumps({"seconds": seconds, "processor": processor, "chars": chars, "tokens": tokens}))


def _processor() -> float:
    """Seconds of the processor that this process and those that it has ended have taken."""
    return sum(os.times()[:4])


def measured(*arguments: object) -> dict[str, float]:
    """What this script says when it runs one thing, in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- itself
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(folders: list[Path], tokenizer: Path | None, megabytes: list[int], rounds: int, workers: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="longhop-bench-") as name:
        place = Path(name)
        tokenizer = tokenizer or train(folders, place)
        print(
            f"{'MB':>5} {'stage s':>8} {'alone s':>8} {'ratio':>6} {'processor s':>13} {'ratio':>6} {'tokens/s':>10} "
            f"{'peak MB':>8} {'of first':>9}"
        )
        first = 0.0
        for size in megabytes:
            corpus = place / f"corpus-{size}"
            write_corpus(folders, corpus, size * 1_000_000)
            stages, alone = [], []
            for turn in range(rounds):
                out = place / f"run-{size}-{turn}"
                stages.append(
                    measured("--stage", out, "--corpus", corpus, "--tokenizer", tokenizer, "--workers", workers)
                )
                alone.append(measured("--alone", out, "--tokenizer", tokenizer))
            of_stage, of_alone = ({key: min(row[key] for row in rows) for key in rows[0]} for rows in (stages, alone))
            peak = max(row["peak"] for row in stages)
            first = first or peak
            used = f"{of_stage['processor']:.1f}/{of_alone['processor']:.1f}"
            print(
                f"{size:>5} {of_stage['seconds']:>8.1f} {of_alone['seconds']:>8.1f} "
                f"{of_stage['seconds'] / of_alone['seconds']:>6.2f} {used:>13} "
                f"{of_stage['processor'] / of_alone['processor']:>6.2f} "
                f"{of_alone['tokens'] / of_stage['seconds']:>10,.0f} {peak / 1e6:>8.0f} {peak / first:>9.2f}",
                flush=True,
            )


def main() -> None:
    """Measure and print, or run one thing of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[25, 100])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that build parts")
    parser.add_argument("--stage", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.stage:
        run_stage(chosen.corpus, chosen.stage, chosen.tokenizer, chosen.workers)
    elif chosen.alone:
        run_alone(chosen.alone, chosen.tokenizer)
    else:
        paths = sysconfig.get_paths()
        folders = chosen.folders or [Path(paths["stdlib"]), Path(paths["purelib"])]
        compare(folders, chosen.tokenizer, chosen.megabytes, chosen.rounds, chosen.workers)


if __name__ == "__main__":
    main()
