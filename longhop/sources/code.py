r"""Code: a repository as one document, its files behind path headings, or one document a file.

    >>> join_files([("README.md", "Hello."), ("src/app.py", "print(1)")])
    ('==== README.md ====\nHello.\n\n==== src/app.py ====\nprint(1)', ((0, 'file'), (28, 'file')))

What people would not read is left out, each with its reason: binary, vendored, generated and minified files, and data.
Notebooks are read as scripts (`notebooks.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePath, PurePosixPath

from longhop.records import Rejection
from longhop.sources.items import rejected
from longhop.sources.notebooks import notebook_text
from longhop.sources.text import BinaryError, decode, tidy

__all__ = [
    "PACKAGES",
    "is_repository",
    "join_files",
    "refused_by_content",
    "refused_by_name",
    "text_of",
    "vendored",
    "vendored_name",
]

MOST_BYTES = 1_000_000
"""A larger file is data, or was not written by hand."""
DATA_BYTES = 50_000
"""The same for files of data formats."""
NOTEBOOK_BYTES = 20_000_000
"""The same for notebooks, most of which is pictures in their outputs."""

MARKERS = frozenset(
    ".git pyproject.toml setup.py setup.cfg package.json go.mod Cargo.toml pom.xml build.gradle build.gradle.kts "
    "CMakeLists.txt Makefile meson.build Gemfile composer.json mix.exs Project.toml DESCRIPTION dune-project "
    "stack.yaml Package.swift pubspec.yaml deno.json".split()
)
"""Files and folders that only the top of a repository has."""
SOURCE_SUFFIXES = frozenset(
    ".py .pyx .pyi .c .h .cc .cpp .cxx .hpp .hh .hxx .cu .cuh .java .kt .kts .scala .groovy .go .rs .js .mjs .cjs "
    ".jsx .ts .tsx .vue .svelte .rb .php .pl .pm .lua .r .jl .m .mm .swift .cs .fs .fsx .vb .hs .ml .mli .ex .exs "
    ".erl .clj .cljs .lisp .el .scm .rkt .sh .bash .zsh .fish .ps1 .sql .f .f90 .f95 .for .pas .adb .ads .d .nim "
    ".zig .v .sv .vhd .vhdl .asm .s .dart .tcl .awk .cob .cbl .sol .proto .thrift".split()
)
_BINARY_SUFFIXES = frozenset(
    ".png .jpg .jpeg .gif .bmp .ico .tif .tiff .webp .psd .pdf .epub .doc .docx .xls .xlsx .ppt .pptx .odt .zip "
    ".gz .bz2 .xz .zst .tar .tgz .7z .rar .jar .war .class .o .a .so .dylib .dll .exe .bin .dat .pyc .pyo .pyd "
    ".whl .egg .wasm .ttf .otf .woff .woff2 .eot .mp3 .mp4 .wav .ogg .flac .avi .mov .mkv .webm .npy .npz .pkl "
    ".pickle .pt .pth .onnx .safetensors .h5 .hdf5 .parquet .arrow .feather .sqlite .db .mo .icns .bmp .iso .deb "
    ".rpm .keystore .der".split()
)
_DATA_SUFFIXES = frozenset(
    ".json .jsonl .ndjson .csv .tsv .xml .geojson .yaml .yml .html .htm .sql .log .po .pot .dtd .fasta".split()
)
_PROSE_SUFFIXES = frozenset(".md .markdown .rst .txt .tex .adoc .org".split())
_VENDORED = frozenset(
    "node_modules vendor vendored _vendor third_party third-party thirdparty 3rdparty external bower_components "
    "site-packages dist-packages venv virtualenv dist build target Pods Carthage DerivedData egg-info htmlcov "
    "__pypackages__ __MACOSX wheelhouse jspm_packages".split()
)
PACKAGES = frozenset(["build", "dist", "external", "target"])
"""Of these, what a package of Python may be called as well; with an `__init__.py` in it, it is one."""
_LOCK_FILES = frozenset(
    "package-lock.json yarn.lock pnpm-lock.yaml npm-shrinkwrap.json poetry.lock Pipfile.lock uv.lock pdm.lock "
    "Cargo.lock go.sum composer.lock Gemfile.lock mix.lock flake.lock pubspec.lock Podfile.lock deno.lock "
    "bun.lockb conda-lock.yml requirements.lock".split()
)
_GENERATED_NAME = re.compile(
    r"_pb2(_grpc)?\.pyi?$|\.pb\.(go|cc|h)$|_pb\.(js|ts|d\.ts)$|\.g\.dart$|\.designer\.cs$|\.(js|css)\.map$|\.snap$"
    r"|^moc_.*\.cpp$|^ui_.*\.h$|\.generated\.\w+$|_generated\.\w+$",
    re.IGNORECASE,
)
_MINIFIED_NAME = re.compile(r"[.-]min\.(js|css|mjs)$|\.bundle\.js$", re.IGNORECASE)
_GENERATED = re.compile(
    r"do not (?:edit|modify|change)\b(?! this (?:docstring|comment|line))|@generated\b"
    r"|auto-?(?:matically)?[ -]?generated\b|machine[ -]generated|\b(?:file|module|code) (?:is|was|has been) generated\b"
    r"|^\W*generated (?:by|from|using|with)\b"
    r"|generated from ['\"]",
    re.IGNORECASE | re.MULTILINE,
)
_COMMENT_LINE = re.compile(r"^\s*(?:#|//|/\*|\*|--|;|<!--|%|'''|\"\"\"|\(\*|\{-|\"|'|rem\b|@).*", re.IGNORECASE)
_HEAD_LINES = 12


def vendored_name(name: str) -> str | None:
    """Why a folder of a repository is left out for its name, or None."""
    if name in _VENDORED or name.endswith((".egg-info", ".dist-info")):
        return f"the folder {name!r} holds what others wrote or what was built"
    return None


def vendored(folder: Path) -> str | None:
    """Why a folder of a repository is left out, or None."""
    if (why := vendored_name(folder.name)) and not (folder.name in PACKAGES and (folder / "__init__.py").is_file()):
        return why
    if (folder / "pyvenv.cfg").is_file():
        return "a virtual environment"
    return None


def is_repository(folder: Path) -> bool:
    """Whether the folder is itself one repository: it has what only the top of one has, or source files."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return False
    return any(name in MARKERS or PurePosixPath(name).suffix.lower() in SOURCE_SUFFIXES for name in names)


