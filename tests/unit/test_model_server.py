"""The simulated model server: its endpoints, its time, its answers, and each thing that it can do wrong."""

import argparse
import asyncio
import functools
import inspect
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import aiohttp
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longhop.engines import Choice, Request
from longhop.engines.lexical import LexicalEngine
from longhop.markup import render_document
from longhop.prompting import load_prompts
from longhop.replies.answers import extract_answer, separate
from longhop.tokens import WordTokenizer
from tests.model_server import Faults, Script, Seen, Shape, Stats, ideal_seconds, model_server
from tests.model_server.app import serving
from tests.model_server.cache import BlockPool
from tests.model_server.lexical import LonghopPrompts
from tests.model_server.options import Kind, as_arguments, from_arguments
from tests.model_server.tokens import clip, count_tokens, read_prompt, token_ids

ROOT = Path(__file__).parents[2]
Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def messages(self) -> list[Json]:
        return [choice["message"] for choice in self.json["choices"]]

    @property
    def contents(self) -> list[str]:
        return [message["content"] for message in self.messages]

    @property
    def usage(self) -> Json:
        usage: Json = self.json["usage"]
        return usage

    @property
    def error(self) -> str:
        return str(self.json["error"]["message"])


@dataclass(frozen=True)
class Client:
    """Asks a server."""

    url: str
    session: aiohttp.ClientSession

    async def send(self, path: str, body: Any = None, **options: Any) -> Reply:
        address = self.url.removesuffix("/v1") + path
        if body is None:
            asked = self.session.get(address, **options)
        else:
            data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
            asked = self.session.post(address, data=data, **options)
        async with asked as response:
            return Reply(response.status, response.headers, await response.read())

    async def chat(self, text: str = "How many crowns?", **fields: Any) -> Reply:
        return await self.send("/v1/chat/completions", chat_body(text, **fields))

    async def stats(self) -> Stats:
        return msgspec.json.decode((await self.send("/admin/stats")).body, type=Stats)

    async def seen(self) -> list[Seen]:
        return msgspec.json.decode((await self.send("/admin/requests")).body, type=list[Seen])

    async def until(self, reached: Callable[[Stats], bool]) -> Stats:
        """The counts once something is so."""
        for _ in range(500):
            stats = await self.stats()
            if reached(stats):
                return stats
            await asyncio.sleep(0.01)
        raise AssertionError(stats)

    async def settled(self) -> Stats:
        """The counts once nothing is in flight."""
        return await self.until(lambda stats: not stats.in_flight)


def chat_body(text: str, **fields: Any) -> Json:
    return {"model": "simulated", "messages": [{"role": "user", "content": text}], **fields}


@asynccontextmanager
async def client_of(
    script: Script | None = None, shape: Shape | None = None, faults: Iterable[str] = (), **more: Any
) -> AsyncIterator[Client]:
    async with serving(script, shape, Faults.of(faults, **more)) as url, aiohttp.ClientSession() as session:
        yield Client(url, session)


def served(
    script: Script | None = None, shape: Shape | None = None, faults: Iterable[str] = (), **more: Any
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., None]]:
    """Gives a test a client of a server in this process as its first argument."""

    def wrap(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**arguments: Any) -> None:
            async def whole() -> None:
                async with client_of(script, shape, faults, **more) as client:
                    await test(client, **arguments)

            asyncio.run(whole())

        signature = inspect.signature(test)
        parameters = list(signature.parameters.values())[1:]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return wrap


def context(name: str, words: int) -> str:
    """A document of so many tokens."""
    return (
        f'<document title="{name}" kind="book">\n{" ".join(f"{name}{at}" for at in range(words - 17))}\n</document>\n\n'
    )


# Tokens and cache


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8")))
def test_tokens_are_the_words_that_longhop_counts(text: str) -> None:
    """Count, numbers and cuts agree with the recipe's tokenizer `words`, in any script."""
    tokens = re.findall(r"\w+|[^\w\s]", text)
    assert count_tokens(text) == len(tokens) == WordTokenizer().count(text)
    ids = token_ids(text)
    assert len(ids) == len(tokens)
    assert all(len({ids[at] for at, token in enumerate(tokens) if token == word}) == 1 for word in set(tokens))
    assert re.findall(r"\w+|[^\w\s]", clip(text, 3)) == tokens[:3]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ab", "cd", "é", "."]), max_size=40), st.integers(1, 7), st.integers(0, 39))
def test_blocks_cover_all_text_before_them(words: list[str], size: int, at: int) -> None:
    """There is one for each full block; another word changes its block and all behind it, and none before."""
    one = read_prompt(" ".join(words), size)
    assert one.n_tokens == len(words)
    assert len(one.blocks) == len(words) // size
    if at < len(words):
        other = read_prompt(" ".join([*words[:at], "xy", *words[at + 1 :]]), size)
        assert [a == b for a, b in zip(one.blocks, other.blocks, strict=True)] == [
            place < at // size for place in range(len(one.blocks))
        ]
        assert one.digest != other.digest


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(1, 6), st.integers(0, 3)), max_size=30))
def test_the_cache_keeps_beginnings_and_never_more_than_it_has(steps: list[tuple[bool, int, int, int]]) -> None:
    """Whatever is held and let go: what is held is there, what is found is a beginning, nothing is over the total."""
    pool = BlockPool(12)
    held: list[tuple[list[bytes], int]] = []
    for takes, name, length, extra in steps:
        blocks = [bytes([name, at]) for at in range(length)]
        if takes:
            there = [block for block in blocks if block in pool._held or block in pool._idle]
            hits = pool.hold(blocks, extra)
            if hits is not None:
                assert blocks[:hits] == there
                held.append((blocks, extra))
        elif held:
            least, nameless = held.pop(name % len(held))
            pool.release(least)
            pool.give_back(nameless)
        assert pool.used + len(pool._idle) <= pool.total
        assert set(pool._held) == {block for blocks, _ in held for block in blocks}
        assert pool.used == len(pool._held) + sum(extra for _, extra in held)


def test_the_least_recently_used_goes_first_and_of_a_prompt_its_end() -> None:
    """Two prompts fill the cache; what a third needs is taken from the end of the older one."""
    pool = BlockPool(4)
    for name in (b"a", b"b"):
        blocks = [name + b"1", name + b"2"]
        pool.hold(blocks, 0)
        pool.release(blocks)
    pool.hold([b"c1"], 0)
    assert list(pool._idle) == [b"a1", b"b2", b"b1"]


# Endpoints


@served(Script(model="m"), Shape(max_model_len=4096))
async def test_a_server_says_what_it_serves(client: Client) -> None:
    """The list of models has the window, as vLLM's has; health and version answer."""
    (model,) = (await client.send("/v1/models")).json["data"]
    assert (model["id"], model["max_model_len"]) == ("m", 4096)
    assert (await client.send("/health")).status == 200
    assert "version" in (await client.send("/version")).json


@served()
async def test_tokenize_counts_as_usage_does(client: Client) -> None:
    """Of messages it counts the template, too; of a prompt the text alone."""
    messages = chat_body("How many crowns?")["messages"]
    of_messages = (await client.send("/tokenize", {"model": "simulated", "messages": messages})).json
    assert of_messages["count"] == len(of_messages["tokens"]) == 6
    assert of_messages["count"] == (await client.chat()).usage["prompt_tokens"]
    of_text = (await client.send("/tokenize", {"model": "simulated", "prompt": "How many crowns?"})).json
    assert (of_text["count"], of_text["max_model_len"]) == (4, 262_144 * 16)
    assert (await client.send("/tokenize", {"model": "simulated"})).status == 400


@served(Script(key="secret"))
async def test_a_key_is_asked_for(client: Client) -> None:
    """Without it, 401 with an error as OpenAI's; metrics and health need none."""
    refused = await client.send("/v1/models")
    assert refused.status == 401
    assert refused.json["error"]["code"] == "invalid_api_key"
    assert (await client.chat()).status == 401
    assert (await client.send("/v1/models", headers={"Authorization": "Bearer secret"})).status == 200
    assert (await client.send("/metrics")).status == 200


@served(shape=Shape(max_model_len=20))
async def test_what_cannot_be_answered_is_refused_in_the_words_of_vllm(client: Client) -> None:
    """Unknown model, prompt over the window, answer over the rest of it, greedy samples, no JSON, wrong types."""
    unknown = await client.chat(model="other")
    assert (unknown.status, unknown.error) == (404, "The model `other` does not exist.")
    long = await client.chat("word " * 30)
    assert long.status == 400
    assert long.error.startswith("This model's maximum context length is 20 tokens. However, your request has 32 input")
    wide = await client.chat(max_tokens=15)
    assert "is too large: 15. This model's maximum context length is 20 tokens and your request has 6" in wide.error
    assert "greedy" in (await client.chat(n=2, temperature=0)).error
    for body in (b"{", b"[]", b'{"model": "simulated", "messages": []}'):
        assert (await client.send("/v1/chat/completions", body)).status == 400
    for fields in ({"n": 0}, {"temperature": 3}, {"max_tokens": "many"}, {"stream": True}):
        assert (await client.chat(**fields)).status == 400, fields
    assert (await client.stats()).served == 0


def test_fields_that_nobody_knows_are_passed_over_or_refused() -> None:
    """One like vLLM passes over what it does not know, one like OpenAI refuses it, and some of what others take."""

    async def work() -> None:
        async with client_of() as client:
            assert (await client.chat(top_k=5, seed=None)).status == 200
        async with client_of(Script(refuse_unknown=True, unsupported=("max_tokens",))) as client:
            assert (await client.chat(top_p=0.9, seed=1, stop=["x"])).status == 200
            assert (await client.chat(top_k=5)).json["error"]["code"] == "unknown_parameter"
            refused = await client.chat(max_tokens=5)
            assert (refused.status, refused.json["error"]["param"]) == (400, "max_tokens")
            assert (await client.chat(max_completion_tokens=5)).usage["completion_tokens"] == 5

    asyncio.run(work())


