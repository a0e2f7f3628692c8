"""Prompt tokens that real vLLM computes, over the least possible.

    .venv-vllm/bin/python -m benchmarks.vllm_prefill

Contexts of 8,000 tokens and more, four questions each, eight samples a question, on one server whose cache has room for
two contexts, in blocks of 32 tokens; the model is tiny and has random weights. The least is each context once, and each
question's own tokens once. Beside it the same questions in other orders. It needs `make .venv-vllm/installed`.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
import time
import urllib.request
from pathlib import Path

from longhop.engines import Completion, Request
from longhop.engines.openai import OpenAIEngine
from longhop.errors import Refused
from longhop.inference import Inference
from longhop.prompting import load_prompts
from longhop.recipe import EngineConfig
from longhop.serving import ServerSpec, Settings, keep, lease
from longhop.tokens import Tokenizer, load_tokenizer
from tests.vllm.conftest import ARGS, COMMAND, ENVIRONMENT, NAME
from tests.vllm.tiny_model import make_tiny_model

CONTEXTS, QUESTIONS, SAMPLES, TOKENS, BLOCK = 12, 4, 8, 8_000, 32
ROOM = 2.5
"""Contexts that the cache holds; what is above two is for the answers and for what prompts put around a context."""
WORDS = "lantern harbour rope crane mill tower ledger brass kelp glacier bishop umbrella".split()


def context(number: int, tokenizer: Tokenizer) -> str:
    """Words of its own, in a document."""
    rng = random.Random(number)
    body: list[str] = []
    while tokenizer.count(" ".join(body)) < TOKENS:
        body.extend(rng.choice(WORDS) for _ in range(200))
    return f'<document title="{number}" kind="book">\n{" ".join(body)}\n</document>\n\n'


def computed(url: str) -> float:
    """Prompt tokens that were not in the cache, as the server counts them."""
    with urllib.request.urlopen(url.replace("/v1", "/metrics"), timeout=60) as reply:  # noqa: S310 - our own server
        text = reply.read().decode()
    asked, had = (
        sum(map(float, re.findall(rf"^vllm:prefix_cache_{name}_total\{{.*\}} (\S+)$", text, re.MULTILINE)))
        for name in ("queries", "hits")
    )
    return asked - had


def requests(contexts: list[str], order: str) -> list[Request]:
    """Four questions on each context; with one round's seeds, since answers are not kept here."""
    pairs = [(number, question) for number in range(len(contexts)) for question in range(QUESTIONS)]
    if order == "question":
        pairs.sort(key=lambda pair: pair[1])
    if order == "shuffled":
        random.Random(1).shuffle(pairs)
    return [
        Request(
            prompt="answer",
            inputs={"context": contexts[number], "question": f"How many lanterns has crane {question}?"},
            seed=1000 * number + 10 * question,
            samples=SAMPLES,
            sampling={"max_tokens": 16, "temperature": 1.0},
            affinity=f"c{number}",
        )
        for number, question in pairs
    ]


def own(request: Request, tokenizer: Tokenizer) -> int:
    """Tokens of a prompt behind its context."""
    said = load_prompts().render(request.prompt, request.inputs)[-1]["content"]
    return tokenizer.count(said.removeprefix(request.inputs["context"]))


def main() -> None:
    """Measure and print."""
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name) / "work"
        model = make_tiny_model(Path(name) / "tiny", max_position=16_384)
        tokenizer = load_tokenizer(str(model / "tokenizer.json"))
        blocks = int(ROOM * (TOKENS + 500) / BLOCK)
        args = (*ARGS, "--block-size", str(BLOCK), "--num-gpu-blocks-override", str(blocks))
        spec = ServerSpec(model=str(model), args=args, command=COMMAND, max_model_len=12_000)
        config = EngineConfig(kind="vllm", model=str(model), args=list(args), command=list(COMMAND), concurrency=8)
        with keep(work, Settings(linger=1)), lease(spec, work) as servers:
            for place, order in enumerate(("context", "question", "shuffled")):
                contexts = [context(number + 100 * place, tokenizer) for number in range(CONTEXTS)]
                reader = OpenAIEngine(
                    "reader", config, load_prompts(), tokenizer.count, work=work, urls=servers.urls, served=NAME
                )
                asked = requests(contexts, order)
                least = sum(map(tokenizer.count, contexts)) + sum(own(request, tokenizer) for request in asked)
                before, began = computed(servers.urls[0]), time.monotonic()
                answers: list[Completion | Refused] = list(Inference(reader, None, 8).run(asked))
                assert all(isinstance(answer, Completion) for answer in answers), answers
                spent = computed(servers.urls[0]) - before
                print(
                    f"vLLM, order {order}: {spent:,.0f} tokens computed, at least {least:,}: {spent / least:.3f}; "
                    f"{time.monotonic() - began:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
