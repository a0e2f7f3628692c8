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
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import msgspec
import openai

from longhop.engines import Completion, Request, Usage
from longhop.engines.bodies import Bodies
from longhop.engines.connections import Connections
from longhop.engines.deadlines import Deadlines
from longhop.engines.dispatch import Dispatcher
from longhop.engines.equal_samples import EqualSamples
from longhop.engines.keys import headers_of, key_of, key_remedy, redacted, secrets_of
from longhop.engines.ledger import Ledger
from longhop.engines.lengths import Lengths
from longhop.engines.probe import TargetFacts, check_alike, nobody, probe_all, probe_one, unreachable
from longhop.engines.replies import Malformed, beginning, read_completion, read_error
from longhop.errors import EngineError, Refused
from longhop.prompting import Prompts
from longhop.recipe import EngineConfig

__all__ = ["OpenAIEngine"]

log = logging.getLogger("longhop")

_TEMPLATE_TOKENS = 64
"""What a chat template puts around the messages, at most."""
_TRIES = 3
"""How often servers that are only tried out are asked."""
_ATTEMPTS = 8
"""How often a request is sent that gets no usable reply while others do; half of it where each takes all its time."""
_AGAIN_SECONDS = 0.1
"""After which it is sent again for the first time; twice as long each time."""
_CUT_SHARE = 0.9
_CUT_SHARE_OF_WORDS = 0.5
"""A server that counts less than this share of our tokens has cut the prompt; words are the coarser measure."""
_CUT_TOKENS = 1000
_USUAL_MAX_TOKENS = 4096


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
        restarting: Callable[[], object] | None = None,
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
            restarting: Asks who starts servers again that end, whether they still do; raises `EngineError` if not.
            environment: Where the key and the headers are.

        Raises:
            EngineError: A variable that the recipe names is not set.
        """
        assert config.model is not None
        self.model = config.model
        self._role = role
        self._config = config
        self._bodies = Bodies(role, config, prompts, served)
        self._counts_words = counts_words
        self._urls = [url.rstrip("/") for url in urls or config.urls]
        self._key = key_of(role, config, environment)
        headers = headers_of(role, config, environment)
        self._secrets = secrets_of(self._key, headers)
        name = hashlib.sha256(f"{self.model} {sorted(self._urls)}".encode()).hexdigest()[:16]
        ledger = Ledger(work / "inference.sqlite" if work is not None else None, name)
        self._dispatcher = Dispatcher(self._urls, config.concurrency, ledger)
        self._dispatcher.restarting = restarting
        self._connections = Connections(self._key, headers)
        self._deadlines = Deadlines()
        self._lengths = Lengths(count)
        self._facts: dict[str, TargetFacts] | None = None
        self._starting: asyncio.Lock | None = None
        self._equal = EqualSamples()
        self._answers = 0

    @property
    def at_once(self) -> int:
        """Samples that one request may ask for."""
        return self._bodies.at_once

    def key(self, request: Request) -> str:
        """Hash of the messages, the schema, the sampling, the model and its settings."""
        return self._bodies.key(request)

    # How it is sent

    async def complete(self, request: Request) -> Completion:
        """Answer a request: at least its first sample, at most all of them.

        Raises:
            Refused: The server refuses this request, or it does not fit.
            EngineError: The server refuses everyone, or none answers.
        """
        await self._started()
        tokens = await self._lengths.of(self._bodies.messages(request), request.inputs)
        self._check_room(request, tokens)
        unusable, answers = 0, self._answers
        while True:
            try:
                async with self._dispatcher.slot(request.affinity, tokens) as target:
                    await self._known(target)
                    async with self._computing(target, request, tokens) as before:
                        body = self._bodies.body(request, self._samples(request))
                        completion = await self._send(target, body, tokens)
                        completion = msgspec.structs.replace(completion, usage=before + completion.usage)
            except _Passing:
                continue
            except _Unusable as failure:
                unusable += failure.counts
                if unusable >= _ATTEMPTS and await self._answers_others(answers):
                    raise Refused("no_usable_reply", f"asked again and again: {failure.said}") from None
                await asyncio.sleep(_AGAIN_SECONDS * min(2**unusable, 50))
                continue
            self._answers += 1
            return self._kept(request, completion)

    async def try_out(self, request: Request) -> Completion | None:
        """One sample of a request from each server, as it is now; gives that of the first, None if it has no time.

        Raises:
            EngineError: A server refuses the request, or gives what is no answer, several times.
        """
        found = await asyncio.gather(*(self._tried(target, request) for target in self._urls))
        return found[0]

    async def _tried(self, target: str, request: Request) -> Completion | None:
        said = ""
        for _ in range(_TRIES):
            try:
                return await self._send(target, self._bodies.body(request, 1), 0)
            except _Passing:
                continue
            except Refused as refusal:
                raise EngineError(f"engines.{self._role}: {target}: refuses a short question: {refusal}") from None
            except _Unusable as failure:
                said = failure.said
                await asyncio.sleep(_AGAIN_SECONDS)
        if said:
            raise EngineError(f"engines.{self._role}: {said}; correct `urls`, or mend the server")
        return None

    async def _answers_others(self, before: int) -> bool:
        """Whether the server has answered others since, or answers now; if not, it is no fault of the request's."""
        if self._answers == before:
            try:
                async with self._dispatcher.slot("", 0) as target:
                    await self._send(target, self._bodies.test(), 0)
            except (_Passing, _Unusable, Refused):
                return False
        return True

    def _samples(self, request: Request) -> int:
        singly = self._equal.any_doubt and self._equal.one_by_one(self.key(request))
        return 1 if singly else min(request.samples, self.at_once)

    async def _send(self, target: str, body: dict[str, Any], tokens: int) -> Completion:
        """One request to one server."""
        began = time.monotonic()
        content = msgspec.json.encode(body)
        body = {name: value for name, value in body.items() if name != "messages"}  # megabytes are kept once
        try:
            data = await self._connections.post(target, content, lambda: self._time_limit(tokens, body))
        # None of these is chained: what the client says may repeat the key.
        except (openai.APIConnectionError, TimeoutError) as error:
            raise self._disconnected(target, error, time.monotonic() - began) from None
        except openai.APIStatusError as error:
            raise self._refusal(target, error, body) from None
        except openai.OpenAIError as error:
            raise self._unanswered(target, f"{target}: {self._redacted(str(error))}") from None
        try:
            completion = read_completion(data)
        except Malformed as error:
            said = f"{error}: {beginning(self._redacted(data.decode('utf-8', 'replace')))}"
            raise self._unanswered(target, f"{target}: {said}") from None
        self._dispatcher.answered(target)
        longest = max((choice.n_tokens for choice in completion.choices), default=0)
        self._deadlines.answered(tokens, longest, _most(body), time.monotonic() - began)
        self._check_uncut(completion, tokens)
        return completion

    def _redacted(self, text: str) -> str:
        return redacted(text, self._secrets)

    def _time_limit(self, tokens: int, body: Mapping[str, Any]) -> float:
        return self._config.timeout or self._deadlines.limit(tokens, _most(body))

    def _unanswered(self, target: str, said: str, counts: int = 1) -> _Unusable:
        self._dispatcher.failed(target, said)
        return _Unusable(said, counts)

    def _disconnected(self, target: str, error: openai.APIConnectionError | TimeoutError, took: float) -> Exception:
        chain = {type(one).__name__ for one in _causes(error)}
        if isinstance(error, TimeoutError | openai.APITimeoutError) and "ConnectTimeout" not in chain:
            self._deadlines.missed()
            return self._unanswered(target, f"{target}: no reply within {took:,.0f} s", counts=2)  # dear to find out
        try:
            said = "no connection" if isinstance(error, TimeoutError) else unreachable(self._role, target, error)
        except EngineError as untrusted:
            return untrusted
        # That nobody is there is no matter of this request; a connection that ends in its middle may be.
        counts = 0 if chain & {"ConnectError", "ConnectTimeout"} else 1
        return self._unanswered(target, f"{target}: cannot be reached ({self._redacted(said)})", counts)

    def _refusal(self, target: str, error: openai.APIStatusError, sent: dict[str, Any]) -> Exception:
        """What an error status means: that it passes, that this request is at fault, or everyone."""
        found = read_error(error.status_code, self._redacted(error.response.text), sent)
        found = found._replace(said=self._redacted(found.said))
        said, where = found.said, f"engines.{self._role}: {target}: HTTP {error.status_code}"
        if found.meaning == "overloaded":
            wait = _seconds(error.response.headers.get("retry-after"))
            self._dispatcher.overloaded(target, f"{target}: HTTP {error.status_code}: {said}", wait)
            return _Passing()
        if found.meaning == "broken":
            return self._unanswered(target, f"{target}: HTTP {error.status_code}: {said}")
        self._dispatcher.answered(target)
        if found.meaning == "everyone":
            return EngineError(f"{where}: {said}; {self._remedy(error.status_code)}")
        if found.meaning == "request":
            return Refused(found.reason, said)
        if not self._bodies.learn(found):
            return EngineError(f"{where}: {said}; take `{found.parameter}` out of the engine's settings")
        return _Passing()

    def _remedy(self, status: int) -> str:
        if status in (401, 403):
            return key_remedy(self._config)
        if status < 400 or status in (404, 405):
            return "correct `model` or `urls`"
        if status in {402, 429}:
            return "the account has no quota left"
        return "correct the engine's settings"

    # What is noticed

    def _kept(self, request: Request, completion: Completion) -> Completion:
        """The choices that may be kept: of suspiciously equal ones the first."""
        if self._bodies.sampling(request).get("temperature", 1) == 0:
            return completion
        several_equal = len(completion.choices) > 1 and len({choice.content for choice in completion.choices}) == 1
        if not several_equal and not self._equal.any_doubt:
            return completion
        kept = self._equal.kept(self.key(request), completion)
        if self._equal.always and self.at_once > 1:
            log.info("engines.%s: samples of one request come back equal; each is asked by itself", self._role)
            self._bodies.at_once = 1
        return kept

    def _check_uncut(self, completion: Completion, tokens: int) -> None:
        counted = completion.usage.prompt_tokens
        share = _CUT_SHARE_OF_WORDS if self._counts_words else _CUT_SHARE
        if tokens < _CUT_TOKENS or not counted or counted >= share * tokens:
            return
        raise EngineError(
            f"engines.{self._role}: the server read {counted:,} tokens of a prompt of {tokens:,}: it has cut it. Start "
            "it with a longer context (num_ctx, --max-model-len), or set the engine's max_context to what it takes; if "
            "the model only counts otherwise, name its tokenizer in the engine's `tokenizer`"
        )

    def _check_room(self, request: Request, tokens: int) -> None:
        window, sampling = self._window, self._bodies.sampling(request)
        wanted = sampling.get("max_tokens") or sampling.get("max_completion_tokens") or 0
        if window is not None and tokens + _TEMPLATE_TOKENS + wanted > window:
            said = f"a prompt of {tokens:,} tokens"
            said += f" and max_tokens of {wanted:,} do not fit" if wanted else " does not fit"
            raise Refused("too_long", f"{said} into {window:,}")

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
                clients = {target: self._connections.client(target) for target in self._urls}
                facts, silent = await probe_all(self._role, self._config, clients, self._secrets, self._bodies.served)
                if not facts and not self._dispatcher.answered_lately():
                    raise nobody(self._role, silent)
                self._note(facts)

    def _note(self, found: dict[str, TargetFacts]) -> None:
        facts = {**(self._facts or {}), **found}
        check_alike(self._role, facts)
        self._facts = facts
        for target, fact in found.items():
            if fact.cache_tokens is not None:
                self._dispatcher.capacity[target] = fact.cache_tokens
            if fact.shares_prefixes:
                self._dispatcher.computes_first.add(target)
        self._dispatcher.found(found)

    async def _known(self, target: str) -> None:
        """Ask a server what it is that could not be reached before."""
        if target in (self._facts or {}):
            return
        client = self._connections.client(target)
        fact = await probe_one(self._role, self._config, target, client, self._secrets, self._bodies.served)
        if isinstance(fact, str):
            raise self._unanswered(target, fact, counts=0)
        self._note({target: fact})

    @asynccontextmanager
    async def _computing(self, target: str, request: Request, tokens: int) -> AsyncIterator[Usage]:
        """Have a long context computed once before its requests are computed side by side; gives what that cost."""
        first, usage = self._dispatcher.is_first(request.affinity, tokens), Usage()
        if first:
            try:
                usage = (await self._send(target, self._bodies.first(request), tokens)).usage
            except (_Passing, _Unusable, Refused, EngineError) as error:  # the request itself meets it again
                log.debug("%s", error)
            else:
                self._dispatcher.computed(request.affinity, target, tokens)
        yield usage
        if first and self._dispatcher.is_first(request.affinity, tokens):  # it has computed the context itself
            self._dispatcher.computed(request.affinity, target, tokens)

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()


class _Passing(Exception):  # noqa: N818 - passes
    """To be asked again: the server was overloaded, or wants the request in other words."""


class _Unusable(Exception):  # noqa: N818 - passes
    """No reply, or none that can be read."""

    def __init__(self, said: str, counts: int) -> None:
        super().__init__(said)
        self.said = said
        self.counts = counts
        """Whether it counts against this request."""


def _most(body: Mapping[str, Any]) -> int:
    """Tokens that each sample of a request may have."""
    return int(body.get("max_tokens") or body.get("max_completion_tokens") or _USUAL_MAX_TOKENS)


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    now: BaseException | None = error
    while now is not None and now not in chain:
        chain.append(now)
        now = now.__cause__ or now.__context__
    return chain


def _seconds(retry_after: str | None) -> float | None:
    """Seconds that a server asks to be left alone, which it may give as a date."""
    if not retry_after:
        return None
    try:
        return float(retry_after)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(retry_after).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
