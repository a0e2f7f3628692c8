"""Requests go through one engine, in order, none twice."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from longhop.completions import CompletionStore
from longhop.engines import Choice, Completion, Request
from longhop.errors import EngineError, Refused
from longhop.inference import Inference


class Echo:
    """Answers with prompt input and seed, later ones sooner; refuses `bad`, breaks on `broken`."""

    model = "echo"

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.active = 0
        self.most_active = 0

    def key(self, request: Request) -> str:
        return str(request.inputs["word"])

    async def complete(self, request: Request) -> Completion:
        self.sent.append(request)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        await asyncio.sleep(0.002 * (5 - len(self.sent) % 5))
        self.active -= 1
        word = request.inputs["word"]
        if word == "bad":
            raise Refused("too_long", "9 tokens of 8")
        if word == "broken":
            raise EngineError("no such model")
        return Completion(
            choices=tuple(Choice(content=f"{word}{request.seed + sample}") for sample in range(request.samples))
        )


def ask(*words: str, samples: int = 1, seed: int = 5) -> Iterator[Request]:
    for word in words:
        yield Request(prompt="p", inputs={"word": word}, seed=seed, samples=samples)


def contents(answered: list[Completion | Refused]) -> list[list[str] | str]:
    return [a.reason if isinstance(a, Refused) else [choice.content for choice in a.choices] for a in answered]


def test_answers_come_in_the_order_of_requests() -> None:
    """Whatever finishes first, the first request's answer comes first; a refused one stops no other."""
    answered = list(Inference(Echo(), concurrency=3).run(ask("a", "b", "bad", "c", "d", "e")))
    assert contents(answered) == [["a5"], ["b5"], "too_long", ["c5"], ["d5"], ["e5"]]


def test_no_more_than_the_concurrency_is_in_flight() -> None:
    """The engine never sees more requests at a time than it may."""
    engine = Echo()
    list(Inference(engine, concurrency=3).run(ask(*"abcdefghijkl")))
    assert engine.most_active == 3


def test_requests_are_taken_as_there_is_room() -> None:
    """A generator of large requests is not read to its end at once."""
    taken = 0

    def many() -> Iterator[Request]:
        nonlocal taken
        for request in ask(*map(str, range(100))):
            taken += 1
            yield request

    next(Inference(Echo(), concurrency=2).run(many()))
    assert taken < 40


def test_an_engine_error_ends_the_run() -> None:
    """What concerns everyone is raised, and the loop's thread ends."""
    with pytest.raises(EngineError, match="no such model"):
        list(Inference(Echo(), concurrency=1).run(ask("a", "broken", "c", "d")))


def test_only_missing_samples_are_sent_with_their_seeds(tmp_path: Path) -> None:
    """Three samples are stored: of five, the last two are sent, with the seeds that they would have had."""
    store, engine = CompletionStore(tmp_path / "c.sqlite"), Echo()
    inference = Inference(engine, store)
    list(inference.run(ask("a", samples=3)))
    answered = list(inference.run(ask("a", samples=5)))
    assert contents(answered) == [["a5", "a6", "a7", "a8", "a9"]]
    assert [(request.seed, request.samples) for request in engine.sent] == [(5, 3), (8, 2)]
    list(inference.run(ask("a", samples=5)))
    assert len(engine.sent) == 2
    store.close()


def test_runs_inside_a_running_event_loop() -> None:
    """A notebook's own loop does not hinder it."""

    async def cell() -> list[Completion | Refused]:
        return list(Inference(Echo()).run(ask("a")))

    assert contents(asyncio.run(cell())) == [["a5"]]
