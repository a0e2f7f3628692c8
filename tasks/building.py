"""What a part is built from and with, while it is built: one manifest, engines with their completions, progress."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property, lru_cache
from typing import TypeVar

from longhop.claims import Running
from longhop.completions import CompletionStore
from longhop.engines import Completion
from longhop.engines.roles import make_engine, model_of, server_spec
from longhop.errors import StorageError
from longhop.inference import Inference
from longhop.manifest import Manifest, load
from longhop.progress import Progress, Pulse
from longhop.prompting import Prompts, load_prompts
from longhop.recipe import Recipe
from longhop.records import Context, Record, Trace, Verdict
from longhop.segments import FLUSH_SECONDS, Segments
from longhop.serving import Servers, lease
from longhop.spending import Spent
from longhop.storage import RunFolder
from longhop.tokens import Tokenizer, load_tokenizer

log = logging.getLogger("longhop")

_MANY_TOKENS = 1_000_000
_LOW = 0.3
"""Prompts of which so little was cached, where there was enough to cache."""

R = TypeVar("R", bound=Record)
A = TypeVar("A", Trace, Verdict)


class Building:
    """One part of one stage while this process builds it; made by `building`."""

    def __init__(self, folder: RunFolder, manifest: Manifest, part: Running, stack: ExitStack, pulse: Pulse) -> None:
        self.folder = folder
        self.manifest = manifest
        """The run's manifest as the part was begun; another build may change it meanwhile."""
        self.part = part
        self.progress = Progress()
        self._stack = stack
        self.pulse = pulse
        """Does what has to be done at intervals."""

    @cached_property
    def recipe(self) -> Recipe:
        """The run's recipe."""
        return self.manifest.loaded_recipe()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The recipe's tokenizer."""
        return _tokenizer(self.recipe.tokenizer)

    @cached_property
    def prompts(self) -> Prompts:
        """The recipe's prompts.

        Raises:
            StorageError: They have changed since the build was begun.
        """
        prompts = _prompts(self.recipe.prompts)
        if prompts.hashes != self.manifest.prompts:
            raise StorageError(f"{self.folder.url}: prompts have changed since this build was begun; build again")
        return prompts

    def before(self, stage: str) -> str:
        """Fingerprint of another stage of this run."""
        return self.manifest.fingerprints[stage]

    def rows(self, stage: str, record: type[R]) -> list[R]:
        """What another stage made of this part."""
        return self.folder.read_part(stage, self.before(stage), self.part.part, record)

    def contexts(self) -> dict[str, Context]:
        """The contexts of this part by their ids."""
        return {context.context_id: context for context in self.rows("contexts", Context)}

    def by_question(self, stage: str, record: type[A]) -> dict[str, list[A]]:
        """What another stage made of each question of this part; nothing is an empty list."""
        found: dict[str, list[A]] = defaultdict(list)
        for row in self.rows(stage, record):
            found[row.question_id].append(row)
        return found

    def inference(self, role: str) -> Inference:
        """The engine of a role, with the completions that it gave before."""
        config, work = self.recipe.engines[role], self.folder.work
        engine = make_engine(role, config, self.prompts, self.tokenizer, work, self._servers(role))
        store = self._completions

        def answered(completion: Completion) -> None:
            store.spend(self.part.name, role, completion.usage)
            self.progress.answered(role, completion)

        return Inference(engine, store, config.concurrency, answered)

    def _servers(self, role: str) -> Servers | None:
        """An engine's servers, which are started where they are ours."""
        if self.recipe.engines[role].kind != "vllm":
            return None
        return self._stack.enter_context(lease(server_spec(self.recipe, role), self.folder.work))

    def model(self, role: str) -> str:
        """Name of what answers in a role."""
        return model_of(self.recipe.engines[role])

    @cached_property
    def _completions(self) -> CompletionStore:
        store = CompletionStore(self.folder.work / "completions.sqlite")
        self._stack.callback(store.close)
        if not self.folder.holds_its_work:
            segments = Segments(self.folder, f"completions/{self.part.stage}/{self.part.part:05}", store)
            segments.load()
            self.pulse.every(FLUSH_SECONDS, segments.flush)
            self._stack.callback(segments.flush)
        self.progress.spent.update(store.spent(self.part.name))
        return store


@contextmanager
def building(folder: RunFolder, part: Running, complete: Callable[[], bool]) -> Iterator[Building | None]:
    """Hold a part and all that it is built with; None where it is complete, since another build has made it meanwhile.

    Raises:
        StorageError: By the run's manifest, the part would have another fingerprint.
    """
    with folder.claim(part.stage, part.fingerprint, part.part) as claim:
        if complete():
            yield None
            return
        # Read now, since waiting for the part may have taken long.
        manifest = load(folder)
        expected = manifest.fingerprints[part.stage]
        if expected != part.fingerprint:
            raise StorageError(
                f"{folder.url}: run.json says {part.stage} {expected}, this task builds {part.fingerprint}; "
                "another build has changed the recipe meanwhile, start this one again"
            )
        with ExitStack() as stack, Pulse() as pulse:
            work = Building(folder, manifest, part, stack, pulse)
            pulse.every(claim.seconds, lambda: claim.say(work.progress.of(part)))
            yield work
            _warn_of_low_caching(work.progress.of(part))


def _warn_of_low_caching(part: Running) -> None:
    """Say where servers compute again and again what requests have in common, which costs most of a long context."""
    spent = sum(part.spent.values(), Spent())
    if spent.cached_tokens and spent.prompt_tokens > _MANY_TOKENS and spent.cached_tokens < _LOW * spent.prompt_tokens:
        log.warning(
            "%-12s part %d: servers had only %.0f%% of the prompts' tokens cached; a larger cache, or a lower "
            "`concurrency`, keeps contexts there between their questions",
            part.stage,
            part.part,
            100 * spent.cached_tokens / spent.prompt_tokens,
        )


@lru_cache(maxsize=1)
def _prompts(folder: str | None) -> Prompts:
    """Loaded once a process and build, not once a task: a part may be small."""
    return load_prompts(folder)


@lru_cache(maxsize=1)
def _tokenizer(spec: str) -> Tokenizer:
    return load_tokenizer(spec)


def forget_loaded() -> None:
    """Load prompts and tokenizer anew."""
    _prompts.cache_clear()
    _tokenizer.cache_clear()