@served(Script(ignored=("n", "response_format", "usage")))
async def test_a_server_may_ignore_fields(client: Client) -> None:
    """One choice for eight, words for JSON, no usage."""
    reply = await client.chat(n=8, response_format={"type": "json_object"})
    assert len(reply.contents) == 1
    assert "Answer:" in reply.contents[0]
    assert "usage" not in reply.json


# Answers


def test_answers_are_a_function_of_messages_model_and_seed() -> None:
    """The same on another server; choice i of seed s is choice 0 of seed s + i; all else gives other answers."""

    async def answers(script: Script, text: str, **fields: Any) -> list[str]:
        async with client_of(script) as client:
            return (await client.chat(text, model=script.model, **fields)).contents

    async def work() -> None:
        first = await answers(Script(), "Who?", seed=7, n=4)
        assert len(set(first)) == 4
        assert await answers(Script(), "Who?", seed=7, n=4) == first
        assert await answers(Script(), "Who?", seed=9, n=2) == first[2:]
        others = [*await answers(Script(), "Whom?", seed=7), *await answers(Script(model="m"), "Who?", seed=7)]
        assert not set(others) & set(first)

    asyncio.run(work())


@served()
async def test_answers_end_where_they_are_told_to(client: Client) -> None:
    """At so many tokens, with `length`, and without content where the reasoning was cut; before a word that stops."""
    whole = await client.chat()
    thought, said = whole.messages[0]["reasoning_content"], whole.contents[0]
    spent = count_tokens(thought)
    assert whole.usage["completion_tokens"] == spent + count_tokens(said)
    for most, cut in ((spent - 1, None), (spent + 2, clip(said, 2))):
        reply = await client.chat(max_tokens=most)
        assert reply.json["choices"][0]["finish_reason"] == "length"
        assert reply.usage["completion_tokens"] == most
        assert reply.contents == [cut]
    stopped = await client.chat(stop=["Answer", "unheard of"])
    assert stopped.contents == [said.partition("Answer")[0]]
    assert stopped.json["choices"][0]["finish_reason"] == "stop"


@served()
async def test_structured_answers_follow_their_schema(client: Client) -> None:
    """The schema of longhop's questions, one of pydantic's with references, and any object."""

    class Step(msgspec.Struct):
        question: str
        evidence: list[Json]
        uses: list[int]

    class Written(msgspec.Struct):
        kind: str
        steps: list[Step]
        aliases: list[str]

    async def answered(schema: Any, **fields: Any) -> bytes:
        asked = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
        return str((await client.chat(response_format=asked, **fields)).contents[0]).encode()

    schema = load_prompts()["write_questions"].schema
    for seed in range(5):
        assert msgspec.json.decode(await answered(schema, seed=seed), type=dict[str, list[Written]])["questions"]
    tree = {
        "$defs": {"Kind": {"enum": ["a", "b"]}, "Age": {"type": "integer", "minimum": 18, "maximum": 19}},
        "properties": {
            "kind": {"$ref": "#/$defs/Kind"},
            "age": {"anyOf": [{"$ref": "#/$defs/Age"}, {"type": "null"}]},
            "share": {"type": ["number", "null"], "maximum": 1},
            "none": {"type": "null"},
            "is": {"const": 7},
        },
    }
    reply = json.loads(await answered(tree))
    assert (reply["kind"] in "ab", reply["age"] in (18, 19), reply["none"], reply["is"]) == (True, True, None, 7)
    assert 0 <= reply["share"] <= 1
    assert (await client.chat(response_format={"type": "json_object"})).contents == ["{}"]


@pytest.mark.parametrize("style", ["reasoning_content", "reasoning", "think", "think_unopened", "none"])
def test_reasoning_comes_in_every_form(style: Any) -> None:
    """In a field or in tags; longhop's stages find the answer behind it, and the reasoning in both."""

    async def work() -> None:
        async with client_of(Script(reasoning=style)) as client:
            (message,) = (await client.chat()).messages
            choice = Choice(content=message["content"], reasoning=message.get(style) or "")
            reasoning, content = separate(choice)
            assert bool(reasoning) == (style != "none")
            assert extract_answer(content)
            assert ("<think>" in message["content"], "</think>" in message["content"]) == (
                style == "think",
                style.startswith("think"),
            )

    asyncio.run(work())


# Time


