"""Tables on object storage, or at any address that fsspec knows: listed with their ETags, read as a stream.

    sources:
    - {kind: book, path: "s3://bucket/books/*.parquet"}

An object that has another ETag than when it was listed is not read: the run stands for what was listed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

import fsspec

from longhop.errors import SourceError
from longhop.recipe import Source
from longhop.records import RawDocument, Rejection
from longhop.sources.items import SourceItem, changed, described, rejected, vanished
from longhop.sources.tables import (
    columns_of,
    missing_columns,
    read_jsonl,
    read_parquet,
    table_format,
    wanted_columns,
)

__all__ = ["is_remote", "list_remote", "read_remote"]

_READ = "of what lies on object storage longhop reads tables (.jsonl, also .gz or .zst, and .parquet); copy others here"


def is_remote(path: str) -> bool:
    """Whether a recipe's path is an address."""
    return "://" in path


def list_remote(source: Source) -> Iterator[SourceItem | Rejection]:
    """Tables of a pattern, below a folder, or one, in the order of their names.

    Raises:
        SourceError: The address is unknown, cannot be reached, or holds nothing; a single table lacks a column.
    """
    url = source.path or ""
    if url.endswith(".git") or url.startswith(("git://", "ssh://")):
        raise SourceError(
            f"source {url}: a git repository elsewhere. Clone it here (`git clone --bare {url}`), and give that folder."
        )
    found = _found(url)
    if not found:
        raise SourceError(f"source {url}: nothing lies there, or nothing matches. Correct `path` in the recipe.")
    above = _common(url)
    for place, info in found:
        name = _name(place, above)
        form = table_format(place)
        if form is None:
            yield rejected(name, "unsupported_format", f"{posixpath.basename(place)} is no table; {_READ}")
            continue
        try:
            columns = columns_of(place, wanted := wanted_columns(source))
        except SourceError as error:
            if len(found) == 1:
                raise
            yield rejected(name, "malformed", str(error))
            continue
        except Exception as error:
            raise _unreachable(url, error) from error
        if missing := [column for column in wanted if column not in columns]:
            said = missing_columns(f"source {place}", missing, columns)
            if len(found) == 1:
                raise SourceError(said)
            yield rejected(name, "no_text", said)
            continue
        yield SourceItem(
            **described(source),
            format=form,
            path=name,
            location=place,
            sha=_stamp(info),
            size=int(info.get("size") or 0),
        )


def read_remote(item: SourceItem) -> Iterator[RawDocument | Rejection]:
    """Documents of a table at an address.

    Raises:
        SourceError: It cannot be reached now; what was read before is lost with the part, which is built again.
    """
    read = read_jsonl if item.format == "jsonl" else read_parquet
    if item.split is not None:  # a dataset's: its commit stands in the address
        yield from _guarded(item, read(item, item.location.removeprefix("hf://datasets/")))
        return
    try:
        file_system, path = fsspec.core.url_to_fs(item.location, use_listings_cache=False)
        info = file_system.info(path)
    except FileNotFoundError:
        yield vanished(item.path, "the object")
        return
    except Exception as error:
        raise _unreachable(item.location, error) from error
    if _stamp(info) != item.sha:
        yield changed(item.path, "the object")
        return
    yield from _guarded(item, read(item, f"{item.location}@{item.sha}"))


def _guarded(item: SourceItem, results: Iterator[RawDocument | Rejection]) -> Iterator[RawDocument | Rejection]:
    """What a reader gives; a connection that breaks is said, and is no fault of the file."""
    while True:
        try:
            result = next(results)
        except StopIteration:
            return
        except Exception as error:
            raise _unreachable(item.location, error) from error
        yield result


def _found(url: str) -> list[tuple[str, dict[str, Any]]]:
    """Addresses of files, and what the storage says of each."""
    try:
        file_system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
        if any(sign in path for sign in "*?["):
            infos = file_system.glob(path, detail=True)
        elif file_system.isfile(path):
            infos = {path: file_system.info(path)}
        else:
            infos = file_system.find(path, detail=True)
        return [
            (file_system.unstrip_protocol(place), info)
            for place, info in sorted(infos.items())
            if info.get("type") == "file" and not posixpath.basename(place).startswith((".", "_"))
        ]
    except FileNotFoundError:
        return []
    except ImportError as error:
        need = " Install it with `pip install longhop[s3]`." if url.startswith("s3") else ""
        raise SourceError(f"source {url}: {error}.{need}") from error
    except ValueError as error:
        raise SourceError(f"source {url}: {error}. Give a path, or an address such as s3://bucket/books.") from error
    except Exception as error:  # clients of object storage have errors of their own, under no common root
        raise _unreachable(url, error) from error


def _unreachable(url: str, error: Exception) -> SourceError:
    said = " ".join(str(error).split()) or type(error).__name__
    return SourceError(
        f"source {url}: cannot be read now ({said}). Look at its name, the connection and the credentials in the "
        "environment, and build again; what is finished is kept."
    )


def _stamp(info: dict[str, Any]) -> str:
    """What changes with the content: an ETag or a checksum where the storage has one, else size and time."""
    for key in ("ETag", "etag", "md5Hash", "crc32c", "checksum"):
        if value := info.get(key):
            return str(value).strip('"')
    moment = info.get("LastModified") or info.get("last_modified") or info.get("mtime") or info.get("created") or ""
    return f"{info.get('size')} {moment}".strip()


def _common(url: str) -> str:
    """The folder that names are relative to: above the first part of a pattern, or above what is named."""
    parts = url.rstrip("/").split("/")
    for place, part in enumerate(parts):
        if any(sign in part for sign in "*?["):
            return "/".join(parts[: place - 1]) if place > 3 else "/".join(parts[:place])
    return "/".join(parts[:-1])


def _name(place: str, above: str) -> str:
    return place.removeprefix(above).lstrip("/") or place
