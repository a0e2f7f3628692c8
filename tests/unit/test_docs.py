"""What the documents say is so."""

import ast
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer.main
import yaml

import longhop
from longhop import starter
from longhop.cli import app
from longhop.recipe import Recipe

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = {
    str(command.name or command.callback.__name__): command for command in app.registered_commands if command.callback
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_first_lines_show_what_comes_out() -> None:
    """One sentence, the commands, a result, and how to go on with documents of one's own, before line 45."""
    head = "\n".join(README.splitlines()[:45])
    for shown in ("make demo", "longhop show", "samples agree", "longhop init", "longhop build"):
        assert shown in head, shown


def commands(text: str) -> list[list[str]]:
    """The words of each `longhop …` that a document prints, in a console block or in backticks, without `longhop`."""
    console = re.findall(r"^\$ (?:\.venv/bin/)?longhop (.+)$", text, re.MULTILINE)
    inline = re.findall(r"`longhop ([^`]+)`", text)
    return [shlex.split(line, comments=True) for line in console + inline]


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"])
def test_every_command_parses(document: str) -> None:
    """Each `longhop …` names a command that there is, and options and arguments that it takes."""
    group = typer.main.get_command(app)
    for words in commands((ROOT / document).read_text(encoding="utf-8")):
        assert words[0] in COMMANDS, words
        if words[1:]:  # `longhop init` in running text is the name of a command
            group.commands[words[0]].make_context(words[0], words[1:])  # type: ignore[attr-defined]


def test_the_readme_shows_every_command() -> None:
    """Whoever reads it to the end has met each of them."""
    assert {words[0] for words in commands(README)} == set(COMMANDS)


def test_keys_that_are_set_in_the_readme_exist() -> None:
    """Each `--set KEY=VALUE` is taken."""
    assert "--set" in README
    for pair in re.findall(r"--set (\S+=\S+?)`", README):
        Recipe.load(ROOT / "data/recipes/sample.yaml", [pair])


def test_the_recipe_shown_is_a_recipe() -> None:
    """Its keys are those of the models."""
    _, shown, _, _ = blocks("yaml")
    recipe = Recipe.parse(yaml.safe_load(shown), base=ROOT)
    assert recipe.contexts.lengths == {2048: 8, 4096: 6, 8192: 4, 16384: 2}


def test_the_engines_shown_are_engines() -> None:
    """They fit into the recipe that is shown."""
    _, shown, _, engines = (yaml.safe_load(block) for block in blocks("yaml"))
    recipe = Recipe.parse({**shown, **engines}, base=ROOT)
    assert {engine.kind for engine in recipe.engines.values()} == {"openai", "vllm"}


def test_the_line_to_change_is_a_line_of_the_first_recipe(tmp_path: Path) -> None:
    """Put in the place of the one that `longhop init` writes, it gives all roles a model."""
    line, *_ = blocks("yaml")
    (written, *_) = starter.write(tmp_path / "recipe.yaml", [])
    text = written.read_text(encoding="utf-8")
    changed, count = re.subn(r"^  writer: &model .*\n", line, text, flags=re.MULTILINE)
    assert count == 1
    recipe = Recipe.parse(yaml.safe_load(changed), base=tmp_path)
    assert {engine.kind for engine in recipe.engines.values()} == {"openai"}


def test_what_else_a_recipe_can_say_is_taken(tmp_path: Path) -> None:
    """Each of its keys beside those of the recipe that is shown."""
    _, shown, more, _ = (yaml.safe_load(block) for block in blocks("yaml"))
    for part, keys in more.items():
        shown[part] = {**shown[part], **keys}
    recipe = Recipe.parse(shown, base=tmp_path)
    assert recipe.contexts.lengths == {2**15: 250, 2**17: 500, 2**20: 250}
    assert recipe.dataset.configurations == ["preference", "rl"]


def test_the_recipe_shown_is_the_sample_recipe() -> None:
    """The figures above it come from what it says; only its paths and the size of parts are not the file's."""
    _, shown, _, _ = blocks("yaml")
    sample = yaml.safe_load((ROOT / "data/recipes/sample.yaml").read_text(encoding="utf-8"))
    printed = Recipe.parse(yaml.safe_load(shown), base=ROOT)
    built = Recipe.parse(sample, base=ROOT / "data/recipes")
    for part in ("documents", "questions", "checks", "traces", "scoring", "selection", "engines", "dataset"):
        assert getattr(printed, part) == getattr(built, part), part
    assert (printed.contexts.lengths, printed.contexts.reuse) == (built.contexts.lengths, built.contexts.reuse)


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


def test_every_invariant_names_its_tests() -> None:
    """The table of ARCHITECTURE.md has the eleven, each with a file of tests/."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) .* \| (.*) \|$", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 12))
    assert all("`tests/" in held for _, held in rows)


def test_every_module_is_installed() -> None:
    """The packages of pyproject.toml are the folders that there are."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "longhop").rglob("__init__.py")}
    assert set(project["packages"]) == {"longhop.tasks", "longhop.prompts"} | folders


@pytest.mark.parametrize("file", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda file: file.name)
def test_every_test_says_what_it_shows(file: Path) -> None:
    """Each test function has a docstring."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            assert (ast.get_docstring(node) or "").endswith("."), f"{file.name}: {node.name}"


def test_the_lock_file_has_no_addresses() -> None:
    """Names, versions and hashes only."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--find-links|/", lock)
    assert lock.count("==") <= lock.count("--hash=sha256:")