@served(shape=Shape(slots=2, prefill_rate=1000, decode_rate=100, time_scale=0.01, overhead=1))
async def test_time_follows_from_tokens(client: Client) -> None:
    """A slot is busy for the prefill of what is not cached, and for each token of the answer; overhead takes none."""
    first = await client.chat("word " * 998, max_tokens=50)
    assert (first.usage["prompt_tokens"], first.usage["completion_tokens"]) == (
        1000,
        first.usage["total_tokens"] - 1000,
    )
    spent = 1.0 + first.usage["completion_tokens"] / 100
    assert (await client.stats()).busy_seconds == pytest.approx(spent)
    again = await client.chat("word " * 998, max_tokens=50)
    cached = 16 * (999 // 16)
    assert again.usage["prompt_tokens_details"]["cached_tokens"] == cached
    stats = await client.stats()
    assert stats.busy_seconds - spent == pytest.approx((1000 - cached) / 1000 + again.usage["completion_tokens"] / 100)
    assert stats.wall_seconds > stats.busy_seconds  # the overhead of the second lies between


@served(shape=Shape(slots=3, service_mean=1.0, service_sigma=0.5, time_scale=0.05))
async def test_a_line_forms_before_the_slots(client: Client) -> None:
    """No more than there are slots run at a time, and no slot is idle while some wait."""
    work = asyncio.gather(*(client.chat(f"Question {number}") for number in range(20)))
    await client.until(lambda stats: stats.waiting == 17)
    metrics = (await client.send("/metrics")).body.decode()
    assert 'vllm:num_requests_running{engine="0",model_name="simulated"} 3.0' in metrics
    assert 'vllm:num_requests_waiting{engine="0",model_name="simulated"} 17.0' in metrics
    await work
    stats = await client.stats()
    assert (stats.max_in_flight, stats.max_running, stats.running, stats.waiting) == (20, 3, 0, 0)
    assert stats.wall_seconds == pytest.approx(stats.ideal_seconds, rel=0.2)


@served(shape=Shape(slots=1, decode_rate=50, time_scale=0.02))
async def test_who_comes_first_is_served_first(client: Client) -> None:
    """With one slot replies come in the order in which requests came."""
    order = []

    async def ask(seed: int) -> None:
        await client.chat(seed=seed)
        order.append(seed)

    await asyncio.gather(*map(ask, range(8)))
    assert order == [seen.fields["seed"] for seen in await client.seen()]


@served(shape=Shape(slots=2, prefill_rate=1000, time_scale=0.1))
async def test_prompts_are_prefilled_one_after_the_other(client: Client) -> None:
    """Two prompts of a second each take a second and two, side by side in their slots."""
    await asyncio.gather(*(client.chat(f"{name} " * 998) for name in "ab"))
    stats = await client.stats()
    assert stats.wall_seconds == pytest.approx(2.0)
    assert stats.busy_seconds == pytest.approx(3.0, abs=0.8)  # the second came a little later


@served(shape=Shape(prefill_rate=100, decode_rate=10, time_scale=0.002, block_size=4))
async def test_the_samples_of_a_request_share_its_prefill(client: Client) -> None:
    """Eight sequences, one prefill; vLLM's counters say that the seven others hit."""
    reply = await client.chat("word " * 198, n=8)
    stats = await client.stats()
    assert (stats.prompt_tokens, stats.prefilled_tokens, stats.max_running) == (200, 200, 8)
    tokens = reply.usage["completion_tokens"]
    assert tokens == sum(map(len, map(str.split, contents_of(reply)))) + 8 * 2  # a full stop and a colon each
    assert stats.busy_seconds == pytest.approx(8 * 2.0 + tokens / 10)
    assert (stats.prefix_queries, stats.prefix_hits) == (1600, 1400)


def contents_of(reply: Reply) -> list[str]:
    """Reasoning and content of each choice as one text."""
    return [f"{message['reasoning_content']} {message['content']}" for message in reply.messages]


@served(shape=Shape(prefill_rate=10_000, time_scale=0.002))
async def test_a_context_is_prefilled_once_for_all_its_questions(client: Client) -> None:
    """Also where they come at the same time: who comes second waits for the first and finds it there."""
    for name in ("a", "b"):
        await asyncio.gather(*(client.chat(context(name, 1600) + f"Question {number}?") for number in range(6)))
    stats = await client.stats()
    assert [(each.requests, each.prefills, each.tokens) for each in stats.contexts.values()] == [(6, 1, 1600)] * 2
    assert stats.prefilled_tokens < 2 * 1600 + 12 * 32
    assert stats.prefilled_tokens + stats.cached_tokens == stats.prompt_tokens
    assert {seen.context for seen in await client.seen()} == set(stats.contexts)


@served(shape=Shape(blocks=250))
async def test_a_full_cache_forgets_the_context_used_longest_ago(client: Client) -> None:
    """Two contexts of 100 blocks fit, three do not: in turns each is prefilled again, side by side none is."""
    for name in "aabbcabc":
        await client.chat(context(name, 1600) + "Question?", max_tokens=10)
    stats = await client.stats()
    assert [each.prefills for each in stats.contexts.values()] == [2, 2, 2]
    assert stats.evicted_blocks > 200
    metrics = (await client.send("/metrics")).body.decode()
    assert 'block_size="16"' in metrics
    assert 'num_gpu_blocks="250"' in metrics


@served(shape=Shape(slots=8, blocks=250, decode_rate=10, time_scale=0.1))
async def test_who_finds_no_room_in_the_cache_waits(client: Client) -> None:
    """Of three contexts two are held at a time, though slots are free."""
    await asyncio.gather(*(client.chat(context(name, 1600), max_tokens=20) for name in "abc"))
    stats = await client.stats()
    assert (stats.max_running, stats.max_waiting, stats.served) == (2, 1, 3)


@served(shape=Shape(prefix_caching=False))
async def test_a_server_without_a_prefix_cache_hits_nothing(client: Client) -> None:
    """Nothing is cached, and it says so."""
    for _ in range(2):
        reply = await client.chat("word " * 100)
    assert reply.usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert 'enable_prefix_caching="False"' in (await client.send("/metrics")).body.decode()


@served(shape=Shape(slots=500, service_mean=0.5, time_scale=0.001))
async def test_drawn_times_have_their_mean_and_are_the_same_again(client: Client) -> None:
    """Of 1,500 sequences the mean is near; the same requests take as long once more."""

    async def busy() -> float:
        await asyncio.gather(*(client.chat(f"Question {number}", n=100, seed=number) for number in range(15)))
        stats = await client.stats()
        await client.send("/admin/reset", {})
        assert stats.ideal_seconds >= stats.busy_seconds / 500
        return stats.busy_seconds

    once = await busy()
    assert once / 1500 == pytest.approx(0.5, rel=0.15)
    assert await busy() == pytest.approx(once)


def test_the_ideal_schedule() -> None:
    """Each sequence in turn takes the slot that is free first."""
    assert ideal_seconds([3, 1, 1, 1], slots=2) == 3
    assert ideal_seconds([1, 1, 1, 3], slots=2) == 4
    assert ideal_seconds([], slots=2) == 0


@served(shape=Shape(slots=1, service_mean=30, time_scale=1))
async def test_who_goes_away_frees_a_slot(client: Client) -> None:
    """A client that gives up is served no longer, in a slot or in line."""
    for _ in range(2):
        asked = [asyncio.create_task(client.chat(f"Question {number}")) for number in range(2)]
        await client.until(lambda stats: (stats.running, stats.waiting) == (1, 1))
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        stats = await client.settled()
        assert (stats.running, stats.waiting, stats.kv_cache_usage) == (0, 0, 0)
    assert stats.given_up == 4


@served(shape=Shape(block_size=128))
async def test_prompts_of_a_million_tokens_are_no_trouble(client: Client) -> None:
    """Megabytes are taken, counted and found in the cache."""
    text = context("w", 1_000_000)
    first, second = [await client.chat(f"{text}Question {number}?", n=8) for number in range(2)]
    assert first.usage["prompt_tokens"] == 1_000_005
    assert second.usage["prompt_tokens_details"]["cached_tokens"] == 1_000_000 // 128 * 128


@served()
async def test_metrics_have_the_form_and_names_of_vllm(client: Client) -> None:
    """Every line is a comment or a name with labels and a number."""
    await client.chat("word " * 30)
    await client.chat("word " * 30)
    text = (await client.send("/metrics")).body.decode()
    values = dict(re.findall(r"^(vllm:\w+)\{[^}]*\} ([\d.]+)$", text, re.MULTILINE))
    assert set(values) == {
        f"vllm:{name}"
        for name in (
            "cache_config_info num_requests_running num_requests_waiting kv_cache_usage_perc "
            "prefix_cache_queries_total prefix_cache_hits_total prompt_tokens_total generation_tokens_total"
        ).split()
    }
    assert len(values) == sum(not line.startswith("#") for line in text.splitlines())
    assert (float(values["vllm:prefix_cache_queries_total"]), float(values["vllm:prefix_cache_hits_total"])) == (64, 16)


# Faults


@served(faults=["429:1:1"], retry_after=0.25)
async def test_a_server_that_is_asked_too_much_says_when_to_come_back(client: Client) -> None:
    """429 with Retry-After; who asks again gets through."""
    refused = await client.chat()
    assert (refused.status, refused.headers["Retry-After"]) == (429, "0.25")
    assert refused.json["error"]["code"] == "rate_limit_exceeded"
    assert (await client.chat()).status == 200


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_fails_says_so(status: int) -> None:
    """As often as it is told to: here twice."""

    async def work() -> None:
        async with client_of(faults=[f"{status}:1:2"]) as client:
            assert [(await client.chat()).status for _ in range(3)] == [status, status, 200]
            stats = await client.stats()
            assert (stats.faults, stats.statuses) == ({str(status): 2}, {str(status): 2, "200": 1})

    asyncio.run(work())


@served(faults=["reset:1:1"])
async def test_a_connection_may_be_reset(client: Client) -> None:
    """The client sees no reply at all."""
    with pytest.raises(aiohttp.ClientOSError):
        await client.chat()
    assert (await client.chat()).status == 200
    assert (await client.stats()).statuses == {"none": 1, "200": 1}


@served(faults=["hang:1:1"])
async def test_a_server_may_hang_until_the_client_gives_up(client: Client) -> None:
    """Nothing comes; then the request is gone from the server, too."""
    with pytest.raises(TimeoutError):
        await client.send("/v1/chat/completions", chat_body("Hi"), timeout=aiohttp.ClientTimeout(total=0.3))
    assert (await client.settled()).given_up == 1
    assert (await client.chat("Hi")).status == 200


@served(faults=["drip:1:1"], drip_seconds=0.3)
async def test_a_body_may_come_in_drips(client: Client) -> None:
    """It is whole in the end, and takes its time."""
    begun = time.monotonic()
    assert (await client.chat()).contents
    assert time.monotonic() - begun >= 0.3


@served(faults=["dropped:1:1"])
async def test_a_connection_may_end_in_the_middle_of_the_body(client: Client) -> None:
    """The client has read a part and waits for more."""
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.chat()
    assert (await client.stats()).faults == {"dropped": 1}
    assert (await client.chat()).status == 200


@served(faults=["truncated:1:1"])
async def test_a_body_may_be_json_that_ends_too_soon(client: Client) -> None:
    """A whole body for HTTP, status 200."""
    reply = await client.chat()
    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = reply.json


@served(faults=["html:1:1"])
async def test_a_network_may_answer_in_place_of_the_server(client: Client) -> None:
    """A page with status 200."""
    reply = await client.chat()
    assert (reply.status, reply.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert b"<html>" in reply.body


def test_choices_may_be_missing() -> None:
    """None of eight, four of eight; with one asked for `fewer` does nothing."""

    async def work() -> None:
        async with client_of(faults=["empty:1:1"]) as client:
            assert len((await client.chat(n=8)).contents) == 0
        async with client_of(faults=["fewer:1:1"]) as client:
            assert [len((await client.chat(n=8)).contents) for _ in range(2)] == [4, 8]
            assert len((await client.chat(n=1)).contents) == 1
            assert (await client.stats()).faults == {"fewer": 1}

    asyncio.run(work())


@served(faults=["equal:1:1"])
async def test_all_choices_may_be_the_same(client: Client) -> None:
    """As of a server that seeds them all alike: eight times the first."""
    equal, whole = [(await client.chat(n=8, seed=3)).contents for _ in range(2)]
    assert equal == [whole[0]] * 8
    assert len(set(whole)) == 8


@served(faults=["malformed:1:1"])
async def test_json_in_a_content_may_break_off(client: Client) -> None:
    """The reply is well-formed and says `stop`; what the model wrote is not."""
    schema = load_prompts()["judge"].schema
    asked: Json = {"response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": schema}}}
    broken, whole = [await client.chat(**asked) for _ in range(2)]
    assert broken.json["choices"][0]["finish_reason"] == "stop"
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken.contents[0])
    assert json.loads(whole.contents[0])["equal"] in (True, False)


