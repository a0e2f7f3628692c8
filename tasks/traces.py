"""Traces: every accepted question of a part is attempted several times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from longhop.records import Context, Question, Record, Rejection, Trace
from longhop.stages.traces import sample_traces

from .base import PartTask
from .building import Building
from .questions import Questions


class Traces(PartTask):
    """The traces of one part."""

    stage = "traces"
    record = Trace

    def requires(self) -> PartTask:
        """The questions of the part."""
        return Questions(self.out, self.before("questions"), self.part)

    def items(self, work: Building) -> Iterable[Record]:
        """Sample and extract."""
        contexts, questions = work.contexts(), work.rows("questions", Question)
        work.progress.expected = work.recipe.traces.samples * sum(question.accepted for question in questions)
        return sampled(work, ((question, contexts[question.context_id]) for question in questions))


def sampled(work: Building, pairs: Iterable[tuple[Question, Context]]) -> Iterator[Trace | Rejection]:
    """Attempt questions on their contexts."""
    config = work.recipe.traces
    return sample_traces(pairs, config, work.inference(config.engine), work.tokenizer.count, work.recipe.seed)
