"""The card says what the run's tables say, and nothing in it acts as markup that a document wrote."""

import re
from pathlib import Path
from typing import Any

import datasets
import msgspec
import pytest
import yaml

from longhop.cleaning.overlap import Overlap
from longhop.prompting import load_prompts
from longhop.publish.card import render_card
from longhop.publish.dataset import Written, choose_examples, write_tables
from longhop.publish.facts import PictureFile, excluded_facts, source_facts
from longhop.recipe import Recipe
from longhop.records import Rejection
from tests.small_run import card_facts, part, recipe, tables, write_dataset

NASTY = "</td><script>alert(1)</script> | [x](http://y) `z` *b* #h\n\n# Title\n---\n\u202eevil\x07"


def card(rows: dict[str, Any], counts: dict[str, dict[str, int]] | None = None, own: Recipe | None = None) -> str:
    published = frozenset(row["question_id"] for row in rows["examples"])
    if counts is None:
        counts = {
            "default": {"train": 1, "test": 2},
            "traces": {"train": 16},
            "questions": {"train": 5},
            "contexts": {},
        }
    return render_card(card_facts(rows, Written(rows=counts), published, own))


def front(text: str) -> dict[str, Any]:
    opening, _, rest = text.partition("---\n")
    assert opening == ""
    loaded: dict[str, Any] = yaml.safe_load(rest.partition("\n---\n")[0])
    return loaded


def changed(**keys: Any) -> Recipe:
    """The small recipe with other values."""
    values = recipe().resolved()
    for key, value in keys.items():
        section, _, name = key.partition("__")
        values[section][name] = value
    return Recipe.parse(values)


def test_the_front_matter_declares_what_has_rows() -> None:
    """Configurations without rows are left out, and `default` is the default."""
    meta = front(card(tables()[0]))
    assert [config["config_name"] for config in meta["configs"]] == ["default", "traces", "questions"]
    assert meta["configs"][0]["default"] is True
    assert meta["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/default/train-*.parquet"},
        {"split": "test", "path": "data/default/test-*.parquet"},
    ]
    assert meta["license"] == "cc0-1.0"
    assert meta["pretty_name"] == "small"
    assert meta["size_categories"] == ["n<1K"]
    assert "question-answering" in meta["task_categories"]
    assert {"long-context", "multi-hop", "synthetic", "lexical"} <= set(meta["tags"])


@pytest.mark.parametrize(
    ("rows", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**7, "10M<n<100M")]
)
def test_the_size_is_one_of_those_of_the_hub(rows: int, size: str) -> None:
    """Sizes go by the number of examples."""
    counts = {"default": {"train": rows}, "traces": {}, "questions": {}, "contexts": {}}
    assert front(card(tables()[0], counts))["size_categories"] == [size]


def test_a_licence_is_written_as_the_hub_knows_it() -> None:
    """The Hub refuses a card with a licence that it does not know."""
    assert front(card(tables()[0], own=changed(dataset__license="CC-BY-4.0")))["license"] == "cc-by-4.0"
    own = front(card(tables()[0], own=changed(dataset__license="Our own terms")))
    assert (own["license"], own["license_name"]) == ("other", "Our own terms")


def test_figures_come_out_of_the_tables() -> None:
    """Votes, lengths, kinds, tokens, sources and reasons are counted."""
    text = card(tables()[0])
    filled = sum(row["n_tokens"] for row in tables()[0]["contexts"]) / (2 * 128)
    for line in (
        "3 examples of long-context question answering",
        "| book | CC0-1.0 | 2 | 94 |",
        "| code | not given | 2 | 90 |",
        f"| 128 | 2 | 2 | {filled:.1%} | 3 |",
        "| 3 of 4 | 2 |",
        "| 4 of 4 | 1 |",
        "| bridge | 3 |",
        "| examples | tie | 1 |",
        "| examples | 3 | 1 |",
        'load_dataset("owner/name", "traces")',
        "temperature 1, top_p 0.95, at most 16,384 tokens",
        "not answered without documents (3 tries)",
    ):
        assert line in text, line
    assert "/nowhere" not in text


def test_agreement_goes_from_the_most_votes_to_the_fewest() -> None:
    """Votes are numbers: sixteen of sixteen stand above nine."""
    rows, _ = tables()
    for row, votes in zip(rows["examples"], (9, 16, 10), strict=True):
        row.update(votes=votes, n_traces=16)
    assert re.findall(r"\| (\d+) of 16 \|", card(rows)) == ["16", "10", "9"]


def test_a_length_without_contexts_is_said() -> None:
    """What was asked for and could not be made stands beside what was."""
    own = changed(contexts__lengths={64: 3, 128: 2}, contexts__allow_fewer=True)
    assert "| 64 | 3 | 0 |  | 0 |" in card(tables()[0], own=own)


