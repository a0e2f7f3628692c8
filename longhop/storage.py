"""The run folder: tables, rejections and counts by stage, fingerprint and part, on a local disk or object storage.

    <out>/<stage>/<fingerprint>/part-00000.parquet
    <out>/<stage>/<fingerprint>/rejections-00000.parquet
    <out>/<stage>/<fingerprint>/part-00000.json          counts, seconds, tokens

    >>> folder = RunFolder("runs/sample")
    >>> folder.write_part("traces", fingerprint, 0, sample_traces(…), Trace)
    >>> folder.read_part("traces", fingerprint, 0, Trace)[0].sample
    0

A file that exists is complete. It is written to a temporary file first and renamed into place (local) or put whole
(object storage), and a part's table comes last, so that a part that exists has its rejections and counts beside it.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import filelock
import fsspec
import msgspec
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from longhop.errors import StorageError
from longhop.records import Context, Document, Record, Rejection, from_table, schema_of, to_table

__all__ = ["PartCounts", "RunFolder"]

R = TypeVar("R", bound=Record)

_ROWS = 4096
_LONG_ROWS = 32  # documents and contexts: a reader of one row should read little more than it
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


class RunFolder:
    """The folder of a run, by a local path or any fsspec URL."""

    def __init__(self, url: str) -> None:
        self.url = str(url)
        self._connect()
        protocols = self._fs_here.protocol if isinstance(self._fs_here.protocol, tuple) else (self._fs_here.protocol,)
        self.is_local = "file" in protocols or "local" in protocols

    def _connect(self) -> None:
        try:
            # Listings are not cached: other processes and machines add parts to the same folder.
            self._fs_here, self._root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise StorageError(f"{self.url}: {error}; give a local path or a URL such as s3://bucket/run") from error
        self._pid = os.getpid()

    @property
    def _fs(self) -> Any:
        """The file system; Luigi's workers fork, and a connection to a remote one does not outlive that."""
        if self._pid != os.getpid() and not self.is_local:
            self._connect()
        return self._fs_here

    @property
    def local_path(self) -> Path:
        """The folder as a path; only for a local one."""
        return Path(self._root)

    @property
    def work(self) -> Path:
        """Where this machine keeps what is no part of the result: completions, locks, failures."""
        if self.is_local:
            return self.local_path / ".work"
        cache = os.environ.get("LONGHOP_CACHE") or Path("~/.cache/longhop").expanduser()
        return Path(cache) / "work" / self.url.replace("://", "/").replace(":", "_")

    def path_of(self, name: str) -> str:
        """The place of a file of the run, in the file system's own terms."""
        return f"{self._root.rstrip('/')}/{name}"

    def url_of(self, name: str) -> str:
        """The address of a file of the run, for readers such as polars and for messages."""
        return self.path_of(name) if self.is_local else f"{self.url.rstrip('/')}/{name}"

    # Parts

    @staticmethod
    def part_name(stage: str, fingerprint: str, part: int, what: str = "part", ending: str = "parquet") -> str:
        """Name of a part's file within the run folder."""
        return f"{stage}/{fingerprint}/{what}-{part:05}.{ending}"

    def has_part(self, stage: str, fingerprint: str, part: int) -> bool:
        """Whether a part is complete."""
        return self.exists(self.part_name(stage, fingerprint, part))

    def write_part(
        self, stage: str, fingerprint: str, part: int, items: Iterable[Record], record: type[Record]
    ) -> PartCounts:
        """Write what a stage yields: its rows, its rejections, their counts; the rows' table appears last.

        Args:
            stage: Name of the stage.
            fingerprint: How its rows are made.
            part: Number of the part.
            items: Rows of type `record` and rejections, in any mixture; taken one by one.
            record: What the table holds.

        Raises:
            StorageError: The folder is not writable or full; then nothing of the part appears.
        """
        began = time.monotonic()
        rejections: list[Rejection] = []
        rows = tokens = accepted = 0
        name = self.part_name(stage, fingerprint, part)
        with self._temporary(name) as temporary:
            with self._writer(temporary, name, schema_of(record)) as write:
                for group in _groups(items, record, rejections):
                    rows += len(group)
                    tokens += sum(getattr(row, "n_tokens", 0) for row in group)
                    accepted += sum(getattr(row, "accepted", False) for row in group)
                    write(to_table(group, record))
                if not rows:
                    write(to_table([], record))
            self.write_rejections(stage, fingerprint, part, rejections)
            counts = PartCounts(
                rows=rows,
                rejections=dict(sorted(Counter(rejection.reason for rejection in rejections).items())),
                seconds=round(time.monotonic() - began, 3),
                tokens=tokens,
                accepted=accepted if "accepted" in record.__struct_fields__ else None,
            )
            self.write_json(self.part_name(stage, fingerprint, part, ending="json"), counts)
            self._put(temporary, name)
        return counts

    @contextlib.contextmanager
    def _writer(self, temporary: Path, name: str, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
        """Writes row groups. Only what goes wrong with the file is said of the file: rows are made meanwhile."""
        where = self.url_of(name)
        with _explained(where):
            writer = pq.ParquetWriter(temporary, schema, compression="zstd")

        def write(group: pa.Table) -> None:
            with _explained(where):
                writer.write_table(group, row_group_size=max(1, group.num_rows))

        try:
            yield write
        finally:
            with _explained(where):
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
            for group in range(file.num_row_groups):
                yield group, file.read_row_group(group, columns=list(columns), use_threads=False)

    def read_rejections(self, stage: str, fingerprint: str, part: int) -> list[Rejection]:
        """Rejections of a part."""
        return from_table(self.read_table(self.part_name(stage, fingerprint, part, "rejections")), Rejection)

    def write_rejections(self, stage: str, fingerprint: str, part: int, rejections: Iterable[Rejection]) -> None:
        """Write the rejections of a part."""
        self.write_table(self.part_name(stage, fingerprint, part, "rejections"), to_table(rejections, Rejection))

    def read_counts(self, stage: str, fingerprint: str, part: int) -> PartCounts | None:
        """Counts of a part; None where it is not built."""
        if not self.has_part(stage, fingerprint, part):
            return None
        name = self.part_name(stage, fingerprint, part, ending="json")
        remedy = f"delete {self.part_name(stage, fingerprint, part)} and build again"
        data = self.read_json(name, remedy)
        try:
            return msgspec.convert(data, PartCounts) if data is not None else None
        except msgspec.ValidationError as error:
            raise StorageError(f"{self.url_of(name)}: is damaged ({error}); {remedy}") from error

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
    def claim(self, stage: str, fingerprint: str, part: int) -> Iterator[None]:
        """Hold a part, so that a second build of a local folder waits for it instead of making it twice."""
        if not self.is_local:
            yield
            return
        locks = self.local_path / ".work" / "locks"
        with _explained(self.url):
            locks.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(locks / f"{stage}-{fingerprint}-{part:05}.lock"):
            yield

    # Files

    def files(self, pattern: str) -> list[str]:
        """Files of the run that match a pattern, as addresses."""
        # The run's own folder is no pattern, whatever its name is.
        found = sorted(str(path) for path in self._fs.glob(f"{glob.escape(self._root.rstrip('/'))}/{pattern}"))
        return found if self.is_local else [self._fs.unstrip_protocol(path) for path in found]

    def exists(self, name: str) -> bool:
        """Whether a file of the run exists; then it is complete."""
        return bool(self._fs.exists(self.path_of(name)))

    def read_table(
        self, name: str, columns: Sequence[str] | None = None, row_groups: Sequence[int] | None = None
    ) -> pa.Table:
        """A table of the run, or some columns and row groups of it."""
        chosen = None if columns is None else list(columns)
        with self._open(name) as file:
            if row_groups is None:
                return file.read(columns=chosen, use_threads=False)
            return file.read_row_groups(list(row_groups), columns=chosen, use_threads=False)

    def table_set(self, names: Sequence[str]) -> pyarrow.dataset.Dataset:
        """Tables of the run as one, read only where they are asked for, through the run's own file system."""
        return pyarrow.dataset.dataset([self.path_of(name) for name in names], filesystem=self._fs, format="parquet")

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[pq.ParquetFile]:
        try:
            with self._fs.open(self.path_of(name), "rb") as stream, pq.ParquetFile(stream) as file:
                yield file
        except FileNotFoundError as error:
            raise StorageError(f"{self.url_of(name)}: is missing; build again to make it") from error
        except PermissionError as error:
            raise StorageError(f"{self.url_of(name)}: may not be read; change its permissions") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise StorageError(
                f"{self.url_of(name)}: is damaged ({' '.join(str(error).split())}); delete it and build again"
            ) from error

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write a small table whole."""
        with self._temporary(name) as temporary:
            with _explained(self.url_of(name)):
                pq.write_table(table, temporary, compression="zstd")
            self._put(temporary, name)

    def read_json(self, name: str, remedy: str = "delete it and build again") -> Any:
        """A JSON file of the run; None where there is none.

        Raises:
            StorageError: It is no JSON; the message ends with `remedy`.
        """
        with _explained(self.url_of(name), "read"):
            try:
                data = self._fs.cat_file(self.path_of(name))
            except FileNotFoundError:
                return None
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            raise StorageError(f"{self.url_of(name)}: is damaged ({error}); {remedy}") from error

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file whole."""
        with self._temporary(name) as temporary:
            with _explained(self.url_of(name)):
                temporary.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
            self._put(temporary, name)

    def remove(self, name: str) -> None:
        """Remove a file of the run, if it is there."""
        with _explained(self.url_of(name)), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self.path_of(name))

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A local folder to prepare another in, beside the run where that is local; gone afterwards."""
        if not self.is_local:
            with tempfile.TemporaryDirectory(prefix=f"longhop-{name}-") as folder:
                yield Path(folder)
            return
        with _explained(self.url_of(name)):
            self.work.mkdir(parents=True, exist_ok=True)
            for left_over in self.work.glob(f"{name}.*.tmp"):
                if _is_abandoned(left_over):
                    shutil.rmtree(left_over, ignore_errors=True)
            mine = self.work / f"{name}.{_me()}.tmp"
            shutil.rmtree(mine, ignore_errors=True)
            mine.mkdir()
        try:
            yield mine
        finally:
            shutil.rmtree(mine, ignore_errors=True)

    @contextlib.contextmanager
    def _temporary(self, name: str) -> Iterator[Path]:
        """A file to write to; gone afterwards unless it was put into place."""
        with _explained(self.url_of(name)):
            if self.is_local:
                target = Path(self.path_of(name))
                target.parent.mkdir(parents=True, exist_ok=True)
                # In the folder of its target, since only within a file system a rename is one step.
                for left_over in target.parent.glob(f".{target.name}.*.tmp"):
                    if _is_abandoned(left_over):
                        left_over.unlink(missing_ok=True)
                temporary = target.parent / f".{target.name}.{_me()}.tmp"
            else:
                handle, path = tempfile.mkstemp(prefix="longhop-", suffix=".tmp")
                os.close(handle)
                temporary = Path(path)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _put(self, temporary: Path, name: str) -> None:
        with _explained(self.url_of(name)):
            if self.is_local:
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                temporary.replace(self.path_of(name))
            else:
                self._fs.put_file(str(temporary), self.path_of(name))

    def publish_folder(self, local: Path, name: str) -> None:
        """Put a folder in the place of the run's folder `name`: swapped where local, file by file where remote."""
        with _explained(self.url_of(name)):
            if not self.is_local:
                files = sorted(path for path in local.rglob("*") if path.is_file())
                places = [self.path_of(f"{name}/{file.relative_to(local).as_posix()}") for file in files]
                for file, place in zip(files, places, strict=True):
                    self._fs.put_file(str(file), place)
                known = {self._fs._strip_protocol(place) for place in places}  # noqa: SLF001 - what `find` gives
                for stale in set(self._fs.find(self.path_of(name))) - known:
                    self._fs.rm_file(stale)
                return
            target, old = Path(self.path_of(name)), Path(self.path_of(f".{name}.old"))
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove(old)
            if target.exists():
                target.rename(old)
            local.rename(target)
            _remove(old)


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


def _me() -> str:
    """This process, in the name of a temporary file; machines may share a folder, so with the machine's name."""
    return f"{socket.gethostname().replace('.', '_')}-{os.getpid()}"


def _is_abandoned(temporary: Path) -> bool:
    """Whether the process that a temporary file belongs to ran on this machine and is gone."""
    host, _, pid = temporary.name.split(".")[-2].rpartition("-")
    if host != _me().rpartition("-")[0] or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is another user's, and alive
        return False
    return False


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@contextlib.contextmanager
def _explained(where: str, doing: str = "written") -> Iterator[None]:
    """Says in a sentence what the file system refused."""
    try:
        yield
    except PermissionError as error:
        said = "is not writable; choose another --out or change" if doing == "written" else "may not be read; change"
        raise StorageError(f"{where}: {said} its permissions") from error
    except (NotADirectoryError, FileExistsError) as error:
        raise StorageError(f"{where}: a file stands where a folder is needed; choose another --out") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"{where}: no room left; free some and build again, nothing is lost") from error
        raise StorageError(f"{where}: cannot be {doing}: {error}") from error
