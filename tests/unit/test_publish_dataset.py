"""The tables of a run become four configurations, part by part, that `datasets` loads."""

import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longhop.prompting import load_prompts
from longhop.publish import shards
from longhop.publish.choice import shortfall
from longhop.publish.dataset import CONFIGURATIONS, PartTables, choose_examples, schema, write_tables
from longhop.publish.messages import ExampleCounter, assistant_content, messages
from longhop.recipe import DatasetConfig
from longhop.records import Context, Question, Trace, from_table
from longhop.tokens import WordTokenizer
from tests.small_run import Rows, part, tables

PROMPTS = load_prompts()
ROOT = Path(__file__).parents[2]


def rows_of(*questions: tuple[str, str], target: int = 128, kind: str = "bridge", split: str = "train") -> pa.Table:
    """Examples of (id, question) as `choose_examples` reads them."""
    more = {"target_tokens": target, "kind": kind, "split": split}
    return pa.Table.from_pylist([{"question_id": name, "question": text, **more} for name, text in questions])


def write(target: Path, *parts: PartTables) -> dict[str, dict[str, int]]:
    chosen = choose_examples((tables.examples for tables in parts), 0.9, None)
    return write_tables(target, parts, PROMPTS, chosen.question_ids).rows


def read(target: Path, configuration: str, split: str) -> Rows:
    rows: Rows = pq.read_table(target / "data" / configuration / f"{split}-00000-of-00001.parquet").to_pylist()
    return rows


LONG = "which keeper of the lamp at Aldmere was paid the most crowns a year before the great storm came over the bay"


def test_questions_that_say_the_same_leave_one_behind() -> None:
    """That of the earlier part stays, within a part that of the smaller id; the others say which one it was."""
    one, two = rows_of(("b", LONG), ("c", "Who built the tower?")), rows_of(("a", f"{LONG.upper()}?"), ("d", "Why?"))
    for parts, stays, left in (([one, two], "b", "a"), ([two, one], "a", "b"), ([pa.concat_tables([one, two])], *"ab")):
        chosen = choose_examples(parts, 0.9, None)
        assert chosen.question_ids == {stays, "c", "d"}
        assert [(row.stage, row.item_id, row.reason) for row in chosen.rejections] == [("dataset", left, "duplicate")]
        assert f"question {stays}" in chosen.rejections[0].detail


def test_as_many_examples_as_asked_spread_over_lengths_and_kinds() -> None:
    """Of each length and kind in turn; what is beyond is a rejection, so that the sum is kept."""
    words = "one two three four five six seven eight nine ten".split()
    short = rows_of(*((f"s{n}", f"question {word} about lamps {word}") for n, word in enumerate(words)), target=64)
    long = rows_of(
        *((f"l{n}", f"question {word} about towers {word}") for n, word in enumerate(words[:3])), kind="other"
    )
    chosen = choose_examples([short, long], 0.9, 8)
    assert len(chosen.question_ids) == 8
    assert sum(name.startswith("l") for name in chosen.question_ids) == 3
    assert {row.reason for row in chosen.rejections} == {"beyond_examples"}
    assert len(chosen.rejections) == 5


SIZES = st.dictionaries(st.tuples(st.sampled_from([64, 128, 256]), st.sampled_from("abc")), st.integers(1, 9))


@given(SIZES, st.integers(1, 30), st.randoms(use_true_random=False))
def test_the_choice_is_as_even_as_there_are_examples(
    sizes: dict[tuple[int, str], int], most: int, chance: random.Random
) -> None:
    """No length and kind has fewer than another by more than one, unless all of it is taken; order changes nothing."""
    tables = [
        rows_of(*((f"{target}{kind}{n}", f"{target} {kind} {n}") for n in range(count)), target=target, kind=kind)
        for (target, kind), count in sizes.items()
    ]
    chosen = choose_examples(tables, 2.0, most)
    assert len(chosen.question_ids) == min(most, sum(sizes.values())) == sum(chosen.lengths.values())
    taken = {key: sum(name.startswith(f"{key[0]}{key[1]}") for name in chosen.question_ids) for key in sizes}
    for key, count in taken.items():
        assert count == sizes[key] or count >= max(taken.values()) - 1
    rows = pa.concat_tables(tables).to_pylist() if tables else []
    chance.shuffle(rows)
    mixed = [pa.Table.from_pylist(rows)] if rows else []
    assert choose_examples(mixed, 2.0, most).question_ids == chosen.question_ids


