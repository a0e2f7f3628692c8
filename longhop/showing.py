"""What can be shown in a terminal, as plain text and in a notebook: one drawing for all three.

>>> class Report(Showable):
...     def __rich_console__(self, console, options): ...
>>> report                  # plain text, 100 columns; in a notebook in colours
"""

from __future__ import annotations

import io

from rich.console import Console, ConsoleOptions, RenderResult

__all__ = ["Showable"]

_WIDTH = 100
_PAGE = '<pre style="overflow-x:auto;line-height:1.25;font-family:ui-monospace,Menlo,Consolas,monospace">{code}</pre>'


class Showable:
    """Something that draws itself with rich."""

    __slots__ = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it; to be given by what inherits."""
        raise NotImplementedError

    def text(self, width: int = _WIDTH) -> str:
        """Plain text, at most `width` columns wide."""
        written = io.StringIO()
        console = Console(
            file=written,
            width=width,
            color_system=None,
            highlight=False,
            markup=False,
            emoji=False,
            force_terminal=False,
            force_jupyter=False,
        )
        console.print(self)
        return "\n".join(line.rstrip() for line in written.getvalue().splitlines())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        console = Console(
            file=io.StringIO(),
            width=_WIDTH,
            record=True,
            highlight=False,
            markup=False,
            emoji=False,
            force_jupyter=False,
        )
        console.print(self)
        return console.export_html(inline_styles=True, code_format=_PAGE)
