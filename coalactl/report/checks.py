"""The kinds of criteria that claims are made of; each builds a check. All of them take one number a training seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from coalactl.report.claims import Check, Quantity
from coalactl.report.roles import Case
from coalactl.report.settings import Group
from coalactl.report.statistics import (
    Interval,
    paired_difference,
    quartiles,
    t_interval,
    welch_difference,
    wilson_interval,
)

PerSeed = Mapping[int, float]
Measure = Callable[[Group], PerSeed]


class Source:
    """One method's runs in one role: where a number comes from; which of them, ``Setting.group`` decides."""

    def __init__(self, role: str, method: str) -> None:
        self.role, self.method = role, method

    def group(self, case: Case) -> Group | str:
        """The runs, or what is missing."""
        setting = case.settings[self.role]
        return setting.group(self.method) or f"no finished runs of {self.method} in {setting.name}"


def final(column: str) -> Measure:
    """A measure over the last tenth of the iterations."""
    return lambda group: group.values(column)


def best(column: str) -> Measure:
    """A measure over that tenth of the iterations in which it is largest."""

    def measured(group: Group) -> PerSeed:
        curve = group.curve(column)
        window = max(1, round(len(curve) / 10))
        means = curve.rolling(window, min_periods=window).mean().max()
        return {int(str(seed)): float(value) for seed, value in means.items()}

    return measured


def least(column: str) -> Measure:
    """A measure over the last tenth of the iterations of that agent which has least of it."""
    return lambda group: group.least(column)


def untrained(column: str) -> Measure:
    """A measure at iteration 0."""
    return lambda group: group.values(column, untrained=True)


def newest(column: str) -> Measure:
    """What the first agent has at the last iteration: a draw, where a mean over iterations would hide the spread."""
    return lambda group: group.newest(column)


def within_game(evaluation: str, metric: str, opponent: str, first: int, last: int) -> Measure:
    """The mean over steps of an inner episode, from 1 on and both ends included, of an evaluation step by step."""

    def measured(group: Group) -> PerSeed:
        rows = group.by_step(evaluation, metric, opponent)
        return {int(str(seed)): float(value) for seed, value in rows.iloc[first - 1 : last].mean().items()}

    return measured


def minus(first: Measure, second: Measure) -> Measure:
    """The difference of two measures of the same runs."""
    return lambda group: paired_difference(first(group), second(group)).differences


def mean(
    source: Source, measure: Measure, words: str, *, above: float | None = None, below: float | None = None
) -> Check:
    """The mean over seeds with its t-interval, held against bounds."""

    def of_seeds(values: PerSeed) -> Interval:
        return t_interval(list(values.values()))

    criterion = _criterion(f"mean over seeds of {words}", above, below, "95% t-interval")
    return Check(criterion, (source.role,), _measured(source, measure, f"mean of {words}", of_seeds), above, below)


def difference(
    first: Source,
    second: Source,
    measure: Measure,
    words: str,
    *,
    above: float | None = None,
    below: float | None = None,
) -> Check:
    """The mean paired difference between two methods on their common seeds, with its t-interval."""

    def measured(case: Case) -> Quantity | str:
        one, other = first.group(case), second.group(case)
        if isinstance(one, str) or isinstance(other, str):
            return one if isinstance(one, str) else str(other)
        paired = paired_difference(measure(one), measure(other))
        if not paired.differences:
            return f"{one.label} and {other.label} have no seed in common"
        return _quantity(f"paired difference in {words}", paired.interval, paired.differences, one, other)

    name = f"{first.method} − {second.method} on common seeds, {words}"
    roles = tuple(dict.fromkeys((first.role, second.role)))
    return Check(_criterion(name, above, below, "95% t-interval"), roles, measured, above, below)


def apart(
    first: Source,
    measure: Measure,
    second: Source,
    other: Measure,
    words: str,
    *,
    above: float | None = None,
    below: float | None = None,
) -> Check:
    """The difference of two means of two settings, whose seeds are no pairs, with Welch's interval."""

    def measured(case: Case) -> Quantity | str:
        one, two = first.group(case), second.group(case)
        if isinstance(one, str) or isinstance(two, str):
            return one if isinstance(one, str) else str(two)
        values, base = measure(one), list(other(two).values())
        interval = welch_difference(list(values.values()), base)
        differences = {seed: value - float(np.mean(base)) for seed, value in values.items()}
        return _quantity(words, interval, differences, one, two)

    criterion = _criterion(words, above, below, "95% Welch interval")
    return Check(criterion, (first.role, second.role), measured, above, below)


