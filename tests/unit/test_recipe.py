"""Recipes: what is read, what is refused, and what is said about it."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import pytest

from longhop.errors import RecipeError
from longhop.recipe import Recipe, parse_tokens

SMALL = """
name: small
sources: [{kind: book, path: books}]
contexts: {lengths: {8k: 4}}
engines: {writer: {kind: lexical}, reader: {kind: lexical}, judge: {kind: lexical}}
"""

# The recipe of DESIGN.md, section 5.
WHOLE = """
name: sample
seed: 7
tokenizer: Qwen/Qwen3-8B
prompts: my_prompts/
sources:
  - {kind: book,  path: data/sample/books,  license: CC0-1.0}
  - {kind: paper, path: data/sample/papers}
  - {kind: code,  path: data/sample/code, unit: repository}
  - {kind: book,  dataset: some/hub-dataset, split: train, text: text, title: title}
documents:
  min_tokens: 200
  max_tokens: 400_000
  near_duplicate: 0.8
  splits: {train: 0.9, validation: 0.05, test: 0.05}
  licenses: {allow: [CC0-1.0, CC-BY-4.0]}
  exclude: [benchmarks/longbench.jsonl]
contexts:
  lengths: {8k: 100, 32k: 100, 128k: 50, 512k: 10, 1m: 4}
  room: 0
  reuse: 1
  group: related
  related_share: 0.5
questions: {engine: writer, per_context: 4, scope: passages, min_documents: 2, steps: [2, 7], kinds: {bridge: 3, comparison: 1}}
checks: {engine: reader, evidence: 0.9, closed_book: 3, single_document: true, answerable: true, duplicate: 0.9, budget: 8k}
traces: {engine: reader, samples: 8, temperature: 1.0, top_p: 0.95, max_tokens: 16k, reasoning: native}
scoring: {judge: judge, ask: when_no_exact_match, votes: 1}
selection: {rule: majority, must_match_reference: true, ties: drop}
engines:
  writer: {kind: openai, model: org/model, urls: ["http://gpu1:8000/v1"], key_env: OPENAI_API_KEY, concurrency: 64}
  reader: {kind: vllm, model: org/model, revision: abc123, replicas: 4, gpus: [0, 1, 2, 3], args: ["--max-model-len", "1081344"]}
  judge:
    kind: openai
    model: other/model
    urls: ["http://gpu2:8000/v1"]
    sampling: {temperature: 0, top_p: null}
    extra_body: {chat_template_kwargs: {enable_thinking: false}}
    max_context: null
