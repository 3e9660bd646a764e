"""The table of evaluations: what trained agents did against each kind of opponent of a pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from coalactl.report.evaluations import against, opponents_in
from coalactl.report.labels import legend
from coalactl.report.measures import MEAN_COLUMNS, estimates_of, mean_cells
from coalactl.report.settings import Group, Setting
from coalactl.report.statistics import standard_deviation, t_interval
from coalactl.report.tables import Cell, Table
from coalactl_core.measures import ENDS, PLAYERS, Measure, is_of_policy, parse_metric

_REWARDS = tuple(Measure("reward", whose) for whose in PLAYERS)


def evaluation_tables(settings: Sequence[Setting]) -> Iterator[Table]:
    """One table, where there are evaluations."""
    rows: list[tuple[Cell, ...]] = []
    shown: list[tuple[str, ...]] = []
    for setting in settings:
        cells = [cell for group in setting.groups.values() for cell in _cells(group)]
        rows += [(setting.name, *cell.row) for cell in cells]
        shown += [(setting.short, *cell.shown) for cell in sorted(cells, key=lambda cell: cell.order)]
    if rows:
        yield _table(rows, shown, legend(settings))


class _Shown(NamedTuple):
    """One measure of one method against one kind of opponent, or one way in which naive ones learn."""

    order: tuple[bool | str, ...]
    row: tuple[Cell, ...]
    shown: tuple[str, ...]


def _cells(group: Group) -> Iterator[_Shown]:
    for name, opponent in _played(group):
        met = opponent if name == opponent else f"{opponent} of {name}"
        for measure in _measured(group, name, opponent):
            values = list(_per_seed(group, name, opponent, measure).values())
            if values:
                mean = t_interval(values)
                numbers = (len(values), mean.estimate, standard_deviation(values), mean.low, mean.high)
                yield _Shown(
                    order=(name, opponent, measure not in _REWARDS, *_order(measure)),
                    row=(group.label, name, opponent, measure.column, *numbers),
                    shown=(met, _in_words(measure), group.short, str(len(values)), *mean_cells(values)),
                )


def _table(rows: Sequence[tuple[Cell, ...]], shown: Sequence[tuple[str, ...]], stands_for: dict[str, str]) -> Table:
    estimates = estimates_of(shown, ("setting", "opponents", "measure", "method", "seeds", *MEAN_COLUMNS))
    return Table(
        name="evaluations",
        title="Trained agents against pools of opponents",
        columns=(
            *("setting", "method", "evaluation", "opponent", "measure"),
            *("seeds", "mean", "std", "low", "high"),
        ),
        rows=tuple(rows),
        shown_columns=estimates.columns,
        shown=estimates.rows,
        words=4,
        keys=5,
        note=f"{estimates.statistics} means over agents and opponents of the kind; rewards a step over the "
        "whole meta-episode, rates in its first and last inner episode.",
        legend=stands_for,
    )


def _order(measure: Measure) -> tuple[str, str, str]:
    """By name, and by how rows call it."""
    return measure.name, measure._replace(place="").column, measure.place


def _in_words(measure: Measure) -> str:
    words = measure.name.replace("_", " ")
    whose = words if measure.whose == "agent" else f"opponent's {words}"
    return f"{whose}, {measure.place}" if measure.place else whose


def _measured(group: Group, name: str, opponent: str) -> Iterator[Measure]:
    """Rewards over the whole meta-episode, all other measures in its first and last inner episode."""
    measures = {
        parse_metric(str(metric))
        for run in group.runs
        if name in run.evaluations
        for rows in [run.evaluations[name]]
        for metric in against(rows, opponent)["metric"].unique()
        if not is_of_policy(str(metric))
    }
    yield from (measure for measure in _REWARDS if measure in measures)
    others = sorted(measures - set(_REWARDS), key=lambda measure: measure.column)
    yield from (measure._replace(place=place) for measure in others for place in ENDS)


def _played(group: Group) -> Iterator[tuple[str, str]]:
    """Every evaluation's name with each kind of opponent in it, and each way in which naive ones learn."""
    pairs = {
        (name, opponent)
        for run in group.runs
        for name, rows in run.evaluations.items()
        for opponent in opponents_in(rows)
    }
    yield from sorted(pairs)


def _per_seed(group: Group, name: str, opponent: str, measure: Measure) -> dict[int, float]:
    metric = measure._replace(place="").column
    values = {}
    for run in group.runs:
        if name in run.evaluations:
            rows = against(run.evaluations[name], opponent)
            value = _at(rows[rows["metric"] == metric], measure.place)
            if not pd.isna(value):
                values[run.seeds[0]] = value
    return values


def _at(rows: pd.DataFrame, place: str) -> float:
    """The mean over all inner episodes, or in the first or last one."""
    if place:
        episode = rows["inner_episode"].min() if place == "first" else rows["inner_episode"].max()
        rows = rows[rows["inner_episode"] == episode]
    return float(rows["value"].mean())
