"""Each configuration has the columns that trainers document, under their names, and says what the run's tables say."""

import re
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import yaml

from longhop.errors import PublishError
from longhop.prompting import load_prompts
from longhop.publish.card import render_card
from longhop.publish.dataset import Written, choose_examples, write_tables
from longhop.recipe import DatasetConfig, Recipe
from tests.small_run import Rows, card_facts, part, recipe, tables

PROMPTS = load_prompts()


def published(folder: Path, rows: dict[str, Rows], **given: Any) -> tuple[Path, Written]:
    """A dataset folder with its card, written as a recipe with these values of `dataset` says."""
    values = recipe().resolved()
    values["dataset"] |= {"configurations": ["preference", "rl"], **given}
    own = Recipe.parse(values)
    chosen = choose_examples([part(rows).examples], 0.9, None).question_ids
    written = write_tables(folder, [part(rows)], PROMPTS, chosen, own.dataset, own.name)
    (folder / "README.md").write_text(render_card(card_facts(rows, written, chosen, own)), encoding="utf-8")
    return folder, written


def loaded(folder: Path, name: str) -> Rows:
    """All rows of a configuration, as `datasets` loads them by the card."""
    found = datasets.load_dataset(str(folder), name, cache_dir=str(folder.parent / "cache"))
    assert isinstance(found, datasets.DatasetDict)
    return [row for split in found.values() for row in split]


def plain(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if value is not None}


def test_messages_with_the_reasoning_between_tags(tmp_path: Path) -> None:
    """TRL, axolotl and verl read `messages`, each with `role` and `content`; the last one is the assistant's."""
    folder, _ = published(tmp_path / "d", tables()[0])
    for row in loaded(folder, "default"):
        assert [sorted(message) for message in row["messages"]] == [["content", "role"]] * 3
        assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
        assert row["messages"][-1]["content"] == f"<think>\n{row['reasoning']}\n</think>\n\n{row['content']}"
        assert "prompt" not in row


def test_prompt_and_completion_with_the_reasoning_apart(tmp_path: Path) -> None:
    """TRL's conversational prompt and completion; the reasoning is a field of the answer, and a column."""
    folder, _ = published(tmp_path / "d", tables()[0], format="prompt_completion", reasoning="field")
    for row in loaded(folder, "default"):
        assert [message["role"] for message in row["prompt"]] == ["system", "user"]
        answer = {"role": "assistant", "content": row["content"], "reasoning_content": row["reasoning"]}
        assert row["completion"] == [answer]
        assert "messages" not in row
        assert "<think>" not in answer["content"]


def test_reasoning_apart_is_null_in_what_the_model_does_not_say(tmp_path: Path) -> None:
    """A system or user message has no reasoning."""
    folder, _ = published(tmp_path / "d", tables()[0], reasoning="field")
    for row in loaded(folder, "default"):
        assert [sorted(plain(message)) for message in row["messages"]] == [
            ["content", "role"],
            ["content", "role"],
            ["content", "reasoning_content", "role"],
        ]


def with_a_pair() -> tuple[dict[str, Rows], dict[str, Any]]:
    """Tables of which one question has a right and a wrong trace, and that question."""
    rows, _ = tables()
    lamp = next(row for row in rows["questions"] if row["reference_answer"] == "340" and row["accepted"])
    for row in rows["questions"]:  # so that it is not left out for saying the same as another
        if row["reference_answer"] == "52" and row["question"] == lamp["question"]:
            row["question"] = "Which height did nobody pass, who built at Brask?"
    for row in rows["examples"]:
        row["question"] = next(q["question"] for q in rows["questions"] if q["question_id"] == row["question_id"])
    return rows, lamp


@pytest.mark.parametrize("reasoning", ["think", "field"])
def test_preference_pairs_of_a_right_and_a_wrong_trace(tmp_path: Path, reasoning: str) -> None:
    """TRL's DPOTrainer reads `prompt`, `chosen` and `rejected`; a question without a wrong trace has no pair."""
    rows, lamp = with_a_pair()
    folder, written = published(tmp_path / "d", rows, reasoning=reasoning)
    assert written.rows["preference"] == {"train": 1}
    [row] = loaded(folder, "preference")
    assert row["question_id"] == lamp["question_id"]
    assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    assert [message["role"] for message in row["chosen"] + row["rejected"]] == ["assistant"] * 2
    assert (row["chosen_answer"], row["rejected_answer"]) == ("340", "12")
    assert row["chosen"][0]["content"].endswith("Answer: 340")
    assert row["rejected"][0]["content"].endswith("Answer: 12")
    assert ("reasoning_content" in row["chosen"][0]) == (reasoning == "field")
    traces = {trace["trace_id"]: trace for trace in rows["traces"]}
    assert row["rejected_tokens"] == traces[row["rejected_trace_id"]]["n_tokens"]


