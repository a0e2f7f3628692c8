"""The probe: what servers are is found out before anything is paid for, and what is wrong with them said."""

import asyncio
import socket
from typing import Any

import pytest

from longhop.engines import probe as module
from longhop.engines import roles
from longhop.engines.probe import TargetFacts, probe
from longhop.errors import EngineError
from longhop.recipe import EngineConfig, Recipe
from tests.model_server import Script, Shape
from tests.model_server.app import serving
from tests.replying import MODEL, Reply, in_loop, reply, replying

SECRET = "sk-very-secret-key-0123456789"  # noqa: S105 - made up


def config(*urls: str, **settings: Any) -> EngineConfig:
    return EngineConfig(kind="openai", urls=list(urls), **{"model": MODEL, **settings})


async def asked(*pages: dict[str, Reply], chat: Reply | None = None, **settings: Any) -> dict[str, TargetFacts] | str:
    """What comes of servers with these pages: facts by number, or the error without addresses."""
    urls: list[str] = []

    async def start(rest: tuple[dict[str, Reply], ...]) -> dict[str, TargetFacts]:
        if not rest:
            return await probe("reader", config(*urls, **settings), {"KEY": SECRET})
        async with replying(lambda _: chat or reply("a"), rest[0]) as server:
            urls.append(server.url)
            return await start(rest[1:])

    try:
        facts = await start(pages)
    except EngineError as error:
        said = str(error)
        for number, url in enumerate(urls):
            said = said.replace(url, f"URL{number}")
        return said
    return {f"URL{urls.index(url)}": fact for url, fact in facts.items()}


def listing(*names: str, **more: Any) -> dict[str, Reply]:
    """A list of models."""
    return {"/v1/models": Reply({"data": [{"id": name, **more} for name in names]})}


@in_loop
async def test_what_a_vllm_server_says_of_itself() -> None:
    """Model, window, version, and how many tokens its prefix cache holds."""
    shape = Shape(blocks=1000, block_size=16, max_model_len=8000)
    async with serving(Script(model="org/model"), shape) as url:
        facts = await probe("reader", config(f"{url}/", model="org/model"), {})
    assert facts == {
        url: TargetFacts(window=8000, version="0.11.0", root="org/model", cache_tokens=16_000, shares_prefixes=True)
    }


@in_loop
async def test_a_server_that_caches_nothing_shares_no_prefixes() -> None:
    """Its contexts need not be computed before their questions."""
    async with serving(Script(model=MODEL), Shape(prefix_caching=False)) as url:
        (fact,) = (await probe("reader", config(url), {})).values()
    assert not fact.shares_prefixes


@pytest.mark.parametrize(
    "models",
    [
        Reply({"detail": "Not Found"}, 404),
        Reply({"detail": "Rate limit"}, 429),
        Reply({"models": []}),
        Reply({"data": []}),
        Reply([]),
        Reply({"data": [{"id": MODEL, "max_model_len": "many"}]}),
    ],
)
def test_a_server_without_such_a_list_is_taken_as_it_is(models: Reply) -> None:
    """Many have none, or another."""
    assert asyncio.run(asked({"/v1/models": models})) == {"URL0": TargetFacts()}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply({}, 401), "URL0: HTTP 401: the key is refused; set KEY to a key that is valid there"),
        (Reply({}, 403), "URL0: HTTP 403: the key is refused"),
        (Reply([{"error": {"message": "API key not valid."}}], 400), "URL0: HTTP 400: the key is refused"),
        (
            Reply(b"<html> <b>Sign\nin</b> </html>"),
            "what is no JSON (<html> <b>Sign in</b> </html>); `urls` has addresses",
        ),
        (Reply(b""), "what is no JSON (nothing)"),
        (Reply({"data": [{"id": "one"}, {"id": "two"}]}), f"reader.model: URL0 has no model {MODEL}; it has one, two"),
        (Reply(b"x" * 150 + SECRET.encode()), "no JSON"),
        (Reply({"data": [{"id": SECRET}]}), "it has …"),
        (Reply({"error": "starting"}, 503), "no server answers: URL0: HTTP 503; start it, or correct `urls`"),
    ],
)
def test_what_is_wrong_with_a_server(answer: Reply, said: str) -> None:
    """In one sentence, with what to do, and without the key that some repeat."""
    caught = asyncio.run(asked({"/v1/models": answer}, key_env="KEY"))
    assert said in str(caught)
    assert str(caught).startswith("engines.reader")
    assert SECRET[:12] not in str(caught)


@pytest.mark.parametrize("status", [404, 405])
def test_an_address_where_nothing_of_the_protocol_is_found(status: int) -> None:
    """As without /v1: neither models nor chat."""
    nothing = Reply({"detail": "Not Found"}, status)
    said = str(asyncio.run(asked({"/v1/models": nothing}, chat=nothing)))
    assert "URL0 has neither /models nor /chat/completions" in said
    assert "http://host:8000/v1" in said
    page = Reply({"status": "ok"})
    assert "URL0 has neither /models nor /chat" in str(asyncio.run(asked({"/v1/models": page}, chat=page)))
    moved = Reply(b"<a>Moved</a>", 302)
    assert "/chat/completions (HTTP 302); `urls` has" in str(asyncio.run(asked({"/v1/models": moved}, chat=moved)))
    no_model = Reply({"error": "no model given"}, 404)
    assert asyncio.run(asked({"/v1/models": nothing}, chat=no_model)) == {"URL0": TargetFacts()}