def test_a_model_in_a_folder_goes_by_its_name() -> None:
    """A path of this machine is no part of the card."""
    values = recipe().resolved()
    server = {"kind": "vllm", "model": "/models/of-mine/qwen"}
    values["engines"] = dict.fromkeys(("writer", "reader", "judge"), server)
    text = card(tables()[0], own=Recipe.parse({**values, "tokenizer": "/models/of-mine/tokenizer.json"}))
    assert "| gives the traces | qwen |" in text
    assert "`tokenizer.json`" in text
    assert "of-mine" not in text


def test_tokens_of_the_chosen_are_compared_with_those_of_its_group() -> None:
    """Chosen, mean and longest are over traces that agree, from the traces' own counts."""
    rows, _ = tables()
    rows["examples"] = rows["examples"][:1]  # its group has samples 0 to 2, of 23, 18 and 13 tokens or the like
    own = sorted(trace["n_tokens"] for trace in rows["traces"][:3])
    assert f"The chosen traces have {own[0]} tokens on average" in card(rows)
    assert f"{round(sum(own) / 3)}, and the longest of them {own[-1]}" in card(rows)


def test_the_agreement_of_exact_match_and_judge_is_told() -> None:
    """Over distinct answers, with what the judge did not say."""
    rows, _ = tables()
    rows["verdicts"] = [row | {"normal_form": str(row["answer_group"])} for row in rows["verdicts"]]
    valid = [row for row in rows["verdicts"] if row["valid"]]
    wrong = {(row["question_id"], row["normal_form"]) for row in valid if not row["exact_match"]}
    assert wrong
    assert f"| no exact match | 0 | {len(wrong)} | 0 |" in card(rows)
    assert "unreadable" not in card(rows)
    valid[0]["judge_failed"] = "unreadable"
    assert "unreadable 1" in card(rows)


def test_what_the_recipe_switches_off_is_not_claimed() -> None:
    """The card names no check that did not run and no judge that was not asked."""
    own = changed(checks__closed_book=0, checks__single_document=False, checks__answerable=False, scoring__ask="never")
    text = card(tables()[0], own=own)
    assert "without documents" not in text
    assert "one document alone" not in text
    assert "and a judge" not in text


@pytest.mark.parametrize(
    ("least", "said"), [(0.0, "majority is kept"), (0.9, "cites at least 90% of the evidence is kept")]
)
def test_the_card_says_how_traces_were_chosen(least: float, said: str) -> None:
    """The share of the evidence that a trace must cite is part of the choice."""
    assert said in card(tables()[0], own=changed(selection__min_evidence=least))


def test_the_embedded_engine_is_said_to_be_no_model() -> None:
    """Data of `lexical` is not meant for training, and only such data is called so."""
    assert "**Not meant for training.**" in card(tables()[0])
    values = recipe().resolved()
    server = {"kind": "openai", "model": "org/model", "urls": ["http://localhost:8000/v1"]}
    values["engines"] = dict.fromkeys(("writer", "reader", "judge"), server)
    text = card(tables()[0], own=Recipe.parse(values))
    assert "Not meant for training" not in text
    assert "| gives the traces | org/model |" in text
    assert "http://localhost" not in text


def test_words_of_documents_are_only_shown() -> None:
    """HTML, tables, links, headings, fences and control characters of a text do nothing in the card."""
    rows, _ = tables()
    for row in rows["examples"]:
        row["question"] = row["reference_answer"] = NASTY
        row["reasoning"] = f"a\n````\n# broken out\n`````\n{NASTY}\n```\n"
        row["content"] = f"Answer: \t{NASTY}"
        row["documents"] = [{**document, "title": NASTY} for document in row["documents"]]
        row["evidence"] = [{**quote, "quote": f"- {NASTY}"} for quote in row["evidence"]]
    rows["documents"][0]["kind"] = "a|b"
    rows["documents"][0]["license"] = NASTY
    outside, fence = [], ""
    for line in card(rows).partition("\n---\n")[2].splitlines():
        marks = re.match(r" {0,3}(`{3,}|~{3,})(.*)", line)  # as CommonMark has fences
        if marks and not fence:
            fence = marks[1]
        elif marks and marks[1].startswith(fence) and not marks[2].strip():
            fence = ""
        elif not fence:
            outside.append(line)
    text = "\n".join(outside)
    assert fence == ""
    assert not re.search("[\u202e\x07]", card(rows))
    assert "<script" not in text
    assert "[x](" not in text
    assert "\u202e" not in text
    assert "\x07" not in text
    assert not any("Title" in line and line.startswith("#") for line in outside)
    assert "broken out" not in text
    cells = next(line for line in outside if line.startswith("| a\\|b |"))
    assert cells.replace("\\|", "").count("|") == 8
    assert "1. \\- " in text


def test_an_example_without_evidence_claims_none() -> None:
    """No heading with nothing below it, whether the list is empty or null."""
    for nothing in ((), None):
        rows, _ = tables()
        rows["examples"][0]["evidence"] = nothing
        text = card(rows)
        assert "**Evidence.**" not in text
        assert "**Reasoning**" in text
    assert "**Evidence.**\n1. " in card(tables()[0])


