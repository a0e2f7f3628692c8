"""The engine `openai`: what is sent, what is understood of the reply, and what comes of all that can go wrong."""

import asyncio
import gc
import json
import logging
import multiprocessing
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from longhop.completions import CompletionStore
from longhop.engines import Completion, Request, Usage, connections, deadlines, dispatch, probe
from longhop.engines import openai as module
from longhop.engines.openai import OpenAIEngine
from longhop.errors import EngineError, Refused
from longhop.inference import Inference
from longhop.prompting import load_prompts
from longhop.recipe import EngineConfig
from tests.model_server import Faults, Script, Shape, model_server
from tests.model_server.app import serving
from tests.replying import (
    MODEL,
    Asked,
    Reply,
    contents,
    engine,
    in_loop,
    outcome,
    reply,
    replying,
    request,
)

JUDGE = {"question": "How many?", "reference": "14", "answer": "fourteen"}
LONG_CONTEXT = "The mate paid for the rope. " * 600


def key_of(asked: Request, **settings: Any) -> str:
    """The key that an engine with these settings gives a request."""
    config = EngineConfig(kind="openai", **{"model": MODEL, "urls": ["http://one/v1"], **settings})
    return OpenAIEngine("reader", config, load_prompts(), len, environment={"KEY": "secret"}).key(asked)


def error(status: int, message: str, **more: Any) -> Reply:
    """An error as OpenAI words it."""
    headers = more.pop("headers", {})
    return Reply({"error": {"message": message, **more}}, status, headers)


def unsupported(name: str, message: str) -> Callable[[Asked], Reply]:
    """A server that does not take a parameter."""
    return lambda asked: error(400, message, param=name) if name in asked.body else answered(asked)


def answered(asked: Asked) -> Reply:
    """As many answers as were asked for, each a function of its seed."""
    seed = asked.body.get("seed", 0)
    return reply(
        *(f"It was drawn with the seed {seed + place}, as it was asked." for place in range(asked.body.get("n", 1)))
    )


def drawn(*seeds: int) -> list[str]:
    """What `answered` says to these."""
    return [f"It was drawn with the seed {seed}, as it was asked." for seed in seeds]


async def answers(reader: OpenAIEngine, *asked: Request, store: CompletionStore | None = None) -> list[list[str] | str]:
    """Contents by request, or the reason of its refusal, as the inference layer asks for them."""
    inference, slots = Inference(reader, store), asyncio.Semaphore(16)
    given = await asyncio.gather(*(inference._answer(one, slots) for one in asked))
    return [one.reason if isinstance(one, Refused) else contents(one) for one in given]


# What is sent


@pytest.mark.parametrize(
    "same",
    [
        {"urls": ["http://two/v1", "http://three/v1"]},
        {"concurrency": 3},
        {"timeout": 5.0},
        {"key_env": "KEY"},
        {"headers_env": {"X-Key": "KEY"}},
        {"max_context": 500},
        {"tokenizer": "words"},
        {"prices": {"input": 1.0}},
    ],
)
def test_what_decides_no_answer_is_not_in_the_key(same: dict[str, Any]) -> None:
    """Where a server stands and how it is asked; nor seed and number of samples, which the store has beside it."""
    assert key_of(request(), **same) == key_of(request())
    assert key_of(request(seed=8, samples=8, affinity="c")) == key_of(request())


@pytest.mark.parametrize(
    "other",
    [{"model": "other"}, {"revision": "1"}, {"sampling": {"top_p": 0.5}}, {"extra_body": {"k": 1}}, {"args": ["-x"]}],
)
def test_what_decides_answers_is_in_the_key(other: dict[str, Any]) -> None:
    """Model, revision, sampling, extra body, arguments of the server."""
    assert key_of(request(), **other) != key_of(request())


def test_what_is_asked_is_in_the_key() -> None:
    """Texts, the stage's sampling, the schema; not how the messages are split."""
    keys = [
        key_of(request()),
        key_of(request("How much?")),
        key_of(request(context="C")),
        key_of(request(sampling={"temperature": 0.5})),
        key_of(request(schema={"type": "object"})),
        key_of(Request(prompt="judge", inputs=JUDGE, seed=7)),
    ]
    assert len(set(keys)) == len(keys)


def test_sampling_that_is_not_sent_makes_no_difference_to_the_key() -> None:
    """A temperature that the recipe takes away is as one that no stage gives."""
    asked = request(sampling={"temperature": 0.5})
    assert key_of(asked, sampling={"temperature": None, "top_k": 3}) != key_of(asked)
    assert key_of(asked, sampling={"temperature": None}) == key_of(request(), sampling={"temperature": None})


