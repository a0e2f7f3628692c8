"""The pictures of the report and of the card, as Matplotlib has them; `pictures.py` writes them.

    >>> with drawn(facts, ["#000000", "#555555", "#0a6a66", "#bcdcd9", "#d5d5d5"]) as drawings:
    ...     drawings["funnel"].title
    'From questions to examples'

Drawn without Matplotlib's windows: a figure is an object here and no state of the process. Its five colours are places
in a list, which whoever writes it gives. Names of checks, kinds and reasons come from recipes and models: they are
never read as formulas.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import fmean, quantiles
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.ticker
from cycler import cycler
from matplotlib.figure import Figure

from longhop.publish.report_facts import BINS, ReportFacts

__all__ = ["Drawing", "drawn", "large", "length_of", "name_of"]

INK, MUTED, ACCENT, SOFT, LINE = "C0", "C1", "C2", "C3", "C4"
"""Places in the list of colours that a drawing is made with."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "longhop",  # the same figures, the same bytes
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 11.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}
_NARROW, _WIDE = 4.9, 10.4  # inches; 72 units of the picture each
_NAMES = 22  # characters of a name beside a bar
_BARS = 14


class Drawing(NamedTuple):
    """One picture as Matplotlib has it, and what it says."""

    title: str
    says: str
    """One sentence with the figures that matter."""
    figures: Sequence[Figure]
    """The narrow one, and where it is drawn for both the wide one."""
    label: str = ""
    """What is read aloud in place of the picture; `says` where it is empty."""


@contextmanager
def drawn(facts: ReportFacts, colours: Sequence[str]) -> Iterator[dict[str, Drawing]]:
    """All drawings for which there is something to draw, by a word for each; to be written within the block.

    Args:
        facts: What they show.
        colours: Of what is read first and second, of what matters, of what is beside it, and of lines.
    """
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # not what a user has set for their own pictures
        mpl.rcParams["axes.prop_cycle"] = cycler(color=list(colours))
        mpl.rcParams.update(_STYLE)
        # Letters that Matplotlib's own font lacks are set in the page's font.
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        found = {name: make(facts) for name, make in _PICTURES.items()}
        yield {name: drawing for name, drawing in found.items() if drawing is not None}


