"""A build from documents to dataset: the same whatever the workers, continued after any end, growing without loss."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from longhop import Run
from longhop.errors import CorpusError, EngineError, SourceError, StorageError
from tests.integration.conftest import build, equal, tables
from tests.integration.corpus import write_corpus, write_recipe
from tests.invariants import violations


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path))


def built(out: Path) -> dict[str, int]:
    """Every file of the run's tables, and when it was written."""
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in out.rglob("part-*.parquet")}


def test_the_number_of_workers_changes_no_row(recipe: Path, tmp_path: Path) -> None:
    """Invariant 3: one worker and two give equal tables."""
    one = build(recipe, tmp_path / "one")
    two = build(recipe, tmp_path / "two", workers=2)
    assert equal(one, two) == []
    assert one.examples().collect().height > 0


def test_a_second_build_builds_nothing(recipe: Path, tmp_path: Path) -> None:
    """Every part stays the file that it was."""
    build(recipe, tmp_path / "run")
    before = built(tmp_path / "run")
    build(recipe, tmp_path / "run")
    assert built(tmp_path / "run") == before


def test_a_change_builds_anew_what_it_concerns_and_nothing_else(recipe: Path, tmp_path: Path) -> None:
    """Another judge's setting: documents to traces are reused. Back again: all of it is."""
    run = build(recipe, tmp_path / "run")
    before = built(tmp_path / "run")
    changed = build(recipe, tmp_path / "run", "scoring.ask=never")
    new = {name.split("/")[0] for name in set(built(tmp_path / "run")) - set(before)}
    assert new == {"verdicts", "examples"}
    assert changed.traces().collect().equals(run.traces().collect())
    again = built(tmp_path / "run")
    build(recipe, tmp_path / "run")
    assert built(tmp_path / "run") == again


def test_equal_documents_take_part_once(recipe: Path, tmp_path: Path) -> None:
    """Copies under other names, also before the original, in one part of the documents; every invariant holds."""
    books = recipe.parent / "books"
    for name, copy in (("chapter_00", "zz"), ("chapter_01", "chapter_01_again"), ("chapter_03", "aa")):
        shutil.copy(books / f"{name}.md", books / f"{copy}.md")
    run = build(recipe, tmp_path / "run")
    of_documents = run.rejections().filter(stage="documents", reason="duplicate")
    left = of_documents.collect()["item_id"].to_list()
    assert sorted(left) == ["books/chapter_01_again.md", "books/chapter_03.md", "books/zz.md"]
    assert [lines for _, lines in violations(tmp_path / "run").values() if lines] == []


def test_every_sample_and_question_is_accounted_for(recipe: Path, tmp_path: Path) -> None:
    """Invariant 4, and the published rows are those that the tables have."""
    run = build(recipe, tmp_path / "run")
    questions, examples = run.questions().collect(), run.examples().collect()
    accepted = questions.filter("accepted")
    assert run.traces().collect().height == 4 * accepted.height
    dropped = run.rejections().filter(pl.col("stage") == "examples").collect().height
    assert examples.height + dropped == accepted.height
    duplicates = run.rejections().filter(pl.col("stage") == "dataset").collect().height
    assert run.dataset()["train"].num_rows == examples.height - duplicates


def test_more_contexts_keep_what_was_planned(recipe: Path, tmp_path: Path) -> None:
    """Invariant 11: every earlier context, question and trace is the same row; the new ones are behind."""
    before = tables(build(recipe, tmp_path / "run"))
    run = build(recipe, tmp_path / "run", "contexts.lengths={500: 5, 800: 2, 400: 1}")
    after = tables(run)
    for name, key in (("contexts", "context_id"), ("questions", "question_id"), ("traces", "trace_id")):
        kept = after[name].join(before[name].select(key), on=key, how="semi").sort(key)
        assert kept.equals(before[name]), name
    assert after["contexts"].height == before["contexts"].height + 3
    assert sorted(after["contexts"]["target_tokens"].unique()) == [400, 500, 800]


