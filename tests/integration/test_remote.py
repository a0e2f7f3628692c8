"""A run on object storage: the same tables, and whatever machine vanishes, what it flushed is not asked again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from longhop import Run
from longhop.engines import Completion, Request
from longhop.engines.lexical import LexicalEngine
from longhop.errors import EngineError
from tests.integration.conftest import build, equal
from tests.integration.corpus import write_corpus, write_recipe
from tests.s3 import Server, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with s3_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _credentials(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


def names(server: Server, out: str) -> list[str]:
    return [path.partition("/run")[2] for path in server.client().find(out)]


def test_a_run_on_object_storage_is_the_run_on_a_disk(recipe: Path, tmp_path: Path, server: Server) -> None:
    """With two workers; no claim is left, no temporary file, and the completions lie beside."""
    out = f"{server.bucket}/{tmp_path.name}/run"
    remote = build(recipe, out, workers=2)
    assert equal(remote, build(recipe, tmp_path / "disk")) == []
    left = names(server, out)
    assert not [name for name in left if "claims" in name or name.endswith(".tmp")]
    assert [name for name in left if name.startswith("/completions/traces/00000/")]
    assert Run.open(out).states()[-1].built == 1


def test_another_machine_asks_nothing_that_was_flushed(
    recipe: Path, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One machine's engine breaks in the middle of the traces; the next one has a work folder of its own."""
    out = f"{server.bucket}/{tmp_path.name}/run"
    asked: list[tuple[str, int]] = []
    limit: list[int | None] = [40]
    complete = LexicalEngine.complete

    async def counted(self: LexicalEngine, request: Request) -> Completion:
        if limit[0] is not None and len(asked) >= limit[0]:
            raise EngineError("the server is gone")
        done = await complete(self, request)
        asked.extend((self.key(request), request.seed + number) for number in range(request.samples))
        return done

    monkeypatch.setattr(LexicalEngine, "complete", counted)
    monkeypatch.setenv("LONGHOP_WORK", str(tmp_path / "one"))
    with pytest.raises(EngineError, match="the server is gone"):
        build(recipe, out)
    limit[0] = None
    monkeypatch.setenv("LONGHOP_WORK", str(tmp_path / "two"))
    remote = build(recipe, out)
    assert len(asked) == len(set(asked))
    asked.clear()
    monkeypatch.setenv("LONGHOP_WORK", str(tmp_path / "three"))
    assert equal(remote, build(recipe, tmp_path / "disk")) == []
    assert len(asked) == len(set(asked))


def test_a_build_that_is_killed_goes_on_at_once(recipe: Path, tmp_path: Path, server: Server) -> None:
    """Kill -9 of the whole group: what it held is free at once on the same machine, and the tables are the same."""
    out = f"{server.bucket}/{tmp_path.name}/run"
    command = [sys.executable, "-m", "longhop", "build", str(recipe), "--out", out, "--workers", "2"]
    for number in range(3):
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LONGHOP_WORK": str(tmp_path / f"work{number}")},
        )
        parts = 2 + 4 * number
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            if sum("part-" in name and name.endswith(".parquet") for name in names(server, out)) >= parts:
                break
            time.sleep(0.05)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    began = time.monotonic()
    remote = build(recipe, out)
    assert time.monotonic() - began < 60  # a claim of a process that is gone is not waited for
    assert equal(remote, build(recipe, tmp_path / "disk")) == []
    assert remote.folder.running() == []  # a claim of a process that is gone may lie there, and holds nothing


COUNTING = """
import os, sys
from longhop.engines.lexical import LexicalEngine
complete = LexicalEngine.complete
async def counted(self, request):
    done = await complete(self, request)
    asked = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in range(request.samples):
        os.write(asked, f"{self.key(request)} {request.seed + number}\\n".encode())
    os.close(asked)
    return done
LexicalEngine.complete = counted
from longhop.cli import main
main(sys.argv[2:])
"""


def test_two_builds_at_once_share_the_parts(recipe: Path, tmp_path: Path, server: Server) -> None:
    """Two machines without a common scheduler: each part is held by one, and no sample is paid for twice."""
    out, asked = f"{server.bucket}/{tmp_path.name}/run", tmp_path / "asked"
    both = [
        subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-c", COUNTING, str(asked), "build", str(recipe), "--out", out],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "LONGHOP_WORK": str(tmp_path / f"machine{number}")},
        )
        for number in range(2)
    ]
    said = [process.communicate(timeout=110)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    samples = asked.read_text().splitlines()
    assert len(samples) == len(set(samples))
    assert equal(Run.open(out), build(recipe, tmp_path / "disk")) == []
