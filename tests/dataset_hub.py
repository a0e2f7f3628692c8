"""A Hub on the loopback that datasets are read from, by the real client: revisions, ranges, gates.

with DatasetHub() as hub:
    commit = hub.add("org/books", {"data/train-00000-of-00001.parquet": data}, branch="main")
    subprocess.run(…, env={**os.environ, **hub.environment})     # the client reads it when it is imported
    hub.sent["data/train-00000-of-00001.parquet"]                # bytes that were asked for
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.loopback import Handler, Loopback


@dataclass
class DatasetHub(Loopback):
    """The server, and what it holds."""

    gated: set[str] = field(default_factory=set)
    commits: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    """Files by dataset and commit."""
    branches: dict[str, dict[str, str]] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    """Bytes of each file that were sent."""

    @property
    def environment(self) -> dict[str, str]:
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "0"}
        return {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1", **quiet}

    def add(self, repo: str, files: dict[str, bytes], branch: str = "main") -> str:
        """A commit with these files at the end of a branch."""
        digest = hashlib.sha1(usedforsecurity=False)
        for name, data in sorted(files.items()):
            digest.update(name.encode() + data)
        self.commits.setdefault(repo, {})[digest.hexdigest()] = files
        self.branches.setdefault(repo, {})[branch] = digest.hexdigest()
        return digest.hexdigest()


class _Handler(Handler, BaseHTTPRequestHandler):
    hub: DatasetHub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/revision/([^/]+))?/?", path):
            if (found := self._files(match[1], match[2] or "main")) is not None:
                siblings = [{"rfilename": name} for name in found[1]]
                self.reply_json({"id": match[1], "sha": found[0], "siblings": siblings, "tags": [], "private": False})
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/tree/([^/]+)/?(.*)", path):
            if (found := self._files(match[1], match[2])) is not None:
                entries = self._tree(found[1], match[3], "true" in str(parse_qs(urlsplit(self.path).query)).lower())
                if entries:
                    self.reply_json(entries)
                else:
                    self.reply_json({"error": "no such folder"}, 404, {"X-Error-Code": "EntryNotFound"})
        elif match := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if (found := self._files(match[1], match[2])) is not None:
                self._file(found[0], match[3], found[1].get(match[3]))
        else:
            self.reply_json({"error": f"no such call: {path}"}, 404)

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/paths-info/([^/]+)", path):
            if (found := self._files(match[1], match[2])) is not None:
                asked = json.loads(body)["paths"] if body.startswith("{") else parse_qs(body)["paths"]
                every = self._tree(found[1], "", recursive=True)
                self.reply_json([entry for entry in every if entry["path"] in asked])
        else:
            self.reply_json({"error": f"no such call: {path}"}, 404)

    def _files(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if repo in self.hub.gated:
            self.reply_json({"error": "gated"}, 403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
        elif repo not in self.hub.commits:
            self.reply_json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        else:
            commit = self.hub.branches[repo].get(revision, revision)
            if commit in self.hub.commits[repo]:
                return commit, self.hub.commits[repo][commit]
            self.reply_json({"error": f"Invalid rev id: {revision}"}, 404, {"X-Error-Code": "RevisionNotFound"})
        return None

    @staticmethod
    def _tree(files: dict[str, bytes], below: str, recursive: bool) -> list[dict[str, Any]]:
        folders = {str(above) for name in files for above in PurePosixPath(name).parents} - {"."}
        entries = [{"type": "directory", "path": name, "size": 0, "oid": "0" * 40} for name in sorted(folders)]
        entries += [{"type": "file", "path": n, "size": len(data), "oid": _sha(data)} for n, data in files.items()]
        inner = [e for e in entries if not below or str(e["path"]).startswith(f"{below}/")]
        return [e for e in inner if recursive or "/" not in str(e["path"])[len(below) :].lstrip("/")]

    def _file(self, commit: str, name: str, data: bytes | None) -> None:
        if data is None:
            self.reply_json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"ETag": f'"{_sha(data)}"', "X-Repo-Commit": commit, "X-Linked-Size": str(len(data))}
        headers["Accept-Ranges"] = "bytes"
        part, status = data, 200
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            first, last = int(match[1]), int(match[2]) if match[2] else len(data) - 1
            part, status = data[first : last + 1], 206
            headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        if self.command != "HEAD":
            self.hub.sent[name] += len(part)
        self.reply(part, status, headers)


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


DatasetHub.handler = _Handler