@in_loop
async def test_what_is_sent() -> None:
    """Model, messages, seed, the stage's sampling with the recipe's over it, `n` if it is several, the extra body."""
    async with replying(answered) as server:
        settings: dict[str, Any] = {"sampling": {"top_p": 0.9, "temperature": None}, "extra_body": {"top_k": 20}}
        async with engine(server.url, **settings) as reader:
            stage = {"temperature": 0.6, "top_p": 0.5, "max_tokens": 100}
            await reader.complete(request(samples=8, sampling=stage))
            await reader.complete(request())
    assert server.bodies[0] == {"model": MODEL, "seed": 7, "n": 8, "top_p": 0.9, "max_tokens": 100, "top_k": 20}
    assert server.bodies[1] == {"model": MODEL, "seed": 7, "top_p": 0.9, "top_k": 20}
    assert server.asked[0].body["messages"] == load_prompts().render("answer", request().inputs)


@in_loop
async def test_a_seed_that_is_null_in_the_recipe_is_not_sent() -> None:
    """As with everything in `sampling`."""
    async with replying(answered) as server, engine(server.url, sampling={"seed": None}) as reader:
        await reader.complete(request())
    assert server.bodies == [{"model": MODEL}]


@in_loop
async def test_json_is_asked_for_by_the_schema_of_the_prompt_or_of_the_request() -> None:
    """With the bounds that this request's inputs give; free text has none."""
    questions = {
        "context": "", "documents": [], "count": 3, "wanted": {"bridge": 3}, "kinds": {"bridge": 1.0},
        "min_documents": 2, "least_steps": 2, "most_steps": 4,
    }  # fmt: skip
    async with replying(answered) as server, engine(server.url) as reader:
        await reader.complete(Request(prompt="judge", inputs=JUDGE, seed=7))
        await reader.complete(Request(prompt="judge", inputs=JUDGE, seed=7, schema={"type": "array"}))
        await reader.complete(Request(prompt="write_questions", inputs=questions, seed=7))
        await reader.complete(request())
    formats = [body.get("response_format", {}).get("json_schema", {}) for body in server.bodies]
    assert formats[0] == {"name": "judge", "schema": load_prompts()["judge"].schema, "strict": True}
    assert formats[1]["schema"] == {"type": "array"}
    assert formats[2]["schema"] == load_prompts().schema("write_questions", questions)
    assert '"maxItems":3' in json.dumps(formats[2]["schema"]).replace(" ", "")
    assert formats[3] == {}


@in_loop
async def test_key_and_headers_come_from_the_environment() -> None:
    """And are sent with each request."""
    settings: dict[str, Any] = {"key_env": "KEY", "headers_env": {"X-Team": "TEAM"}}
    async with (
        replying(answered) as server,
        engine(server.url, environment={"KEY": "secret\n", "TEAM": "blue"}, **settings) as reader,
    ):
        await reader.complete(request())
    headers = server.asked[0].headers
    assert (headers["authorization"], headers["x-team"]) == ("Bearer secret", "blue")


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_a_variable_that_is_not_set_is_said_before_anything_is_sent(value: str | None) -> None:
    """With its name, and where the recipe names it."""
    config = EngineConfig(
        kind="openai", model="m", urls=["http://one/v1"], key_env="KEY", headers_env={"X-Team": "TEAM"}
    )
    for environment, said in (
        ({}, "reader.key_env: .* KEY "),
        ({"KEY": "secret"}, r"reader.headers_env.X-Team: .* TEAM "),
    ):
        given = {**environment, **({"KEY" if not environment else "TEAM": value} if value is not None else {})}
        with pytest.raises(EngineError, match=said):
            OpenAIEngine("reader", config, load_prompts(), len, environment=given)


@pytest.mark.parametrize("value", ["sec\nret", "“secret”", "sec\x00ret"])
def test_a_key_that_no_header_can_carry_is_said_and_not_shown(value: str) -> None:
    """The client would say it in its own words, with the key."""
    config = EngineConfig(kind="openai", model="m", urls=["http://one/v1"], key_env="KEY")
    with pytest.raises(EngineError, match="no header can carry") as caught:
        OpenAIEngine("reader", config, load_prompts(), len, environment={"KEY": value})
    assert "ret" not in str(caught.value)


# What servers do not take


@pytest.mark.parametrize(
    ("name", "message", "kept"),
    [
        (
            "max_tokens",
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "max_completion_tokens",
        ),
        ("seed", "Unrecognized request argument supplied: seed", "n"),
        ("response_format", "response_format of type json_schema is not supported", "seed"),
    ],
)
def test_what_a_server_does_not_take_is_sent_otherwise(
    caplog: pytest.LogCaptureFixture, name: str, message: str, kept: str
) -> None:
    """By all requests, also by those that were sent before it was known; a warning says so once if it is left out."""

    async def ask() -> None:
        async with replying(unsupported(name, message)) as server, engine(server.url) as reader:
            asked = [
                request(f"{n}?", samples=2, sampling={"max_tokens": 9}, schema={"type": "object"}) for n in range(8)
            ]
            given = await asyncio.gather(*(reader.complete(one) for one in asked))
            assert all(len(one.choices) == 2 for one in given)
            before = len(server.asked)
            await reader.complete(request(samples=2, sampling={"max_tokens": 9}))
        assert len(server.asked) == before + 1
        assert name not in server.bodies[-1]
        assert kept in server.bodies[-1]

    with caplog.at_level(logging.INFO, "longhop"):
        asyncio.run(ask())
    warned = [record for record in caplog.records if "left out" in record.message]
    assert len(warned) == (name != "max_tokens")


