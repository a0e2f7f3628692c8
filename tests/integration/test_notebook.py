"""What people do in a notebook, executed by a real kernel with its running event loop."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.integration.corpus import write_corpus, write_recipe

CELLS = [
    "from longhop import Builder, Recipe\nbuilder = Builder(Recipe.load('recipe.yaml'), out='run')",
    "builder.check()",
    "builder.estimate()",
    "builder.preview(length=800)",
    "builder.estimate()",
    "print(builder.estimate().accepted > 0, builder.preview(length=800).answers)",
    "run = builder.build()\nrun.examples().collect().height > 0",
]


# jupyter's own: the kernel's socket is closed after the loop, and a temporary folder is left to the collector
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_notebook_checks_estimates_previews_and_builds(tmp_path: Path) -> None:
    """Each result shows itself, as text and as HTML; the second estimate goes by the preview."""
    write_recipe(write_corpus(tmp_path))
    made: Any = nbformat.v4
    notebook = made.new_notebook(cells=[made.new_code_cell(source) for source in CELLS])
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()

    def shown(cell: int) -> dict[str, Any]:
        (output,) = [each for each in notebook.cells[cell].outputs if each.output_type == "execute_result"]
        return json.loads(json.dumps(output["data"]))  # type: ignore[no-any-return]

    for cell, words in (
        (1, "8 to read as book"),
        (2, "ASSUMED"),
        (3, "questions accepted"),
        (4, "1 of them previewed"),
    ):
        assert set(shown(cell)) == {"text/plain", "text/html"}
        for kind in ("text/plain", "text/html"):
            assert words in shown(cell)[kind], (cell, kind)
    assert notebook.cells[5].outputs[0]["text"] == "True 0\n"
    assert shown(6)["text/plain"] == "True"
