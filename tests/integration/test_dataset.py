"""A dataset of what is finished: written, said to lack the rest, pushed, replaced when the build comes to its end."""

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl
import pytest

from longhop import Run
from longhop.cli import main
from longhop.errors import EngineError, LonghopError, PublishError, StorageError
from longhop.publish.shards import Shards
from longhop.records import Record
from longhop.tasks.building import Building
from longhop.tasks.traces import Traces
from tests.hub import Hub
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe
from tests.pushing import Here, turned
from tests.run_model import TIMED_PICTURE, differences, state_of

# The client's own use of its HTTP library, in `lfs_upload`.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

FAILING = 1
"""The part, of three, whose traces fail."""
MISSING = "made of the 2 of 3 parts of the run that were finished; missing: part 1"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    return turned(monkeypatch, tmp_path)


def build_most(recipe: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> Run:
    """A build of which one part fails in the middle."""
    sampled: Callable[[Traces, Building], Iterable[Record]] = Traces.items

    def items(self: Traces, work: Building) -> Iterable[Record]:
        if self.part == FAILING:
            raise EngineError("http://gpu1:8000/v1 refuses this part")
        return sampled(self, work)

    with monkeypatch.context() as patch:
        patch.setattr(Traces, "items", items)
        with pytest.raises(EngineError, match="refuses this part"):
            build(recipe, out, *overrides)
    return Run.open(str(out))


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def card(run: Run) -> str:
    return (run.folder.local_path / "dataset/README.md").read_text(encoding="utf-8")


def files(run: Run) -> dict[str, bytes]:
    """What goes to the Hub."""
    folder = run.folder.local_path / "dataset"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def published(run: Run, configuration: str) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(data) for name, data in files(run).items() if f"data/{configuration}/" in name])


