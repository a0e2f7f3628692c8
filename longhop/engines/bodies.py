"""What is sent for a request: a chat completion's body, and the key that says what decides its answer.

    >>> bodies = Bodies("reader", config, load_prompts())
    >>> bodies.body(Request(prompt="judge", inputs={…}, seed=7), samples=8)
    {'model': 'org/model', 'messages': […], 'seed': 7, 'n': 8, 'response_format': {…}}

What a server does not take is learned from its refusals, and from then on said otherwise or left out.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from longhop.engines import Request
from longhop.engines.replies import Failure
from longhop.prompting import Prompts
from longhop.recipe import EngineConfig

__all__ = ["Bodies", "answer_settings"]

log = logging.getLogger("longhop")


def answer_settings(config: EngineConfig) -> dict[str, Any]:
    """What of an engine's settings decides its answers."""
    return config.model_dump(include={"model", "revision", "sampling", "extra_body", "args"})


class Bodies:
    """Renders requests to servers of one model."""

    def __init__(self, role: str, config: EngineConfig, prompts: Prompts, served: str | None = None) -> None:
        assert config.model is not None
        self.served = served or config.model
        """Name that the servers know the model by."""
        self.at_once = 1_000_000
        """Samples that one request may ask for."""
        self._limit_name = "max_tokens"
        self._without = {name for name, value in config.sampling.items() if value is None}
        """Parameters that are not sent: the recipe says so, or the server does not take them."""
        self._role = role
        self._config = config
        self._prompts = prompts
        self._settings = msgspec.json.encode(sorted(answer_settings(config).items()))

    def key(self, request: Request) -> str:
        """Hash of the messages, the schema, the sampling, the model and its settings."""
        digest = hashlib.sha256(self._settings)
        for message in self.messages(request):
            digest.update(f"\0{message['role']}\0".encode())
            digest.update(message["content"].encode("utf-8", "surrogatepass"))
        digest.update(msgspec.json.encode([self._schema(request), sorted(self.sampling(request).items())]))
        return digest.hexdigest()

    def messages(self, request: Request) -> list[dict[str, str]]:
        """The prompt, rendered."""
        return self._prompts.render(request.prompt, request.inputs)

    def _schema(self, request: Request) -> Mapping[str, Any] | None:
        return request.schema or self._prompts.schema(request.prompt, request.inputs)

    def sampling(self, request: Request) -> dict[str, Any]:
        """The stage's sampling, the recipe's over it; a key that is null there is not sent."""
        both = {**request.sampling, **self._config.sampling}
        return {key: value for key, value in both.items() if value is not None}

    def body(self, request: Request, samples: int) -> dict[str, Any]:
        """All that is sent to have a request answered so many times."""
        sampling = self.sampling(request)
        limit = sampling.pop("max_tokens", None)
        messages = self.messages(request)
        body: dict[str, Any] = {"model": self.served, "messages": messages, **sampling, "seed": request.seed}
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

    def first(self, request: Request) -> dict[str, Any]:
        """A request that has the prompt computed, and little else."""
        body = self.body(request, 1) | {self._limit_name: 1}
        body.pop("response_format", None)
        return body

    def test(self) -> dict[str, Any]:
        """The least that a server can be asked."""
        messages = [{"role": "user", "content": "Say yes."}]
        return {"model": self.served, "messages": messages, self._limit_name: 16}

    def learn(self, found: Failure) -> bool:
        """Note what the server does not take; False where the recipe wants it to be sent.

        Several requests that were sent before it was known say the same.
        """
        wanted = dict(self._config.extra_body)
        if found.meaning != "other_limit":  # whose name in `sampling` is ours
            wanted |= self._config.sampling
        if found.parameter in wanted:
            return False
        if found.meaning == "one_sample":
            if self.at_once > 1:
                log.info("engines.%s: the server takes one sample a request (%s)", self._role, found.said)
            self.at_once = 1
        elif found.meaning == "other_limit":
            self._limit_name = "max_completion_tokens"
        elif found.parameter not in self._without:
            self._without.add(found.parameter)
            log.warning(
                "engines.%s: the server does not take `%s`, so it is left out (%s)",
                self._role,
                found.parameter,
                found.said,
            )
        return True
