"""A Hub on the loopback, enough of it for the real client to upload a folder in one commit and to load it back.

    with Hub() as hub:                      # on a free port, gone afterwards
        os.environ |= hub.environment       # HF_ENDPOINT, HF_HUB_DISABLE_XET; read when huggingface_hub is imported
        …
        hub.commits[0].files["README.md"]

`refuse` makes it answer every call with a status, as the Hub does to a token that may not write.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.loopback import Handler, Loopback

TOKEN = "hf_loopback0123456789"  # noqa: S105 - of this Hub
USER = "me"
"""Whose token it is: the owner of what is made without one."""


@dataclass
class Commit:
    repo: str
    branch: str
    summary: str
    files: dict[str, bytes]


@dataclass
class Hub(Loopback):
    """The server; what arrived stands in its attributes."""

    refuse: int | None = None
    public: bool = False
    """Whether its repositories are public, however they are made."""
    refuse_objects: int | None = None
    """Answers large files with a status."""
    page: str = ""
    """Answers every call with this text, as a network does that wants a login first."""
    card_errors: list[str] = field(default_factory=list)
    who: dict[str, Any] = field(default_factory=dict)
    """Answer to `whoami`: whose the token is, and what it may do."""
    repos: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Body of the call that made each repository."""
    commits: list[Commit] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    """Large files by their hash."""
    calls: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What a process that uses this Hub needs in its environment."""
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "0"}
        return {"HF_ENDPOINT": self.url, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1", **quiet}

    def files(self, repo: str) -> dict[str, bytes]:
        return {name: data for commit in self.commits if commit.repo == repo for name, data in commit.files.items()}


class _Handler(Handler, BaseHTTPRequestHandler):
    hub: Hub

    def do_POST(self) -> None:
        path, body = urlsplit(self.path).path, self._body()
        if self._refused():
            return
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked.get('organization') or USER}/{asked['name']}"
            known = repo in self.hub.repos
            self.hub.repos.setdefault(repo, asked)
            self.reply_json({"url": f"{self.hub.url}/datasets/{repo}"}, 409 if known else 200)
        elif path == "/api/validate-yaml":
            self.reply_json(
                {"errors": [{"message": said} for said in self.hub.card_errors], "warnings": []},
                400 if self.hub.card_errors else 200,
            )
        elif "/preupload/" in path:
            files = [
                {"path": file["path"], "uploadMode": self._mode(file["path"]), "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self.reply_json({"files": files})
        elif path.endswith("/info/lfs/objects/batch"):
            self.reply_json(
                {"transfer": "basic", "objects": [self._wanted(item) for item in json.loads(body)["objects"]]}
            )
        elif (match := re.fullmatch(r"/api/datasets/(.+)/commit/.+", path)) and match[1] not in self.hub.repos:
            self.reply_json({"error": f"no such repository: {match[1]}"}, 404)
        elif match := re.fullmatch(r"/api/datasets/(.+)/commit/(.+)", path):
            self._commit(match[1], unquote(match[2]), [json.loads(line) for line in body.splitlines()])
        elif "/branch/" in path:
            self.reply_json({})
        else:
            self.reply_json({"error": f"no such call: {path}"}, 404)

    def do_PUT(self) -> None:
        body = self._body()
        if self.hub.refuse_objects is None:
            self.hub.objects[self.path.rpartition("/")[2]] = body
        self.reply_json({}, self.hub.refuse_objects or 200)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self._body()
        if self._refused():
            return
        if path == "/api/whoami-v2" and self.hub.who:
            self.reply_json(self.hub.who)
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree)/[^/]+)?/?", path):
            files = self.hub.files(match[1])
            if match[1] not in self.hub.repos:
                self.reply(b"{}", 404, {"X-Error-Code": "RepoNotFound", "Content-Type": "application/json"})
            elif match[2] == "tree":
                self.reply_json(
                    [
                        {"type": "file", "path": name, "size": len(data), "oid": _sha(data)}
                        for name, data in files.items()
                    ]
                )
            else:
                siblings = [{"rfilename": name} for name in files]
                self.reply_json(
                    {"id": match[1], "sha": "0" * 40, "siblings": siblings, "tags": [], "private": not self.hub.public}
                )
        elif (match := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path)) and match[
            2
        ] in self.hub.files(match[1]):
            data = self.hub.files(match[1])[match[2]]
            self.reply(
                data, 200, {"ETag": f'"{_sha(data)}"', "X-Repo-Commit": "0" * 40, "X-Linked-Size": str(len(data))}
            )
        else:
            self.reply(b"", 404, {"X-Error-Code": "EntryNotFound"})

    def _commit(self, repo: str, branch: str, lines: list[dict[str, Any]]) -> None:
        files = {}
        for line in lines:
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "lfsFile":
                files[line["value"]["path"]] = self.hub.objects[line["value"]["oid"]]
        summary = next(line["value"]["summary"] for line in lines if line["key"] == "header")
        self.hub.commits.append(Commit(repo, branch, summary, files))
        self.reply_json(
            {"commitUrl": f"{self.hub.url}/datasets/{repo}/commit/{'0' * 40}", "commitOid": "0" * 40, "hookOutput": ""}
        )

    def _wanted(self, item: dict[str, Any]) -> dict[str, Any]:
        """An object that arrived before is not asked for again."""
        upload = {"upload": {"href": f"{self.hub.url}/objects/{item['oid']}"}}
        return {**item, **({} if item["oid"] in self.hub.objects else {"actions": upload})}

    def _mode(self, name: str) -> str:
        return "lfs" if name.endswith(".parquet") else "regular"

    def _refused(self) -> bool:
        if self.hub.page:
            self.reply(self.hub.page.encode(), 200, {"Content-Type": "text/html"})
            return True
        status = self.hub.refuse
        if status is None and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status = 401
        if status is not None:
            self.reply_json({"error": f"refused with {status}"}, status)
        return status is not None

    def _body(self) -> bytes:
        self.hub.calls.append(f"{self.command} {urlsplit(self.path).path}")
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


Hub.handler = _Handler
