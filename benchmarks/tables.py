"""What a part of contexts reads of the documents' tables, over what its documents take.

    python -m benchmarks.tables
    python -m benchmarks.tables --documents 20000 --wanted 1000 --chars 20000 60000 200000

A thousand documents stand anywhere among many. They are read as the contexts task reads them; the file system counts
the bytes that are asked of it, whatever tells where the documents lie included. Needed is what a table of just those
documents, with the columns that contexts are rendered from, takes on disk. Texts are pieces of the running Python's own
sources, with lengths that are log-normal around each of the means that are given.
"""

from __future__ import annotations

import argparse
import random
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileOpener, LocalFileSystem

from longhop.records import ContextPlan, Cut, Document, DocumentText, Piece, Plan, Term, make_id, schema_of
from longhop.storage import RunFolder
from longhop.tasks.contexts import document_texts

PART_DOCUMENTS, PART_CHARS = 200, 32_000_000
SPREAD = 0.8

counted: dict[str, int] = {}


class CountedFile(LocalFileOpener):  # type: ignore[misc]
    """Counts what is read of it."""

    def read(self, length: int = -1) -> Any:
        """As of a file."""
        data = self.f.read(length)
        counted[self.path] = counted.get(self.path, 0) + len(data)
        return data


class CountedFileSystem(LocalFileSystem):  # type: ignore[misc]
    """The local disk, which counts bytes that are read."""

    protocol = "counted"

    def _open(self, path: str, mode: str = "rb", **_: Any) -> CountedFile:
        return CountedFile(path, mode, fs=self)


def documents(count: int, chars: int, rng: random.Random) -> Iterator[Document]:
    """Rows as the stage makes them; of signature and terms only the size is like in them."""
    pool = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    )
    words = sorted(set(pool[:2_000_000].split()))
    for number in range(count):
        length = min(int(rng.lognormvariate(0, SPREAD) * chars / 1.38), len(pool) // 2)
        start = rng.randrange(len(pool) - length)
        text = f"{number}\n" + pool[start : start + length]
        yield Document(
            document_id=make_id(text),
            kind="code",
            title=f"module_{number}.py",
            author=None,
            source=f"packages/package_{number // 40}/module_{number}.py",
            license="MIT",
            text=text,
            n_chars=len(text),
            n_tokens=len(text) // 4,
            cuts=[Cut(offset=at, tokens=at // 4, level="paragraph") for at in range(800, len(text), 800)],
            signature=[rng.getrandbits(32) for _ in range(128)],
            terms=[Term(term=word, count=1) for word in sorted(rng.sample(words, min(256, max(1, len(text) // 50))))],
        )


def write(folder: RunFolder, rows: Iterator[Document]) -> list[str]:
    """Parts of the documents' table as listings make them, and their plan; gives the ids."""
    plans: list[Plan] = []
    part: list[Document] = []
    size = number = 0

    def finish() -> None:
        nonlocal part, size, number
        folder.write_part("documents", "f", number, part, Document)
        for group, table in folder.read_groups("documents", "f", number, ["document_id"]):
            plans.extend(
                Plan(document_id=name, part=number, row_group=group, duplicate_of=None, split="train")
                for name in table["document_id"].to_pylist()
            )
        part, size, number = [], 0, number + 1

    for row in rows:
        part.append(row)
        size += row.n_chars
        if len(part) == PART_DOCUMENTS or size > PART_CHARS:
            finish()
    if part:
        finish()
    folder.write_part("plan", "f", 0, plans, Plan)
    return [plan.document_id for plan in plans]


def contexts(ids: list[str]) -> Iterator[ContextPlan]:
    """Contexts of ten documents each."""
    for first in range(0, len(ids), 10):
        pieces = [Piece(document_id=name, start=0, end=1, n_tokens=1) for name in ids[first : first + 10]]
        yield ContextPlan(context_id=str(first), split="train", target_tokens=8192, part=0, pieces=pieces)


def measure(count: int, wanted: int, chars: int) -> None:
    """Write, read, print."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="longhop-bench-") as name:
        ids = write(RunFolder(name), documents(count, chars, rng))
        folder = RunFolder(f"counted://{name}")
        manifest: Any = SimpleNamespace(steps=[SimpleNamespace(growth=1)])
        work: Any = SimpleNamespace(folder=folder, manifest=manifest, before=lambda _: "f")
        counted.clear()
        texts = document_texts(work)
        planned = sum(counted.values())
        chosen = rng.sample(ids, wanted)
        for _ in texts.ahead(contexts(chosen)):
            pass
        rows = [texts.read(one) for one in chosen]
        total = sum(counted.values()) - planned
        alone = Path(name) / "alone.parquet"
        schema = pa.schema([field for field in schema_of(Document) if field.name in DocumentText.__struct_fields__])
        table = pa.Table.from_pylist([msgspec.to_builtins(row) for row in rows], schema=schema)
        pq.write_table(table, alone, compression="zstd", row_group_size=32)
        needed = alone.stat().st_size
        whole = sum(path.stat().st_size for path in Path(name).glob("documents/f/part-*.parquet"))
        print(
            f"{chars:>8,} {needed / 1e6:>9.1f} {total / 1e6:>9.1f} {total / needed:>6.2f} {whole / 1e6:>9.1f} "
            f"{planned / 1e6:>8.2f}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--wanted", type=int, default=1_000)
    parser.add_argument("--chars", type=int, nargs="+", default=[20_000, 60_000])
    chosen = parser.parse_args()
    fsspec.register_implementation("counted", CountedFileSystem, clobber=True)
    print(f"{'chars':>8} {'needed MB':>9} {'read MB':>9} {'ratio':>6} {'all MB':>9} {'plan MB':>8}")
    for chars in chosen.chars:
        measure(chosen.documents, chosen.wanted, chars)


if __name__ == "__main__":
    main()
