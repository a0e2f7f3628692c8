"""What is done for a chat request, from arrival to reply.

A fault that fails comes first; then the request is read, fitted into the window and answered; it waits for its turn
(`tests.model_server.scheduler`); then the reply is written, whole or with a fault of its own.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from random import Random

import msgspec
from aiohttp import web

from tests.model_server.answers import Answer, limited, message, of_words
from tests.model_server.faulty import fail, reply_with
from tests.model_server.options import Faults, Kind, Script, Shape
from tests.model_server.protocol import ApiError, ChatRequest, completion, read_chat
from tests.model_server.scheduler import Scheduler
from tests.model_server.stats import Seen, Stats
from tests.model_server.tokens import Prompt, read_prompt, render

__all__ = ["Chat"]

_REMEMBERED = 20_000  # requests


class Chat:
    """The endpoint, and all that it counts."""

    def __init__(self, script: Script, shape: Shape, faults: Faults) -> None:
        self.script = script
        self.shape = shape
        self.faults = faults
        self.stats = Stats()
        self.scheduler = Scheduler(shape, self.stats)
        self.seen: deque[Seen] = deque(maxlen=_REMEMBERED)
        self._attempts: Counter[bytes] = Counter()
        self._until_death = 0
        self._number = 0
        self._lexical = None
        if script.answers == "lexical":
            # What it needs is slow to import and needed by few tests.
            from tests.model_server.lexical import LexicalAnswers  # noqa: PLC0415

            self._lexical = LexicalAnswers(thinks=script.reasoning != "none")

    def set_faults(self, faults: Faults) -> None:
        """Change what goes wrong; attempts are counted anew."""
        self.faults = faults
        self._attempts.clear()
        self._until_death = 0

    def reset(self) -> None:
        """Forget counts, requests, attempts and the cache."""
        self.stats = Stats(in_flight=self.stats.in_flight)
        self.scheduler.reset(self.stats)
        self.seen.clear()
        self._attempts.clear()

    def close(self) -> None:
        """Let go of the thread that answers."""
        if self._lexical:
            self._lexical.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request.

        Raises:
            ApiError: It cannot be answered.
        """
        if self.faults.dies_after(self._until_death):
            os._exit(1)  # as a process that crashes: nobody gets a word, not those in flight either
        self._until_death += 1
        headers = {name.lower(): value for name, value in request.headers.items() if name != "Authorization"}
        seen = Seen(at=self.scheduler.now(), headers=headers)
        self.seen.append(seen)
        self.stats.requests += 1
        self.stats.in_flight += 1
        self.stats.max_in_flight = max(self.stats.max_in_flight, self.stats.in_flight)
        try:
            response = await self._answer(request, seen)
            if request.transport and not request.transport.is_closing():  # else a fault has ended it
                seen.status = str(response.status)
        except ApiError as error:
            seen.status = str(error.status)
            raise
        except asyncio.CancelledError:
            self.stats.given_up += 1
            raise
        finally:
            self.stats.in_flight -= 1
            self.stats.count(self.stats.statuses, seen.status)
        return response

    async def _answer(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        body = await request.read()
        digest = blake2b(body, digest_size=16).digest()
        self._attempts[digest] += 1
        seen.attempt = self._attempts[digest]
        fault = self.faults.at(digest, seen.attempt)
        if fault in {"429", "500", "503", "reset", "hang"}:
            self._note(seen, fault)
            return await fail(request, fault, self.faults.retry_after)
        asked, prompt = self._read(body, seen)
        if fault == "fewer" and (asked.n or 1) == 1:
            fault = None  # there is no smaller number
        if fault:
            self._note(seen, fault)
        answers = await self._answers(asked, prompt, equal=fault == "equal")
        await self.scheduler.sleep(self.shape.overhead)
        outputs = [answer.n_tokens for answer in answers]
        seen.cached_tokens = await self.scheduler.run(prompt, outputs, self._seconds(asked, prompt))
        self.stats.served += 1
        return await self._reply(request, answers, prompt, seen, fault)

    def _note(self, seen: Seen, fault: Kind) -> None:
        seen.fault = fault
        self.stats.count(self.stats.faults, fault)

    def _read(self, body: bytes, seen: Seen) -> tuple[ChatRequest, Prompt]:
        """The request and its prompt, once both are found to be such as can be answered."""
        try:
            fields = msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise ApiError(400, "BadRequestError", f"the body is no JSON: {error}", 400) from None
        if isinstance(fields, dict):
            seen.fields = {name: value for name, value in fields.items() if name != "messages"}
        asked = read_chat(fields, self.script)
        prompt = read_prompt(render(asked.rendered), self.shape.block_size)
        seen.prompt_tokens = prompt.n_tokens
        seen.context = prompt.blocks[prompt.context_blocks - 1].hex() if prompt.context_blocks else ""
        self._fits(asked, prompt.n_tokens)
        if (asked.n or 1) > 1 and asked.temperature == 0:
            message = f"n must be 1 when using greedy sampling, got {asked.n}."
            raise ApiError(400, "BadRequestError", message, 400)
        if self.faults.refuses(prompt.digest):
            self._note(seen, "refused")
            message = (
                "The response was filtered due to the prompt triggering the content management policy. "
                "Please modify your prompt and retry."
            )
            raise ApiError(400, "invalid_request_error", message, "content_filter", "prompt")
        return asked, prompt

    def _fits(self, asked: ChatRequest, n_tokens: int) -> None:
        window, wanted = self.shape.window, asked.most_tokens
        if n_tokens >= window:
            message = (
                f"This model's maximum context length is {window} tokens. However, your request has {n_tokens} input "
                "tokens. Please reduce the length of the input messages."
            )
            raise ApiError(400, "BadRequestError", message, 400)
        if wanted and n_tokens + wanted > window:
            message = (
                f"'max_tokens' or 'max_completion_tokens' is too large: {wanted}. This model's maximum context length "
                f"is {window} tokens and your request has {n_tokens} input tokens "
                f"({wanted} > {window} - {n_tokens})."
            )
            raise ApiError(400, "BadRequestError", message, 400)

    async def _answers(self, asked: ChatRequest, prompt: Prompt, *, equal: bool) -> list[Answer]:
        seed, samples = asked.seed or 0, 1 if equal else asked.n or 1
        answers = await self._lexical.answers(asked, seed, samples) if self._lexical else None
        if answers is None:
            answers = [of_words(self.script, prompt.digest, seed + i, asked.schema) for i in range(samples)]
        stop = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
        most = asked.most_tokens or self.shape.window - prompt.n_tokens
        answers = [limited(answer, most, stop) for answer in answers]
        return answers * (asked.n or 1) if equal else answers

    def _seconds(self, asked: ChatRequest, prompt: Prompt) -> list[float] | None:
        """How long each sequence takes, where that is drawn."""
        mean, sigma = self.shape.service_mean, self.shape.service_sigma
        if not mean:
            return None
        seeds = range(asked.seed or 0, (asked.seed or 0) + (asked.n or 1))
        middle = math.log(mean) - sigma**2 / 2
        return [Random(f"{prompt.digest.hex()} {seed}").lognormvariate(middle, sigma) for seed in seeds]

    async def _reply(
        self, request: web.Request, answers: Sequence[Answer], prompt: Prompt, seen: Seen, fault: Kind | None
    ) -> web.StreamResponse:
        usage = {
            "prompt_tokens": prompt.n_tokens // 2 if fault == "cut" else prompt.n_tokens,
            "completion_tokens": sum(answer.n_tokens for answer in answers),
            "cached_tokens": seen.cached_tokens,
        }
        if fault == "malformed":
            answers = [replace(answer, content=answer.content[: len(answer.content) // 2]) for answer in answers]
        shown = {"empty": 0, "fewer": len(answers) // 2}.get(fault or "", len(answers))
        choices = [(message(answer, self.script.reasoning), answer.finish_reason) for answer in answers[:shown]]
        self._number += 1
        body = completion(self._number, self.script.model, choices, None if "usage" in self.script.ignored else usage)
        return await reply_with(request, msgspec.json.encode(body), fault, self._drip_seconds)

    @property
    def _drip_seconds(self) -> float:
        return self.faults.drip_seconds * self.shape.time_scale
