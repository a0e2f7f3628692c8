"""A training row as a conversation: the context and the question, then reasoning and answer.

    >>> rows = messages(prompts, context.text, question.question, "It is Ines.", "Answer: 340")
    >>> [row["role"] for row in rows]
    ['system', 'user', 'assistant']

System and user message are those of the prompt `answer`, so a model is trained on what the reader was asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from longhop.prompting import Prompts
from longhop.records import Context, Question, Trace
from longhop.tokens import Tokenizer

__all__ = ["ExampleCounter", "assistant_content", "messages"]


def assistant_content(reasoning: str, content: str) -> str:
    """Reasoning between think tags, then what follows it."""
    return f"<think>\n{reasoning}\n</think>\n\n{content}"


def messages(prompts: Prompts, context: str, question: str, reasoning: str, content: str) -> list[dict[str, str]]:
    """`role` and `content` of each message of an example."""
    asked = prompts.render("answer", {"context": context, "question": question})
    return [*asked, {"role": "assistant", "content": assistant_content(reasoning, content)}]


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
