"""What a figure shows, as data: one colour for a method, safe for all eyes.

Figures are computed before they are drawn (``drawing``), so that the numbers behind each are written beside it and can
be checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalactl.agents import NO_CRITIC
from coalactl.report.tables import Cell, Table, to_csv
from coalactl_core.methods import METHODS, Dashes

if TYPE_CHECKING:
    import pandas as pd

Numbers = NDArray[np.float64]

# Okabe & Ito (2008): told apart with any colour vision, and in grey by their dashes.
BLUE, ORANGE, GREEN, PINK, SKY, AMBER, GREY, BLACK = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#767676", "#000000"),
)


class Look(NamedTuple):
    """How a line is drawn."""

    colour: str
    dashes: Dashes = "-"


def _looks() -> Iterator[tuple[tuple[str, str], Look]]:
    for name, method in METHODS.items():
        if method.crosses_batch:
            yield (name, "play"), Look(method.critic_colour, method.critic_dashes)
            yield (name, "measures"), Look(method.critic_colour, ":")
        yield (name, NO_CRITIC), Look(method.colour, method.dashes)


# By method and its critic of the batch, in the order of legends. Exact shaping (blue in its figures) is what COALA-PG
# estimates.
LOOKS: Mapping[tuple[str, str], Look] = dict(_looks())
OTHER_LOOK = Look(GREY)

_MOST_POINTS = 600
"""Of a line: a panel is at most some 900 dots wide."""
POINT_KEYS = 3
"""Panel, line and x tell one point from the others."""


class Line(NamedTuple):
    """An estimate with its band, and the seeds behind it: (points,), and (points, seeds)."""

    label: str
    colour: str
    x: Numbers
    estimate: Numbers
    low: Numbers
    high: Numbers
    dashes: Dashes = "-"
    seeds: Numbers | None = None


class Panel(NamedTuple):
    """One pair of axes."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False


class Grid(NamedTuple):
    """What rows came to against columns, with the ends of intervals: (names, names)."""

    names: tuple[str, ...]
    values: Numbers
    low: Numbers
    high: Numbers
    label: str
    """Of the values."""


class Figure(NamedTuple):
    """A figure of the paper from the runs of one case, or of one setting."""

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    one_scale: bool = False
    """Whether the panels' y axes are to be compared."""
    opponents: str = ""
    """Of curves that are no figure of the paper: the kind of opponents that were met."""
    grid: Grid | None = None
    """Of a heat map, which has no panels."""


def thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """As many rows as a figure can show, evenly spaced, the first and the last among them."""
    if len(rows) <= _MOST_POINTS:
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, _MOST_POINTS).round().astype(int)]


def numbers_of(figure: Figure) -> str:
    """What is drawn, as CSV: a row a point."""
    rows: list[tuple[Cell, ...]] = []
    for panel in figure.panels:
        for line in panel.lines:
            points = zip(line.x, line.estimate, line.low, line.high, strict=True)
            rows += [(panel.title, line.label, *map(float, point)) for point in points]
    rows += _cells(figure.grid) if figure.grid else []
    columns = ("panel", "line", "x", "estimate", "low", "high")
    return to_csv(Table(figure.name, figure.title, columns, tuple(rows), columns, (), words=2, keys=POINT_KEYS))


def _cells(grid: Grid) -> Iterator[tuple[Cell, ...]]:
    """A row a cell: whose value it is, and against whom."""
    for (row, column), value in np.ndenumerate(grid.values):
        ends = float(grid.low[row, column]), float(grid.high[row, column])
        yield grid.label, grid.names[row], grid.names[column], float(value), *ends


def load_matplotlib() -> Any:
    """Matplotlib, for files: the backend that a notebook hands down may be none of this installation's."""
    inherited = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib as mpl
    finally:
        if inherited is not None:
            os.environ["MPLBACKEND"] = inherited
    return mpl
