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
    """In their order, beside the run that the example built; `make demo` and `push` have tests of their own."""
    lines = re.findall(r"^\$ (?:\.venv/bin/)?(longhop .*|luigi .*)$", README, re.MULTILINE)
    assert {line.split()[1] for line in lines} >= {"show", "init", "build", "check", "status", "--module"}
    for line in lines:
        done = run(folder, shlex.split(line, comments=True))
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_the_result_shown_is_what_comes_out(folder: Path) -> None:
    """Each line of the page that the README prints is a line of what its `show` command prints now."""
    (command,) = re.findall(r"^\$ \.venv/bin/(longhop show .*?) *(?:#.*)?$", README, re.MULTILINE)
    (printed,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    done = run(folder, shlex.split(command))
    assert done.returncode == 0, f"{done.stderr}choose another question of runs/sample for the README"
    missing = [line for line in printed.splitlines() if line != "…" and line not in done.stdout.splitlines()]
    assert not missing, f"not in what {command} prints: {missing}"


def test_the_dataset_loads_as_printed(folder: Path) -> None:
    """`load_dataset` on the folder, the last message shown ends as the prompt asks."""
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "load_dataset" in block]
    done = run(folder, [sys.executable, "-c", example], HF_DATASETS_CACHE=str(folder / "cache"), HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("Answer: <the answer>")