@served(faults=["cut:1:inf"])
async def test_a_prompt_may_be_cut_without_a_word(client: Client) -> None:
    """Status 200; only usage says that half of it was read."""
    assert [(await client.chat("word " * 98)).usage["prompt_tokens"] for _ in range(5)] == [50] * 5


@served(faults=["refused:0.5"])
async def test_a_prompt_may_be_refused_for_good(client: Client) -> None:
    """About half of the prompts are, each at every attempt and with whatever seed."""
    first = [await client.chat(f"Question {number}") for number in range(40)]
    again = [await client.chat(f"Question {number}", seed=5, n=2) for number in range(40)]
    assert [reply.status for reply in first] == [reply.status for reply in again]
    refused = [reply for reply in first if reply.status == 400]
    assert 10 < len(refused) < 30
    assert "content management policy" in refused[0].error
    assert refused[0].json["error"]["code"] == "content_filter"


@served(faults=["429:0.2", "500:0.1"])
async def test_faults_are_a_function_of_body_and_attempt(client: Client) -> None:
    """Of first attempts they take their share, the same on another server; three times at most they hit one body."""

    async def statuses(asked: Client) -> list[int]:
        return [(await asked.chat(f"Question {number}")).status for number in range(200)]

    first = await statuses(client)
    counted = Counter(first)
    assert 25 < counted[429] < 55
    assert 10 < counted[500] < 30
    second = await statuses(client)
    assert second != first
    assert 0 < sum(one != 200 != two for one, two in zip(first, second, strict=True)) < 40
    await statuses(client)
    assert set(await statuses(client)) == {200}
    async with client_of(faults=["429:0.2", "500:0.1"]) as other:
        assert await statuses(other) == first
    async with client_of(faults=["429:0.2", "500:0.1"], seed=1) as other:
        assert await statuses(other) != first