dataset: {license: cc-by-4.0, hub: org/name, private: true, examples: 1000}
"""  # noqa: E501


def load(folder: Path, text: str | bytes, *overrides: str) -> Recipe:
    """Write a recipe and load it."""
    file = folder / "recipe.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return Recipe.load(file, overrides)


def problems(folder: Path, text: str | bytes, *overrides: str) -> dict[str, str]:
    """What is wrong with a recipe: given and expected by key."""
    with pytest.raises(RecipeError) as caught:
        load(folder, text, *overrides)
    return {problem.key: f"{problem.given} / {problem.expected}" for problem in caught.value.problems}


def test_recipe_of_the_design_is_valid(tmp_path: Path) -> None:
    """Every key of the design is known, sizes are numbers, defaults fill the rest."""
    recipe = load(tmp_path, WHOLE)
    assert recipe.contexts.lengths == {8192: 100, 32768: 100, 131072: 50, 524288: 10, 1048576: 4}
    assert recipe.checks.budget == 8192
    assert recipe.traces.max_tokens == 16384
    assert recipe.engines["judge"].sampling == {"temperature": 0, "top_p": None}
    assert recipe.engines["reader"].concurrency == 64
    assert recipe.path == tmp_path / "recipe.yaml"


def test_small_recipe_has_defaults(tmp_path: Path) -> None:
    """Sources, lengths and engines are all that a recipe needs."""
    recipe = load(tmp_path, SMALL)
    assert recipe.traces.samples == 8
    assert recipe.documents.splits.train == 1
    assert recipe.path is not None


def test_resolved_recipe_comes_back_equal(tmp_path: Path) -> None:
    """What run.json holds is the recipe, whatever folder it is taken back in."""
    recipe = load(tmp_path, WHOLE)
    again = Recipe.parse(json.loads(json.dumps(recipe.resolved())), base=tmp_path / "elsewhere")
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert again.path is None
    assert pickle.loads(pickle.dumps(recipe)) == recipe  # noqa: S301
    assert load(tmp_path, SMALL) != recipe


def test_paths_are_taken_from_the_recipes_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths become absolute, `~` is the home folder, addresses and Hub names stay."""
    monkeypatch.setenv("HOME", "/home/someone")
    (tmp_path / "local").mkdir()
    text = SMALL.replace("path: books", "path: ../books") + (
        "prompts: ~/prompts\ndocuments: {exclude: [a.txt, /b.txt, 's3://bucket/c.txt']}\ntokenizer: ./t\n"
    )
    recipe = load(tmp_path, text, "engines.writer.tokenizer=local", "engines.judge.tokenizer=org/name")
    assert recipe.sources[0].path == str(tmp_path.parent / "books")
    assert recipe.prompts == "/home/someone/prompts"
    assert recipe.documents.exclude == [str(tmp_path / "a.txt"), "/b.txt", "s3://bucket/c.txt"]
    assert recipe.tokenizer == str(tmp_path / "t")
    assert recipe.engines["writer"].tokenizer == str(tmp_path / "local")
    assert recipe.engines["judge"].tokenizer == "org/name"
    assert load(tmp_path, SMALL).tokenizer == "words"
    assert load(tmp_path, SMALL, "tokenizer=a.json").tokenizer == str(tmp_path / "a.json")


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Each problem has the key's path, what is given and what is expected, across all parts."""
    text = """
name: "a b"
seed: "7"
sources: [{kind: book, path: x, licence: y}, {kind: paper}, {kind: code, path: x, dataset: a/b}]
documents: {min_tokens: 500, max_tokens: 100, splits: {train: 0.5}}
contexts: {lengths: {8k: 4, 8192: 2, 1q: 2}, room: 9k, reuse: 0}
questions: {engine: wrtier, steps: [3, 2]}
traces: {sampels: 4, samples: 2.5, temperature: .nan}
samples: 8
engines:
  writer: {kind: openai}
  reader: {kind: vllm, concurrency: yes}
  judge: {kind: lexicla}
"""
    found = problems(tmp_path, text)
    assert found["seed"] == "'7' / a whole number, without quotes"
    assert found["name"].startswith("'a b' / letters, digits")
    assert found["sources[0].licence"].startswith("an unknown key / `license` perhaps")
    assert found["sources[1].path"].startswith("nothing / either `path`")
    assert "either `path`" in found["sources[2].path"]
    assert found["documents.max_tokens"] == "100 / at least documents.min_tokens, which is 500"
    assert "sum to 1" in found["documents.splits"]
    assert found["contexts.lengths.8192"] == "the same length as 8k / every length once"
    assert "such as 8192, 8k or 1m" in found["contexts.lengths.1q"]
    assert found["contexts.room"] == "9216 / less than the smallest length, 8192"
    assert found["contexts.reuse"] == "0 / at least 1"
    assert found["questions.engine"] == "'wrtier' / one of the recipe's engines: writer, reader, judge"
    assert found["questions.steps"] == "[3, 2] / [least, most] with 1 <= least <= most"
    assert found["traces.sampels"].startswith("an unknown key / `samples` perhaps")
    assert found["traces.samples"] == "2.5 / a whole number"
    assert found["traces.temperature"] == "nan / a finite number"
    assert found["samples"] == "an unknown key / `traces.samples`, where that key belongs"
    assert found["engines.writer.model"] == "nothing / the name that the server knows the model by"
    assert "at least one address" in found["engines.writer.urls"]
    assert found["engines.reader.model"].startswith("nothing")
    assert found["engines.reader.concurrency"] == "'yes' / a whole number, without quotes"
    assert found["engines.judge.kind"] == "'lexicla' / 'openai', 'vllm' or 'lexical'"
    assert len(found) == 22


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("seed=true", "seed"),
        ("seed=1.0", "seed"),
        ("seed=99999999999999999999", "seed"),
        ("documents.near_duplicate=false", "documents.near_duplicate"),
        ("documents.near_duplicate='0.8'", "documents.near_duplicate"),
        ("documents.near_duplicate=.inf", "documents.near_duplicate"),
        ("documents.near_duplicate=1e999", "documents.near_duplicate"),
        ("contexts.room=true", "contexts.room"),
        ("contexts.room=1.5", "contexts.room"),
        ("contexts.room=1.0001k", "contexts.room"),
        ("contexts.lengths={8k: true}", "contexts.lengths.8k"),
        ("contexts.lengths={true: 1}", "contexts.lengths"),
        ("contexts.lengths={}", "contexts.lengths"),
        ("contexts.allow_fewer=yes", "contexts.allow_fewer"),
        ("tokenizer=5", "tokenizer"),
        ("sources={}", "sources"),
        ("sources=[]", "sources"),
        ("engines.writer=lexical", "engines.writer"),
        ("engines={}", "engines"),
        ("dataset.hub=name", "dataset.hub"),
        ("engines.writer.sampling={x: .nan}", "engines.writer.sampling.x"),
        ("contexts=", "contexts"),
    ],
)
def test_wrong_values_are_refused(tmp_path: Path, setting: str, key: str) -> None:
    """Nothing is guessed: no boolean is a number, no text is one, nothing is infinite."""
    assert list(problems(tmp_path, SMALL, setting)) == [key]


