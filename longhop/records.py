"""The words of longhop as types, and the schema of every table.

Records are frozen and go from stage to stage; a table of a run holds one kind of record, one row each:

    >>> rejection = Rejection(stage="documents", item_id="books/a.txt", reason="too_short", detail="12 tokens")
    >>> to_table([rejection], Rejection).to_pylist()[0]["reason"]
    'too_short'

Offsets count Unicode code points; indices begin at 0; ids are the first 16 hex digits of a SHA-256 (`make_id`).
Text columns are Arrow `large_string`: a table of contexts of a million tokens passes the 2 GiB of `string` early.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

__all__ = [
    "Check",
    "Context",
    "ContextDocument",
    "ContextPlan",
    "Cut",
    "Document",
    "DocumentText",
    "Evidence",
    "Example",
    "Models",
    "Piece",
    "Plan",
    "Question",
    "RawDocument",
    "Rejection",
    "Step",
    "Term",
    "Trace",
    "Verdict",
    "from_table",
    "make_id",
    "make_seed",
    "schema_of",
    "to_table",
]


def make_id(*parts: object) -> str:
    """First 16 hex digits of the SHA-256 over `parts`, each preceded by its length so that no two lists collide."""
    digest = hashlib.sha256()
    for part in parts:
        data = str(part).encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()[:16]


def make_seed(*parts: object) -> int:
    """A seed out of `parts`, below 2**31 so that every server takes it."""
    return int(make_id(*parts), 16) % 2**31


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all rows: immutable, keyword arguments only."""


class RawDocument(Record, frozen=True, kw_only=True):
    """What a source reader gives: decoded text without the wrapping of its format. Not a table."""

    kind: str
    title: str
    author: str | None = None
    source: str
    """Name relative to its source, such as `books/moby.txt`."""
    license: str | None = None
    year: int | None = None
    """When it was published first, as the source says."""
    language: str | None = None
    """Code of its language, such as `en`, as the source says."""
    origin: str | None = None
    """Where exactly it comes from: `repo@commit:path`, `archive.zip!member`, `org/dataset@commit#row`."""
    text: str
    sections: tuple[tuple[int, str], ...] = ()
    """Where a larger unit begins: (offset in `text`, level), level `chapter`, `section` or `file`."""


class Cut(Record, frozen=True, kw_only=True):
    """A place where a document may be cut: the text before ends in a newline, a non-blank follows."""

    offset: int
    tokens: int
    """Tokens of the document's text before `offset`."""
    level: str
    """What begins here: `chapter`, `section`, `file` or `paragraph`."""


class Term(Record, frozen=True, kw_only=True):
    """A rare name, word or identifier and how often the document has it."""

    term: str
    count: int


class Document(Record, frozen=True, kw_only=True):
    """One book, paper or code unit, cleaned."""

    document_id: str
    kind: str
    title: str
    author: str | None
    source: str
    license: str | None
    year: int | None = None
    language: str | None = None
    origin: str | None = None
    """Commit and path, archive and member, or dataset and row that it comes from."""
    text: str
    n_chars: int
    n_tokens: int
    cuts: list[Cut]
    signature: list[int]
    """MinHash of the text's word shingles, for near-duplicates."""
    terms: list[Term]
    """What the document is about, for relatedness."""
    names: list[str] = []
    """What others may call it: its title, arXiv id, DOI, modules."""
    mentions: list[str] = []
    """What it names, or may name, in the forms of `names`."""


class DocumentText(Record, frozen=True, kw_only=True):
    """What rendering needs of a document: some of the columns of its table."""

    document_id: str
    kind: str
    title: str
    source: str
    license: str | None
    text: str
    n_chars: int
    n_tokens: int


class Plan(Record, frozen=True, kw_only=True):
    """Where a document lies and whether it takes part."""

    document_id: str
    part: int
    row_group: int
    duplicate_of: str | None
    split: str


class Piece(Record, frozen=True, kw_only=True):
    """A stretch of a document, in offsets of the document's text."""

    document_id: str
    start: int
    end: int
    n_tokens: int
    related: bool = False
    """Whether it was taken for being related, and not to fill the context."""


class ContextPlan(Record, frozen=True, kw_only=True):
    """Which pieces make a context, in the order in which they stand."""

    context_id: str
    split: str
    target_tokens: int
    part: int
    pieces: list[Piece]


class ContextDocument(Record, frozen=True, kw_only=True):
    """A document as it stands in a context: `context.text[start:end]` is its text there."""

    document_id: str
    kind: str
    title: str
    source: str
    license: str | None
    start: int
    end: int
    n_tokens: int


