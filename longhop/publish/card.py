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
from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import mean
from typing import Any

import jinja2
import msgspec
import pyarrow as pa
import yaml

from longhop.publish.dataset import CONFIGURATIONS, Written
from longhop.recipe import Recipe

__all__ = ["CardFacts", "ExampleFacts", "SourceFacts", "render_card", "source_facts"]

_SIZES = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
_SHOWN = 600  # characters of a text that the card shows


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Documents of one kind and licence."""

    kind: str
    license: str
    documents: int
    tokens: int


class ExampleFacts:
    """What the card says about the examples, gathered part by part."""

    def __init__(self) -> None:
        self.first: dict[str, Any] | None = None
        self.lengths: Counter[int] = Counter()
        self.reached: dict[int, list[float]] = {}
        self.kinds: Counter[str] = Counter()
        self.votes: Counter[str] = Counter()
        self.chosen: list[int] = []
        self.typical: list[float] = []
        self.longest: list[int] = []

    def add(self, examples: pa.Table, traces: pa.Table, verdicts: pa.Table, published: frozenset[str]) -> None:
        """Take the tables of a part in."""
        groups = {row["trace_id"]: row["answer_group"] for row in verdicts.to_pylist()}
        tokens: dict[tuple[str, int], list[int]] = {}
        for row in traces.select(["trace_id", "question_id", "n_tokens"]).to_pylist():
            group = groups.get(row["trace_id"])
            if group is not None:
                tokens.setdefault((row["question_id"], group), []).append(row["n_tokens"])
        for row in examples.to_pylist():
            if row["question_id"] not in published:
                continue
            self.first = self.first or row
            self.lengths[row["target_tokens"]] += 1
            self.reached.setdefault(row["target_tokens"], []).append(row["context_tokens"] / row["target_tokens"])
            self.kinds[row["kind"]] += 1
            self.votes[f"{row['votes']} of {row['n_traces']}"] += 1
            same = tokens[row["question_id"], groups[row["trace_id"]]]
            self.chosen.append(row["trace_tokens"])
            self.typical.append(mean(same))
            self.longest.append(max(same))


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
        "license": facts.recipe.dataset.license,
        "pretty_name": facts.recipe.name,
        "task_categories": ["question-answering", "text-generation"],
        "size_categories": [next((name for most, name in _SIZES if examples < most), "n>1M")],
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
        reasons=facts.reasons,
        facts=facts.examples,
        reached={target: mean(shares) for target, shares in facts.examples.reached.items()},
        tokens=(
            (mean(facts.examples.chosen), mean(facts.examples.typical), mean(facts.examples.longest))
            if facts.examples.chosen
            else None
        ),
        roles=_roles(facts.recipe),
        lexical="lexical" in engines,
        prompts=facts.prompts,
        versions=facts.versions,
    )
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n{body}"


def _roles(recipe: Recipe) -> list[tuple[str, str, str]]:
    roles = [
        ("writes the questions", recipe.questions.engine),
        ("is asked by the checks", recipe.checks.engine),
        ("gives the traces", recipe.traces.engine),
        ("judges the answers", recipe.scoring.judge),
    ]
    return [
        (what, recipe.engines[role].model or recipe.engines[role].kind, recipe.engines[role].revision or "")
        for what, role in roles
    ]


def _safe(text: object) -> str:
    """Words of a document as Markdown that shows them and does nothing else."""
    flat = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]#|~])", r"\\\1", html.escape(flat, quote=False))


def _shortened(text: str) -> str:
    """A text for a code block: shortened in the middle, and unable to end the block."""
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

| kind | licence | documents | tokens |
|---|---|---:|---:|
{% for source in sources %}
| {{ source.kind | safe_text }} | {{ source.license | safe_text }} | {{ "{:,}".format(source.documents) }} | \
{{ "{:,}".format(source.tokens) }} |
{% endfor %}

Tokens are those of the tokenizer `{{ recipe.tokenizer.rsplit("/", 1)[-1] if recipe.tokenizer.startswith("/") else \
recipe.tokenizer }}`. Every row names its documents and their licences.

## How the rows were made

Documents are cleaned, deduplicated and split; related ones are packed to the target length together with distractors;
a writer composes questions; checks drop those that are out of form, not grounded in at least \
{{ recipe.questions.min_documents }} documents, known without documents, or answered by one document alone; \
{{ recipe.traces.samples }} traces are sampled a question; answers are compared by exact match and a judge; the shortest \
trace of the majority is kept{{ ", where the majority agrees with the reference" if \
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

{% if reasons %}
| stage | reason | how many |
|---|---|---:|
{% for stage, reason, count in reasons %}
| {{ stage }} | {{ reason | safe_text }} | {{ "{:,}".format(count) }} |
{% endfor %}

{% endif %}
{% if n_examples %}
| context, tokens | examples | filled, on average |
|---:|---:|---:|
{% for target, count in facts.lengths | dictsort %}
| {{ "{:,}".format(target) }} | {{ "{:,}".format(count) }} | {{ "%.1f%%" | format(100 * reached[target]) }} |
{% endfor %}

| kind of question | examples |
|---|---:|
{% for kind, count in facts.kinds | dictsort %}
| {{ kind | safe_text }} | {{ "{:,}".format(count) }} |
{% endfor %}

| traces that agree | examples |
|---|---:|
{% for votes, count in facts.votes | dictsort(reverse=true) %}
| {{ votes }} | {{ "{:,}".format(count) }} |
{% endfor %}

The chosen traces have {{ "%.0f" | format(tokens[0]) }} tokens on average; those that agree with them \
{{ "%.0f" | format(tokens[1]) }}, and the longest of them {{ "%.0f" | format(tokens[2]) }}.
{% endif %}
"""


def source_facts(documents: Iterable[Mapping[str, Any]]) -> list[SourceFacts]:
    """Documents by kind and licence; each row has `kind`, `license` and `n_tokens`."""
    count: Counter[tuple[str, str]] = Counter()
    tokens: Counter[tuple[str, str]] = Counter()
    for row in documents:
        key = (row["kind"], row["license"] or "not given")
        count[key] += 1
        tokens[key] += row["n_tokens"]
    return [
        SourceFacts(kind=kind, license=licence, documents=count[kind, licence], tokens=tokens[kind, licence])
        for kind, licence in sorted(count)
    ]
