"""Verdicts: the traces of a part are scored and grouped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from longhop.records import Question, Record, Trace, Verdict
from longhop.stages.verdicts import score_traces

from .base import PartTask
from .traces import Traces


class Verdicts(PartTask):
    """The verdicts of one part."""

    stage = "verdicts"
    record = Verdict

    def requires(self) -> PartTask:
        """The traces of the part."""
        return Traces(self.out, self.before("traces"), self.part)

    def items(self) -> Iterable[Record]:
        """Compare, ask the judge, group."""
        recipe = self.recipe
        traces: dict[str, list[Trace]] = defaultdict(list)
        for trace in self.folder.read_part("traces", self.before("traces"), self.part, Trace):
            traces[trace.question_id].append(trace)
        questions = self.folder.read_part("questions", self.before("questions"), self.part, Question)
        return score_traces(
            ((question, traces[question.question_id]) for question in questions if question.accepted),
            recipe.scoring,
            recipe.selection,
            self.inference(recipe.scoring.judge),
            recipe.seed,
        )
