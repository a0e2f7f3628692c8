"""The recipe: one YAML file that says what dataset to build, as validated models.

    >>> recipe = Recipe.load("data/recipes/sample.yaml", overrides=["traces.samples=4"])
    >>> recipe.contexts.lengths
    {2048: 8, 4096: 6, 8192: 4, 16384: 2}

A recipe is validated once, here; everywhere else its values are trusted. `RecipeError` lists all problems at once,
each with the key's path, what was given and what is expected. Paths in a recipe are relative to the recipe's file;
`Recipe.load` makes them absolute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from longhop.errors import Problem, RecipeError

__all__ = [
    "ChecksConfig",
    "ContextsConfig",
    "DatasetConfig",
    "DocumentsConfig",
    "EngineConfig",
    "Licenses",
    "QuestionsConfig",
    "Recipe",
    "ScoringConfig",
    "SelectionConfig",
    "Source",
    "Splits",
    "TracesConfig",
    "parse_tokens",
]

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([km])?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2}


def parse_tokens(value: object) -> object:
    """`8k` is 8192, `1m` is 1048576, `400_000` is 400000; anything else is handed back for pydantic to refuse."""
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip().replace("_", ""))
        if match:
            size = float(match[1]) * _UNITS[(match[2] or "").lower()]
            return int(size) if size == int(size) else value
    return value


Tokens = Annotated[int, BeforeValidator(parse_tokens)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Config(BaseModel):
    """Base of all parts of a recipe: unknown keys are refused, values cannot change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(Config):
    """Where documents come from: a folder or file (`path`), or a dataset of the Hugging Face Hub (`dataset`)."""

    kind: Name
    path: str | None = None
    license: str | None = None
    unit: Literal["repository", "file"] = "repository"
    """For code: the whole folder as one document a repository, or one document a file."""
    dataset: str | None = None
    config: str | None = None
    revision: str | None = None
    split: str = "train"
    text: str = "text"
    """Column of the text, in a table or a Hub dataset."""
    title: str | None = None
    """Column of the title."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.dataset is None):
            raise ValueError("either `path` or `dataset`")
        return self


class Licenses(Config):
    allow: list[str] = Field(min_length=1)


class Splits(Config):
    """Shares of the documents in each split; they sum to 1."""

    train: Share = 1.0
    validation: Share = 0.0
    test: Share = 0.0

    @model_validator(mode="after")
    def _sum(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("shares of train, validation and test that sum to 1")
        return self


class DocumentsConfig(Config):
    min_tokens: Tokens = Field(200, ge=1)
    max_tokens: Tokens = Field(4_000_000, ge=1)
    near_duplicate: float | None = Field(0.8, gt=0, le=1)
    """Jaccard similarity of word shingles from which two documents count as the same; null: not looked for."""
    splits: Splits = Splits()
    licenses: Licenses | None = None
    exclude: list[str] = []
    """Files (plain text, or JSONL with any string fields) that no document may share a 13-gram of words with."""


class ContextsConfig(Config):
    lengths: dict[Tokens, Annotated[int, Field(ge=1)]] = Field(min_length=1)
    """Target length in tokens: how many contexts."""
    room: Tokens = Field(0, ge=0)
    reuse: int = Field(1, ge=1)
    """In how many contexts a document may stand."""
    group: Literal["related", "random", "kind"] = "related"
    related_share: Share = 0.5
    allow_fewer: bool = False
    """Take what the corpus can fill where it cannot fill all."""
    part_size: int = Field(100, ge=1)
    part_tokens: Tokens = Field(16 * 1024**2, ge=1)


class QuestionsConfig(Config):
    engine: str = "writer"
    per_context: int = Field(4, ge=1, le=100)
    scope: Literal["passages", "context"] = "passages"
    min_documents: int = Field(2, ge=2)
    steps: Annotated[list[int], Field(min_length=2, max_length=2)] = [2, 7]
    kinds: dict[Name, Annotated[float, Field(gt=0)]] = Field({"bridge": 1}, min_length=1)

    @model_validator(mode="after")
    def _range(self) -> Self:
        if not 1 <= self.steps[0] <= self.steps[1]:
            raise ValueError("steps: [least, most] with 1 <= least <= most")
        return self


class ChecksConfig(Config):
    engine: str = "reader"
    evidence: Share = 0.9
    """Least similarity of a quote and the passage it names."""
    closed_book: int = Field(3, ge=0)
    """Tries without any document; 0: not checked."""
    single_document: bool = True
    answerable: bool = True
    duplicate: Share = 0.9
    """Similarity from which two questions of a context count as the same."""
    budget: Tokens = Field(8192, ge=256)
    """Tokens of a document that a check shows the reader at most."""


class TracesConfig(Config):
    engine: str = "reader"
    samples: int = Field(8, ge=1, le=256)
    temperature: float | None = Field(1.0, ge=0)
    top_p: float | None = Field(0.95, gt=0, le=1)
    max_tokens: Tokens = Field(16 * 1024, ge=1)
    reasoning: Literal["native", "prompted"] = "native"


class ScoringConfig(Config):
    judge: str = "judge"
    ask: Literal["when_no_exact_match", "always", "never"] = "when_no_exact_match"
    votes: int = Field(1, ge=1)


class SelectionConfig(Config):
    rule: Literal["majority", "plurality"] = "majority"
    must_match_reference: bool = True
    ties: Literal["drop", "shortest"] = "drop"


class EngineConfig(Config):
    """How prompts are answered. `lexical` needs no model; the other keys are those of a model's server."""

    kind: Literal["openai", "vllm", "lexical"]
    model: str | None = None
    revision: str | None = None
    urls: list[str] = []
    key_env: str | None = None
    headers_env: dict[str, str] = {}
    concurrency: int = Field(64, ge=1)
    sampling: dict[str, Any] = {}
    extra_body: dict[str, Any] = {}
    max_context: Tokens | None = Field(None, ge=1)
    tokenizer: str | None = None
    timeout: float | None = Field(None, gt=0)
    prices: dict[str, float] = {}
    exclusive: bool = False
    replicas: int = Field(1, ge=1)
    gpus: list[int] = []
    args: list[str] = []
    command: list[str] = ["vllm", "serve"]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind != "lexical" and not self.model:
            raise ValueError("`model`: the name that the server knows the model by")
        if self.kind == "openai" and not self.urls:
            raise ValueError("`urls`: at least one address such as http://host:8000/v1")
        return self


class DatasetConfig(Config):
    license: str = "other"
    hub: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    private: bool = True
    examples: int | None = Field(None, ge=1)


class Recipe(Config):
    """What to build, and of what."""

    name: Name
    seed: int = 0
    tokenizer: str = "words"
    prompts: str | None = None
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
        """The file that the recipe was loaded from, absolute."""
        return self._path

    @classmethod
    def load(cls, path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
        """Read a YAML file, apply `KEY=VALUE` overrides, validate, and make its paths absolute.

        Raises:
            RecipeError: With every problem of the file and the overrides.
        """
        raise NotImplementedError

    @classmethod
    def parse(cls, data: Mapping[str, Any], where: str = "recipe", base: Path | None = None) -> Recipe:
        """Validate a mapping; relative paths are taken from `base` (default: the working folder)."""
        raise NotImplementedError
