"""The table of evaluations: what trained agents did against each kind of opponent of a pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from coalactl.report.labels import legend
from coalactl.report.measures import MEAN_COLUMNS, mean_cells
from coalactl.report.settings import Group, Setting
from coalactl.report.statistics import standard_deviation, t_interval
from coalactl.report.tables import Cell, Table
from coalactl.summary import POLICY

_REWARDS = ("reward", "coplayer_reward")
_PLACES = ("first", "last")


def evaluation_tables(settings: Sequence[Setting]) -> Iterator[Table]:
    """One table, where there are evaluations."""
    rows: list[tuple[Cell, ...]] = []
    shown: list[tuple[str, ...]] = []
    for setting in settings:
        found = [cell for group in setting.groups.values() for cell in _cells(group)]
        rows += [(setting.name, *cell.row) for cell in found]
        shown += [(setting.short, *cell.shown) for cell in sorted(found, key=lambda cell: cell.order)]
    if rows:
        yield _table(rows, shown, legend(settings))


class _Shown(NamedTuple):
    """One measure of one method against one kind of opponent."""

    order: tuple[bool | str, ...]
    row: tuple[Cell, ...]
    shown: tuple[str, ...]


def _cells(group: Group) -> Iterator[_Shown]:
    for name, opponent in _played(group):
        met = opponent if name == opponent else f"{opponent} of {name}"
        for measure, place in _measured(group, name, opponent):
            values = list(_per_seed(group, name, opponent, measure, place).values())
            if values:
                mean = t_interval(values)
                told = (len(values), mean.estimate, standard_deviation(values), mean.low, mean.high)
                yield _Shown(
                    order=(name, opponent, measure not in _REWARDS, measure.removeprefix("coplayer_"), measure, place),
                    row=(group.label, name, opponent, f"{measure}_{place}".rstrip("_"), *told),
                    shown=(met, _in_words(measure, place), group.short, str(len(values)), *mean_cells(values)),
                )


def _table(rows: Sequence[tuple[Cell, ...]], shown: Sequence[tuple[str, ...]], told: dict[str, str]) -> Table:
    columns = ("setting", "opponents", "measure", "method", "seeds", *MEAN_COLUMNS)
    without = 0 if any(row[-1] for row in shown) else 1
    return Table(
        name="evaluations",
        title="Trained agents against pools of opponents",
        columns=(
            *("setting", "method", "evaluation", "opponent", "measure"),
            *("seeds", "mean", "std", "low", "high"),
        ),
        rows=tuple(rows),
        shown_columns=columns[: len(columns) - without],
        shown=tuple(row[: len(row) - without] for row in shown),
        words=4,
        keys=5,
        note="Mean ± standard deviation over training seeds, with the 95% t-interval, of means over agents and "
        "opponents of the kind; rewards a step over the whole meta-episode, rates in its first and last inner episode.",
        legend=told,
    )


def _in_words(measure: str, place: str) -> str:
    words = measure.replace("_", " ")
    others = words.removeprefix("coplayer ")
    told = words if others == words else f"opponent's {others}"
    return f"{told}, {place}" if place else told


def _measured(group: Group, name: str, opponent: str) -> Iterator[tuple[str, str]]:
    """Measures and places: rewards over the whole meta-episode, all others in its first and last inner episode."""
    found = {
        str(metric)
        for run in group.runs
        if name in run.evaluations
        for rows in [run.evaluations[name]]
        for metric in rows.loc[(rows["opponent_kind"] == opponent) & (rows["inner_episode"] >= 0), "metric"].unique()
        if not POLICY.fullmatch(str(metric))
    }
    yield from ((measure, "") for measure in _REWARDS if measure in found)
    yield from ((measure, place) for measure in sorted(found - set(_REWARDS)) for place in _PLACES)


def _played(group: Group) -> Iterator[tuple[str, str]]:
    """Every evaluation's name with each kind of opponent in it."""
    found = {
        (name, str(kind))
        for run in group.runs
        for name, rows in run.evaluations.items()
        for kind in rows["opponent_kind"].unique()
    }
    yield from sorted(found)


def _per_seed(group: Group, name: str, opponent: str, measure: str, place: str) -> dict[int, float]:
    found = {}
    for run in group.runs:
        if name in run.evaluations:
            rows = run.evaluations[name]
            rows = rows[
                (rows["metric"] == measure) & (rows["opponent_kind"] == opponent) & (rows["inner_episode"] >= 0)
            ]
            value = _at(rows, place)
            if not pd.isna(value):
                found[run.seeds[0]] = value
    return found


def _at(rows: pd.DataFrame, place: str) -> float:
    """The mean over all inner episodes, or in the first or last one."""
    if place:
        episode = rows["inner_episode"].min() if place == "first" else rows["inner_episode"].max()
        rows = rows[rows["inner_episode"] == episode]
    return float(rows["value"].mean())
