"""run.json freezes what a run is of, grows with it, and changes only when the run does."""

import json
from pathlib import Path

import pytest

from longhop import listing as module
from longhop.errors import SourceError, StorageError
from longhop.listing import read_part
from longhop.manifest import Manifest, begin, load
from longhop.recipe import Recipe
from longhop.records import Context, ContextPlan
from longhop.sources import SourceItem
from longhop.storage import RunFolder
from tests.integration.corpus import write_corpus, write_recipe

NOW, LATER = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(write_corpus(tmp_path, documents=4))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(str(tmp_path / "run"))


def items(folder: RunFolder, manifest: Manifest) -> list[SourceItem]:
    return [item for name in manifest.listing for item in read_part(folder, name).items]


def listed(folder: RunFolder, manifest: Manifest) -> list[str]:
    return [item.path for item in items(folder, manifest)]


def planned(folder: RunFolder, manifest: Manifest) -> None:
    """As if the last step had been planned."""
    fingerprint = manifest.fingerprints["context_plan"]
    folder.write_part("context_plan", fingerprint, len(manifest.steps) - 1, [], ContextPlan)


def test_a_run_that_begins_says_what_it_is_of(recipe: Path, folder: RunFolder) -> None:
    """Recipe, listing, fingerprints, prompts, versions and time; read back it is the same."""
    manifest, notes = begin(folder, Recipe.load(recipe), NOW)
    assert load(folder) == manifest
    assert notes == []
    assert listed(folder, manifest) == [f"books/chapter_0{number}.md" for number in range(4)]
    assert manifest.growth == [(0, 1)]
    assert [step.lengths for step in manifest.steps] == [{"500": 3, "800": 2}]
    assert (manifest.created, manifest.refreshed) == (NOW, NOW)
    assert {"longhop", "python", "polars", "luigi"} <= set(manifest.versions)
    assert manifest.loaded_recipe() == Recipe.load(recipe)


def test_a_run_that_goes_on_is_not_written_again(recipe: Path, folder: RunFolder) -> None:
    """The file stays the file that it was, though documents have come and gone."""
    first, _ = begin(folder, Recipe.load(recipe), NOW)
    file = folder.local_path / "run.json"
    before = file.stat().st_ino, file.stat().st_mtime_ns
    write_corpus(recipe.parent, documents=6)
    (recipe.parent / "books" / "chapter_00.md").unlink()
    second, notes = begin(folder, Recipe.load(recipe), LATER)
    assert (second, notes) == (first, [])
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == before


def test_refresh_adds_what_is_new_and_keeps_what_vanished(recipe: Path, folder: RunFolder) -> None:
    """A changed document is a new item; all of it is said."""
    first, _ = begin(folder, Recipe.load(recipe), NOW)
    books = recipe.parent / "books"
    (books / "chapter_00.md").unlink()
    (books / "chapter_01.md").write_text("Another text altogether.\n")
    (books / "more.md").write_text("One that was not there.\n")
    second, notes = begin(folder, Recipe.load(recipe), LATER, refresh=True)
    assert second.listing[: len(first.listing)] == first.listing
    assert listed(folder, second)[4:] == ["books/chapter_01.md", "books/more.md"]
    assert second.growth == [(0, 1), (1, 2)]
    assert (second.created, second.refreshed) == (NOW, LATER)
    assert notes == [
        "sources listed anew: 1 new, 1 changed (taken as new documents), 1 vanished (they stay in the run)"
    ]


def test_refresh_without_anything_new_grows_nothing(recipe: Path, folder: RunFolder) -> None:
    """No part is added, and no step."""
    first, _ = begin(folder, Recipe.load(recipe), NOW)
    second, _ = begin(folder, Recipe.load(recipe), LATER, refresh=True)
    assert (second.listing, second.growth, second.history) == (first.listing, first.growth, first.history)


def test_labels_that_were_corrected_make_no_duplicates(recipe: Path, folder: RunFolder) -> None:
    """Licence and kind of what is planned stay; that they do is said, with what to do."""
    first, _ = begin(folder, Recipe.load(recipe), NOW)
    other = Recipe.load(recipe, ["sources.0.license=MIT", "sources.0.kind=letter"])
    second, notes = begin(folder, other, LATER, refresh=True)
    assert (second.listing, second.growth) == (first.listing, first.growth)
    assert notes[0].startswith("sources listed anew: 0 new, 0 changed")
    assert notes[1].startswith("kind and license of some sources differ from what this run was begun with")
    assert "another folder" in notes[1]