def test_overrides(tmp_path: Path) -> None:
    """Overrides reach parts that the file leaves out, places of lists, single lengths and whole mappings."""
    recipe = load(
        tmp_path,
        SMALL.replace("reader: {", "q2.5: {kind: lexical}, reader: {"),
        "traces.samples=4",
        "sources.0.path=/x",
        "sources[0].license=CC0-1.0",
        "contexts.lengths.32k=7",
        "contexts.lengths.8192=5",
        "questions.kinds={bridge: 1, comparison: 2}",
        "documents.near_duplicate=null",
        "engines.q2.5.concurrency=3",
        "traces.temperature=1e-3",
    )
    assert recipe.traces.samples == 4
    assert recipe.sources[0].path == "/x"
    assert recipe.sources[0].license == "CC0-1.0"
    assert recipe.contexts.lengths == {8192: 5, 32768: 7}
    assert recipe.questions.kinds == {"bridge": 1, "comparison": 2}
    assert recipe.documents.near_duplicate is None
    assert recipe.engines["q2.5"].concurrency == 3
    assert recipe.traces.temperature == 0.001
    assert load(tmp_path, SMALL, "contexts.lengths={1k: 2}").contexts.lengths == {1024: 2}


@pytest.mark.parametrize(
    ("setting", "key", "said"),
    [
        ("traces.samples", "--set traces.samples", "KEY=VALUE"),
        ("=4", "--set =4", "KEY=VALUE"),
        ("traces..samples=4", "--set traces..samples=4", "KEY=VALUE"),
        ("traces.sampels=4", "traces.sampels", "`samples` perhaps"),
        ("sources.3.path=x", "sources.3", "a place from 0 to 0"),
        ("sources.first.path=x", "sources.first", "a place from 0 to 0"),
        ("name.first=x", "name.first", "a key of a mapping"),
        ("seed=[1", "seed", "a value in YAML"),
        ("seed={a: 1, a: 2}", "seed", "a value in YAML"),
    ],
)
def test_wrong_overrides_are_refused(tmp_path: Path, setting: str, key: str, said: str) -> None:
    """An override that cannot be applied is a problem like any other."""
    found = problems(tmp_path, SMALL, setting)
    assert said in found[key]


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """A key that stands where its variable's name belongs, or under a key of its own, is in no message."""
    secret = "sk-abcdefghijklmnopqrstuvwxyz"  # noqa: S105
    text = SMALL.replace(
        "writer: {kind: lexical}",
        f"writer: {{kind: lexical, key_env: {secret}, api_key: {secret}, headers_env: {{Authorization: {secret}}}}}",
    )
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, text)
    assert len(caught.value.problems) == 3
    assert secret not in str(caught.value)
    assert "name of an environment variable" in str(caught.value)
    with pytest.raises(RecipeError, match="not the secret itself"):
        load(tmp_path, SMALL, "engines.writer.key_env=hf_abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize(
    "address",
    ["http://user:hunter2@gpu1:8000/v1", "https://hunter2@gpu1/v1", "http://gpu1/v1?key=hunter2", "ftp://a:hunter2@b"],
)
def test_an_address_with_a_secret_is_refused_and_not_shown(tmp_path: Path, address: str) -> None:
    """Recipes are kept in run.json and published; a password in an address would go with them."""
    engine = f"writer: {{kind: openai, model: org/model, urls: [{address!r}]}}"
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, SMALL.replace("writer: {kind: lexical}", engine))
    assert [problem.key for problem in caught.value.problems] == ["engines.writer.urls[0]"]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://gpu1:8000/v1", "http://[::1]:8000/v1", "https://api.org/@team/v1/", "http://gpu1"]
)
def test_an_address_of_a_server_is_taken(tmp_path: Path, address: str) -> None:
    """Names, ports, IPv6 and paths are all of an address."""
    engine = f"writer: {{kind: openai, model: org/model, urls: [{address!r}]}}"
    assert load(tmp_path, SMALL.replace("writer: {kind: lexical}", engine)).engines["writer"].urls == [address]


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("name: [a\n", "line 2, column 1", "YAML"),
        ("name: a\n\tseed: 1\n", "line 2, column 1", "that cannot start any token"),
        ("name: a\nname: b\n", "name", "the same key again in line 2"),
        ("a: {b: [{c: 1, c: 2}]}", "a.b[0].c", "the same key again in line 1"),
        ("- a\n", "recipe", "a mapping of keys to values"),
        ("just text", "recipe", "a mapping of keys to values"),
        ("", "recipe", "a mapping of keys to values"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1", "another document"),
        ("a: !!python/object/apply:os.system [ls]", "a", "a plain value without a tag"),
        ("a: !!binary aGk=", "a", "without a tag"),
        ("a: !!int x", "a", "without a tag"),
        ("a: !!bool ''", "a", "without a tag"),
        ("? [1, 2]\n: 3\n", "line 1, column 3", "unhashable key"),
        ("a: &x [*x]", "recipe", "none that holds itself"),
        ("a: *nowhere", "line 1, column 4", "undefined alias"),
        ("a: " + "[" * 3000, "recipe", "at most 40 levels"),
        ("a: \x07", "line 1", "the control character U+0007"),
        (b"a: \xff\xfe", "file", "a byte that is not UTF-8 at position 3"),
        ("a: " + "x" * 1_100_000, "recipe", "at most 1000000"),
    ],
)
def test_text_that_is_no_recipe(tmp_path: Path, text: str | bytes, key: str, said: str) -> None:
    """YAML that is broken, double, unsafe or no mapping is refused with its place."""
    assert said in problems(tmp_path, text)[key]


