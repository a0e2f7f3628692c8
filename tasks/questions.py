"""Questions: written and checked for each context of a part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from longhop.checks.novelty import EvaluationSets
from longhop.records import Context, Question, Record, Rejection
from longhop.sources.excluded import read_excluded
from longhop.stages.questions import write_questions

from .base import PartTask
from .building import Building
from .contexts import Contexts


class Questions(PartTask):
    """The questions of one part, accepted and rejected."""

    stage = "questions"
    record = Question

    def requires(self) -> PartTask:
        """The contexts of the part."""
        return Contexts(self.out, self.before("contexts"), self.part)

    def items(self, work: Building) -> Iterable[Record]:
        """Write and check."""
        recipe, contexts = work.recipe, work.rows("contexts", Context)
        work.progress.expected = len(contexts) * recipe.questions.per_context
        return written(work, contexts)


def written(work: Building, contexts: Iterable[Context]) -> Iterator[Question | Rejection]:
    """Write questions on contexts, and check them."""
    recipe = work.recipe
    return write_questions(
        contexts,
        recipe.questions,
        recipe.checks,
        work.inference(recipe.questions.engine),
        work.inference(recipe.checks.engine),
        work.tokenizer.count,
        recipe.seed,
        EvaluationSets(text for _, text in read_excluded(recipe.checks.exclude, "checks.exclude")),
        recipe.traces.reasoning,
    )