def large(number: float) -> str:
    """A number as people say it: 940, 12.3K, 4.1M."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "K")):
        if number >= size:
            short = number / (1e3 if letter == "K" else size)
            return f"{short:.0f}{letter}" if short >= 100 else f"{short:.1f}{letter}"
    return f"{number:,.0f}"


def length_of(tokens: int) -> str:
    """A length as a recipe writes it, where `k` is 1024 and `m` its square: 16384 is `16k`."""
    for size, letter in ((1024**2, "m"), (1024, "k")):
        if tokens and tokens % size == 0:
            return f"{tokens // size:,}{letter}"
    return f"{tokens:,}"


def name_of(name: str) -> str:
    """A reason, a check or a fate as words: `no_majority` is `no majority`."""
    return name.replace("_", " ")


def _funnel(facts: ReportFacts) -> Drawing | None:
    total = len(facts.questions)
    if not total:
        return None
    left = total
    bars = [("questions written", left, 0)]
    fates = facts.fates
    order = [row.check for row in facts.funnel]
    losses = [(name_of(name), fates["check"].pop(name)) for name in order if fates["check"].get(name)]
    losses += [
        (name_of(name), lost)
        for fate in ("check", "waiting", "choice", "dataset")
        for name, lost in fates[fate].items()
    ]
    for name, lost in losses:
        left -= lost
        bars.append((name, left, lost))
    if len(bars) > _BARS:
        rest = bars[_BARS - 1 :]
        bars = [*bars[: _BARS - 1], (f"{len(rest)} more reasons", left, sum(lost for _, _, lost in rest))]
    bars.append(("examples", left, 0))
    says = f"{facts.n_examples:,} of {total:,} questions became examples ({facts.n_examples / total:.1%})."
    return Drawing(
        title="From questions to examples",
        says=f"{says} Each bar is what was left, and what fell there.",
        figures=[_funnel_bars(bars, total, width) for width in (_NARROW, _WIDE)],
        label=says,
    )


def _funnel_bars(bars: Sequence[tuple[str, int, int]], total: int, width: float) -> Figure:
    """Bars of what was left and what fell, by name."""
    figure, axes = _axes(0.33 * len(bars) + 0.3, width)
    for place, (_, there, lost) in enumerate(bars):
        ends = place in {0, len(bars) - 1}
        axes.barh(place, there, color=ACCENT if ends else SOFT, height=0.66)
        axes.barh(place, lost, left=there, color=LINE, height=0.66)
        said = f"{there:,}" if ends else f"−{lost:,}"
        axes.text(there + lost + total * 0.015, place, said, va="center", color=INK if ends else MUTED)
    _named(axes, [name for name, _, _ in bars])
    axes.set_xlim(0, total * (1.25 if width == _NARROW else 1.12))
    _bare(axes)
    return figure


def _lengths(facts: ReportFacts) -> Drawing | None:
    if not facts.contexts:
        return None
    rows = [(target, facts.contexts.get(target, [])) for target in sorted({*facts.contexts, *facts.asked})]
    figure, axes = _axes(0.42 * len(rows) + 0.5)
    for place, (target, tokens) in enumerate(rows):
        reached = fmean(tokens) / target if tokens else 0.0
        axes.barh(place, 1, color=SOFT, height=0.5)
        axes.barh(place, reached, color=ACCENT, height=0.5)
        asked = facts.asked.get(target, 0)
        of = f" of {asked:,}" if len(tokens) < asked else ""
        axes.text(1.03, place, f"{reached:.1%} · {len(tokens):,}{of}", va="center", color=INK)
    _named(axes, [length_of(target) for target, _ in rows])
    axes.set_xlim(0, 1.45)
    _bare(axes)
    every = [tokens / target for target, row in rows for tokens in row]
    many = "1 context reaches" if len(every) == 1 else f"{len(every):,} contexts reach"
    says = f"{many} {fmean(every):.1%} of the tokens asked for, {min(every):.1%} at least."
    return Drawing(
        title="Lengths asked and reached",
        says=f"{says} Beside each length: share reached, contexts.",
        figures=[figure],
        label=says,
    )


def _kinds(facts: ReportFacts) -> Drawing | None:
    if not facts.questions:
        return None
    written = Counter(question.kind for question in facts.questions)
    kept = Counter(question.kind for question in facts.questions if question.fate == "example")
    kinds = [kind for kind, _ in written.most_common(_BARS)]
    figure, axes = _axes(0.42 * len(kinds) + 0.5)
    most = max(written.values())
    for place, kind in enumerate(kinds):
        axes.barh(place, written[kind], color=SOFT, height=0.5)
        axes.barh(place, kept[kind], color=ACCENT, height=0.5)
        axes.text(written[kind] + most * 0.02, place, f"{kept[kind]:,} of {written[kind]:,}", va="center", color=INK)
    _named(axes, [name_of(kind) for kind in kinds])
    axes.set_xlim(0, most * 1.45)
    _bare(axes)
    of = sum(kept.values())
    shares = ", ".join(f"{name_of(kind)} {kept[kind] / of:.0%}" for kind in kinds) if of else "no examples yet"
    return Drawing(
        title="Kinds of questions",
        says=f"Of the examples: {shares}. Pale: all that were written.",
        figures=[figure],
        label="Kinds",
    )


def _agreement(facts: ReportFacts) -> Drawing | None:
    sampled = [question for question in facts.questions if question.votes is not None]
    if not sampled:
        return None
    every = Counter(question.votes or 0 for question in sampled)
    kept = Counter(question.votes or 0 for question in sampled if question.fate == "example")
    votes = list(range(max(facts.samples, *every) + 1))
    figure, axes = _axes(2.1)
    axes.bar(votes, [every[vote] for vote in votes], color=SOFT, width=0.72)
    axes.bar(votes, [kept[vote] for vote in votes], color=ACCENT, width=0.72)
    for vote in votes if len(votes) <= 17 else ():
        if every[vote]:
            axes.text(vote, every[vote], large(every[vote]), ha="center", va="bottom", color=INK)
    axes.set_xticks(votes[:: max(1, len(votes) // 9)])
    axes.set_yticks([])
    axes.set_xlabel(f"traces of {facts.samples} in the largest answer group")
    axes.margins(y=0.14)
    mean = f"Examples agree at {fmean(facts.agreement):.0%} on average. " if facts.agreement else ""
    says = f"{mean}{every[facts.samples]:,} of {len(sampled):,} sampled questions are unanimous."
    return Drawing(
        title="Agreement of the traces",
        says=f"{says} Pale: questions without an example.",
        figures=[figure],
        label=says,
    )


def _compared(facts: ReportFacts) -> Drawing | None:
    total = sum(facts.compared.values())
    if not total:
        return None
    columns = [(True, "judged equal"), (False, "different"), (None, "no verdict")]
    rows = [(True, "exact match"), (False, "no exact match")]
    most = max(facts.compared.values())
    figure, axes = _axes(1.75)
    for y, (exact, _) in enumerate(rows):
        for x, (judge, _) in enumerate(columns):
            count = facts.compared[exact, judge]
            axes.bar(x, 0.9, bottom=y - 0.45, width=0.94, color=SOFT)
            axes.bar(x, 0.9, bottom=y - 0.45, width=0.94, color=ACCENT, alpha=0.55 * count / most)
            axes.text(x, y, f"{count:,}", ha="center", va="center", color=INK, fontsize=15)
    axes.set_xticks(range(3), [name for _, name in columns])
    axes.xaxis.tick_top()
    _named(axes, [name for _, name in rows])
    axes.spines[:].set_visible(False)
    asked = total - facts.compared[True, None] - facts.compared[False, None]
    agree = facts.compared[True, True] + facts.compared[False, False]
    says = f"{total:,} distinct answers; the judge gave a verdict on {asked:,}"
    says += f" and agreed with exact match on {agree / asked:.0%} of them." if asked else "."
    return Drawing(title="Exact match against judge", says=says, figures=[figure], label=says)


def _tokens(facts: ReportFacts) -> Drawing | None:
    names = {
        "shortest_tokens": "shortest",
        "trace_tokens": "chosen",
        "random_tokens": "random",
        "longest_tokens": "longest",
    }
    rows = [(label, facts.tokens[name]) for name, label in names.items() if facts.tokens[name]]
    if not rows:
        return None
    figure, axes = _axes(0.42 * len(rows) + 0.75)
    for place, (label, tokens) in enumerate(rows):
        low, middle, high = _spread(tokens)
        colour = ACCENT if label == "chosen" else MUTED
        axes.plot(
            [low, high],
            [place, place],
            color=ACCENT if label == "chosen" else LINE,
            linewidth=5,
            solid_capstyle="round",
            alpha=0.45 if label == "chosen" else 1,
        )
        axes.plot(middle, place, "o", color=colour, markersize=7)
        axes.text(middle, place - 0.3, large(middle), ha="center", va="bottom", color=INK)
    _named(axes, [label for label, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.9)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: large(value))
    axes.set_xlabel("tokens; dot: median, line: 80% of the examples")
    chosen, random = facts.tokens["trace_tokens"], facts.tokens["random_tokens"]
    saved = 1 - sum(chosen) / sum(random) if random and sum(random) else 0
    says = (
        f"The chosen traces have {saved:.0%} fewer tokens than a random one of the same answer group."
        if saved >= 0
        else f"The chosen traces have {-saved:.0%} more tokens than a random one of their answer group."
    )
    return Drawing(title="Shortest, random, longest trace", says=says, figures=[figure], label=says)


def _depth(facts: ReportFacts) -> Drawing | None:
    total = sum(facts.depths.values())
    if not total:
        return None
    figure, axes = _axes(2.1)
    axes.bar(
        [(place + 0.5) / BINS for place in range(BINS)],
        [facts.depths[place] for place in range(BINS)],
        width=0.8 / BINS,
        color=ACCENT,
    )
    axes.axhline(total / BINS, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["start", "25%", "middle", "75%", "end"])
    axes.set_xlim(-0.02, 1.02)
    axes.set_yticks([])
    axes.set_xlabel("place in the context; dashes: evenly spread")
    thirds = [
        sum(count for place, count in facts.depths.items() if low <= place * 3 / BINS < low + 1) / total
        for low in range(3)
    ]
    first, second, last = (f"{third:.0%}" for third in thirds)
    says = f"{total:,} quotes of accepted questions: {first} in the first third, {second} in the second, {last} last."
    return Drawing(title="Place of the evidence", says=says, figures=[figure], label=says)


def _stages(facts: ReportFacts) -> Drawing | None:
    rows = [cost for cost in facts.stages if cost.state.seconds or cost.tokens]
    if not rows:
        return None
    figure = Figure(figsize=(_NARROW, 0.36 * len(rows) + 0.5), layout="constrained")
    panels: Sequence[Any] = figure.subplots(1, 2, sharey=True)
    seconds = [cost.state.seconds for cost in rows]
    tokens = [float(cost.tokens) for cost in rows]
    for axes, values, unit, say in zip(panels, (seconds, tokens), ("work", "tokens"), (_duration, large), strict=True):
        most = max(values) or 1
        axes.barh(range(len(rows)), values, color=ACCENT, height=0.56)
        for place, value in enumerate(values):
            axes.text(value + most * 0.04, place, say(value), va="center", color=INK if value else MUTED)
        axes.set_title(unit, loc="left", fontsize=11.5, color=MUTED)
        axes.set_xlim(0, most * 1.75)
        _bare(axes)
    _named(panels[0], [name_of(cost.state.stage) for cost in rows])
    panels[1].tick_params(left=False, labelleft=False)
    says = f"{_duration(sum(seconds))} of work, as measured in this build and summed over all workers."
    more = "Tokens: of a stage's rows; of questions, of their checks' prompts."
    return Drawing(title="Time and tokens by stage", says=f"{says} {more}", figures=[figure], label=says)


_PICTURES: Mapping[str, Callable[[ReportFacts], Drawing | None]] = {
    "funnel": _funnel,
    "kinds": _kinds,
    "lengths": _lengths,
    "agreement": _agreement,
    "compared": _compared,
    "tokens": _tokens,
    "depth": _depth,
    "stages": _stages,
}


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    """The first, fifth and ninth decile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    tenths = quantiles(values, n=10, method="inclusive")
    return tenths[0], tenths[4], tenths[8]


def _axes(height: float, width: float = _NARROW) -> tuple[Figure, Any]:
    """A figure of so many inches and its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _named(axes: Any, names: Sequence[str]) -> None:
    """Names beside the bars, the first on top."""
    axes.set_yticks(range(len(names)), [_label(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.spines[:].set_visible(False)


def _label(name: str) -> str:
    safe = "".join(char if char.isprintable() else " " for char in name)
    return safe if len(safe) <= _NAMES else f"{safe[: _NAMES - 1]}…"
