"""The script that recomputes the invariants of a run finds every violation that is planted in a sound one."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import invariants
from tests.small_run import Rows, edit, write_run

SCRIPT = Path(invariants.__file__)
Change = Callable[[Rows], object]


def put(key: str, value: object, at: int = 0) -> Change:
    """Sets one value of one row."""
    return lambda rows: rows[at].update({key: value})


def inside(key: str, at: int, name: str, value: object) -> Change:
    """Sets one value of the first row's list of structs."""
    return lambda rows: rows[0][key][at].update({name: value})


def replace(key: str, old: str, new: str) -> Change:
    return lambda rows: rows[0].update({key: rows[0][key].replace(old, new, 1)})


def drop(at: int = 0) -> Change:
    return lambda rows: rows.pop(at)


def again(at: int = 0) -> Change:
    return lambda rows: rows.append(rows[at])


def move(table: str) -> Change:
    """The second piece of the first context, shortened to where there is no cut."""
    return inside(table, 1, "end", 20)


PLANTED: list[tuple[str, str, Change]] = [
    ("1 lengths", "contexts", put("n_tokens", 127)),
    ("1 lengths", "contexts", put("target_tokens", 64)),
    ("1 lengths", "contexts", put("target_tokens", 256)),
    ("1 lengths", "contexts", inside("documents", 0, "n_tokens", 1)),
    ("1 lengths", "documents", put("n_tokens", 1)),
    ("1 lengths", "documents", put("n_chars", 1)),
    ("1 lengths", "documents", inside("cuts", 0, "tokens", 1)),
    ("1 lengths", "documents", inside("cuts", 0, "offset", 7)),
    ("1 lengths", "traces", put("n_tokens", 1)),
    ("2 pieces", "contexts", replace("text", "lantern", "lanteRn")),
    ("2 pieces", "contexts", replace("text", 'kind="book"', 'kind="look"')),
    ("2 pieces", "contexts", inside("documents", 0, "start", 0)),
    ("2 pieces", "contexts", inside("documents", 0, "title", "Other")),
    ("2 pieces", "contexts", put("split", "test")),
    ("2 pieces", "context_plan", move("pieces")),
    ("4 sums", "contexts", drop()),
    ("4 sums", "plan", drop()),
    ("4 sums", "traces", drop()),
    ("4 sums", "traces", again()),
    ("4 sums", "verdicts", drop()),
    ("4 sums", "verdicts", again()),
    ("4 sums", "examples", drop()),
    ("4 sums", "examples", again()),
    ("4 sums", "questions", drop()),
    ("4 sums", "questions", put("rejected_by", "duplicate", at=1)),
    ("4 sums", "context_plan", put("part", 1)),
    ("5 choice", "examples", put("votes", 4)),
    ("5 choice", "traces", put("n_tokens", 1)),
    ("5 choice", "verdicts", put("valid", False, at=2)),
    ("5 choice", "verdicts", put("exact_match", False, at=2)),
    ("5 choice", "verdicts", put("answer_group", 0, at=6)),
    ("6 groups", "verdicts", put("answer_group", 1)),
    ("6 groups", "verdicts", put("answer_group", 2, at=3)),
    ("6 groups", "verdicts", put("answer_group", None)),
    ("6 groups", "verdicts", put("correct", False)),
    ("6 groups", "verdicts", put("correct", True, at=3)),
    ("6 groups", "verdicts", put("exact_match", False)),
    ("6 groups", "verdicts", put("evidence_cited", 1.5)),
    ("6 groups", "traces", put("finish_reason", "length")),
    ("6 groups", "traces", put("answer", "34")),
    ("6 groups", "traces", put("content", "Answer: 340\nAnswer: 12")),
    ("7 evidence", "questions", put("accepted", True, at=1)),
    ("7 evidence", "questions", put("n_steps", 3)),
    ("7 evidence", "questions", inside("steps", 1, "uses", [])),
    ("7 evidence", "questions", inside("steps", 0, "uses", [1])),
    ("7 evidence", "questions", inside("steps", 0, "evidence", [])),
    ("7 evidence", "questions", inside("steps", 0, "evidence", [5])),
    ("7 evidence", "questions", inside("evidence", 0, "quote", "The lamp of Aldmere was lit by Ines Halvorsem.")),
    ("7 evidence", "questions", inside("evidence", 0, "start", 0)),
    ("7 evidence", "questions", inside("evidence", 0, "score", 0.5)),
    ("7 evidence", "questions", lambda rows: rows[0]["evidence"].pop()),
    ("9 markup", "documents", replace("text", "lantern", "</document>")),
    ("9 markup", "documents", replace("text", "lantern", "<THINK>")),
    ("9 markup", "documents", replace("text", "lantern", "<|im_start|>")),
    ("9 markup", "contexts", replace("text", "ledger", "<document>")),
    ("ids", "documents", replace("text", "lantern", "lanteRn")),
    ("4 sums", "documents", again()),
    ("4 sums", "plan", again()),
    ("ids", "context_plan", put("split", "test")),
    ("ids", "questions", put("question", "Who?")),
    ("ids", "traces", put("sample", 9)),
    ("splits", "plan", put("split", "test")),
    ("splits", "plan", put("split", "validation")),
    ("splits", "plan", lambda rows: rows[0].update(duplicate_of=rows[1]["document_id"])),
    ("splits", "plan", put("duplicate_of", "nothing")),
    ("splits", "context_plan", lambda rows: rows[1]["pieces"].append(rows[0]["pieces"][0])),
    ("splits", "documents", lambda rows: rows[2].update(signature=rows[0]["signature"])),
    ("joined", "examples", put("agreement", 1.0)),
    ("joined", "examples", put("licenses", [])),
    ("joined", "examples", put("answer", "341")),
    ("joined", "examples", put("split", "test")),
    ("joined", "examples", put("context_tokens", 1)),
    ("joined", "examples", put("trace_tokens", 1)),
    ("joined", "examples", put("n_traces", 3)),
    ("joined", "examples", put("kind", "comparison")),
    ("joined", "examples", put("models", {"writer": "other", "reader": "reader", "judge": "judge"})),
    ("dataset", "examples", put("example_tokens", 1, at=1)),
    ("dataset", "dataset/data/default", drop()),
    ("dataset", "dataset/data/default", again()),
    ("dataset", "dataset/data/default", put("example_tokens", 1)),
    ("dataset", "dataset/data/default", inside("messages", 0, "role", "user")),
    ("dataset", "dataset/data/default", inside("messages", 1, "content", "Question: Who?")),
    ("dataset", "dataset/data/default", inside("messages", 2, "content", "Answer: 340")),
    ("dataset", "dataset/data/traces", put("valid", False)),
    ("dataset", "dataset/data/questions", drop()),
    ("dataset", "dataset/data/contexts", put("text", "")),
    ("dataset", "dataset/data/contexts", put("context_id", "0")),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("sound") / "run")


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    """A copy of the sound run, to be spoiled."""
    return Path(shutil.copytree(sound, tmp_path / "run"))


