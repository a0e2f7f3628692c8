"""The rows of each configuration, as trainers read them: made of a part's tables, with Arrow, in runs of bounded size.

| configuration | columns that a trainer reads |
|---|---|
| `default` | `messages`, or with `dataset.format: prompt_completion` a `prompt` and a `completion` (TRL, axolotl) |
| `preference` | `prompt`, `chosen`, `rejected` (TRL's DPOTrainer) |
| `rl` | `prompt` (TRL's GRPOTrainer), `data_source`, `ability`, `reward_model`, `extra_info` (verl's RLHFDataset) |

`traces`, `questions` and `contexts` are the tables of the run. Conversations hold the whole context; texts are joined
row by row, since a prompt is a template that may do anything with them, and go to Arrow at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from longhop.errors import PublishError
from longhop.prompting import Prompts
from longhop.publish.messages import CONVERSATION, CONVERSATION_WITH_REASONING, asked, conversations, said
from longhop.publish.preference import PAIR, pairs
from longhop.publish.shards import stretches, text_bytes
from longhop.recipe import DatasetConfig
from longhop.records import Context, Example, Question, Trace, Verdict, schema_of

__all__ = ["CONFIGURATIONS", "Maker", "PartTables", "schema"]

CONFIGURATIONS = ("default", "traces", "questions", "contexts", "preference", "rl")
"""All there are; the last two only where `dataset.configurations` names them."""
_MODELS = schema_of(Example).field("models")
_LICENSES = schema_of(Example).field("licenses")
_TEXT = pa.large_string()
_REWARD = pa.struct([("style", pa.string()), ("ground_truth", _TEXT)])
_EXTRA = pa.struct(
    [
        ("split", pa.string()),
        ("index", pa.int64()),
        ("question_id", pa.string()),
        ("aliases", pa.list_(_TEXT)),
        ("answer_type", pa.string()),
    ]
)
_OWN: Mapping[str, Sequence[str]] = {
    "preference": "question_id context_id kind question reference_answer target_tokens context_tokens".split(),
    "rl": "question_id context_id kind question reference_answer target_tokens context_tokens agreement".split(),
}
"""Columns that these configurations take from the examples as they are."""


class PartTables(NamedTuple):
    """The tables of one part of a run."""

    contexts: pa.Table
    questions: pa.Table
    traces: pa.Table
    verdicts: pa.Table
    examples: pa.Table


def schema(configuration: str, config: DatasetConfig) -> pa.Schema:
    """Arrow schema of a configuration."""
    answered = _answered(config)
    if configuration == "default":
        whole = config.format == "messages"
        more = [("messages", answered)] if whole else [("prompt", CONVERSATION), ("completion", answered)]
        return _extended(schema_of(Example), more)
    if configuration == "traces":
        verdict = [field for field in schema_of(Verdict) if field.name not in schema_of(Trace).names]
        more = [("context_id", pa.string()), ("question", _TEXT), ("reference_answer", _TEXT)]
        return _extended(pa.schema([*schema_of(Trace), *verdict]), more).append(_MODELS).append(_LICENSES)
    if configuration == "questions":
        return schema_of(Question).append(_LICENSES)
    if configuration == "contexts":
        return schema_of(Context)
    own = pa.schema([schema_of(Example).field(name) for name in _OWN[configuration]])
    if configuration == "preference":
        said_twice = [("prompt", CONVERSATION), ("chosen", answered), ("rejected", answered)]
        return _extended(_extended(own, PAIR), said_twice).append(_MODELS).append(_LICENSES)
    more = [("data_source", pa.string()), ("ability", pa.string()), ("aliases", pa.list_(_TEXT))]
    more += [("reward_model", _REWARD), ("extra_info", _EXTRA), ("prompt", CONVERSATION)]
    return _extended(own, more).append(_MODELS).append(_LICENSES)


def _extended(own: pa.Schema, more: Sequence[tuple[str, pa.DataType]]) -> pa.Schema:
    return pa.schema([*own, *(pa.field(name, kind) for name, kind in more)])


class Maker:
    """Makes the rows of all configurations that a recipe asks for, part after part."""

    def __init__(self, name: str, config: DatasetConfig, prompts: Prompts, chosen: frozenset[str]) -> None:
        """Make rows.

        Args:
            name: Of the dataset, by which a reward function knows it.
            config: Which configurations, and how they are written.
            prompts: Renders the messages.
            chosen: Ids of the questions whose examples are published.
        """
        self._name = name
        self._config = config
        self._prompts = prompts
        self._chosen = pa.array(sorted(chosen), pa.string())
        self._index: dict[str, int] = {}
        self._makers: dict[str, Callable[[PartTables], Iterator[tuple[str, pa.Table]]]] = {
            "default": self._default,
            "traces": self._traces,
            "questions": self._questions,
            "contexts": lambda part: _by_split(part.contexts, part),
            **{name: getattr(self, f"_{name}") for name in config.configurations},
        }

    @property
    def configurations(self) -> list[str]:
        """Those that are made."""
        return list(self._makers)

    def rows(self, configuration: str, part: PartTables) -> Iterator[tuple[str, pa.Table]]:
        """The rows of a part: split and a table that is one row group, in the part's order within each split."""
        kind = schema(configuration, self._config)
        for split, table in self._makers[configuration](part):
            yield split, table.select(kind.names).cast(kind) if table.schema != kind else table

    def _default(self, part: PartTables) -> Iterator[tuple[str, pa.Table]]:
        for split, rows, questions in self._joined(part, self._published(part)):
            answers = self._answers(rows, "reasoning", "content")
            if self._config.format == "messages":
                whole = [[*before, *answer] for before, answer in zip(questions, answers, strict=True)]
                yield split, _with(rows, messages=conversations(whole, self._answered))
            else:
                asked_alone = conversations(questions, CONVERSATION)
                yield split, _with(rows, prompt=asked_alone, completion=conversations(answers, self._answered))

    def _preference(self, part: PartTables) -> Iterator[tuple[str, pa.Table]]:
        rows = pairs(self._published(part), part.traces, part.verdicts)
        for split, group, questions in self._joined(part, rows):
            sides = {
                side: conversations(self._answers(group, f"{side}_reasoning", f"{side}_content"), self._answered)
                for side in ("chosen", "rejected")
            }
            yield split, _with(group, prompt=conversations(questions, CONVERSATION), **sides)

    def _rl(self, part: PartTables) -> Iterator[tuple[str, pa.Table]]:
        rows = self._published(part)
        at = _places(rows["question_id"], part.questions["question_id"], "a question")
        for name in ("aliases", "answer_type"):
            rows = rows.append_column(name, part.questions[name].take(at))
        for split, group, questions in self._joined(part, rows):
            first = self._index.get(split, 0)
            self._index[split] = first + group.num_rows
            n = group.num_rows
            reward = [pa.repeat(pa.scalar("rule"), n), group["reference_answer"].combine_chunks()]
            extra = [
                pa.repeat(pa.scalar(split), n),
                pa.array(range(first, first + n), pa.int64()),
                *(group[name].combine_chunks() for name in ("question_id", "aliases", "answer_type")),
            ]
            more = {
                "data_source": pa.repeat(pa.scalar(f"longhop/{self._name}"), n),
                "ability": pa.repeat(pa.scalar("long-context-qa"), n),
                "reward_model": pa.StructArray.from_arrays(reward, fields=list(_REWARD)),
                "extra_info": pa.StructArray.from_arrays(extra, fields=list(_EXTRA)),
                "prompt": conversations(questions, CONVERSATION),
            }
            yield split, _with(group, **more)

    def _traces(self, part: PartTables) -> Iterator[tuple[str, pa.Table]]:
        rows = part.traces
        verdicts = part.verdicts.take(_places(rows["trace_id"], part.verdicts["trace_id"], "a trace's verdict"))
        at = _places(rows["question_id"], part.questions["question_id"], "a trace's question")
        names = ["context_id", "question", "reference_answer", "model"]
        questions = part.questions.select(names).take(at)
        who = [column.combine_chunks() for column in (questions["model"], rows["model"], verdicts["model"])]
        more = {name: verdicts[name] for name in verdicts.schema.names if name not in rows.schema.names}
        more |= {name: questions[name] for name in names[:-1]}
        more["models"] = pa.StructArray.from_arrays(who, fields=list(_MODELS.type))
        rows = _with(rows, **more)
        return _by_split(_with(rows, licenses=_licenses(rows, part)), part)

    def _questions(self, part: PartTables) -> Iterator[tuple[str, pa.Table]]:
        return _by_split(_with(part.questions, licenses=_licenses(part.questions, part)), part)

    @property
    def _answered(self) -> pa.ListType:
        return _answered(self._config)

    def _answers(self, rows: pa.Table, reasoning: str, content: str) -> list[list[Mapping[str, bytes]]]:
        """The assistant's message of each row, out of these two columns."""
        apart = self._config.reasoning == "field"
        texts = zip(rows[reasoning].to_pylist(), rows[content].to_pylist(), strict=True)
        return [[_encoded(said(*each, apart=apart))] for each in texts]

    def _published(self, part: PartTables) -> pa.Table:
        return part.examples.filter(pc.is_in(part.examples["question_id"], self._chosen))

    def _joined(
        self, part: PartTables, rows: pa.Table
    ) -> Iterator[tuple[str, pa.Table, list[list[Mapping[str, bytes]]]]]:
        """Rows of a split, as many as a row group holds, and what was asked in each: system, context and question."""
        texts = part.contexts["text"]
        lengths = pc.fill_null(pc.binary_length(texts), 0).to_numpy()
        for split, own in _splits(rows, part):
            at = _places(own["context_id"], part.contexts["context_id"], "a question's context").to_numpy()
            for start, end in stretches(text_bytes(own) + lengths[at].astype(np.int64)):
                group = own.slice(start, end - start)
                questions: list[list[Mapping[str, bytes]]] = []
                known, text = -1, ""
                for place, question in zip(at[start:end], group["question"].to_pylist(), strict=True):
                    if place != known:  # the questions of a context stand side by side
                        known, text = place, texts[int(place)].as_py()
                    # In bytes at once: a text with a single emoji takes four bytes a letter as it is.
                    questions.append([_encoded(each) for each in asked(self._prompts, text, question)])
                yield split, group, questions


