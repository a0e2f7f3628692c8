"""What the documents say is so."""

import ast
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

import longhop
from longhop.recipe import Recipe

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = {"build", "check", "init", "push", "show", "status"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_first_lines_show_what_comes_out() -> None:
    """One sentence, two commands, a result, and the line to change, before line 45."""
    head = "\n".join(README.splitlines()[:45])
    for shown in ("make demo", "longhop show", "samples agree", "`path:`"):
        assert shown in head, shown


def test_every_command_in_the_readme_exists() -> None:
    """Each `longhop …` line names a command that there is."""
    named = re.findall(r"longhop (build|check|estimate|init|preview|push|report|show|status)\b", README)
    assert set(named) <= COMMANDS
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    for line in lines:
        words = shlex.split(line[2:], comments=True)
        if words[0].endswith("longhop"):
            assert words[1] in COMMANDS, line


def test_the_recipe_shown_is_a_recipe() -> None:
    """Its keys are those of the models."""
    (shown,) = blocks("yaml")
    recipe = Recipe.parse(yaml.safe_load(shown), base=ROOT)
    assert recipe.contexts.lengths == {2048: 8, 4096: 6, 8192: 4, 16384: 2}


def test_every_python_example_compiles() -> None:
    """And imports names that longhop has."""
    for block in blocks("python"):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "longhop":
                assert {name.name for name in node.names} <= set(longhop.__all__)


def test_all_that_is_public_is_there() -> None:
    """`__all__` names exist, in order."""
    assert sorted(longhop.__all__) == longhop.__all__
    for name in longhop.__all__:
        assert getattr(longhop, name).__doc__, name


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"])
def test_documents_name_files_that_exist(document: str) -> None:
    """A path in backticks is a file of the repository."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:longhop|tasks|tests|prompts|data|benchmarks)/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), path


def test_every_module_is_installed() -> None:
    """The packages of pyproject.toml are the folders that there are."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {f"longhop.{path.parent.name}" for path in (ROOT / "longhop").glob("*/__init__.py")}
    assert set(project["packages"]) == {"longhop", "longhop.tasks", "longhop.prompts"} | folders


@pytest.mark.parametrize("file", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda file: file.name)
def test_every_test_says_what_it_shows(file: Path) -> None:
    """Each test function has a docstring."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            assert ast.get_docstring(node), f"{file.name}: {node.name}"


def test_the_lock_file_has_no_addresses() -> None:
    """Names, versions and hashes only."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--find-links|/", lock)
    assert lock.count("==") <= lock.count("--hash=sha256:")
