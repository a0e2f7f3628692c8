"""The recipe: one YAML file that says what dataset to build, as validated models.

    >>> recipe = Recipe.load("data/recipes/sample.yaml", overrides=["traces.samples=4"])
    >>> recipe.contexts.lengths
    {2048: 8, 4096: 6, 8192: 4, 16384: 2}

A recipe is validated once, here; everywhere else its values are trusted. `RecipeError` lists all problems at once,
each with the key's path, what was given and what is expected. Paths in a recipe are relative to the recipe's file;
`Recipe.load` makes them absolute.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, ValidationError

from longhop.errors import Problem, RecipeError
from longhop.recipe.corpus import DocumentsConfig, Excluded, Licenses, QualityConfig, QualityRules, Source, Splits
from longhop.recipe.engine import EngineConfig
from longhop.recipe.file import override, plain, read_yaml, shortened
from longhop.recipe.mixtures import counted
from longhop.recipe.problems import problems_of
from longhop.recipe.stages import (
    ChecksConfig,
    ContextsConfig,
    DatasetConfig,
    QuestionsConfig,
    ScoringConfig,
    SelectionConfig,
    TracesConfig,
)
from longhop.recipe.values import Config, Name, Text
from longhop.recipe.whole import absolute, across, parse_tokens, same_key, with_room

__all__ = [
    "ChecksConfig",
    "ContextsConfig",
    "DatasetConfig",
    "DocumentsConfig",
    "EngineConfig",
    "Excluded",
    "Licenses",
    "QualityConfig",
    "QualityRules",
    "QuestionsConfig",
    "Recipe",
    "ScoringConfig",
    "SelectionConfig",
    "Source",
    "Splits",
    "TracesConfig",
    "parse_tokens",
]


class Recipe(Config):
    """What to build, and of what."""

    name: Name
    seed: int = Field(0, ge=-(2**63), lt=2**63)
    tokenizer: Text = "words"
    prompts: Text | None = None
    sources: list[Source] = Field(min_length=1)
    documents: DocumentsConfig = DocumentsConfig()
    contexts: ContextsConfig
    questions: QuestionsConfig = QuestionsConfig()
    checks: ChecksConfig = ChecksConfig()
    traces: TracesConfig = TracesConfig()
    scoring: ScoringConfig = ScoringConfig()
    selection: SelectionConfig = SelectionConfig()
    engines: dict[Name, EngineConfig] = Field(min_length=1)
    dataset: DatasetConfig = DatasetConfig()

    _path: Path | None = PrivateAttr(None)

    @property
    def path(self) -> Path | None:
        """The file that the recipe was loaded from, absolute; no part of what makes recipes equal."""
        return self._path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self.resolved() == other.resolved()

    def __hash__(self) -> int:
        return hash(json.dumps(self.resolved(), sort_keys=True))

    def resolved(self) -> dict[str, Any]:
        """All values, defaults too, as JSON has them; `Recipe.parse` makes an equal recipe of it."""
        return self.model_dump(mode="json")

    @classmethod
    def load(cls, path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
        """Read a YAML file, apply `KEY=VALUE` overrides, validate, and make its paths absolute.

        Raises:
            RecipeError: With every problem of the file and the overrides.
        """
        file = Path(path).expanduser().absolute()
        data, problems = read_yaml(_read(file, str(path)))
        if problems and data is None:
            raise RecipeError(str(path), problems)
        return cls._parse(data, str(path), file.parent, overrides, file, problems)

    @classmethod
    def parse(
        cls, data: Mapping[str, Any], where: str = "recipe", base: Path | None = None, overrides: Sequence[str] = ()
    ) -> Recipe:
        """Validate a mapping; relative paths are taken from `base` (default: the working folder).

        Raises:
            RecipeError: With everything that is wrong with the mapping and the overrides; `where` is named in it.
        """
        return cls._parse(data, where, base or Path.cwd(), overrides, None, [])

    @classmethod
    def _parse(
        cls,
        data: Any,
        where: str,
        base: Path,
        overrides: Sequence[str],
        file: Path | None,
        found: Sequence[Problem],
    ) -> Recipe:
        if not isinstance(data, Mapping):
            expected = "a mapping of keys to values, such as `name: sample`"
            raise RecipeError(where, [Problem("recipe", shortened(data), expected)])
        values, problems = plain(data)
        values, more = override(values, overrides, same_key)
        values, shares = counted(values)
        problems = [*found, *problems, *more, *shares, *across(values)]
        try:
            recipe = cls.model_validate(with_room(absolute(values, base)))
        except ValidationError as error:
            problems = problems_of(error, cls) + problems
        if problems:
            raise RecipeError(where, list(dict.fromkeys(problems)))
        recipe._path = file  # noqa: SLF001 - its own
        return recipe


def _read(file: Path, where: str) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        given = f"a byte that is not UTF-8 at position {error.start}"
        raise RecipeError(where, [Problem("file", given, "text in UTF-8")]) from error
    except (OSError, ValueError) as error:
        given = getattr(error, "strerror", None) or str(error)
        raise RecipeError(where, [Problem("file", shortened(given), "a YAML file that can be read")]) from error
