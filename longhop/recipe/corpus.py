"""The part of a recipe that says what is read, and which documents of it take part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from longhop.recipe.values import Config, Language, Name, Share, Text, Tokens

__all__ = [
    "CodeRules",
    "DocumentsConfig",
    "Excluded",
    "ExcludedFile",
    "Licenses",
    "QualityConfig",
    "QualityRules",
    "Source",
    "Splits",
]

_USER_IN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*@")


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
    """Bounds of what a text must look like; `longhop.cleaning.quality` says how it is measured. Null: no bound."""

    min_letters: Share | None = 0.35
    """Share of letters among the characters that are no blanks."""
    min_words: Share | None = 0.5
    """Share of what stands between blanks that has two letters side by side, or one that is not ASCII."""
    max_unbroken: Share | None = 0.5
    """Share of characters in runs of 40 and more ASCII characters without a blank."""
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
