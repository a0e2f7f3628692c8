"""How an estimate is made: what is foreseen, corrected by what was measured, in tokens, hours, money and bytes.

    >>> make_estimate(recipe, measured=measure("runs/sample"), rates={"": Rates(prefill=8000, decode=1200)}).hours
    3.4

Where nothing is known of replies, `longhop.estimate.foreseen` assumes it and the estimate says so. A preview or an
earlier run (`longhop.estimate.measured`) gives what really was asked and answered; foreseen figures of other lengths,
numbers and settings are corrected by how much more or less was measured than would have been foreseen.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import variance

import msgspec

from longhop.errors import BuildError, PromptError, StorageError
from longhop.estimate import Estimate, Rates, Row, length_of, total_of
from longhop.estimate.foreseen import ASKING, Assumptions, Load, Wrappings, foresee, roles_of
from longhop.estimate.measured import Measured, measure
from longhop.manifest import NAME, Manifest, load
from longhop.prompting import load_prompts
from longhop.recipe import EngineConfig, Recipe
from longhop.spending import price_of
from longhop.storage import RunFolder
from longhop.tokens import load_tokenizer

__all__ = ["estimate_of", "make_estimate", "money_of"]

_STAGE_OF = {"writing": "questions", "checks": "questions", "traces": "traces", "verdicts": "verdicts"}
_ENOUGH = 4
"""Measured contexts of a length from which they alone speak for it."""
_FEW_QUESTIONS = 20
"""Measured questions below which chance decides much."""
_PREFILL_WORK = 1 / 8
"""What computing a token of a prompt counts beside one that is generated, where a run's speed is carried over."""
_BYTES_A_TOKEN = {"words": 5.0, "": 4.2}
_PACKED = 0.4
"""Bytes of a table for each byte of text."""
_STORED_TEXT, _STORED_ROW, _PAGES_FILLED = 1.2, 250, 0.65
"""The store of completions: bytes for each byte of an answer, bytes of each sample beside it, share of a page that is
filled."""
_FILLED = 0.98


def make_estimate(
    recipe: Recipe,
    contexts: Mapping[int, int] | None = None,
    measured: Measured | None = None,
    rates: Mapping[str, Rates] | None = None,
    assume: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
) -> Estimate:
    """Estimate what building a recipe takes.

    Args:
        recipe: What would be built.
        contexts: How many contexts of each target length; those of the recipe where None.
        measured: What a preview or a run had.
        rates: By role; `""` stands for every role that is not named.
        assume: Values of `Assumptions` that are known better.
        notes: What else there is to say.

    Raises:
        ValueError: An assumption has a value that cannot be.
        TokenizerError, PromptError: They cannot be loaded.
    """
    given = dict(assume or {})
    assumed = Assumptions(**given)
    tokenizer = load_tokenizer(recipe.tokenizer)
    maker = _Maker(recipe, Wrappings.of(load_prompts(recipe.prompts), tokenizer.count), assumed, measured, given)
    rows = [
        maker.row(asks, length, many, rates or {})
        for asks in ASKING
        for length, many in sorted((contexts or recipe.contexts.lengths).items())
    ]
    said = [*notes, *maker.notes(rows)]
    return Estimate(recipe.name, rows, maker.disk(rows), maker.basis(), said, maker.spread(rows))