@served()
async def test_faults_can_be_changed_while_it_runs(client: Client) -> None:
    """What is posted takes the place of what was; nonsense is refused."""
    assert (await client.chat()).status == 200
    await client.send("/admin/faults", {"faults": ["503:1"], "seed": 4})
    assert (await client.chat()).status == 503
    assert (await client.send("/admin/faults", {"faults": ["fire:1"]})).status == 400
    await client.send("/admin/faults", {})
    assert (await client.chat()).status == 200


@served()
async def test_what_was_sent_can_be_looked_at(client: Client) -> None:
    """Fields without messages, headers without the key, the attempt, what became of it; a reset forgets it."""
    headers = {"Authorization": "Bearer secret", "X-Route": "7"}
    for _ in range(2):
        await client.send("/v1/chat/completions", chat_body("Hi", seed=3, min_p=0.1), headers=headers)
    first, second = await client.seen()
    assert (first.attempt, second.attempt, second.status) == (1, 2, "200")
    assert second.fields == {"model": "simulated", "seed": 3, "min_p": 0.1}
    assert second.headers["x-route"] == "7"
    assert "secret" not in str(second)
    await client.send("/admin/reset", {})
    assert await client.seen() == []
    assert (await client.stats()).requests == 0


def test_every_fault_has_a_short_form() -> None:
    """KIND:PROBABILITY[:ATTEMPTS]; anything else is said to be wrong."""
    for kind in get_args(Kind):
        assert Faults.of([f"{kind}:0.5"]).faults[0].kind == kind
    for text in ("429", "fire:1", "429:x", "429:1:2:3"):
        with pytest.raises(ValueError, match=r"expected KIND|could not convert"):
            Faults.of([text])