def refused_by_name(path: PurePath, size: int) -> tuple[str, str] | None:
    """Reason and detail of a file that is left out without being read, or None."""
    name, suffix = path.name, path.suffix.lower()
    if suffix in _BINARY_SUFFIXES:
        return "binary", f"files of type {suffix} are no text"
    if name in _LOCK_FILES:
        return "generated", "a lock file"
    if _GENERATED_NAME.search(name):
        return "generated", "its name is one of generated files"
    if _MINIFIED_NAME.search(name):
        return "minified", "its name is one of minified files"
    if suffix == ".svg":
        return "data", "a drawing, not code"
    most = DATA_BYTES if suffix in _DATA_SUFFIXES else NOTEBOOK_BYTES if suffix == ".ipynb" else MOST_BYTES
    if size > most:
        return "data", f"{size:,} bytes; more than {most:,} bytes of {suffix or 'any file'} are data, not code"
    return None


def refused_by_content(name: str, text: str) -> tuple[str, str] | None:
    """Reason and detail of a file that is left out for what it says, or None."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _PROSE_SUFFIXES:
        for line in text[:4_000].split("\n", _HEAD_LINES)[:_HEAD_LINES]:
            if _COMMENT_LINE.match(line) and (found := _GENERATED.search(line)):
                return "generated", f"its head says {found[0].strip(' #/*')!r}"
        lines = text.count("\n") + 1
        longest = max(map(len, text.split("\n")))
        if len(text) > 2_000 and (len(text) / lines > 300 or longest > 10_000):
            return "minified", f"lines of {len(text) // lines} characters on average, the longest of {longest}"
    return None


def text_of(data: bytes, name: str) -> str | Rejection:
    """The text of a file of code, as it stands, or why it is left out; `name` is for people."""
    try:
        text = tidy(decode(data), verbatim=True)
        if text and name.lower().endswith(".ipynb"):
            text = tidy(notebook_text(text), verbatim=True)
    except BinaryError as error:
        return rejected(name, "binary", str(error))
    except ValueError as error:
        return rejected(name, "malformed", f"is no notebook ({error}); save it anew")
    if not text:
        return rejected(name, "empty", "nothing but blanks and control characters")
    if refused := refused_by_content(name, text):
        return rejected(name, *refused)
    return text


def join_files(files: Iterable[tuple[str, str]]) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Files, (path, text), as one text, and where each begins."""
    parts: list[str] = []
    sections = []
    offset = 0
    for name, text in files:
        part = f"==== {name} ====\n{text}"
        if parts:
            parts.append("\n\n")
            offset += 2
        sections.append((offset, "file"))
        parts.append(part)
        offset += len(part)
    return "".join(parts), tuple(sections)
