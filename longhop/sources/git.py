"""Git repositories, read through the `git` command: what is tracked, what stands at a commit; nothing is checked out.

    >>> git = Git.of(Path("mirrors/tides.git"))
    >>> commit = git.commit_of("v1.0")
    >>> [entry.name for entry in git.tree(commit)][:2]
    ['LICENSE', 'src/tides/__init__.py']

A repository is data that others wrote: its hooks and file monitors are not run, nothing is fetched, replaced objects
and the caller's own GIT_* variables play no part.
"""

from __future__ import annotations

import atexit
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from longhop.errors import SourceError
from longhop.sources.staging import is_staged

__all__ = ["Entry", "Git", "read_blobs"]

MOST_LISTED = 2_000_000
"""Files of a commit; a list with more is no code that people wrote."""
_SAFE = (
    "--no-replace-objects",
    "-c safe.directory=*",  # repositories of other users are read, and nothing of them is run
    "-c core.fsmonitor=false",
    "-c core.hooksPath=/dev/null",
    "-c protocol.allow=never",  # a partial clone would fetch what it lacks
    "-c core.quotePath=false",
)
_INSTALL = "Install git (https://git-scm.com), or give the files themselves in a folder without `.git`"


class Entry(NamedTuple):
    """A file of a commit or of the index."""

    mode: str
    """`100644`, `100755`; `120000` is a symbolic link, `160000` a submodule."""
    sha: str
    size: int
    """Bytes; 0 where git does not know: in the index, of a submodule."""
    name: str


class Git:
    """A repository on a local disk."""

    def __init__(self, folder: Path, *, bare: bool) -> None:
        self.folder = folder
        self.bare = bare

    @classmethod
    def of(cls, folder: Path) -> Git | None:
        """The repository whose working tree, or which bare, lies in `folder` itself; None where none does.

        What an archive holds is a plain folder: git is not let loose on a configuration that came with it.
        """
        if is_staged(folder):
            return None
        if (folder / ".git").exists():
            return cls(folder, bare=False)
        if (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "config").is_file():
            return cls(folder, bare=True)
        return None

    @property
    def name(self) -> str:
        """Name for people: that of its folder."""
        return self.folder.name.removesuffix(".git") or self.folder.name

    def commit_of(self, revision: str | None) -> str:
        """The commit that a branch, tag or commit stands for; that of HEAD for None.

        Raises:
            SourceError: There is none, or git is not to be had.
        """
        asked = revision or "HEAD"
        # Not an option of the command, and one commit, not a range of them.
        done = None if asked.startswith("-") else self._run("rev-parse", "--verify", "--quiet", f"{asked}^{{commit}}")
        if done is None or done.returncode:
            if revision is None:
                raise SourceError(
                    f"source {self.folder}: the git repository has no commit at HEAD. "
                    "Name a branch, tag or commit with `revision:`."
                )
            raise SourceError(
                f"source {self.folder}: no branch, tag or commit `{revision}`{self._choices()}. Correct `revision`, "
                "fetch it into this repository, or, where the history was rewritten, name another."
            )
        return done.stdout.decode().strip()

    def head(self) -> str | None:
        """The commit of HEAD, or None before the first one."""
        done = self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def has(self, commit: str) -> bool:
        """Whether the commit is, or is still, in the repository."""
        return self._run("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0

    def tree(self, commit: str) -> Iterator[Entry]:
        """All files of a commit, in git's order.

        Raises:
            SourceError: The commit is not, or no more, in the repository.
        """
        for line in self._lines("ls-tree", "-r", "-l", "-z", "--full-tree", commit):
            head, _, name = line.partition(b"\t")
            mode, _, sha, size = head.split()
            yield Entry(mode.decode(), sha.decode(), int(size) if size.isdigit() else 0, os.fsdecode(name))

    def tracked(self) -> Iterator[Entry]:
        """What git tracks in the working tree, by its index; sizes and contents are those of the disk, not told here.

        Raises:
            SourceError: The index cannot be read.
        """
        last = b""
        for line in self._lines("ls-files", "--stage", "-z"):
            head, _, name = line.partition(b"\t")
            if name != last:  # a file in the midst of a merge stands there up to three times
                mode, sha, _ = head.split()
                yield Entry(mode.decode(), sha.decode(), 0, os.fsdecode(name))
            last = name

    def blobs(self) -> Blobs:
        """A process that gives the contents of files by their hash; to be used as a context manager."""
        return Blobs(self._start("cat-file", "--batch", stdin=subprocess.PIPE), self.folder)

    def _choices(self) -> str:
        done = self._run("for-each-ref", "--format=%(refname:short)", "--count=20", "refs/heads", "refs/tags")
        names = done.stdout.decode("utf-8", "replace").split()
        return f"; there are {', '.join(names)}" if names else ""

    def _lines(self, *arguments: str) -> Iterator[bytes]:
        """What the command says, up to each null byte; never all of it in memory."""
        with self._start(*arguments) as process:
            assert process.stdout is not None
            rest, count = b"", 0
            while chunk := process.stdout.read(1 << 20):
                *lines, rest = (rest + chunk).split(b"\0")
                count += len(lines)
                if count > MOST_LISTED:
                    process.kill()
                    raise SourceError(f"source {self.folder}: more than {MOST_LISTED:,} files. Name a part of them.")
                yield from lines
        if process.returncode:
            raise SourceError(
                f"source {self.folder}: git cannot list it (git {arguments[0]} ended with {process.returncode}): "
                "its objects or its index are damaged or incomplete. Run `git fsck` there, or clone it again in whole."
            )

    def _command(self, arguments: Iterable[str]) -> list[str]:
        options = [word for option in _SAFE for word in option.split(" ", 1)]
        place = f"--git-dir={self.folder if self.bare else self.folder / '.git'}"
        if not self.bare and (self.folder / ".git").is_file():
            place = ""  # a linked working tree or a submodule: its file says where the repository is
        return ["git", *options, "-C", str(self.folder), *([place] if place else []), *arguments]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return {
            **kept,
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_CEILING_DIRECTORIES": str(self.folder.parent),
            "LC_ALL": "C",
        }

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        with self._start(*arguments) as process:
            said, _ = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, said)

    def _start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - no shell; revisions that look like options are refused
                self._command(arguments),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(),
            )
        except FileNotFoundError as error:
            raise SourceError(
                f"source {self.folder}: a git repository, and there is no git here. {_INSTALL}."
            ) from error
        except OSError as error:
            raise SourceError(f"source {self.folder}: git cannot be started ({error.strerror}). {_INSTALL}.") from error


