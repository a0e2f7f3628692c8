"""What the card says of training on a dataset: exact lines for TRL, axolotl and verl, of what the dataset has.

>>> print(how_to_train("org/name", DatasetConfig(), {"default": {"train": 57}}, longest=16_384))
## Train on it …

The lines are tried against axolotl 0.19.0 and verl 0.9.1: their own configuration and dataset code, not their training.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import jinja2

from longhop.recipe import DatasetConfig

__all__ = ["how_to_train"]


def how_to_train(repo: str, config: DatasetConfig, rows: Mapping[str, Mapping[str, int]], longest: int) -> str:
    """The card's section on trainers, as Markdown; empty where there are no examples.

    Args:
        repo: `owner/name` on the Hub.
        config: How the conversations are written.
        rows: Rows by configuration and split.
        longest: Tokens of the longest example.
    """
    if not rows.get("default"):
        return ""
    splits = {name: "train" if "train" in own else next(iter(own)) for name, own in rows.items() if own}
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown, of nothing that a document says
    )
    template = environment.from_string(files("longhop.publish").joinpath("trainers.md.j2").read_text("utf-8"))
    return template.render(
        repo=repo,
        dataset=config,
        rows=rows,
        splits=splits,
        split=splits["default"],
        glob={name: _files(name, split) for name, split in splits.items()},
        longest=longest,
    )


def _files(configuration: str, split: str) -> str:
    """As a list of Hydra that the shell fills in: verl takes names and no patterns."""
    return f"\"[$(echo data/data/{configuration}/{split}-*.parquet | tr ' ' ,)]\""