class _Maker:
    """Foresees, and corrects by what was measured."""

    def __init__(
        self,
        recipe: Recipe,
        wrappings: Wrappings,
        assumed: Assumptions,
        measured: Measured | None,
        given: Mapping[str, float],
    ) -> None:
        self._recipe = recipe
        self._wrappings = wrappings
        self._assumed = assumed
        self._measured = measured
        self._given = given
        self._speed: dict[str, float] = {}
        if measured is not None:
            for stage in measured.seconds:
                mine = [asks for asks in ASKING if _STAGE_OF[asks] == stage]
                work = sum(_work(each.loads[asks]) for each in measured.contexts for asks in mine)
                self._speed[stage] = work / len(measured.contexts) / max(measured.seconds[stage], 1e-9)

    def row(self, asks: str, length: int, contexts: int, rates: Mapping[str, Rates]) -> Row:
        role = roles_of(self._recipe)[asks]
        config = self._recipe.engines[role]
        load = self._one(asks, length, config).times(contexts)
        return Row(
            asks=asks,
            role=role,
            length=length,
            contexts=contexts,
            load=load,
            hours=self._hours(asks, load, rates.get(role) or rates.get("") or Rates()),
            money=money_of(load, config),
            questions=load.samples / self._recipe.traces.samples if asks == "traces" else 0.0,
        )

    def _one(self, asks: str, length: int, config: EngineConfig) -> Load:
        """Of one context."""
        foreseen = foresee(self._recipe, length, self._wrappings, self._assumed)[asks]
        if self._measured is None:
            words = self._recipe.tokenizer == "words" and config.kind != "lexical" and config.tokenizer is None
            ratio = self._assumed.tokens_a_word if words else 1.0
            return msgspec.structs.replace(
                foreseen,
                prompt_tokens=foreseen.prompt_tokens * ratio,
                prefilled_tokens=foreseen.prefilled_tokens * ratio,
            )
        return foreseen.times(self._factors(asks, length, self._measured))

    def _factors(self, asks: str, length: int, measured: Measured) -> dict[str, float]:
        """How much more was measured than would have been foreseen, the nearer in length the more it counts."""
        alike = [each for each in measured.contexts if each.target_tokens == length]
        chosen = alike if len(alike) >= _ENOUGH else measured.contexts
        weights = {each.context_id: _likeness(each.target_tokens, length) for each in chosen}
        cache: dict[int, Load] = {}
        had, foreseen = Load(), Load()
        for each in chosen:
            if each.target_tokens not in cache:
                loads = foresee(measured.recipe, each.target_tokens, self._wrappings, self._assumed)
                cache[each.target_tokens] = loads[asks]
            weight = weights[each.context_id]
            had = had.plus(each.loads[asks].times(weight))
            foreseen = foreseen.plus(cache[each.target_tokens].times(weight))
        return {
            name: getattr(had, name) / getattr(foreseen, name) if getattr(foreseen, name) else 1.0
            for name in Load.__struct_fields__
        }

    def _hours(self, asks: str, load: Load, rates: Rates) -> float | None:
        if rates.prefill is not None and rates.decode is not None:
            return (load.prefilled_tokens / rates.prefill + load.generated_tokens / rates.decode) / 3600
        if not load.requests:
            return 0.0
        speed = self._speed.get(_STAGE_OF[asks])
        return _work(load) / speed / 3600 if speed else None

    def disk(self, rows: list[Row]) -> dict[str, float]:
        """Bytes by what takes them, documents counted as often as their text stands in contexts."""
        measured = self._measured
        a_token = _BYTES_A_TOKEN.get(self._recipe.tokenizer, _BYTES_A_TOKEN[""])
        packed = (measured.disk if measured is not None else None) or _PACKED
        if measured is not None:
            a_token = sum(c.n_bytes for c in measured.contexts) / sum(c.n_tokens for c in measured.contexts)
        traces = [row for row in rows if row.asks == "traces"]
        text = sum(row.contexts * _FILLED * (row.length - self._recipe.contexts.room) for row in traces) * a_token
        examples = sum(row.questions * _FILLED * row.length for row in traces) * a_token
        total = total_of(rows)
        replies = total.generated_tokens * a_token
        attempts = total_of(traces).generated_tokens * a_token
        return {
            "documents": text * packed / self._recipe.contexts.reuse,
            "contexts": 2 * text * packed,  # in their stage and in the dataset
            "answers": (_STORED_TEXT * replies + _STORED_ROW * total.samples) / _PAGES_FILLED + 2 * packed * attempts,
            "examples": packed * examples,  # each with its whole context
        }

    def spread(self, rows: list[Row]) -> float | None:
        """By chance: of what was measured, and of what will be built."""
        if self._measured is None:
            return None
        contexts = self._measured.contexts
        seen, accepted = (sum(getattr(each, name) for each in contexts) for name in ("questions", "accepted"))
        planned = sum(row.contexts for row in rows if row.asks == "traces")
        if not accepted:
            return 1.0
        # Questions of a context are alike, so contexts that differ tell more than the questions by themselves.
        share = min(accepted / seen, 1 - 0.5 / seen)
        single = (1 - share) / share * len(contexts) / seen
        mean = accepted / len(contexts)
        between = variance([each.accepted for each in contexts]) / mean**2 if len(contexts) > 1 else 0.0
        return min(1.0, math.sqrt(max(single, between) * (1 / len(contexts) + 1 / max(1, planned))))

    def basis(self) -> list[str]:
        """What the figures rest on."""
        if self._measured is None:
            lines = ["ASSUMED, since nothing was measured; a preview or an earlier run knows better (--from DIR):"]
            for name in Assumptions.__struct_fields__:
                value = getattr(self._assumed, name)
                lines.append(f"  {name} {value:g}{' (given)' if name in self._given else ''}")
            return lines
        contexts, many = self._measured.contexts, len(self._measured.contexts)
        lengths = ", ".join(length_of(length) for length in sorted({each.target_tokens for each in contexts}))
        questions, accepted = (sum(getattr(each, name) for each in contexts) for name in ("questions", "accepted"))
        previewed = f", {self._measured.previews} of them previewed" if self._measured.previews else ""
        looked = f"{many} context{'' if many == 1 else 's'} of {lengths} tokens{previewed}"
        return [f"measured in {self._measured.where}: {looked}; {accepted} of {questions} questions accepted"]

    def notes(self, rows: list[Row]) -> Iterator[str]:
        """What a reader of the figures has to know."""
        roles, engines = roles_of(self._recipe), self._recipe.engines
        named = list(dict.fromkeys(roles.values()))
        bare = [role for role in named if engines[role].kind == "lexical"]
        if bare:
            yield f"{', '.join(bare)}: lexical, no model; its tokens cost nothing"
        unpriced = [role for role in named if role not in bare and not engines[role].prices]
        if unpriced:
            keys = "{input: …, cached: …, output: …}"
            yield f"no money for {', '.join(unpriced)}: no prices; set engines.{unpriced[0]}.prices, per million {keys}"
        slow = list(dict.fromkeys(row.role for row in rows if row.hours is None))
        if slow:
            how = "give --prefill-rate and --decode-rate, or --from DIR"
            yield f"no hours for {', '.join(slow)}: no rates known; {how}"
        measured = self._measured
        if measured is None:
            return
        if sum(each.questions for each in measured.contexts) < _FEW_QUESTIONS:
            yield "few questions were measured; preview more contexts first (--length, --number)"
        seen = {each.target_tokens for each in measured.contexts}
        unseen = [length_of(row.length) for row in rows if row.asks == "traces" and row.length not in seen]
        if unseen:
            yield (
                f"no context of {', '.join(unseen)} tokens was measured; how many questions pass there is taken from "
                "other lengths: preview some"
            )
        if measured.skipped:
            yield f"{measured.skipped} contexts of {measured.where} were passed over: their answers are not there"
        if measured.seconds and any(row.hours is not None for row in rows):
            how = (
                "one context at a time, so a build is faster"
                if measured.previews == len(measured.contexts)
                else ("one part at a time; more workers are faster as long as the servers have room")
            )
            yield f"hours without given rates are those of {measured.where}: {how}"
        theirs = roles_of(measured.recipe)
        for asks, role in roles.items():
            own, other = engines[role], measured.recipe.engines[theirs[asks]]
            if (own.model or own.kind) != (other.model or other.kind):
                yield f"{asks}: measured with {other.model or other.kind}, to be built with {own.model or own.kind}"
        if measured.recipe.tokenizer != self._recipe.tokenizer:
            yield f"measured in tokens of {measured.recipe.tokenizer}, the recipe counts by {self._recipe.tokenizer}"
        settings = [
            name
            for name in ("questions", "checks", "traces", "scoring")
            if getattr(measured.recipe, name) != getattr(self._recipe, name)
        ]
        if settings:
            yield f"the recipe differs from the measured one in {', '.join(settings)}; what follows from it is foreseen"


