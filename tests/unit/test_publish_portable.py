"""A published recipe says nothing of the machine that it ran on, and is a recipe still."""

import re
from pathlib import Path

import pytest
import yaml

from longhop.publish.portable import portable, without_place
from longhop.recipe import Recipe
from tests.invariants_dataset import PATH
from tests.small_run import recipe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/models/qwen", "qwen"),
        ("/home/me/My Books/", "My Books"),
        ("/data", "data"),
        ("C:\\models\\qwen.json", "qwen.json"),
        ("--chat-template=/etc/chat.jinja", "--chat-template=chat.jinja"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("s3://bucket/books", "s3://bucket/books"),
        ("--max-model-len", "--max-model-len"),
        ("words", "words"),
        ("", ""),
    ],
)
def test_of_a_path_the_last_part_stays(text: str, said: str) -> None:
    """Names of models, addresses and options are no paths and stay whole."""
    assert without_place(text) == said
    assert without_place(said) == said


def everywhere(base: Path) -> Recipe:
    """A recipe with a path wherever one may stand."""
    values = recipe().resolved()
    server = {
        "kind": "vllm",
        "model": "/models/qwen",
        "tokenizer": "/models/qwen/tokenizer.json",
        "args": ["--download-dir", "/scratch/hub", "--chat-template=/etc/chat.jinja"],
        "command": ["/opt/venv/bin/vllm", "serve"],
    }
    values["engines"] = dict.fromkeys(("writer", "reader", "judge"), server)
    values["documents"]["exclude"] = [
        "/srv/benchmarks/longbench.jsonl",
        {"path": "/srv/aa_lcr/*.csv", "columns": ["question"]},
    ]
    return Recipe.parse({**values, "tokenizer": "/models/tokenizer.json", "prompts": "my_prompts"}, base=base)


def test_no_path_of_the_machine_is_published() -> None:
    """Sources, exclusions, tokenizers, prompts, models, arguments and commands keep their names only."""
    text = yaml.safe_dump(portable(everywhere(Path("/srv/project")).resolved()), sort_keys=False)
    assert not PATH.search(text)
    assert not re.search(r"nowhere|srv|models|scratch|etc/|opt|project", text)
    for name in (
        "books",
        "longbench.jsonl",
        "*.csv",
        "tokenizer.json",
        "qwen",
        "hub",
        "--chat-template=chat.jinja",
        "vllm",
    ):
        assert name in text, name


def test_what_is_published_is_a_recipe() -> None:
    """It parses, and all that decides rows is as it was."""
    own = everywhere(Path("/srv/project"))
    published = Recipe.parse(yaml.safe_load(yaml.safe_dump(portable(own.resolved()))))
    for part in ("seed", "contexts", "questions", "checks", "traces", "scoring", "selection", "dataset"):
        assert getattr(published, part) == getattr(own, part), part
    assert portable(own.resolved()) == portable(portable(own.resolved()))
