"""A preview: one context through all stages with the recipe's own engines, as people look at it.

    longhop preview recipe.yaml --length 8k

    >>> preview = Builder(recipe, out="runs/sample").preview(length=8192)
    >>> preview                             # in a notebook: the context, its questions, checks, traces and the choice
    >>> preview.examples[0].question

What was answered is kept in the run's store of completions, so a build of the same recipe into the same folder does not
ask for it again; documents that were read, and the plan, are the build's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from rich.columns import Columns
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from longhop.recipe import Recipe
from longhop.records import Context, Example, Question, Record, Rejection, Trace, Verdict
from longhop.showing import Showable
from longhop.view import Shown, heading, outcome_lines, printable, question_lines, verdict_words

__all__ = ["Preview", "make_preview"]

_BESIDE = 36
"""Columns of one of the traces that stand side by side, at least: two of them in a terminal of 80."""
_SHOWN = 420
"""Characters of a trace's reasoning: of its beginning and its end a half each."""
_NO_GROUP = 10**9


class Preview(Showable):
    """One context of a run and what came of it."""

    def __init__(
        self,
        recipe: Recipe,
        out: str,
        context: Context,
        questions: Sequence[Question],
        traces: Sequence[Trace],
        verdicts: Sequence[Verdict],
        examples: Sequence[Example],
        rejections: Sequence[Rejection],
        seconds: dict[str, float],
        answers: int,
        notes: Sequence[str] = (),
    ) -> None:
        self.recipe = recipe
        self.out = out
        self.context = context
        self.questions = list(questions)
        """All of them, accepted or not."""
        self.traces = list(traces)
        self.verdicts = list(verdicts)
        self.examples = list(examples)
        self.rejections = list(rejections)
        self.seconds = seconds
        """By stage; `plan` stands for listing, reading, counting and planning."""
        self.answers = answers
        """Samples that engines gave for it now; what was in the store already is not counted."""
        self.notes = list(notes)
        """What there is to say about the plan: what was added, or differs."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The context, each question with its traces, and how long it took."""
        width = min(options.max_width, 160)
        yield from self._context(width)
        accepted = [question for question in self.questions if question.accepted]
        yield from map(Text, heading(self._counted(accepted), width))
        for question in self.questions:
            if not question.accepted:
                yield from self._rejected(question)
        told = [rejection for rejection in self.rejections if rejection.item_id == self.context.context_id]
        for rejection in told:
            yield Text(printable(f"- {rejection.reason}: {rejection.detail}"))
        for number, question in enumerate(accepted, 1):
            yield Text()
            yield Text(f"━━ Question {number} of {len(accepted)} ".ljust(width, "━"), style="bold")
            yield from self._question(question, width)
        yield from map(Text, heading("What it took", width))
        yield Text(", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in self.seconds.items()))
        asked = f"{self.answers:,} answer{'' if self.answers == 1 else 's'} asked for"
        kept = f"{asked}; kept in {self.out}, and a build there asks for none again"
        yield Text(kept if self.answers else f"nothing was asked for: {self.out} had all answers already")
        for note in self.notes:
            yield Text(f"note: {printable(note)}")

    def _context(self, width: int) -> Iterator[RenderableType]:
        context = self.context
        yield Text(
            f"Context {context.context_id}: {context.n_tokens:,} of {context.target_tokens:,} tokens, "
            f"{len(context.documents)} documents, split {context.split}",
            style="bold",
        )
        table = Table(box=None, pad_edge=False, header_style="")
        table.add_column("", justify="right")
        table.add_column("document", ratio=1, overflow="fold")
        table.add_column("kind")
        table.add_column("tokens", justify="right")
        table.add_column("place", justify="right")
        if width >= 100:
            table.add_column("source", overflow="ellipsis", no_wrap=True, max_width=36)
        for number, document in enumerate(context.documents, 1):
            ends = (document.start, document.end)
            start, end = (100 * place / max(1, len(context.text)) for place in ends)
            cells = [str(number), document.title, document.kind, f"{document.n_tokens:,}", f"{start:.0f}-{end:.0f} %"]
            if width >= 100:
                cells.append(document.source)
            table.add_row(*(Text(printable(cell)) for cell in cells))
        yield table

    def _counted(self, accepted: Sequence[Question]) -> str:
        of = f"{len(accepted)} of {len(self.questions)} questions accepted"
        many = len(self.examples)
        return f"{of}, {many} example{'' if many == 1 else 's'}"

    def _rejected(self, question: Question) -> Iterator[RenderableType]:
        failed = next((check for check in question.checks if not check.passed), None)
        why = f"{failed.name}: {failed.detail}" if failed is not None else str(question.rejected_by)
        yield Text(printable(f"- {question.question} [{question.reference_answer}]"))
        yield Text(printable(f"  left out by {why}"), style="yellow")

    def _question(self, question: Question, width: int) -> Iterator[RenderableType]:
        name = question.question_id
        traces = [row for row in self.traces if row.question_id == name]
        ids = {name, *(trace.trace_id for trace in traces)}
        shown = Shown(
            question=_row(question),
            context=_row(self.context),
            traces=list(map(_row, traces)),
            verdicts=[_row(row) for row in self.verdicts if row.question_id == name],
            examples=[_row(row) for row in self.examples if row.question_id == name],
            rejections=[_row(row) for row in self.rejections if row.item_id in ids],
            least_evidence=self.recipe.selection.min_evidence,
        )
        yield from map(Text, question_lines(shown, width))
        yield from _side_by_side(shown, width)
        yield from map(Text, outcome_lines(shown, width))


def _side_by_side(shown: Shown, width: int) -> Iterator[RenderableType]:
    """The traces by answer group, the shortest of each first, as many beside each other as there is room for."""
    verdicts = {row["trace_id"]: row for row in shown.verdicts}
    chosen = {row["trace_id"] for row in shown.examples}
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in shown.traces:
        number = (verdicts.get(row["trace_id"]) or {}).get("answer_group")
        groups.setdefault(_NO_GROUP if number is None else number, []).append(row)
    beside = max(1, width // _BESIDE)
    for number, rows in sorted(groups.items()):
        many = f"{len(rows)} of {len(shown.traces)} traces"
        title = f"Without a valid answer: {many}" if number == _NO_GROUP else f"Answer group {number}: {many}"
        yield from map(Text, heading(title, width))
        ordered = sorted(rows, key=lambda row: (row["n_tokens"], row["sample"]))
        panels = [_panel(row, verdicts.get(row["trace_id"]), chosen=row["trace_id"] in chosen) for row in ordered]
        yield Columns(panels, width=width // beside - 1, expand=False, padding=(0, 1, 0, 0))


def _panel(row: dict[str, Any], verdict: dict[str, Any] | None, *, chosen: bool) -> Panel:
    mark = "* " if chosen else ""
    body = Text()
    body.append(printable(row["answer"] if row["answer"] is not None else "(no answer)"), style="bold")
    body.append(f"\n{verdict_words(verdict)}\n", style="green" if verdict and verdict["correct"] else "yellow")
    body.append(printable(_ends(row["reasoning"] or row["content"])))
    title = Text(f"{mark}sample {row['sample']}: {row['n_tokens']:,} tokens")
    return Panel(body, title=title, title_align="left", border_style="green" if chosen else "dim")


def _ends(text: str) -> str:
    """A text, or its beginning and its end where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} […] {text[-_SHOWN // 2 :]}"


def _row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(record)
    return row


def make_preview(
    recipe: Recipe,
    out: str,
    length: int | None = None,
    kind: str | None = None,
    number: int = 1,
    say: Callable[[str], None] = print,
) -> Preview:
    """Take one context of a recipe through all stages; see `longhop.tasks.preview` for what is kept and how.

    Raises:
        LonghopError: No planned context is of that length and kind, or what would stop a build, too.
    """
    from longhop.tasks.preview import preview_run  # noqa: PLC0415 - registers the tasks with Luigi

    found = preview_run(recipe, out, length, kind, number, say)
    return Preview(
        recipe=recipe,
        out=out,
        context=found.context,
        questions=found.questions,
        traces=found.traces,
        verdicts=found.verdicts,
        examples=found.examples,
        rejections=found.rejections,
        seconds={stage: use.seconds for stage, use in found.use.items()},
        answers=sum(use.answers for use in found.use.values()),
        notes=found.notes,
    )
