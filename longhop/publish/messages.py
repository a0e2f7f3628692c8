"""A training row as a conversation: the context and the question, then reasoning and answer.

    >>> rows = messages(prompts, context.text, question.question, "It is Ines.", "Answer: 340")
    >>> [row["role"] for row in rows]
    ['system', 'user', 'assistant']

System and user message are those of the prompt `answer`, so a model is trained on what the reader was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from longhop.prompting import Prompts
from longhop.records import Context, Question, Trace
from longhop.tokens import Tokenizer

__all__ = [
    "CONVERSATION",
    "CONVERSATION_WITH_REASONING",
    "ExampleCounter",
    "asked",
    "assistant_content",
    "conversations",
    "messages",
    "said",
]

_ROLE_AND_CONTENT = [("role", pa.string()), ("content", pa.large_string())]
CONVERSATION = pa.list_(pa.struct(_ROLE_AND_CONTENT))
CONVERSATION_WITH_REASONING = pa.list_(pa.struct([*_ROLE_AND_CONTENT, ("reasoning_content", pa.large_string())]))
"""With reasoning as a field of its own; null in what the model does not say itself."""


def assistant_content(reasoning: str, content: str) -> str:
    """Reasoning between think tags, then what follows it."""
    return f"<think>\n{reasoning}\n</think>\n\n{content}"


def asked(prompts: Prompts, context: str, question: str) -> list[dict[str, str]]:
    """`role` and `content` of what comes before the answer."""
    return prompts.render("answer", {"context": context, "question": question})


def said(reasoning: str, content: str, *, apart: bool = False) -> dict[str, str]:
    """The assistant's message; with `apart`, its reasoning is the field `reasoning_content`."""
    if apart:
        return {"role": "assistant", "content": content, "reasoning_content": reasoning}
    return {"role": "assistant", "content": assistant_content(reasoning, content)}


def messages(prompts: Prompts, context: str, question: str, reasoning: str, content: str) -> list[dict[str, str]]:
    """`role` and `content` of each message of an example."""
    return [*asked(prompts, context, question), said(reasoning, content)]


def conversations(rows: Sequence[Sequence[Mapping[str, bytes]]], kind: pa.ListType) -> pa.ListArray:
    """Conversations as a column.

    Args:
        rows: The messages of each row, each with fields of `kind` in UTF-8; a field that a message lacks is null.
        kind: `CONVERSATION` or `CONVERSATION_WITH_REASONING`.
    """
    flat = [message for row in rows for message in row]
    offsets = [0]
    for row in rows:
        offsets.append(offsets[-1] + len(row))
    fields = list(kind.value_type)
    columns = [pa.array([message.get(field.name) for message in flat], field.type) for field in fields]
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.StructArray.from_arrays(columns, fields=fields), type=kind
    )


class ExampleCounter:
    """Counts the tokens of the contents of all messages that an example will have."""

    def __init__(self, prompts: Prompts, tokenizer: Tokenizer, contexts: Mapping[str, Context]) -> None:
        self._prompts = prompts
        self._tokenizer = tokenizer
        self._contexts = contexts

    def __call__(self, question: Question, trace: Trace) -> int:
        """Tokens of an example."""
        context = self._contexts[question.context_id]
        rows = messages(self._prompts, context.text, question.question, trace.reasoning, trace.content)
        return sum(self._count(row["content"], context) for row in rows)

    def _count(self, content: str, context: Context) -> int:
        rest = content.removeprefix(context.text)
        # A million tokens are not counted again for each question on them, where a seam changes nothing.
        if len(rest) < len(content) and rest and self._tokenizer.additive and self._tokenizer.may_cut_before(rest[0]):
            return context.n_tokens + self._tokenizer.count(rest)
        return self._tokenizer.count(content)
