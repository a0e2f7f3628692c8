"""Servers of real vLLM that longhop starts, keeps and ends: what the engines build on."""

import json
import os
import re
import signal
import urllib.request
from pathlib import Path

import msgspec
import openai
import pytest
from openai.types.chat import ChatCompletion

from longhop.errors import EngineError
from longhop.serving import Servers, ServerSpec, lease
from longhop.serving.places import Places
from tests.vllm.conftest import NAME, WINDOW
from tests.vllm.processes import alive, supervised, title, wait_for

pytestmark = pytest.mark.timeout(900)  # a server that starts on a busy machine

CONTEXT = "The ship sailed at dawn with a cargo of barley for the islands. " * 20
VERDICT = {
    "type": "object",
    "properties": {"equal": {"type": "boolean"}, "why": {"enum": ["same number", "same word"]}},
    "required": ["equal", "why"],
    "additionalProperties": False,
}


def ask(url: str, text: str, *, seed: int, n: int = 1, max_tokens: int = 24) -> ChatCompletion:
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=120)
    with client:
        return client.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": text}],
            n=n,
            seed=seed,
            temperature=1.0,
            max_tokens=max_tokens,
        )


def contents(completion: ChatCompletion) -> list[str | None]:
    return [choice.message.content for choice in completion.choices]


def cached(url: str) -> tuple[float, float]:
    """Tokens that the prefix cache was asked for, and that it had."""
    with urllib.request.urlopen(url.replace("/v1", "/metrics"), timeout=60) as reply:  # noqa: S310 - our own server
        text = reply.read().decode()
    asked, had = (
        sum(map(float, re.findall(rf"^vllm:prefix_cache_{name}_total\{{.*\}} (\S+)$", text, re.MULTILINE)))
        for name in ("queries", "hits")
    )
    return asked, had


def test_each_replica_has_its_address_and_serves_the_model(servers: Servers) -> None:
    """Both answer, under the name and with the window that were asked for."""
    assert len(set(servers.urls)) == 2
    assert servers.check() == servers.urls
    for url in servers.urls:
        with openai.OpenAI(base_url=url, api_key="none") as client:
            [model] = client.models.list().data
        assert model.id == servers.model == "tiny"
        assert model.model_dump()["max_model_len"] == WINDOW


def test_eight_samples_of_one_request_have_seeds_of_their_own(servers: Servers) -> None:
    """The same request gives the same eight, on either replica; sample i is what seed + i gives alone."""
    eight = ask(servers.urls[0], CONTEXT, seed=100, n=8)
    assert len(set(contents(eight))) == 8
    assert [choice.index for choice in eight.choices] == list(range(8))
    assert contents(ask(servers.urls[0], CONTEXT, seed=100, n=8)) == contents(eight)
    assert contents(ask(servers.urls[1], CONTEXT, seed=100, n=8)) == contents(eight)
    assert contents(ask(servers.urls[0], CONTEXT, seed=103)) == [contents(eight)[3]]
    assert eight.usage is not None
    assert eight.usage.completion_tokens <= 8 * 24 < eight.usage.prompt_tokens


def test_a_schema_makes_even_noise_valid(servers: Servers) -> None:
    """`response_format` with a JSON schema is obeyed."""
    with openai.OpenAI(base_url=servers.urls[0], api_key="none", max_retries=0) as client:
        completion = client.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": "Are fourteen and 14 equal?"}],
            seed=3,
            max_tokens=400,
            response_format={"type": "json_schema", "json_schema": {"name": "verdict", "schema": VERDICT}},
        )
    assert completion.choices[0].finish_reason == "stop"
    reply = json.loads(completion.choices[0].message.content or "")
    assert isinstance(reply["equal"], bool)
    assert set(reply) == {"equal", "why"}


def test_a_context_is_computed_once_where_it_was_before(servers: Servers) -> None:
    """The second question of a context finds it in the cache of the replica that had the first, and of no other."""
    context = f"Of another harbour. {CONTEXT}"
    for url, expected in zip(servers.urls, (0.8, 0.0), strict=True):
        if expected:
            ask(url, f"{context} When did it sail?", seed=1)
        asked, had = cached(url)
        ask(url, f"{context} What was its cargo?", seed=2)
        asked_after, had_after = cached(url)
        assert (had_after - had) / (asked_after - asked) >= expected
        assert expected or had_after == had


def test_a_prompt_that_is_too_long_is_refused_with_the_window(servers: Servers) -> None:
    """So is an answer that would not fit; neither disturbs the server."""
    with pytest.raises(openai.BadRequestError, match=f"maximum context length is {WINDOW} tokens"):
        ask(servers.urls[0], CONTEXT * 50, seed=1)
    with pytest.raises(openai.BadRequestError, match="max_tokens"):
        ask(servers.urls[0], "short", seed=1, max_tokens=WINDOW + 1)
    assert servers.check() == servers.urls


def test_a_server_whose_engine_dies_is_started_again(servers: Servers, work: Path) -> None:
    """Its engine is killed: the other replica goes on, and the address comes back."""
    address = Places(work).address()
    assert address is not None
    before = supervised(address.pid)
    [victim, *_] = [pid for pid, words in before.items() if words.startswith("VLLM::EngineCore")]
    os.kill(victim, signal.SIGKILL)
    up = wait_for(lambda: len(found := servers.check()) < 2 and found, 60)
    assert len(up) == 1
    assert contents(ask(up[0], CONTEXT, seed=5))
    assert wait_for(lambda: servers.check() == servers.urls, 600)
    for url in servers.urls:
        assert contents(ask(url, CONTEXT, seed=5)) == contents(ask(up[0], CONTEXT, seed=5))
    replaced = set(before) - set(supervised(address.pid))
    assert len(replaced) >= 3, "guard, server and engine, whatever they had started"
    assert not [title(pid) for pid in replaced if alive(pid)]


def test_a_window_that_the_model_does_not_have_is_said(spec: ServerSpec, work: Path) -> None:
    """In vLLM's own words, with what to do and where its log lies; the replicas that run are not disturbed."""
    args = tuple("longer" if arg == NAME else arg for arg in spec.args)
    longer = msgspec.structs.replace(spec, args=args, replicas=1, max_model_len=200_000)
    with pytest.raises(EngineError) as raised, lease(longer, work):
        pass
    said = str(raised.value)
    assert "vLLM for longer did not start" in said
    assert "User-specified max_model_len (200000) is greater than the derived max_model_len" in said
    assert "take shorter contexts or another model" in said
    assert f"{work}/servers/longer-{longer.key[:8]}-0.log" in said
