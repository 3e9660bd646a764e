"""How all figures look: as wide as a paper's column, with letters of one size at every width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from coalactl.report.figures import Figure, Panel, load_matplotlib
from coalactl.report.heat_map import render_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_COLUMN, _PAGE = 3.35, 6.9
"""Inches of a figure of one panel and of more, where nobody asks for another width."""
_HEIGHT, _LOWEST, _LEGEND_ROW, _TALLEST = 2.25, 1.3, 0.17, 8.6
"""Inches of a row of panels, and at least; of a line of the legend, and of a figure that has to fit a page."""
_BELOW_AXES, _AROUND_AXES = 0.34, 0.72
"""Inches between axes and a legend of their own, and about what titles and labels take of a row."""
_NARROWEST, _MOST_BESIDE, _FLATTEST = 2.1, 3, 0.55
"""Inches of a panel, how many stand beside each other, more making another row, and the height of those in a column."""
_LETTERS, _LETTERS_BELOW_ALL, _SAMPLE = 15, 17.4, 8
"""Of a legend, an inch below a panel and below all; a line's sample takes about eight."""
_LABEL_LETTERS = 14
"""Of an axis' label, an inch."""
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


class Frame(NamedTuple):
    """Where a panel's axes lie, as parts of the figure from its left and top, and which x they show."""

    left: float
    top: float
    width: float
    height: float
    first: float
    last: float


class Drawing(NamedTuple):
    """A figure in some formats."""

    images: Mapping[str, bytes]
    width: float
    """Inches."""
    frames: tuple[Frame, ...]
    """Of each panel."""


class _Layout(NamedTuple):
    """How the panels are arranged, in inches."""

    width: float
    rows: int
    columns: int
    height: float
    """Of a row."""

    @property
    def panel(self) -> float:
        """The width of a panel."""
        return self.width / self.columns


def render(figure: Figure, formats: Sequence[str], width: float | None = None) -> Drawing:
    """The figure in each of the formats, some inches wide; the same numbers give the same bytes."""
    if figure.grid is not None:
        wide = _PAGE if width is None else width
        return Drawing(render_grid(figure.grid, formats, wide, _STYLE), wide, ())
    mpl = load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    count = len(figure.panels)
    legends = _legends(figure, count, width)
    layout = legends.layout
    with mpl.rc_context({**mpl.rcParamsDefault, **_STYLE, "backend": "agg"}):
        canvas = Canvas(figsize=(layout.width, layout.height * layout.rows + legends.height))
        FigureCanvasAgg(canvas)
        drawn = list(canvas.subplots(layout.rows, layout.columns, squeeze=False).flat)
        for empty in drawn[count:]:
            empty.remove()
        for index, (axes, panel) in enumerate(zip(drawn[:count], figure.panels, strict=True)):
            _draw(axes, panel, layout, _limits(*(figure.panels if figure.one_scale else [panel])))
            if legends.shared is None:
                below = -_BELOW_AXES / (layout.height - _AROUND_AXES)
                _legend(axes, axes, legends, index, loc="upper center", bbox_to_anchor=(0.5, below))
        if legends.shared is not None:
            _legend(canvas, drawn[legends.shared], legends, legends.shared, loc="outside lower center")
        images = {name: _bytes(canvas, name) for name in formats}
        return Drawing(images, layout.width, tuple(map(_frame, drawn[:count])))


def _layout(count: int, width: float | None) -> _Layout:
    beside = _MOST_BESIDE if width is None else max(1, min(_MOST_BESIDE, int(width / _NARROWEST)))
    rows = -(-count // beside)
    columns = -(-count // rows)
    if width is None:
        return _Layout(_COLUMN if count == 1 else _PAGE, rows, columns, _HEIGHT)
    flat = _FLATTEST * width if rows > 1 and columns == 1 else _HEIGHT
    return _Layout(width, rows, columns, min(_HEIGHT, flat))


class _Legends(NamedTuple):
    """The layout, with room for one legend below all panels, or one below each."""

    layout: _Layout
    shared: int | None
    """The panel whose lines stand in the one legend."""
    columns: tuple[int, ...]
    """Of the legend of each panel."""
    room: int
    """Letters beside each other."""
    height: float
    """Inches of all of them."""


def _legends(figure: Figure, count: int, width: float | None) -> _Legends:
    layout = _layout(count, width)
    labels = [[line.label for line in panel.lines] for panel in figure.panels]
    fullest = max(range(count), key=lambda index: len(labels[index]))
    is_shared = all(set(own) <= set(labels[fullest]) for own in labels)
    room = int(_LETTERS_BELOW_ALL * layout.width if is_shared and count > 1 else _LETTERS * layout.panel)
    columns = tuple(_legend_columns(own, room) for own in labels)
    lines = max(_legend_rows(own, beside, room) for own, beside in zip(labels, columns, strict=True))
    height = _LEGEND_ROW * lines * (1 if is_shared else layout.rows)
    if width is not None:
        fitting = max(_LOWEST, (_TALLEST - height) / layout.rows)
        layout = layout._replace(height=min(layout.height, fitting))
    return _Legends(layout, fullest if is_shared else None, columns, room, height)


def _legend_columns(labels: Sequence[str], room: int) -> int:
    """As many as there is room for."""
    return max(1, min(len(labels), room // (max(map(len, labels), default=0) + _SAMPLE)))


def _legend_rows(labels: Sequence[str], columns: int, room: int) -> int:
    return sum(len(_wrapped(label, room - _SAMPLE)) for label in labels) if columns == 1 else -(-len(labels) // columns)


def _wrapped(label: str, letters: int) -> list[str]:
    return wrap(label, max(12, letters)) or [label]


def _legend(owner: Any, axes: Axes, legends: _Legends, panel: int, **options: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    broken = ["\n".join(_wrapped(str(label), legends.room - _SAMPLE)) for label in labels]
    look = {"frameon": False, "handlelength": 2.4, "columnspacing": 1.2}
    owner.legend(handles, broken, ncols=legends.columns[panel], **look, **options)


def _bytes(canvas: Canvas, name: str) -> bytes:
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[name]
    target = BytesIO()
    canvas.savefig(target, format=name, metadata=metadata)
    return target.getvalue()


def _frame(axes: Axes) -> Frame:
    """Of axes that were drawn."""
    box = axes.get_position()
    first, last = axes.get_xlim()
    return Frame(box.x0, 1 - box.y1, box.width, box.height, float(first), float(last))


def _draw(axes: Axes, panel: Panel, layout: _Layout, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import MaxNLocator

    for line in panel.lines:
        if line.seeds is not None and line.seeds.shape[1] > 1:
            axes.plot(line.x, line.seeds, color=line.colour, linewidth=0.5, alpha=0.35, linestyle=line.dashes)
        axes.fill_between(line.x, line.low, line.high, color=line.colour, alpha=0.18, linewidth=0)
        axes.plot(line.x, line.estimate, color=line.colour, linestyle=line.dashes, label=line.label)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel("\n".join(_wrapped(panel.y_label, int(_LABEL_LETTERS * layout.height))))
    if panel.title:
        axes.set_title("\n".join(_wrapped(panel.title, int(_LABEL_LETTERS * layout.panel))), loc="left")
    if panel.log_x:
        axes.set_xscale("log")
    else:
        axes.margins(x=0.02)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if layout.panel < 3 else 6, integer=True))
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