def test_of_wrong_traces_the_one_of_the_nearest_length_is_taken(tmp_path: Path) -> None:
    """Neither one that nobody could judge, nor an invalid one, nor one that is longer without need."""
    rows, _ = tables()
    question = next(row["question_id"] for row in rows["examples"] if row["reference_answer"] == "340")
    own = [row for row in rows["verdicts"] if row["question_id"] == question]
    by_trace = {row["trace_id"]: row for row in rows["traces"]}
    right, *wrong = own[::-1] if own[-1]["correct"] else [own[2], own[0], own[1], own[3]]
    for number, (row, tokens) in enumerate(zip(wrong, (90, 30, 25), strict=True)):
        row |= {"correct": False, "exact_match": False, "valid": True, "answer_group": 1 + number, "judge": False}
        by_trace[row["trace_id"]]["n_tokens"] = tokens
    wrong[2] |= {"judge": None, "judge_failed": "unreadable"}
    by_trace[right["trace_id"]]["n_tokens"] = 20
    for row in rows["examples"]:
        if row["question_id"] == question:
            row["trace_id"] = right["trace_id"]
    chosen = frozenset([question])
    config = DatasetConfig(configurations=["preference"])
    write_tables(tmp_path, [part(rows)], PROMPTS, chosen, config)
    [file] = (tmp_path / "data" / "preference").iterdir()
    [row] = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    assert row["rejected_trace_id"] == wrong[1]["trace_id"]


def test_prompts_with_reference_answers_for_reinforcement_learning(tmp_path: Path) -> None:
    """The columns of verl's RLHFDataset and of TRL's GRPOTrainer; indices count the rows of a split."""
    rows, _ = tables()
    for row in rows["questions"]:
        row["aliases"] = ["three hundred and forty"]
    folder, _ = published(tmp_path / "d", rows)
    found = loaded(folder, "rl")
    assert {row["question_id"] for row in found} == {row["question_id"] for row in loaded(folder, "default")}
    for row in found:
        assert row["data_source"] == "longhop/small"
        assert [message["role"] for message in row["prompt"]] == ["system", "user"]
        assert row["reward_model"] == {"style": "rule", "ground_truth": row["reference_answer"]}
        assert row["extra_info"]["aliases"] == row["aliases"] == ["three hundred and forty"]
        assert isinstance(row["ability"], str)
    for split in {row["extra_info"]["split"] for row in found}:
        own = [row["extra_info"]["index"] for row in found if row["extra_info"]["split"] == split]
        assert own == list(range(len(own)))


def test_every_row_names_its_models_and_licences(tmp_path: Path) -> None:
    """Of an example, a trace, a pair and a prompt: who wrote, answered and judged, and what its documents allow."""
    folder, written = published(tmp_path / "d", tables()[0])
    for name in (name for name, splits in written.rows.items() if splits and name not in ("questions", "contexts")):
        for row in loaded(folder, name):
            assert row["models"] == {"writer": "writer", "reader": "reader", "judge": "judge"}
            assert row["licenses"] == ["CC0-1.0"]
    for row in loaded(folder, "questions"):
        assert (row["model"], row["licenses"]) == ("writer", ["CC0-1.0"])


def test_configurations_that_nobody_asked_for_are_not_made(tmp_path: Path) -> None:
    """Further configurations come by option."""
    folder, written = published(tmp_path / "d", tables()[0], configurations=[])
    assert sorted(written.rows) == ["contexts", "default", "questions", "traces"]
    assert sorted(path.name for path in (folder / "data").iterdir()) == ["contexts", "default", "questions", "traces"]
    assert "### Preference pairs" not in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("given", [{}, {"format": "prompt_completion"}, {"reasoning": "field", "hub": "org/name"}])
