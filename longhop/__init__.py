"""longhop builds long-context multi-hop question-answering datasets out of books, papers and code.

    >>> from longhop import Builder, Recipe
    >>> run = Builder(Recipe.load("recipe.yaml"), out="runs/sample").build(workers=2)
    >>> run.examples().select("question", "answer").collect()

The stages are functions from records to records and can be used on their own: see `longhop.stages`.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longhop.builder import Builder
    from longhop.errors import LonghopError
    from longhop.recipe import Recipe
    from longhop.run import Run

__all__ = ["Builder", "LonghopError", "Recipe", "Run"]

_HOMES = {"Builder": "builder", "LonghopError": "errors", "Recipe": "recipe", "Run": "run"}


def __getattr__(name: str) -> object:
    """Imported when asked for: what they stand on takes two seconds to import, and a Ctrl-C may come in them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
