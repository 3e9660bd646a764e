"""Curves of exact play: medians over seeds, bands are quartiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from coalactl.report.captions import medians
from coalactl.report.figures import Figure, Line, Look, Panel, thinned
from coalactl.report.roles import Case
from coalactl.report.settings import Group


def exact_figure(
    case: Case, name: str, title: str, panels: Sequence[Panel], note: str = "", *, bands: bool = True
) -> Figure | None:
    """The panels that have lines; none without any."""
    shown = tuple(panel for panel in panels if panel.lines)
    if not shown:
        return None
    seeds = {len(group.seeds) for setting in case.settings.values() for group in setting.groups.values()}
    return Figure(name, title, f"{medians(seeds) if bands else ''} {note}".strip(), shown)


def group_in(case: Case, role: str) -> Group | None:
    """The runs of a role, of which exact play has one method."""
    setting = case.settings.get(role)
    return next(iter(setting.groups.values())) if setting else None


def curve_in(case: Case, role: str, column: str, label: str, colour: str, dashes: str = "-") -> Iterator[Line]:
    """A measure over training, if there is one."""
    group = group_in(case, role)
    curve = pd.DataFrame() if group is None else group.curve(column)
    if not curve.empty:
        yield median_line(curve, label, Look(colour, dashes))


def learner_in(
    case: Case, role: str, metric: str, label: str, colour: str, dashes: str = "-", *, untrained: bool = False
) -> Iterator[Line]:
    """A measure by the naive learner's steps, if there is one."""
    group = group_in(case, role)
    rows = pd.DataFrame() if group is None else group.within(metric, untrained=untrained)
    if not rows.empty:
        yield median_line(rows, label, Look(colour, dashes))


def median_line(rows: pd.DataFrame, label: str, look: Look) -> Line:
    """The median over seeds, and the quartiles."""
    rows = thinned(rows)
    low, middle, high = np.nanquantile(rows.to_numpy(float), [0.25, 0.5, 0.75], axis=1)
    return Line(label, look.colour, rows.index.to_numpy(float), middle, low, high, look.dashes)