def _encoded(message: Mapping[str, str]) -> dict[str, bytes]:
    return {name: value.encode() for name, value in message.items()}


def _answered(config: DatasetConfig) -> pa.ListType:
    return CONVERSATION_WITH_REASONING if config.reasoning == "field" else CONVERSATION


def _with(rows: pa.Table, **columns: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Rows with more columns."""
    for name, column in columns.items():
        rows = rows.append_column(name, column)
    return rows


def _places(keys: pa.ChunkedArray, among: pa.ChunkedArray, what: str) -> pa.Array:
    """Where each key stands among others."""
    places = pc.index_in(keys, value_set=among.combine_chunks())
    places = places.combine_chunks() if isinstance(places, pa.ChunkedArray) else places
    if places.null_count:
        raise PublishError(f"{what} is missing: a table of the run is not whole; delete its part and build again")
    return places


def _licenses(rows: pa.Table, part: PartTables) -> pa.Array:
    """The distinct licences of the documents of each row's context."""
    known = [
        sorted({document["license"] for document in documents if document["license"]})
        for documents in part.contexts["documents"].to_pylist()
    ]
    at = _places(rows["context_id"], part.contexts["context_id"], "a question's context")
    return pa.array(known, _LICENSES.type).take(at)


def _splits(rows: pa.Table, part: PartTables) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each split."""
    at = _places(rows["context_id"], part.contexts["context_id"], "a question's context")
    splits = part.contexts["split"].take(at)
    different = sorted(splits.unique().to_pylist())
    for split in different:
        yield split, rows if len(different) == 1 else rows.filter(pc.equal(splits, split))


def _by_split(rows: pa.Table, part: PartTables) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each split, in runs that are a row group each."""
    for split, own in _splits(rows, part):
        for start, end in stretches(text_bytes(own)):
            yield split, own.slice(start, end - start)
