"""The card of a run that was built: its pictures lie beside it and say what the report says."""

import html
import re
from pathlib import Path

import fsspec
import matplotlib.image
import pytest
import yaml

from longhop import Run
from longhop.errors import PublishError
from tests.hub import Hub
from tests.integration.conftest import build
from tests.integration.corpus import write_corpus, write_recipe
from tests.pushing import Here, turned

# The client's own use of its HTTP library, in `lfs_upload`.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    return build(write_recipe(write_corpus(folder)), folder / "run")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Here:
    return turned(monkeypatch, tmp_path)


def card(run: Run) -> str:
    return (run.folder.local_path / "dataset/README.md").read_text(encoding="utf-8")


def test_card_and_report_say_the_same(run: Run) -> None:
    """The sentence of each picture, figures and all, stands in both; each picture is there, on a light ground."""
    report = html.unescape((run.folder.local_path / "report.html").read_text(encoding="utf-8"))
    told = re.findall(r"^\*\*(.+)\.\*\* (.+)\n\n!\[(.+)\]\((figures/\w+\.png)\)$", card(run), re.MULTILINE)
    assert len(told) == 8
    for title, says, alt, path in told:
        assert title in report
        assert re.sub(r"\\(.)", r"\1", html.unescape(says)) in report
        assert title in alt
        pixels = matplotlib.image.imread(run.folder.local_path / "dataset" / path)
        corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert (corners == 1.0).all()  # white, and not transparent
        assert 0 < (pixels[..., :3].sum(axis=2) < 1.5).mean() < 0.5
        assert 400 < pixels.shape[1] < 700
    files = {path.name for path in (run.folder.local_path / "dataset/figures").iterdir()}
    assert files == {path.rpartition("/")[2] for *_, path in told}


def test_figures_of_the_card_are_those_of_the_tables(run: Run) -> None:
    """Examples, and the documents of the datasheet."""
    text = card(run)
    examples = run.examples().collect().height
    left = sum(row["stage"] == "dataset" for row in run.rejections().collect().to_dicts())
    assert f"{examples - left:,} examples of long-context question answering" in text
    documents = run.documents().select("n_tokens").collect()
    assert f"| book | CC0-1.0 | {documents.height} | {documents['n_tokens'].sum():,} | 100.0% |" in text
    assert "As a whole the dataset is under **cc0-1.0**" in text
    assert str(run.folder.local_path.parent) not in text
    head = yaml.safe_load(text.split("---\n")[1])
    assert [config["config_name"] for config in head["configs"]][:1] == ["default"]


def test_a_run_on_object_storage_is_pushed_by_way_of_this_machine(run: Run, here: Here) -> None:
    """Its dataset is copied here and pushed; the same files arrive."""
    storage, local = fsspec.filesystem("memory"), run.folder.local_path
    storage.put(f"{local}/", "memory://pushed/", recursive=True)
    try:
        with Hub() as hub:
            here(hub)
            Run.open("memory://pushed").push_to_hub("org/name")
            there = hub.files("org/name")
        paths = [path for path in (local / "dataset").rglob("*") if path.is_file()]
        assert {name: data for name, data in there.items() if name != "longhop.json"} == {
            path.relative_to(local / "dataset").as_posix(): path.read_bytes() for path in paths
        }
    finally:
        storage.rm("memory://pushed", recursive=True)


def test_a_folder_that_lost_a_file_is_not_pushed(run: Run, here: Here) -> None:
    """Nor one that was being swapped; a card that somebody mended is as good as ours."""
    folder = run.folder.local_path
    with Hub() as hub:
        here(hub)
        (folder / "recipe.kept").write_bytes((folder / "dataset/recipe.yaml").read_bytes())
        (folder / "dataset/recipe.yaml").unlink()
        with pytest.raises(PublishError, match=r"recipe.yaml is not what was built; build again"):
            run.push_to_hub("org/name")
        (folder / "recipe.kept").rename(folder / "dataset/recipe.yaml")
        current = (folder / "published/current.json").rename(folder / "published/current.kept")
        with pytest.raises(PublishError, match="no dataset here"):
            run.push_to_hub("org/name")
        current.rename(folder / "published/current.json")
        assert hub.calls == []
        with (folder / "dataset/README.md").open("a", encoding="utf-8") as readme:
            readme.write("\nMended.\n")
        run.push_to_hub("org/name")
        assert hub.files("org/name")["README.md"].endswith(b"\nMended.\n")
