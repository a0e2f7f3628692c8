"""Requests go through one engine, in order, none twice."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
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


class Scripted:
    """Does what a function says."""

    model = "scripted"

    def __init__(self, answer: Callable[[Request], Awaitable[Completion]], at_once: int = 100) -> None:
        self._answer = answer
        self.at_once = at_once
        self.sent: list[tuple[int, int]] = []
        """Seed and samples of each request."""
        self.cancelled = 0

    def key(self, request: Request) -> str:
        return str(request.inputs["word"])

    async def complete(self, request: Request) -> Completion:
        self.sent.append((request.seed, request.samples))
        try:
            return await self._answer(request)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


def drawn(request: Request, samples: int | None = None) -> Completion:
    """A choice for each seed, or for the first ones."""
    number = request.samples if samples is None else samples
    return Completion(choices=tuple(Choice(content=f"{request.seed + sample}") for sample in range(number)))


async def for_ever() -> Completion:
    await asyncio.sleep(3600)
    raise AssertionError


def test_what_concerns_everyone_ends_the_run_at_once() -> None:
    """Though the first request is under way for an hour, and before all others have met it, too."""

    async def answer(request: Request) -> Completion:
        if request.inputs["word"] == "slow":
            await for_ever()
        raise EngineError("the key is refused")

    engine = Scripted(answer)
    began = time.monotonic()
    with pytest.raises(EngineError, match="the key is refused"):
        list(Inference(engine, concurrency=2).run(ask("slow", *map(str, range(500)))))
    assert time.monotonic() - began < 2
    assert len(engine.sent) < 20


def test_a_slow_request_leaves_no_slot_idle() -> None:
    """Those behind it go on, as many as are kept in memory."""
    done, many = 0, asyncio.Event()

    async def answer(request: Request) -> Completion:
        nonlocal done
        if request.inputs["word"] == "slow":
            await many.wait()
        done += 1
        if done == 25:
            many.set()
        return drawn(request)

    answered = list(Inference(Scripted(answer), concurrency=2).run(ask("slow", *map(str, range(40)))))
    assert len(answered) == 41


def test_answers_that_wait_for_an_earlier_one_are_bounded() -> None:
    """Requests are not taken for ever while the first is under way."""
    taken = 0
    go = threading.Event()

    def many() -> Iterator[Request]:
        nonlocal taken
        for request in ask("slow", *map(str, range(500))):
            taken += 1
            yield request

    async def answer(request: Request) -> Completion:
        if request.inputs["word"] == "slow":
            await asyncio.to_thread(go.wait)
        return drawn(request)

    threading.Timer(0.5, go.set).start()
    answers = Inference(Scripted(answer), concurrency=2).run(many())
    next(answers)
    assert taken <= 2 * 16 + 2
    assert len(list(answers)) == 500


@pytest.mark.parametrize("by", ["close", "break", "interrupt", "source"])
def test_a_run_that_is_given_up_leaves_nothing_under_way(tmp_path: Path, by: str) -> None:
    """Closed early, dropped, interrupted, or for an error of who gives the requests; the store may be closed then."""
    others = asyncio.Event()

    async def answer(request: Request) -> Completion:
        if request.inputs["word"] != "a":
            others.set()
            await for_ever()
        await others.wait()
        return drawn(request)

    def requests() -> Iterator[Request]:
        yield from ask("a", "b")
        time.sleep(0.2)  # `a` is answered then
        yield from ask("c")
        if by == "source":
            raise ValueError("no more contexts")

    engine, store = Scripted(answer), CompletionStore(tmp_path / "c.sqlite")
    answers = Inference(engine, store, concurrency=2).run(requests())
    assert contents([next(answers)]) == [["5"]]
    if by == "close":
        answers.close()  # type: ignore[attr-defined]
    elif by == "break":
        del answers
    elif by == "interrupt":
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
        try:
            with pytest.raises(KeyboardInterrupt):
                next(answers)
        finally:
            signal.signal(signal.SIGINT, before)
    else:
        with pytest.raises(ValueError, match="no more contexts"):
            next(answers)
    assert engine.cancelled == len(engine.sent) - 1 > 0
    store.close()


def test_what_arrived_before_an_end_is_not_asked_again(tmp_path: Path) -> None:
    """A request that is split: samples are stored as they come, and only those are asked for that did not."""
    store = CompletionStore(tmp_path / "c.sqlite")
    breaks = True

    async def answer(request: Request) -> Completion:
        if breaks and request.seed >= 8:
            await asyncio.sleep(0.05)
            raise EngineError("all servers are gone")
        return drawn(request, 1)

    engine = Scripted(answer)
    with pytest.raises(EngineError):
        list(Inference(engine, store).run(ask("a", samples=6)))
    breaks = False
    engine.sent.clear()
    assert contents(list(Inference(engine, store).run(ask("a", samples=6)))) == [["5", "6", "7", "8", "9", "10"]]
    assert engine.sent[0] == (8, 3)
    store.close()


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_sample_i_has_seed_s_plus_i_however_requests_are_split(tmp_path: Path, at_once: int) -> None:
    """Also where some are there already, in the middle; an engine never gets more at once than it takes."""
    store = CompletionStore(tmp_path / "c.sqlite")
    store.put("a", 7, [Choice(content="7")])
    store.put("a", 10, [Choice(content="10")])

    async def answer(request: Request) -> Completion:
        return drawn(request)

    engine = Scripted(answer, at_once)
    assert contents(list(Inference(engine, store).run(ask("a", samples=8)))) == [[str(seed) for seed in range(5, 13)]]
    asked = sorted(seed + place for seed, samples in engine.sent for place in range(samples))
    assert asked == [5, 6, 8, 9, 11, 12]
    assert max(samples for _, samples in engine.sent) <= at_once
    store.close()


def test_an_engine_that_learns_to_take_fewer_is_asked_for_the_rest_side_by_side() -> None:
    """What came is kept, the others are asked for one by one, at a time."""
    active = most = 0

    async def answer(request: Request) -> Completion:
        nonlocal active, most
        engine.at_once = 1
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.02)
        active -= 1
        return drawn(request, 1)

    engine = Scripted(answer)
    assert contents(list(Inference(engine).run(ask("a", samples=5)))) == [["5", "6", "7", "8", "9"]]
    assert engine.sent == [(5, 5), (6, 1), (7, 1), (8, 1), (9, 1)]
    assert most == 4


def test_pieces_of_a_request_keep_to_the_concurrency() -> None:
    """It is requests that an engine gets, however many questions they are of."""
    active = most = 0

    async def answer(request: Request) -> Completion:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0.005)
        active -= 1
        return drawn(request)

    list(Inference(Scripted(answer, 1), concurrency=3).run(ask("a", "b", "c", samples=8)))
    assert most == 3


def test_a_refused_piece_refuses_the_request_and_what_came_is_kept(tmp_path: Path) -> None:
    """So that asking again costs what was refused."""
    store = CompletionStore(tmp_path / "c.sqlite")

    async def answer(request: Request) -> Completion:
        if request.seed == 6:
            raise Refused("refused_content", "no")
        return drawn(request)

    assert contents(list(Inference(Scripted(answer, 1), store).run(ask("a", samples=3)))) == ["refused_content"]
    assert sorted(store.get("a", 5, 3)) == [5, 7]
    store.close()


def test_an_engine_that_gives_nothing_is_said() -> None:
    """It would be asked for ever."""

    async def answer(request: Request) -> Completion:
        return drawn(request, 0)

    with pytest.raises(EngineError, match="no sample of prompt `p` came back"):
        list(Inference(Scripted(answer)).run(ask("a")))


def refusing(words: Iterable[str]) -> Scripted:
    """Refuses these at once; the others take their time."""
    refused = set(words)

    async def answer(request: Request) -> Completion:
        if request.inputs["word"] in refused:
            raise Refused("too_long", "9 tokens of 8")
        await asyncio.sleep(0.03)
        return drawn(request)

    return Scripted(answer)


def test_many_refused_alike_are_no_matter_of_single_ones() -> None:
    """Twenty and more than one in twenty: the reason is everyone's, and nothing else is paid for."""
    words = [str(number) for number in range(300)]
    engine = refusing(words[::3])
    with pytest.raises(EngineError, match=r"scripted: 20 of .* \(prompt `p`\) were refused alike, too_long: 9 tokens"):
        list(Inference(engine, concurrency=4).run(ask(*words)))
    assert len(engine.sent) < 100