@in_loop
async def test_where_nobody_listens_the_system_says_why() -> None:
    """A port that is closed, a name that does not exist; one server that answers is enough."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    with pytest.raises(EngineError) as caught:
        await probe("reader", config(closed, "http://no-such-host.invalid/v1"), {})
    said = str(caught.value)
    assert f"{closed}: " in said
    assert "http://no-such-host.invalid/v1: " in said
    assert "onnect" in said
    async with replying(lambda _: reply("a")) as server:
        assert list(await probe("reader", config(closed, server.url), {})) == [server.url]


@in_loop
async def test_a_server_that_hangs_is_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that sends a byte now and then."""
    monkeypatch.setattr(module, "_SECONDS", 0.2)

    gone = asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _piece in range(20):
            writer.write(b"{")
            await asyncio.sleep(0.03)
        writer.close()
        gone.set()

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(EngineError, match=r"no server answers: .*no reply within"):
            await probe("reader", config(f"http://127.0.0.1:{port}/v1"), {})
        await gone.wait()


@pytest.mark.parametrize(
    ("one", "two", "name"),
    [
        (listing(MODEL, root="org/a"), listing(MODEL, root="org/b"), "root"),
        (listing(MODEL, max_model_len=8000), listing(MODEL, max_model_len=4000), "window"),
        (
            listing(MODEL) | {"/metrics": Reply(b"vllm:x 1"), "/version": Reply({"version": "0.11.0"})},
            listing(MODEL) | {"/metrics": Reply(b"vllm:x 1"), "/version": Reply({"version": "0.12.0"})},
            "version",
        ),
    ],
)
def test_servers_that_are_not_alike_are_refused(one: dict[str, Reply], two: dict[str, Reply], name: str) -> None:
    """A context's samples would come from several models."""
    said = str(asyncio.run(asked(one, two)))
    assert f"engines.reader.urls: the servers are not alike ({name}: " in said
    assert "URL0 has" in said
    assert "URL1 has" in said
    assert set(asyncio.run(asked(one, one))) == {"URL0", "URL1"}
    assert set(asyncio.run(asked(one, {"/v1/models": Reply({}, 404)}))) == {"URL0", "URL1"}


def recipe(url: str, length: int, **reader: Any) -> Recipe:
    """One whose reader stands at an address."""
    engine = {"kind": "openai", "model": "simulated", "urls": [url], **reader}
    return Recipe.model_validate(
        {
            "name": "small",
            "sources": [{"kind": "book", "path": "books", "license": "CC0-1.0"}],
            "contexts": {"lengths": {length: 3}},
            "traces": {"max_tokens": 500},
            "engines": {"writer": {"kind": "lexical"}, "reader": engine, "judge": {"kind": "lexical"}},
        }
    )


@in_loop
async def test_a_window_that_is_too_small_is_found_before_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """From within a notebook, whose loop is running; by what the server says, or the recipe's `max_context`."""
    async with serving(Script(key="right"), Shape(max_model_len=20_000)) as url:

        async def check(length: int, **reader: Any) -> str:
            try:
                await asyncio.to_thread(roles.check_engines, recipe(url, length, key_env="KEY", **reader))
            except EngineError as error:
                return str(error)
            return ""

        assert "KEY is not set" in await check(1000)
        monkeypatch.setenv("KEY", "wrong")
        assert "the key is refused; set KEY" in await check(1000)
        monkeypatch.setenv("KEY", "right")
        assert await check(1000) == ""
        assert "the server takes 20,000" in await check(30_000)
        assert "the server takes 3,000" in await check(1000, max_context=3000)


def test_the_window_is_what_is_really_asked_for() -> None:
    """An engine's own `max_tokens` goes before the stage's, and checks that ask nothing need no room."""
    whole = recipe("http://127.0.0.1:1/v1", 1000)
    least = roles.window_needed(whole, "reader")
    nothing = {"closed_book": 0, "single_document": False, "answerable": False}
    checks = whole.checks.model_copy(update=nothing)
    unchecked = whole.model_copy(update={"checks": checks})
    assert roles.window_needed(unchecked, "reader") < least
    longer = recipe("http://127.0.0.1:1/v1", 1000, sampling={"max_tokens": 50_000})
    assert roles.window_needed(longer, "reader") > 50_000
    asked = unchecked.model_copy(update={"checks": checks.model_copy(update={"unique": True})})
    assert roles.window_needed(asked, "reader") == least


def test_identity_is_what_decides_answers() -> None:
    """For fingerprints: no address, no limit, no key."""
    one = config("http://one/v1", concurrency=3, key_env="KEY", timeout=5.0, prices={"input": 1.0}, max_context=500)
    assert roles.identity(one) == roles.identity(config("http://two/v1"))
    assert roles.identity(one) != roles.identity(config("http://one/v1", model="other"))
    assert roles.identity(one) != roles.identity(config("http://one/v1", sampling={"top_p": 0.5}))
