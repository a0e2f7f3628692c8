"""What a server's reply says: choices and their tokens, or what kind of failure it is.

    >>> read_completion(b'{"choices": [{"message": {"content": "Answer: 14"}, "finish_reason": "stop"}]}').choices
    (Choice(content='Answer: 14', …),)
    >>> read_error(429, '{"error": {"message": "slow down"}}', {}).meaning
    'overloaded'

Servers agree on little beyond the shape of a good reply, so failures are told by status first, then by their words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from longhop.engines import Choice, Completion, Usage

__all__ = ["Failure", "Malformed", "beginning", "read_completion", "read_error", "refuses_key"]


class Malformed(ValueError):  # noqa: N818 - a state of a reply
    """A reply that is no completion."""


class _Message(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    index: int = 0


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Reply(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


_decoder = msgspec.json.Decoder(_Reply)
_INTERRUPTED = frozenset(["abort", "error", "insufficient_system_resource"])
"""Finish reasons of samples that a server gave up: what there is of them is no answer."""


def read_completion(data: bytes) -> Completion:
    """The completion that a reply holds.

    Raises:
        Malformed: It is no JSON, or not of that shape, or without a choice.
    """
    try:
        reply = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"its reply is no completion ({error})") from error
    if not reply.choices:
        raise Malformed("its reply has no choices")
    kept = _in_order(reply.choices)
    if not kept:
        raise Malformed(f"it gave up while it answered (finish_reason {reply.choices[0].finish_reason})")
    usage = reply.usage or _Usage()
    generated = usage.completion_tokens or 0
    details = usage.prompt_tokens_details or _Details()
    each = round(generated / len(reply.choices))
    return Completion(
        choices=tuple(_choice(choice, each) for choice in kept),
        usage=Usage(
            prompt_tokens=usage.prompt_tokens or 0,
            completion_tokens=generated,
            # Some services count cached tokens beside the prompt's: no more than all of it costs less.
            cached_tokens=min(details.cached_tokens or 0, usage.prompt_tokens or 0),
        ),
    )


def _in_order(choices: list[_Choice]) -> list[_Choice]:
    """Choices by their index, up to the first that is missing or was given up: each has the seed of its place."""
    ordered = sorted(choices, key=lambda choice: choice.index)
    numbered = len({choice.index for choice in choices}) == len(choices)
    kept: list[_Choice] = []
    for place, choice in enumerate(ordered):
        missing = numbered and choice.index != ordered[0].index + place
        if missing or choice.finish_reason in _INTERRUPTED:
            break
        kept.append(choice)
    return kept


def _choice(choice: _Choice, tokens: int) -> Choice:
    message = choice.message
    return Choice(
        content=message.content or message.refusal or "",
        reasoning=message.reasoning_content or message.reasoning or "",
        finish_reason=choice.finish_reason or "stop",
        n_tokens=tokens,
    )


def beginning(text: str) -> str:
    """How a reply begins, in one line."""
    return " ".join(text[:160].split()) or "nothing"


Meaning = Literal["overloaded", "broken", "everyone", "request", "one_sample", "other_limit", "no_schema", "no_seed"]


class Failure(NamedTuple):
    """What an error status means."""

    meaning: Meaning
    said: str
    reason: str = "bad_request"
    """Word for the table of rejections, where the request is at fault."""
    parameter: str = ""
    """What the server does not take."""


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_TOO_LONG = _words(
    r"context[ _](?:length|window|size)|maximum.{0,40}(?:tokens|length)|too (?:long|many tokens)|prompt.{0,30}exceed"
    r"|exceed.{0,60}(?:context|tokens|length)|input.{0,20}longer than"
)
_CONTENT = _words(r"content.?(?:policy|filter|management)|safety|moderation|flagged")
_QUOTA = _words(r"insufficient_quota|billing|exceeded your current quota|credit balance")
_RETRY = _words(r"(?:retry|try again) (?:in|after)\b")
"""A quota that is full again soon, in the same words as one that is not."""
_KEY = _words(
    r"api.?key.{0,40}(?:invalid|not valid|incorrect|missing|expired)|(?:invalid|incorrect|missing|no)\b.{0,20}api.?key"
)
_NO_MODEL = _words(r"model.{0,200}(?:not (?:found|exist|available)|does not exist|unknown)|unknown model")
_ONE_SAMPLE = _words(r"\bn\b.{0,60}(?:1\b|one|support|greater|allowed|must)|multiple (?:choices|completions)")
_SCHEMA = _words(r"response_format|json_schema|guided|structured|grammar")
_SEED = _words(r"\bseed\b")


def refuses_key(status: int, text: str) -> bool:
    """Whether an error status says that the key is wrong; some services say so by 400."""
    return status in (401, 403) or (status == 400 and _KEY.search(text) is not None)


def read_error(status: int, text: str, body: Mapping[str, Any]) -> Failure:
    """What an error status means.

    Args:
        status: The HTTP status, 300 or above: a redirection that leads nowhere is an error, too.
        text: The reply's text.
        body: What was sent.
    """
    said, code, parameter = _said(text)
    words = f"{code} {said}"
    if status == 402 or (status == 429 and _QUOTA.search(words) and not _RETRY.search(words)):
        return Failure("everyone", said)
    if status in (429, 503):
        return Failure("overloaded", said)
    if status in (408, 409, 425) or status >= 500:
        return Failure("broken", said)
    if status < 400 or status in (404, 405) or (_NO_MODEL.search(words) and not _TOO_LONG.search(words)):
        return Failure("everyone", said)
    if _CONTENT.search(words):  # some services refuse a single prompt by 403, as others do a key
        return Failure("request", said, "refused_content")
    if refuses_key(status, words):
        return Failure("everyone", said)
    return _parameter(said, words, parameter, body) or _own_fault(status, said, words)


def _parameter(said: str, words: str, parameter: str, body: Mapping[str, Any]) -> Failure | None:
    """Where the server does not take something that was sent."""
    if _TOO_LONG.search(words):
        return None
    if "max_tokens" in body and "max_completion_tokens" in words:
        return Failure("other_limit", said, parameter="max_tokens")
    if "response_format" in body and _SCHEMA.search(words):
        return Failure("no_schema", said, parameter="response_format")
    if "seed" in body and (parameter == "seed" or _SEED.search(said)):
        return Failure("no_seed", said, parameter="seed")
    if body.get("n", 1) > 1 and (parameter == "n" or _ONE_SAMPLE.search(said)):
        return Failure("one_sample", said, parameter="n")
    if parameter in body and parameter != "messages":
        return Failure("everyone", f"{said} (set sampling.{parameter}: null to leave it out)")
    return None


def _own_fault(status: int, said: str, words: str) -> Failure:
    too_long = status == 413 or _TOO_LONG.search(words)
    return Failure("request", said, "too_long" if too_long else "bad_request")


def _said(text: str) -> tuple[str, str, str]:
    """Message, code and parameter of an error, in whichever of the usual shapes it comes."""
    try:
        data = msgspec.json.decode(text.encode("utf-8", "surrogatepass"))
    except (msgspec.MsgspecError, RecursionError):
        plain = re.sub(r"<[^>]*>", " ", text)
        return " ".join(plain.split())[:300] or "no words", "", ""
    data = data[0] if isinstance(data, list) and data else data
    error = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return " ".join(str(error).split())[:500], "", ""
    message = error.get("message") or error.get("detail") or error.get("msg") or error
    code = f"{error.get('code') or ''} {error.get('type') or ''}"
    return " ".join(str(message).split())[:500], code, str(error.get("param") or "")