def most(source: Source, measure: Measure, words: str, *, above: float) -> Check:
    """The fraction of seeds whose value exceeds a threshold is more than one half, by Wilson's interval."""

    def of_seeds(values: PerSeed) -> Interval:
        return wilson_interval(sum(value > above for value in values.values()), len(values))

    name = f"fraction of seeds with {words} above {above:g}"
    criterion = _criterion(name, 0.5, None, "95% Wilson interval")
    return Check(criterion, (source.role,), _measured(source, measure, name, of_seeds), above=0.5)


def median(
    source: Source, measure: Measure, words: str, *, above: float | None = None, below: float | None = None
) -> Check:
    """The median over seeds, and the quartile towards the bound."""

    def of_seeds(values: PerSeed) -> Interval:
        return quartiles(list(values.values()))

    criterion = _criterion(f"median over seeds of {words}", above, below, "quartiles")
    return Check(criterion, (source.role,), _measured(source, measure, f"median of {words}", of_seeds), above, below)


def medians_differ(first: Source, second: Source, measure: Measure, words: str, *, above: float) -> Check:
    """The median of one role's seeds is above the other's by more than a bound: pairs of seeds mean nothing there."""

    def measured(case: Case) -> Quantity | str:
        one, other = first.group(case), second.group(case)
        if isinstance(one, str) or isinstance(other, str):
            return one if isinstance(one, str) else str(other)
        base = float(np.median(list(measure(other).values())))
        values = {seed: value - base for seed, value in measure(one).items()}
        return _quantity(
            f"{words}, less the median of {second.role}", quartiles(list(values.values())), values, one, other
        )

    name = f"median of {words} in {first.role}, less that in {second.role}"
    return Check(_criterion(name, above, None, "quartiles"), (first.role, second.role), measured, above=above)


def _measured(
    source: Source, measure: Measure, name: str, of_seeds: Callable[[PerSeed], Interval]
) -> Callable[[Case], Quantity | str]:
    """What one source's seeds come to, or what is missing."""

    def measured(case: Case) -> Quantity | str:
        group = source.group(case)
        if isinstance(group, str):
            return group
        values = measure(group)
        return _quantity(name, of_seeds(values), values, group)

    return measured


def crossing(column: str, level: float) -> Measure:
    """The iteration at which a measure first exceeds a level, infinite where it never does."""

    def measured(group: Group) -> PerSeed:
        curve = group.curve(column)
        over = {int(str(seed)): curve.index[curve[seed] > level] for seed in curve.columns}
        return {seed: float(iterations[0]) if len(iterations) else np.inf for seed, iterations in over.items()}

    return measured


def earlier(source: Source, first: Measure, second: Measure, words: str, *, or_together: bool = False) -> Check:
    """In most seeds something comes before another thing that does come."""

    def measured(case: Case) -> Quantity | str:
        group = source.group(case)
        if isinstance(group, str):
            return group
        one, other = first(group), second(group)
        lead = {seed: other[seed] - one[seed] for seed in one if seed in other}
        happened = {
            seed: np.isfinite(other[seed]) and (value > 0 or (or_together and value == 0))
            for seed, value in lead.items()
        }
        known = {seed: value for seed, value in lead.items() if np.isfinite(value)}
        return _quantity(
            f"fraction of seeds in which {words}", wilson_interval(sum(happened.values()), len(lead)), known, group
        )

    return Check(
        _criterion(f"fraction of seeds in which {words}", 0.5, None, "95% Wilson interval"),
        (source.role,),
        measured,
        above=0.5,
    )


def _criterion(words: str, above: float | None, below: float | None, interval: str) -> str:
    if above is not None and below is not None:
        return f"{words}, with its {interval}, between {above:g} and {below:g}"
    bound = f"above {above:g}" if above is not None else f"below {below:g}"
    return f"{words}, with its {interval}, {bound}"


def _quantity(name: str, interval: Interval, values: PerSeed, *groups: Group) -> Quantity:
    runs = tuple(dict.fromkeys(run.name for group in groups for run in group.runs))
    agents = {group.agents.name: group.agents for group in groups}
    return Quantity(name, interval, dict(values), runs, tuple(agents.values()))