def wrong(folder: Path) -> set[str]:
    return {name for name, (_, lines) in invariants.violations(folder).items() if lines}


def test_a_sound_run_violates_nothing_and_every_check_looks_at_something(sound: Path) -> None:
    """What follows is found because it was planted."""
    found = invariants.violations(sound)
    assert all(count > 0 and lines == [] for count, lines in found.values()), found


@pytest.mark.parametrize(
    ("name", "table", "change"), PLANTED, ids=[f"{n}-{t}-{i}" for i, (n, t, _) in enumerate(PLANTED)]
)
def test_a_planted_violation_is_found(run: Path, name: str, table: str, change: Change) -> None:
    """Each violation shows under the invariant that it is of."""
    edit(run, table, change)
    assert name in wrong(run)


@pytest.mark.parametrize(
    ("stage", "change"),
    [
        ("examples", put("reason", "no_majority")),
        ("examples", drop()),
        ("questions", put("reason", "duplicate")),
        ("questions", drop()),
        ("traces", lambda rows: rows.append({"stage": "traces", "item_id": "0", "reason": "refused", "detail": ""})),
    ],
)
def test_a_wrong_rejection_is_found(run: Path, stage: str, change: Change) -> None:
    """Rejections that are lost, made up, or give another reason than the rows do are violations."""
    edit(run, stage, change, rejections=True)
    assert wrong(run) & {"4 sums", "5 choice"}


def test_a_column_that_lost_its_type_is_found(run: Path) -> None:
    """A text column as plain `string` passes 2 GiB early, so the schema is part of the contract."""
    file = next((run / "contexts").rglob("part-*.parquet"))
    table = pq.read_table(file)
    pq.write_table(table.set_column(4, "text", table["text"].cast(pa.string())), file)
    assert wrong(run) == {"schemas"}


def test_too_many_contexts_of_a_document_are_found(run: Path) -> None:
    """`contexts.reuse` is held against the plan."""
    manifest = run / "run.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"reuse": 1', '"reuse": 0'), encoding="utf-8")
    assert wrong(run) == {"splits"}


@pytest.mark.parametrize(
    ("file", "text"), [("README.md", "hf_abcdefghij0123456789"), ("recipe.yaml", "path: /srv/books")]
)
def test_secrets_and_paths_in_what_is_published_are_found(run: Path, file: str, text: str) -> None:
    """A token or a path of the machine in the published folder is a violation."""
    with (run / "dataset" / file).open("a", encoding="utf-8") as stream:
        stream.write(text)
    assert wrong(run) == {"10 secrets"}


def test_a_missing_dataset_or_split_is_found(run: Path) -> None:
    """The card declares what has rows, no more and no less."""
    card = run / "dataset" / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace("split: test", "split: validation", 1), encoding="utf-8")
    assert wrong(run) == {"dataset"}
    shutil.rmtree(run / "dataset")
    assert wrong(run) == {"dataset"}


def test_the_script_says_what_it_looked_at_and_fails_at_a_violation(run: Path) -> None:
    """Exit status 0, 1 and 2: sound, violated, no run."""

    def call(folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            [sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False
        )

    sound = call(run)
    assert (sound.returncode, sound.stderr) == (0, "")
    assert len(re.findall(r"(?m)^ok +.* \d+ looked at$", sound.stdout)) == len(invariants.CHECKS)
    edit(run, "examples", put("votes", 4))
    spoiled = call(run)
    assert spoiled.returncode == 1
    assert re.search(r"(?m)^FAILS  5 choice .* 1 wrong\n +example \w+: 4 votes, counted 3$", spoiled.stdout)
    assert call(run / "nothing").returncode == 2


def test_the_script_is_independent() -> None:
    """What checks longhop uses nothing of it."""
    for name in ("invariants.py", "invariants_dataset.py", "tables.py"):
        text = SCRIPT.with_name(name).read_text(encoding="utf-8")
        assert not re.search(r"^\s*(?:from|import) longhop", text, re.MULTILINE)
