"""Tables of final measures: by setting, measure and method, and each seed's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from coalactl.report.labels import legend
from coalactl.report.settings import Group, Setting
from coalactl.report.statistics import (
    ENOUGH_FOR_BOOTSTRAP,
    Interval,
    interquartile_interval,
    interquartile_mean,
    quartiles,
    standard_deviation,
    t_interval,
)
from coalactl.report.tables import Cell, Table, number, span
from coalactl_core.games import GAMES
from coalactl_core.measures import KINDS, Measure, parse, rewards_vs

_SHOWN_ANALYTICAL = {
    "reward_vs_naive": "reward vs naive",
    "coplayer_reward_vs_naive": "naive's reward",
    "reward_vs_meta": "reward vs meta",
    "zd_error": "ZD error",
    "zd_chi": "χ",
}
_COLUMNS = (
    "setting",
    "method",
    "measure",
    "seeds",
    "mean",
    "std",
    "low",
    "high",
    "median",
    "q1",
    "q3",
    "iqm",
    "iqm_low",
    "iqm_high",
)
_MOST_SEEDS = 24
"""Values in one cell."""


class Kind(NamedTuple):
    """Settings whose measures stand in one table."""

    prefix: str
    where: str
    units: str


_PLAIN = Kind("", "", "rewards a step, rates in the first and last inner episode")
_EXACT = Kind("analytical", " in the analytical settings", "rewards a step, times 1 − γ")
_OF_GAMES = {name: Kind(game.table, f" in {game.title}", game.units) for name, game in GAMES.items() if game.table}


def measure_tables(settings: Sequence[Setting]) -> Iterator[Table]:
    """Two tables for each kind of settings that there is."""
    by_kind: dict[Kind, list[Setting]] = {kind: [] for kind in (_PLAIN, *_OF_GAMES.values(), _EXACT)}
    for setting in settings:
        by_kind[_kind(setting)].append(setting)
    for kind, members in by_kind.items():
        if members:
            yield _summary(members, kind)
            yield _seeds(members, kind)


def _kind(setting: Setting) -> Kind:
    if setting.is_analytical:
        return _EXACT
    return _OF_GAMES.get(setting.game, _PLAIN)


def kinds_met(setting: Setting) -> list[str]:
    """The kinds of opponents that its agents met, as columns have them."""
    groups = list(setting.groups.values())
    return [kind for kind in KINDS if any(group.values(rewards_vs(kind)[0]) for group in groups)]


def shown_measures(setting: Setting) -> dict[str, str]:
    """What tables show of a setting, with headings: what its game says, of other packages' games all but repetitions.

    That is rewards, and others in the first and last inner episode where there are such, else over all.
    """
    known = {str(column) for group in setting.groups.values() for column in group.final.dropna(axis=1, how="all")}
    game = GAMES.get(setting.game)
    listed = _SHOWN_ANALYTICAL if setting.is_analytical else game and game.measures
    if listed is not None:
        return {column: words for column, words in listed.items() if column in known}
    measures = [(column, measure) for column in known if (measure := parse(column))]
    placed = {measure._replace(place="") for _, measure in measures if measure.place}
    kept = [(column, measure) for column, measure in measures if measure.place or measure not in placed]
    return {column: in_heading(measure) for column, measure in sorted(kept, key=lambda one: _order(one[1]))}


def _order(measure: Measure) -> tuple[int, bool, str, bool, str]:
    """By opponent, rewards first, the agent's before its co-player's."""
    is_others = measure.whose == "coplayer"
    return KINDS.index(measure.kind), measure.name != "reward", measure.name, is_others, measure.place


def in_heading(measure: Measure) -> str:
    """``demand vs naive, first`` and, of the co-player, ``naive's demand, first``."""
    words = measure.name.replace("_", " ")
    whose = f"{words} vs {measure.kind}" if measure.whose == "agent" else f"{measure.kind}'s {words}"
    return f"{whose}, {measure.place}" if measure.place else whose


def groups_of(settings: Sequence[Setting]) -> Iterator[tuple[Setting, Group]]:
    """Every group with its setting."""
    for setting in settings:
        for group in setting.groups.values():
            yield setting, group


def _summary(settings: Sequence[Setting], kind: Kind) -> Table:
    exact = kind is _EXACT
    estimates = estimates_of(
        [row for setting in settings for row in _shown(setting)],
        ("setting", "measure", "method", "seeds", *(MEDIAN_COLUMNS if exact else MEAN_COLUMNS)),
        "Median" if exact else "Mean ± standard deviation",
        "quartiles" if exact else "the 95% t-interval",
    )
    return Table(
        name=kind.prefix or "final",
        title=f"Final measures{kind.where}",
        columns=_COLUMNS,
        rows=tuple(_numbers(settings)),
        shown_columns=estimates.columns,
        shown=estimates.rows,
        words=3,
        keys=3,
        note=f"{estimates.statistics} means over the last 10% of iterations; {kind.units}.",
        legend=legend(settings),
    )