@in_loop
async def test_where_several_samples_are_not_taken_each_is_asked_for_with_its_seed() -> None:
    """All that were sent before it was known, too."""
    async with (
        replying(unsupported("n", "Only one completion choice is allowed")) as server,
        engine(server.url) as reader,
    ):
        given = await answers(reader, *(request(f"{n}?", samples=4) for n in range(8)))
        assert given == [drawn(7, 8, 9, 10)] * 8
    assert len([body for body in server.bodies if "n" not in body]) == 8 * 4


@pytest.mark.parametrize(
    "settings",
    [{"extra_body": {"max_tokens": 5}}, {"extra_body": {"seed": 5}}, {"sampling": {"n": 2}}, {"extra_body": {"n": 2}}],
)
def test_what_the_recipe_wants_to_be_sent_and_the_server_does_not_take_is_said(settings: dict[str, Any]) -> None:
    """It cannot be left out, and is not sent for ever."""
    name = next(iter(next(iter(settings.values()))))
    message = {
        "max_tokens": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        "seed": "Unrecognized request argument supplied: seed",
        "n": "n must be 1",
    }[name]

    async def ask() -> Any:
        async with replying(unsupported(name, message)) as server, engine(server.url, **settings) as reader:
            async with asyncio.timeout(5):
                return await outcome(reader, request(sampling={"max_tokens": 9}))

    said = asyncio.run(ask())
    assert isinstance(said, EngineError)
    assert f"take `{name}` out" in str(said)


@in_loop
async def test_sampling_that_the_model_does_not_take_is_everyones() -> None:
    """The recipe's to leave out."""
    async with (
        replying(unsupported("temperature", "Unsupported value: 'temperature'")) as server,
        engine(server.url) as reader,
    ):
        said = await outcome(reader, request(sampling={"temperature": 0.6}))
    assert isinstance(said, EngineError)
    assert "sampling.temperature: null" in str(said)


# Choices