def test_few_refused_stop_nobody_though_they_come_back_first() -> None:
    """One in thirty is refused without a moment's delay, while the others are under way."""
    words = [str(number) for number in range(720)]
    answered = list(Inference(refusing(words[::30]), concurrency=64).run(ask(*words)))
    assert contents(answered).count("too_long") == 24
    one_in_ten = words[:190:10]
    assert contents(list(Inference(refusing(one_in_ten)).run(ask(*words[:190])))).count("too_long") == 19


def finding_fault(words: Iterable[str]) -> Scripted:
    """Finds fault with these, as a server does that does not like the engine's settings."""
    bad = set(words)

    async def answer(request: Request) -> Completion:
        if request.inputs["word"] in bad:
            raise Refused("bad_request", "no such setting")
        return drawn(request)

    return Scripted(answer)


def test_a_server_that_finds_fault_with_each_of_few_requests_concerns_everyone() -> None:
    """A recipe of five contexts would be built to nothing otherwise; one answer, or two requests, make it theirs."""
    with pytest.raises(
        EngineError, match=r"scripted: all 3 requests \(prompt `p`\) .*: no such setting; mend that and"
    ):
        list(Inference(finding_fault("abc")).run(ask("a", "b", "c")))
    assert contents(list(Inference(finding_fault("abc")).run(ask("a", "b", "c", "d")))).count("bad_request") == 3
    assert contents(list(Inference(finding_fault("abc")).run(ask("a", "b")))).count("bad_request") == 2


def test_who_is_told_of_answers_is_told_of_those_that_came(tmp_path: Path) -> None:
    """Not of those that were stored, which cost nothing."""
    store, told = CompletionStore(tmp_path / "c.sqlite"), list[Completion]()
    for _ in range(2):
        list(Inference(Echo(), store, answered=told.append).run(ask("a", "b", "bad", samples=2)))
    assert sorted(len(completion.choices) for completion in told) == [2, 2]
    store.close()


def test_a_process_that_was_forked_has_a_loop_of_its_own() -> None:
    """As Luigi's workers are, from a process that may have asked before."""
    code = (
        "import asyncio, os, sys\n"
        "from longhop.engines import Choice, Completion, Request\n"
        "from longhop.inference import Inference\n"
        "class Engine:\n"
        "    model = 'm'\n"
        "    def key(self, request): return 'k'\n"
        "    async def complete(self, request): return Completion(choices=(Choice(content='a'),))\n"
        "asked = [Request(prompt='p', inputs={}, seed=5)] * 3\n"
        "open_run = Inference(Engine()).run(asked)\n"
        "next(open_run)\n"
        "child = os.fork()\n"
        "answers = len(list(Inference(Engine()).run(asked)))\n"
        "if child == 0:\n"
        "    open_run.close()\n"
        "    os._exit(answers)\n"
        "print(answers, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(list(open_run)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert (ended.stdout, ended.stderr) == ("3 3 2\n", "")
