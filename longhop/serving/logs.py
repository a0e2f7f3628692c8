"""What servers say: written to a file without secrets, and read for the line that says why one ended.

>>> cause(["(EngineCore pid=7) ERROR 11-24 12:45:23 [core.py:1] torch.OutOfMemoryError: CUDA out of memory. Tried …"])
Cause(line='torch.OutOfMemoryError: CUDA out of memory. …', remedy='free the GPU …')
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from longhop.serving.spec import ServerSpec

__all__ = ["Cause", "ServerLog", "cause", "last_lines", "secrets"]

_KEPT_LINES = 500
_MAX_BYTES = 20_000_000
"""A log that grows beyond this is moved aside once: servers of long builds say much."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:API_?)?(?:KEYS?|TOKENS?|SECRETS?|PASSWORDS?|PASSWD|CREDENTIALS?)(?:_|$)", re.IGNORECASE
)
_SECRET_OPTIONS = ("api-key", "hf-token")
_SECRET_SHAPES = re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)|\bhf_[A-Za-z0-9]{20,}")

_PREFIX = re.compile(
    r"^(?:\([A-Za-z][\w.\- ]* pid=\d+\)\s?)?"  # the process
    r"(?:(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \[[^\]]*\]\s?)?"
    r"(?:\[rank\d+\]:\s?)?"
)
_GRAVE = frozenset(["", "ERROR", "CRITICAL"])
_PYDANTIC = re.compile(r"^\s+(?:Value|Assertion) error, (.*?)(?: \[type=.*)?$")
_NOISE = re.compile(
    r"^\s|^$|^Traceback \(most recent|^The above exception|^During handling of|[█▀▄]|^Route: |%\|| \d+% Completed"
    r"|\"(?:GET|POST|HEAD) /\S* HTTP/|resource_tracker|^INFO:\s|^---|^usage: |^\[?[WI]\d{4} |^Process \w+:$"
    r"|failed to start\.$"
)
_WRAPPER = re.compile(r"Engine core initialization failed|Engine process failed to start|EngineDeadError|^SystemExit")
_ERROR = re.compile(r"^(?:[A-Za-z_][\w]*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt|Failure)\b(?:\(.*\))?: \S")

_MORE_GPUS = "give the replica more `gpus` with --tensor-parallel-size"
_KNOWN = (
    (
        re.compile(r"(?:CUDA|HIP|XPU) out of memory|\bOutOfMemoryError\b"),
        f"free the GPU (nvidia-smi shows who uses it), {_MORE_GPUS}, or set a smaller --max-model-len in `args`",
    ),
    (
        re.compile(r"Free memory on device .* is less than desired"),
        "another process holds the GPU (nvidia-smi shows which): end it, or set a smaller --gpu-memory-utilization",
    ),
    (
        re.compile(r"[Tt]o serve at least one request with the model|max seq len .* is larger than the maximum number"),
        f"set a smaller --max-model-len in `args`, or {_MORE_GPUS}",
    ),
    (
        re.compile(r"No available memory for the cache blocks"),
        f"set a larger --gpu-memory-utilization in `args`, or {_MORE_GPUS}",
    ),
    (
        re.compile(r"User-specified max_model_len"),
        "the model's window is too short for what the recipe asks: take shorter contexts or another model",
    ),
    (re.compile(r"[Aa]ddress already in use"), "end what uses the port"),
    (re.compile(r"\berror: (?:unrecognized arguments|argument |ambiguous option)"), "correct the engine's `args`"),
    (
        re.compile(
            r"not a valid model identifier|Repository Not Found|RepositoryNotFound|gated repo|GatedRepo"
            r"|RevisionNotFound|Invalid repository ID or local|Repo id must be|LocalEntryNotFound|couldn't connect to "
        ),
        "check `model` and `revision`; a gated or private model needs HF_TOKEN, and without network a local folder",
    ),
    (
        re.compile(r"trust_remote_code|trust-remote-code"),
        'add "--trust-remote-code" to `args` if you trust the model\'s code',
    ),
    (
        # Of a prompt that it computes in several steps; vLLM 0.32 on a processor.
        re.compile(r"CPU Generator does not use offset"),
        'set args: ["--max-num-batched-tokens", N], with N as large as the longest prompt',
    ),
    (re.compile(r"No space left on device"), "free some room on the disk"),
    (re.compile(r"Too many open files"), "raise the limit (ulimit -n)"),
    (
        re.compile(r"PackageNotFoundError: No package metadata was found for vllm"),
        "install the official package `vllm`",
    ),
)


