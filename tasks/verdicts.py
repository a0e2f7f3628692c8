"""Verdicts: the traces of a part are scored and grouped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from longhop.records import Question, Record, Trace, Verdict
from longhop.stages.verdicts import score_traces

from .base import PartTask
from .building import Building
from .traces import Traces


class Verdicts(PartTask):
    """The verdicts of one part."""

    stage = "verdicts"
    record = Verdict

    def requires(self) -> PartTask:
        """The traces of the part."""
        return Traces(self.out, self.before("traces"), self.part)

    def items(self, work: Building) -> Iterable[Record]:
        """Compare, ask the judge, group."""
        traces = work.by_question("traces", Trace)
        work.progress.expected = sum(len(rows) for rows in traces.values())
        return scored(work, ((q, traces[q.question_id]) for q in work.rows("questions", Question) if q.accepted))


def scored(work: Building, pairs: Iterable[tuple[Question, Sequence[Trace]]]) -> Iterator[Verdict]:
    """Score the traces of questions."""
    recipe = work.recipe
    return score_traces(pairs, recipe.scoring, recipe.selection, work.inference(recipe.scoring.judge), recipe.seed)
