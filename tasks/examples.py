"""Examples: of each question of a part the shortest trace of the majority."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from longhop.engines.roles import make_engine
from longhop.publish.messages import ExampleCounter
from longhop.records import Context, Example, Models, Question, Record, Trace, Verdict
from longhop.stages.examples import Attempts, select_examples

from .base import PartTask
from .verdicts import Verdicts


class Examples(PartTask):
    """The examples of one part."""

    stage = "examples"
    record = Example

    def requires(self) -> PartTask:
        """The verdicts of the part."""
        return Verdicts(self.out, self.before("verdicts"), self.part)

    def items(self) -> Iterable[Record]:
        """Vote and choose."""
        recipe = self.recipe
        contexts = {
            context.context_id: context
            for context in self.folder.read_part("contexts", self.before("contexts"), self.part, Context)
        }
        questions = self.folder.read_part("questions", self.before("questions"), self.part, Question)
        traces: dict[str, list[Trace]] = defaultdict(list)
        for trace in self.folder.read_part("traces", self.before("traces"), self.part, Trace):
            traces[trace.question_id].append(trace)
        verdicts: dict[str, list[Verdict]] = defaultdict(list)
        for verdict in self.folder.read_part("verdicts", self.before("verdicts"), self.part, Verdict):
            verdicts[verdict.question_id].append(verdict)
        counter = ExampleCounter(self.prompts, self.tokenizer, contexts)
        return select_examples(
            (
                Attempts(
                    question=question,
                    context=contexts[question.context_id],
                    traces=traces[question.question_id],
                    verdicts=verdicts[question.question_id],
                )
                for question in questions
            ),
            recipe.selection,
            recipe.traces.samples,
            Models(
                writer=self._model(recipe.questions.engine),
                reader=self._model(recipe.traces.engine),
                judge=self._model(recipe.scoring.judge),
            ),
            counter,
        )

    def _model(self, role: str) -> str:
        return make_engine(role, self.recipe.engines[role]).model