def test_fewer_contexts_take_nothing_away(recipe: Path, tmp_path: Path) -> None:
    """What was planned stays."""
    before = build(recipe, tmp_path / "run").contexts().collect()
    after = build(recipe, tmp_path / "run", "contexts.lengths={500: 1}").contexts().collect()
    assert after.sort("context_id").equals(before.sort("context_id"))


def test_new_documents_come_with_refresh_and_keep_the_old(recipe: Path, tmp_path: Path) -> None:
    """A frozen listing does not see them; --refresh adds them, and a changed file is a new document."""
    before = tables(build(recipe, tmp_path / "run"))
    write_corpus(tmp_path, documents=12)
    changed = tmp_path / "books" / "chapter_00.md"
    changed.write_text(changed.read_text() + "\nOne more line was written here, long after the others were.\n")
    same = build(recipe, tmp_path / "run")
    assert tables(same)["documents"].equals(before["documents"])
    run = build(recipe, tmp_path / "run", "contexts.lengths={500: 5, 800: 2}", refresh=True)
    after = tables(run)
    assert after["documents"].height == before["documents"].height + 5
    kept = after["contexts"].join(before["contexts"].select("context_id"), on="context_id", how="semi")
    assert kept.sort("context_id").equals(before["contexts"])
    assert after["contexts"].height == before["contexts"].height + 2


def test_steps_of_growth_are_the_same_whatever_the_workers(recipe: Path, tmp_path: Path) -> None:
    """The same history gives the same tables."""
    runs = []
    for name, workers in (("one", 1), ("two", 2)):
        build(recipe, tmp_path / name, workers=workers)
        runs.append(build(recipe, tmp_path / name, "contexts.lengths={500: 5, 800: 3}", workers=workers))
    assert equal(*runs) == []


def test_a_plan_that_failed_binds_nobody(recipe: Path, tmp_path: Path) -> None:
    """Too many contexts asked for is an error that says how many there can be; fewer go on in the same folder."""
    with pytest.raises(CorpusError, match="contexts.reuse"):
        build(recipe, tmp_path / "run", "contexts.lengths={500: 300}")
    run = build(recipe, tmp_path / "run")
    assert run.contexts().collect().height == 5


def test_a_folder_belongs_to_one_recipe_name(recipe: Path, tmp_path: Path) -> None:
    """Another is refused, and nothing of the run is touched."""
    build(recipe, tmp_path / "run")
    before = built(tmp_path / "run")
    with pytest.raises(StorageError, match="holds a run of the recipe `small`, this one is `other`"):
        build(recipe, tmp_path / "run", "name=other")
    assert built(tmp_path / "run") == before


def test_other_sources_need_refresh(recipe: Path, tmp_path: Path) -> None:
    """The message says so."""
    build(recipe, tmp_path / "run")
    with pytest.raises(SourceError, match="--refresh"):
        build(recipe, tmp_path / "run", "sources.0.license=MIT")


def test_a_damaged_part_is_named_and_mended_by_deleting_it(recipe: Path, tmp_path: Path) -> None:
    """The build stops with the file's name; without the file it is made again, equal."""
    run = build(recipe, tmp_path / "run")
    before = tables(run)
    (part,) = (tmp_path / "run" / "questions").rglob("part-00000.parquet")
    part.write_bytes(part.read_bytes()[:-50])
    for later in ("traces", "verdicts", "examples"):
        for file in (tmp_path / "run" / later).rglob("part-00000.parquet"):
            file.unlink()
    with pytest.raises(StorageError, match="part-00000.parquet: is damaged"):
        build(recipe, tmp_path / "run")
    part.unlink()
    again = tables(build(recipe, tmp_path / "run"))
    assert [name for name in before if not before[name].equals(again[name])] == []