class Context(Record, frozen=True, kw_only=True):
    """Several documents concatenated to a target length."""

    context_id: str
    split: str
    target_tokens: int
    n_tokens: int
    """The tokenizer's exact count of `text`."""
    text: str
    documents: list[ContextDocument]


class Evidence(Record, frozen=True, kw_only=True):
    """A verbatim quote out of one document; `context.text[start:end]` is the matched passage."""

    document_id: str
    quote: str
    start: int
    end: int
    score: float
    """Similarity of quote and passage, 0 to 1; 1 is verbatim."""
    depth: float | None = None
    """Where in the context its middle lies, from 0, the beginning, to 1; null where it was not found."""


class Step(Record, frozen=True, kw_only=True):
    """One hop. A step without evidence works on the answers of the steps it uses."""

    question: str
    answer: str
    evidence: list[int]
    uses: list[int]


class Check(Record, frozen=True, kw_only=True):
    """The outcome of one check."""

    name: str
    passed: bool
    detail: str
    tokens: int = 0
    """Of the prompts that it sent, by the recipe's tokenizer; 0 for a check that looks."""


class Question(Record, frozen=True, kw_only=True):
    """A question on one context, accepted or not."""

    question_id: str
    context_id: str
    kind: str
    question: str
    reference_answer: str
    aliases: list[str]
    answer_type: str
    """`number`, `year`, `name`, `identifier`, …: what the answer is."""
    n_steps: int
    steps: list[Step]
    evidence: list[Evidence]
    checks: list[Check]
    accepted: bool
    rejected_by: str | None
    """Name of the first check that failed."""
    model: str


class Trace(Record, frozen=True, kw_only=True):
    """One sampled attempt at a question."""

    trace_id: str
    question_id: str
    sample: int
    reasoning: str
    content: str
    answer: str | None
    n_tokens: int
    finish_reason: str
    model: str


class Verdict(Record, frozen=True, kw_only=True):
    """The score of one trace."""

    trace_id: str
    question_id: str
    sample: int
    valid: bool
    exact_match: bool
    """The answer is an exact match of the reference or of one of its aliases."""
    judge: bool | None
    """What the judge said of the answer; null where it was not asked or could not be read."""
    correct: bool
    answer_group: int | None
    """Number of the answer group within the question; null for an invalid trace."""
    evidence_cited: float
    """Share of the question's evidence that the trace's text cites, 0 to 1."""
    model: str
    normal_form: str | None = None
    """Of the answer; equal forms are one distinct answer of the question. Null for an invalid trace."""
    judge_failed: str | None = None
    """Why a judge that was asked gave null: `refused`, `unreadable`, or `undecided` for votes without a majority."""


class Models(Record, frozen=True, kw_only=True):
    """Which model did what."""

    writer: str
    reader: str
    judge: str


class Example(Record, frozen=True, kw_only=True):
    """A finished training row: the shortest trace of the majority group."""

    question_id: str
    context_id: str
    split: str
    question: str
    answer: str
    reference_answer: str
    reasoning: str
    content: str
    trace_id: str
    n_traces: int
    votes: int
    agreement: float
    """`votes` over `n_traces`."""
    target_tokens: int
    context_tokens: int
    trace_tokens: int
    shortest_tokens: int
    """Tokens of the shortest valid trace in the group of the chosen one, whatever evidence it cites."""
    random_tokens: float
    """Tokens that a trace drawn from that group at random has on average."""
    longest_tokens: int
    """Tokens of the longest trace of that group."""
    example_tokens: int
    """Tokens of the contents of all messages of the published row."""
    documents: list[ContextDocument]
    licenses: list[str]
    evidence: list[Evidence]
    kind: str
    n_steps: int
    models: Models


class Rejection(Record, frozen=True, kw_only=True):
    """What left the pipeline, where and why."""

    stage: str
    item_id: str
    reason: str
    detail: str


_STRING, _TEXT = pa.string(), pa.large_string()
_INT, _FLOAT, _BOOL = pa.int64(), pa.float64(), pa.bool_()


def _struct(**fields: pa.DataType) -> pa.StructType:
    return pa.struct(list(fields.items()))


_CONTEXT_DOCUMENT = _struct(
    document_id=_STRING,
    kind=_STRING,
    title=_STRING,
    source=_STRING,
    license=_STRING,
    start=_INT,
    end=_INT,
    n_tokens=_INT,
)
_EVIDENCE = _struct(document_id=_STRING, quote=_TEXT, start=_INT, end=_INT, score=_FLOAT, depth=_FLOAT)
_STEP = _struct(question=_TEXT, answer=_TEXT, evidence=pa.list_(_INT), uses=pa.list_(_INT))

