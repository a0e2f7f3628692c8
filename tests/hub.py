"""A Hub on the loopback, enough of it for the real client to upload a folder in one commit and to load it back.

    with Hub() as hub:                      # on a free port, gone afterwards
        os.environ |= hub.environment       # HF_ENDPOINT, HF_HUB_DISABLE_XET; read when huggingface_hub is imported
        …
        hub.commits[0].files["README.md"]

`refuse` makes it answer every call with a status, as the Hub does to a token that may not write; `faults` says what
befalls single calls (`tests/hub_faults.py` has what befalls one in ten).
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.loopback import Handler, Loopback

TOKEN = "hf_loopback0123456789"  # noqa: S105 - of this Hub
USER = "me"
"""Whose token it is: the owner of what is made without one."""
SIGNATURE = "X-Amz-Signature=0123456789abcdef"
"""Stands in the address of every object, as a secret of its own."""
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
_LFS = ("*.parquet", "*.png")

Fault = tuple[int, dict[str, str]] | str
"""A status with headers; or `drop` the call unread, `lose` its answer, `stall` without one."""


@dataclass
class Commit:
    repo: str
    branch: str
    summary: str
    files: dict[str, bytes]
    """What it put there."""
    oid: str
    deleted: list[str]


def _me() -> dict[str, Any]:
    return {"name": USER, "orgs": [{"name": "org", "roleInOrg": "write"}], "auth": {"accessToken": {"role": "write"}}}


@dataclass
class Hub(Loopback):
    """The server; what arrived stands in its attributes."""

    refuse: int | None = None
    public: bool = False
    """Whether its repositories are public, however they are made."""
    refuse_objects: int | None = None
    """Answers large files with a status."""
    refuse_writes: tuple[int, str] | None = None
    """Answers what makes or changes a repository with a status and a message."""
    page: str = ""
    """Answers every call with this text, as a network does that wants a login first."""
    card_errors: list[str] = field(default_factory=list)
    who: dict[str, Any] = field(default_factory=_me)
    """Answer to `whoami`: whose the token is, and what it may do."""
    faults: Callable[[str, str], Fault | None] = lambda _method, _path: None
    """What befalls a call, by its method and path."""
    part_size: int | None = None
    """Bytes of a part, of objects that are sent in parts; None where they are sent whole."""
    page_size: int = 1000
    ignored: str = ""
    """A pattern of the repository's .gitignore."""
    repos: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Body of the call that made each repository."""
    commits: list[Commit] = field(default_factory=list)
    """Those that came over the wire."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """Large files by their hash."""
    received: Counter[str] = field(default_factory=Counter)
    """How often each object arrived whole, or its parts were put together."""
    again: Counter[str] = field(default_factory=Counter)
    """How often each object, or a part of it, was sent although it had arrived."""
    calls: list[str] = field(default_factory=list)
    heads: dict[tuple[str, str], str] = field(default_factory=dict)
    """Last commit of each branch."""
    states: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """All files by commit."""

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.parts: dict[tuple[str, int], bytes] = {}
        self.ended = threading.Event()

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        super().__exit__(*error)

    @property
    def environment(self) -> dict[str, str]:
        """What a process that uses this Hub needs in its environment."""
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "0"}
        return {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1", **quiet}

    def files(self, repo: str, branch: str = "main") -> dict[str, bytes]:
        """What a branch holds, without what the Hub itself puts there."""
        head = self.heads.get((repo, branch))
        return {name: data for name, data in self.states.get(head or "", {}).items() if name != ".gitattributes"}

    def make(self, repo: str, asked: Mapping[str, Any] | None = None) -> None:
        """A repository as the Hub makes it: with one commit."""
        with self.lock:
            if repo not in self.repos:
                self.repos[repo] = dict(asked or {})
                self.put(repo, {".gitattributes": ATTRIBUTES})

    def put(self, repo: str, files: Mapping[str, bytes], branch: str = "main", deleted: tuple[str, ...] = ()) -> str:
        """A commit, as people make it on the Hub's pages."""
        with self.lock:
            before = self.heads.get((repo, branch), "")
            kept = {name: data for name, data in self.states.get(before, {}).items() if name not in deleted}
            state = {**kept, **files}
            digest = hashlib.sha1(f"{before} {time.monotonic_ns()}".encode(), usedforsecurity=False).hexdigest()
            self.states[digest], self.heads[repo, branch] = state, digest
            return digest


