r"""The order of a repository's files: what is imported stands before what imports it, path order else.

    >>> dependency_order([("app.py", "import rope\n"), ("rope.py", "LENGTH = 3\n")])
    ['rope.py', 'app.py']

Imports are found by their form at the beginning of lines, which is a hundred times as fast as parsing and also works
where the file is of an older version of its language. Python, JavaScript and TypeScript, C and C++, Go, Java and
Kotlin, Rust's modules and Ruby are known; names that lead to no file of the repository are passed over.
"""

from __future__ import annotations

import heapq
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

__all__ = ["Imports", "dependency_order"]

_SCRIPTS = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte")
_C = (".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".hxx", ".cu", ".cuh", ".m", ".mm", ".inl", ".ipp")
_JVM = (".java", ".kt", ".kts", ".scala", ".groovy")

# Python: what stands in brackets goes over several lines.
_PYTHON = re.compile(
    r"^(?P<blanks>[ \t]*)(?:from[ \t]+(?P<dots>\.*)[ \t]*(?P<module>[\w.]*)[ \t]+"
    r"import[ \t]*(?P<names>\([^)]{0,20000}\)|(?:[^\\\n]|\\\n)+)"
    r"|c?import[ \t]+(?P<modules>(?:[^\\\n]|\\\n)+))",
    re.MULTILINE,
)
_SCRIPT = re.compile(
    r"(?:\bfrom|\bimport|\brequire[ \t]*\(|\bimport[ \t]*\()[ \t\n]*"
    r"(?P<quote>['\"])(?P<path>\.{1,2}(?:/[^'\"\n]*)?)(?P=quote)"
)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*(?:include|import)[ \t]*[\"<]([^\">\n]+)[\">]", re.MULTILINE)
_GO = re.compile(r"^import[ \t]+(?:\w+[ \t]+|\.[ \t]+)?\"([^\"\n]+)\"|^import[ \t]*\(([^)]*)\)", re.MULTILINE)
_GO_PATH = re.compile(r"\"([^\"\n]+)\"")
_GO_MODULE = re.compile(r"^module[ \t]+\"?([^\s\"]+)", re.MULTILINE)
_JAVA = re.compile(r"^[ \t]*import[ \t]+(?:static[ \t]+)?([\w.]+)", re.MULTILINE)
_RUST = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?mod[ \t]+(\w+)[ \t]*;", re.MULTILINE)
_RUBY = re.compile(r"^[ \t]*require_relative[ \t(]*['\"]([^'\"\n]+)['\"]", re.MULTILINE)
_GUARD = re.compile(r"^[ \t]*(?:try|if|elif|else|except|finally|with)\b(?!.*\bTYPE_CHECKING\b).*:[ \t]*(?:#.*)?$")


class Imports(NamedTuple):
    """What a file names, before it is known which files there are."""

    name: str
    firm: tuple[str, ...]
    """Files or modules that it needs when it is loaded."""
    late: tuple[str, ...] = ()
    """Those that it needs in some function only, or for its types: they decide nothing within a circle."""

    @classmethod
    def of(cls, name: str, text: str) -> Imports:
        """The imports of one file; its text is not needed again."""
        suffix = posixpath.splitext(name)[1].lower()
        if suffix in (".py", ".pyi", ".pyx", ".pxd"):
            return _of_python(name, text)
        if suffix in _SCRIPTS:
            return cls(name, tuple(match["path"] for match in _SCRIPT.finditer(text)))
        if suffix in _C:
            return cls(name, tuple(_INCLUDE.findall(text)))
        if suffix == ".go":
            found = [one or many for one, many in _GO.findall(text)]
            return cls(name, tuple(p for each in found for p in (_GO_PATH.findall(each) if '"' in each else [each])))
        if posixpath.basename(name) == "go.mod":
            return cls(name, (), tuple(_GO_MODULE.findall(text)[:1]))
        if suffix in _JVM:
            return cls(name, tuple(_JAVA.findall(text)))
        if suffix == ".rs":
            return cls(name, tuple(_RUST.findall(text)))
        if suffix == ".rb":
            return cls(name, tuple(_RUBY.findall(text)))
        return cls(name, ())


def dependency_order(files: Iterable[tuple[str, str]] | Sequence[Imports]) -> list[str]:
    """Names of files in the order in which to read them.

    Args:
        files: Path within the repository and text of each, or its imports; in path order.

    Returns:
        Each name once. A file comes after those that it imports; among files that may come next, the first in the
        order given does. In a circle, imports within functions are passed over, then the first file in the order
        given begins. The same files give the same order.
    """
    imports = [each if isinstance(each, Imports) else Imports.of(*each) for each in files]
    find = _Finder(imports)
    place = {each.name: number for number, each in enumerate(imports)}
    firm: list[set[int]] = []
    every: list[set[int]] = []
    for number, each in enumerate(imports):
        needed = {place[name] for name in find.files(each.name, each.firm)} - {number}
        later = {place[name] for name in find.files(each.name, each.late)} - {number}
        firm.append(needed)
        every.append(needed | later)
    circle = _circles(every)
    members: dict[int, list[int]] = defaultdict(list)
    for number, label in enumerate(circle):
        members[label].append(number)
    between: dict[int, set[int]] = {label: set() for label in members}
    for number, needed in enumerate(every):
        between[circle[number]].update(circle[other] for other in needed)
    for label, others in between.items():
        others.discard(label)
    order = _sorted_out(between, {label: own[0] for label, own in members.items()})
    return [imports[number].name for label in order for number in _within(members[label], firm)]


def _within(members: list[int], firm: list[set[int]]) -> list[int]:
    """Order of the files of a circle."""
    if len(members) == 1:
        return members
    own = set(members)
    return _sorted_out({number: firm[number] & own for number in members}, {number: number for number in members})


def _sorted_out(needs: dict[int, set[int]], rank: dict[int, int]) -> list[int]:
    """Keys of `needs`, each behind what it needs, the smallest rank first; where nothing is free, that too begins."""
    users: dict[int, list[int]] = defaultdict(list)
    missing = {key: len(needed) for key, needed in needs.items()}
    for key, needed in needs.items():
        for other in needed:
            users[other].append(key)
    free = [(rank[key], key) for key, count in missing.items() if not count]
    heapq.heapify(free)
    waiting = sorted(needs, key=rank.__getitem__, reverse=True)
    done: dict[int, None] = {}
    while len(done) < len(needs):
        key = heapq.heappop(free)[1] if free else waiting.pop()
        if key in done:
            continue
        done[key] = None
        for user in users[key]:
            missing[user] -= 1
            if not missing[user] and user not in done:
                heapq.heappush(free, (rank[user], user))
    return list(done)


def _circles(needs: list[set[int]]) -> list[int]:
    """For each file the number of the circle that it is in; most are alone."""
    rows = [number for number, needed in enumerate(needs) for _ in needed]
    columns = [other for needed in needs for other in needed]
    matrix = coo_matrix(([1] * len(rows), (rows, columns)), shape=(len(needs), len(needs)))
    if not needs:
        return []
    return [int(label) for label in connected_components(matrix.tocsr(), directed=True, connection="strong")[1]]


def _of_python(name: str, text: str) -> Imports:
    firm: list[str] = []
    late: list[str] = []
    for match in _PYTHON.finditer(text):
        kept = firm if not match["blanks"] or _is_guarded(text, match.start(), match["blanks"]) else late
        if match["modules"] is not None:
            modules = match["modules"].replace("\\\n", " ").partition("#")[0].split(",")
            kept += [words[0] for module in modules if (words := module.split())]
            continue
        names = re.sub(r"#[^\n]*", "", match["names"]).strip("() \t\n").replace("\\\n", " ")
        module = match["dots"] + match["module"]
        # What is imported is a module of its own, else it stands in the one named before.
        kept += [f"{module}:{words[0]}" for each in names.split(",") if (words := each.split())]
    return Imports(name, tuple(dict.fromkeys(firm)), tuple(dict.fromkeys(late)))


def _is_guarded(text: str, start: int, blanks: str) -> bool:
    """Whether an indented import is loaded with its module: it stands under `try:` or `if …:` at the margin."""
    lines = text[max(0, start - 4_000) : start].split("\n")
    for line in reversed(lines[:-1]):
        if line.strip() and len(line) - len(line.lstrip()) < len(blanks):
            return not line[0].isspace() and _GUARD.match(line) is not None
    return False


class _Finder:
    """Finds the files of a repository that imports name."""

    def __init__(self, imports: Sequence[Imports]) -> None:
        self._names = {each.name for each in imports}
        self._by_base: dict[str, list[str]] = defaultdict(list)
        self._folders: dict[str, list[str]] = defaultdict(list)
        for each in imports:
            self._by_base[posixpath.basename(each.name)].append(each.name)
            self._folders[posixpath.dirname(each.name)].append(each.name)
        self._modules = {
            posixpath.dirname(each.name): each.late[0]
            for each in imports
            if posixpath.basename(each.name) == "go.mod" and each.late
        }
        self._roots = self._python_roots()
        self._endings: dict[str, str | None] = {}
        """What `_ending` has found; the headers of a large repository are included many thousand times."""

    def files(self, name: str, wanted: Iterable[str]) -> Iterator[str]:
        """Files that the file `name` means by what it names."""
        suffix = posixpath.splitext(name)[1].lower()
        if posixpath.basename(name) == "go.mod":
            return
        for each in wanted:
            if suffix in (".py", ".pyi", ".pyx", ".pxd"):
                found = self._python(name, each)
            elif suffix in _SCRIPTS:
                found = self._script(name, each)
            elif suffix in _C:
                found = self._include(name, each)
            elif suffix == ".go":
                yield from self._go(each)
                continue
            elif suffix in _JVM:
                found = self._ending(each.replace(".", "/"), _JVM) or self._ending(
                    posixpath.dirname(each.replace(".", "/")), _JVM
                )
            elif suffix == ".rs":
                found = self._rust(name, each)
            else:
                found = self._first(posixpath.normpath(posixpath.join(posixpath.dirname(name), each)), ("", ".rb"))
            if found is not None:
                yield found

    def _first(self, path: str, suffixes: Iterable[str]) -> str | None:
        return next((path + suffix for suffix in suffixes if path + suffix in self._names), None)

    def _python_roots(self) -> list[str]:
        """Folders that packages lie in: those above a package's topmost `__init__.py`, and the repository itself."""
        packages = {posixpath.dirname(name) for name in self._by_base.get("__init__.py", ())}
        tops = {posixpath.dirname(folder) for folder in packages if posixpath.dirname(folder) not in packages}
        return ["", *sorted(tops - {""}), *(["src"] if "src" not in tops else [])]

    def _python(self, name: str, wanted: str) -> str | None:
        module, colon, member = wanted.partition(":")
        if colon and (found := self._python(name, module + member if module.endswith(".") else f"{module}.{member}")):
            return found
        folder = posixpath.dirname(name)
        stripped = module.lstrip(".")
        path = stripped.replace(".", "/")
        dots = len(module) - len(stripped)
        if dots:
            for _ in range(dots - 1):
                folder = posixpath.dirname(folder)
            return self._module(posixpath.join(folder, path) if path else folder)
        # The script's own folder comes first only for what no package of the repository is called.
        for root in (*self._roots, folder):
            if found := self._module(posixpath.join(root, path)):
                return found
        return None

    def _module(self, path: str) -> str | None:
        own = self._first(path, (".py", ".pyx")) if path else None
        package = f"{path}/__init__.py" if path else "__init__.py"
        return own or (package if package in self._names else None) or (self._first(path, (".pyi",)) if path else None)

    def _script(self, name: str, wanted: str) -> str | None:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted))
        # TypeScript names the file that a module will be compiled to.
        bare = re.sub(r"\.[mc]?jsx?$", "", path)
        index = posixpath.join("" if path == "." else path, "index")
        return self._first(path, ("", *_SCRIPTS)) or self._first(bare, _SCRIPTS) or self._first(index, _SCRIPTS)

    def _include(self, name: str, wanted: str) -> str | None:
        own = posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted))
        return own if own in self._names else self._ending(posixpath.normpath(wanted), ("",))

    def _ending(self, path: str, suffixes: Iterable[str]) -> str | None:
        """The one file whose path ends so; none where several do, since nobody knows which is meant."""
        if path in self._endings:
            return self._endings[path]
        self._endings[path] = self._looked_up(path, suffixes)
        return self._endings[path]

    def _looked_up(self, path: str, suffixes: Iterable[str]) -> str | None:
        for suffix in suffixes:
            wanted = path + suffix
            known = self._by_base.get(posixpath.basename(wanted), ())
            found = [name for name in known if name == wanted or name.endswith(f"/{wanted}")]
            if len(found) == 1:
                return found[0]
        return None

    def _go(self, wanted: str) -> Iterator[str]:
        for root, module in self._modules.items():
            if wanted == module or wanted.startswith(f"{module}/"):
                folder = posixpath.join(root, wanted[len(module) :].lstrip("/")).rstrip("/")
                for name in self._folders.get(folder, ()):
                    if name.endswith(".go") and not name.endswith("_test.go"):
                        yield name

    def _rust(self, name: str, wanted: str) -> str | None:
        folder, base = posixpath.split(name)
        inner = folder if base in ("mod.rs", "lib.rs", "main.rs") else posixpath.join(folder, base[:-3])
        path = posixpath.join(inner, wanted)
        return self._first(path, (".rs", "/mod.rs"))
