"""The scripted engine: answers with what a function says and remembers what it was asked. For tests.

>>> judge = ScriptedEngine(lambda request: '{"equal": true}', model="judge")
>>> [completion] = Inference(judge).run([Request(prompt="judge", inputs={"question": "…"}, seed=7)])
>>> completion.choices[0].content, judge.requests[0].prompt
('{"equal": true}', 'judge')
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from longhop.engines import Choice, Completion, Request
from longhop.records import make_id

__all__ = ["ScriptedEngine"]


class ScriptedEngine:
    """An `Engine` whose replies are a function of the request.

    Args:
        reply: Gives a completion, or the contents of its choices: one text for all samples, or a text a sample. It may
            raise `Refused` or `EngineError`, as a real engine does.
        model: Its name in the tables.
    """

    def __init__(self, reply: Callable[[Request], Completion | str | Sequence[str]], model: str = "scripted") -> None:
        self._reply = reply
        self._model = model
        self.requests: list[Request] = []
        """Every request, in the order in which they came."""

    @property
    def model(self) -> str:
        """The name given."""
        return self._model

    def key(self, request: Request) -> str:
        """Hash of model, prompt, inputs, sampling and schema."""
        asked = (request.prompt, request.inputs, request.sampling, request.schema)
        return make_id(self._model, msgspec.json.encode(asked, order="sorted").decode())

    async def complete(self, request: Request) -> Completion:
        """Answer as scripted; a list of another length than the samples is a mistake of the test.

        Raises:
            ValueError: There are more or fewer texts than samples.
        """
        self.requests.append(request)
        reply = self._reply(request)
        if isinstance(reply, Completion):
            return reply
        contents = [reply] * request.samples if isinstance(reply, str) else list(reply)
        if len(contents) != request.samples:
            raise ValueError(f"scripted {len(contents)} texts for {request.samples} samples of `{request.prompt}`")
        return Completion(choices=tuple(Choice(content=text, n_tokens=len(text.split())) for text in contents))