def test_a_beginning_of_the_choice_has_the_splits_in_their_shares() -> None:
    """Of one length and kind, two of three in `train`: also of the few that are taken."""
    many = rows_of(*((f"a{n}", f"a {n}") for n in range(20)))
    few = rows_of(*((f"b{n}", f"b {n}") for n in range(10)), split="test")
    for most in (3, 6, 15):
        chosen = choose_examples([many, few], 2.0, most)
        assert sum(name.startswith("b") for name in chosen.question_ids) == most // 3


def test_more_parts_keep_what_was_chosen() -> None:
    """A run grows by parts behind those that it has; as long as all are wanted, nothing is exchanged."""
    parts = [rows_of(*((f"{part}{n}", f"{part} {n}") for n in range(4)), target=64 + part % 2) for part in range(6)]
    known: frozenset[str] = frozenset()
    for count in range(1, 7):
        chosen = choose_examples(parts[:count], 2.0, 100).question_ids
        assert known < chosen
        known = chosen


@pytest.mark.parametrize(
    ("asked", "examples", "contexts", "more"),
    [
        (1000, {8192: 400, 32768: 200}, {8192: 100, 32768: 100}, {8192: 25, 32768: 150}),
        (100, {8: 90, 16: 5}, {8: 30, 16: 50}, {16: 50}),  # the length that has least is filled up first
        (10, {8: 3}, {8: 4, 16: 9}, {8: 10}),  # of a length that gave none nothing can be foreseen
        (10, {}, {8: 4}, {}),
        (10, {8: 10}, {8: 4}, None),
        (None, {8: 1}, {8: 4}, None),
    ],
)
def test_what_is_missing_is_foreseen_by_the_acceptance_so_far(
    asked: int | None, examples: dict[int, int], contexts: dict[int, int], more: dict[int, int] | None
) -> None:
    """Contexts by length, so that the dataset ends as balanced as it can; nothing where nothing is missing."""
    found = shortfall(asked, examples, contexts)
    assert (found and found.contexts) == more
    if found and more:
        given = sum(count * examples[length] / contexts[length] for length, count in more.items())
        assert found.asked - found.there <= given + 1e-9
        assert all(f"{count} of {length:,} tokens" in str(found) for length, count in more.items())
        assert "missing parts" not in str(found)
        assert "those of the missing parts among them" in str(shortfall(asked, examples, contexts, unfinished=True))
    elif found:
        assert "no context has given an example yet" in str(found)


@given(st.lists(st.sampled_from(["lamp a b c d", "tower e f g h", "bay i j k l"]), max_size=8), st.integers(1, 4))
def test_every_example_is_chosen_or_rejected(texts: list[str], most: int) -> None:
    """Nothing is lost between examples and dataset."""
    parts = [rows_of((f"{number}", text)) for number, text in enumerate(texts)]
    chosen = choose_examples(parts, 0.9, most)
    left = [row.item_id for row in chosen.rejections]
    assert sorted([*chosen.question_ids, *left]) == sorted(map(str, range(len(texts))))
    assert len(chosen.question_ids) == min(most, len(set(texts)))