class Cause(NamedTuple):
    """The line of a log that says why a server ended, and what may be done."""

    line: str
    remedy: str


def cause(lines: Sequence[str]) -> Cause | None:
    """The line that says why a server ended: what is known to end servers first, else the last error."""
    told = [plain for level, plain in map(_plain, lines) if level in _GRAVE]
    for pattern, remedy in _KNOWN:
        for line in reversed(told):
            if pattern.search(line) and not line.startswith(" "):
                return Cause(_short(line), remedy)
    errors = [line for line in told if _ERROR.match(line)]
    own = [line for line in errors if not _WRAPPER.search(line)]
    return Cause(_short((own or errors)[-1]), "") if errors else None


def last_lines(lines: Sequence[str], count: int = 6) -> list[str]:
    """The last lines that tell something: no progress, no stack, no requests, nothing twice; errors before reports."""
    told = [(level, plain) for level, plain in map(_plain, lines) if not _NOISE.search(plain)]
    grave = [plain for level, plain in told if level in _GRAVE]
    last_first = dict.fromkeys(reversed(grave or [plain for _, plain in told]))
    return [_short(line, 240) for line in list(last_first)[:count]][::-1]


def _plain(line: str) -> tuple[str, str]:
    """Level and text of a line, without what vLLM sets before them; what pydantic says as an error of its own."""
    match = _PREFIX.match(line)
    text = line[match.end() :] if match else line
    if said := _PYDANTIC.match(text):
        return "ERROR", f"ValidationError: {said[1]}"
    return (match and match["level"]) or "", text.rstrip()


def secrets(spec: ServerSpec, environment: Mapping[str, str]) -> list[str]:
    """What must not be written: values of variables that are named like keys, and keys among the arguments."""
    found = {value for name, value in environment.items() if _SECRET_NAME.search(name)}
    found |= {spec.options.get(name, "") for name in _SECRET_OPTIONS}
    return sorted((value for value in found if len(value) >= 8), key=len, reverse=True)


class ServerLog:
    """The log of one server: a file, and the lines of its present start."""

    def __init__(self, path: Path, hidden: Iterable[str]) -> None:
        self.path = path
        self._hidden = list(hidden)
        self._rest = b""
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)

    def begin(self, headline: str) -> None:
        """A start: what was said before stands in the file only."""
        self.end()
        self.lines.clear()
        self._write(f"--- longhop: {headline}\n")

    def feed(self, data: bytes) -> None:
        """What the server said."""
        *whole, self._rest = re.split(rb"[\r\n]+", self._rest + data)
        if len(self._rest) > 100_000:
            whole, self._rest = [*whole, self._rest], b""
        self._take(whole)

    def end(self) -> None:
        """Nothing more comes."""
        rest, self._rest = self._rest, b""
        self._take([rest])

    def clean(self, text: str) -> str:
        """A text without secrets."""
        for value in self._hidden:
            text = text.replace(value, "***")
        return _SECRET_SHAPES.sub("***", text)

    def _take(self, whole: Sequence[bytes]) -> None:
        said = [self.clean(line.decode(errors="replace")) for line in whole if line]
        # What we ask again and again to see whether it lives.
        said = [line for line in said if '"GET /health HTTP' not in line]
        self.lines.extend(said)
        if said:
            self._write("".join(f"{line}\n" for line in said))

    def _write(self, text: str) -> None:
        # A full disk, or a folder that was removed, is no reason to stop listening: a server that nobody hears blocks.
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and self.path.stat().st_size > _MAX_BYTES:
                self.path.replace(self.path.with_suffix(".log.1"))
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)


def _short(line: str, length: int = 400) -> str:
    return line if len(line) <= length else f"{line[: length - 1]}…"
