"""Tables of final measures: by setting and method, and each seed's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coalactl.report.settings import Group, Setting
from coalactl.report.statistics import (
    ENOUGH_FOR_BOOTSTRAP,
    Interval,
    interquartile_interval,
    quartiles,
    standard_deviation,
    t_interval,
)
from coalactl.report.tables import Cell, Table, number, span

# In the order in which they are shown; the CSV files hold all that the runs measured.
SHOWN = {
    "reward_vs_naive": "reward vs naive",
    "coplayer_reward_vs_naive": "naive's reward",
    "reward_vs_meta": "reward vs meta",
    "defection_first_vs_naive": "defection vs naive, first",
    "defection_last_vs_naive": "last",
    "coplayer_defection_last_vs_naive": "naive's defection, last",
}
SHOWN_ANALYTICAL = {
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


def measure_tables(settings: Sequence[Setting]) -> Iterator[Table]:
    """The tables of the settings that there are."""
    sampled = [setting for setting in settings if not setting.is_analytical]
    exact = [setting for setting in settings if setting.is_analytical]
    if sampled:
        yield _final(sampled)
        yield _seeds(sampled)
    if exact:
        yield _analytical(exact)
        yield _seeds(exact, "analytical-")


def groups_of(settings: Sequence[Setting]) -> Iterator[tuple[Setting, Group]]:
    """Every group with its setting."""
    for setting in settings:
        for group in setting.groups.values():
            yield setting, group


def _final(settings: Sequence[Setting]) -> Table:
    shown = []
    for setting, group in groups_of(settings):
        cells = [mean_cell(list(group.values(column).values())) for column in SHOWN]
        shown.append((setting.name, group.label, str(len(group.seeds)), *cells))
    return Table(
        name="final",
        title="Final measures by setting and method",
        columns=_COLUMNS,
        rows=tuple(_numbers(settings)),
        shown_columns=("setting", "method", "seeds", *SHOWN.values()),
        shown=tuple(shown),
        words=2,
        note="Mean ± standard deviation over training seeds of the last 10% of iterations, with the 95% t-interval; "
        "rewards a step, rates in the first and last inner episode.",
    )


def _analytical(settings: Sequence[Setting]) -> Table:
    shown = []
    for setting, group in groups_of(settings):
        cells = [_median_cell(quartiles(list(group.values(column).values()))) for column in SHOWN_ANALYTICAL]
        shown.append((setting.name, str(len(group.seeds)), *cells))
    return Table(
        name="analytical",
        title="Final measures of the analytical settings",
        columns=_COLUMNS,
        rows=tuple(_numbers(settings)),
        shown_columns=("setting", "seeds", *SHOWN_ANALYTICAL.values()),
        shown=tuple(shown),
        words=1,
        note="Median over training seeds of the last 10% of iterations, with quartiles; rewards a step, times 1 − γ.",
    )


def _seeds(settings: Sequence[Setting], prefix: str = "") -> Table:
    rows: list[tuple[Cell, ...]] = []
    shown = []
    headings = SHOWN_ANALYTICAL if prefix else SHOWN
    for setting, group in groups_of(settings):
        for run in group.runs:
            for seed in run.seeds:
                values = {str(column): float(run.final[column].loc[seed]) for column in run.final.columns}
                rows += [(setting.name, group.label, seed, column, value, run.name) for column, value in values.items()]
                cells = [number(values.get(column)) for column in headings]
                shown.append((setting.name, group.label, str(seed), *cells))
    return Table(
        name=f"{prefix}seeds",
        title=f"Every seed's final measures{' in the analytical settings' if prefix else ''}",
        columns=("setting", "method", "seed", "measure", "value", "run"),
        rows=tuple(rows),
        shown_columns=("setting", "method", "seed", *headings.values()),
        shown=tuple(shown),
        words=2,
        note="Means over the last 10% of iterations.",
    )


def _numbers(settings: Sequence[Setting]) -> Iterator[tuple[Cell, ...]]:
    for setting, group in groups_of(settings):
        for column in group.final.columns:
            values = list(group.values(str(column)).values())
            if not values:
                continue
            mean, middle = t_interval(values), quartiles(values)
            iqm = interquartile_interval([values])
            spread = (middle.estimate, middle.low, middle.high, iqm.estimate, iqm.low, iqm.high)
            told = (mean.estimate, standard_deviation(values), mean.low, mean.high)
            yield (setting.name, group.label, str(column), len(values), *told, *spread)


def mean_cell(values: Sequence[float]) -> str:
    """``0.88 ± 0.12 [0.70, 1.06]``; from ten seeds on also the interquartile mean."""
    if not values:
        return "–"
    interval, deviation = t_interval(values), standard_deviation(values)
    words = f"{number(interval.estimate)} ± {number(deviation)} {span(interval.low, interval.high)}".strip()
    if len(values) < ENOUGH_FOR_BOOTSTRAP:
        return words
    iqm = interquartile_interval([values])
    return f"{words}; IQM {number(iqm.estimate)} {span(iqm.low, iqm.high)}"


def _median_cell(interval: Interval) -> str:
    return "–" if interval.seeds == 0 else f"{number(interval.estimate)} {span(interval.low, interval.high)}".strip()
