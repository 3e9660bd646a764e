"""A finished run, and what a report reads of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coalactl.agents import Agents, agents_of
from coalactl.runs.directory import RunDirectory, Status
from coalactl.runs.metric_files import read_episodes, read_metrics
from coalactl.summary import last_rows, last_tenth
from coalactl_core.measures import is_of_policy, parse


@dataclass(frozen=True)
class Run:
    """A finished run with its metric rows; one or, if analytical, several training seeds."""

    name: str
    """Its path from the common folder of the report's runs."""
    directory: RunDirectory
    config: Mapping[str, Any]
    provenance: Mapping[str, Any]
    status: Status
    evaluations: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """By name; of runs with one training seed."""
    by_step: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Of these the ones that were made step by step."""
    agents: Agents | None = None
    """Those whose rows count; all where None."""

    @property
    def kind(self) -> str:
        """``sequence`` or ``analytical``."""
        return str(self.config.get("kind", "sequence"))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The training seeds, in order."""
        section = self.config["run"]
        first = int(section["seed"])
        return tuple(range(first, first + int(section.get("seeds", 1))))

    def by_agents(self) -> Iterator[tuple[Agents, Run]]:
        """The run as each method in its pool has it; itself where there is one."""
        all_agents = agents_of(self.config)
        if len(all_agents) == 1:
            yield all_agents[0], self
            return
        for agents in all_agents:
            evaluations, by_step = (
                {name: _of_agents(rows, agents) for name, rows in tables.items()}
                for tables in (self.evaluations, self.by_step)
            )
            yield agents, replace(self, agents=agents, evaluations=evaluations, by_step=by_step)

    @property
    def metrics(self) -> pd.DataFrame:
        """A row an iteration, seed and agent."""
        return self._counted(read_metrics(self.directory))

    def measured(self, column: str) -> pd.DataFrame:
        """The same with only this column, where the run has it."""
        return self._counted(read_metrics(self.directory, ("seed", column).__contains__))

    @cached_property
    def ends(self) -> Ends:
        """What of the metrics is kept: curves are read when they are drawn."""
        rows = read_metrics(self.directory, lambda name: name in ("seed", "steps") or _is_measure(name))
        return _ends(self._counted(rows), self.status.iterations)

    @property
    def final(self) -> pd.DataFrame:
        """A row a seed: means over agents and the last tenth of the iterations."""
        return self.ends.final

    @property
    def untrained(self) -> pd.DataFrame:
        """A row a seed: means over agents at iteration 0."""
        return self.ends.untrained

    @cached_property
    def within(self) -> pd.DataFrame:
        """seed, opponent, metric, inner_episode, value: means over agents and the last tenth of the iterations."""
        done = self.status.iterations
        rows = read_episodes(self.directory, last_tenth(done))
        return self._episode_means(last_rows(read_episodes(self.directory), done) if rows.empty else rows)

    @cached_property
    def within_untrained(self) -> pd.DataFrame:
        """The same at iteration 0."""
        return self._episode_means(read_episodes(self.directory, end=1))

    def curve(self, column: str) -> pd.DataFrame:
        """A row an iteration, a column a seed: means over agents; where the column was measured."""
        rows = self.measured(column)
        if column not in rows:
            return pd.DataFrame()
        known = rows[["iteration", "seed", column]].dropna()
        curves: pd.DataFrame = known.pivot_table(index="iteration", columns="seed", values=column)
        return curves

    def _counted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """With their seed, of the agents that count."""
        rows = rows if "seed" in rows else rows.assign(seed=self.seeds[0])
        return rows if self.agents is None else _of_agents(rows, self.agents)

    def _episode_means(self, rows: pd.DataFrame) -> pd.DataFrame:
        keys = ["seed", "opponent", "metric", "inner_episode"]
        return self._counted(rows).groupby(keys)["value"].mean().reset_index()


@lru_cache(maxsize=1024)
def _is_measure(column: str) -> bool:
    """Or tells of a policy."""
    return bool(parse(column) or is_of_policy(column))


class Ends(NamedTuple):
    """A run at its beginning and at its end."""

    empty: bool
    steps: int | None
    untrained: pd.DataFrame
    final: pd.DataFrame


def _ends(rows: pd.DataFrame, done: int) -> Ends:
    """Means a seed, of what is measured and what policies are, as ``summary.last_rows`` chooses the rows."""
    columns = [column for column in map(str, rows.columns) if _is_measure(column)]
    values, seeds = rows[columns].to_numpy(np.float64), rows["seed"].to_numpy()
    iterations = rows["iteration"].to_numpy()
    measured = iterations[~np.isnan(values).all(axis=1)] if columns else iterations
    newest = max((measured if len(measured) else iterations).tolist(), default=0)

    def means(chosen: NDArray[np.bool_]) -> pd.DataFrame:
        known = np.unique(seeds[chosen])
        by_seed = [_means(values[chosen & (seeds == seed)]) for seed in known]
        return pd.DataFrame(np.reshape(by_seed, (len(known), len(columns))), pd.Index(known, name="seed"), columns)

    return Ends(
        empty=rows.empty,
        steps=int(rows["steps"].max()) if "steps" in rows and len(rows) else None,
        untrained=means(iterations == 0),
        final=means(iterations >= min(newest, last_tenth(done))),
    )


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each column without what is missing; NaN where all is."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)


def _of_agents(rows: pd.DataFrame, agents: Agents) -> pd.DataFrame:
    return rows[rows["agent"].isin(agents.numbers)]
