"""Inference against simulated servers: how near the schedule is to the ideal one, and what is computed twice.

    python -m benchmarks.inference slots        2,000 requests of very unequal length against 64 slots
    python -m benchmarks.inference prefill      contexts on servers whose cache holds few of them, in three orders
    python -m benchmarks.inference targets      eight worker processes, eight servers, contexts of mixed lengths
    python -m benchmarks.inference faults       a fifth of all requests fails in mixed ways
    python -m benchmarks.inference memory       one prompt of a million tokens

Each prints ratios that are measured in one run, with what it compares itself to. The servers are `tests/model_server`.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import multiprocessing
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from longhop.completions import CompletionStore
from longhop.engines import Completion, Request
from longhop.engines.dispatch import Dispatcher
from longhop.engines.openai import OpenAIEngine
from longhop.inference import Inference
from longhop.prompting import load_prompts
from longhop.recipe import EngineConfig
from longhop.tokens import load_tokenizer
from tests.model_server import Script, Shape, model_server

QUESTIONS, SAMPLES = 4, 8


def text(name: str, tokens: int) -> str:
    """A context of one document of so many words, each once."""
    words = " ".join(f"{name}w{number}" for number in range(tokens))
    return f'<document title="{name}" kind="book">\n{words}\n</document>\n\n'


def engine(urls: list[str], work: Path, concurrency: int, *, timeout: float | None = None, free: bool = False) -> Any:
    """The engine as a build makes it; `free`: tokens are guessed, so that counting them costs nothing."""
    config = EngineConfig(kind="openai", model="simulated", urls=urls, concurrency=concurrency, timeout=timeout)
    count: Callable[[str], int] = (lambda said: len(said) // 7) if free else load_tokenizer("words").count
    return OpenAIEngine("reader", config, load_prompts(), count, counts_words=True, work=work)


def ask(contexts: dict[str, str], order: str = "context", **more: Any) -> Iterator[Request]:
    """The requests of the traces stage: four questions on each context, eight samples each."""
    pairs = [(name, number) for name in contexts for number in range(QUESTIONS)]
    if order == "question":
        pairs.sort(key=lambda pair: pair[1])
    if order == "shuffled":
        random.Random(1).shuffle(pairs)
    for name, number in pairs:
        yield Request(
            prompt="answer",
            inputs={"context": contexts[name], "question": f"Which is number {number}?"},
            seed=1000 * number,
            samples=more.get("samples", SAMPLES),
            sampling={"max_tokens": 200},
            affinity=name,
        )


def slots() -> None:
    """Wall time over the ideal schedule's, and the processor time of a request."""
    for free in (False, True):
        context = text("a", 1000)
        with (
            tempfile.TemporaryDirectory() as work,
            model_server(
                Script(content_words=50, reasoning_words=0), Shape(slots=64 * SAMPLES, service_mean=0.5)
            ) as server,
        ):
            store = CompletionStore(Path(work) / "completions.sqlite")
            reader = Inference(engine([server.url], Path(work), 64, free=free), store, 64)
            requests = (
                Request(prompt="answer", inputs={"context": context, "question": f"{n}?"}, seed=10 * n, samples=SAMPLES)
                for n in range(500)
            )
            began = time.process_time()
            count = sum(1 for _ in reader.run(requests))
            each = 1000 * (time.process_time() - began) / count
        print(f"processor: {each:.1f} ms a request of 1,000 tokens, n = 8{', tokens not counted' if free else ''}")
    with tempfile.TemporaryDirectory() as work, model_server(Script(), Shape(slots=64, service_mean=0.5)) as server:
        reader = Inference(engine([server.url], Path(work), 64), None, 64)
        requests = (
            Request(prompt="answer", inputs={"context": "", "question": f"{number}?"}, seed=10 * number)
            for number in range(2000)
        )
        began = time.monotonic()
        count = sum(1 for _ in reader.run(requests))
        wall = time.monotonic() - began
        ideal = server.stats().ideal_seconds
    print(f"slots: {count:,} requests in {wall:.1f} s, ideal {ideal:.1f} s: {wall / ideal:.3f}")


PREFILL = [
    (1, 40, 8_000, ("context", "question", "shuffled")),
    (2, 60, 32_000, ("context", "question", "shuffled")),
    (2, 200, 131_072, ("context",)),  # the other orders take four times as long, and say the same
]


def prefill() -> None:
    """Prompt tokens computed over the least possible."""
    for servers, count, tokens, orders in PREFILL:
        contexts = {f"c{number}": text(f"c{number}", tokens) for number in range(count)}
        least = count * (tokens + QUESTIONS * 80)
        said = []
        for order in orders:
            for routed in (True, False):
                with ExitStack() as stack:
                    work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                    shape = Shape(
                        slots=256, prefill_rate=200_000, decode_rate=200, block_size=16, blocks=int(2.6 * tokens / 16)
                    )
                    made = [stack.enter_context(model_server(Script(), shape)) for _ in range(servers)]
                    reader = engine([server.url for server in made], work, 32)
                    if not routed:
                        stack.enter_context(choosing(lambda at, targets, _: targets[next(at) % len(targets)]))
                        reader._dispatcher.computes_first = Nobody()  # noqa: SLF001 - who knows nothing of caches
                    for _ in Inference(reader, None, 32).run(ask(contexts, order)):
                        pass
                    computed = sum(server.stats().prefilled_tokens for server in made)
                said.append(f"{order}{'' if routed else ', sent as they come'} {computed / least:.3f}")
        print(f"prefill: {count} contexts of {tokens:,} tokens, {servers} servers with room for two: {'; '.join(said)}")


