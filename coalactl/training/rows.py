"""Metrics of the engine as rows of the metric files.

``metrics/``: a row an iteration and agent, a column a scalar. ``episodes/``: long form, a row an iteration, agent, kind
of opponent, inner episode and metric; where there is nothing to report there is no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coalactl_core.types import Metrics

if TYPE_CHECKING:
    import pandas as pd


def scalar_rows(
    metrics: Metrics, run: int, chosen: np.ndarray, steps_per_iteration: int, seconds: np.ndarray
) -> pd.DataFrame:
    """Rows of one run for the chosen entries of a call; ``seconds`` is the training time after each entry."""
    import pandas as pd

    iterations = metrics.iteration[run, chosen]
    agents = next(iter(metrics.scalars.values())).shape[-1]
    columns = {
        "iteration": np.repeat(iterations, agents).astype(np.int64),
        "agent": np.tile(np.arange(agents), len(iterations)),
        "steps": np.repeat((iterations.astype(np.int64) + 1) * steps_per_iteration, agents),
        "seconds": np.repeat(seconds[chosen], agents),
    }
    scalars = {name: values[run, chosen].reshape(-1) for name, values in sorted(metrics.scalars.items())}
    return pd.DataFrame({**columns, **scalars})


def episode_rows(metrics: Metrics, run: int, chosen: np.ndarray, kinds: Sequence[str]) -> pd.DataFrame:
    """The long form of one run for the chosen entries of a call."""
    import pandas as pd

    iterations = metrics.iteration[run, chosen].astype(np.int64)
    parts = []
    for name, values in sorted(metrics.episodes.items()):
        of_run = values[run, chosen]
        entry, agent, kind, inner_episode = np.indices(of_run.shape).reshape(4, -1)
        parts.append(
            pd.DataFrame(
                {
                    "iteration": iterations[entry],
                    "agent": agent,
                    "opponent": np.asarray(kinds, dtype=object)[kind],
                    "inner_episode": inner_episode,
                    "metric": name,
                    "value": of_run.reshape(-1),
                }
            )
        )
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[~rows["value"].isna()]
    return rows.sort_values(["iteration", "agent"], kind="stable", ignore_index=True)


def non_finite(metrics: Metrics, run: int, count: int) -> str | None:
    """The first loss, agent and iteration that is not a finite number, in words.

    Means over opponents are NaN where none of the kind was met; losses always have something to report.
    """
    found = []
    for name, values in metrics.scalars.items():
        of_run = values[run, :count]
        bad = np.isinf(of_run) if _may_be_missing(name) else ~np.isfinite(of_run)
        if bad.any():
            entry, agent = np.argwhere(bad)[0]
            found.append((int(metrics.iteration[run, entry]), name, int(agent)))
    if not found:
        return None
    iteration, name, agent = min(found)
    return f"{name} of agent {agent} is not finite at iteration {iteration}"


def _may_be_missing(name: str) -> bool:
    return name not in ("policy_loss", "value_loss", "entropy", "kl", "grad_norm")