class _Handler(Handler, BaseHTTPRequestHandler):
    hub: Hub

    def handle(self) -> None:
        """Answer until the other side has gone, however it goes."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self._begin(signed=path.startswith("/complete/"))
        if body is None:
            return
        if path == "/api/repos/create":
            if not self._may_not_write():
                asked = json.loads(body)
                repo = f"{asked.get('organization') or USER}/{asked['name']}"
                known = repo in self.hub.repos
                self.hub.make(repo, asked)
                self.reply_json({"url": f"{self.hub.url}/datasets/{repo}"}, 409 if known else 200)
        elif path == "/api/validate-yaml":
            said = [{"message": said} for said in self.hub.card_errors]
            self.reply_json({"errors": said, "warnings": []}, 400 if said else 200)
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/(commit|branch|preupload|paths-info)/(.+)", path):
            self._post_to(match[1], match[2], unquote(match[3]), body)
        else:
            self._post_object(path, body)

    def _post_to(self, repo: str, what: str, revision: str, body: bytes) -> None:
        """A call about a repository's revision."""
        if what == "branch":
            self._branch(repo, revision)
        elif what == "commit" and repo not in self.hub.repos:
            self.reply_json({"error": f"no such repository: {repo}"}, 404)
        elif what == "commit":
            if not self._may_not_write():
                self._commit(repo, revision, [json.loads(line) for line in body.splitlines()])
        elif (state := self._state(repo, revision)) is None:
            return
        elif what == "preupload":
            self.reply_json({"files": [self._mode(file, state[1]) for file in json.loads(body)["files"]]})
        else:
            asked = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
            self.reply_json([entry for entry in _tree(state[1], "", recursive=True) if entry["path"] in asked])

    def _post_object(self, path: str, body: bytes) -> None:
        """A call about large files."""
        if path.endswith("/info/lfs/objects/batch"):
            wanted = [self._wanted(item) for item in json.loads(body)["objects"]]
            self.reply_json({"transfer": "multipart" if self.hub.part_size else "basic", "objects": wanted})
        elif match := re.fullmatch(r"/complete/(.+)", path):
            parts = json.loads(body)["parts"]
            data = b"".join(self.hub.parts[match[1], part["partNumber"]] for part in parts)
            assert [part["etag"] for part in parts] == [f'"{part["partNumber"]}"' for part in parts]
            self._store(match[1], data)
        elif path == "/verify":
            asked = json.loads(body)
            there = self.hub.objects.get(asked["oid"])
            self.reply_json({}, 200 if there is not None and len(there) == asked["size"] else 404)
        else:
            self.reply_json({"error": f"no such call: {path}"}, 404)

    def do_PUT(self) -> None:
        """An object: whoever has its address may send it, without a token."""
        body = self._begin(signed=True)
        if body is None:
            return
        oid = urlsplit(self.path).path.rpartition("/")[2]
        number = parse_qs(urlsplit(self.path).query).get("partNumber")
        self.hub.again[oid] += oid in self.hub.objects
        if self.hub.refuse_objects is not None:
            self.reply_json({}, self.hub.refuse_objects)
        elif number:
            self.hub.parts[oid, int(number[0])] = body
            self.reply(b"", 200, {"ETag": f'"{number[0]}"'})
        else:
            self._store(oid, body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        query = parse_qs(urlsplit(self.path).query)
        if self._begin() is None:
            return
        if path == "/api/whoami-v2":
            self.reply_json(self.hub.who)
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/revision/(.+?))?/?", path):
            if (state := self._state(match[1], match[2] or "main")) is not None:
                siblings = [{"rfilename": name} for name in state[1]]
                about = {"siblings": siblings, "tags": [], "private": not self.hub.public}
                self.reply_json({"id": match[1], "sha": state[0], **about})
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/tree/([^/]+)/?(.*)", path):
            if (state := self._state(match[1], match[2])) is not None:
                entries = _tree(state[1], match[3], recursive="true" in str(query.get("recursive")).lower())
                first, size = int(query.get("cursor", ["0"])[0]), self.hub.page_size
                more = f"{self.hub.url}{path}?recursive=true&cursor={first + size}"
                link = {"Link": f'<{more}>; rel="next"'} if len(entries) > first + size else {}
                self.reply_json(entries[first : first + size], 200 if entries else 404, link)
        elif match := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if (state := self._state(match[1], match[2])) is not None:
                self._file(state[0], state[1].get(match[3]))
        else:
            self.reply(b"", 404, {"X-Error-Code": "EntryNotFound"})

    def _state(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Commit and files of a revision; says what there is not."""
        if repo not in self.hub.repos:
            self.reply(b"{}", 404, {"X-Error-Code": "RepoNotFound", "Content-Type": "application/json"})
            return None
        commit = self.hub.heads.get((repo, revision), revision)
        if commit in self.hub.states:
            return commit, self.hub.states[commit]
        self.reply_json({"error": f"Invalid rev id: {revision}"}, 404, {"X-Error-Code": "RevisionNotFound"})
        return None

    def _file(self, commit: str, data: bytes | None) -> None:
        if data is None:
            self.reply(b"", 404, {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"ETag": f'"{_sha(data)}"', "X-Repo-Commit": commit, "X-Linked-Size": str(len(data))}
        part, status = data, 200
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            first, last = int(match[1]), int(match[2]) if match[2] else len(data) - 1
            part, status = data[first : last + 1], 206
            headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        self.reply(part, status, headers)

    def _branch(self, repo: str, branch: str) -> None:
        if self._may_not_write():
            return
        with self.hub.lock:
            known = (repo, branch) in self.hub.heads
            if not known:
                self.hub.heads[repo, branch] = self.hub.heads[repo, "main"]
        self.reply_json({"error": "reference already exists"} if known else {}, 409 if known else 200)

    def _commit(self, repo: str, branch: str, lines: list[dict[str, Any]]) -> None:
        header = next(line["value"] for line in lines if line["key"] == "header")
        files, deleted = {}, []
        for line in lines:
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "lfsFile":
                files[line["value"]["path"]] = self.hub.objects[line["value"]["oid"]]
            elif line["key"] == "deletedFile":
                deleted.append(line["value"]["path"])
        with self.hub.lock:
            head = self.hub.heads.get((repo, branch))
            if head is None:
                self.reply_json({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
                return
            if header.get("parentCommit") not in (None, head):
                self.reply_json({"error": "A commit has happened since. Please refresh and try again."}, 412)
                return
            oid = self.hub.put(repo, files, branch, tuple(deleted))
            self.hub.commits.append(Commit(repo, branch, header["summary"], files, oid, deleted))
        url = f"{self.hub.url}/datasets/{repo}/commit/{oid}"
        self.reply_json({"commitUrl": url, "commitOid": oid, "hookOutput": ""})

    def _wanted(self, item: dict[str, Any]) -> dict[str, Any]:
        """An object that arrived before is not asked for again."""
        if item["oid"] in self.hub.objects:
            return item
        href, header, size = f"{self.hub.url}/objects/{item['oid']}?{SIGNATURE}", {}, self.hub.part_size
        if size is not None and item["size"] > size:
            numbers = range(1, -(-item["size"] // size) + 1)
            header = {f"{number:05}": f"{href}&uploadId=1&partNumber={number}" for number in numbers}
            header["chunk_size"] = str(size)
            href = f"{self.hub.url}/complete/{item['oid']}"
        actions = {"upload": {"href": href, "header": header}, "verify": {"href": f"{self.hub.url}/verify"}}
        return {**item, "actions": actions}

    def _store(self, oid: str, data: bytes) -> None:
        with self.hub.lock:
            whole = _sha(data) == oid
            if whole:
                self.hub.received[oid] += self.command == "PUT" or oid not in self.hub.objects
                self.hub.objects[oid] = data
        self.reply_json({}, 200 if whole else 400)

    def _mode(self, file: dict[str, Any], state: Mapping[str, bytes]) -> dict[str, Any]:
        name = file["path"]
        lfs = any(fnmatch.fnmatch(name, pattern) for pattern in _LFS)
        there = state.get(name)
        known = {} if there is None else {"oid": _sha(there) if lfs else _blob(there)}
        ignored = bool(self.hub.ignored) and fnmatch.fnmatch(name, self.hub.ignored)
        return {"path": name, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": ignored, **known}

    def _may_not_write(self) -> bool:
        if self.hub.refuse_writes is None:
            return False
        status, said = self.hub.refuse_writes
        self.reply_json({"error": said}, status, {"X-Error-Message": said})
        return True

    def _begin(self, *, signed: bool = False) -> bytes | None:
        """The body of a call; None where it was answered already, or what befalls it is that nobody answers."""
        path = urlsplit(self.path).path
        with self.hub.lock:
            self.hub.calls.append(f"{self.command} {path}")
            fault = self.hub.faults(self.command, path)
        if fault == "drop":
            self.close_connection = True
            return None
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self._chunks()
        if fault == "stall":
            self.hub.ended.wait(30)
            self.close_connection = True
            return None
        if isinstance(fault, tuple):
            self.reply(b'{"error": "try again"}', fault[0], {"Content-Type": "application/json", **fault[1]})
            return None
        if fault == "lose":
            self.close_connection = self.silent = True
        if self.hub.page:
            self.reply(self.hub.page.encode(), 200, {"Content-Type": "text/html"})
            return None
        status = self.hub.refuse
        if status is None and not signed and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status = 401
        if status is not None:
            self.reply_json({"error": f"refused with {status}"}, status)
            return None
        return body

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    silent = False
    """The answer of this call gets lost."""

    def reply(self, data: bytes, status: int, headers: dict[str, str]) -> None:
        if self.silent:
            self.silent = False
        else:
            super().reply(data, status, headers)


def _tree(files: Mapping[str, bytes], below: str, *, recursive: bool) -> list[dict[str, Any]]:
    folders = {str(above) for name in files for above in PurePosixPath(name).parents} - {"."}
    entries: list[dict[str, Any]] = [
        {"type": "directory", "path": name, "size": 0, "oid": "0" * 40} for name in sorted(folders)
    ]
    for name, data in files.items():
        lfs = any(fnmatch.fnmatch(name, pattern) for pattern in _LFS)
        pointer = {"lfs": {"oid": _sha(data), "size": len(data), "pointerSize": 134}} if lfs else {}
        entries.append(
            {"type": "file", "path": name, "size": len(data), "oid": "1" * 40 if lfs else _blob(data), **pointer}
        )
    inner = [entry for entry in entries if not below or entry["path"].startswith(f"{below}/")]
    return [entry for entry in inner if recursive or "/" not in entry["path"][len(below) :].lstrip("/")]


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


Hub.handler = _Handler
