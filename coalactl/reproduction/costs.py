"""``coalactl reproduce ls``: the figures, the runs that each needs, and what they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from coalactl.console import quantity
from coalactl.output import emit_json
from coalactl.reproduction.figures import FIGURES, Figure, Scale, parts_of
from coalactl.reproduction.sweeps import sweep_of
from coalactl.sweep.outcome import needs
from coalactl.sweep.plan import plan
from coalactl.terminal import OurConsole


def describe(*, json: bool) -> None:
    """Prints the table, or with ``json`` a list of objects; nothing is written."""
    rows = [row for figure in FIGURES.values() for row in _rows(figure)]
    if json:
        emit_json(rows)
        return
    table = Table(title="minutes on two cores, where measured; figures share runs", title_justify="left")
    for name in ("figure", "shows", "scale"):
        table.add_column(name)
    for name in ("runs", "steps", "minutes"):
        table.add_column(name, justify="right")
    for row in rows:
        steps, minutes = row["steps"], row["minutes"]
        told = (quantity(steps) if steps else "exact", "-" if minutes is None else f"{minutes:.1f}")
        table.add_row(row["figure"], row["shows"], row["scale"], str(row["runs"]), *told)
    OurConsole(highlight=False).table(table)


def _rows(figure: Figure) -> list[dict[str, Any]]:
    """One for each scale; a figure of the exact game has one size."""
    scales = [Scale.QUICK] if figure.quick == figure.paper else list(Scale)
    return [_row(figure, scale, "both" if len(scales) == 1 else scale.value) for scale in scales]


def _row(figure: Figure, scale: Scale, told: str) -> dict[str, Any]:
    runs = steps = 0
    parts = parts_of([figure], scale)
    minutes = [part.minutes for part in parts]
    for part in parts:
        sweep = sweep_of(part, Path())
        found = needs(sweep, plan(sweep))
        runs += found["selection_runs"] + found["final_runs"]
        steps += found["steps"]
    return {
        "figure": figure.name,
        "shows": figure.shows,
        "scale": told,
        "parts": [part.name for part in parts],
        "runs": runs,
        "steps": steps or None,
        "minutes": None if None in minutes else sum(value for value in minutes if value is not None),
    }