def test_the_finished_parts_are_a_dataset_that_says_what_it_lacks(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows are those of the parts that have all their tables; card, report, commands and `lacking` agree."""
    run = build_most(recipe, tmp_path / "run", monkeypatch)
    assert not (tmp_path / "run" / "dataset").exists()
    code, out, _ = command(capsys, "dataset", tmp_path / "run")
    assert (code, MISSING in out, str(tmp_path / "run/dataset") in out) == (0, True, True)
    assert run.lacking() == [MISSING]
    finished = run.traces().collect()["trace_id"].to_list()
    assert sorted(published(run, "traces")["trace_id"]) == sorted(finished)
    lacks = pl.read_parquet(tmp_path / "run" / run.part_name("contexts", FAILING))["context_id"]
    contexts = run.contexts().collect().filter(~pl.col("context_id").is_in(lacks.to_list()))
    assert sorted(published(run, "contexts")["context_id"]) == sorted(contexts["context_id"])
    left_out = run.rejections().collect().filter(stage="dataset")["item_id"].to_list()
    examples = run.examples().collect().filter(~pl.col("question_id").is_in(left_out))
    assert sorted(published(run, "default")["question_id"]) == sorted(examples["question_id"])
    assert f"> {MISSING[0].upper()}{MISSING[1:]}.\n" in card(run)
    assert f"| examples | {run.examples().collect().height} |" in card(run)
    written = published(run, "questions").height
    assert f"{examples.height} of {written} questions became examples" in card(run)
    assert written < run.questions().collect().height
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<li>1 of 3 parts of traces: part 1</li>" in page
    assert f"<li>{MISSING}</li>" in page
    assert page.index('id="unfinished"') < page.index('id="lacking"') < page.index('class="answer"')
    code, out, _ = command(capsys, "status", tmp_path / "run")
    assert (code, f"dataset: {MISSING}" in out) == (0, True)


def test_what_is_pushed_of_a_run_that_is_not_finished_says_so(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Here, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says what is missing, and so does the card that arrives; the whole dataset replaces it there."""
    run = build_most(recipe, tmp_path / "run", monkeypatch)
    run.write_dataset()
    with Hub() as hub:
        here(hub)
        code, out, _ = command(capsys, "push", tmp_path / "run", "org/name")
        assert (code, f"dataset: {MISSING}" in out) == (0, True)
        assert b"**Not complete.**" in hub.files("org/name")["README.md"]
        build(recipe, tmp_path / "run")
        code, out, _ = command(capsys, "push", tmp_path / "run", "org/name")
        assert (code, "missing" in out) == (0, False)
        there = hub.files("org/name")
    assert {name: data for name, data in there.items() if name != "longhop.json"} == files(run)


def test_the_next_whole_build_leaves_nothing_of_what_was_not_complete(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends as a build that never failed: tables, states and dataset; no file of the incomplete one stays."""
    run = build_most(recipe, tmp_path / "run", monkeypatch)
    run.write_dataset()
    run = build(recipe, tmp_path / "run")
    whole = build(recipe, tmp_path / "whole")
    assert differences(state_of(tmp_path / "run"), state_of(tmp_path / "whole")) == []
    assert run.lacking() == []
    assert "Not complete" not in card(run)
    assert 'id="lacking"' not in (tmp_path / "run/report.html").read_text(encoding="utf-8")
    names = {path.relative_to(tmp_path / "run") for path in (tmp_path / "run/published").rglob("*")}
    assert names == {path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole/published").rglob("*")}
    assert list((tmp_path / "run").glob(".work/dataset*")) == []
    assert whole.lacking() == []


def test_where_nothing_is_finished_no_dataset_is_made(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, exit code 1, and nothing is written; to push says what can be done instead."""
    monkeypatch.setattr("tests.integration.test_dataset.FAILING", 0)
    build_most(recipe, tmp_path / "run", monkeypatch, "contexts.part_size=100")
    code, out, err = command(capsys, "dataset", tmp_path / "run")
    assert (code, out) == (1, "")
    assert err.startswith(f"{tmp_path / 'run'}: no part of the recipe's present plan is finished")
    assert not (tmp_path / "run/dataset").exists()
    code, _, err = command(capsys, "push", tmp_path / "run", "org/name")
    assert (code, "write that of its finished parts with `longhop dataset`" in err) == (1, True)


def test_a_dataset_of_another_recipe_is_said_to_be_one(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands is the dataset before a change whose build fails; whoever looks or pushes is told."""
    build(recipe, tmp_path / "run")
    run = build_most(recipe, tmp_path / "run", monkeypatch, "traces.samples=3")
    assert [said.partition(";")[0] for said in run.lacking()] == ["it was made before the recipe or the plan changed"]
    _, out, _ = command(capsys, "status", tmp_path / "run")
    assert "dataset: it was made before the recipe or the plan changed" in out
    run.write_dataset()
    assert run.lacking() == [MISSING]


def test_fewer_examples_than_asked_are_said_with_what_would_make_them(recipe: Path, tmp_path: Path) -> None:
    """How many are missing, and of each length the contexts that the acceptance so far asks for."""
    run = build(recipe, tmp_path / "run", "dataset.examples=100")
    rows = published(run, "default")
    assert 0 < rows.height < 100
    there = {length: rows.filter(target_tokens=length).height for length in (500, 800)}
    assert min(there.values()) > 0
    more = {length: (100 - rows.height) // 2 * {500: 3, 800: 2}[length] / there[length] for length in there}
    (said,) = run.lacking()
    assert said.startswith(f"{100 - rows.height} of 100 examples are missing; at the acceptance so far")
    for length, contexts in more.items():
        stated = int(said.partition(f" of {length} tokens")[0].rpartition(" ")[2].replace(",", ""))
        assert abs(stated - contexts) <= 0.1 * contexts + 2
    assert f"> {said}.\n" in card(run)
    assert said in (tmp_path / "run/report.html").read_text(encoding="utf-8")


def test_the_dataset_is_the_same_whatever_the_workers(recipe: Path, tmp_path: Path) -> None:
    """The same choice in the same files, byte for byte, but for what says how long the stages took."""
    asked = ("dataset.examples=3", "dataset.configurations=[preference, rl]")
    one = build(recipe, tmp_path / "one", *asked)
    two = build(recipe, tmp_path / "two", *asked, workers=2)
    assert published(one, "default").height == 3
    timed = {"README.md", TIMED_PICTURE.removeprefix("dataset/")}
    first, second = files(one), files(two)
    assert first.keys() == second.keys() > timed
    assert [name for name in first.keys() - timed if first[name] != second[name]] == []
    assert differences(state_of(tmp_path / "one"), state_of(tmp_path / "two")) == []


def test_a_disk_that_fills_while_the_dataset_is_written_leaves_the_one_before(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence; what stood there can still be pushed; with room again, the new one is written."""
    run = build(recipe, tmp_path / "run")
    before = files(run)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Shards, "write", full)
        with pytest.raises(StorageError, match="run/dataset: no room left; free some and build again, nothing is lost"):
            build(recipe, tmp_path / "run", "dataset.license=mit")
        with pytest.raises(StorageError, match="run/dataset: no room left"):
            Run.open(str(tmp_path / "run")).write_dataset()
    assert files(run) == before
    assert list((tmp_path / "run/.work").glob("dataset*")) == []
    run = build(recipe, tmp_path / "run", "dataset.license=mit")
    assert "license: mit" in card(run)


def test_a_run_in_another_place_without_its_sources_gives_its_dataset(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Here
) -> None:
    """A folder that was moved, with blanks and brackets in its name: written, reported and pushed from there."""
    build_most(recipe, tmp_path / "run", monkeypatch)
    moved = tmp_path / "away" / "my run [*] é"
    moved.parent.mkdir()
    shutil.move(tmp_path / "run", moved)
    shutil.rmtree(tmp_path / "books")
    recipe.unlink()
    run = Run.open(str(moved))
    assert run.write_dataset() == str(moved / "dataset")
    assert not any(str(tmp_path).encode() in data for data in files(run).values())
    with Hub() as hub:
        here(hub)
        run.push_to_hub("org/name")
        assert hub.files("org/name")["README.md"] == files(run)["README.md"]


def test_a_run_without_an_accepted_question_is_a_dataset_without_examples(
    recipe: Path, tmp_path: Path, here: Here
) -> None:
    """It is built, reported and pushed; to load examples of it says that there are none."""
    run = build(recipe, tmp_path / "run", "questions.steps=[8, 9]", "dataset.examples=5")
    assert run.questions().collect()["accepted"].sum() == 0
    assert run.lacking() == [
        "5 of 5 examples are missing; no context has given an example yet, so more contexts alone may give none"
    ]
    with pytest.raises(PublishError, match="the dataset has no examples"):
        run.dataset()
    assert "No examples</b> out of" in (tmp_path / "run/report.html").read_text(encoding="utf-8")
    with Hub() as hub:
        here(hub)
        run.push_to_hub("org/name")
        assert not [name for name in hub.files("org/name") if name.startswith("data/default")]


@pytest.mark.parametrize("beside", ["rejections-00000.parquet", "part-00000.json"])
@pytest.mark.parametrize("content", [b"garbage" * 9, b"null", None])
def test_what_lies_beside_a_table_is_never_taken_for_empty(
    recipe: Path, tmp_path: Path, beside: str, content: bytes | None
) -> None:
    """Gone or damaged, it is named with the table to delete; whoever does has the same run again."""
    run = build(recipe, tmp_path / "run")
    before = state_of(tmp_path / "run")
    (folder,) = (tmp_path / "run/verdicts").iterdir()
    if content is None:
        (folder / beside).unlink()
    else:
        (folder / beside).write_bytes(content)
    with pytest.raises(LonghopError, match=rf"{beside}: is .*; delete verdicts/\w+/part-00000.parquet and build again"):
        state_of(tmp_path / "run")
    (folder / "part-00000.parquet").unlink()
    build(recipe, tmp_path / "run")
    assert differences(state_of(tmp_path / "run"), before) == []
    assert run.lacking() == []


def test_a_name_that_is_none_and_a_token_that_is_none_are_said(
    recipe: Path, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name with blanks is a bad argument; without a token nothing is asked; both in one line."""
    build(recipe, tmp_path / "run")
    with Hub() as hub:
        here(hub)
        code, _, err = command(capsys, "push", tmp_path / "run", "my org/my data")
        assert (code, "'my org/my data' is no name of a repository; expected owner/name" in err) == (2, True)
        monkeypatch.delenv("HF_TOKEN")
        code, _, err = command(capsys, "push", tmp_path / "run", "org/name")
        assert (code, err) == (1, "org/name: no token; log in with `hf auth login` or set HF_TOKEN\n")
        assert hub.calls == []
