"""Examples: of each question of a part the shortest trace of the majority."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from longhop.publish.messages import ExampleCounter
from longhop.records import Context, Example, Models, Question, Record, Rejection, Trace, Verdict
from longhop.stages.examples import Attempts, select_examples

from .base import PartTask
from .building import Building
from .verdicts import Verdicts


class Examples(PartTask):
    """The examples of one part."""

    stage = "examples"
    record = Example

    def requires(self) -> PartTask:
        """The verdicts of the part."""
        return Verdicts(self.out, self.before("verdicts"), self.part)

    def items(self, work: Building) -> Iterable[Record]:
        """Vote and choose."""
        contexts, questions = work.contexts(), work.rows("questions", Question)
        traces, verdicts = work.by_question("traces", Trace), work.by_question("verdicts", Verdict)
        work.progress.expected = sum(question.accepted for question in questions)
        attempts = (
            Attempts(
                question=question,
                context=contexts[question.context_id],
                traces=traces[question.question_id],
                verdicts=verdicts[question.question_id],
            )
            for question in questions
        )
        return chosen(work, attempts, contexts)


def chosen(
    work: Building, attempts: Iterable[Attempts], contexts: Mapping[str, Context]
) -> Iterator[Example | Rejection]:
    """Vote and choose; contexts by their ids."""
    recipe = work.recipe
    models = Models(
        writer=work.model(recipe.questions.engine),
        reader=work.model(recipe.traces.engine),
        judge=work.model(recipe.scoring.judge),
    )
    count = ExampleCounter(work.prompts, work.tokenizer, contexts)
    return select_examples(attempts, recipe.selection, recipe.traces.samples, models, count)