def money_of(load: Load, config: EngineConfig) -> float | None:
    """What tokens cost at the prices of an engine, in their currency; None where it has none."""
    cached = load.prompt_tokens - load.prefilled_tokens
    return price_of(load.prefilled_tokens, cached, load.generated_tokens, config.prices)


def _likeness(one: int, other: int) -> float:
    """What a context of one length says of another: an eighth at half or twice the length."""
    return float(8.0 ** -abs(math.log2(one / other)))


def _work(load: Load) -> float:
    return load.generated_tokens + _PREFILL_WORK * load.prefilled_tokens


def estimate_of(
    recipe: Recipe,
    out: str,
    based_on: str | None = None,
    rates: Mapping[str, Rates] | None = None,
    assume: Mapping[str, float] | None = None,
) -> Estimate:
    """Estimate a recipe that would be built into a folder; see `longhop.builder.Builder.estimate`.

    Raises:
        StorageError: `out` holds a run of another recipe, or `based_on` tells nothing.
        BuildError: An assumption or a rate is unknown or cannot be.
    """
    for role in rates or {}:
        if role and role not in recipe.engines:
            raise BuildError(f"rates: the recipe has no engine `{role}`; it has {', '.join(recipe.engines)}")
    unknown = sorted(set(assume or {}) - set(Assumptions.__struct_fields__))
    if unknown:
        raise BuildError(
            f"assume: nothing is called `{unknown[0]}`; there are {', '.join(Assumptions.__struct_fields__)}"
        )
    folder, notes = RunFolder(out), []
    manifest = load(folder) if folder.exists(NAME) else None
    if manifest is not None and manifest.name != recipe.name:
        raise StorageError(
            f"{folder.url}: holds a run of the recipe `{manifest.name}`, this one is `{recipe.name}`; choose another "
            "--out; to estimate from that run, give it as --from"
        )
    contexts = _planned(folder, recipe, manifest) if manifest is not None else None
    measured = measure(based_on) if based_on is not None else None
    if measured is None and manifest is not None:
        try:
            measured = measure(out)
        except (StorageError, PromptError) as error:  # it was not asked for
            notes.append(str(error))
    try:
        return make_estimate(recipe, contexts, measured, rates, assume, notes)
    except ValueError as error:
        raise BuildError(f"assume: {error}") from error


def _planned(folder: RunFolder, recipe: Recipe, manifest: Manifest) -> dict[int, int] | None:
    """Contexts of each length in a run's plan, where it is as the recipe says; its documents may fill fewer."""
    asked = {int(length): many for length, many in recipe.contexts.lengths.items()}
    steps = manifest.steps
    if {int(length): many for length, many in steps[-1].lengths.items()} != asked:
        return None
    counted: Counter[int] = Counter()
    for step in range(len(steps)):
        name = folder.part_name("context_plan", manifest.fingerprints["context_plan"], step)
        if not folder.exists(name):
            return None
        counted.update(folder.read_table(name, ["target_tokens"])["target_tokens"].to_pylist())
    return dict(counted)