# The process


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def post(url: str, body: Json) -> Json:
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())  # noqa: S310 - ours
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as reply:
        answer: Json = json.load(reply)
    return answer


def test_a_server_in_a_process_is_there_for_a_block_and_gone_after_it() -> None:
    """With its options, counts, and faults that change; another can take its port."""
    script, shape = Script(model="m", reasoning="think", unsupported=("top_k", "user")), Shape(slots=3, block_size=8)
    assert len(as_arguments(script)) + len(as_arguments(shape)) == 6
    faults = Faults.of(["500:1:1", "refused:0:inf"], seed=3, retry_after=0.5)
    assert len(as_arguments(faults)) == 4
    with model_server(script, shape, faults) as server:
        body = {**chat_body("Hi"), "model": "m"}
        with pytest.raises(urllib.error.HTTPError, match="500"):
            post(server.url, body)
        assert post(server.url, body)["choices"][0]["message"]["content"].startswith("<think>")
        assert server.stats().statuses == {"500": 1, "200": 1}
        server.set_faults("503:1")
        with pytest.raises(urllib.error.HTTPError, match="503"):
            post(server.url, body)
        server.set_faults()
        with pytest.raises(urllib.error.HTTPError, match="400"):
            post(server.url, {**body, "user": "u"})
        assert [seen.status for seen in server.requests()] == ["500", "200", "503", "400"]
        server.reset()
        assert server.stats() == Stats()
    assert server.process.returncode == 0
    assert not is_alive(server.process.pid)
    with model_server(port=server.port) as again:
        assert again.url == server.url
        again.kill()
        with pytest.raises(urllib.error.URLError):
            post(again.url, chat_body("Hi"))


def test_a_server_may_die() -> None:
    """After two requests its process ends at the third, without a word."""
    with model_server(faults=["death:2"]) as server:
        for _ in range(2):
            post(server.url, chat_body("Hi"))
        with pytest.raises((ConnectionError, urllib.error.URLError)):
            post(server.url, chat_body("Hi"))
        assert server.process.wait(10) == 1


def test_a_server_ends_with_who_started_it() -> None:
    """Also when that is killed: a pipe closes."""
    starter = (
        "import time\nfrom tests.model_server import model_server\n"
        "with model_server() as server:\n    print(server.process.pid, flush=True)\n    time.sleep(60)"
    )
    command = [sys.executable, "-c", starter]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout
        server = int(process.stdout.readline())
        assert is_alive(server)
        process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while is_alive(server) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_alive(server)


