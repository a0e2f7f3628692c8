"""Dataset folders to push, made by hand, and the client of this process turned to a Hub on the loopback."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http

from longhop.publish import hub as patience
from tests.hub import TOKEN, Hub
from tests.small_run import tables, write_dataset

__all__ = ["Here", "licensed_dataset", "sha", "turned", "with_large_files"]

Here = Callable[[Hub], list[float]]
"""Turns the client to a Hub; gives the seconds that it will have been told to wait, which it does not."""


def turned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    """What turns the client of this process to a Hub."""

    def turn(hub: Hub) -> list[float]:
        waits: list[float] = []
        for module in (_http, patience):
            monkeypatch.setattr(module, "time", _Hurried(waits))
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        return waits

    return turn


class _Hurried:
    """The module `time`, whose sleep takes no time."""

    def __init__(self, waits: list[float]) -> None:
        self._waits = waits

    def sleep(self, seconds: float) -> None:
        self._waits.append(seconds)

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)


def with_large_files(folder: Path, count: int, size: int = 4_000) -> Path:
    """So many large files more, as pictures beside the card are."""
    chance = random.Random(5)
    (folder / "figures").mkdir(exist_ok=True)
    for number in range(count):
        (folder / "figures" / f"{number:03}.png").write_bytes(chance.randbytes(size))
    return folder


def licensed_dataset(folder: Path, licence: str | None = "CC0-1.0") -> Path:
    """A small dataset folder, all of whose documents have one licence."""
    rows = tables()[0]
    for row in [*rows["contexts"], *rows["examples"]]:
        row["documents"] = [{**document, "license": licence} for document in row["documents"]]
    write_dataset(folder, rows)
    return folder


def sha(data: bytes) -> str:
    """The name of an object."""
    return hashlib.sha256(data).hexdigest()
