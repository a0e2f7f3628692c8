"""The run folder: tables, rejections and counts by stage, fingerprint and part, on a local disk or object storage.

    <out>/<stage>/<fingerprint>/part-00000.parquet
    <out>/<stage>/<fingerprint>/rejections-00000.parquet
    <out>/<stage>/<fingerprint>/part-00000.json          counts, seconds, tokens
    <out>/documents/<fingerprint>/pages-00000.parquet    where in the table each document's text lies (`longhop.pages`)

    >>> folder = RunFolder("runs/sample")
    >>> folder.write_part("traces", fingerprint, 0, sample_traces(…), Trace)
    >>> folder.read_part("traces", fingerprint, 0, Trace)[0].sample
    0

A file that exists is complete (`longhop.folders`), and a part's table comes last, so that a part that exists has its
rejections and counts beside it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from longhop.claims import Claim, Running, claimed, running
from longhop.errors import StorageError, UnreachableError
from longhop.folders import WORK, Folder, cache_folder, explained
from longhop.pages import WRITING, pages_of
from longhop.records import Context, Document, Record, Rejection, from_table, schema_of, to_table
from longhop.spending import Spending, Spent

__all__ = ["CURRENT", "PUBLISHED", "PartCounts", "RunFolder"]

R = TypeVar("R", bound=Record)

PUBLISHED = "published"
"""Where the rejections of the dataset lie, which is no stage with tables."""
CURRENT = f"{PUBLISHED}/current.json"
"""Says which dataset stands, of which parts, and what it lacks."""
_ROWS = 4096
_LONG_ROWS = 32  # documents and contexts: whoever reads one group should have it in memory easily
_GROUP_CHARS = 16 * 1024**2


class PartCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a part."""

    rows: int
    rejections: dict[str, int]
    """Rejections by reason."""
    seconds: float
    tokens: int = 0
    """Sum of the rows' `n_tokens`, where they have one."""
    accepted: int | None = None
    """Of questions: how many were accepted."""
    spent: Spending = {}
    """What engines were asked for it, by role."""