def test_rows_are_those_of_the_run_with_messages(tmp_path: Path) -> None:
    """All columns of an example stay; the messages hold the whole context, the question, reasoning and answer."""
    run = part(tables()[0])
    rows: dict[str, Rows] = {stage: table.to_pylist() for stage, table in run._asdict().items()}
    counts = write(tmp_path, run)
    assert counts["default"] == {"test": 2}
    texts = {row["context_id"]: row["text"] for row in rows["contexts"]}
    for row in read(tmp_path, "default", "test"):
        own = next(example for example in rows["examples"] if example["question_id"] == row["question_id"])
        assert {key: row[key] for key in own} == own
        system, user, assistant = row["messages"]
        assert [system["role"], user["role"], assistant["role"]] == ["system", "user", "assistant"]
        assert user["content"].startswith(texts[row["context_id"]])
        assert row["question"] in user["content"]
        assert assistant["content"] == f"<think>\n{row['reasoning']}\n</think>\n\n{row['content']}"
        assert row["example_tokens"] == sum(WordTokenizer().count(said["content"]) for said in row["messages"])
    questions = read(tmp_path, "questions", "train") + read(tmp_path, "questions", "test")
    licenses = {row["context_id"]: row["documents"][0]["license"] for row in rows["contexts"]}
    assert questions == [{**row, "licenses": [licenses[row["context_id"]]]} for row in rows["questions"]]
    assert read(tmp_path, "contexts", "train") + read(tmp_path, "contexts", "test") == rows["contexts"]
    traces = read(tmp_path, "traces", "train") + read(tmp_path, "traces", "test")
    verdicts = {row["trace_id"]: row for row in rows["verdicts"]}
    for row, own in zip(traces, rows["traces"], strict=True):
        assert {key: row[key] for key in own} == own
        expected = {**verdicts[own["trace_id"]], "model": own["model"]}
        assert {key: row[key] for key in expected} == expected
        assert row["models"] == {"writer": "writer", "reader": "reader", "judge": "judge"}
        assert row["licenses"] == [licenses[row["context_id"]]]


def test_only_splits_with_rows_have_files_and_all_of_them_load(tmp_path: Path) -> None:
    """A declared split without rows is an error of `datasets`, so none is written; large strings survive."""
    counts = write(tmp_path / "dataset", part(tables()[0]))
    files = {str(path.relative_to(tmp_path / "dataset" / "data")) for path in tmp_path.rglob("*.parquet")}
    assert files == {f"{name}/{split}-00000-of-00001.parquet" for name, splits in counts.items() for split in splits}
    for name, splits in counts.items():
        paths = {split: str(tmp_path / "dataset" / "data" / name / f"{split}-*.parquet") for split in splits}
        loaded = datasets.load_dataset("parquet", data_files=paths, cache_dir=str(tmp_path / "cache" / name))
        assert {split: loaded[split].num_rows for split in loaded} == splits
        assert pq.read_schema(next((tmp_path / "dataset" / "data" / name).iterdir())).equals(
            schema(name, DatasetConfig())
        )


def test_without_examples_the_other_configurations_stand(tmp_path: Path) -> None:
    """A run that gave no example still publishes what it has."""
    rows, _ = tables()
    rows["examples"] = []
    counts = write(tmp_path, part(rows))
    assert counts["default"] == {}
    assert not (tmp_path / "data" / "default").exists()
    assert sum(counts["traces"].values()) == len(rows["traces"])


def test_parts_are_read_one_at_a_time(tmp_path: Path) -> None:
    """The second part is asked for when the first has been written, never before."""
    rows, _ = tables()
    written: list[int] = []
    file = tmp_path / "data" / "contexts" / "train-00000.parquet"

    def parts() -> Iterator[PartTables]:
        for _ in range(3):
            written.append(file.stat().st_size if file.exists() else 0)
            yield part(rows)

    counts = write_tables(tmp_path, parts(), PROMPTS, frozenset()).rows
    assert counts["contexts"] == {"test": 3, "train": 3}
    assert written[0] == 0
    assert written[1] < written[2]
    assert pq.read_metadata(file.with_stem("train-00000-of-00001")).num_row_groups == 3


