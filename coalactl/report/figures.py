"""What a figure shows, as data, and how all figures look: column width, one colour for a method, safe for all eyes.

Figures are computed before they are drawn, so that the numbers behind each are written beside it and can be checked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalactl.report.tables import Cell, Table, to_csv

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

Numbers = NDArray[np.float64]

# Okabe & Ito (2008): told apart with any colour vision, and in grey by their dashes.
BLUE, ORANGE, GREEN, PINK, SKY, AMBER, GREY, BLACK = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#767676", "#000000"),
)
Dashes = str | tuple[int, tuple[int, ...]]
DASH_DOT_DOT = (0, (5, 1, 1, 1, 1, 1))


class Look(NamedTuple):
    """How a line is drawn."""

    colour: str
    dashes: Dashes = "-"


# By method and its critic of the batch, in the order of legends. Solid lines differ in grey by their lightness. Exact
# shaping (blue in its figures) is what COALA-PG estimates.
LOOKS: Mapping[tuple[str, str], Look] = {
    ("coala-pg", "play"): Look(BLACK),
    ("coala-pg", "measures"): Look(BLACK, ":"),
    ("coala-pg", "none"): Look(BLUE),
    ("batch-unaware", "none"): Look(GREEN, "-."),
    ("m-fos", "play"): Look(AMBER, DASH_DOT_DOT),
    ("m-fos", "measures"): Look(AMBER, ":"),
    ("m-fos", "none"): Look(ORANGE, "--"),
    ("lola-dice", "none"): Look(PINK),
}
OTHER_LOOK = Look(GREY)

_COLUMN, _PAGE, _HEIGHT, _LEGEND_ROW = 3.35, 6.9, 2.25, 0.17
_MOST_POINTS = 600
"""Of a line: a panel is at most some 900 dots wide."""
_MOST_BESIDE = 3
"""Panels beside each other; more make another row."""
# Letters beside each other below a panel, by the number of panels; 0 is below all of them.
_LEGEND_ROOM = {0: 120, 1: 56, 2: 56, 3: 34}
_STYLE: Mapping[Any, Any] = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 300,
    "svg.hashsalt": "coalactl",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "figure.constrained_layout.use": True,
}


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
    columns = ("panel", "line", "x", "estimate", "low", "high")
    return to_csv(Table(figure.name, figure.title, columns, tuple(rows), columns, (), words=2, keys=POINT_KEYS))


def load_matplotlib() -> Any:
    """Matplotlib, for files: the backend that a notebook hands down may be none of this installation's."""
    inherited = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib as mpl
    finally:
        if inherited is not None:
            os.environ["MPLBACKEND"] = inherited
    return mpl


def render(figure: Figure, formats: Sequence[str]) -> Mapping[str, bytes]:
    """The figure in each of the formats; the same numbers give the same bytes."""
    mpl = load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    count = len(figure.panels)
    labels = [[line.label for line in panel.lines] for panel in figure.panels]
    # One legend, where a panel has all lines.
    fullest = max(range(count), key=lambda place: len(labels[place]))
    shared = all(set(own) <= set(labels[fullest]) for own in labels)
    columns = [_legend_columns(own, _LEGEND_ROOM[0 if shared and count > 1 else count]) for own in labels]
    rows = max(-(-len(own) // fitting) for own, fitting in zip(labels, columns, strict=True))
    with mpl.rc_context({**mpl.rcParamsDefault, **_STYLE, "backend": "agg"}):
        grid = -(-count // _MOST_BESIDE)
        canvas = Canvas(figsize=(_COLUMN if count == 1 else _PAGE, _HEIGHT * grid + _LEGEND_ROW * rows))
        FigureCanvasAgg(canvas)
        drawn = list(canvas.subplots(grid, -(-count // grid), squeeze=False).flat)
        for empty in drawn[count:]:
            empty.remove()
        for axes, panel, fitting in zip(drawn[:count], figure.panels, columns, strict=True):
            _draw(axes, panel, 4 if count > 2 else 6, _limits(*(figure.panels if figure.one_scale else [panel])))
            if not shared:
                _legend(axes, axes, "upper center", fitting, bbox_to_anchor=(0.5, -0.22))
        if shared:
            _legend(canvas, drawn[fullest], "outside lower center", columns[fullest])
        return {name: _bytes(canvas, name) for name in formats}


def _legend_columns(labels: Sequence[str], room: int) -> int:
    """As many as there is room for, in letters; a line's sample takes about eight."""
    return max(1, min(len(labels), room // (max(map(len, labels), default=0) + 8)))


def _legend(owner: Any, axes: Axes, place: str, columns: int, **options: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    owner.legend(
        handles, labels, loc=place, ncols=columns, frameon=False, handlelength=2.4, columnspacing=1.2, **options
    )


def _bytes(canvas: Canvas, name: str) -> bytes:
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[name]
    target = BytesIO()
    canvas.savefig(target, format=name, metadata=metadata)
    return target.getvalue()


def _draw(axes: Axes, panel: Panel, ticks: int, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import MaxNLocator

    for line in panel.lines:
        if line.seeds is not None:
            axes.plot(line.x, line.seeds, color=line.colour, linewidth=0.5, alpha=0.35, linestyle=line.dashes)
        axes.fill_between(line.x, line.low, line.high, color=line.colour, alpha=0.18, linewidth=0)
        axes.plot(line.x, line.estimate, color=line.colour, linestyle=line.dashes, label=line.label)
    axes.set(xlabel=panel.x_label, ylabel=panel.y_label)
    if panel.title:
        axes.set_title(panel.title, loc="left")
    if panel.log_x:
        axes.set_xscale("log")
    else:
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=ticks, integer=True))
    if panel.log_y:
        axes.set_yscale("log")
    axes.set_ylim(*limits)
    axes.grid(axis="y", linewidth=0.4, color="#dddddd")
    axes.set_axisbelow(True)


def _limits(*panels: Panel) -> tuple[float, float]:
    """Around the lines and the seeds: the interval of three seeds would flatten everything."""
    drawn = [line.estimate if line.seeds is None else line.seeds for panel in panels for line in panel.lines]
    known = np.concatenate([values[np.isfinite(values)].ravel() for values in drawn])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if panels[0].log_y:
        return low / 1.3, high * 1.3
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin
