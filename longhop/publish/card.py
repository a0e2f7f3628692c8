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
from statistics import mean

import jinja2
import msgspec
import yaml

from longhop.checks.probes import reader_checks
from longhop.publish.dataset import CONFIGURATIONS, Written
from longhop.publish.facts import ExampleFacts, SourceFacts
from longhop.publish.portable import without_place
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
_SHOWN = 600  # characters of a text that the card shows


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the card is made of."""

    recipe: Recipe
    written: Written
    sources: list[SourceFacts]
    funnel: list[tuple[str, int, int]]
    """Stage, what came out of it, what left it."""
    reasons: list[tuple[str, str, int]]
    """Stage, reason, how many."""
    examples: ExampleFacts
    prompts: Mapping[str, str]
    versions: Mapping[str, str]


def render_card(facts: CardFacts) -> str:
    """The card as Markdown with its YAML front matter."""
    rows = facts.written.rows
    configs = [
        {
            "config_name": name,
            "data_files": [{"split": split, "path": f"data/{name}/{split}-*.parquet"} for split in rows[name]],
            **({"default": True} if name == "default" else {}),
        }
        for name in CONFIGURATIONS
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
    body = environment.from_string(_TEMPLATE).render(
        recipe=facts.recipe,
        rows=rows,
        n_examples=examples,
        sources=facts.sources,
        funnel=facts.funnel,
        checked=list(facts.examples.checks.values()),
        reasons=facts.reasons,
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


def _license(name: str) -> dict[str, str]:
    """The licence as the Hub knows it; one that it does not know goes by the name `other`."""
    known = name.lower()
    return {"license": known} if known in _LICENSES else {"license": "other", "license_name": name}


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
    """Words of a document as Markdown that shows them and does nothing else."""
    visible = "".join(char for char in str(text) if char.isspace() or not unicodedata.category(char).startswith("C"))
    flat = " ".join(visible.split())
    flat = re.sub(r"([\\`*_{}\[\]#|~$])", r"\\\1", html.escape(flat, quote=False))
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", flat)  # no list and no underline where it stands first


def _shortened(text: str) -> str:
    """A text for a code block: shortened in the middle, unable to end the block or to turn what stands around it."""
    text = "".join(char for char in text if char in "\n\t" or not unicodedata.category(char).startswith("C"))
    middle = f"\n[… {len(text) - _SHOWN:,} more characters …]\n"
    short = text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}{middle}{text[-_SHOWN // 2 :]}"
    return re.sub(r"^(\s*)(```+|~~~+)", r"\1 \2", short, flags=re.MULTILINE).replace("````", "` ```")


_TEMPLATE = """\
# {{ recipe.name | safe_text }}

{{ "{:,}".format(n_examples) }} examples of long-context question answering: each question needs several of the \
documents in its context. Built with longhop.

{% if lexical %}
> **Not meant for training.** The embedded engine `lexical` took part: rules over words, no language model. Its
> questions are composed by patterns and its traces are searches, not reasoning. The data serves to try, test and
> measure the pipeline.

{% endif %}
## Load

```python
from datasets import load_dataset

{% for name in rows if rows[name] %}
{{ name }} = load_dataset("owner/name", "{{ name }}")  # {% for split, n in rows[name].items() %}{{ split }}: \
{{ "{:,}".format(n) }} rows{{ ", " if not loop.last }}{% endfor %}

{% endfor %}
```

| configuration | a row is |
|---|---|
| `default` | an example: `messages` (system, user with the whole context and the question, assistant with reasoning \
and answer), and where it comes from |
| `traces` | one sampled attempt with its verdict, right or wrong |
| `questions` | a question with its steps, evidence and checks, accepted or rejected |
| `contexts` | a context with its documents; the others refer to it by `context_id` |

{% if facts.first %}
## An example

**Question.** {{ facts.first.question | safe_text }}

**Reference answer.** {{ facts.first.reference_answer | safe_text }} ({{ facts.first.votes }} of \
{{ facts.first.n_traces }} traces agree)

**Context.** {{ "{:,}".format(facts.first.context_tokens) }} tokens of \
{{ facts.first.documents | length }} documents: \
{% for document in facts.first.documents[:5] %}{{ document.title | safe_text }} ({{ document.kind | safe_text }})\
{{ ", " if not loop.last }}{% endfor %}{{ ", …" if facts.first.documents | length > 5 }}

**Evidence.**
{% for evidence in facts.first.evidence %}
{{ loop.index }}. {{ evidence.quote | safe_text }}
{% endfor %}

**Reasoning**

````
{{ facts.first.reasoning | shortened }}
````

**Content**

````
{{ facts.first.content | shortened }}
````

{% endif %}
## Where the documents come from

| kind | source | licence given for it |
|---|---|---|
{% for kind, source, licence in origins %}
| {{ kind | safe_text }} | {{ source | safe_text }} | {{ licence | safe_text }} |
{% endfor %}

What became a document and takes part:

| kind | licence | documents | tokens |
|---|---|---:|---:|
{% for source in sources %}
| {{ source.kind | safe_text }} | {{ source.license | safe_text }} | {{ "{:,}".format(source.documents) }} | \
{{ "{:,}".format(source.tokens) }} |
{% endfor %}

Tokens are those of the tokenizer `{{ tokenizer }}`. Every context and every example names its documents and the \
licences given for them.

## How the rows were made

Documents are cleaned, deduplicated and split; related ones are packed to the target length together with distractors;
a writer composes questions that need at least {{ recipe.questions.min_documents }} documents; each must pass the \
checks: {{ checks | join(", ") }}. {{ recipe.traces.samples }} traces are sampled a question ({{ sampling }}). Answers \
are compared by exact match{{ " and a judge" if recipe.scoring.ask != "never" }}; the shortest trace of the \
{{ recipe.selection.rule }}{{ cited }} is kept{{ ", where it agrees with the reference" if \
recipe.selection.must_match_reference }}.

| who | model | revision |
|---|---|---|
{% for what, model, revision in roles %}
| {{ what }} | {{ model | safe_text }} | {{ revision | safe_text }} |
{% endfor %}

The recipe is `recipe.yaml`, the prompts are in `prompts/` ({% for name, hash in prompts.items() %}`{{ name }}` \
{{ hash }}{{ ", " if not loop.last }}{% endfor %}). Versions: {% for name, version in versions.items() %}{{ name }} \
{{ version }}{{ ", " if not loop.last }}{% endfor %}.

## What came out, and what was left out

| stage | out | left |
|---|---:|---:|
{% for stage, out, left in funnel %}
| {{ stage }} | {{ "{:,}".format(out) }} | {{ "{:,}".format(left) }} |
{% endfor %}

{% if checked %}
Questions at each check, which sees those that passed the checks before; tokens are those of the documents and \
questions sent to the reader:

| kind | check | seen | fell | tokens sent |
|---|---|---:|---:|---:|
{% for row in checked if row.fell or row.tokens %}
| {{ row.kind | safe_text }} | {{ row.check | safe_text }} | {{ "{:,}".format(row.seen) }} | \
{{ "{:,}".format(row.fell) }} | {{ "{:,}".format(row.tokens) }} |
{% endfor %}

{% endif %}
{% if reasons %}
| stage | reason | how many |
|---|---|---:|
{% for stage, reason, count in reasons %}
| {{ stage }} | {{ reason | safe_text }} | {{ "{:,}".format(count) }} |
{% endfor %}

{% endif %}
| context, tokens | asked for | made | filled, on average | examples |
|---:|---:|---:|---:|---:|
{% for target, asked, made, filled, count in lengths %}
| {{ "{:,}".format(target) }} | {{ "{:,}".format(asked) }} | {{ "{:,}".format(made) }} | \
{{ "%.1f%%" | format(100 * filled) if made }} | {{ "{:,}".format(count) }} |
{% endfor %}

{% if n_examples %}
| kind of question | examples |
|---|---:|
{% for kind, count in facts.kinds | dictsort %}
| {{ kind | safe_text }} | {{ "{:,}".format(count) }} |
{% endfor %}

| traces that agree | examples |
|---|---:|
{% for (votes, sampled), count in facts.votes | dictsort(reverse=true) %}
| {{ votes }} of {{ sampled }} | {{ "{:,}".format(count) }} |
{% endfor %}

The chosen traces have {{ "%.0f" | format(tokens[0][2]) }} tokens on average; those that agree with them \
{{ "%.0f" | format(tokens[2][2]) }}, and the longest of them {{ "%.0f" | format(tokens[3][2]) }}. What the choice saves:

| trace | tokens of all examples | on average |
|---|---:|---:|
{% for which, all, each in tokens %}
| {{ which }} | {{ "{:,.0f}".format(all) }} | {{ "{:,.0f}".format(each) }} |
{% endfor %}
{% endif %}

Distinct answers of the questions, by exact match with the reference and by what the judge said of them \
({{ asked }}):

| | judge: same | judge: different | judge: null |
|---|---:|---:|---:|
{% for said, same, different, unsaid in compared %}
| {{ said }} | {{ "{:,}".format(same) }} | {{ "{:,}".format(different) }} | {{ "{:,}".format(unsaid) }} |
{% endfor %}

{% if facts.judge_failed %}
Null is also what the judge was asked and did not say, in so many traces: \
{% for why, count in facts.judge_failed | dictsort %}{{ why }} {{ "{:,}".format(count) }}\
{{ ", " if not loop.last }}{% endfor %}.
{% endif %}
"""
