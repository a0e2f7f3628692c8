"""What a server's reply says: a completion, or which kind of failure."""

from typing import Any

import msgspec
import pytest

from longhop.engines.replies import Malformed, beginning, read_completion, read_error, refuses_key

SENT = {"max_tokens": 500, "n": 8, "seed": 7, "temperature": 0.6, "response_format": {}}


def choice(content: Any = "a", **more: Any) -> dict[str, Any]:
    message = {"content": content, **more.pop("message", {})}
    return {"message": message, "finish_reason": "stop", **more}


def read(*choices: dict[str, Any], **more: Any) -> list[str]:
    return [each.content for each in read_completion(msgspec.json.encode({"choices": choices, **more})).choices]


def test_a_completion_has_choices_reasoning_reason_and_usage() -> None:
    """All that a good reply says is read; tokens of a choice are the mean, since servers count the sum only."""
    body = {
        "id": "x",
        "choices": [
            choice("Answer: 14", index=0, message={"reasoning_content": "I count."}),
            choice(None, index=1, message={"reasoning": "I have not"}, finish_reason="length"),
        ],
        "usage": {
            "prompt_tokens": 90,
            "completion_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 64},
        },
    }
    completion = read_completion(msgspec.json.encode(body))
    first, second = completion.choices
    assert (first.content, first.reasoning, first.finish_reason, first.n_tokens) == (
        "Answer: 14",
        "I count.",
        "stop",
        15,
    )
    assert (second.content, second.reasoning, second.finish_reason) == ("", "I have not", "length")
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (90, 30, 64)


def test_what_servers_leave_out_does_not_matter() -> None:
    """No usage, no index, no finish reason, null details, a refusal in place of a content."""
    assert read({"message": {"content": "a"}}) == ["a"]
    assert read(choice(), usage=None) == ["a"]
    assert read(choice(), usage={"prompt_tokens": 3, "prompt_tokens_details": None}) == ["a"]
    assert read(choice(None, message={"refusal": "I cannot."}, finish_reason=None)) == ["I cannot."]


def test_thinking_in_tags_stays_in_the_content() -> None:
    """Tags are read where the other forms of reasoning are, by the stage: it knows what was asked for."""
    assert read(choice("<think>I count.</think>Answer: 14")) == ["<think>I count.</think>Answer: 14"]


def test_choices_are_in_the_order_of_their_index() -> None:
    """Sample i is drawn with seed s + i, in whatever order they come; where all have one number, as they come."""
    assert read(choice("c", index=2), choice("a", index=0), choice("b", index=1)) == ["a", "b", "c"]
    assert read(choice("b", index=2), choice("a", index=1)) == ["a", "b"]
    assert read(choice("b", index=0), choice("a", index=0)) == ["b", "a"]


def test_choices_behind_one_that_is_missing_are_left_out() -> None:
    """They would be stored under the seeds of others, and asked again under their own."""
    assert read(choice("a", index=0), choice("c", index=2), choice("d", index=3)) == ["a"]


def test_no_more_than_the_prompt_was_cached() -> None:
    """Whatever a server says: what was computed would be less than nothing, and cost as much."""
    usage = {"prompt_tokens": 90, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 128}}
    found = read_completion(msgspec.json.encode({"choices": [choice()], "usage": usage})).usage
    assert (found.prompt_tokens, found.cached_tokens) == (90, 90)


@pytest.mark.parametrize("reason", ["abort", "error", "insufficient_system_resource"])
def test_a_sample_that_the_server_gave_up_is_none(reason: str) -> None:
    """What there is of it would be kept for good; those before it are kept, and alone it is no reply."""
    given_up = choice("The ans", index=1, finish_reason=reason)
    assert read(choice("a", index=0), given_up, choice("c", index=2)) == ["a"]
    with pytest.raises(Malformed, match=reason):
        read(given_up)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>Sign in</html>",
        b'{"choices": [{"message": {"content": "Ans',
        b'{"choices": []}',
        b'{"choices": [{"text": "a"}]}',
        b'{"error": "busy"}',
        b"[1, 2]",
        b"\xff\xfe",
        b'{"choices": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_completion_is_malformed(data: bytes) -> None:
    """Nothing, a page, half of a reply, no choices, another shape: each can be asked again."""
    with pytest.raises(Malformed):
        read_completion(data)


def test_the_beginning_of_a_reply_is_one_line() -> None:
    """So that a message stays one sentence."""
    assert beginning("<html>\n  <body>\n" + "x" * 500) == "<html> <body> " + "x" * (160 - 16)
    assert beginning(" \n") == "nothing"


OPENAI = '{"error": {"message": "%s", "type": "%s", "param": %s, "code": %s}}'