def _shown(setting: Setting) -> Iterator[tuple[str, ...]]:
    for column, heading in shown_measures(setting).items():
        for group in setting.groups.values():
            values = list(group.values(column).values())
            if values:
                cells = median_cells(quartiles(values)) if setting.is_analytical else mean_cells(values)
                yield (setting.short, heading, group.short, str(len(values)), *cells)


def _seeds(settings: Sequence[Setting], kind: Kind) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for setting, group in groups_of(settings):
        for run in group.runs:
            columns = [str(column) for column in run.final.columns]
            for seed, values in zip(run.final.index, run.final.to_numpy(float).tolist(), strict=True):
                rows += [
                    (setting.name, group.label, int(seed), column, value, run.name)
                    for column, value in zip(columns, values, strict=True)
                ]
    shown = [
        (setting.short, heading, group.short, _values(group, column))
        for setting in settings
        for column, heading in shown_measures(setting).items()
        for group in setting.groups.values()
        if group.values(column)
    ]
    return Table(
        name=f"{kind.prefix}-seeds".lstrip("-"),
        title=f"Every seed's final measures{kind.where}",
        columns=("setting", "method", "seed", "measure", "value", "run"),
        rows=tuple(rows),
        shown_columns=("setting", "measure", "method", "seed: value"),
        shown=tuple(shown),
        words=4,
        keys=4,
        note="Means over the last 10% of iterations.",
        legend=legend(settings),
    )


def _values(group: Group, column: str) -> str:
    values = group.values(column)
    if len(values) > _MOST_SEEDS:
        return f"{len(values)} seeds, in the CSV file"
    return ", ".join(f"{seed}: {number(value)}" for seed, value in values.items())


def _numbers(settings: Sequence[Setting]) -> Iterator[tuple[Cell, ...]]:
    for setting, group in groups_of(settings):
        for column in group.final.columns:
            values = list(group.values(str(column)).values())
            if not values:
                continue
            mean, middle = t_interval(values), quartiles(values)
            iqm = interquartile_interval([values])
            spread = (middle.estimate, middle.low, middle.high, iqm.estimate, iqm.low, iqm.high)
            around_mean = (mean.estimate, standard_deviation(values), mean.low, mean.high)
            yield (setting.name, group.label, str(column), len(values), *around_mean, *spread)


MEAN_COLUMNS = ("mean ± std", "95% interval", "IQM")
MEDIAN_COLUMNS = ("median", "quartiles", "")
_ESTIMATES = len(MEAN_COLUMNS)


class Estimates(NamedTuple):
    """What a table shows of seeds: rows without cells that say nothing, and what they are, in words."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    statistics: str


def estimates_of(
    rows: Sequence[tuple[str, ...]],
    columns: tuple[str, ...],
    estimate: str = "Mean ± standard deviation",
    spread: str = "the 95% t-interval",
) -> Estimates:
    """From rows that end with the number of seeds and three estimates: of one seed alone its value is all there is."""
    seeds = len(columns) - _ESTIMATES - 1
    if all(row[seeds] == "1" for row in rows):
        alone = tuple((*row[:seeds], row[seeds + 1]) for row in rows)
        return Estimates((*columns[:seeds], "value"), alone, "Values of one training seed,")
    statistics = f"{estimate} over training seeds, with {spread}"
    if any(row[-1] for row in rows):
        return Estimates(columns, tuple(rows), f"{statistics}, and from ten seeds on the interquartile mean (IQM), of")
    return Estimates(columns[:-1], tuple(row[:-1] for row in rows), f"{statistics}, of")


def mean_cells(values: Sequence[float]) -> tuple[str, str, str]:
    """``0.88 ± 0.12``, ``[0.70, 1.06]``, and from ten seeds on the interquartile mean."""
    interval, deviation = t_interval(values), standard_deviation(values)
    if len(values) == 1:
        return number(interval.estimate), "–", ""
    spread = span(interval.low, interval.high) or "–"
    estimate = f"{number(interval.estimate)} ± {number(deviation)}"
    if len(values) < ENOUGH_FOR_BOOTSTRAP:
        return estimate, spread, ""
    return estimate, spread, number(interquartile_mean(values))


def median_cells(interval: Interval) -> tuple[str, str, str]:
    """The median, and between which quartiles."""
    return number(interval.estimate), span(interval.low, interval.high) or "–", ""
