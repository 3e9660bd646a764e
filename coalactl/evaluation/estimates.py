"""What is told of a result: means with 95% t-intervals over seeds, behaviour, and the cross-play matrix.

Runs that differ in nothing but the seed are the seeds of one setting. The unit is the run: opponents, inner episodes
and agents are averaged first. Of a single run with several agents the unit is the agent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from coalactl.agents import learner_named_in
from coalactl.evaluation.contestants import Contestant, same_settings
from coalactl.evaluation.pools import ALL, AXELROD, KINDS
from coalactl.evaluation.rows import WHOLE
from coalactl.report.statistics import t_interval
from coalactl_core.measures import Measure, Place, is_of_policy, parse_metric

# Kinds whose opponents have names that a reader knows; what agents of other runs came to stands in the matrix.
_NAMED = ("classic", "memory", AXELROD, "fixed")
# Kinds of so many opponents that they stand by what the agent earns of them, most first.
RANKED = (AXELROD,)
POOL = "pool"
_REWARD = Measure("reward").column


class Estimate(NamedTuple):
    """A mean over units, half the width of its 95% t-interval (NaN for one unit), and the units' values."""

    mean: float
    half_width: float
    values: tuple[float, ...]


class Line(NamedTuple):
    """Estimates of one setting against one kind of opponent, or one opponent; ``unit`` is "seed" or "agent"."""

    setting: str
    opponent_kind: str
    opponent: str
    unit: str
    estimates: Mapping[str, Estimate]


def estimate(values: Sequence[float]) -> Estimate:
    """The estimate of a mean from independent values."""
    interval = t_interval(values)
    return Estimate(interval.estimate, interval.high - interval.estimate, tuple(values))


def lines_of(contestants: Sequence[Contestant], results: Sequence[pd.DataFrame]) -> list[Line]:
    """Every line of the table: kinds in order, named opponents below theirs, then the pool where it mixes kinds."""
    return [
        line
        for name, indices in settings(contestants).items()
        for line in _lines_of_setting(name, [results[index] for index in indices])
    ]


def settings(contestants: Sequence[Contestant]) -> dict[str, list[int]]:
    """The indices of the runs of each setting, by a name that tells the settings apart."""
    settings = same_settings([contestant.entry for contestant in contestants])
    if len(settings) == 1:
        return {"": settings[0]}
    return {", ".join(contestants[index].entry.label for index in indices): indices for indices in settings}


def matrix(contestants: Sequence[Contestant], results: Sequence[pd.DataFrame]) -> list[list[float | None]]:
    """Reward a step of the agents of each run (rows) against those of each run; on the diagonal its own, or itself."""
    table = []
    for index, rows in enumerate(results):
        rewards = rows[rows["metric"] == "reward"]
        own = rewards[rewards["opponent_kind"] == "meta"]
        others = rewards[rewards["opponent_kind"] == "cross"]
        labels = others["opponent"].str.rpartition("/")[0]
        cells = []
        for number, other in enumerate(contestants):
            met = own if number == index else others[labels == other.entry.label]
            cells.append(float(met["value"].mean()) if len(met) else None)
        table.append(cells)
    return table


def _lines_of_setting(name: str, results: Sequence[pd.DataFrame]) -> list[Line]:
    rows = pd.concat([result.assign(run=run) for run, result in enumerate(results)], ignore_index=True)
    kinds = [kind for kind in KINDS if (rows["opponent_kind"] == kind).any()]
    lines = []
    for kind in kinds:
        of_kind = rows[rows["opponent_kind"] == kind]
        lines.append(_line(name, kind, ALL, of_kind))
        named = [_line(name, kind, each, own) for each, own in _named(kind, of_kind)]
        lines += sorted(named, key=lambda line: -line.estimates[_REWARD].mean) if kind in RANKED else named
    if len(kinds) > 1:
        lines.append(_line(name, POOL, ALL, rows[~_tells_of_policy(rows)]))
    return lines


def _named(kind: str, rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows against each opponent that a reader knows, and against the naive ones of each way of learning."""
    opponents = rows["opponent"]
    if kind == "naive":
        learners = opponents.map(learner_named_in)
        for learner in dict.fromkeys(learners[learners != ""]):
            yield learner, rows[(learners == learner) | (opponents == learner)]
    elif kind in _NAMED:
        for name in dict.fromkeys(opponents[opponents != ALL]):
            yield name, rows[opponents == name]


def _line(name: str, kind: str, opponent: str, rows: pd.DataFrame) -> Line:
    unit = "run" if rows["run"].nunique() > 1 else "agent"
    estimates = {}
    for metric, values in _numbers(rows, opponent).items():
        by_unit = values.groupby(level=unit).mean()
        estimates[metric] = estimate([float(value) for value in by_unit])
    return Line(name, kind, opponent, "seed" if unit == "run" else "agent", estimates)


def _numbers(rows: pd.DataFrame, opponent: str) -> dict[str, pd.Series]:
    """Numbers of each run and agent: rewards over the meta-episode, other measures at its ends, behaviour over it."""
    behaves = _tells_of_policy(rows)
    behaviour = rows[behaves & (rows["inner_episode"] == WHOLE) & (rows["opponent"] == opponent)]
    numbers = {str(metric): _mean(part) for metric, part in behaviour.groupby("metric", sort=False)}
    measures = rows[~behaves]
    ends: dict[Place, int] = {"first": 0, "last": measures["inner_episode"].max()}
    for metric, part in measures.groupby("metric", sort=False):
        measure = parse_metric(str(metric))
        if not measure.has_ends:
            numbers[measure.column] = _mean(part)
            continue
        for place, inner_episode in ends.items():
            numbers[measure.at(place).column] = _mean(part[part["inner_episode"] == inner_episode])
    return numbers


def _tells_of_policy(rows: pd.DataFrame) -> pd.Series:
    return rows["metric"].isin([metric for metric in rows["metric"].unique() if is_of_policy(metric)])


def _mean(rows: pd.DataFrame) -> Any:
    """By run and agent, over opponents as often as they were met."""
    weighted = rows.assign(value=rows["value"] * rows["episodes"])
    sums = weighted.groupby(["run", "agent"])[["value", "episodes"]].sum()
    return sums["value"] / sums["episodes"]
