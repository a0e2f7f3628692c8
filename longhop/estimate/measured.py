"""What a preview or an earlier run asked of its engines, context by context, out of its own answers.

    >>> measured = measure("runs/sample")
    >>> measured.contexts[0].loads["traces"].generated_tokens
    41300.0

The stages are run again over what the folder holds, with engines that look answers up in the store of completions:
they make the very requests that were made, repeated ones and all checks included, and nothing is sent
(`longhop.estimate.replay`). Prompts are counted by the recipe's tokenizer, answers as the servers counted them; how
both relate is taken from the answers. What prompts have in common is counted once a context and stage.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping

import msgspec

from longhop.checks.novelty import EvaluationSets
from longhop.completions import CompletionStore
from longhop.errors import EngineError, StorageError
from longhop.estimate.foreseen import ASKING, Load, roles_of
from longhop.estimate.replay import Replay
from longhop.inference import Inference
from longhop.manifest import Manifest, load
from longhop.prompting import Prompts, load_prompts
from longhop.recipe import Recipe
from longhop.records import Context, Question, Trace, from_table
from longhop.segments import Segments
from longhop.sources.excluded import read_excluded
from longhop.stages.questions import write_questions
from longhop.stages.traces import sample_traces
from longhop.stages.verdicts import score_traces
from longhop.storage import RunFolder
from longhop.tokens import load_tokenizer

__all__ = ["PREVIEWS", "Measured", "MeasuredContext", "measure"]

PREVIEWS = "previews"
"""Folder of a run that holds the contexts that were previewed, of each a table and what it took."""
_MOST = 40
"""Contexts of a length that are looked at, spread over all of them."""
_MISSING = 0.2
"""Share of a context's requests without an answer from which it is not looked at."""


class MeasuredContext(msgspec.Struct, frozen=True, kw_only=True):
    """One context and what was asked about it."""

    context_id: str
    target_tokens: int
    n_tokens: int
    n_bytes: int
    """Of its text in UTF-8."""
    loads: dict[str, Load]
    """By what asks (`longhop.estimate.foreseen.ASKING`), in tokens of the engines."""
    questions: int
    accepted: int


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder tells."""

    where: str
    recipe: Recipe
    contexts: list[MeasuredContext]
    previews: int
    """How many of them were previewed only."""
    skipped: int
    """Contexts that could not be looked at, since answers are missing or were refused."""
    ratios: dict[str, float]
    """By what asks: tokens of the engine for one of the recipe's tokenizer."""
    seconds: dict[str, float]
    """Of each stage for a context on average, without a stage of which the folder does not tell."""
    disk: float | None
    """Bytes on the disk for each byte of text of the contexts; None where none are built."""


def measure(out: str) -> Measured:
    """Look at what a run asked and was answered; contexts that were previewed count, too.

    Raises:
        StorageError: There is no run, nothing in it has come so far, its prompts have changed, or its answers are not
            on this machine.
    """
    folder = RunFolder(out)
    manifest = load(folder)
    recipe = manifest.loaded_recipe()
    prompts = load_prompts(recipe.prompts)
    if prompts.hashes != manifest.prompts:
        raise StorageError(f"{folder.url}: prompts have changed since this run was begun; build or preview it again")
    chosen, previews = _contexts(folder, manifest)
    if not chosen:
        raise StorageError(
            f"{folder.url}: nothing to estimate from: no context has come through all stages; preview one there with "
            "`longhop preview RECIPE --out DIR`, or build"
        )
    with _store(folder) as store:
        return _measured(folder, manifest, recipe, prompts, store, chosen, previews)


class _store:  # noqa: N801 - a context manager
    """The run's store of completions, with the segments of a remote run."""

    def __init__(self, folder: RunFolder) -> None:
        path = folder.work / "completions.sqlite"
        if folder.holds_its_work and not path.exists():
            raise StorageError(f"{path}: the answers of this run are missing, so nothing can be estimated from it")
        self._store = CompletionStore(path)
        if not folder.holds_its_work:
            places = {path.rpartition("/")[0] for path in folder.files("completions/*/*/*.parquet")}
            for place in sorted("completions/" + place.rpartition("completions/")[2] for place in places):
                Segments(folder, place, self._store).load()

    def __enter__(self) -> CompletionStore:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