def test_parts_without_their_manifest_pass_for_nobody_elses(recipe: Path, folder: RunFolder) -> None:
    """Their numbers belong to a listing that is gone: what stands there is refused, with what to do."""
    manifest, _ = begin(folder, Recipe.load(recipe), NOW)
    planned(folder, manifest)
    folder.remove("run.json")
    with pytest.raises(StorageError, match=r"run\.json: is missing, and parts .* restore it from a copy, or delete"):
        begin(folder, Recipe.load(recipe), LATER)
    (folder.local_path / "run.json").write_text("{")
    with pytest.raises(StorageError, match=r"run\.json: is damaged .* restore it from a copy, or delete documents/"):
        begin(folder, Recipe.load(recipe), LATER)


def test_a_corpus_that_was_moved_is_the_same_corpus(tmp_path: Path, folder: RunFolder) -> None:
    """With --refresh its new place is taken over, and no document is new."""
    first, _ = begin(folder, Recipe.load(write_recipe(write_corpus(tmp_path / "here"))), NOW)
    (tmp_path / "here").rename(tmp_path / "there")
    moved = Recipe.load(tmp_path / "there" / "recipe.yaml")
    with pytest.raises(SourceError, match="--refresh"):
        begin(folder, moved, LATER)
    second, _ = begin(folder, moved, LATER, refresh=True)
    assert second.growth == first.growth
    assert all(str(tmp_path / "there") in item.location for item in items(folder, second))


