"""Archives as folders: .tar, .tar.gz, .tar.bz2, .tar.xz, .tar.zst, .zip and wheels, without trust in what they say.

    >>> [str(rejection.reason) for rejection in unpack(Path("books.zip"), folder, wants)]
    ['outside_path', 'encrypted']

Members are written below one private folder (`staging.py`), under names that stay below it, and only plain files: paths
that lead out, links, devices, encrypted members, archives within archives and members that swell are rejections, and
the rest goes on. Members that no reader wants are written as holes of their size, so that they cost no disk.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import IO, Any, NamedTuple, Protocol, Self

import pyarrow as pa

from longhop.errors import SourceError
from longhop.records import Rejection
from longhop.sources.items import rejected

__all__ = ["is_archive", "unpack", "without_suffix"]

SUFFIXES = (
    ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar", ".zip", ".whl",
)  # fmt: skip
MOST_MEMBERS = 2_000_000
MOST_BYTES = 200 * 1024**3
"""Bytes that an archive may unpack to."""
MOST_RATIO = 200
"""Times its packed size that a member may unpack to, once it has more than `HARMLESS` bytes; text has 3 to 20."""
HARMLESS = 32 * 1024**2
MOST_SKIPPED = 4 * 1024**3
"""Bytes of a refused member that are unpacked to get to the next one, in a format that can be read only through."""
MOST_HEADER = 1024**2
_CHUNK = 1024**2
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, OSError, pa.ArrowException)
_RAISED = (*_DAMAGED, ValueError, NotImplementedError, RuntimeError)  # of a header that says nonsense

Wants = Callable[[str, int], bool]
"""Whether a member, by name and size in bytes, will be read."""


class _Swollen(Exception):  # noqa: N818 - a verdict on a member
    """A member unpacks to far more than it was packed from."""


class _Full(Exception):  # noqa: N818 - the same
    """The archive unpacks to more than it may."""


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Member(NamedTuple):
    name: str
    size: int
    refused: tuple[str, str] | None
    is_file: bool

    @property
    def is_wanted(self) -> bool:
        """A file that is not hidden: those are passed over, as in a folder."""
        return self.is_file and not any(part.startswith(".") for part in _parts(self.name))


def is_archive(path: PurePath) -> bool:
    """Whether the name is that of an archive that longhop reads."""
    return path.name.lower().endswith(SUFFIXES)


def without_suffix(name: str) -> str:
    """Name of an archive without what says that it is one; of a wheel the package and its version."""
    if name.lower().endswith(".whl"):
        return "-".join(name.split("-")[:2])
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)] or name


def unpack(path: Path, into: Path, wants: Wants) -> Iterator[Rejection]:
    """Write the members of an archive below `into`, which bears the archive's name; what is left out comes back.

    A damaged archive gives what stands before the damage. Names of rejections are those of the members below `into`'s.
    """
    unpacker = _Unpacker(into, wants)
    try:
        into.mkdir(exist_ok=True)
        with path.open("rb") as raw:
            magic = raw.read(6)
            raw.seek(0)
            yield from unpacker.zip(raw) if magic[:2] == b"PK" else unpacker.tar(raw, magic)
    except _Full:
        unpacker.discard_last()
        detail = f"unpacks to more than {unpacker.most:,} bytes or {MOST_MEMBERS:,} members; the rest of it is not read"
        yield rejected(into.name, "bomb", detail)
    except _RAISED as error:
        unpacker.discard_last()  # half of it may be there
        said = " ".join(str(error).split()) or type(error).__name__
        where = f"behind the member {unpacker.last}" if unpacker.last else "from its beginning"
        yield rejected(
            into.name, "damaged_archive", f"not readable {where} ({said}); what stands before is read. Get it anew"
        )


class _Unpacker:
    def __init__(self, into: Path, wants: Wants) -> None:
        self._into = into
        self._wants = wants
        self._written = 0
        self._members = 0
        self.last = ""
        self._open: Path | None = None
        self.most = MOST_BYTES

    def tar(self, raw: IO[bytes], magic: bytes) -> Iterator[Rejection]:
        """From a stream, which is read once, in the order in which it lies."""
        # Open to the end of the generator; each closes with its own.
        with _opened(raw, magic) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
            for info in archive:
                name = info.name
                member = _Member(name, info.size, _refused_tar(info) or _refused_name(name), info.isreg())
                start = raw.tell()
                if (refusal := self._look(member)) is not None:
                    yield refusal
                elif member.is_wanted:
                    source = archive.extractfile(info)
                    assert source is not None
                    try:
                        yield from self._take(member, source, lambda start=start: raw.tell() - start)  # type: ignore[misc]
                    except _Swollen:
                        yield self._swollen(member)
                        if info.size > MOST_SKIPPED:
                            raise _Full from None
                # It remembers each header, for looking up by name.
                archive.members.clear()  # type: ignore[attr-defined]

    def zip(self, raw: IO[bytes]) -> Iterator[Rejection]:
        """By the directory at its end, in the order of which it lies."""
        with zipfile.ZipFile(raw) as archive:
            for info in archive.infolist():
                refused = _refused_zip(info) or _refused_name(info.filename)
                member = _Member(info.filename, info.file_size, refused, not info.is_dir())
                if (refusal := self._look(member)) is not None:
                    yield refusal
                elif member.is_wanted:
                    yield from self._from_zip(archive, info, member)

    def _from_zip(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, member: _Member) -> Iterator[Rejection]:
        try:
            with archive.open(info) as source:
                yield from self._take(member, source, lambda: info.compress_size)
        except _Swollen:
            yield self._swollen(member)
        except _RAISED as error:
            self._discard(member)
            said = " ".join(str(error).split()) or type(error).__name__
            yield rejected(self._shown(member), "damaged_member", f"cannot be unpacked ({said}); get the archive anew")

    def discard_last(self) -> None:
        """Remove the member that was being written."""
        if self._open is not None:
            self._open.unlink(missing_ok=True)

    def _look(self, member: _Member) -> Rejection | None:
        self._members += 1
        if self._members > MOST_MEMBERS:
            raise _Full
        self.last = self._shown(member)
        if member.refused is not None:
            return rejected(self._shown(member), *member.refused)
        if member.is_file and is_archive(PurePath(member.name)):
            detail = "an archive within an archive; unpack it, or name it as a source of its own"
            return rejected(self._shown(member), "nested_archive", detail)
        return None

    def _take(self, member: _Member, source: _Stream, packed: Callable[[], int]) -> Iterator[Rejection]:
        target = self._target(member)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                self._open = target
                if self._wants(member.name, member.size):
                    self._copy(source, file, packed)
                else:
                    file.truncate(member.size)
            self._open = None
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            detail = "a file and a folder of the archive have the same name; the first one is read"
            yield rejected(self._shown(member), "name_clash", detail)
        except OSError as error:
            if error.errno in _NAMES:
                yield rejected(self._shown(member), "unreadable", f"{error.strerror}; give it a shorter name")
            elif error.filename is not None or error.errno in _ROOM:
                raise SourceError(
                    f"archive {self._into.name}: cannot be unpacked ({error.strerror}). Free some room, or name a "
                    "folder on another disk with LONGHOP_CACHE."
                ) from error
            else:
                raise

    def _copy(self, source: _Stream, file: IO[bytes], packed: Callable[[], int]) -> None:
        size = 0
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            self._written += len(chunk)
            if self._written > self.most:
                raise _Full
            if size > HARMLESS and size > MOST_RATIO * (packed() + 1024):
                file.truncate(0)
                raise _Swollen
            file.write(chunk)

    def _swollen(self, member: _Member) -> Rejection:
        self._discard(member)
        detail = f"unpacks to {member.size:,} bytes, more than {MOST_RATIO} times what it was packed to; not read"
        return rejected(self._shown(member), "bomb", detail)

    def _discard(self, member: _Member) -> None:
        self._target(member).unlink(missing_ok=True)

    def _target(self, member: _Member) -> Path:
        # `_refused_name` has seen to it that no part leads upwards.
        return self._into.joinpath(*_parts(member.name))

    def _shown(self, member: _Member) -> str:
        parts = "/".join(_parts(member.name)) or member.name
        return f"{self._into.name}/{parts}".encode("utf-8", "backslashreplace").decode()


class _Header(tarfile.TarInfo):
    """A header whose long name or attributes are not read into memory where they are longer than any is."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        special = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME)
        if self.type in (*special, tarfile.GNUTYPE_LONGLINK) and self.size > MOST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(archive)  # type: ignore[misc]


