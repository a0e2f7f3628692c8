"""longhop builds long-context multi-hop question-answering datasets out of books, papers and code.

    >>> from longhop import Builder, Recipe
    >>> run = Builder(Recipe.load("recipe.yaml"), out="runs/sample").build(workers=2)
    >>> run.examples().select("question", "answer").collect()

The stages are functions from records to records and can be used on their own: see `longhop.stages`.
"""

from longhop.builder import Builder
from longhop.errors import LonghopError
from longhop.recipe import Recipe
from longhop.run import Run

__all__ = ["Builder", "LonghopError", "Recipe", "Run"]