def test_documents_come_in_parts_of_bounded_size(
    recipe: Path, folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By number and by bytes, in the order in which they were listed."""
    monkeypatch.setattr(module, "_PART_ITEMS", 3)
    manifest, _ = begin(folder, Recipe.load(recipe), NOW)
    assert [len(read_part(folder, name).items) for name in manifest.listing] == [3, 1]
    monkeypatch.setattr(module, "_PART_BYTES", 1)
    other = RunFolder(f"{folder.url}2")
    manifest, _ = begin(other, Recipe.load(recipe), NOW)
    assert [len(read_part(other, name).items) for name in manifest.listing] == [1, 1, 1, 1]
    assert listed(other, manifest) == sorted(listed(other, manifest))


def test_the_listing_is_read_by_those_who_read_documents_only(recipe: Path, folder: RunFolder) -> None:
    """run.json names its parts by their content; going on with a run and all its tasks take that as it is."""
    manifest, _ = begin(folder, Recipe.load(recipe), NOW)
    assert "chapter_00" not in (folder.local_path / "run.json").read_text()
    for name in manifest.listing:
        folder.remove(f"listing/{name}.json")
    assert begin(folder, Recipe.load(recipe), LATER) == (manifest, [])
    assert load(folder) == manifest


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"items":[],"left_out":[]}'])
def test_a_listing_that_is_not_what_was_listed_is_refused(
    recipe: Path, folder: RunFolder, content: bytes | None
) -> None:
    """Missing, cut short, or another one: reading it and listing anew both say what to do."""
    (name,) = begin(folder, Recipe.load(recipe), NOW)[0].listing
    file = folder.local_path / "listing" / f"{name}.json"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    for reading in (
        lambda: read_part(folder, name),
        lambda: begin(folder, Recipe.load(recipe), LATER, refresh=True),
    ):
        with pytest.raises(StorageError, match=r"listing/.*: is (missing|damaged); restore it from a copy, or delete"):
            reading()


def test_more_contexts_are_a_step_behind_what_was_planned(recipe: Path, folder: RunFolder) -> None:
    """A new length and a raised one; the step before stays as it was."""
    first, _ = begin(folder, Recipe.load(recipe), NOW)
    planned(folder, first)
    second, notes = begin(folder, Recipe.load(recipe, ["contexts.lengths={400: 1, 500: 5, 800: 2}"]), NOW)
    assert second.steps[0] == first.steps[0]
    assert second.steps[1].lengths == {"400": 1, "500": 5, "800": 2}
    assert notes == ["the plan grows: 1 of 400 tokens, 2 of 500 tokens; what was planned is kept"]


def test_fewer_contexts_take_nothing_away(recipe: Path, folder: RunFolder) -> None:
    """It is said, and the plan is the one before."""
    first, _ = begin(folder, Recipe.load(recipe), NOW)
    planned(folder, first)
    second, notes = begin(folder, Recipe.load(recipe, ["contexts.lengths={500: 1}"]), NOW)
    assert second.steps == first.steps
    assert notes == [
        "fewer contexts asked for than planned; those that are planned stay: 3 of 500 tokens, 2 of 800 tokens"
    ]


def test_a_step_that_was_never_planned_binds_nobody(recipe: Path, folder: RunFolder) -> None:
    """Too many were asked for, the plan failed; asking for fewer is a first step again."""
    begin(folder, Recipe.load(recipe, ["contexts.lengths={500: 900}"]), NOW)
    manifest, notes = begin(folder, Recipe.load(recipe), NOW)
    assert [step.lengths for step in manifest.steps] == [{"500": 3, "800": 2}]
    assert notes == []


def test_a_step_whose_plan_was_deleted_binds_where_something_came_of_it(recipe: Path, folder: RunFolder) -> None:
    """A later plan, or contexts: it is planned again as it was, not as a first step with all that is asked for now."""
    first, _ = begin(folder, Recipe.load(recipe), NOW)
    planned(folder, first)
    more = Recipe.load(recipe, ["contexts.lengths={500: 5, 800: 2}"])
    second, _ = begin(folder, more, NOW)
    planned(folder, second)
    folder.remove(folder.part_name("context_plan", first.fingerprints["context_plan"], 0))
    assert begin(folder, more, LATER)[0].steps == second.steps
    folder.write_part("contexts", first.fingerprints["contexts"], 0, [], Context)
    folder.remove(folder.part_name("context_plan", first.fingerprints["context_plan"], 1))
    assert begin(folder, more, LATER)[0].steps == second.steps


def test_a_run_of_another_recipe_name_is_refused(recipe: Path, folder: RunFolder) -> None:
    """Both names are said, and nothing is written."""
    begin(folder, Recipe.load(recipe), NOW)
    before = (folder.local_path / "run.json").read_bytes()
    with pytest.raises(StorageError, match="holds a run of the recipe `small`, this one is `other`; choose another"):
        begin(folder, Recipe.load(recipe, ["name=other"]), NOW)
    assert (folder.local_path / "run.json").read_bytes() == before


def test_a_folder_without_a_run_or_with_a_foreign_one_is_said(folder: RunFolder) -> None:
    """Each with what to do."""
    with pytest.raises(StorageError, match="no run here"):
        load(folder)
    folder.write_json("run.json", {"name": "other tool"})
    with pytest.raises(StorageError, match="is not of this version of longhop"):
        load(folder)


STAGES = ["documents", "plan", "context_plan", "contexts", "questions", "traces", "verdicts", "examples", "dataset"]


@pytest.mark.parametrize(
    ("override", "first"),
    [
        ("documents.min_tokens=21", "documents"),
        ("documents.near_duplicate=0.5", "plan"),
        ("documents.splits={train: 0.9, validation: 0.1, test: 0.0}", "plan"),
        ("seed=6", "plan"),
        ("contexts.reuse=5", "context_plan"),
        ("contexts.related_share=0.7", "context_plan"),
        ("questions.per_context=2", "questions"),
        ("checks.closed_book=2", "questions"),
        ("traces.samples=5", "traces"),
        ("scoring.ask=never", "verdicts"),
        ("selection.ties=shortest", "examples"),
        ("dataset.license=mit", "dataset"),
        ("engines.writer.concurrency=3", None),
        ("engines.reader.timeout=9.0", None),
        ("engines.judge.prices={input: 1.0}", None),
        ("engines.judge.key_env=SOME_KEY", None),
        ("contexts.part_size=7", None),
        ("contexts.part_tokens=70k", None),
        ("contexts.lengths={500: 9}", None),
        ("dataset.hub=org/name", None),
    ],
)
def test_a_change_concerns_its_stage_and_those_behind(
    recipe: Path, tmp_path: Path, override: str, first: str | None
) -> None:
    """Stages before keep their fingerprint; what leaves rows as they are is in none."""
    before = begin(RunFolder(str(tmp_path / "a")), Recipe.load(recipe), NOW)[0].fingerprints
    after = begin(RunFolder(str(tmp_path / "b")), Recipe.load(recipe, [override]), NOW)[0].fingerprints
    changed = [stage for stage in STAGES if before[stage] != after[stage]]
    assert changed == (STAGES[STAGES.index(first) :] if first else [])


def test_a_prompt_concerns_the_stages_that_use_it(recipe: Path, tmp_path: Path) -> None:
    """Another judge's prompt: documents to traces keep their fingerprints."""
    own = tmp_path / "own"
    own.mkdir()
    shipped = Path(module.__file__).parents[1] / "prompts" / "judge.md"
    (own / "judge.md").write_text(shipped.read_text() + "\nThink twice.\n")
    before = begin(RunFolder(str(tmp_path / "a")), Recipe.load(recipe), NOW)[0]
    after = begin(RunFolder(str(tmp_path / "b")), Recipe.load(recipe, [f"prompts={own}"]), NOW)[0]
    changed = [stage for stage in STAGES if before.fingerprints[stage] != after.fingerprints[stage]]
    assert changed == ["verdicts", "examples", "dataset"]
    assert [name for name in before.prompts if before.prompts[name] != after.prompts[name]] == ["judge"]


def test_no_key_is_written(recipe: Path, folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 10: the name of the variable stands there, not what it holds."""
    monkeypatch.setenv("JUDGE_KEY", "very-secret-value")
    begin(folder, Recipe.load(recipe, ["engines.judge.key_env=JUDGE_KEY"]), NOW)
    text = (folder.local_path / "run.json").read_text()
    assert "very-secret-value" not in text
    assert json.loads(text)["recipe"]["engines"]["judge"]["key_env"] == "JUDGE_KEY"