class RunFolder(Folder):
    """The folder of a run, by a local path or any fsspec URL."""

    @property
    def work(self) -> Path:
        """Where this machine keeps what engines answered: a local folder, `LONGHOP_WORK` where that is set."""
        chosen = os.environ.get("LONGHOP_WORK")
        if chosen:
            return Path(chosen).expanduser().absolute()
        if self.is_local:
            return self.local_path / WORK
        return cache_folder() / "work" / self.url.replace("://", "/").replace(":", "_")

    @property
    def holds_its_work(self) -> bool:
        """Whether `work` lies in the run's folder, so that who has the one has the other."""
        return self.is_local and self.work.is_relative_to(self.local_path.absolute())

    # Parts

    @staticmethod
    def part_name(stage: str, fingerprint: str, part: int, what: str = "part", ending: str = "parquet") -> str:
        """Name of a part's file within the run folder."""
        return f"{stage}/{fingerprint}/{what}-{part:05}.{ending}"

    def has_part(self, stage: str, fingerprint: str, part: int) -> bool:
        """Whether a part is complete."""
        return self.exists(self.part_name(stage, fingerprint, part))

    def write_part(
        self,
        stage: str,
        fingerprint: str,
        part: int,
        items: Iterable[Record],
        record: type[Record],
        spent: Mapping[str, Spent] | None = None,
    ) -> PartCounts:
        """Write what a stage yields: its rows, its rejections, their counts; the rows' table appears last.

        Args:
            stage: Name of the stage.
            fingerprint: How its rows are made.
            part: Number of the part.
            items: Rows of type `record` and rejections, in any mixture; taken one by one.
            record: What the table holds.
            spent: What engines are asked for it, by role; looked at when all items are taken.

        Raises:
            StorageError: The folder is not writable or full; then nothing of the part appears.
        """
        began = time.monotonic()
        rejections: list[Rejection] = []
        rows = tokens = accepted = 0
        name = self.part_name(stage, fingerprint, part)
        with self._temporary(name) as temporary:
            with self._writer(temporary, name, record) as write:
                for group in _groups(items, record, rejections):
                    rows += len(group)
                    tokens += sum(getattr(row, "n_tokens", 0) for row in group)
                    accepted += sum(getattr(row, "accepted", False) for row in group)
                    write(to_table(group, record))
                if not rows:
                    write(to_table([], record))
            if record is Document:
                with temporary.open("rb") as file:
                    self.write_table(self.part_name(stage, fingerprint, part, "pages"), pages_of(file))
            self.write_rejections(stage, fingerprint, part, rejections)
            counts = PartCounts(
                rows=rows,
                rejections=dict(sorted(Counter(rejection.reason for rejection in rejections).items())),
                seconds=round(time.monotonic() - began, 3),
                tokens=tokens,
                accepted=accepted if "accepted" in record.__struct_fields__ else None,
                spent=dict(spent or {}),
            )
            self.write_json(self.part_name(stage, fingerprint, part, ending="json"), counts)
            self._put(temporary, name)
        return counts

    @contextlib.contextmanager
    def _writer(self, temporary: Path, name: str, record: type[Record]) -> Iterator[Callable[[pa.Table], None]]:
        """Writes row groups. Only what goes wrong with the file is said of the file: rows are made meanwhile."""
        where = self.url_of(name)
        how: dict[str, Any] = {"compression": "zstd"}
        if record is Document:
            how = {**WRITING, "write_statistics": False}  # documents are found by `plan`
        elif record is Context:
            # Statistics of long texts, and dictionaries of what is hardly ever twice in a small group, are weight only.
            how |= {"use_dictionary": False, "write_statistics": ["context_id"]}
        with explained(where):
            writer = pq.ParquetWriter(temporary, schema_of(record), **how)

        def write(group: pa.Table) -> None:
            with explained(where):
                writer.write_table(group, row_group_size=max(1, group.num_rows))

        try:
            yield write
        finally:
            with explained(where):
                writer.close()

    def read_part(
        self,
        stage: str,
        fingerprint: str,
        part: int,
        record: type[R],
        columns: Sequence[str] | None = None,
        row_groups: Sequence[int] | None = None,
    ) -> list[R]:
        """Rows of a part; with `columns`, `record` must be a record of those fields.

        Raises:
            StorageError: The file is missing or damaged.
        """
        return from_table(self.read_table(self.part_name(stage, fingerprint, part), columns, row_groups), record)

    def read_groups(
        self, stage: str, fingerprint: str, part: int, columns: Sequence[str]
    ) -> Iterator[tuple[int, pa.Table]]:
        """Number and some columns of each row group of a part."""
        with self._open(self.part_name(stage, fingerprint, part)) as file:
            rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            table = file.read(columns=list(columns), use_threads=False)
        for group, (start, count) in enumerate(zip(accumulate(rows, initial=0), rows, strict=False)):
            yield group, table.slice(start, count)

    def read_pages(self, fingerprint: str, part: int) -> pa.Table:
        """Where the texts of a part of the documents lie, as `longhop.pages.pages_of` tells it.

        Raises:
            StorageError: The part's table is missing or damaged.
        """
        try:
            return self.read_table(self.part_name("documents", fingerprint, part, "pages"))
        except UnreachableError:
            raise
        except StorageError:  # it is missing or damaged, and says no more than the table itself
            pass
        with self._stream(self.part_name("documents", fingerprint, part)) as file:
            return pages_of(file)

    def read_rejections(self, stage: str, fingerprint: str, part: int) -> list[Rejection]:
        """Rejections of a part.

        Raises:
            StorageError: The file is missing or damaged.
        """
        name = self.part_name(stage, fingerprint, part, "rejections")
        return from_table(self.read_table(name, remedy=self.remedy(stage, fingerprint, part)), Rejection)

    @classmethod
    def remedy(cls, stage: str, fingerprint: str, part: int) -> str | None:
        """What makes the files beside a part's table again; None where there is no table that they lie beside."""
        return None if stage == PUBLISHED else f"delete {cls.part_name(stage, fingerprint, part)} and build again"

    def write_rejections(self, stage: str, fingerprint: str, part: int, rejections: Iterable[Rejection]) -> None:
        """Write the rejections of a part."""
        self.write_table(self.part_name(stage, fingerprint, part, "rejections"), to_table(rejections, Rejection))

    def read_counts(self, stage: str, fingerprint: str, part: int) -> PartCounts | None:
        """Counts of a part; None where it is not built.

        Raises:
            StorageError: The part is there, and its counts are missing or damaged.
        """
        if not self.has_part(stage, fingerprint, part):
            return None
        name = self.part_name(stage, fingerprint, part, ending="json")
        remedy = self.remedy(stage, fingerprint, part) or ""
        data = self.read_json(name, remedy)
        if data is None:
            if not self.has_part(stage, fingerprint, part):  # it has just been taken out, its table first
                return None
            raise StorageError(f"{self.url_of(name)}: is missing or empty; {remedy}")
        try:
            return msgspec.convert(data, PartCounts)
        except msgspec.ValidationError as error:
            raise StorageError(f"{self.url_of(name)}: is damaged ({error}); {remedy}") from error

    def remove_part(self, stage: str, fingerprint: str, part: int) -> None:
        """Remove a part, so that it is built again; its table goes first, since only what has one is complete."""
        for what, ending in (("part", "parquet"), ("pages", "parquet"), ("part", "json"), ("rejections", "parquet")):
            self.remove(self.part_name(stage, fingerprint, part, what, ending))

    def parts(self, stage: str, fingerprint: str) -> list[int]:
        """Numbers of the parts of a stage that are complete."""
        names = (path.rpartition("/")[2] for path in self.files(f"{stage}/{fingerprint}/part-*.parquet"))
        return sorted(int(name.rpartition("-")[2].partition(".")[0]) for name in names)

    def all_counts(self, stage: str, fingerprint: str) -> Iterator[tuple[int, PartCounts]]:
        """Number and counts of every complete part of a stage."""
        for part in self.parts(stage, fingerprint):
            counts = self.read_counts(stage, fingerprint, part)
            if counts is not None:
                yield part, counts

    @contextlib.contextmanager
    def claim(self, stage: str, fingerprint: str, part: int) -> Iterator[Claim]:
        """Hold a part, so that a second build of the folder waits for it instead of making it twice."""
        with claimed(self, Running(stage=stage, fingerprint=fingerprint, part=part)) as claim:
            yield claim

    def running(self) -> list[Running]:
        """Parts that processes hold now, on whatever machine, and how far they are."""
        return running(self)


def _groups(items: Iterable[Record], record: type[Record], rejections: list[Rejection]) -> Iterator[list[Record]]:
    """Rows in groups that are neither long nor large; rejections go to their list."""
    most = _LONG_ROWS if record in (Document, Context) else _ROWS
    group: list[Record] = []
    chars = 0
    for item in items:
        if isinstance(item, Rejection):
            rejections.append(item)
            continue
        size = sum(len(value) for name in item.__struct_fields__ if isinstance(value := getattr(item, name), str))
        if group and (len(group) >= most or chars + size > _GROUP_CHARS):
            yield group
            group, chars = [], 0
        group.append(item)
        chars += size
    if group:
        yield group