_NAMES = frozenset((36, 22, 84))  # ENAMETOOLONG, EINVAL, EILSEQ
_ROOM = frozenset((28, 122))  # ENOSPC, EDQUOT


def _opened(raw: IO[bytes], magic: bytes) -> Any:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if magic.startswith(b"\xfd7zXZ"):
        return lzma.LZMAFile(raw)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    return _Open(raw)


class _Open:
    """A file that is not closed with those who read it."""

    def __init__(self, raw: IO[bytes]) -> None:
        self.read = raw.read

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it open."""


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _refused_name(name: str) -> tuple[str, str] | None:
    parts = _parts(name)
    drive = bool(parts) and parts[0][1:2] == ":"
    if name.startswith("/") or ".." in parts or drive or "\\" in name or "\0" in name:
        return "outside_path", "a path that leads, or may lead, out of the archive; name members relative to its top"
    return None


def _refused_tar(info: tarfile.TarInfo) -> tuple[str, str] | None:
    if info.issym() or info.islnk():
        return "symlink", "a link; links of archives are not followed"
    if not (info.isreg() or info.isdir()):
        return "unsupported_format", "a device, a pipe or the like, no file"
    return None


def _refused_zip(info: zipfile.ZipInfo) -> tuple[str, str] | None:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "symlink", "a link; links of archives are not followed"
    if stat.S_IFMT(mode) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "unsupported_format", "a device, a pipe or the like, no file"
    if info.flag_bits & 1:
        return "encrypted", "encrypted with a password; unpack it, and give the folder as the source"
    return None
