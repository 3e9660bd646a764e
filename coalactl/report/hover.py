"""What the page tells where the pointer is: over each panel a row of strips, whose title has the values of all lines.

Strips lie over the picture in an SVG of their own, so that the page needs no script and pictures stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import NamedTuple

import numpy as np

from coalactl.report.drawing import Drawing, Frame
from coalactl.report.figures import Figure, Line, Numbers, Panel
from coalactl.report.tables import number

_MOST_STRIPS = 60
"""Of a panel."""
_SMALL = 0.01
"""What three decimals would tell little of."""
_SIZE = 1000
"""Width and height of a figure, in the units of the SVG."""


class _Strip(NamedTuple):
    """Between two x, and what is told there."""

    start: float
    end: float
    words: str


def texts(figure: Figure) -> Iterator[str]:
    """What all strips tell."""
    for panel in figure.panels:
        yield from (strip.words for strip in _strips(panel))


def overlay(figure: Figure, drawing: Drawing) -> str:
    """The SVG that lies over a figure's picture."""
    paths = "".join(
        f'<path d="{_box(strip, panel, frame)}"><title>{escape(strip.words)}</title></path>'
        for panel, frame in zip(figure.panels, drawing.frames, strict=True)
        for strip in _strips(panel)
    )
    return f'<svg viewBox="0 0 {_SIZE} {_SIZE}" preserveAspectRatio="none" aria-hidden="true">{paths}</svg>'


def _strips(panel: Panel) -> Iterator[_Strip]:
    longest = max((line.x for line in panel.lines), key=len)
    middles = np.unique(longest[np.linspace(0, len(longest) - 1, min(len(longest), _MOST_STRIPS)).round().astype(int)])
    between = np.sqrt(middles[:-1] * middles[1:]) if panel.log_x else (middles[:-1] + middles[1:]) / 2
    edges = np.array([-np.inf, *between, np.inf])
    for x, start, end in zip(middles, edges[:-1], edges[1:], strict=True):
        values = [_value(line, x, start, end) for line in panel.lines]
        yield _Strip(start, end, "\n".join([f"{panel.x_label} {_place_told(x)}", *filter(None, values)]))


def _value(line: Line, x: float, start: float, end: float) -> str:
    """The point of a line that is nearest to x, and where it is if it is not there; empty where none is near."""
    index = int(np.abs(line.x - x).argmin())
    at, estimate = line.x[index], line.estimate[index]
    if not start <= at <= end or not np.isfinite(estimate):
        return ""
    where = "" if at == x else f" at {_place_told(at)}"
    low, high = line.low[index], line.high[index]
    band = f" [{_number(low)}, {_number(high)}]" if np.isfinite(low) and np.isfinite(high) else ""
    return f"{line.label}{where}: {_number(estimate)}{band}"


def _place_told(x: float) -> str:
    return f"{x:.0f}" if float(x).is_integer() else _number(x)


def _number(value: float) -> str:
    return number(value) if value == 0 or abs(value) >= _SMALL else f"{value:.2e}"


def _box(strip: _Strip, panel: Panel, frame: Frame) -> str:
    left, right = (_place(x, panel, frame) for x in (strip.start, strip.end))
    top, height = round(frame.top * _SIZE), round(frame.height * _SIZE)
    return f"M{left} {top}h{max(1, right - left)}v{height}H{left}z"


def _place(x: float, panel: Panel, frame: Frame) -> int:
    if np.isinf(x):
        share = float(x > 0)
    else:
        at, first, last = _scale(np.array([x, frame.first, frame.last]), log=panel.log_x)
        share = min(1.0, max(0.0, float((at - first) / (last - first))))
    return round((frame.left + share * frame.width) * _SIZE)


def _scale(values: Numbers, *, log: bool) -> Numbers:
    return np.log(np.maximum(values, np.finfo(float).tiny)) if log else values