@in_loop
async def test_where_fewer_choices_come_the_others_are_asked_for() -> None:
    """With the seeds that they have."""

    def half(asked: Asked) -> Reply:
        seed, n = asked.body["seed"], asked.body.get("n", 1)
        return reply(*drawn(*range(seed, seed + max(1, n // 2))))

    async with replying(half) as server, engine(server.url) as reader:
        assert await answers(reader, request(samples=8)) == [drawn(*range(7, 15))]
    assert [(body["seed"], body.get("n", 1)) for body in server.bodies] == [(7, 8), (11, 4), (13, 2), (14, 1)]


@in_loop
async def test_a_server_that_copies_one_sample_is_found_out() -> None:
    """Each sample is then drawn with its own seed, none is stored twice; after three requests none is asked twice."""

    def copies(asked: Asked) -> Reply:
        return reply(*drawn(asked.body["seed"]) * asked.body.get("n", 1))

    async with replying(copies) as server, engine(server.url) as reader:
        for number in range(5):
            assert await answers(reader, request(f"{number}?", samples=4)) == [drawn(7, 8, 9, 10)]
            if number == 2:
                before = len(server.asked)
    assert len(server.asked) - before == 2 * 4


@in_loop
async def test_a_model_that_says_the_same_each_time_is_believed() -> None:
    """At the price of one request more than it takes."""
    sure = "The answer is 340 crowns, as the second document says.\n\nAnswer: 340"
    async with replying(lambda asked: reply(*[sure] * asked.body.get("n", 1))) as server, engine(server.url) as reader:
        assert await answers(reader, request(samples=8)) == [[sure] * 8]
    assert [body.get("n", 1) for body in server.bodies] == [8, 1, 6]


@in_loop
async def test_equal_samples_at_temperature_zero_are_what_was_asked_for() -> None:
    """Nobody doubts them."""
    async with (
        replying(lambda asked: reply(*["It is quite certain " * 5] * asked.body.get("n", 1))) as server,
        engine(server.url) as reader,
    ):
        await answers(reader, request(samples=4, sampling={"temperature": 0}))
    assert len(server.asked) == 1


@pytest.mark.parametrize("style", ["reasoning_content", "reasoning"])
def test_samples_are_those_of_their_seeds_however_they_are_asked_for(style: str) -> None:
    """At once, one by one, in pieces, after faults: sample i is the one of seed s + i."""

    async def ask(script: Script, *faults: str) -> list[tuple[str, str]]:
        async with (
            serving(script, Shape(), Faults.of(faults, retry_after=0.01)) as url,
            engine(url, model="simulated") as reader,
        ):
            given = await Inference(reader)._answer(request(samples=8), asyncio.Semaphore())
            assert isinstance(given, Completion)
            return [(choice.reasoning, choice.content) for choice in given.choices]

    at_once = asyncio.run(ask(Script(reasoning=style)))  # type: ignore[arg-type]
    assert len(set(at_once)) == 8
    assert all(reasoning and content for reasoning, content in at_once)
    for script, faults in [
        (Script(reasoning=style, unsupported=("n",)), ()),  # type: ignore[arg-type]
        (Script(reasoning=style), ("fewer:1",)),  # type: ignore[arg-type]
        (Script(reasoning=style), ("equal:1",)),  # type: ignore[arg-type]
        (Script(reasoning=style, ignored=("n",)), ()),  # type: ignore[arg-type]
    ]:
        assert asyncio.run(ask(script, *faults)) == at_once


# One request's own fault


@in_loop
async def test_what_cannot_fit_is_not_sent() -> None:
    """By our own count, with the answer that was asked for, against what the server or the recipe says."""
    lists_window = {"/v1/models": Reply({"data": [{"id": MODEL, "max_model_len": 4000}]})}
    async with replying(answered, lists_window) as server:
        async with engine(server.url) as reader:
            said = await outcome(reader, request(context=LONG_CONTEXT))
            assert isinstance(said, Refused)
            assert said.reason == "too_long"
            assert "does not fit into 4,000" in said.detail
            fits = request(context=LONG_CONTEXT[: len(LONG_CONTEXT) // 2])
            assert contents(await outcome(reader, fits)) == drawn(7)
            said = await outcome(reader, request(context=fits.inputs["context"], sampling={"max_tokens": 2000}))
            assert "max_tokens of 2,000 do not fit" in str(said)
        async with engine(server.url, max_context=1000) as reader:
            assert "into 1,000" in str(await outcome(reader, fits))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("given", "reason", "said"),
    [
        (error(400, "This model's maximum context length is 4096 tokens"), "too_long", "maximum context"),
        (Reply("<h1>Request Entity Too Large</h1>", 413), "too_long", "Too Large"),
        (error(400, "The prompt triggered the content policy", code="content_filter"), "refused_content", "policy"),
        (error(400, "Something odd"), "bad_request", "Something odd"),
        (Reply({"detail": [{"msg": "field required"}]}, 422), "bad_request", "field required"),
    ],
)
def test_what_the_server_refuses_of_one_request_is_its_own_fault(given: Reply, reason: str, said: str) -> None:
    """In the server's words, asked once; the others are answered."""

    async def ask() -> None:
        async with (
            replying(lambda asked: given if "odd" in asked.said else answered(asked)) as server,
            engine(server.url) as reader,
        ):
            assert await answers(reader, request("odd?"), request()) == [reason, drawn(7)]
            refused = await outcome(reader, request("odd?"))
            assert isinstance(refused, Refused)
            assert said in refused.detail
            assert len(server.asked) == 3

    asyncio.run(ask())


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits a hundredth of what is waited else."""
    monkeypatch.setattr(dispatch, "_MOST_SILENT_SECONDS", 0.005)
    monkeypatch.setattr(dispatch, "_OVERLOADED_SECONDS", 0.005)
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.001)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Gives up soon, too."""
    request.getfixturevalue("hurried")
    monkeypatch.setattr(dispatch, "GIVE_UP_SECONDS", 1.0)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("alone", [False, True])
def test_a_request_that_gets_no_reply_while_others_do_is_refused(alone: bool) -> None:
    """After some attempts; where there are no others, as after a crash, another is sent to see."""

    async def ask() -> None:
        async with (
            replying(lambda asked: error(500, "CUDA error") if "odd" in asked.said else answered(asked)) as server,
            engine(server.url) as reader,
        ):
            if not alone:
                await reader.complete(request())
            said = await outcome(reader, request("odd?"))
            assert isinstance(said, Refused)
            assert (said.reason, said.detail.count("CUDA error")) == ("no_usable_reply", 1)
            assert 8 <= len(server.asked) <= 10

    asyncio.run(ask())


@pytest.mark.usefixtures("hurried")
@in_loop
async def test_an_outage_refuses_nobody() -> None:
    """As long as nobody is answered, it is no request's fault; when it is over, all are answered."""
    async with (
        replying(lambda asked: error(500, "starting") if asked.number < 40 else answered(asked)) as server,
        engine(server.url) as reader,
    ):
        assert await answers(reader, request(), request("How much?")) == [drawn(7), drawn(7)]


# Everyone's fault


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (error(401, "Invalid key"), "HTTP 401: Invalid key; set KEY"),
        (error(403, "Forbidden"), "HTTP 403: Forbidden; set KEY"),
        (error(429, "You exceeded your current quota", code="insufficient_quota"), "no quota left"),
        (Reply("", 402), "no quota left"),
        (error(404, "The model `tiny` does not exist"), "correct `model` or `urls`"),
    ],
)
def test_what_the_server_refuses_to_everyone_ends_the_stage(given: Reply, said: str) -> None:
    """In one sentence, with what to do; nothing is asked again."""

    async def ask() -> None:
        async with (
            replying(lambda _: given) as server,
            engine(server.url, key_env="KEY", environment={"KEY": "secret"}) as reader,
        ):
            caught = await outcome(reader, request())
            assert isinstance(caught, EngineError)
            assert said in str(caught)
            assert str(caught).startswith(f"engines.reader: {server.url}: ")
        assert len(server.asked) == 1

    asyncio.run(ask())


@in_loop
async def test_a_prompt_that_was_cut_silently_ends_the_stage() -> None:
    """What the server read falls short of what was sent: it says what to set. Words are a coarser measure."""
    short = {"prompt_tokens": 1700, "completion_tokens": 5}
    context = "word " * 3000
    async with replying(lambda _: reply("Answer: 14", **short)) as server:
        async with engine(server.url) as reader:
            said = str(await outcome(reader, request(context=context)))
            assert "the server read 1,700 tokens of a prompt of 3,1" in said
            assert "max_context" in said
        async with engine(server.url, counts_words=True) as reader:
            assert contents(await outcome(reader, request(context=context))) == ["Answer: 14"]
            assert "it has cut it" in str(await outcome(reader, request(context=context * 2)))


@in_loop
async def test_what_a_server_does_not_count_is_not_missed() -> None:
    """No usage, or none of the prompt; a short prompt that a template makes longer."""
    async with (
        replying(lambda asked: reply("a", completion_tokens=5) if asked.number else reply("a")) as server,
        engine(server.url) as reader,
    ):
        for _ in range(2):
            assert contents(await outcome(reader, request(context="word " * 3000))) == ["a"]


# What passes

PASSING = ["429", "500", "503", "reset", "dropped", "truncated", "html", "empty"]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_asked_again(fault: str) -> None:
    """And costs no answer: 12 requests, each failing twice, are answered as if nothing had been."""

    async def ask(*faults: str) -> list[Any]:
        async with (
            serving(Script(), Shape(), Faults.of(faults, retry_after=0.01)) as url,
            engine(url, model="simulated") as reader,
        ):
            return await answers(reader, *(request(f"{number}?", samples=2) for number in range(12)))

    assert asyncio.run(ask(f"{fault}:1:2")) == asyncio.run(ask())


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_request_has_a_deadline(fault: str) -> None:
    """For the whole of it: a byte now and then is no sign of life."""

    async def ask() -> None:
        async with (
            serving(Script(), Shape(), Faults.of([f"{fault}:1:1"], drip_seconds=60)) as url,
            engine(url, model="simulated", timeout=0.3) as reader,
        ):
            began = time.monotonic()
            assert len((await reader.complete(request())).choices) == 1
            assert 0.3 <= time.monotonic() - began < 3

    asyncio.run(ask())


def test_a_deadline_becomes_less_when_the_server_turns_out_to_be_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request was sent when nothing was known, with a quarter of an hour; the others tell."""
    monkeypatch.setattr(deadlines, "_LEAST_SECONDS", 0.5)
    monkeypatch.setattr(connections, "_LIMIT_AGAIN_SECONDS", 0.05)

    async def hung_once(asked: Asked) -> Reply:
        if asked.number == 0:
            await asyncio.sleep(60)
        return reply("a long answer", prompt_tokens=100, completion_tokens=4096)

    async def ask() -> None:
        async with replying(hung_once) as server, engine(server.url) as reader:
            began = time.monotonic()
            asked = [request(f"{number}?", sampling={"max_tokens": 4096}) for number in range(24)]
            await asyncio.gather(*map(reader.complete, asked))
            assert time.monotonic() - began < 30
            assert len(server.asked) == 25

    asyncio.run(ask())


def test_time_limits_follow_from_token_counts() -> None:
    """A prompt of a million tokens has time to be read, an answer of 16k tokens to be written; the recipe may say."""
    reader = OpenAIEngine("reader", EngineConfig(kind="openai", model="m", urls=["http://one/v1"]), load_prompts(), len)
    assert reader._time_limit(0, {"max_tokens": 10}) < 200
    assert reader._time_limit(1_000_000, {"max_tokens": 10}) > 1250
    assert reader._time_limit(0, {"max_tokens": 16_384}) > 1000
    assert reader._time_limit(0, {}) > 300


@pytest.mark.parametrize("as_date", [False, True])
def test_nothing_is_sent_before_the_time_that_a_server_names(as_date: bool) -> None:
    """Given in seconds or as a date."""
    times: list[float] = []

    def overloaded(asked: Asked) -> Reply:
        times.append(time.time())
        if asked.number:
            return answered(asked)
        after = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2)) if as_date else "0.7"
        return error(429, "slow down", headers={"Retry-After": after})

    async def ask() -> None:
        async with replying(overloaded) as server, engine(server.url) as reader:
            assert await answers(reader, request(), request("How much?")) == [drawn(7), drawn(7)]

    asyncio.run(ask())
    after = [at - times[0] for at in times if at - times[0] > 0.5]
    assert len(after) >= 1
    assert min(after) >= (1.0 if as_date else 0.7)


# Servers that die, and come back


@pytest.mark.usefixtures("hurried")
def test_of_two_servers_one_dies_in_the_middle() -> None:
    """Its contexts move, nothing is missing, and the answers are those that they would have been."""
    asked = [request(f"{n}?", context=f"{n % 6} {LONG_CONTEXT}", samples=2, affinity=f"c{n % 6}") for n in range(36)]

    async def ask(*urls: str) -> list[Any]:
        async with engine(*urls, model="simulated", concurrency=4) as reader:
            return await answers(reader, *asked)

    with model_server(Script(), Shape(), ["death:6"]) as dies, model_server() as lives:
        given = asyncio.run(ask(dies.url, lives.url))
        assert dies.process.wait(5) == 1
        lives.reset()
        assert given == asyncio.run(ask(lives.url))
        assert all(len(one) == 2 for one in given)


@pytest.mark.usefixtures("hurried")
@in_loop
async def test_a_server_that_was_not_there_at_the_beginning_is_asked_when_it_comes() -> None:
    """And found out then, if it is another one than the first."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    late = f"http://127.0.0.1:{port}/v1"
    async with replying(answered) as server, engine(server.url, late, concurrency=4) as reader:
        asked = [request(f"{n}?") for n in range(8)]
        assert await answers(reader, *asked) == [drawn(7)] * 8
        async with replying(answered, port=port) as second:
            until = time.monotonic() + 5
            while not second.asked and time.monotonic() < until:
                assert await answers(reader, *asked) == [drawn(7)] * 8
            assert second.asked
            assert "/v1/models" in second.others


@pytest.mark.usefixtures("impatient")
@in_loop
async def test_all_servers_die_and_the_stage_ends() -> None:
    """In a bounded time, with what the servers said, and with what was answered kept."""
    async with replying(answered) as server, engine(server.url) as reader:
        await reader.complete(request())
        kept = server.url
    async with engine(kept, timeout=1.0) as reader:
        began = time.monotonic()
        said = await outcome(reader, request())
        assert isinstance(said, EngineError)
        assert "no server answers" in str(said)
        assert time.monotonic() - began < 2


@pytest.mark.usefixtures("impatient")
def test_all_servers_die_in_the_middle(tmp_path: Path) -> None:
    """What had arrived is stored, and is not asked for again when they are back."""
    store = CompletionStore(tmp_path / "completions.sqlite")
    asked = [request(f"{number}?", samples=2) for number in range(30)]

    async def ask(url: str) -> list[Any]:
        async with engine(url, model="simulated", work=tmp_path, concurrency=2) as reader:
            return await answers(reader, *asked, store=store)

    with model_server(Script(), Shape(), ["death:9"]) as dies:
        with pytest.raises(EngineError, match="no server answers.*build again"):
            asyncio.run(ask(dies.url))
        port = dies.port
    with model_server(port=port) as back:
        given = asyncio.run(ask(back.url))
        assert all(len(one) == 2 for one in given)
        assert 20 <= back.stats().requests <= 23
    store.close()


@pytest.mark.usefixtures("hurried")
@in_loop
async def test_a_part_that_begins_while_the_servers_are_started_again_waits_for_them(tmp_path: Path) -> None:
    """They were there a moment ago; a build that begins with none is told at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    async with engine(url, work=tmp_path) as reader:
        assert "no server answers" in str(await outcome(reader, request()))
    async with replying(answered, port=port), engine(url, work=tmp_path) as reader:
        await reader.complete(request())
    async with engine(url, work=tmp_path) as reader:
        waits = asyncio.create_task(reader.complete(request()))
        await asyncio.sleep(0.2)
        async with replying(answered, port=port):
            assert contents(await waits) == drawn(7)


# What must not be said

SECRET = "sk-very-secret-key-0123456789"  # noqa: S105 - made up


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "echo",
    [
        error(400, f"Bad request with key {SECRET}"),
        error(401, f"Incorrect API key provided: {SECRET}."),
        error(404, f"no model for {SECRET}"),
        error(429, f"{SECRET} has no quota", code="insufficient_quota"),
        error(429, "x" * 490 + SECRET),
        error(500, f"trace: {SECRET}"),
        Reply(f"<html>{SECRET}</html>".encode()),
        Reply(b"x" * 150 + SECRET.encode()),
        Reply({"choices": [], "echo": SECRET}),
    ],
    ids=range(9),
)
def test_the_key_is_in_no_message(echo: Reply, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a server repeats, whole or cut at its end: not in what is raised, not in its causes, not in the log."""

    async def ask(settings: dict[str, Any]) -> list[Any]:
        async with (
            replying(lambda _: echo) as server,
            engine(server.url, environment={"KEY": SECRET}, **settings) as reader,
        ):
            return [await outcome(reader, request()), reader]

    for settings in ({"key_env": "KEY"}, {"headers_env": {"X-Key": "KEY"}}):
        with caplog.at_level(logging.DEBUG, "longhop"):
            said, _ = asyncio.run(ask(settings))
        assert isinstance(said, EngineError | Refused)
        chain: list[BaseException] = [said]
        while (
            more := chain[-1].__cause__ or (None if chain[-1].__suppress_context__ else chain[-1].__context__)
        ) is not None:
            chain.append(more)
        everything = f"{[str(one) for one in chain]} {caplog.text}"
        assert SECRET[:12] not in everything


# Servers that are others than was thought


def tls(folder: Path) -> ssl.SSLContext:
    """For a server whose certificate nobody has signed but itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)  # noqa: S603
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@in_loop
async def test_a_certificate_that_is_not_trusted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the beginning and in the middle, with what to do; it will not pass, so nobody waits. And it helps."""
    async with replying(answered, tls=tls(tmp_path)) as server:
        async with engine(server.url) as reader:
            said = str(await outcome(reader, request()))
            assert "certificate is not trusted" in said
            assert "SSL_CERT_FILE" in said
            reader._facts = {server.url: probe.TargetFacts()}
            assert "certificate is not trusted" in str(await outcome(reader, request()))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        async with engine(server.url) as reader:
            assert contents(await outcome(reader, request())) == drawn(7)


# Contexts and their cache

VLLM = {
    "/metrics": Reply(
        b'vllm:cache_config_info{num_gpu_blocks="1000",block_size="16"} 1\nvllm:prefix_cache_queries_total 1\n'
    ),
    "/version": Reply({"version": "0.11.0"}),
}


@in_loop
async def test_a_long_context_is_computed_once_before_its_requests_go_side_by_side() -> None:
    """By a request of one token, on a server that computes common beginnings once; none is sent for what is short."""
    active = most = 0

    async def slowly(asked: Asked) -> Reply:
        nonlocal active, most
        active += 1
        most = max(most, active if asked.number == 0 else 0)
        await asyncio.sleep(0.05)
        if asked.number == 0:
            most = max(most, active)
        active -= 1
        return answered(asked)

    asked = [request(f"{n}?", context=LONG_CONTEXT, affinity="c", sampling={"max_tokens": 50}) for n in range(4)]
    async with replying(slowly, VLLM) as server, engine(server.url) as reader:
        await answers(reader, *asked)
        await answers(reader, *(request(f"{n}?", affinity="d") for n in range(4)))
    assert [body.get("max_tokens") for body in server.bodies] == [1, 50, 50, 50, 50, None, None, None, None]
    assert most == 1
    async with replying(answered) as server, engine(server.url) as reader:
        await answers(reader, *asked)
    assert len(server.asked) == 4


@in_loop
async def test_what_computing_a_context_first_took_is_counted() -> None:
    """It is paid for, too."""
    asked = [request(f"{n}?", context=LONG_CONTEXT, affinity="c", sampling={"max_tokens": 50}) for n in range(2)]
    each = reply("yes", prompt_tokens=20_000, completion_tokens=1)
    async with replying(lambda _: each, VLLM) as server, engine(server.url) as reader:
        given = [await reader.complete(one) for one in asked]
    assert len(server.asked) == 3
    assert [one.usage for one in given] == [
        Usage(prompt_tokens=40_000, completion_tokens=2),
        Usage(prompt_tokens=20_000, completion_tokens=1),
    ]


@pytest.mark.usefixtures("hurried")
@in_loop
async def test_a_first_request_that_fails_is_no_harm() -> None:
    """The request itself then computes the context, and the others wait for that."""
    async with (
        replying(lambda asked: error(500, "busy") if asked.number == 0 else answered(asked), VLLM) as server,
        engine(server.url, concurrency=1) as reader,
    ):
        asked = [request(f"{n}?", context=LONG_CONTEXT, affinity="c") for n in range(3)]
        assert await answers(reader, *asked) == [drawn(7)] * 3
    assert [body.get("max_tokens") for body in server.bodies] == [1, None, None, None]


@in_loop
async def test_a_first_request_that_is_given_up_leaves_nobody_waiting() -> None:
    """The stage that sent it has ended; another asks of the same context."""
    began, hold = asyncio.Event(), asyncio.Event()

    async def held(asked: Asked) -> Reply:
        if asked.number == 0:
            began.set()
            await hold.wait()
        return answered(asked)

    async with replying(held, VLLM) as server, engine(server.url) as reader:
        first = asyncio.create_task(reader.complete(request(context=LONG_CONTEXT, affinity="c")))
        second = asyncio.create_task(reader.complete(request("2?", context=LONG_CONTEXT, affinity="c")))
        await began.wait()
        first.cancel()
        assert contents(await asyncio.wait_for(second, 2)) == drawn(7)
        hold.set()


@pytest.mark.usefixtures("hurried")
@in_loop
async def test_a_context_that_moves_is_computed_on_its_new_server_first() -> None:
    """What was computed once was computed on one server."""
    fails = False
    async with (
        replying(lambda asked: error(500, "dead") if fails else answered(asked), VLLM) as one,
        replying(answered, VLLM) as two,
        engine(one.url, two.url) as reader,
    ):
        await reader.complete(request("1?", context=LONG_CONTEXT, affinity="c"))
        first, other = (one, two) if one.asked else (two, one)
        assert first is one
        fails = True
        await answers(reader, *(request(f"{n}?", context=LONG_CONTEXT, affinity="c") for n in range(3)))
    assert [body.get("max_tokens") for body in other.bodies] == [1, None, None, None]


# Many processes, one machine


def _ask_as_a_worker(url: str, work: Path, number: int) -> list[Any]:
    """What a worker process does."""

    async def ask() -> list[Any]:
        async with engine(url, model="simulated", work=work, concurrency=4) as reader:
            return await answers(reader, *(request(f"{number} {n}?", samples=2) for n in range(20)))

    return asyncio.run(ask())


def test_processes_share_the_concurrency_of_the_machine(tmp_path: Path) -> None:
    """Two workers, four requests at a time in all; each gets its answers."""
    with (
        model_server(Script(), Shape(slots=64, overhead=0.05)) as server,
        multiprocessing.get_context("spawn").Pool(1) as pool,
    ):
        pool.apply(_ask_as_a_worker, (server.url, tmp_path, 0))  # what it imports is there then
        server.reset()
        other = pool.apply_async(_ask_as_a_worker, (server.url, tmp_path, 1))
        assert len(_ask_as_a_worker(server.url, tmp_path, 2)) == len(other.get()) == 20
        assert server.stats().requests == 40
        assert 3 <= server.stats().max_in_flight <= 4


def _ask_until_killed(url: str, work: Path) -> None:
    """A process that is killed while it does this."""
    store = CompletionStore(work / "completions.sqlite")
    config = EngineConfig(kind="openai", model="simulated", urls=[url], concurrency=8)
    reader = OpenAIEngine("reader", config, load_prompts(), len, work=work)
    list(Inference(reader, store, 8).run(request(f"{n}?", seed=1000 * n, samples=4) for n in range(400)))


def test_what_had_arrived_before_a_kill_is_not_asked_again(tmp_path: Path) -> None:
    """Killed again and again: each sample that is stored is never sent again, and in the end all are there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    store = CompletionStore(tmp_path / "completions.sqlite")
    with model_server(Script(content_words=4, reasoning="none"), Shape(slots=64, overhead=0.02)) as server:

        def samples() -> set[int]:
            rows = store._database.execute("SELECT seed FROM choices").fetchall()
            return {seed for (seed,) in rows}

        for kill in range(5):
            server.reset()
            before = samples()
            process = context.Process(target=_ask_until_killed, args=(server.url, tmp_path))
            process.start()
            until = time.monotonic() + 20
            while len(samples()) < len(before) + 60 + 37 * kill and time.monotonic() < until:
                time.sleep(0.01)
            process.kill()
            process.join()
            sent = [seen.fields for seen in server.requests()]
            asked = {body["seed"] + place for body in sent if "seed" in body for place in range(body.get("n", 1))}
            assert len(samples()) > len(before) > 0 or kill == 0
            assert asked & before == set()
    store.close()


# Ends


def test_an_engine_that_nobody_has_any_more_leaves_no_connection() -> None:
    """It is made for a part and dropped with it; its connections live in the loop of the inference layer."""
    with model_server() as server:
        config = EngineConfig(kind="openai", model="simulated", urls=[server.url])
        folder = Path("/proc/self/fd")

        def sockets() -> int:
            return sum("socket:" in str(link.readlink()) for link in folder.iterdir() if link.is_symlink())

        list(Inference(OpenAIEngine("reader", config, load_prompts(), len)).run([request("0?")]))
        gc.collect()
        counts: list[int] = []
        for number in range(4):
            reader = OpenAIEngine("reader", config, load_prompts(), len)
            list(Inference(reader).run([request(f"{number} {n}?") for n in range(5)]))
            del reader
            until = time.monotonic() + 2
            while sockets() > (counts[0] if counts else 0) and time.monotonic() < until and counts:
                time.sleep(0.01)
            time.sleep(0 if counts else 0.2)
            counts.append(sockets())
        assert max(counts) == counts[0]


def test_a_process_ends_without_a_word(tmp_path: Path) -> None:
    """Also with all warnings on: nothing is left unclosed that Python would complain of."""
    code = (
        "import sys\n"
        "from longhop.engines import Request\n"
        "from longhop.engines.openai import OpenAIEngine\n"
        "from longhop.inference import Inference\n"
        "from longhop.prompting import load_prompts\n"
        "from longhop.recipe import EngineConfig\n"
        "from pathlib import Path\n"
        "config = EngineConfig(kind='openai', model='simulated', urls=[sys.argv[1]])\n"
        "reader = OpenAIEngine('reader', config, load_prompts(), len, work=Path(sys.argv[2]))\n"
        "asked = [Request(prompt='answer', inputs={'context': '', 'question': f'{n}?'}, seed=n) for n in range(5)]\n"
        "print(len(list(Inference(reader).run(asked))))\n"
    )
    with model_server() as server:
        command = [sys.executable, "-W", "error", "-c", code, server.url, str(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "5\n", "")
