r"""Jupyter notebooks as people read them: cells of code and of text in their order, without outputs.

    >>> notebook_text('{"cells": [{"cell_type": "markdown", "source": ["# Tides"]}, '
    ...               '{"cell_type": "code", "source": "print(1)", "outputs": ["…"]}]}')
    '# %% [markdown]\n# # Tides\n\n# %%\nprint(1)'

The form is the percent format of Jupytext, which editors know as a script with cells.
"""

from __future__ import annotations

import msgspec

__all__ = ["notebook_text"]


class _Cell(msgspec.Struct):
    cell_type: str
    source: list[str] | str = ""
    input: list[str] | str = ""
    """What version 3 of the format calls the source of a cell of code."""

    @property
    def text(self) -> str:
        source = self.source or self.input
        return (source if isinstance(source, str) else "".join(source)).strip("\n")


class _Sheet(msgspec.Struct):
    cells: list[_Cell]


class _Notebook(msgspec.Struct):
    cells: list[_Cell] = []
    worksheets: list[_Sheet] = []
    """Where version 3 of the format has the cells."""


def notebook_text(text: str) -> str:
    """A notebook's cells as one text; cells without any are passed over.

    Raises:
        ValueError: It is no notebook.
    """
    try:
        notebook = msgspec.json.decode(text, type=_Notebook)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    cells = [*notebook.cells, *(cell for sheet in notebook.worksheets for cell in sheet.cells)]
    return "\n\n".join(_shown(cell) for cell in cells if cell.text)


def _shown(cell: _Cell) -> str:
    if cell.cell_type == "code":
        return f"# %%\n{cell.text}"
    commented = "\n".join(f"# {line}".rstrip() for line in cell.text.split("\n"))
    return f"# %% [{cell.cell_type}]\n{commented}"