def _contexts(folder: RunFolder, manifest: Manifest) -> tuple[list[Context], int]:
    """Contexts that came through all stages, some of each length, and how many of them were previewed only."""
    made = manifest.fingerprints
    by_length: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for part in folder.parts("verdicts", made["verdicts"]):
        table = folder.read_table(folder.part_name("contexts", made["contexts"], part), ["context_id", "target_tokens"])
        for name, length in zip(table["context_id"].to_pylist(), table["target_tokens"].to_pylist(), strict=True):
            by_length[length].append((part, name))
    wanted: dict[int, set[str]] = defaultdict(set)
    for rows in by_length.values():
        for part, name in rows[:: -(-len(rows) // _MOST)]:
            wanted[part].add(name)
    chosen = [
        context
        for part, names in sorted(wanted.items())
        for context in folder.read_part("contexts", made["contexts"], part, Context)
        if context.context_id in names
    ]
    known = {name for rows in by_length.values() for _, name in rows}
    previewed = [
        context
        for path in sorted(folder.files(f"{PREVIEWS}/*.parquet"))
        for context in from_table(folder.read_table(f"{PREVIEWS}/{path.rpartition('/')[2]}"), Context)
        if context.context_id not in known
    ]
    return [*chosen, *previewed], len(previewed)


def _measured(
    folder: RunFolder,
    manifest: Manifest,
    recipe: Recipe,
    prompts: Prompts,
    store: CompletionStore,
    chosen: list[Context],
    previews: int,
) -> Measured:
    count = load_tokenizer(recipe.tokenizer).count
    replays = {
        asks: Replay(recipe.engines[role], role, prompts, store, count) for asks, role in roles_of(recipe).items()
    }
    sets = EvaluationSets(text for _, text in read_excluded(recipe.checks.exclude, "checks.exclude"))
    found: list[MeasuredContext] = []
    skipped = 0
    for context in chosen:
        for replay in replays.values():
            replay.begin(context)
        try:
            questions = _replayed(context, recipe, replays, count, sets)
        except EngineError:  # most requests are without an answer
            questions = None
        missing = sum(replay.missing for replay in replays.values())
        asked = sum(replay.load.requests for replay in replays.values())
        # Single ones were refused in the run, too, and its questions went the same way then.
        if questions is None or missing > _MISSING * (missing + asked):
            skipped += 1
            continue
        found.append(
            MeasuredContext(
                context_id=context.context_id,
                target_tokens=context.target_tokens,
                n_tokens=context.n_tokens,
                n_bytes=len(context.text.encode("utf-8", "surrogatepass")),
                loads={asks: replay.load for asks, replay in replays.items()},
                questions=len(questions),
                accepted=sum(question.accepted for question in questions),
            )
        )
    if not found:
        raise StorageError(
            f"{folder.url}: of {len(chosen)} contexts answers are missing in {folder.work}; estimate on the machine "
            "that built it, with its --work (LONGHOP_WORK)"
        )
    ratios = {asks: replay.ratio for asks, replay in replays.items()}
    scaled = [
        msgspec.structs.replace(each, loads={asks: _in_tokens(each.loads[asks], ratios[asks]) for asks in ASKING})
        for each in found
    ]
    return Measured(
        where=folder.url,
        recipe=recipe,
        contexts=scaled,
        previews=previews,
        skipped=skipped,
        ratios=ratios,
        seconds=_seconds(folder, manifest, {each.context_id for each in found}, built=len(chosen) > previews),
        disk=_disk(folder, manifest, found),
    )


def _in_tokens(load: Load, ratio: float) -> Load:
    """Prompts were counted by the recipe's tokenizer, answers by the engine."""
    return msgspec.structs.replace(
        load, prompt_tokens=load.prompt_tokens * ratio, prefilled_tokens=load.prefilled_tokens * ratio
    )


def _replayed(
    context: Context,
    recipe: Recipe,
    replays: Mapping[str, Replay],
    count: Callable[[str], int],
    sets: EvaluationSets,
) -> list[Question]:
    """The stages over one context."""
    writer, reader, tracer, judge = (Inference(replays[asks], None, 1) for asks in ASKING)
    questions = [
        item
        for item in write_questions(
            [context],
            recipe.questions,
            recipe.checks,
            writer,
            reader,
            count,
            recipe.seed,
            sets,
            recipe.traces.reasoning,
        )
        if isinstance(item, Question)
    ]
    traces: dict[str, list[Trace]] = defaultdict(list)
    pairs = [(question, context) for question in questions]
    for trace in sample_traces(pairs, recipe.traces, tracer, count, recipe.seed):
        if isinstance(trace, Trace):
            traces[trace.question_id].append(trace)
    accepted = ((question, traces[question.question_id]) for question in questions if question.accepted)
    for _ in score_traces(accepted, recipe.scoring, recipe.selection, judge, recipe.seed):
        pass
    return questions


def _seconds(folder: RunFolder, manifest: Manifest, looked_at: set[str], *, built: bool) -> dict[str, float]:
    """Seconds a context of each stage that asks: of built parts, else of previews."""
    seconds: dict[str, list[float]] = defaultdict(list)
    if built:
        for stage in ("questions", "traces", "verdicts"):
            for part, counts in folder.all_counts(stage, manifest.fingerprints[stage]):
                before = folder.read_counts("contexts", manifest.fingerprints["contexts"], part)
                if before is not None and before.rows:
                    seconds[stage] += [counts.seconds / before.rows] * before.rows
    else:
        for name in looked_at:
            record = folder.read_json(f"{PREVIEWS}/{name}.json") or {}
            for stage, use in record.get("use", {}).items():
                if use.get("answers"):
                    seconds[stage].append(float(use["seconds"]))
    return {stage: statistics.fmean(each) for stage, each in seconds.items() if each}


def _disk(folder: RunFolder, manifest: Manifest, found: list[MeasuredContext]) -> float | None:
    """Bytes on the disk for each byte of text of the contexts; None where none are built."""
    fingerprint = manifest.fingerprints["contexts"]
    size = sum(folder.sizes(f"contexts/{fingerprint}").values())
    tokens = sum(counts.tokens for _, counts in folder.all_counts("contexts", fingerprint))
    a_token = sum(each.n_bytes for each in found) / max(1, sum(each.n_tokens for each in found))
    return size / (tokens * a_token) if size and tokens else None