def test_a_command_that_is_wrong_says_what() -> None:
    """A fault that there is not, an option that is none of those that may be, a window that the cache does not hold."""
    command = [sys.executable, "-m", "tests.model_server", "--fault=fire:1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode != 0
    assert "fire:1: expected KIND" in done.stderr
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'loud'"):
        from_arguments(argparse.Namespace(reasoning="loud"), Script)
    with pytest.raises(msgspec.ValidationError, match="does not fit into 2 blocks of 16"):
        from_arguments(argparse.Namespace(blocks="2", max_model_len="100"), Shape)


# The lexical engine behind it

STORY = "The Pilot\n\nInes Halvorsen memorised every rock of the sound by tasting the mud on the lead. It was winter.\n"
LEDGER = "The Ledger\n\nInes Halvorsen paid 340 crowns into the chest. Marta Quill paid 415 crowns into the chest.\n"
DOCUMENTS = [('A "pilot" & more', "book", STORY), ("Ledger", "book", LEDGER)]
CONTEXT = "".join(render_document(title, kind, text.strip()) for title, kind, text in DOCUMENTS)
QUESTION = "The person who memorised every rock of the sound by tasting mud paid how many crowns into the chest?"


def written(count: int, **wanted: int) -> Json:
    documents = [
        {"number": number, "title": title, "kind": kind, "text": text.strip()}
        for number, (title, kind, text) in enumerate(DOCUMENTS, 1)
    ]
    chain = {"min_documents": 2, "least_steps": 2, "most_steps": 4}
    return {"context": CONTEXT, "documents": documents, "count": count, "wanted": wanted, "kinds": wanted, **chain}


@pytest.mark.parametrize(
    ("prompt", "inputs"),
    [
        ("write_questions", written(3, bridge=2, comparison=1)),
        ("write_questions", written(1, bridge=1)),
        ("write_questions", {**written(1, bridge=1), "reply": "It is hard.", "problem": "no JSON"}),
        ("answer", {"context": CONTEXT, "question": QUESTION}),
        ("answer", {"context": CONTEXT, "question": "Question: what?\n\nQuestion: which?"}),
        ("answer", {"context": "", "question": QUESTION}),
        ("answer", {"context": CONTEXT, "question": QUESTION, "reasoning": "prompted"}),
        ("judge", {"question": QUESTION, "reference": "340", "answer": "340 crowns"}),
        ("judge", {"question": "Which?\n\nReference answer: none", "reference": "340\n", "answer": "341"}),
        ("compare", {"question": QUESTION, "first": "Ines Halvorsen", "second": "ines halvorsen"}),
    ],
)
@served(Script(answers="lexical"))
async def test_longhop_s_prompts_are_answered_as_the_lexical_engine_does(
    client: Client, prompt: str, inputs: Json
) -> None:
    """Rendered, sent, read back and answered: the same contents and, where there are any, the same reasons."""
    request = Request(prompt=prompt, inputs=inputs, seed=11, samples=3, sampling={"temperature": 0.7})
    messages = load_prompts().render(prompt, inputs)
    reply = await client.chat(messages=messages, seed=11, n=3, temperature=0.7)
    expected = (await LexicalEngine().complete(request)).choices
    assert reply.contents == [choice.content for choice in expected]
    reasons = [message["reasoning_content"] for message in reply.messages]
    assert all(reasons)
    if prompt == "answer":
        assert reasons == [choice.reasoning for choice in expected]


def test_inputs_are_read_back_out_of_what_was_rendered() -> None:
    """Documents with their titles, what is wanted, context and question."""
    inputs = written(3, bridge=2, comparison=1)
    name, found = LonghopPrompts().inputs(load_prompts().render("write_questions", inputs)[-1]["content"]) or ("", {})
    assert (name, found) == ("write_questions", {key: inputs[key] for key in found})
    assert set(found) == {"documents", "count", "wanted", "kinds"}
    assert LonghopPrompts().inputs("Good day") is None


@served(Script(answers="lexical"))
async def test_whoever_asks_for_better_json_gets_the_same_again(client: Client) -> None:
    """In a talk of several turns the first prompt of longhop's counts; what is none of them is answered by words."""
    messages: list[Json] = [*load_prompts().render("judge", {"question": "q", "reference": "1", "answer": "2"})]
    messages += [{"role": "assistant", "content": "no"}, {"role": "user", "content": "That was no JSON."}]
    assert (await client.chat(messages=messages)).contents == ['{"equal":false}']
    assert "Answer: " in (await client.chat("Good day")).contents[0]


@served(Script(answers="lexical"))
async def test_what_the_lexical_engine_refuses_is_a_bad_request(client: Client) -> None:
    """In its words."""
    reply = await client.chat(messages=load_prompts().render("write_questions", written(2, contradiction=2)))
    assert reply.status == 400
    assert "asked for contradiction" in reply.error


@served(Script(answers="lexical", reasoning="none"))
async def test_a_model_that_does_not_reason_explains_itself_before_the_answer(client: Client) -> None:
    """The steps stand in the content, and the last line states the answer; JSON comes alone."""
    messages = load_prompts().render("answer", {"context": CONTEXT, "question": QUESTION})
    replies = (await client.chat(messages=messages, n=5)).contents
    stated = Counter(extract_answer(content) for content in replies if "crowns" in content)
    assert stated.most_common(1)[0][0] == "340"
    messages = load_prompts().render("judge", {"question": "q", "reference": "1", "answer": "2"})
    assert (await client.chat(messages=messages)).contents == ['{"equal":false}']
