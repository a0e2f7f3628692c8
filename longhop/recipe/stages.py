"""The parts of a recipe that say what each stage makes of the documents, up to the dataset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from longhop.kinds import LOOKS
from longhop.recipe.corpus import ExcludedFile
from longhop.recipe.values import Config, Name, Share, Tokens
from longhop.recipe.whole import TRACE_TOKENS

__all__ = [
    "ChecksConfig",
    "ContextsConfig",
    "DatasetConfig",
    "QuestionsConfig",
    "ScoringConfig",
    "SelectionConfig",
    "TracesConfig",
]


def _look(value: str) -> str:
    if value not in LOOKS:
        raise ValueError(f"one of {', '.join(LOOKS)}")
    return value


class ContextsConfig(Config):
    """Which contexts are made of the documents."""

    lengths: dict[Annotated[Tokens, Field(ge=64)], Annotated[int, Field(ge=1)]] = Field(min_length=1)
    """Target length in tokens: how many contexts.

    A recipe may give shares instead, with `count: 1000` (of the contexts) or `tokens: 50m` (of their tokens) beside
    them; those are counted out when it is read (`longhop/recipe/mixtures.py`).
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