def test_joined_examples_of_ten_times_the_memory_are_written() -> None:
    """In a process whose memory is limited, as `benchmarks/export.py` measures it with more."""
    words = [sys.executable, "benchmarks/export.py", "--memory", "120"]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert ended.returncode == 0, ended.stderr
    said = re.search(r"([\d,]+) MB joined, in ([\d,]+) MB beyond the start", ended.stdout)
    assert said is not None
    assert int(said[1].replace(",", "")) >= 10 * int(said[2])


def test_files_are_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A split that is large has several files, named as the Hub names them, and loads as one."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)
    rows, _ = tables()
    counts = write_tables(tmp_path, [part(rows)] * 3, PROMPTS, frozenset()).rows
    folder = tmp_path / "data" / "contexts"
    assert sorted(path.name for path in folder.glob("train-*")) == [f"train-0000{n}-of-00003.parquet" for n in range(3)]
    loaded = datasets.load_dataset(
        "parquet", data_files={"train": str(folder / "train-*.parquet")}, cache_dir=str(tmp_path / "cache")
    )
    assert loaded["train"].num_rows == counts["contexts"]["train"] == 3


def test_a_long_context_that_rows_repeat_is_stored_about_once(tmp_path: Path) -> None:
    """However long it is; rows that need a wider window than those before begin a file of their own."""
    schema = pa.schema([("context_id", pa.string()), ("text", pa.large_string())])
    draw = random.Random(3)
    sizes = (50_000, 300_000, 1_200_000, 3_600_000)
    with shards.Shards(tmp_path, "train", schema) as files:
        for size in sizes:
            text = draw.randbytes(size // 2).hex()  # half a byte a letter at best
            rows = [{"context_id": str(size), "text": f"{text} question {number}"} for number in range(4)]
            files.write(pa.Table.from_pylist(rows, schema=schema))
    stored = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert stored < 0.75 * sum(sizes), "four times half of it, were it stored anew in each row"
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("filler", ["lantern ", "灯台守 "])
def test_row_groups_stay_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filler: str) -> None:
    """Groups are measured in bytes, so that texts in other scripts do not pass the limit threefold."""
    monkeypatch.setattr(shards, "GROUP_BYTES", 50_000)
    rows, _ = tables()
    text = filler * (20_000 // len(filler.encode()))
    rows["contexts"] = [{**rows["contexts"][0], "context_id": str(n), "text": text} for n in range(10)]
    empty: dict[str, Rows] = {name: [] for name in rows if name != "contexts"}
    write(tmp_path, part({**rows, **empty}))
    meta = pq.read_metadata(tmp_path / "data" / "contexts" / "train-00000-of-00001.parquet")
    assert [meta.row_group(number).num_rows for number in range(meta.num_row_groups)] == [2] * 5


@pytest.mark.parametrize("given", [{}, {"format": "prompt_completion", "reasoning": "field"}])
def test_null_columns_keep_their_type(given: dict[str, str]) -> None:
    """The schema of every configuration is explicit, texts being large strings."""
    config = DatasetConfig.model_validate(given)
    for name in CONFIGURATIONS:
        for field in schema(name, config):
            assert not pa.types.is_null(field.type)
    said = schema("default", config).field("completion" if given else "messages").type.value_type
    assert said.field("content").type == pa.large_string()
    assert schema("contexts", config).field("text").type == pa.large_string()


def test_tokens_of_an_example_are_those_of_its_messages() -> None:
    """What is counted for a context once and for all adds up to the count of the contents."""
    own = part(tables()[0])
    contexts = {context.context_id: context for context in from_table(own.contexts, Context)}
    question = from_table(own.questions, Question)[0]
    trace = from_table(own.traces, Trace)[0]
    text = contexts[question.context_id].text
    said = messages(PROMPTS, text, question.question, trace.reasoning, trace.content)
    counted = ExampleCounter(PROMPTS, WordTokenizer(), contexts)(question, trace)
    assert counted == sum(WordTokenizer().count(message["content"]) for message in said)
    assert said[-1]["content"] == assistant_content(trace.reasoning, trace.content)
