"""The engine `openai`: any server that speaks OpenAI's protocol, one address or several.

    >>> engine = OpenAIEngine("reader", config, load_prompts(), load_tokenizer("words").count)
    >>> completion = await engine.complete(Request(prompt="judge", inputs={…}, seed=7))

What passes (overload, a dropped connection, a reply that is none) is asked again, on a server that is well
(`longhop.engines.dispatch`). What is one request's own fault is a `Refused` in the server's words. What is everyone's
is an `EngineError`. A completion may have fewer choices than were asked for; who asks stores them, and asks again.

Sources: platform.openai.com/docs/api-reference/chat, docs.vllm.ai (OpenAI-compatible server).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import openai

from longhop.engines import Completion, Request
from longhop.engines.dispatch import LONG_TOKENS, Dispatcher
from longhop.engines.equal_samples import EqualSamples
from longhop.engines.keys import headers_of, key_of, key_remedy, redacted
from longhop.engines.ledger import Ledger
from longhop.engines.probe import TargetFacts, probe_all
from longhop.engines.replies import Malformed, read_completion, read_error
from longhop.errors import EngineError, Refused
from longhop.prompting import Prompts
from longhop.recipe import EngineConfig

__all__ = ["OpenAIEngine", "answer_settings"]

log = logging.getLogger("longhop")

_TEMPLATE_TOKENS = 64
"""What a chat template puts around the messages, at most."""
_ATTEMPTS = 8
"""How often a request is sent that gets no usable reply while others do."""
_CUT_SHARE = 0.9
_CUT_SHARE_OF_WORDS = 0.5
"""A server that counts less than this share of our tokens has cut the prompt; words are the coarser measure."""
_CUT_TOKENS = 1000
_CONNECT_SECONDS = 15.0
_LEAST_SECONDS = 120.0
_PREFILL_RATE = 200.0
_DECODE_RATE = 4.0
"""Tokens a second that a slow and busy server does at least, for the time limit of a request."""
_COUNTED = 64
_LONG_TEXT = 20_000
_USUAL_MAX_TOKENS = 4096


def answer_settings(config: EngineConfig) -> dict[str, Any]:
    """What of an engine's settings decides its answers."""
    return config.model_dump(include={"model", "revision", "sampling", "extra_body", "args"})


