"""The README's example and commands, run as printed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample data, where the README's relative paths hold."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "data", folder / "data")
    return folder


def run(folder: Path, command: list[str], **extra: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **extra}
    return subprocess.run(  # noqa: S603 - our own commands
        command, cwd=folder, text=True, capture_output=True, env=environment, timeout=110, check=False
    )


def test_the_example_of_the_builder_runs_as_printed(folder: Path) -> None:
    """It builds the sample and prints two tables."""
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "Builder(" in block]
    done = run(folder, [sys.executable, "-c", example])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("shape: (") == 2


def test_the_commands_run_as_printed(folder: Path) -> None:
    """Check, build, status and Luigi, on the run that the example built; show on one of its questions."""
    lines = re.findall(r"^\$ (longhop .*|luigi .*)$", README, re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        done = run(folder, shlex.split(line))
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    (name,) = re.findall(r"longhop (show runs/sample \w+)", README)
    shown = run(folder, ["longhop", *name.split()])
    (page,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    for part in page.split("…\n"):
        assert part in shown.stdout, f"{part}\n{shown.stdout}\n{shown.stderr}"


def test_the_dataset_loads_as_printed(folder: Path) -> None:
    """`load_dataset` on the folder, the last message shown ends as the prompt asks."""
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "load_dataset" in block]
    done = run(folder, [sys.executable, "-c", example], HF_DATASETS_CACHE=str(folder / "cache"), HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("Answer: <the answer>")