def test_whatever_was_deleted_is_made_again_and_is_the_same(recipe: Path, tmp_path: Path) -> None:
    """Documents, a step of planning that others stand on, contexts, the dataset: all that came of them stands still."""
    grown = "contexts.lengths={500: 5, 800: 3}"
    build(recipe, tmp_path / "run")
    before = tables(build(recipe, tmp_path / "run", grown))
    for stage in ("documents", "context_plan", "contexts"):
        (part,) = (tmp_path / "run" / stage).rglob("part-00000.parquet")
        part.unlink()
    shutil.rmtree(tmp_path / "run" / "dataset")
    run = build(recipe, tmp_path / "run", grown)
    after = tables(run)
    assert [name for name in before if not before[name].equals(after[name])] == []
    planned = pl.read_parquet(tmp_path / "run" / "context_plan" / "*" / "part-*.parquet")["context_id"]
    assert sorted(planned) == sorted(after["contexts"]["context_id"])
    assert run.dataset()["train"].num_rows > 0


def test_documents_that_cannot_be_made_again_are_said(recipe: Path, tmp_path: Path) -> None:
    """Their source has changed meanwhile, and contexts that are to be rendered stand on them."""
    build(recipe, tmp_path / "run")
    for stage in ("documents", "contexts"):
        for part in (tmp_path / "run" / stage).rglob("part-*.parquet"):
            part.unlink()
    for file in (tmp_path / "books").iterdir():
        file.write_text("Another text.\n")
    with pytest.raises(StorageError, match="its source changed before that part was made again"):
        build(recipe, tmp_path / "run")


def test_an_engine_that_is_not_there_stops_before_anything_is_built(recipe: Path, tmp_path: Path) -> None:
    """In one sentence, with what to do."""
    with pytest.raises(EngineError, match="the command `no-such-server` was not found; correct"):
        build(recipe, tmp_path / "run", "engines.reader={kind: vllm, model: m, command: [no-such-server]}")
    assert not (tmp_path / "run").exists()


def test_a_missing_source_is_said(tmp_path: Path) -> None:
    """Its path, and what to do."""
    with pytest.raises(SourceError, match="no such file or folder"):
        build(write_recipe(tmp_path), tmp_path / "run")


def start(recipe: Path, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own command
        [
            *[sys.executable, "-c", "from longhop.cli import main; main()"],
            *["build", str(recipe), "--out", str(out), "--workers", "2"],
        ],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str], number: int) -> None:
    os.killpg(process.pid, number)
    process.communicate(timeout=60)


def test_a_build_that_is_killed_continues_to_the_same_tables(recipe: Path, tmp_path: Path) -> None:
    """Kill -9 of the process group at several moments; nothing of a later build shows it."""
    expected = build(recipe, tmp_path / "whole")
    for pause in (0.9, 1.4, 1.8):
        process = start(recipe, tmp_path / "run")
        time.sleep(pause)
        end(process, signal.SIGKILL)
    process = start(recipe, tmp_path / "run")
    _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert equal(expected, Run.open(str(tmp_path / "run"))) == []


def test_an_interrupted_build_says_how_to_continue_and_leaves_no_process(recipe: Path, tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, one sentence, no children left."""
    process = start(recipe, tmp_path / "run")
    deadline = time.monotonic() + 60
    while not (tmp_path / "run" / "run.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode != 0:  # it may have come to its end before
        assert process.returncode == 130
        assert said.strip().splitlines()[-1] == "interrupted; run the same command again to continue"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert build(recipe, tmp_path / "run").examples().collect().height > 0


def test_two_builds_of_one_folder_at_once_end_in_the_same_tables(recipe: Path, tmp_path: Path) -> None:
    """Neither harms the other."""
    expected = build(recipe, tmp_path / "whole")
    both = [start(recipe, tmp_path / "run") for _ in range(2)]
    for process in both:
        _, said = process.communicate(timeout=90)
        assert process.returncode == 0, said
    assert equal(expected, Run.open(str(tmp_path / "run"))) == []
