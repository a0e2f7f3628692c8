"""Lengths of prompts: each long text is counted once, and nothing long in the event loop."""

import asyncio
import threading

import pytest

from longhop.engines.lengths import Lengths
from longhop.tokens import WordTokenizer
from tests.replying import in_loop

LONG = "The mate paid for the rope. " * 2000
OTHER = "A canal was dug between two puddles. " * 2000


class Counting:
    """Counts words, and what was counted where."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.threads: list[threading.Thread] = []

    def __call__(self, text: str) -> int:
        self.texts.append(text)
        self.threads.append(threading.current_thread())
        return WordTokenizer().count(text)


def messages(*contents: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content} for content in contents]


@in_loop
async def test_a_long_text_is_counted_once() -> None:
    """By however many requests, also at a time; what differs is counted for each."""
    counting = Counting()
    lengths = Lengths(counting)
    asked = [
        lengths.of(messages("You read.", f"{LONG}\nQuestion {number}?"), {"context": LONG, "question": f"{number}"})
        for number in range(8)
    ]
    expected = WordTokenizer().count(f"You read.\n{LONG}\nQuestion 1?")
    assert await asyncio.gather(*asked) == [expected] * 8
    assert [text == LONG for text in counting.texts].count(True) == 1
    assert max(len(text) for text in counting.texts if text != LONG) < 100


@in_loop
async def test_a_long_text_that_stands_in_a_prompt_twice_counts_twice() -> None:
    """And is counted once all the same; one among the inputs that the prompt does not show counts nothing."""
    counting = Counting()
    inputs = {"documents": [{"text": LONG}, {"text": OTHER}, {"text": LONG}], "wanted": 3}
    found = await Lengths(counting).of(messages(f"{LONG}\n\n{LONG}"), inputs)
    assert found == 2 * WordTokenizer().count(LONG)
    assert sum(len(text) > 1000 for text in counting.texts) == 1


@in_loop
async def test_nothing_long_is_counted_in_the_event_loop() -> None:
    """Neither a long text nor many short ones that make a long prompt."""
    counting = Counting()
    shorter = [LONG[:15_000], OTHER[:15_000]]
    await Lengths(counting).of(messages(LONG, "\n".join(shorter)), {"context": LONG, "documents": shorter})
    here = threading.current_thread()
    assert [len(text) for text, thread in zip(counting.texts, counting.threads, strict=True) if thread is here] == [1]


@in_loop
async def test_texts_are_not_kept() -> None:
    """Sixty contexts of four megabytes would fill the memory."""
    lengths = Lengths(len)
    for number in range(5):
        await lengths.of(messages(f"{number}{LONG}"), {"context": f"{number}{LONG}"})
    assert len(lengths._known) == 5
    assert not any(isinstance(part, str) for name in lengths._known for part in name)


@in_loop
async def test_who_is_cancelled_stops_no_other_from_counting() -> None:
    """Two ask of one text at a time, and one gives up."""
    hold = threading.Event()

    def count(text: str) -> int:
        hold.wait(5)
        return len(text)

    lengths = Lengths(count)
    asked = [asyncio.create_task(lengths.of(messages(LONG), {"context": LONG})) for _ in range(2)]
    await asyncio.sleep(0.01)
    asked[0].cancel()
    hold.set()
    assert await asked[1] == len(LONG) + 1
    with pytest.raises(asyncio.CancelledError):
        await asked[0]
