"""The tables that ``coalactl eval`` prints."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from coalactl.evaluation.estimates import Estimate, Line
from coalactl.evaluation.rows import ALL
from coalactl.terminal import OurConsole
from coalactl_core.evaluation import OUTCOMES

_EXTORTION = {"zd_chi": "χ", "zd_phi": "φ", "zd_error": "error"}
_PLACES = ("first", "last")
_MEASURES = "means over meta-episodes, and over their first and last inner episode"
_BEHAVIOUR = "probability of cooperating after each outcome, own action first; extortion fit"


def show(console: OurConsole, lines: Sequence[Line]) -> None:
    """Of each setting rewards and other measures by opponent, and behaviour after each outcome where there is some."""
    for setting in dict.fromkeys(line.setting for line in lines):
        if setting:
            console.print(f"\n{setting}", markup=False, style="bold")
        own = [line for line in lines if line.setting == setting]
        console.table(_measures(own))
        behaving = [line for line in own if any(name.startswith("cooperation_") for name in line.estimates)]
        if behaving:
            console.table(_behaviour(behaving))


def show_matrix(console: OurConsole, labels: Sequence[str], rewards: Sequence[Sequence[float | None]]) -> None:
    """Who earned what against whom; runs are numbered, and long names fold instead of taking the numbers' room."""
    title = "reward a step of each row's agents against each column's; diagonal: within the run"
    table = Table(title=title, title_justify="left", title_style="italic")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for number, _ in enumerate(labels, 1):
        table.add_column(str(number), justify="right", no_wrap=True)
    for number, (label, row) in enumerate(zip(labels, rewards, strict=True), 1):
        table.add_row(str(number), label, *("-" if value is None else f"{value:.2f}" for value in row))
    console.table(table)


def _measures(lines: Sequence[Line]) -> Table:
    units = {f"{line.unit}s" for line in lines if _has_interval(line)}
    spread = f";\n± half a 95% t-interval over {' or '.join(sorted(units))}" if units else ""
    table = _table(f"{_MEASURES}{spread}", ["against", "measure"])
    for who in ("agent", "co-player"):
        table.add_column(who, justify="right", no_wrap=True)
    for line in lines:
        names = [name for name in line.estimates if f"coplayer_{name}" in line.estimates]
        names.sort(key=lambda name: name != "reward")
        for place, name in enumerate(names):
            own, other = (_number(line.estimates[column]) for column in (name, f"coplayer_{name}"))
            against = _against(line) if place == 0 else ""
            table.add_row(against, _label(name), own, other, end_section=place == len(names) - 1)
    return table


def _behaviour(lines: Sequence[Line]) -> Table:
    table = _table(_BEHAVIOUR, ["against"])
    columns = {**{f"cooperation_{outcome}": outcome for outcome in OUTCOMES}, **_EXTORTION}
    for name, heading in columns.items():
        shown = heading.upper() if name.startswith("cooperation") and heading != "start" else heading
        table.add_column(shown, justify="right", no_wrap=True)
    for line in lines:
        cells = [_number(line.estimates.get(name), interval=False) for name in columns]
        table.add_row(_against(line), *cells)
    return table


def _against(line: Line) -> str:
    return line.opponent_kind if line.opponent == ALL else f"  {line.opponent}"


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="italic")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _label(name: str) -> str:
    measure, _, place = name.rpartition("_")
    return f"{measure}, {place}" if place in _PLACES else f"{name} a step"


def _number(found: Estimate | None, *, interval: bool = True) -> str:
    if found is None or math.isnan(found.mean):
        return "-"
    shown = f"{found.mean:.2f}"
    return shown if math.isnan(found.half_width) or not interval else f"{shown} ± {found.half_width:.2f}"


def _has_interval(line: Line) -> bool:
    return any(not math.isnan(found.half_width) for found in line.estimates.values())