class Blobs:
    """`git cat-file --batch`: one process for any number of files."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self.folder = folder
        self._pid = os.getpid()

    def read(self, sha: str) -> bytes | None:
        """Content of a file; None where the repository has it no more.

        Raises:
            SourceError: The process has ended: the repository is damaged.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{sha}\n".encode())
            self._process.stdin.flush()
            head = self._process.stdout.readline()
        except BrokenPipeError:
            head = b""
        if not head:
            raise SourceError(
                f"source {self.folder}: git cannot read {sha[:12]}; the repository is damaged. Run `git fsck` there."
            )
        words = head.split()
        if len(words) != 3 or words[1] != b"blob":
            if len(words) == 3:
                self._process.stdout.read(int(words[2]) + 1)
            return None
        data = self._process.stdout.read(int(words[2]))
        self._process.stdout.read(1)
        return data

    def is_usable(self, folder: Path) -> bool:
        """Whether it is of this repository, and of this process: after a fork two would read from one pipe."""
        return self.folder == folder and self._pid == os.getpid() and self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        if self._pid != os.getpid():
            return
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


_open: Blobs | None = None
"""The repository that was read last: a listing gives the files of one after another, and a process takes a while."""


def read_blobs(git: Git) -> Blobs:
    """The process that reads `git`, started where there is none yet; it ends with the next repository, or with us."""
    global _open  # noqa: PLW0603 - a cache
    if _open is None or not _open.is_usable(git.folder):
        close_blobs()
        _open = git.blobs()
    return _open


def close_blobs() -> None:
    """End the process that `read_blobs` has started."""
    global _open  # noqa: PLW0603 - a cache
    if _open is not None:
        _open.close()
    _open = None


atexit.register(close_blobs)
