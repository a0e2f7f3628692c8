"""report.html: one file that shows what a run made, opens from disk, and asks nothing of the network.

    >>> write_report(RunTables.open("runs/sample"))
    'runs/sample/report.html'

Its figures cover all rows of the run. Its browser of questions holds a sample of them, which the page states: long
traces are shortened, evidence stands in some hundred characters of what surrounds it. The page's template, style and
script lie beside this module and are written into it; a policy in its head forbids the browser to fetch anything and to
run any script but this one. What comes from documents and models is data in it, and becomes text, never HTML.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Collection, Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from typing import Any

import jinja2
import msgspec

from longhop.funnel import FunnelRow
from longhop.publish.facts import PictureFile, parts_named
from longhop.publish.report_facts import FATES, ReportFacts, gather
from longhop.publish.report_rows import ReportRows, question_rows, sampled
from longhop.publish.report_tables import ReportTables
from longhop.run_tables import RunTables, StageState

__all__ = ["NAME", "missing_said", "render_report", "write_card_pictures", "write_report"]

NAME = "report.html"
"""The report within a run's folder."""
_QUESTIONS = 1_000
"""Questions that the page holds at most: it opens within two seconds."""


def write_report(run: RunTables) -> str:
    """Write the report of a run, finished or not, into its folder; gives the file's address.

    Raises:
        StorageError: A table is missing or damaged, or the folder is not writable.
    """
    tables = ReportTables(run)
    facts = gather(tables)
    rows = question_rows(tables, sampled(facts.questions, _QUESTIONS))
    run.folder.write_bytes(NAME, render_report(facts, rows).encode("utf-8", "replace"))
    return run.folder.url_of(NAME)


def write_card_pictures(
    run: RunTables, folder: Path, left_out: Mapping[str, tuple[str, str]], parts: Collection[int]
) -> list[PictureFile]:
    """Write the report's pictures as files beside the card.

    Args:
        run: The run that the dataset is made of.
        folder: The dataset folder.
        left_out: Reason and detail of the examples that the dataset leaves out, by question.
        parts: Numbers of the parts that the dataset is made of.
    """
    _hush()
    from longhop.publish.pictures import write_pictures  # noqa: PLC0415 - Matplotlib takes a second

    return write_pictures(folder, gather(ReportTables(run, parts), left_out))


def _hush() -> None:
    """Where Matplotlib keeps its list of fonts is nothing to tell in a build."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def render_report(facts: ReportFacts, rows: ReportRows) -> str:
    """The page.

    Args:
        facts: Figures over all rows.
        rows: The questions that the page holds.
    """
    _hush()
    from longhop.publish.pictures import draw  # noqa: PLC0415 - Matplotlib takes a second
    from longhop.publish.report_pictures import large, length_of, name_of  # noqa: PLC0415 - the same

    page = files("longhop.publish")
    script = page.joinpath("report.js").read_text("utf-8")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    environment.filters |= {"large": large, "length_of": length_of, "name_of": name_of, "plain": _plain}
    template = environment.from_string(page.joinpath("report.html.j2").read_text("utf-8"))
    return template.render(
        facts=facts,
        fates=[(FATES[fate], fate, reasons) for fate, reasons in facts.fates.items() if reasons],
        rejections=[
            (cost.state.stage, reason, count)
            for cost in facts.stages
            for reason, count in cost.state.rejections.items()
        ],
        missing=missing_said(facts.unfinished),
        pictures=draw(facts),
        agreement=fmean(facts.agreement) if facts.agreement else None,
        lengths=sorted(
            (target, len(tokens), min(tokens), fmean(tokens), max(tokens)) for target, tokens in facts.contexts.items()
        ),
        asked=_tokens_of(facts.funnel),
        shown=len(rows.questions),
        style=page.joinpath("report.css").read_text("utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=_json({"samples": facts.samples, "fates": FATES, "questions": rows.questions, "contexts": rows.contexts}),
    )


def missing_said(unfinished: Iterable[StageState]) -> list[str]:
    """What stages lack, in words with numbers: `1 of 4 parts of traces: part 2`."""
    said, unplanned, dataset = [], [], []
    for state in unfinished:
        name = state.stage.replace("_", " ")
        if state.stage == "dataset":
            dataset = ["the dataset"]
        elif state.parts is None:
            unplanned.append(name)
        else:
            left = state.parts - state.built
            which = f": {parts_named(state.missing)}" if state.built else ""
            said.append(f"{left:,} of {state.parts:,} part{'s' if state.parts > 1 else ''} of {name}{which}")
    if unplanned:
        said.append(f"all of {', '.join(unplanned)}: how many parts they have, the plan of the contexts will say")
    return said + dataset


def _tokens_of(funnel: Iterable[FunnelRow]) -> int:
    return sum(row.tokens for row in funnel)


def _plain(text: str) -> str:
    """A name on one line, without what could hide or turn the words around it."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:200]


def _json(value: Any) -> str:
    """JSON that can stand in a script element: no character that ends it, or that a script takes for a new line."""
    text = msgspec.json.encode(value).decode("utf-8")
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