def test_long_texts_are_shown_by_their_beginning() -> None:
    """A question, a title or a quote of any length leaves the card readable; words without an end, too."""
    rows, _ = tables()
    for row in rows["examples"]:
        row["question"] = row["reference_answer"] = "w" * 50_000
        row["documents"] = [{**document, "title": "t " * 50_000} for document in row["documents"]]
        row["evidence"] = [{**quote, "quote": "\u05d0" * 50_000} for quote in row["evidence"]]
    text = card(rows)
    assert len(text) < len(card(tables()[0])) + 6_000
    assert f"**Question.** {'w' * 600} …\n" in text


def test_a_run_without_examples_has_a_card() -> None:
    """No example, no averages, no division by zero."""
    rows, _ = tables()
    rows["examples"] = []
    counts: dict[str, dict[str, int]] = {"default": {}, "traces": {"train": 1}, "questions": {}, "contexts": {}}
    text = card(rows, counts)
    assert "0 examples" in text
    assert [config["config_name"] for config in front(text)["configs"]] == ["traces"]
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == ["traces"]


def test_lengths_for_trainers_are_said_to_be_words_where_they_are() -> None:
    """A trainer that is given them with a model's tokenizer would leave the longest examples out."""
    words, model = recipe(), recipe().model_copy(update={"tokenizer": "tokenizer.json"})
    said = "Lengths are counted by `words`"
    assert said in card(tables()[0], own=words)
    assert said not in card(tables()[0], own=model)


def test_the_folder_loads_by_its_card(tmp_path: Path) -> None:
    """`load_dataset(folder, configuration)` finds what the card declares."""
    rows, _ = tables()
    write_dataset(tmp_path / "small", rows)
    own = part(rows)
    chosen = choose_examples([own.examples], 0.9, None).question_ids
    counts = write_tables(tmp_path / "again", [own], load_prompts(), chosen).rows
    for name, splits in counts.items():
        loaded = datasets.load_dataset(str(tmp_path / "small"), name, cache_dir=str(tmp_path / "cache"))
        assert {split: loaded[split].num_rows for split in loaded} == splits


def test_sources_are_counted_by_kind_and_licence() -> None:
    """A document without a licence is counted as such."""
    facts = source_facts(tables()[0]["documents"])
    assert [(fact.kind, fact.license, fact.documents) for fact in facts] == [
        ("book", "CC0-1.0", 2),
        ("code", "not given", 2),
    ]


def test_the_datasheet_says_years_languages_and_what_licences_forbid() -> None:
    """Of each kind and licence; what documents do not give is said not to be given."""
    rows = tables()[0]
    for document, year, language in zip(
        rows["documents"], (1851, 1720, 1900, None), ("en", "en", "de", None), strict=True
    ):
        document.update(year=year, language=language)
    text = card(rows)
    assert "| 1851 to 1900 | de 1, en 1 |" in text or "| 1851 to 1900 | en 1, de 1 |" in text
    assert "| 1720 | en 1, not given 1 |" in text
    assert "- code, not given (2 documents): has no licence given" in text
    assert "- book" not in text.partition("By the names of their licences")[2].partition("##")[0]
    assert "no licence of its own" in card(rows, own=changed(dataset__license="other"))


def test_pictures_stand_in_the_card_with_words_in_their_place() -> None:
    """What they say is shown as words of documents are: a kind may be called anything."""
    rows = tables()[0]
    published = frozenset(row["question_id"] for row in tables()[0]["examples"])
    picture = PictureFile(path="figures/kinds.png", title="Kinds [x](http://y)", says="a | b <img>\n# 5%.")
    rows = tables()[0]
    facts = msgspec.structs.replace(
        card_facts(rows, Written(rows={"default": {"train": 1}}), published), pictures=[picture]
    )
    text = render_card(facts)
    assert r"![Kinds \[x\](http://y), as a picture](figures/kinds.png)" in text
    assert r"a \| b &lt;img&gt; \# 5%." in text


def test_what_evaluation_sets_leave_out_is_counted_by_file() -> None:
    """Each file of `documents.exclude` with the documents that overlap it, and the bound; nothing where none does."""
    details = [Overlap(file, "one: a text", 0.5).detail for file in ("a: b.jsonl", "c|d.csv", "a: b.jsonl")]
    rejections = [
        Rejection(stage="documents", item_id="x", reason=reason, detail=detail)
        for reason, detail in [*(("overlaps_evaluation", detail) for detail in details), ("too_short", "1 token")]
    ]
    counted = excluded_facts(rejections)
    assert counted == {"a: b.jsonl": 2, "c|d.csv": 1}
    rows = tables()[0]
    facts = card_facts(rows, Written(rows={"default": {}, "traces": {}, "questions": {}, "contexts": {}}), frozenset())
    text = render_card(msgspec.structs.replace(facts, excluded=counted))
    assert "share 10% of their runs of 13 words or more" in text
    assert "| a: b.jsonl | 2 |" in text
    assert "| c\\|d.csv | 1 |" in text
    assert "models are measured on" not in render_card(facts)
