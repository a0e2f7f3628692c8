"""run.json: what a run is of. The recipe as resolved, names of the frozen listing, fingerprints, and its growth.

    >>> manifest, notes = begin(RunFolder("runs/sample"), recipe)
    >>> manifest.fingerprints["traces"]
    '5c0f6f2a9d1b'

The plan of a run only grows. `growth` says which parts of the listing came when (the first at the beginning, others
with `--refresh`); `history` says, for the way in which contexts are planned, which contexts were asked for in which
step. What an earlier step planned keeps its ids and its place; a later step adds parts behind. One process writes
run.json: the front task, before any other task begins.
"""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import msgspec

from longhop.checks.novelty import EvaluationSets
from longhop.errors import SourceError, StorageError
from longhop.excluded_index import excluded_text
from longhop.fingerprints import fingerprints
from longhop.listing import listed_anew, start_again
from longhop.prompting import load_prompts
from longhop.recipe import Recipe
from longhop.sources.excluded import read_excluded
from longhop.storage import RunFolder
from longhop.tokens import load_tokenizer

__all__ = ["Manifest", "PlanStep", "begin", "load"]

NAME = "run.json"
_PACKAGES = ("longhop", "datasets", "huggingface_hub", "luigi", "polars", "pyarrow", "rapidfuzz", "rensa", "tokenizers")


class PlanStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step in which contexts were planned."""

    growth: int
    """How many steps of `growth` its documents come from."""
    lengths: dict[str, int]
    """Target length in tokens: contexts in all, those of earlier steps counted in."""
    allow_fewer: bool
    part_size: int
    part_tokens: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of run.json."""

    name: str
    recipe: dict[str, Any]
    fingerprints: dict[str, str]
    prompts: dict[str, str]
    """Hash of each prompt."""
    versions: dict[str, str]
    created: str
    refreshed: str
    """When the sources were listed last."""
    growth: list[tuple[int, int]]
    """First and last + 1 of the listing's parts that each step added."""
    history: dict[str, list[PlanStep]]
    """Steps of planning, by the fingerprint of `context_plan`."""
    listing: list[str]
    """Names of the listing's parts (`longhop.listing`), which only those read who read documents."""

    @property
    def steps(self) -> list[PlanStep]:
        """The steps of planning that the recipe's contexts come from."""
        return self.history[self.fingerprints["context_plan"]]

    @property
    def is_exclusive(self) -> bool:
        """Whether an engine of the recipe cannot stand on the GPUs beside the others."""
        return any(engine.get("exclusive") for engine in self.recipe["engines"].values())

    def loaded_recipe(self) -> Recipe:
        """The recipe that the run is of."""
        return Recipe.parse(self.recipe, where=NAME)


def load(folder: RunFolder) -> Manifest:
    """The manifest of a run that was begun.

    Raises:
        StorageError: There is none, or it is damaged.
    """
    manifest = _read(folder)
    if manifest is None:
        raise StorageError(f"{folder.url}: no run here, {NAME} is missing; `longhop build RECIPE --out DIR` makes one")
    return manifest


_last_read: tuple[str, Manifest] | None = None
"""What the file said last, by its stamp: every part reads it."""


def _read(folder: RunFolder) -> Manifest | None:
    global _last_read  # noqa: PLW0603 - a cache
    stamp = f"{folder.url_of(NAME)} {folder.stamp(NAME)}"
    if _last_read is not None and _last_read[0] == stamp:
        return _last_read[1]
    data = folder.read_json(NAME, f"restore it from a copy, or {start_again()}")
    if data is None:
        return None
    try:
        manifest = msgspec.convert(data, Manifest)
    except msgspec.ValidationError as error:
        raise StorageError(
            f"{folder.url_of(NAME)}: is not of this version of longhop ({error}); build into another folder"
        ) from error
    _last_read = (stamp, manifest)
    return manifest


def begin(folder: RunFolder, recipe: Recipe, now: str, *, refresh: bool = False) -> tuple[Manifest, list[str]]:
    """Begin a run, or go on with one: write run.json where it changes.

    Args:
        folder: The run's folder.
        recipe: What to build.
        now: The time, as ISO 8601 text.
        refresh: List the sources anew. A run that was begun keeps its listing otherwise.

    Returns:
        The manifest, and what there is to say about it: what was reused, added, has vanished.

    Raises:
        StorageError: The folder belongs to a recipe of another name, or cannot be written.
        SourceError: A source cannot be listed, or the sources of the recipe have changed without `refresh`.
        TokenizerError, PromptError: They cannot be loaded.
    """
    old = _read(folder)
    if old is None and folder.files("*/*/part-00000.parquet"):
        # Their numbers mean something in the listing and the plan that stood there, and in no other.
        raise StorageError(
            f"{folder.url_of(NAME)}: is missing, and parts of its run are there; restore it from a copy, "
            f"or {start_again()}"
        )
    if old is not None and old.name != recipe.name:
        raise StorageError(
            f"{folder.url}: holds a run of the recipe `{old.name}`, this one is `{recipe.name}`; choose another --out"
        )
    if old is not None and not refresh and old.recipe["sources"] != recipe.resolved()["sources"]:
        raise SourceError(
            f"{folder.url}: the recipe's sources differ from those that this run was begun with. "
            "Build with --refresh to add what is new; what was planned stays."
        )
    prompts = load_prompts(recipe.prompts)
    made = fingerprints(
        recipe,
        load_tokenizer(recipe.tokenizer).fingerprint,
        prompts.hashes,
        excluded_text(recipe.documents).fingerprint,
        EvaluationSets(text for _, text in read_excluded(recipe.checks.exclude, "checks.exclude")).fingerprint,
    )
    notes: list[str] = []
    listing, growth = (list(old.listing), list(old.growth)) if old else ([], [])
    if old is None or refresh:
        first = len(listing)
        listing, said = listed_anew(folder, recipe, listing)
        notes += said
        if len(listing) > first:
            growth.append((first, len(listing)))
    history = dict(old.history) if old else {}
    steps = _planned(folder, made, history.get(made["context_plan"], []))
    history[made["context_plan"]] = _grown(steps, recipe, len(growth), notes)
    manifest = Manifest(
        name=recipe.name,
        recipe=recipe.resolved(),
        fingerprints=made,
        prompts=prompts.hashes,
        versions=old.versions if old else _versions(),
        created=old.created if old else now,
        refreshed=now if old is None or refresh else old.refreshed,
        growth=growth,
        history=history,
        listing=listing,
    )
    if manifest != old:
        folder.write_json(NAME, manifest)
    return manifest, notes


def _planned(folder: RunFolder, made: dict[str, str], steps: list[PlanStep]) -> list[PlanStep]:
    """The steps that bind: a last one that was never planned, because it failed or was changed before, does not.

    One whose table somebody deleted does, as long as later plans or contexts follow from it: it is planned again.
    """
    if folder.parts("contexts", made["contexts"]) and not folder.parts("context_plan", made["context_plan"]):
        return steps
    return steps[: 1 + max(folder.parts("context_plan", made["context_plan"]), default=-1)]


def _grown(planned: list[PlanStep], recipe: Recipe, growth: int, notes: list[str]) -> list[PlanStep]:
    """The steps of planning, with one more where more is asked for than was planned."""
    before = planned[-1].lengths if planned else {}
    asked = {str(length): count for length, count in sorted(recipe.contexts.lengths.items())}
    lengths = {
        length: max(asked.get(length, 0), before.get(length, 0)) for length in sorted({*asked, *before}, key=int)
    }
    fewer = [length for length in before if asked.get(length, 0) < before[length]]
    if fewer:
        listed = ", ".join(f"{before[length]} of {int(length):,} tokens" for length in fewer)
        notes.append(f"fewer contexts asked for than planned; those that are planned stay: {listed}")
    step = PlanStep(
        growth=growth,
        lengths=lengths,
        allow_fewer=recipe.contexts.allow_fewer,
        part_size=recipe.contexts.part_size,
        part_tokens=recipe.contexts.part_tokens,
    )
    more_documents = bool(planned) and planned[-1].growth < growth and planned[-1].allow_fewer
    if planned and lengths == before and not more_documents:
        return planned
    if planned:
        more = ", ".join(
            f"{lengths[length] - before.get(length, 0)} of {int(length):,} tokens"
            for length in lengths
            if lengths[length] > before.get(length, 0)
        )
        notes.append(f"the plan grows: {more or 'what new documents can fill'}; what was planned is kept")
    return [*planned, step]


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