_SCHEMAS: dict[type[Record], dict[str, pa.DataType]] = {
    Document: dict(
        document_id=_STRING,
        kind=_STRING,
        title=_STRING,
        author=_STRING,
        source=_STRING,
        license=_STRING,
        year=_INT,
        language=_STRING,
        origin=_STRING,
        text=_TEXT,
        n_chars=_INT,
        n_tokens=_INT,
        cuts=pa.list_(_struct(offset=_INT, tokens=_INT, level=_STRING)),
        signature=pa.list_(pa.uint64()),
        terms=pa.list_(_struct(term=_STRING, count=_INT)),
        names=pa.list_(_STRING),
        mentions=pa.list_(_STRING),
    ),
    Plan: dict(document_id=_STRING, part=_INT, row_group=_INT, duplicate_of=_STRING, split=_STRING),
    ContextPlan: dict(
        context_id=_STRING,
        split=_STRING,
        target_tokens=_INT,
        part=_INT,
        pieces=pa.list_(_struct(document_id=_STRING, start=_INT, end=_INT, n_tokens=_INT, related=_BOOL)),
    ),
    Context: dict(
        context_id=_STRING,
        split=_STRING,
        target_tokens=_INT,
        n_tokens=_INT,
        text=_TEXT,
        documents=pa.list_(_CONTEXT_DOCUMENT),
    ),
    Question: dict(
        question_id=_STRING,
        context_id=_STRING,
        kind=_STRING,
        question=_TEXT,
        reference_answer=_TEXT,
        aliases=pa.list_(_TEXT),
        answer_type=_STRING,
        n_steps=_INT,
        steps=pa.list_(_STEP),
        evidence=pa.list_(_EVIDENCE),
        checks=pa.list_(_struct(name=_STRING, passed=_BOOL, detail=_TEXT, tokens=_INT)),
        accepted=_BOOL,
        rejected_by=_STRING,
        model=_STRING,
    ),
    Trace: dict(
        trace_id=_STRING,
        question_id=_STRING,
        sample=_INT,
        reasoning=_TEXT,
        content=_TEXT,
        answer=_TEXT,
        n_tokens=_INT,
        finish_reason=_STRING,
        model=_STRING,
    ),
    Verdict: dict(
        trace_id=_STRING,
        question_id=_STRING,
        sample=_INT,
        valid=_BOOL,
        exact_match=_BOOL,
        judge=_BOOL,
        correct=_BOOL,
        answer_group=_INT,
        evidence_cited=_FLOAT,
        model=_STRING,
        normal_form=_TEXT,
        judge_failed=_STRING,
    ),
    Example: dict(
        question_id=_STRING,
        context_id=_STRING,
        split=_STRING,
        question=_TEXT,
        answer=_TEXT,
        reference_answer=_TEXT,
        reasoning=_TEXT,
        content=_TEXT,
        trace_id=_STRING,
        n_traces=_INT,
        votes=_INT,
        agreement=_FLOAT,
        target_tokens=_INT,
        context_tokens=_INT,
        trace_tokens=_INT,
        shortest_tokens=_INT,
        random_tokens=_FLOAT,
        longest_tokens=_INT,
        example_tokens=_INT,
        documents=pa.list_(_CONTEXT_DOCUMENT),
        licenses=pa.list_(_STRING),
        evidence=pa.list_(_EVIDENCE),
        kind=_STRING,
        n_steps=_INT,
        models=_struct(writer=_STRING, reader=_STRING, judge=_STRING),
    ),
    Rejection: dict(stage=_STRING, item_id=_STRING, reason=_STRING, detail=_TEXT),
}

R = TypeVar("R", bound=Record)


def schema_of(record: type[Record]) -> pa.Schema:
    """The Arrow schema of a record's table; KeyError for a record that is no table of its own."""
    return pa.schema(list(_SCHEMAS[record].items()))


def to_table(rows: Iterable[R], record: type[R]) -> pa.Table:
    """Rows as an Arrow table with the schema of `record`, also where a column is all null or there are no rows."""
    return pa.Table.from_pylist([msgspec.to_builtins(row) for row in rows], schema=schema_of(record))


def from_table(table: pa.Table, record: type[R]) -> list[R]:
    """Rows of an Arrow table as records; columns that `record` does not know are passed over."""
    fields: tuple[str, ...] = record.__struct_fields__
    rows: list[dict[str, Any]] = table.select([name for name in table.column_names if name in fields]).to_pylist()
    return msgspec.convert(rows, list[record])  # type: ignore[valid-type]
