"""The table of evaluations: what trained agents did against each kind of opponent of a pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from coalactl.report.measures import groups_of, mean_cell
from coalactl.report.settings import Group, Setting
from coalactl.report.statistics import standard_deviation, t_interval
from coalactl.report.tables import Cell, Table

# Measure and place in the meta-episode: a column of the table, with its heading.
_SHOWN = {
    ("reward", ""): "reward",
    ("coplayer_reward", ""): "opponent's reward",
    ("defection", "first"): "defection, first",
    ("defection", "last"): "last",
    ("coplayer_defection", "first"): "opponent's defection, first",
    ("coplayer_defection", "last"): "last",
}


def evaluation_tables(settings: Sequence[Setting]) -> Iterator[Table]:
    """One table, where there are evaluations."""
    rows: list[tuple[Cell, ...]] = []
    shown: list[tuple[str, ...]] = []
    for setting, group in groups_of(settings):
        for name, opponent in _played(group):
            cells = []
            for measure, place in _SHOWN:
                values = list(_per_seed(group, name, opponent, measure, place).values())
                cells.append(mean_cell(values))
                if values:
                    mean = t_interval(values)
                    told = (len(values), mean.estimate, standard_deviation(values), mean.low, mean.high)
                    rows.append((setting.name, group.label, name, opponent, f"{measure}_{place}".rstrip("_"), *told))
            seeds = sum(name in run.evaluations for run in group.runs)
            shown.append((setting.name, group.label, name, opponent, str(seeds), *cells))
    if not rows:
        return
    yield Table(
        name="evaluations",
        title="Trained agents against pools of opponents",
        columns=(
            *("setting", "method", "evaluation", "opponent", "measure"),
            *("seeds", "mean", "std", "low", "high"),
        ),
        rows=tuple(rows),
        shown_columns=("setting", "method", "evaluation", "opponent", "seeds", *_SHOWN.values()),
        shown=tuple(shown),
        words=4,
        note="Mean ± standard deviation over training seeds, with the 95% t-interval, of means over agents and "
        "opponents of the kind; rewards a step over the whole meta-episode, rates in its first and last inner episode.",
    )


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
