"""An engine that answers what was answered before, out of the store of completions, and counts what that took.

    >>> replay = Replay(config, "reader", prompts, store, tokenizer.count)
    >>> replay.begin(context)
    >>> list(sample_traces(pairs, recipe.traces, Inference(replay), tokenizer.count, recipe.seed))
    >>> replay.load.prefilled_tokens
    8_431.0

What servers are asked beside the stages' requests is counted, too: a long context that is computed by a request of its
own before the others, and samples that came back equal and were asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from longhop.completions import CompletionStore
from longhop.engines import Choice, Completion, Request
from longhop.engines.bodies import Bodies
from longhop.engines.dispatch import LONG_TOKENS
from longhop.engines.equal_samples import SHORT_TOKENS
from longhop.engines.lexical import LexicalEngine
from longhop.errors import Refused
from longhop.estimate.foreseen import Load
from longhop.prompting import Prompts
from longhop.recipe import EngineConfig
from longhop.records import Context

__all__ = ["Replay"]

_BLOCK = 16
"""Tokens that servers keep or lose together."""
_OTHERS = 24
"""Earlier prompts of a context that a prompt is compared with."""


class Replay:
    """Answers what was answered before, and counts it; an engine for `longhop.inference.Inference`."""

    def __init__(
        self, config: EngineConfig, role: str, prompts: Prompts, store: CompletionStore, count: Callable[[str], int]
    ) -> None:
        self.model = config.model or config.kind
        self._prompts = prompts
        self._store = store
        self._count = count
        self._bodies = None if config.kind == "lexical" else Bodies(role, config, prompts)
        self.key: Callable[[Request], str] = self._bodies.key if self._bodies is not None else LexicalEngine().key
        """Of a request, as the engine itself makes it."""
        self._counts: dict[tuple[int, int], int] = {}
        self._first: dict[str, str] = {}
        self.said = self.counted = self.missing = 0
        self.load = Load()
        self._seen: list[str] = []
        self._computed = False
        """Whether a long prompt of the context was computed by a request of its own, which comes before the others."""
        self._text, self._tokens = "", 0

    def begin(self, context: Context) -> None:
        """From here on count what is asked about a context."""
        self.load, self._seen, self.missing, self._computed = Load(), [], 0, False
        self._text, self._tokens = context.text, context.n_tokens

    async def complete(self, request: Request) -> Completion:
        """The answer that the store has, counted.

        Raises:
            Refused: It has none, or not of all samples; `missing` counts those.
        """
        found = self._store.get(self.key(request), request.seed, request.samples)
        if len(found) < request.samples:
            self.missing += 1
            raise Refused("missing", "not in the store of completions")
        text = "\n".join(message["content"] for message in self._prompts.render(request.prompt, request.inputs))
        tokens, cached = self._of(text), self._shared(request.prompt, text)
        self._seen.append(text)
        choices = tuple(found[seed] for seed in sorted(found))
        generated = sum(choice.n_tokens for choice in choices)
        again = self._again(request, choices)
        first = self._bodies is not None and tokens >= LONG_TOKENS and not self._computed
        self._computed = self._computed or first
        self.said += generated
        self.counted += sum(self._count(choice.reasoning) + self._count(choice.content) for choice in choices)
        self.load = self.load.plus(
            Load(
                requests=1 + again + first,
                samples=len(choices),
                prompt_tokens=(1 + again + first) * tokens,
                prefilled_tokens=tokens - cached,
                generated_tokens=generated + (choices[0].n_tokens * (len(choices) - 1) if again else 0) + first,
            )
        )
        return Completion(choices=choices)

    def _again(self, request: Request, choices: Sequence[Choice]) -> int:
        """Requests that were made once more, since a server may give copies for samples: see `EqualSamples`."""
        if self._bodies is None or len(choices) < 2 or self._bodies.sampling(request).get("temperature", 1) == 0:
            return 0
        equal = len({(choice.reasoning, choice.content) for choice in choices}) == 1
        return (1 if len(choices) == 2 else 2) if equal and choices[0].n_tokens >= SHORT_TOKENS else 0

    def _shared(self, prompt: str, text: str) -> int:
        """Tokens at the beginning that an earlier prompt had, too."""
        first = self._first.setdefault(prompt, text)
        others = [*self._seen[-_OTHERS:], *([first] if first is not text else [])]
        longest = max((_common(text, other) for other in others), default=0)
        return self._of(text[:longest]) // _BLOCK * _BLOCK

    def _of(self, text: str) -> int:
        """Tokens of a text; those of the context are known."""
        if self._text and (at := text.find(self._text)) >= 0:
            rest = text[:at], text[at + len(self._text) :]
            return self._tokens + sum(map(self._of_short, rest))
        return self._of_short(text)

    def _of_short(self, text: str) -> int:
        name = (len(text), hash(text))
        if name not in self._counts:
            if len(self._counts) > 10_000:
                self._counts.clear()
            self._counts[name] = self._count(text)
        return self._counts[name]

    @property
    def ratio(self) -> float:
        """Tokens of the engine for one of the recipe's tokenizer."""
        ratio = self.said / self.counted if self.counted else 1.0
        return ratio if 0.2 < ratio < 5 else 1.0


def _common(one: str, two: str) -> int:
    """Characters that two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(two))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == two[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
