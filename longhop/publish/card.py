r"""The card: the README.md of a dataset, which says what it is, how it was made, and what was left out.

    >>> text = render_card(CardFacts(name="sample", …))
    >>> text.startswith("---\nlicense: cc0-1.0")
    True

Every figure comes out of the run's tables. Titles and other words of documents are escaped, so that no book can write
HTML or break a table.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from statistics import mean

import jinja2
import msgspec
import yaml

from longhop.checks.probes import reader_checks
from longhop.cleaning.overlap import RUN
from longhop.publish.dataset import Written
from longhop.publish.facts import ExampleFacts, PictureFile, SourceFacts
from longhop.publish.licenses import objection
from longhop.publish.portable import without_place
from longhop.publish.trainers import how_to_train
from longhop.recipe import Recipe

__all__ = ["CardFacts", "render_card"]

_SIZES = [  # fewer rows than: the name that the Hub has for it
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
]
_LICENSES = frozenset(
    "afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd bsd-2-clause bsd-3-clause bsl-1.0 cc cc-by-2.0 cc-by-2.5 cc-by-3.0 "
    "cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 "
    "cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 "
    "cdla-sharing-1.0 epl-2.0 eupl-1.1 eupl-1.2 gfdl gpl gpl-2.0 gpl-3.0 isc lgpl lgpl-2.1 lgpl-3.0 llama3 llama3.1 "
    "mit mpl-2.0 odbl odc-by ofl-1.1 openrail osl-3.0 other pddl unknown unlicense zlib".split()
)
_ASKED = {
    "single_document": "not answered by one document alone",
    "bridge_masked": "the last step not answered while its bridge is hidden",
    "all_but_one": "not answered with one of its documents left out",
    "answerable": "answered by its documents together",
    "sub_questions": "each step answered by its own documents",
    "unique": "no other answer found in the context's other documents",
}
"""What the card says of the checks that ask the reader."""
_LANGUAGES = 5
_SHOWN = 600  # characters of a text that the card shows


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the card is made of."""

    recipe: Recipe
    written: Written
    lacking: Sequence[str] = ()
    """What the dataset lacks of what was asked for, a sentence each."""
    sources: list[SourceFacts]
    funnel: list[tuple[str, int, int]]
    """Stage, what came out of it, what left it."""
    reasons: list[tuple[str, str, int]]
    """Stage, reason, how many."""
    excluded: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Documents left out for what they share with a file of `documents.exclude`, by file."""
    examples: ExampleFacts
    prompts: Mapping[str, str]
    versions: Mapping[str, str]
    pictures: Sequence[PictureFile] = ()


def render_card(facts: CardFacts) -> str:
    """The card as Markdown with its YAML front matter."""
    rows = facts.written.rows
    configs = [
        {
            "config_name": name,
            "data_files": [{"split": split, "path": f"data/{name}/{split}-*.parquet"} for split in rows[name]],
            **({"default": True} if name == "default" else {}),
        }
        for name in rows
        if rows[name]
    ]
    examples = sum(rows["default"].values())
    engines = sorted({engine.kind for engine in facts.recipe.engines.values()})
    front = {
        **_license(facts.recipe.dataset.license),
        "pretty_name": facts.recipe.name,
        "task_categories": ["question-answering", "text-generation"],
        "size_categories": [next((name for most, name in _SIZES if examples < most), "10M<n<100M")],
        "tags": ["long-context", "multi-hop", "reasoning", "synthetic", "longhop", *engines],
        "configs": configs,
    }
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown; `safe` escapes
    )
    environment.filters["safe_text"] = _safe
    environment.filters["shortened"] = _shortened
    body = environment.from_string(files("longhop.publish").joinpath("card.md.j2").read_text("utf-8")).render(
        recipe=facts.recipe,
        rows=rows,
        lacking=facts.lacking,
        trainers=how_to_train(
            facts.recipe.dataset.hub or "owner/name", facts.recipe.dataset, rows, facts.examples.longest_example
        ),
        n_examples=examples,
        sources=[_datasheet(facts, source) for source in facts.sources],
        license=facts.recipe.dataset.license,
        repo=facts.recipe.dataset.hub or "owner/name",
        pictures=facts.pictures,
        funnel=facts.funnel,
        checked=list(facts.examples.checks.values()),
        reasons=facts.reasons,
        excluded=facts.excluded,
        least_shared=_least_shared(facts.recipe),
        facts=facts.examples,
        lengths=_lengths(facts.recipe, facts.examples),
        tokens=_tokens(facts.examples),
        asked=_asked(facts.recipe),
        compared=[
            (said, *(facts.examples.compared[exact, judge] for judge in (True, False, None)))
            for said, exact in (("exact match", True), ("no exact match", False))
        ],
        tokenizer=without_place(facts.recipe.tokenizer),
        roles=_roles(facts.recipe),
        origins=_origins(facts.recipe),
        checks=_checks(facts.recipe),
        sampling=_sampling(facts.recipe),
        cited=f" that cites at least {least:.0%} of the evidence"
        if (least := facts.recipe.selection.min_evidence)
        else "",
        lexical="lexical" in engines,
        prompts=facts.prompts,
        versions=facts.versions,
    )
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n{body}"


def _least_shared(recipe: Recipe) -> str:
    share = recipe.documents.exclude_share
    return f"{share:.0%} of their runs of {RUN} words or more" if share else f"a run of {RUN} words"


def _license(name: str) -> dict[str, str]:
    """The licence as the Hub knows it; one that it does not know goes by the name `other`."""
    known = name.lower()
    return {"license": known} if known in _LICENSES else {"license": "other", "license_name": name}


def _datasheet(facts: CardFacts, source: SourceFacts) -> dict[str, object]:
    """A row of the datasheet."""
    given = None if source.license == "not given" else source.license
    years = source.years
    unknown = source.documents - sum(source.languages.values())
    spoken = [f"{language} {count:,}" for language, count in list(source.languages.items())[:_LANGUAGES]]
    rest = len(source.languages) - _LANGUAGES
    return {
        "kind": source.kind,
        "license": source.license,
        "documents": source.documents,
        "tokens": source.tokens,
        "share": source.tokens / (sum(each.tokens for each in facts.sources) or 1),
        "years": "" if years is None else f"{years[0]}" if years[0] == years[1] else f"{years[0]} to {years[1]}",
        "languages": ", ".join(
            [*spoken, *([f"{rest} more"] if rest > 0 else []), *([f"not given {unknown:,}"] if unknown else [])]
        ),
        "objection": objection(given, facts.recipe.dataset.license),
    }


def _lengths(recipe: Recipe, facts: ExampleFacts) -> list[tuple[int, int, int, float, int]]:
    """Of each length: contexts asked for, contexts made, how full they are, examples."""
    asked = recipe.contexts.lengths
    return [
        (target, asked.get(target, 0), made, facts.filled[target] / (target * made or 1), facts.lengths[target])
        for target in sorted({*asked, *facts.contexts})
        for made in [facts.contexts[target]]
    ]


def _asked(recipe: Recipe) -> str:
    """What the judge was asked about, and against what."""
    if recipe.scoring.ask == "never":
        return "it was not asked"
    if not recipe.selection.must_match_reference:
        return "it compared answers with one another, not with the reference"
    which = "those that are no exact match" if recipe.scoring.ask == "when_no_exact_match" else "all"
    return f"it was asked of {which}, against the reference"


def _tokens(facts: ExampleFacts) -> list[tuple[str, float, float]]:
    """Of the chosen traces and of those that agree with them: tokens altogether and on average."""
    said: list[tuple[str, Sequence[float]]] = [
        ("chosen", facts.chosen),
        ("shortest", facts.shortest),
        ("random, on average", facts.typical),
        ("longest", facts.longest),
    ]
    return [(which, sum(tokens), mean(tokens)) for which, tokens in said if tokens]


def _roles(recipe: Recipe) -> list[tuple[str, str, str]]:
    roles = [
        ("writes the questions", recipe.questions.engine),
        ("is asked by the checks", recipe.checks.engine),
        ("gives the traces", recipe.traces.engine),
        ("judges the answers", recipe.scoring.judge),
    ]
    return [
        (
            what,
            without_place(recipe.engines[role].model or recipe.engines[role].kind),
            recipe.engines[role].revision or "",
        )
        for what, role in roles
    ]


def _origins(recipe: Recipe) -> list[tuple[str, str, str]]:
    """Kind, name and licence of each source; of a path only its last part, which says nothing of the machine."""
    return [
        (
            source.kind,
            (f"{source.dataset}{f'@{source.revision}' if source.revision else ''}, split {source.split}")
            if source.dataset
            else without_place(source.path or ""),
            source.license or "not given",
        )
        for source in recipe.sources
    ]


def _checks(recipe: Recipe) -> list[str]:
    checks = recipe.checks
    least, most = recipe.questions.steps
    said = [
        f"{least} to {most} steps that build on one another",
        f"every quote found in its document (likeness {checks.evidence:g} or more)",
        f"no other question of its context says the same (likeness {checks.duplicate:g})",
    ]
    if checks.closed_book:
        said.append(f"not answered without documents ({checks.closed_book} tries)")
    asked = {check.name for check in reader_checks(checks)}
    return [*said, *(words for name, words in _ASKED.items() if name in asked)]


def _sampling(recipe: Recipe) -> str:
    traces = recipe.traces
    values = {"temperature": traces.temperature, "top_p": traces.top_p}
    said = [f"{name} {value:g}" for name, value in values.items() if value is not None]
    return ", ".join([*said, f"at most {traces.max_tokens:,} tokens", f"reasoning {traces.reasoning}"])


def _safe(text: object) -> str:
    """Words of a document as Markdown that shows them and does nothing else; of long ones the beginning."""
    visible = "".join(char for char in str(text) if char.isspace() or not unicodedata.category(char).startswith("C"))
    flat = " ".join(visible.split())
    flat = flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]} …"
    flat = re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", html.escape(flat, quote=False))
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", flat)  # no list and no underline where it stands first


def _shortened(text: str) -> str:
    """A text for a code block: shortened in the middle, unable to end the block or to turn what stands around it."""
    text = "".join(char for char in text if char in "\n\t" or not unicodedata.category(char).startswith("C"))
    middle = f"\n[… {len(text) - _SHOWN:,} more characters …]\n"
    short = text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}{middle}{text[-_SHOWN // 2 :]}"
    return re.sub(r"^(\s*)(```+|~~~+)", r"\1 \2", short, flags=re.MULTILINE).replace("````", "` ```")
