"""A heat map: who earned what against whom, in colours that are told apart with any colour vision, and in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from coalactl.report.figures import Grid, load_matplotlib
from coalactl.report.tables import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# From blue to yellow, evenly bright to every eye (Nuñez et al. 2018, doi:10.1371/journal.pone.0199239), also in grey.
_COLOURS = "cividis"
_LETTER = 0.052
"""Inches that a letter of a name takes."""
_LARGEST, _SMALLEST = 0.55, 0.2
"""Inches of a cell."""
_BAR = 0.85
"""Inches of the colour bar and its label."""
_DIGITS = 2
_LONGEST = 24
"""Letters of a name."""


def render_grid(grid: Grid, formats: Sequence[str], width: float, style: Mapping[Any, Any]) -> dict[str, bytes]:
    """The heat map in each of the formats, at most some inches wide; the same numbers give the same bytes."""
    mpl = load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    names = _LETTER * max(map(len, grid.names)) + 0.1
    cell = max(_SMALLEST, min(_LARGEST, (width - names - _BAR) / len(grid.names)))
    side = cell * len(grid.names)
    with mpl.rc_context({**mpl.rcParamsDefault, **style, "backend": "agg", "figure.constrained_layout.use": False}):
        size = names + side + _BAR, names + side + 0.3
        canvas = Canvas(figsize=size)
        FigureCanvasAgg(canvas)
        axes = canvas.add_axes((names / size[0], 0.1 / size[1], side / size[0], side / size[1]))
        bar = canvas.add_axes(((names + side + 0.1) / size[0], 0.1 / size[1], 0.12 / size[0], side / size[1]))
        _draw(axes, bar, grid, letters=min(7.0, 72 * cell / 4.2))
        return {name: _bytes(canvas, name) for name in formats}


def _draw(axes: Axes, bar: Axes, grid: Grid, *, letters: float) -> None:
    image = axes.imshow(grid.values, cmap=_COLOURS)
    middle = float(grid.values.min() + grid.values.max()) / 2
    ticks = range(len(grid.names))
    axes.set_xticks(ticks, grid.names, rotation=90)
    axes.set_yticks(ticks, grid.names)
    axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for row in ticks:
        for column in ticks:
            value = float(grid.values[row, column])
            text, colour = number(value, _DIGITS), "black" if value > middle else "white"
            axes.text(column, row, text, ha="center", va="center", fontsize=letters, color=colour)
    axes.figure.colorbar(image, cax=bar, label=grid.label)


def _bytes(canvas: Any, name: str) -> bytes:
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[name]
    target = BytesIO()
    canvas.savefig(target, format=name, metadata=metadata)
    return target.getvalue()


def shorten(name: str, letters: int) -> str:
    """The name, or its start."""
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def grid_of(names: Sequence[str], intervals: Sequence[Sequence[Sequence[float]]], label: str) -> Grid:
    """From rows of cells, each an estimate with the ends of its interval."""
    cells = np.asarray(intervals, float)
    shown = tuple(shorten(name, _LONGEST) for name in names)
    return Grid(shown, cells[..., 0], cells[..., 1], cells[..., 2], label)
