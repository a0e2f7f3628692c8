"""Traces: every accepted question of a part is attempted several times."""

from __future__ import annotations

from collections.abc import Iterable

from longhop.records import Context, Question, Record, Trace
from longhop.stages.traces import sample_traces

from .base import PartTask
from .questions import Questions


class Traces(PartTask):
    """The traces of one part."""

    stage = "traces"
    record = Trace

    def requires(self) -> PartTask:
        """The questions of the part."""
        return Questions(self.out, self.before("questions"), self.part)

    def items(self) -> Iterable[Record]:
        """Sample and extract."""
        recipe = self.recipe
        contexts = {
            context.context_id: context
            for context in self.folder.read_part("contexts", self.before("contexts"), self.part, Context)
        }
        questions = self.folder.read_part("questions", self.before("questions"), self.part, Question)
        return sample_traces(
            ((question, contexts[question.context_id]) for question in questions),
            recipe.traces,
            self.inference(recipe.traces.engine),
            self.tokenizer.count,
            recipe.seed,
        )
