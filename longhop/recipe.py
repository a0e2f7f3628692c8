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
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from longhop.errors import Problem, RecipeError
from longhop.kinds import LOOKS
from longhop.mixtures import counted
from longhop.recipe_file import override, plain, read_yaml, shortened
from longhop.recipe_problems import problems_of
from longhop.recipe_whole import TRACE_TOKENS, absolute, across, parse_tokens, same_key, with_room

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

_USER_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*@")
_SECRET = re.compile(r"(sk|pk|hf|gsk|ghp|xai)[-_].{12,}")


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) or _SECRET.match(value):
        raise ValueError("the name of an environment variable that holds the secret, not the secret itself")
    return value


def _look(value: str) -> str:
    if value not in LOOKS:
        raise ValueError(f"one of {', '.join(LOOKS)}")
    return value


Tokens = Annotated[int, BeforeValidator(parse_tokens), Field(le=2**40)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Text = Annotated[str, Field(min_length=1)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Variable = Annotated[str, AfterValidator(_variable)]
Address = Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(?:/[^\s?#]*)?$")]
"""Of a server; no user, password or query, since those are secrets, and recipes are published."""


class Config(BaseModel):
    """Base of all parts of a recipe: unknown keys are refused, types are taken strictly, values do not change."""

    # Strict, so that `seed: "7"` or `samples: true` is said and not guessed.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Source(Config):
    """Where documents come from: files (`path`), or a dataset of the Hugging Face Hub (`dataset`).

    `path` is a folder, a file, an archive, a git repository (with a working tree or bare), a pattern such as
    `data/*.jsonl.gz`, or tables on object storage such as `s3://bucket/books/*.parquet`.
    """

    kind: Name
    dataset: Text | None = None
    path: Text | None = Field(None, validate_default=True)
    license: Text | None = None
    unit: Literal["repository", "file"] = "repository"
    """For code: the whole folder as one document a repository, or one document a file."""
    references: Literal["keep", "drop"] = "keep"
    """Whether the lists of references of papers (PDF, HTML, LaTeX) stay in their texts."""
    config: Text | None = None
    revision: Text | None = None
    """Branch, tag or commit, of a git repository or a Hub dataset; looked up once, and the commit is kept."""
    split: Text = "train"
    rows: int | None = Field(None, ge=1)
    """At most so many rows are read, the first ones, of the dataset or of each table."""
    text: Text = "text"
    """Column of the text, in a table or a Hub dataset."""
    title: Text | None = None
    """Column of the title; null: `title`, where there is such a column. So are the next ones."""
    author: Text | None = None
    year: Text | None = None
    language: Text | None = None
    license_column: Text | None = None
    """Column of each row's licence, `license` being for rows without. Null: `license`, unless that says it for all."""

    @field_validator("path")
    @classmethod
    def _one_place(cls, path: str | None, info: ValidationInfo) -> str | None:
        if "dataset" in info.data and (path is None) == (info.data["dataset"] is None):
            raise ValueError("either `path` (a folder or file) or `dataset` (of the Hugging Face Hub)")
        if path is not None and _USER_IN_URL.match(path):
            raise ValueError("an address without user and password; give those as the storage's client reads them")
        return path


class Licenses(Config):
    """Which licences of documents are taken."""

    allow: list[Text] = Field(min_length=1)


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


class Excluded(Config):
    """A file of texts that are measured on, and where in it they stand: an entry of `documents.exclude`."""

    path: Text
    """A file, or a pattern such as `benchmarks/*.jsonl`."""
    columns: Annotated[list[Text], Field(min_length=1)] | None = None
    """Columns (fields) of a table whose texts count, with all texts within them; null: all columns."""
    format: Literal["text", "jsonl", "json", "csv", "tsv", "parquet"] | None = None
    """Null: by the file's name."""


def _form(value: object) -> str:
    return "[mapping]" if isinstance(value, (Mapping, Excluded)) else "[path]"


ExcludedFile = Annotated[
    Annotated[Text, Tag("[path]")] | Annotated[Excluded, Tag("[mapping]")],
    Discriminator(_form),
]
"""A path alone, or with what else there is to say of the file."""


class QualityRules(Config):
    """Bounds of what a text must look like; `longhop.stages.quality` says how it is measured. Null: no bound."""

    min_letters: Share | None = 0.35
    """Share of letters among the characters that are no blanks."""
    min_words: Share | None = 0.5
    """Share of what stands between blanks that has two letters side by side, or one that is not ASCII."""
    max_unbroken: Share | None = 0.5
    """Share of characters in runs of 60 and more ASCII characters without a blank."""
    max_repeated_lines: Share | None = 0.6
    """Share of the characters that stand in lines which stood before."""
    min_compressed: Share | None = 0.15
    """Size after compression over size before: what is left of a text that says one thing again and again."""
    min_line_chars: float | None = Field(3.0, ge=0)
    """Characters of a line, on average over those that are not empty."""
    max_line_chars: float | None = Field(None, gt=0)


class CodeRules(QualityRules):
    """The same for code, which repeats itself more, and has few letters and no endless lines."""

    min_letters: Share | None = 0.2
    min_words: Share | None = None
    max_repeated_lines: Share | None = 0.9
    min_compressed: Share | None = 0.05
    max_line_chars: float | None = Field(500.0, gt=0)


class QualityConfig(Config):
    """Rules by kind: `code` has its own, all other kinds are prose; null: no rules."""

    prose: QualityRules | None = QualityRules()
    code: CodeRules | None = CodeRules()


class DocumentsConfig(Config):
    """Which documents take part."""

    min_tokens: Tokens = Field(200, ge=1)
    max_tokens: Tokens = Field(4_000_000, ge=1)
    """Longer documents are left out."""
    near_duplicate: float | None = Field(0.8, gt=0, le=1)
    """Share of the shorter of two documents that stands in the longer too, by runs of three words, from which they
    count as the same; null: not looked for."""
    splits: Splits = Splits()
    licenses: Licenses | None = None
    languages: Annotated[list[Language], Field(min_length=1)] | None = None
    """Languages of documents that are taken, as codes such as `en`; null: all."""
    quality: QualityConfig | None = QualityConfig()
    """What a text must look like; null: no rules."""
    exclude: list[ExcludedFile] = []
    """Files of texts that no document may overlap: a path each, or a mapping with the columns that count."""
    exclude_share: Share = 0.1
    """Share of the runs of 13 words of the shorter of two, a document and an excluded text, that both have, from which
    they overlap; 0: one run is enough."""

    @field_validator("max_tokens")
    @classmethod
    def _range(cls, most: int, info: ValidationInfo) -> int:
        if most < info.data.get("min_tokens", 0):
            raise ValueError(f"at least documents.min_tokens, which is {info.data['min_tokens']}")
        return most


class ContextsConfig(Config):
    """Which contexts are made of the documents."""

    lengths: dict[Annotated[Tokens, Field(ge=64)], Annotated[int, Field(ge=1)]] = Field(min_length=1)
    """Target length in tokens: how many contexts.

    A recipe may give shares instead, with `count: 1000` (of the contexts) or `tokens: 50m` (of their tokens) beside
    them; those are counted out when it is read (`longhop/mixtures.py`).
    """
    room: Tokens = Field(0, ge=0)
    """Tokens to leave free under every length. `example` stands for what whole examples need beside their context, so
    that each fits a window of exactly that length: the longest answer, prompt, question and chat markup."""
    reuse: int = Field(1, ge=1)
    """In how many contexts a document may stand."""
    group: Literal["related", "random", "kind"] = "related"
    related_share: Share = 0.5
    kinds: dict[Name, Annotated[float, Field(gt=0, le=1)]] | None = None
    """Share of each context's tokens by kind of document, met as far as there are documents; null: as it comes."""
    parts_together: bool = False
    """Whether several parts of a long document may stand in one context."""
    order: Literal["spread", "shuffled", "related_first", "related_last"] = "spread"
    """Where in a context its related documents stand, in which evidence will mostly lie: evenly over all depths, as
    chance will have it, before the others, or behind them."""
    allow_fewer: bool = False
    """Take what the corpus can fill where it cannot fill all."""
    part_size: int = Field(100, ge=1)
    part_tokens: Tokens = Field(16 * 1024**2, ge=1)

    @field_validator("kinds")
    @classmethod
    def _sum(cls, kinds: dict[str, float] | None, info: ValidationInfo) -> dict[str, float] | None:
        if kinds is not None and info.data.get("group") == "kind":
            raise ValueError("no shares of kinds with `group: kind`, whose contexts are of one kind each")
        if kinds is not None and abs(sum(kinds.values()) - 1) > 1e-6:
            raise ValueError("shares of kinds that sum to 1")
        return kinds


class QuestionsConfig(Config):
    """How questions are written."""

    engine: str = "writer"
    per_context: int = Field(4, ge=1, le=100)
    per_request: int | None = Field(None, ge=1, le=100)
    """Questions asked for in one request; null: all of a context. With 1 each has bridges and passages of its own."""
    scope: Literal["passages", "context"] = "passages"
    budget: Tokens = Field(8192, ge=256)
    """Tokens of the passages of a prompt, with `scope: passages`.

    Room for two to four documents with some ten paragraphs each; small against the eight traces over the whole context.
    """
    min_documents: int = Field(2, ge=2)
    steps: Annotated[list[int], Field(min_length=2, max_length=2)] = [2, 7]
    kinds: dict[Name, Annotated[float, Field(gt=0)]] = Field({"bridge": 1}, min_length=1)

    @field_validator("steps")
    @classmethod
    def _range(cls, steps: list[int]) -> list[int]:
        if not 1 <= steps[0] <= steps[1]:
            raise ValueError("[least, most] with 1 <= least <= most")
        return steps

    def reply_tokens(self, count: int) -> int:
        """Tokens that a reply with so many questions may have, so that a model that runs in circles ends.

        4,096 to think; a question 256 for its wording, answer and aliases, and 256 a step for its sub-question, its
        answer and quotes. An engine's `sampling: {max_tokens: …}` goes before it.
        """
        return 4096 + count * 256 * (1 + self.steps[1])


class ChecksConfig(Config):
    """What a question must pass before traces are sampled."""

    engine: str = "reader"
    skip: list[Annotated[str, AfterValidator(_look)]] = []
    """Names of checks to leave out, of those that look and ask nobody."""
    exclude: list[ExcludedFile] = []
    """Files as in `documents.exclude`: evaluation sets that no question may share 13 words in a row, or all, with."""
    evidence: Share = 0.9
    """Least similarity of a quote and the passage it names."""
    closed_book: int = Field(3, ge=0)
    """Tries without any document; 0: not checked."""
    single_document: bool = True
    """No document of the context answers the question alone."""
    all_but_one: bool | None = None
    """No document with evidence can be left out; null: as `single_document`."""
    bridge_masked: bool | None = None
    """The last step cannot be answered while its bridge is hidden; null: as `single_document`."""
    answerable: bool = True
    """The documents with evidence answer it together."""
    sub_questions: bool | None = None
    """The documents of a step's evidence answer the step; null: as `answerable`."""
    unique: bool | None = None
    """No other documents of the context give another answer; null: as `answerable`."""
    duplicate: Share = 0.9
    """Similarity from which two questions of a context count as the same."""
    budget: Tokens = Field(8192, ge=256)
    """Tokens of a document that a check shows the reader at most; in short contexts less."""

    @property
    def ask_reader(self) -> bool:
        """Whether any check asks the reader something."""
        more = (self.all_but_one, self.bridge_masked, self.sub_questions, self.unique)
        return any([self.closed_book, self.single_document, self.answerable, *more])


class TracesConfig(Config):
    """How attempts at questions are sampled."""

    engine: str = "reader"
    samples: int = Field(8, ge=1, le=256)
    temperature: float | None = Field(1.0, ge=0)
    top_p: float | None = Field(0.95, gt=0, le=1)
    max_tokens: Tokens = Field(TRACE_TOKENS, ge=1)
    reasoning: Literal["native", "prompted"] = "native"


class ScoringConfig(Config):
    """How answers are compared."""

    judge: str = "judge"
    ask: Literal["when_no_exact_match", "always", "never"] = "when_no_exact_match"
    votes: int = Field(1, ge=1)
    """Verdicts a comparison: equal is what more than half of all say, so an odd number decides better."""


class SelectionConfig(Config):
    """Which trace of a question becomes an example, if any."""

    rule: Literal["majority", "plurality"] = "majority"
    must_match_reference: bool = True
    ties: Literal["drop", "shortest"] = "drop"
    min_evidence: Share = 0.0
    """Share of the evidence that a trace must cite to be chosen: the shortest may be a guess that came out right."""
    keep_agreement: Annotated[list[Share], Field(min_length=2, max_length=2)] = [0.0, 1.0]
    """Band of difficulty: least and most share of all samples that the chosen group may have, both included."""

    @field_validator("keep_agreement")
    @classmethod
    def _band(cls, band: list[float]) -> list[float]:
        if band[0] > band[1]:
            raise ValueError("[least, most] with 0 <= least <= most <= 1")
        return band


class EngineConfig(Config):
    """How prompts are answered. `lexical` needs no model; the other keys are those of a model's server."""

    kind: Literal["openai", "vllm", "lexical"]
    model: Text | None = Field(None, validate_default=True)
    revision: Text | None = None
    urls: list[Address] = Field([], validate_default=True)
    key_env: Variable | None = None
    """Variable that holds the key."""
    headers_env: dict[Text, Variable] = {}
    """Header: variable that holds its value."""
    concurrency: int = Field(64, ge=1)
    sampling: dict[str, Any] = {}
    """Sampling keys of every request; one that is null is not sent."""
    extra_body: dict[str, Any] = {}
    max_context: Tokens | None = Field(None, ge=1)
    tokenizer: Text | None = None
    """For fitting prompts, where it is not the recipe's."""
    timeout: float | None = Field(None, gt=0)
    """Seconds; null: from token counts."""
    prices: dict[Literal["input", "cached", "output"], Annotated[float, Field(ge=0)]] = {}
    """Per million tokens, in any one currency; `cached` is what prompts have in common with earlier ones, by default
    as dear as `input`."""
    exclusive: bool = False
    """Does not stand on the GPUs together with the other engines."""
    replicas: int = Field(1, ge=1)
    gpus: list[Annotated[int, Field(ge=0)]] = []
    args: list[str] = []
    command: list[Text] = Field(["vllm", "serve"], min_length=1)

    @field_validator("model")
    @classmethod
    def _named(cls, model: str | None, info: ValidationInfo) -> str | None:
        if model is None and info.data.get("kind") in {"openai", "vllm"}:
            raise ValueError("the name that the server knows the model by")
        return model

    @field_validator("urls")
    @classmethod
    def _reachable(cls, urls: list[str], info: ValidationInfo) -> list[str]:
        if not urls and info.data.get("kind") == "openai":
            raise ValueError("at least one address such as http://host:8000/v1")
        return urls


class DatasetConfig(Config):
    """How the dataset is published."""

    license: str = "other"
    hub: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")] | None = None
    private: bool = True
    licenses_checked: bool = False
    """Whether somebody who knows has looked at the documents' licences: a push does not refuse for them."""
    examples: int | None = Field(None, ge=1)
    """How many are taken, balanced over lengths and kinds; null: all."""
    format: Literal["messages", "prompt_completion"] = "messages"
    """Of the examples: one conversation, or what was asked apart from what is to be learnt."""
    reasoning: Literal["think", "field"] = "think"
    """Reasoning between think tags within the answer, or as the message's field `reasoning_content`."""
    configurations: list[Literal["preference", "rl"]] = []
    """Further ones: pairs of a right and a wrong trace; prompts with reference answers."""


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
