"""From the metrics of one call of the engine to rows.

``metrics/``: a row an iteration and agent, a column a scalar. ``episodes/``: long form, a row an iteration, agent, kind
of opponent, inner episode and metric; where there is nothing to report there is no row. Runs that hold several seeds
have a column ``seed`` in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import numpy as np

from coalactl_core.types import Metrics, Summary

if TYPE_CHECKING:
    import pandas as pd

    from coalactl.engines import Engine


def scalar_rows(metrics: Metrics, run: int, chosen: np.ndarray, engine: Engine, seconds: np.ndarray) -> pd.DataFrame:
    """Rows of one run for the chosen entries of a call; ``seconds`` is the training time after each entry."""
    import pandas as pd

    scalars = {name: values[run, chosen] for name, values in sorted(metrics.scalars.items())}
    axes = np.indices(next(iter(scalars.values())).shape).reshape(3 if engine.sizes.seeds else 2, -1)
    entry, *_, agent = axes
    iteration = metrics.iteration[run, chosen].astype(np.int64)[entry]
    columns = {"iteration": iteration, **_seed_column(axes, engine.sizes.seeds), "agent": agent}
    if engine.sizes.steps_per_iteration:
        columns["steps"] = (iteration + 1) * engine.sizes.steps_per_iteration
    columns["seconds"] = seconds[chosen][entry]
    return pd.DataFrame({**columns, **{name: values.reshape(-1) for name, values in scalars.items()}})


def episode_rows(metrics: Metrics, run: int, chosen: np.ndarray, engine: Engine) -> pd.DataFrame:
    """The long form of one run for the chosen entries of a call."""
    import pandas as pd

    iterations = metrics.iteration[run, chosen].astype(np.int64)
    parts = []
    for name, values in sorted(metrics.episodes.items()):
        of_run = values[run, chosen]
        axes = np.indices(of_run.shape).reshape(of_run.ndim, -1)
        entry, *_, agent, kind, inner_episode = axes
        parts.append(
            pd.DataFrame(
                {
                    "iteration": iterations[entry],
                    **_seed_column(axes, engine.sizes.seeds),
                    "agent": agent,
                    "opponent": np.asarray(engine.sizes.kinds, dtype=object)[kind],
                    "inner_episode": inner_episode,
                    "metric": name,
                    "value": of_run.reshape(-1),
                }
            )
        )
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[~rows["value"].isna()]
    order = [name for name in ("iteration", "seed", "agent") if name in rows]
    return rows.sort_values(order, kind="stable", ignore_index=True)


def _seed_column(axes: np.ndarray, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    return {"seed": np.asarray(seeds, dtype=np.int64)[axes[1]]} if seeds else {}


def non_finite(metrics: Metrics, run: int, count: int, seeds: Sequence[int] = (), *, mixed: bool = False) -> str | None:
    """The first loss, agent and iteration that is not a finite number, in words; ``seeds``: those of an engine's sizes.

    Means over opponents are NaN where none of the kind was met; losses always have something to report. In a pool that
    mixes rules (``mixed``) there are losses that an agent's rule does not know: others are told of it.
    """
    first_bad = []
    losses = _ALWAYS_TOLD & metrics.scalars.keys()
    silent = {name: np.isnan(metrics.scalars[name][run, :count]).all(0) for name in losses}
    diverged = np.all(list(silent.values()), axis=0)
    for name, values in metrics.scalars.items():
        of_run = values[run, :count]
        bad = np.isinf(of_run)
        if name in silent:
            bad = ~np.isfinite(of_run) & (diverged | ~silent[name] | (not mixed))
        if bad.any():
            entry, *seed, agent = np.argwhere(bad)[0].tolist()
            first_bad.append((int(metrics.iteration[run, entry]), name, agent, seed))
    if not first_bad:
        return None
    iteration, name, agent, seed = min(first_bad)
    return f"{name} of agent {agent}{_of_seed(seed, seeds)} is not finite at iteration {iteration}"


def non_finite_parameters(summary: Summary, run: int, seeds: Sequence[int] = ()) -> str | None:
    """The first agent of one run whose parameters are not all finite numbers, in words."""
    axes = 2 if seeds else 1  # Seeds, where a run holds several, and agents.
    parts = [np.isfinite(leaf[run]) for leaf in jax.tree.leaves(summary.parameters)]
    finite = np.all([part.reshape(*part.shape[:axes], -1).all(-1) for part in parts], axis=0)
    if finite.all():
        return None
    *seed, agent = np.argwhere(~finite)[0].tolist()
    return f"a parameter of agent {agent}{_of_seed(seed, seeds)} is not finite"


def _of_seed(index: Sequence[int], seeds: Sequence[int]) -> str:
    return f" of seed {seeds[index[0]]}" if seeds else ""


_ALWAYS_TOLD = {"policy_loss", "value_loss", "entropy", "kl", "grad_norm"}
