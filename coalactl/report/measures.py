"""Tables of final measures: by setting and method, and each seed's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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
SHOWN_CLEANUP = {
    "reward_vs_naive": "reward vs naive",
    "coplayer_reward_vs_naive": "naive's reward",
    "cleaning_discrepancy_vs_naive": "cleaning discrepancy vs naive",
    "cleaning_vs_naive": "cleaning",
    "coplayer_cleaning_vs_naive": "naive's cleaning",
    "zapped_vs_naive": "zaps by naive",
    "coplayer_zapped_vs_naive": "zaps at naive",
    "reward_vs_meta": "reward vs meta",
    "cleaning_discrepancy_vs_meta": "cleaning discrepancy vs meta",
    "cleaning_vs_meta": "cleaning vs meta",
    "zapped_vs_meta": "zaps vs meta",
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
    exact = [setting for setting in settings if setting.is_analytical]
    cleanup = [setting for setting in settings if setting.game == "cleanup-lite"]
    others = [setting for setting in settings if setting not in (*exact, *cleanup)]
    if others:
        yield _final(others)
        yield _seeds(others, SHOWN)
    if cleanup:
        yield _cleanup(cleanup)
        yield _seeds(cleanup, SHOWN_CLEANUP, "cleanup", " in CleanUp-lite")
    if exact:
        yield _analytical(exact)
        yield _seeds(exact, SHOWN_ANALYTICAL, "analytical", " in the analytical settings")


def groups_of(settings: Sequence[Setting]) -> Iterator[tuple[Setting, Group]]:
    """Every group with its setting."""
    for setting in settings:
        for group in setting.groups.values():
            yield setting, group


def _final(settings: Sequence[Setting]) -> Table:
    return _means(
        settings,
        SHOWN,
        "final",
        "Final measures by setting and method",
        "rewards a step, rates in the first and last inner episode",
    )


def _cleanup(settings: Sequence[Setting]) -> Table:
    return _means(
        settings,
        SHOWN_CLEANUP,
        "cleanup",
        "Final measures in CleanUp-lite by setting and method",
        "rewards, dirt removed and zaps that hit a step. Where nobody cleans there is no cleaning discrepancy either",
    )


def _means(settings: Sequence[Setting], headings: Mapping[str, str], name: str, title: str, units: str) -> Table:
    shown = []
    for setting, group in groups_of(settings):
        cells = [mean_cell(list(group.values(column).values())) for column in headings]
        shown.append((setting.name, group.label, str(len(group.seeds)), *cells))
    return Table(
        name=name,
        title=title,
        columns=_COLUMNS,
        rows=tuple(_numbers(settings)),
        shown_columns=("setting", "method", "seeds", *headings.values()),
        shown=tuple(shown),
        words=2,
        note="Mean ± standard deviation over training seeds of the last 10% of iterations, with the 95% t-interval; "
        f"{units}.",
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


def _seeds(settings: Sequence[Setting], headings: Mapping[str, str], prefix: str = "", where: str = "") -> Table:
    rows: list[tuple[Cell, ...]] = []
    shown = []
    for setting, group in groups_of(settings):
        for run in group.runs:
            for seed in run.seeds:
                values = {str(column): float(run.final[column].loc[seed]) for column in run.final.columns}
                rows += [(setting.name, group.label, seed, column, value, run.name) for column, value in values.items()]
                cells = [number(values.get(column)) for column in headings]
                shown.append((setting.name, group.label, str(seed), *cells))
    return Table(
        name=f"{prefix}-seeds".lstrip("-"),
        title=f"Every seed's final measures{where}",
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
