"""From the metric files to what trackers are told: a name for each measure and agent, a value for each iteration.

``reward_vs_naive/mean`` is over the agents, ``reward_vs_naive/agent-0`` the first one's where there are several. Of a
run that holds several seeds it is ``/median``, ``/quartile-1`` and ``/quartile-3`` over them. Viewers make a section of
what stands before the stroke.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_metrics
from coalactl.summary import summarize
from coalactl.tracking.contract import Row

if TYPE_CHECKING:
    import pandas as pd

_INDEX = ("iteration", "agent", "seed")
_CLOCKS = ("steps", "seconds")  # The same for all agents.


def rows_between(run: RunDirectory, first: int, end: int, started: float) -> list[Row]:
    """The rows of iterations from ``first`` up to ``end`` of a run that was started at that time."""
    frame = read_metrics(run, first=first, end=end)
    if frame.empty:
        return []
    clocks = frame.groupby("iteration")[[name for name in _CLOCKS if name in frame]].first()
    wide = clocks.join(_over_seeds(frame) if "seed" in frame else _over_agents(frame))
    columns = list(map(str, wide.columns))
    rows = zip(wide.index.tolist(), wide.astype(float).to_numpy().tolist(), strict=True)
    return [_row(iteration, dict(zip(columns, values, strict=True)), started) for iteration, values in rows]


def final_row(run: RunDirectory, started: float) -> Row:
    """What a finished run came to: the mean of each measure over the last tenth of the iterations."""
    summary = summarize(run)
    values = {f"final/{name}": value for name, value in summary.trained.items() if value is not None}
    return Row(summary.iterations, started + summary.seconds, values)


def _row(iteration: int, values: dict[str, float], started: float) -> Row:
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return Row(iteration, started + values["seconds"], finite)


def _measures(frame: pd.DataFrame) -> list[str]:
    return [name for name in map(str, frame.columns) if name not in (*_INDEX, *_CLOCKS)]


def _over_agents(frame: pd.DataFrame) -> pd.DataFrame:
    measures = _measures(frame)
    wide = frame.groupby("iteration")[measures].mean().add_suffix("/mean")
    if frame["agent"].nunique() > 1:
        for agent, own in frame.groupby("agent"):
            wide = wide.join(own.set_index("iteration")[measures].add_suffix(f"/agent-{agent}"))
    return wide


def _over_seeds(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    by_seed = frame.groupby(["iteration", "seed"])[_measures(frame)].mean().groupby("iteration")
    named = {"median": 0.5, "quartile-1": 0.25, "quartile-3": 0.75}
    wide = [by_seed.quantile(share).add_suffix(f"/{name}") for name, share in named.items()]
    return pd.concat(wide, axis=1)
