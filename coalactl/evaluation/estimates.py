"""What is told of a result: means with 95% t-intervals over seeds, behaviour, and the cross-play matrix.

Runs that differ in nothing but the seed are the seeds of one setting. The unit is the run: opponents, inner episodes
and agents are averaged first. Of a single run with several agents the unit is the agent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from coalactl.configuration import plain
from coalactl.evaluation.contestants import Contestant
from coalactl.evaluation.pools import KINDS
from coalactl.evaluation.rows import ALL, WHOLE
from coalactl.report.statistics import t_interval
from coalactl.tables import flatten

# Kinds whose opponents have names that a reader knows; what agents of other runs came to stands in the matrix.
_NAMED = ("classic", "fixed")
_BEHAVIOUR = ("cooperation_", "zd_")
POOL = "pool"


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
    found = t_interval(values)
    return Estimate(found.estimate, found.high - found.estimate, tuple(values))


def lines_of(contestants: Sequence[Contestant], results: Sequence[pd.DataFrame]) -> list[Line]:
    """Every line of the table: kinds in order, named opponents below theirs, then the pool where it mixes kinds."""
    return [
        line
        for name, places in settings(contestants).items()
        for line in _lines_of_setting(name, [results[place] for place in places])
    ]


def settings(contestants: Sequence[Contestant]) -> dict[str, list[int]]:
    """The places of the runs of each setting, by a name that tells the settings apart."""
    found: dict[str, list[int]] = {}
    for place, contestant in enumerate(contestants):
        tree = flatten(plain(contestant.entry.experiment))
        kept = {key: value for key, value in tree.items() if not key.startswith(("run.", "compute."))}
        found.setdefault(json.dumps(kept, sort_keys=True, default=str), []).append(place)
    if len(found) == 1:
        return {"": next(iter(found.values()))}
    return {", ".join(contestants[place].entry.label for place in places): places for places in found.values()}


def matrix(contestants: Sequence[Contestant], results: Sequence[pd.DataFrame]) -> list[list[float | None]]:
    """Reward a step of the agents of each run (rows) against those of each run; on the diagonal its own, or itself."""
    table = []
    for place, rows in enumerate(results):
        rewards = rows[rows["metric"] == "reward"]
        own = rewards[rewards["opponent_kind"] == "meta"]
        others = rewards[rewards["opponent_kind"] == "cross"]
        labels = others["opponent"].str.rpartition("/")[0]
        cells = []
        for number, other in enumerate(contestants):
            met = own if number == place else others[labels == other.entry.label]
            cells.append(float(met["value"].mean()) if len(met) else None)
        table.append(cells)
    return table


def _lines_of_setting(name: str, results: Sequence[pd.DataFrame]) -> list[Line]:
    rows = pd.concat([result.assign(run=run) for run, result in enumerate(results)], ignore_index=True)
    kinds = [kind for kind in KINDS if (rows["opponent_kind"] == kind).any()]
    lines = []
    for kind in kinds:
        of_kind = rows[rows["opponent_kind"] == kind]
        named = list(dict.fromkeys(of_kind["opponent"])) if kind in _NAMED else []
        lines.append(_line(name, kind, ALL, of_kind))
        lines += [_line(name, kind, each, of_kind[of_kind["opponent"] == each]) for each in named if each != ALL]
    if len(kinds) > 1:
        behaviour = rows["metric"].str.startswith(_BEHAVIOUR)
        lines.append(_line(name, POOL, ALL, rows[~behaviour]))
    return lines


def _line(name: str, kind: str, opponent: str, rows: pd.DataFrame) -> Line:
    unit = "run" if rows["run"].nunique() > 1 else "agent"
    estimates = {}
    for metric, values in _numbers(rows, opponent).items():
        by_unit = values.groupby(level=unit).mean()
        estimates[metric] = estimate([float(value) for value in by_unit])
    return Line(name, kind, opponent, "seed" if unit == "run" else "agent", estimates)


def _numbers(rows: pd.DataFrame, opponent: str) -> dict[str, pd.Series]:
    """Numbers of each run and agent: rewards over the meta-episode, other measures at its ends, behaviour over it."""
    behaves = rows["metric"].str.startswith(_BEHAVIOUR)
    told = rows[behaves & (rows["inner_episode"] == WHOLE) & (rows["opponent"] == opponent)]
    found = {str(metric): _mean(part) for metric, part in told.groupby("metric", sort=False)}
    measures = rows[~behaves]
    last = measures["inner_episode"].max()
    for metric, part in measures.groupby("metric", sort=False):
        if str(metric).endswith("reward"):
            found[str(metric)] = _mean(part)
        else:
            found[f"{metric}_first"] = _mean(part[part["inner_episode"] == 0])
            found[f"{metric}_last"] = _mean(part[part["inner_episode"] == last])
    return found


def _mean(rows: pd.DataFrame) -> Any:
    """By run and agent, over opponents as often as they were met."""
    weighted = rows.assign(value=rows["value"] * rows["episodes"])
    sums = weighted.groupby(["run", "agent"])[["value", "episodes"]].sum()
    return sums["value"] / sums["episodes"]