def test_the_card_says_how_to_train_in_lines_that_parse(tmp_path: Path, given: dict[str, str]) -> None:
    """Python compiles, YAML loads and names configurations, splits and columns that there are."""
    folder, written = published(tmp_path / "d", with_a_pair()[0], **given)
    card = (folder / "README.md").read_text(encoding="utf-8")
    section = card[card.index("## Train on it") : card.index("## An example")]
    python = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    apart = given.get("format") == "prompt_completion"
    assert len(python) == 4 + apart
    for block in python:
        compile(block, "card", "exec")
    for block in re.findall(r"^```yaml\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
        lines = yaml.safe_load(block)
        assert lines["excess_length_strategy"] == "raise"  # or rows that are too long vanish
        for dataset in lines["datasets"]:
            if dataset["path"] == "messages.parquet":
                assert (apart, dataset["split"]) == (True, "train")
                continue
            assert dataset["path"] == given.get("hub", "owner/name")
            # Of pairs axolotl's schema knows `data_files` and no `name`: it would load `default` and miss the columns.
            name = "preference" if lines.get("rl") == "dpo" else dataset["name"]
            if name == "preference":
                assert "name" not in dataset
                assert all(list(folder.glob(pattern)) for pattern in dataset["data_files"])
            else:
                assert dataset["split"] in written.rows[name]
            columns = loaded(folder, name)[0]
            assert all(value in columns for key, value in dataset.items() if key.startswith("field_"))
    # What verl's main_ppo does not find below `reward`, it passes over in silence.
    assert "reward.custom_reward_function.path=reward.py reward.custom_reward_function.name=verl_reward" in section
    # verl refuses a row longer than what a processor may hold at once, 8,192 by default.
    assert re.search(r"data\.max_length=(\d+) data\.max_token_len_per_gpu=\1 ", section)
    for name, split in re.findall(r'load_dataset\("[^"]+", "(\w+)", split="(\w+)"\)', section):
        assert split in written.rows[name]


@pytest.mark.parametrize("reasoning", ["think", "field"])
def test_the_card_joins_prompt_and_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reasoning: str) -> None:
    """The file that the card writes holds messages as structs, which pandas and with it verl read, never JSON."""
    folder, _ = published(tmp_path / "d", tables()[0], format="prompt_completion", reasoning=reasoning)
    card = (folder / "README.md").read_text(encoding="utf-8")
    [block] = [b for b in re.findall(r"^```python\n(.*?)^```", card, re.MULTILINE | re.DOTALL) if "to_parquet" in b]
    monkeypatch.chdir(tmp_path)
    examples = datasets.load_dataset(str(folder), "default", split="test", cache_dir=str(tmp_path / "cache"))
    exec(compile(block, "card", "exec"), {"examples": examples})  # noqa: S102 - our own text
    rows = pq.read_table("messages.parquet").to_pylist()
    assert [[plain(message) for message in row["messages"]] for row in rows] == [
        [plain(message) for message in row["prompt"] + row["completion"]] for row in rows
    ]


def test_the_cards_reward_tells_right_from_wrong(tmp_path: Path) -> None:
    """The reward function that the card shows gives 1 to a right answer and 0 to all else."""
    folder, _ = published(tmp_path / "d", tables()[0])
    card = (folder / "README.md").read_text(encoding="utf-8")
    [block] = [b for b in re.findall(r"^```python\n(.*?)^```", card, re.MULTILINE | re.DOTALL) if "verl_reward" in b]
    names: dict[str, Any] = {}
    exec(compile(block, "card", "exec"), names)  # noqa: S102 - our own text
    [row, *_] = loaded(folder, "rl")
    for said, score in ((f"It is so.\nAnswer: {row['reference_answer']}", 1.0), ("Answer: 7", 0.0), ("", 0.0)):
        answers = {"reference_answer": [row["reference_answer"]], "aliases": [row["aliases"]]}
        assert names["trl_reward"](completions=[[{"role": "assistant", "content": said}]], **answers) == [score]
        given = {"ground_truth": row["reward_model"]["ground_truth"], "extra_info": row["extra_info"]}
        assert names["verl_reward"](data_source=row["data_source"], solution_str=said, **given) == score


def test_texts_of_any_script_survive(tmp_path: Path) -> None:
    """Emoji, right-to-left marks and control characters come back as they were."""
    rows, _ = tables()
    odd = "🗝️ \u202eמגדלור\u202c \x07 é \ud7ff 灯台"
    for row in rows["contexts"]:
        row["text"] += odd
    for row in rows["examples"]:
        row["reasoning"] = odd
    folder, _ = published(tmp_path / "d", rows, reasoning="field")
    for row in loaded(folder, "default"):
        assert odd in row["messages"][1]["content"]
        assert row["messages"][2]["reasoning_content"] == odd


def test_a_table_that_lacks_rows_is_said(tmp_path: Path) -> None:
    """A trace without a verdict is no row of nulls, but an error that says what to do."""
    rows, _ = tables()
    rows["verdicts"].pop()
    with pytest.raises(PublishError, match="verdict is missing.*delete its part and build again"):
        write_tables(tmp_path, [part(rows)], PROMPTS, frozenset())