@pytest.mark.parametrize("form", ["a{0}: &a{0} [{1}]", "a{0}: &a{0} {{<<: [{1}]}}"])
def test_exploding_anchors_end_at_once(tmp_path: Path, form: str) -> None:
    """Ten levels of ten anchors each would be ten thousand million values."""
    first = "a0: &a0 {x: 1}"
    lines = [first, *(form.format(n, ", ".join([f"*a{n - 1}"] * 10)) for n in range(1, 11))]
    start = time.perf_counter()
    assert "anchors that stand for too much" in problems(tmp_path, "\n".join(lines))["recipe"]
    assert time.perf_counter() - start < 2


def test_anchors_and_merges_work(tmp_path: Path) -> None:
    """Anchors are fine as long as they stay small, and values are those of YAML 1.2."""
    text = SMALL.replace("reader: {kind: lexical}", "reader: {<<: *e, concurrency: 3}").replace("writer:", "writer: &e")
    recipe = load(tmp_path, text + "dataset: {license: no}\n")
    assert recipe.engines["reader"].kind == "lexical"
    assert recipe.engines["reader"].concurrency == 3
    assert recipe.dataset.license == "no"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder and an impossible name are said as such; a byte order mark is fine."""
    for path, said in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "Is a directory"), ("a\0b", "null byte")):
        with pytest.raises(RecipeError, match=said):
            Recipe.load(path)
    assert load(tmp_path, b"\xef\xbb\xbf" + SMALL.encode()).name == "small"


def test_parse_takes_plain_values_only() -> None:
    """A mapping from Python is validated alike; what JSON cannot hold is a problem with its key."""
    engines = {role: {"kind": "lexical"} for role in ("writer", "reader", "judge")}
    data: dict[str, Any] = {"name": "a", "contexts": {"lengths": {"8k": 1}}, "engines": engines}
    recipe = Recipe.parse(data | {"sources": ({"kind": "book", "path": "/x"},)}, overrides=["seed=3"])
    assert recipe.seed == 3
    loop: list[Any] = []
    loop.append(loop)
    for value in (object(), {1.5: 2}, loop, "\ud800", b"x"):
        with pytest.raises(RecipeError, match="engines.writer.sampling"):
            Recipe.parse(data | {"sources": [], "engines": {"writer": {"kind": "lexical", "sampling": {"x": value}}}})
    with pytest.raises(RecipeError, match="a mapping of keys"):
        Recipe.parse([1])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("8k", 8192), ("1m", 1048576), ("400_000", 400000), ("1.5K", 1536), (12, 12), (" 2 k ", 2048)],
)
def test_numbers_of_tokens(text: str | int, tokens: int) -> None:
    """K is 1024, m is its square."""
    assert parse_tokens(text) == tokens


@pytest.mark.parametrize("value", ["", "k", "-8k", "8kk", "1e3", "9" * 400, "1.0001k", True, 1.5, None, [8], "٣k"])
def test_no_numbers_of_tokens(value: object) -> None:
    """Everything else is refused."""
    with pytest.raises(ValueError, match="8192, 8k or 1m"):
        parse_tokens(value)


def test_what_is_excluded_is_a_path_or_a_mapping(tmp_path: Path) -> None:
    """Either form has its problems told as its own, and both have their paths made absolute."""
    given = '[a.txt, {path: "b/*.csv", columns: [question]}]'
    for part in ("documents", "checks"):
        recipe = load(tmp_path, SMALL, f"{part}.exclude={given}")
        plain, mapping = getattr(recipe, part).exclude
        assert plain == str(tmp_path / "a.txt")
        assert (mapping.path, mapping.columns, mapping.format) == (str(tmp_path / "b/*.csv"), ["question"], None)
        assert Recipe.parse(recipe.resolved()) == recipe
    found = problems(tmp_path, SMALL, "documents.exclude=[{pth: a}, 5, {path: b, columns: [], format: xml}, ~nouser/x]")
    assert list(found) == [
        "documents.exclude[0].path",
        "documents.exclude[0].pth",
        "documents.exclude[1]",
        "documents.exclude[2].columns",
        "documents.exclude[2].format",
        "documents.exclude[3]",
    ]
    assert "`path` perhaps" in found["documents.exclude[0].pth"]


def test_choosing_documents(tmp_path: Path) -> None:
    """Languages are codes; each rule of quality, all of a kind, or all may be null."""
    for setting, key in (
        ("documents.languages=[english]", "documents.languages[0]"),
        ("documents.languages=[]", "documents.languages"),
        ("documents.quality.prose.min_leters=0.1", "documents.quality.prose.min_leters"),
        ("documents.quality.code.min_letters=2", "documents.quality.code.min_letters"),
        ("documents.exclude_share=5", "documents.exclude_share"),
    ):
        assert list(problems(tmp_path, SMALL, setting)) == [key]
    quality = load(tmp_path, SMALL, "documents.quality.prose.min_letters=null").documents.quality
    assert quality is not None
    assert quality.prose is not None
    assert quality.code is not None
    assert (quality.prose.min_letters, quality.prose.min_words, quality.code.min_letters) == (None, 0.5, 0.2)
    assert load(tmp_path, SMALL, "documents.quality=null").documents.quality is None
