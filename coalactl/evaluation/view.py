"""The tables that ``coalactl eval`` prints."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.table import Table

from coalactl.evaluation.estimates import RANKED, Estimate, Line
from coalactl.evaluation.pools import ALL
from coalactl.terminal import OurConsole
from coalactl_core.configuration.memory_one import STATES
from coalactl_core.measures import Measure, cooperation_in, extortion_in, is_of_policy, parse_metric

_EXTORTION = {extortion_in("chi"): "χ", extortion_in("phi"): "φ", extortion_in("error"): "error"}
_MEASURES = "means over meta-episodes, and over their first and last inner episode"
_RANKED = "reward a step against each strategy, the largest of the agent first"
_MATRIX = "reward a step of each row's agents against each column's; diagonal: within the run"
_BEHAVIOUR = "probability of cooperating after each outcome, own action first; extortion fit"


def show(console: OurConsole, lines: Sequence[Line]) -> None:
    """Of each setting rewards and other measures by opponent, and behaviour after each outcome where there is some."""
    for setting in dict.fromkeys(line.setting for line in lines):
        if setting:
            console.print(f"\n{setting}", markup=False, style="bold")
        ranked = [line for line in lines if line.setting == setting and _is_ranked(line)]
        own = [line for line in lines if line.setting == setting and not _is_ranked(line)]
        if ranked:
            console.table(_rewards(ranked))
        console.table(_measures(own))
        behaving = [line for line in own if any(cooperation_in(state) in line.estimates for state in STATES)]
        if behaving:
            console.table(_behaviour(behaving))


def show_matrix(
    console: OurConsole, labels: Sequence[str], rewards: Sequence[Sequence[float | None]], title: str = _MATRIX
) -> None:
    """Who earned what against whom; runs are numbered, and long names fold instead of taking the numbers' room."""
    table = Table(title=title, title_justify="left", title_style="italic")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for number, _ in enumerate(labels, 1):
        table.add_column(str(number), justify="right", no_wrap=True)
    for number, (label, row) in enumerate(zip(labels, rewards, strict=True), 1):
        table.add_row(str(number), label, *("-" if value is None else f"{value:.2f}" for value in row))
    console.table(table)


def _is_ranked(line: Line) -> bool:
    """Whether it is about one of very many opponents."""
    return line.opponent_kind in RANKED and line.opponent != ALL


def _rewards(lines: Sequence[Line]) -> Table:
    table = _table(f"{_RANKED}{_spread(lines)}", ["against"])
    for who in ("agent", "co-player"):
        table.add_column(who, justify="right", no_wrap=True)
    reward = Measure("reward")
    for line in lines:
        table.add_row(line.opponent, *(_number(line.estimates[each.column]) for each in (reward, reward.of_coplayer)))
    return table


def _measures(lines: Sequence[Line]) -> Table:
    table = _table(f"{_MEASURES}{_spread(lines)}", ["against", "measure"])
    for who in ("agent", "co-player"):
        table.add_column(who, justify="right", no_wrap=True)
    for line in lines:
        measures = [parse_metric(metric) for metric in line.estimates if not is_of_policy(metric)]
        measures = [each for each in measures if each.whose == "agent" and each.of_coplayer.column in line.estimates]
        measures.sort(key=lambda measure: measure != Measure("reward"))
        for number, measure in enumerate(measures):
            own, other = (_number(line.estimates[each.column]) for each in (measure, measure.of_coplayer))
            against = _against(line) if number == 0 else ""
            table.add_row(against, _label(measure), own, other, end_section=number == len(measures) - 1)
    return table


def _behaviour(lines: Sequence[Line]) -> Table:
    table = _table(_BEHAVIOUR, ["against"])
    columns = {**{cooperation_in(state): state for state in STATES}, **_EXTORTION}
    for heading in columns.values():
        shown = heading.upper() if heading in STATES and heading != "start" else heading
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


def _label(measure: Measure) -> str:
    return f"{measure.name}, {measure.place}" if measure.place else f"{measure.name} a step"


def _number(estimate: Estimate | None, *, interval: bool = True) -> str:
    if estimate is None or math.isnan(estimate.mean):
        return "-"
    mean = f"{estimate.mean:.2f}"
    return mean if math.isnan(estimate.half_width) or not interval else f"{mean} ± {estimate.half_width:.2f}"


def _spread(lines: Sequence[Line]) -> str:
    """What ± stands for, where it occurs."""
    units = {f"{line.unit}s" for line in lines if _has_interval(line)}
    return f";\n± half a 95% t-interval over {' or '.join(sorted(units))}" if units else ""


def _has_interval(line: Line) -> bool:
    return any(not math.isnan(estimate.half_width) for estimate in line.estimates.values())
