"""A finished run, and what a report reads of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from coalactl.agents import Agents, agents_of
from coalactl.runs.directory import RunDirectory, Status
from coalactl.runs.metric_files import read_episodes, read_metrics
from coalactl.summary import POLICY, last_rows, measure_of


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
        found = agents_of(self.config)
        if len(found) == 1:
            yield found[0], self
            return
        for agents in found:
            evaluations = {name: _of_agents(rows, agents) for name, rows in self.evaluations.items()}
            yield agents, replace(self, agents=agents, evaluations=evaluations)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """A row an iteration, seed and agent."""
        return self._counted(read_metrics(self.directory))

    @cached_property
    def final(self) -> pd.DataFrame:
        """A row a seed: means over agents and the last tenth of the iterations."""
        return self.seed_means(last_rows(self.metrics, self.status.iterations))

    @cached_property
    def untrained(self) -> pd.DataFrame:
        """A row a seed: means over agents at iteration 0."""
        return self.seed_means(self.metrics[self.metrics["iteration"] == 0])

    @cached_property
    def within(self) -> pd.DataFrame:
        """seed, opponent, metric, inner_episode, value: means over agents and the last tenth of the iterations."""
        return self._episode_means(last_rows(self._episodes, self.status.iterations))

    @cached_property
    def within_untrained(self) -> pd.DataFrame:
        """The same at iteration 0."""
        return self._episode_means(self._episodes[self._episodes["iteration"] == 0])

    def curve(self, column: str) -> pd.DataFrame:
        """A row an iteration, a column a seed: means over agents; where the column was measured."""
        if column not in self.metrics:
            return pd.DataFrame()
        known = self.metrics[["iteration", "seed", column]].dropna()
        curves: pd.DataFrame = known.pivot_table(index="iteration", columns="seed", values=column)
        return curves

    @staticmethod
    def seed_means(rows: pd.DataFrame) -> pd.DataFrame:
        """A row a seed, of what is measured and what policies are."""
        columns = [column for column in rows.columns if measure_of(str(column)) or POLICY.fullmatch(str(column))]
        return rows.groupby("seed")[columns].mean()

    @cached_property
    def _episodes(self) -> pd.DataFrame:
        return self._counted(read_episodes(self.directory))

    def _counted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """With their seed, of the agents that count."""
        rows = rows if "seed" in rows else rows.assign(seed=self.seeds[0])
        return rows if self.agents is None else _of_agents(rows, self.agents)

    @staticmethod
    def _episode_means(rows: pd.DataFrame) -> pd.DataFrame:
        keys = ["seed", "opponent", "metric", "inner_episode"]
        return rows.groupby(keys)["value"].mean().reset_index()


def _of_agents(rows: pd.DataFrame, agents: Agents) -> pd.DataFrame:
    return rows[rows["agent"].isin(agents.numbers)]