class OpenAIEngine:
    """Sends requests to servers of one model."""

    def __init__(
        self,
        role: str,
        config: EngineConfig,
        prompts: Prompts,
        count: Callable[[str], int],
        *,
        counts_words: bool = False,
        work: Path | None = None,
        urls: list[str] | None = None,
        served: str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Take a role's settings and what they need.

        Args:
            role: Name of the engine in the recipe, for messages.
            config: Its settings.
            prompts: The recipe's prompts.
            count: Tokens of a text, by the model's tokenizer or one that is near it.
            counts_words: Whether `count` counts words, which no model's tokenizer does.
            work: Folder that the processes of a machine share.
            urls: Addresses; those of `config` by default.
            served: Name that the servers know the model by, where it is not the recipe's.
            environment: Where the key and the headers are.

        Raises:
            EngineError: A variable that the recipe names is not set.
        """
        assert config.model is not None
        self.model = config.model
        self._served = served or config.model
        self.at_once = 1_000_000
        self._role = role
        self._config = config
        self._prompts = prompts
        self._count = count
        self._counts_words = counts_words
        self._urls = [url.rstrip("/") for url in urls or config.urls]
        self._key = key_of(role, config, environment)
        self._headers = headers_of(role, config, environment)
        self._settings = msgspec.json.encode(sorted(answer_settings(config).items()))
        name = hashlib.sha256(f"{self.model} {sorted(self._urls)}".encode()).hexdigest()[:16]
        ledger = Ledger(work / "inference.sqlite" if work is not None else None, name)
        self._dispatcher = Dispatcher(self._urls, config.concurrency, ledger)
        self._clients: dict[str, openai.AsyncOpenAI] = {}
        self._facts: dict[str, TargetFacts] | None = None
        self._starting: asyncio.Lock | None = None
        self._primed: dict[tuple[str, str], asyncio.Future[None]] = {}
        self._counted: OrderedDict[str, int] = OrderedDict()
        self._limit_name = "max_tokens"
        self._without: set[str] = set()
        """Parameters that the server does not know."""
        self._equal = EqualSamples()
        self._any_answer = False

    # What is sent

    def key(self, request: Request) -> str:
        """Hash of the messages, the schema, the sampling, the model and its settings."""
        digest = hashlib.sha256(self._settings)
        for message in self._messages(request):
            digest.update(f"\0{message['role']}\0".encode())
            digest.update(message["content"].encode("utf-8", "surrogatepass"))
        digest.update(msgspec.json.encode([self._schema(request), sorted(self._sampling(request).items())]))
        return digest.hexdigest()

    def _messages(self, request: Request) -> list[dict[str, str]]:
        return self._prompts.render(request.prompt, request.inputs)

    def _schema(self, request: Request) -> Mapping[str, Any] | None:
        return request.schema or self._prompts[request.prompt].schema

    def _sampling(self, request: Request) -> dict[str, Any]:
        """The stage's sampling, the recipe's over it; a key that is null there is not sent."""
        both = {**request.sampling, **self._config.sampling}
        return {key: value for key, value in both.items() if value is not None}

    def _body(self, request: Request, messages: list[dict[str, str]], samples: int) -> dict[str, Any]:
        sampling = self._sampling(request)
        limit = sampling.pop("max_tokens", None)
        body: dict[str, Any] = {"model": self._served, "messages": messages, **sampling, "seed": request.seed}
        if limit is not None:
            body[self._limit_name] = limit
        if samples > 1:
            body["n"] = samples
        schema = self._schema(request)
        if schema is not None:
            named = {"name": request.prompt, "schema": schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        body.update(self._config.extra_body)
        return {name: value for name, value in body.items() if name not in self._without}

    # How it is sent

    async def complete(self, request: Request) -> Completion:
        """Answer a request: at least its first sample, at most all of them.

        Raises:
            Refused: The server refuses this request, or it does not fit.
            EngineError: The server refuses everyone, or none answers.
        """
        await self._started()
        messages = self._messages(request)
        tokens = await self._tokens(request, messages)
        self._check_room(request, tokens)
        singly = self._equal.any_doubt and self._equal.one_by_one(self.key(request))
        samples = 1 if singly else min(request.samples, self.at_once)
        unusable = 0
        while True:
            try:
                async with self._dispatcher.slot(request.affinity, tokens) as target:
                    await self._prime(target, request, messages, tokens)
                    completion = await self._send(target, self._body(request, messages, samples), tokens)
            except _Overloaded as passing:
                await asyncio.sleep(min(passing.wait, 1.0))
                continue
            except _Unusable as failure:
                unusable += failure.counts
                if unusable >= _ATTEMPTS and self._any_answer:
                    raise Refused("no_usable_reply", f"{unusable} times: {failure.said}") from failure
                if unusable >= _ATTEMPTS:
                    raise EngineError(f"engines.{self._role}: {failure.said}") from failure
                await asyncio.sleep(min(0.1 * 2**unusable, 5.0))
                continue
            except _Renamed:
                samples = min(samples, self.at_once)
                continue
            self._any_answer = True
            return self._kept(request, completion)

    async def _send(self, target: str, body: dict[str, Any], tokens: int) -> Completion:
        """One request to one server."""
        limit = self._config.timeout or self._time_limit(tokens, body)
        try:
            # The client's own parsing of a reply takes longer than all the rest, so its bytes are asked for.
            response = await self._client(target).post(
                "/chat/completions",
                cast_to=openai.HttpxBinaryResponseContent,
                content=msgspec.json.encode(body),
                options={"headers": {"Content-Type": "application/json"}, "timeout": limit},
            )
            data = response.content
        except openai.APITimeoutError as error:
            raise self._unanswered(target, f"{target}: no reply within {limit:,.0f} s") from error
        except openai.APIConnectionError as error:
            raise self._disconnected(target, error) from error
        except openai.APIStatusError as error:
            raise self._refusal(target, error, body) from error
        except openai.OpenAIError as error:
            raise self._unanswered(target, f"{target}: {redacted(str(error), self._key)}") from error
        try:
            completion = read_completion(data)
        except Malformed as error:
            raise self._unanswered(target, f"{target}: {error}", counts=1) from error
        self._dispatcher.answered(target)
        self._check_uncut(completion, tokens)
        return completion

    def _client(self, target: str) -> openai.AsyncOpenAI:
        if target not in self._clients:
            self._clients[target] = openai.AsyncOpenAI(
                base_url=target,
                api_key=self._key or "none",
                default_headers=self._headers,
                max_retries=0,
                timeout=_CONNECT_SECONDS,
            )
        return self._clients[target]

    def _time_limit(self, tokens: int, body: Mapping[str, Any]) -> float:
        generated = body.get(self._limit_name) or _USUAL_MAX_TOKENS
        return _LEAST_SECONDS + tokens / _PREFILL_RATE + generated / _DECODE_RATE

    def _unanswered(self, target: str, said: str, counts: int = 1) -> _Unusable:
        self._dispatcher.failed(target, said)
        return _Unusable(said, counts)

    def _disconnected(self, target: str, error: openai.APIConnectionError) -> Exception:
        chain = _causes(error)
        said = next((str(one) for one in reversed(chain) if str(one)), type(error).__name__)
        if any("CERTIFICATE_VERIFY_FAILED" in str(one) for one in chain):
            return EngineError(
                f"engines.{self._role}: {target}: its certificate is not trusted ({said}); "
                "set SSL_CERT_FILE to a file with the authority's certificate"
            )
        # That nobody answers is told from all servers together, by the dispatcher.
        return self._unanswered(target, f"{target}: cannot be reached ({said})", counts=int(self._any_answer))

    def _refusal(self, target: str, error: openai.APIStatusError, body: dict[str, Any]) -> Exception:
        """What an error status means: that it passes, that this request is at fault, or everyone."""
        found = read_error(error.status_code, error.response.text, body)
        said = redacted(found.said, self._key)
        where = f"engines.{self._role}: {target}: HTTP {error.status_code}"
        if found.meaning == "overloaded":
            wait = _seconds(error.response.headers.get("retry-after"))
            self._dispatcher.overloaded(target, f"{target}: HTTP {error.status_code}: {said}", wait)
            return _Overloaded(wait or 0.2)
        if found.meaning == "broken":
            return self._unanswered(target, f"{target}: HTTP {error.status_code}: {said}")
        self._dispatcher.answered(target)
        if found.meaning == "everyone":
            return EngineError(f"{where}: {said}; {self._remedy(error.status_code)}")
        if found.meaning == "one_sample" and self.at_once > 1:
            log.info("engines.%s: the server takes one sample a request (%s)", self._role, said)
            self.at_once = 1
            return _Renamed()
        if found.meaning == "other_limit" and self._limit_name == "max_tokens":
            self._limit_name = "max_completion_tokens"
            return _Renamed()
        if found.meaning in ("no_schema", "no_seed") and found.parameter not in self._without:
            self._without.add(found.parameter)
            log.warning(
                "engines.%s: the server does not take `%s`, so it is left out (%s)", self._role, found.parameter, said
            )
            return _Renamed()
        return Refused(found.reason, said)

    def _remedy(self, status: int) -> str:
        if status in (401, 403):
            return key_remedy(self._config)
        if status == 404:
            return "correct `model` or `urls`"
        if status in {402, 429}:
            return "the account has no quota left"
        return "correct the engine's settings"

    # What is noticed

    def _kept(self, request: Request, completion: Completion) -> Completion:
        """The choices that may be kept: of suspiciously equal ones the first."""
        if self._sampling(request).get("temperature", 1) == 0:
            return completion
        several_equal = len(completion.choices) > 1 and len({choice.content for choice in completion.choices}) == 1
        if not several_equal and not self._equal.any_doubt:
            return completion
        kept = self._equal.kept(self.key(request), completion)
        if self._equal.always and self.at_once > 1:
            log.info("engines.%s: samples of one request come back equal; each is asked by itself", self._role)
            self.at_once = 1
        return kept

    def _check_uncut(self, completion: Completion, tokens: int) -> None:
        counted = completion.usage.prompt_tokens
        share = _CUT_SHARE_OF_WORDS if self._counts_words else _CUT_SHARE
        if tokens < _CUT_TOKENS or not counted or counted >= share * tokens:
            return
        raise EngineError(
            f"engines.{self._role}: the server read {counted:,} tokens of a prompt of {tokens:,}: it has cut it. Start "
            "it with a longer context (num_ctx, --max-model-len), or set the engine's max_context to what it takes"
        )

    async def _tokens(self, request: Request, messages: list[dict[str, str]]) -> int:
        """Tokens of the prompt; of long texts, which many requests share, each is counted once."""
        total = 0
        long = [text for text in _texts(request.inputs) if len(text) >= _LONG_TEXT]
        for message in messages:
            content = message["content"]
            for text in long:
                if text in content:
                    content = content.replace(text, "\n", 1)
                    total += await self._tokens_of(text)
            total += self._count(content)
        return total

    async def _tokens_of(self, text: str) -> int:
        if text not in self._counted:
            self._counted[text] = await asyncio.to_thread(self._count, text)
            while len(self._counted) > _COUNTED:
                self._counted.popitem(last=False)
        return self._counted[text]

    def _check_room(self, request: Request, tokens: int) -> None:
        window = self._window
        wanted = self._sampling(request).get("max_tokens", 0)
        if window is not None and tokens + _TEMPLATE_TOKENS + wanted > window:
            room = f" and max_tokens of {wanted:,}" if wanted else ""
            raise Refused("too_long", f"a prompt of {tokens:,} tokens{room} do not fit into {window:,}")

    @property
    def _window(self) -> int | None:
        found = [fact.window for fact in (self._facts or {}).values() if fact.window is not None]
        given = [self._config.max_context] if self._config.max_context is not None else []
        return min([*given, *found], default=None)

    # How it begins

    async def _started(self) -> None:
        """Ask the servers what they are, once a process."""
        if self._facts is not None:
            return
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._facts is None:
                clients = {target: self._client(target) for target in self._urls}
                facts = await probe_all(self._role, self._config, clients, self._key)
                self._dispatcher.capacity = {
                    target: fact.cache_tokens for target, fact in facts.items() if fact.cache_tokens is not None
                }
                self._facts = facts

    async def _prime(self, target: str, request: Request, messages: list[dict[str, str]], tokens: int) -> None:
        """Have a long context computed once before its requests are computed side by side."""
        fact = (self._facts or {}).get(target)
        if tokens < LONG_TOKENS or fact is None or not fact.shares_prefixes or not request.affinity:
            return
        place = (target, request.affinity)
        if place in self._primed:
            await asyncio.shield(self._primed[place])
            return
        done = self._primed[place] = asyncio.get_running_loop().create_future()
        try:
            body = self._body(request, messages, 1) | {self._limit_name: 1}
            body.pop("response_format", None)
            await self._send(target, body, tokens)
        except Exception as error:  # noqa: BLE001 - the request itself meets it again, and says so
            log.debug("%s", error)
            self._primed.pop(place, None)
        finally:
            if not done.done():
                done.set_result(None)

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()
        self._clients = {}


class _Overloaded(Exception):  # noqa: N818 - passes
    def __init__(self, wait: float) -> None:
        super().__init__(wait)
        self.wait = wait


class _Unusable(Exception):  # noqa: N818 - passes
    """No reply, or none that can be read."""

    def __init__(self, said: str, counts: int) -> None:
        super().__init__(said)
        self.said = said
        self.counts = counts
        """Whether it counts against this request."""


class _Renamed(Exception):  # noqa: N818 - passes
    """The server wants the request in other words."""


def _texts(inputs: Any) -> list[str]:
    """All texts among the inputs of a prompt."""
    if isinstance(inputs, str):
        return [inputs]
    if isinstance(inputs, Mapping):
        return [text for value in inputs.values() for text in _texts(value)]
    if isinstance(inputs, list | tuple):
        return [text for value in inputs for text in _texts(value)]
    return []


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    now: BaseException | None = error
    while now is not None and now not in chain:
        chain.append(now)
        now = now.__cause__ or now.__context__
    return chain


def _seconds(retry_after: str | None) -> float | None:
    try:
        return float(retry_after) if retry_after else None
    except ValueError:
        return None
