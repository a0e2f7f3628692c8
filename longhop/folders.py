"""Files on a local disk or on object storage, alike: what exists is complete.

    >>> folder = Folder("s3://bucket/run")
    >>> folder.write_json("run.json", {"name": "sample"})
    >>> folder.read_json("run.json")
    {'name': 'sample'}

A file is written to a local temporary file first, then renamed into place (local) or put whole (object storage); it is
never streamed through an open remote file, which commits half of itself when an exception leaves it.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import msgspec
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from longhop.errors import LonghopError, StorageError, UnreachableError

__all__ = ["Folder", "cache_folder", "explained", "is_gone", "me"]

WORK = ".work"
"""Folder within a local one for what is no part of the result."""


class Folder:
    """A folder by a local path or any fsspec URL."""

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

    def path_of(self, name: str) -> str:
        """The place of a file of the run, in the file system's own terms."""
        return f"{self._root.rstrip('/')}/{name}"

    def url_of(self, name: str) -> str:
        """The address of a file of the run, for readers such as polars and for messages."""
        return self.path_of(name) if self.is_local else f"{self.url.rstrip('/')}/{name}"

    def files(self, pattern: str) -> list[str]:
        """Files of the run that match a pattern, as addresses."""
        # The run's own folder is no pattern, whatever its name is.
        found = sorted(str(path) for path in self._fs.glob(f"{glob.escape(self._root.rstrip('/'))}/{pattern}"))
        return found if self.is_local else [self._fs.unstrip_protocol(path) for path in found]

    def exists(self, name: str) -> bool:
        """Whether a file of the run exists; then it is complete."""
        return bool(self._fs.exists(self.path_of(name)))

    def read_table(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        row_groups: Sequence[int] | None = None,
        remedy: str | None = None,
    ) -> pa.Table:
        """A table of the run, or some columns and row groups of it.

        Raises:
            StorageError: It is missing or damaged; the message ends with `remedy`, or with what is made by itself.
        """
        chosen = None if columns is None else list(columns)
        with self._open(name, remedy=remedy) as file:
            if row_groups is None:
                return file.read(columns=chosen, use_threads=False)
            return file.read_row_groups(list(row_groups), columns=chosen, use_threads=False)

    def read_ranges(self, ranges: Sequence[tuple[str, int, int]]) -> list[bytes]:
        """Bytes of files of the run, side by side where the storage can.

        Args:
            ranges: Name of a file, its first byte, and the one behind the last.

        Raises:
            UnreachableError: The storage does not answer now.
            StorageError: A file is missing, may not be read, or is shorter.
        """
        if not ranges:
            return []
        places = [self.path_of(name) for name, _, _ in ranges]
        with self._readable(ranges[0][0]):
            data: list[Any] = self._fs.cat_ranges(
                places, [first for _, first, _ in ranges], [end for *_, end in ranges]
            )
        for found, (name, first, end) in zip(data, ranges, strict=True):
            with self._readable(name):
                if isinstance(found, BaseException):
                    raise found
                if len(found) != end - first:
                    raise OSError(f"it has {len(found)} of the bytes {first} to {end}")
        return data

    def read_matching(self, name: str, key: str, wanted: Collection[str], columns: Sequence[str]) -> Iterator[pa.Table]:
        """Rows of a table whose `key` is one of `wanted`, by row group; texts of other groups are not read."""
        with self._open(name) as file:
            for group in range(file.num_row_groups):
                keys = file.read_row_group(group, columns=[key], use_threads=False)[key].to_pylist()
                if any(value in wanted for value in keys):
                    rows = file.read_row_group(group, columns=list(columns), use_threads=False)
                    yield rows.take([place for place, value in enumerate(keys) if value in wanted])

    def table_set(self, names: Sequence[str]) -> pyarrow.dataset.Dataset:
        """Tables of the run as one, read only where they are asked for, through the run's own file system."""
        return pyarrow.dataset.dataset([self.path_of(name) for name in names], filesystem=self._fs, format="parquet")

    def check_table(self, name: str, remedy: str | None = None) -> None:
        """Refuse a table that is missing or damaged as `read_table` does; only where its rows lie is read."""
        with self._open(name, remedy=remedy):
            pass

    @contextlib.contextmanager
    def _open(self, name: str, remedy: str | None = None) -> Iterator[pq.ParquetFile]:
        # What lies side by side is read together: tables are read by columns and row groups.
        with self._stream(name, remedy) as stream, pq.ParquetFile(stream, pre_buffer=True) as file:
            yield file

    @contextlib.contextmanager
    def _stream(self, name: str, remedy: str | None = None) -> Iterator[Any]:
        """A file that is open for reading, of which nothing is read ahead."""
        unbuffered = {} if self.is_local else {"cache_type": "none"}
        with self._readable(name, remedy), self._fs.open(self.path_of(name), "rb", **unbuffered) as stream:
            yield stream

    @contextlib.contextmanager
    def _readable(self, name: str, remedy: str | None = None) -> Iterator[None]:
        """Says of what goes wrong with a table which it is, and what to do."""
        try:
            yield
        except FileNotFoundError as error:
            raise StorageError(f"{self.url_of(name)}: is missing; {remedy or 'build again to make it'}") from error
        except PermissionError as error:
            raise StorageError(f"{self.url_of(name)}: may not be read; change its permissions") from error
        except Exception as error:
            said = " ".join(str(error).split())
            remedy = remedy or "delete it and build again"
            # What readers of tables find wrong has no number of the system's; a place outside of the file has this one.
            misread = isinstance(error, OSError) and error.errno in (None, errno.EINVAL)
            if misread or isinstance(error, pa.ArrowException):
                raise StorageError(f"{self.url_of(name)}: is damaged ({said}); {remedy}") from error
            if isinstance(error, OSError) or (not self.is_local and not isinstance(error, LonghopError)):
                raise _failed(self.url_of(name), "read", error) from error
            raise

    def write_table(self, name: str, table: pa.Table) -> None:
        """Write a small table whole."""
        with self._temporary(name) as temporary:
            with explained(self.url_of(name)):
                pq.write_table(table, temporary, compression="zstd")
            self._put(temporary, name)

    def read_bytes(self, name: str) -> bytes | None:
        """A small file; None where there is none."""
        with explained(self.url_of(name), "read"):
            try:
                data = self._fs.cat_file(self.path_of(name))
            except FileNotFoundError:
                return None
        assert isinstance(data, bytes)
        return data

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a small file whole."""
        with self._temporary(name) as temporary:
            with explained(self.url_of(name)):
                temporary.write_bytes(data)
            self._put(temporary, name)

    def read_json(self, name: str, remedy: str = "delete it and build again") -> Any:
        """A JSON file of the run; None where there is none.

        Raises:
            StorageError: It is no JSON; the message ends with `remedy`.
        """
        data = self.read_bytes(name)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError as error:
            raise StorageError(f"{self.url_of(name)}: is damaged ({error}); {remedy}") from error

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file whole."""
        self.write_bytes(name, msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")

    def sizes(self, name: str) -> dict[str, int]:
        """Bytes of each file below a folder, by its name there; nothing where there is no such folder."""
        place = self.path_of(name)
        with explained(self.url_of(name), "read"):
            found = self._fs.find(place, detail=True) if self._fs.exists(place) else {}
        start = len(self._fs._strip_protocol(place)) + 1  # noqa: SLF001 - what `find` gives
        return {path[start:]: int(info["size"]) for path, info in sorted(found.items())}

    def stamp(self, name: str) -> str | None:
        """Changes when the file does; None where there is none."""
        with explained(self.url_of(name), "read"):
            try:
                if self.is_local:
                    told = Path(self.path_of(name)).stat()
                    return f"{told.st_ino} {told.st_mtime_ns} {told.st_size}"
                info = self._fs.info(self.path_of(name))
            except FileNotFoundError:
                return None
        return str(sorted((key, str(value)) for key, value in info.items()))

    def age(self, name: str) -> float | None:
        """Seconds since a file was written, by the clocks of those who wrote it and who ask; None where it is gone."""
        with explained(self.url_of(name), "read"):
            try:
                written = self._fs.modified(self.path_of(name))
            except FileNotFoundError:
                return None
        return float((datetime.now(UTC) - written).total_seconds())

    def create(self, name: str, content: bytes) -> bool:
        """Write a file if there is none, in one step where the storage can; whether it was written."""
        with explained(self.url_of(name)):
            try:
                self._fs.pipe_file(self.path_of(name), content, mode="create")
            except FileExistsError:
                return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file of the run, if it is there."""
        with explained(self.url_of(name)), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self.path_of(name))

    @contextlib.contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A local folder to prepare another in, beside the run where that is local; gone afterwards."""
        if not self.is_local:
            with tempfile.TemporaryDirectory(prefix=f"longhop-{name}-") as folder:
                yield Path(folder)
            return
        with explained(self.url_of(name)):
            beside = self.local_path / WORK
            beside.mkdir(parents=True, exist_ok=True)
            for left_over in beside.glob(f"{name}.*.tmp"):
                if is_gone(left_over.name.split(".")[-2]):
                    shutil.rmtree(left_over, ignore_errors=True)
            mine = beside / f"{name}.{me()}.tmp"
            shutil.rmtree(mine, ignore_errors=True)
            mine.mkdir()
        try:
            yield mine
        finally:
            shutil.rmtree(mine, ignore_errors=True)

    @contextlib.contextmanager
    def _temporary(self, name: str) -> Iterator[Path]:
        """A file to write to; gone afterwards unless it was put into place."""
        with explained(self.url_of(name)):
            if self.is_local:
                target = Path(self.path_of(name))
                target.parent.mkdir(parents=True, exist_ok=True)
                # In the folder of its target, since only within a file system a rename is one step.
                for left_over in target.parent.glob(f".{target.name}.*.tmp"):
                    if is_gone(left_over.name.split(".")[-2]):
                        left_over.unlink(missing_ok=True)
                temporary = target.parent / f".{target.name}.{me()}.tmp"
            else:
                handle, path = tempfile.mkstemp(prefix="longhop-", suffix=".tmp")
                os.close(handle)
                temporary = Path(path)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _put(self, temporary: Path, name: str) -> None:
        with explained(self.url_of(name)):
            if self.is_local:
                with temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                temporary.replace(self.path_of(name))
            else:
                self._fs.put_file(str(temporary), self.path_of(name))

    def fetch_folder(self, name: str, local: Path) -> None:
        """Copy the run's folder `name` into a local one, file by file.

        Raises:
            StorageError: The disk has no room for it, or a file cannot be read.
        """
        sizes = self.sizes(name)
        free, needed = shutil.disk_usage(local).free, sum(sizes.values())
        if needed > free:
            raise StorageError(
                f"{local}: {needed / 1e9:.1f} GB of {self.url_of(name)} do not fit, {free / 1e9:.1f} GB are free; "
                "make room there, or set TMPDIR to a larger disk"
            )
        with explained(self.url_of(name)):
            for each in sizes:
                (local / each).parent.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(self.path_of(f"{name}/{each}"), str(local / each))

    def publish_folder(self, local: Path, name: str) -> None:
        """Put a folder in the place of the run's folder `name`: swapped where local, file by file where remote."""
        with explained(self.url_of(name)):
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


def cache_folder() -> Path:
    """Where longhop keeps, for this user, what lies in no run."""
    if given := os.environ.get("LONGHOP_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache")).expanduser() / "longhop"


def me() -> str:
    """This process, by machine and number: `gpu1-4711`. Machines may share a folder."""
    return f"{socket.gethostname().replace('.', '_')}-{os.getpid()}"


def is_gone(process: str) -> bool:
    """Whether a process, as `me` names it, ran on this machine and has ended; of another machine's nobody knows."""
    host, _, pid = process.rpartition("-")
    if host != me().rpartition("-")[0] or not pid.isdigit():
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
def explained(where: str, doing: str = "written") -> Iterator[None]:
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
        raise _failed(where, doing, error) from error
    except Exception as error:
        # Clients of object storage have errors of their own, under no common root.
        if isinstance(error, StorageError) or "://" not in where:
            raise
        raise _failed(where, doing, error) from error


def _failed(where: str, doing: str, error: Exception) -> StorageError:
    said = " ".join(str(error).split()) or type(error).__name__
    if "://" in where:
        return UnreachableError(f"{where}: cannot be {doing} now: {said}; what is finished is kept, build again")
    return StorageError(f"{where}: cannot be {doing}: {said}")
