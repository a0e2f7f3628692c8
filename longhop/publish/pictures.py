"""The pictures of the report and of the card, written: as SVG in the page, as files beside the card.

    >>> pictures = draw(facts)                       # in the page's colours, light and dark
    >>> pictures[0].title
    'From questions to examples'
    >>> write_pictures(Path("dataset"), facts)[0].path
    'figures/funnel.png'

In the page, colours are the page's own variables and letters are set in its font; it escapes what it says of names. The
Hub shows a card on light and dark pages, and not every SVG: beside the card lie PNG files on a light ground.
"""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

import msgspec
from matplotlib.figure import Figure

from longhop.publish.facts import PictureFile
from longhop.publish.report_facts import ReportFacts
from longhop.publish.report_pictures import drawn

__all__ = ["Picture", "draw", "write_pictures"]

_PAGE = ("#010101", "#020202", "#030303", "#040404", "#050505")
_VARIABLES = dict(zip(_PAGE, ("--ink", "--muted", "--accent", "--soft", "--line"), strict=True))
_PAPER = ("#22242a", "#6b6f78", "#2f6f8f", "#d6e4ea", "#e0ded9")
"""The page's colours when it is light."""
_GROUND = "#ffffff"
_DOTS = 110  # an inch: a card cannot say how wide a picture is, so letters have the size of those around it


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One picture of the page and what it says."""

    title: str
    says: str
    """One sentence with the figures that matter."""
    svg: str
    wide: str = ""
    """The same for wide screens, where it is drawn for both."""


def draw(facts: ReportFacts) -> list[Picture]:
    """All pictures of the page for which there is something to draw."""
    pictures = []
    with drawn(facts, _PAGE) as drawings:
        for drawing in drawings.values():
            svgs = [_svg(figure, drawing.label or drawing.says) for figure in drawing.figures]
            wide = svgs[1] if len(svgs) > 1 else ""
            pictures.append(Picture(title=drawing.title, says=drawing.says, svg=svgs[0], wide=wide))
    return pictures


def write_pictures(folder: Path, facts: ReportFacts) -> list[PictureFile]:
    """Write all pictures for which there is something to draw into `folder`/figures; same figures, same bytes."""
    (folder / "figures").mkdir(exist_ok=True)
    files = []
    with drawn(facts, _PAPER) as drawings:
        for name, drawing in drawings.items():
            path = f"figures/{name}.png"
            # The narrow one: a card's column is narrower than the report's.
            drawing.figures[0].savefig(
                folder / path,
                format="png",
                dpi=_DOTS,
                facecolor=_GROUND,
                bbox_inches="tight",
                pad_inches=0.15,
                metadata={"Software": None},
            )
            files.append(PictureFile(path=path, title=drawing.title, says=drawing.says))
    return files


def _svg(figure: Figure, says: str) -> str:
    """The picture for the page: no head, no ids that nothing refers to, the page's colours."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)  # its style would be that of the page
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    text = re.sub(r' (?:xmlns(?::\w+)?|version)="[^"]*"', "", text)
    text = re.sub(r"(?<=: )#(0[1-5])\1\1", lambda found: f"var({_VARIABLES[found.group()]})", text)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert box is not None
    size = f'viewBox="{box.group()[9:-1]}" width="{float(box[1]):.0f}" height="{float(box[2]):.0f}"'
    return f'<svg {size} role="img" aria-label="{html.escape(says)}">{text[text.index(">") + 1 :]}'
