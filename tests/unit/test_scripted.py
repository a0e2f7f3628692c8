"""The scripted engine says what it is told and remembers what it was asked."""

import asyncio

import pytest

from longhop.engines import Choice, Completion, Request
from longhop.engines.scripted import ScriptedEngine
from longhop.errors import EngineError, Refused
from longhop.inference import Inference

REQUEST = Request(prompt="judge", inputs={"answer": "14"}, seed=3, samples=2)


def contents(completion: Completion | Refused) -> list[str]:
    assert isinstance(completion, Completion)
    return [choice.content for choice in completion.choices]


def test_a_reply_is_a_text_for_all_samples_or_one_a_sample_or_a_completion() -> None:
    """Whatever is shortest to write in a test."""
    whole = Completion(choices=(Choice(content="a"), Choice(content="b", reasoning="r")))
    for reply, expected in (("yes", ["yes", "yes"]), (["a", "b"], ["a", "b"]), (whole, ["a", "b"])):
        engine = ScriptedEngine(lambda _, reply=reply: reply, model="m")  # type: ignore[misc]
        assert [contents(answer) for answer in Inference(engine).run([REQUEST])] == [expected]
        assert (engine.requests, engine.model) == ([REQUEST], "m")


def test_it_may_refuse() -> None:
    """One request, or all of them."""

    def reply(request: Request) -> str:
        if request.seed == 3:
            raise Refused("content", "no")
        raise EngineError("wrong key")

    engine = ScriptedEngine(reply)
    (refused,) = Inference(engine).run([REQUEST])
    assert isinstance(refused, Refused)
    with pytest.raises(EngineError, match="wrong key"):
        list(Inference(engine).run([Request(prompt="judge", inputs={}, seed=4)]))


def test_too_few_texts_are_a_mistake_of_the_test() -> None:
    """It says so, and for which prompt."""
    with pytest.raises(ValueError, match="1 texts for 2 samples of `judge`"):
        asyncio.run(ScriptedEngine(lambda _: ["a"]).complete(REQUEST))


def test_the_key_leaves_out_seed_and_samples() -> None:
    """As the protocol wants it, so that completions are found again."""
    engine = ScriptedEngine(lambda _: "x")
    assert engine.key(REQUEST) == engine.key(Request(prompt="judge", inputs={"answer": "14"}, seed=9))
    assert engine.key(REQUEST) != engine.key(Request(prompt="judge", inputs={"answer": "15"}, seed=3))