class choosing:  # noqa: N801 - reads as a verb
    """Another way to choose servers, in place of ours."""

    def __init__(self, choose: Callable[[Any, list[str], str], str]) -> None:
        self._choose, self._at = choose, itertools.count()

    def __enter__(self) -> None:
        self._kept = Dispatcher._candidates  # noqa: SLF001
        choose, at = self._choose, self._at

        def other(self: Any, _place: Any, _load: Any, one: Any) -> list[str]:
            return [choose(at, self._targets, one.affinity)]

        Dispatcher._candidates = other  # type: ignore[method-assign] # noqa: SLF001

    def __exit__(self, *_: object) -> None:
        Dispatcher._candidates = self._kept  # type: ignore[method-assign] # noqa: SLF001


class Nobody(set[str]):
    """No server, whoever is added."""

    def add(self, _: str) -> None:  # noqa: D102
        pass


RATE, DECODE = 2_500, 30


def _part(job: tuple[list[str], str, dict[str, int], str]) -> None:
    """What a worker process does: one part of a few contexts, with an engine of its own."""
    urls, work, lengths, way = job
    contexts = {name: text(name, tokens) for name, tokens in lengths.items()}
    reader = engine(urls, Path(work), 256, free=True)
    with ExitStack() as stack:
        if way == "hashing":
            stack.enter_context(choosing(lambda _, targets, name: targets[hash(name) % len(targets)]))
        if way == "round-robin":
            stack.enter_context(choosing(lambda at, targets, _: targets[next(at) % len(targets)]))
        for _ in Inference(reader, None, 256).run(ask(contexts)):
            pass


def targets(count: int = 300, servers: int = 8, workers: int = 8) -> None:
    """Wall time over the ideal schedule's: the longest contexts first, each on the server that is free first."""
    rng = random.Random(2)
    lengths = {f"c{number}": rng.choice((2_500, 4_000, 6_000, 10_000)) for number in range(count)}
    answer = 48 / DECODE
    free = [0.0] * servers
    for tokens in sorted(lengths.values(), reverse=True):
        heapq.heapreplace(free, free[0] + (tokens + QUESTIONS * 80) / RATE)
    ideal = max(free) + answer
    for way in ("ours", "hashing", "round-robin"):
        with ExitStack() as stack:
            work = stack.enter_context(tempfile.TemporaryDirectory())
            shape = Shape(slots=256, prefill_rate=RATE, decode_rate=DECODE, block_size=16, blocks=16_384)
            made = [stack.enter_context(model_server(Script(), shape)) for _ in range(servers)]
            urls = [server.url for server in made]
            names = list(lengths)
            parts = [{name: lengths[name] for name in names[at : at + 10]} for at in range(0, count, 10)]
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(workers))
            pool.map(len, [[]] * workers)  # imports are not what is measured
            began = time.monotonic()
            for _ in pool.imap_unordered(_part, [(urls, work, part, way) for part in parts]):
                pass
            wall = time.monotonic() - began
            seen: dict[str, int] = {}
            for server in made:
                for name in server.stats().contexts:
                    seen[name] = seen.get(name, 0) + 1
        twice = sum(times > 1 for times in seen.values())
        said = f"{wall:.1f} s, ideal {ideal:.1f} s: {wall / ideal:.2f}"
        print(f"targets, {way}: {said}; {twice} contexts on several servers")


def faults() -> None:
    """The same answers, and how many requests they took."""
    mixed = "429:0.04 500:0.03 503:0.03 reset:0.03 truncated:0.02 html:0.02 fewer:0.02 empty:0.01".split()
    contexts = {f"c{number}": text(f"c{number}", 500) for number in range(250)}
    given: list[list[Any]] = []
    for wrong in ([], mixed):
        with (
            tempfile.TemporaryDirectory() as work,
            model_server(Script(), Shape(slots=256, service_mean=0.1), faults=wrong) as server,
        ):
            reader = Inference(engine([server.url], Path(work), 32, timeout=20), None, 32)
            answers = list(reader.run(ask(contexts, samples=4)))
            sent = server.stats().requests
            given.append([_said(answer) for answer in answers])
    print(f"faults: {sent / len(answers):.2f} requests for one, answers equal: {given[0] == given[1]}")


def _said(answer: Any) -> list[tuple[str, str]]:
    assert isinstance(answer, Completion), answer
    return [(choice.reasoning, choice.content) for choice in answer.choices]


def memory() -> None:
    """Peak of the process over the size of the prompt."""
    context = {"c": "word " * 1_000_000}
    size = len(context["c"])
    with tempfile.TemporaryDirectory() as work, model_server(Script(), Shape(prefill_rate=1e7)) as server:
        reader = engine([server.url], Path(work), 4, free=True)
        list(Inference(reader, None, 4).run(ask({"s": text("s", 10)})))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        list(Inference(reader, None, 4).run(itertools.islice(ask(context), 1)))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"memory: a prompt of {size / 1e6:.1f} MB takes {(after - before) * 1024 / size:.1f} times its size beside it"
    )


def main() -> None:
    """Measure what is asked for."""
    known = {"slots": slots, "prefill": prefill, "targets": targets, "faults": faults, "memory": memory}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", help=f"of {', '.join(known)}; all by default")
    what = parser.parse_args().what or list(known)
    if unknown := set(what) - set(known):
        parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(known)}")
    if len(what) == 1:
        known[what[0]]()
    for name in what if len(what) > 1 else []:  # each in a process of its own: what one held is in no other's memory
        subprocess.run([sys.executable, "-m", "benchmarks.inference", name], check=True)  # noqa: S603


if __name__ == "__main__":
    main()