@pytest.mark.parametrize(
    ("status", "text", "meaning"),
    [
        (429, '{"error": {"message": "Rate limit reached"}}', "overloaded"),
        (
            429,
            OPENAI % ("You exceeded your current quota", "insufficient_quota", "null", '"insufficient_quota"'),
            "everyone",
        ),
        (429, '{"error": {"message": "You exceeded your current quota. Please retry in 20s."}}', "overloaded"),
        (402, "Payment required", "everyone"),
        (302, "<html>Moved</html>", "everyone"),
        (503, "<html>Service Unavailable</html>", "overloaded"),
        (500, '{"object": "error", "message": "CUDA error"}', "broken"),
        (502, "", "broken"),
        (504, "<html>Gateway Time-out</html>", "broken"),
        (408, "", "broken"),
        (401, '{"error": "Unauthorized"}', "everyone"),
        (403, "Forbidden", "everyone"),
        (400, '[{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}]', "everyone"),
        (404, '{"detail": "Not Found"}', "everyone"),
        (405, '{"detail": "Method Not Allowed"}', "everyone"),
        (404, '{"object": "error", "message": "The model `x` does not exist."}', "everyone"),
        (400, '{"error": {"message": "The model gpt-9 does not exist", "code": "model_not_found"}}', "everyone"),
        (400, '{"error": {"message": "Something odd"}}', "request"),
        (422, '{"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}', "request"),
    ],
)
def test_what_an_error_status_means(status: int, text: str, meaning: str) -> None:
    """What passes, what is this request's fault, and what is everyone's are told apart by status, then by words."""
    assert read_error(status, text, SENT).meaning == meaning


TOO_LONG = [
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
    "'max_tokens' or 'max_completion_tokens' is too large: 500. This model's maximum context length is 1000 tokens (…)",
    "the request exceeds the available context size (4096 tokens), try increasing it",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
    "input length and `max_tokens` exceed context limit",
]


@pytest.mark.parametrize("words", TOO_LONG)
def test_too_long_in_the_servers_words(words: str) -> None:
    """Each server says it otherwise; that one names parameters in it does not make it a matter of them."""
    found = read_error(400, msgspec.json.encode({"message": words}).decode(), SENT)
    assert (found.meaning, found.reason, found.said) == ("request", "too_long", words)


def test_too_large_a_body_is_too_long() -> None:
    """Whatever stands in it."""
    assert read_error(413, "<h1>Request Entity Too Large</h1>", SENT).reason == "too_long"


@pytest.mark.parametrize("status", [400, 403])
def test_refused_content(status: int) -> None:
    """Some services refuse a single prompt with the status that others have for a wrong key."""
    text = '{"error": {"message": "The prompt triggered the content management policy", "code": "content_filter"}}'
    found = read_error(status, text, SENT)
    assert (found.meaning, found.reason) == ("request", "refused_content")


@pytest.mark.parametrize(
    ("words", "param", "meaning", "parameter"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens' instead.",
            '"max_tokens"',
            "other_limit",
            "max_tokens",
        ),
        ("n must be 1 when using greedy sampling, got 8.", "null", "one_sample", "n"),
        ("Only one completion choice is allowed", '"n"', "one_sample", "n"),
        ("guided decoding is not supported", "null", "no_schema", "response_format"),
        ("Invalid parameter: 'response_format' of type 'json_schema'", "null", "no_schema", "response_format"),
        ("Unrecognized request argument supplied: seed", "null", "no_seed", "seed"),
        ("Unsupported value: 'temperature' does not support 0.6 with this model.", '"temperature"', "everyone", ""),
    ],
)
def test_parameters_that_a_server_does_not_take(words: str, param: str, meaning: str, parameter: str) -> None:
    """What we can do without is done without; what the recipe asks for is said."""
    text = OPENAI % (words, "invalid_request_error", param, "null")
    found = read_error(400, text, SENT)
    assert (found.meaning, found.parameter) == (meaning, parameter)
    without = read_error(400, text, {"model": "m"})
    assert without.meaning == "request"


def test_a_parameter_that_nobody_takes_is_said_with_what_to_do() -> None:
    """The recipe leaves it out by null."""
    text = OPENAI % ("Unsupported value", "invalid_request_error", '"temperature"', "null")
    assert "sampling.temperature: null" in read_error(400, text, SENT).said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html><h1>Bad\n gateway</h1></html>", "Bad gateway"),
        ("", "no words"),
        ('{"error": "busy"}', "busy"),
        ('{"detail": "busy"}', "busy"),
        ('{"error": {"msg": "busy"}}', "busy"),
        ('[{"error": {"message": "busy"}}]', "busy"),
        ("[]", "[]"),
        ("null", "None"),
        ('"busy"', "busy"),
        ("[" * 5000, "[" * 300),
    ],
)
def test_the_servers_words(text: str, said: str) -> None:
    """They are found in whichever shape, on one line."""
    assert read_error(500, text, {}).said == said


def test_a_key_that_is_refused() -> None:
    """By status, or by words where the status is that of a bad request."""
    assert refuses_key(401, "")
    assert refuses_key(403, "")
    assert refuses_key(400, "Incorrect API key provided")
    assert not refuses_key(400, "Bad model")
    assert not refuses_key(429, "Invalid API key")
