"""What goes over the wire: the chat request, as OpenAI and vLLM take it, errors in their words, and the reply.

>>> read_chat(b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}], "n": 2}', Script()).n
2
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from tests.model_server.options import Script

__all__ = ["ApiError", "ChatRequest", "completion", "error_body", "read_chat", "text_of"]

_Positive = Annotated[int, msgspec.Meta(ge=1)]


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _JsonSchema(msgspec.Struct, rename={"schema_": "schema"}):
    name: str
    schema_: dict[str, Any] = {}


class _Format(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class ChatRequest(msgspec.Struct):
    """The fields that make a difference; null is as absent."""

    model: str
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    seed: int | None = None
    max_tokens: _Positive | None = None
    max_completion_tokens: _Positive | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    stop: str | list[str] | None = None
    response_format: _Format | None = None
    stream: bool | None = None

    @property
    def rendered(self) -> list[dict[str, str]]:
        """Role and content of each message."""
        return [{"role": message.role, "content": text_of(message.content)} for message in self.messages]

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The schema of the content; an empty object where it is to be JSON of any kind."""
        asked = self.response_format
        if asked is None or asked.type == "text":
            return None
        return asked.json_schema.schema_ if asked.json_schema else {"type": "object"}

    @property
    def most_tokens(self) -> int | None:
        """What the answer may have."""
        return self.max_completion_tokens or self.max_tokens


_OF_THE_API = frozenset(ChatRequest.__struct_fields__) | frozenset(
    "audio frequency_penalty function_call functions logit_bias logprobs metadata modalities parallel_tool_calls "
    "prediction presence_penalty prompt_cache_key reasoning_effort safety_identifier service_tier store stream_options "
    "tool_choice tools top_logprobs user verbosity web_search_options".split()
)


class ApiError(Exception):
    """A reply that is no answer."""

    def __init__(self, status: int, kind: str, message: str, code: str | int, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(kind, message, code, param)


def error_body(kind: str, message: str, code: str | int, param: str | None = None) -> dict[str, Any]:
    """An error as OpenAI and vLLM say it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def read_chat(fields: Any, script: Script) -> ChatRequest:
    """A request out of its JSON.

    Raises:
        ApiError: It is none, asks for another model, or for what this server cannot do.
    """
    if not isinstance(fields, dict):
        raise ApiError(400, "BadRequestError", "the body is no JSON object", 400)
    given = [name for name, value in fields.items() if value is not None]
    for name in given:
        if name in script.unsupported:
            message = f"Unsupported parameter: '{name}' is not supported with this model."
            raise ApiError(400, "invalid_request_error", message, "unsupported_parameter", name)
        if script.refuse_unknown and name not in _OF_THE_API:
            message = f"Unrecognized request argument supplied: {name}"
            raise ApiError(400, "invalid_request_error", message, "unknown_parameter", name)
    taken = {name: value for name, value in fields.items() if name not in script.ignored}
    try:
        request = msgspec.convert(taken, ChatRequest)
    except msgspec.ValidationError as error:
        raise ApiError(400, "BadRequestError", str(error), 400) from None
    if request.model != script.model:
        raise ApiError(404, "NotFoundError", f"The model `{request.model}` does not exist.", 404, "model")
    if request.stream:
        raise ApiError(400, "BadRequestError", "stream is not supported by this server", 400, "stream")
    return request


def text_of(content: str | Sequence[_Part] | None) -> str:
    """The text of a message, also where it comes in parts."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content)


def completion(
    number: int, model: str, choices: Sequence[tuple[Mapping[str, Any], str]], usage: Mapping[str, int] | None
) -> dict[str, Any]:
    """The body of a reply.

    Args:
        number: Of the request.
        model: Who answers.
        choices: Message and finish reason of each.
        usage: `prompt_tokens`, `completion_tokens` and `cached_tokens`.
    """
    body: dict[str, Any] = {
        "id": f"chatcmpl-{number:08}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {"index": index, "message": said, "logprobs": None, "finish_reason": reason, "stop_reason": None}
            for index, (said, reason) in enumerate(choices)
        ],
    }
    if usage is not None:
        body["usage"] = {
            "prompt_tokens": usage["prompt_tokens"],
            "completion_tokens": usage["completion_tokens"],
            "total_tokens": usage["prompt_tokens"] + usage["completion_tokens"],
            "prompt_tokens_details": {"cached_tokens": usage["cached_tokens"]},
        }
    return body
