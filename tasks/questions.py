"""Questions: written and checked for each context of a part."""

from __future__ import annotations

from collections.abc import Iterable

from longhop.records import Context, Question, Record
from longhop.stages.questions import write_questions

from .base import PartTask
from .contexts import Contexts


class Questions(PartTask):
    """The questions of one part, accepted and rejected."""

    stage = "questions"
    record = Question

    def requires(self) -> PartTask:
        """The contexts of the part."""
        return Contexts(self.out, self.before("contexts"), self.part)

    def items(self) -> Iterable[Record]:
        """Write and check."""
        recipe = self.recipe
        return write_questions(
            self.folder.read_part("contexts", self.before("contexts"), self.part, Context),
            recipe.questions,
            recipe.checks,
            self.inference(recipe.questions.engine),
            self.inference(recipe.checks.engine),
            self.tokenizer.count,
            recipe.seed,
        )
