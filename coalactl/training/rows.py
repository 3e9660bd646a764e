"""From the metrics of one call of the engine to rows.

``metrics/``: a row an iteration and agent, a column a scalar. ``episodes/``: long form, a row an iteration, agent, kind
of opponent, inner episode and metric; where there is nothing to report there is no row. Runs that hold several seeds
have a column ``seed`` in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coalactl_core.types import Metrics

if TYPE_CHECKING:
    import pandas as pd

    from coalactl.engines import Engine


def scalar_rows(metrics: Metrics, run: int, chosen: np.ndarray, engine: Engine, seconds: np.ndarray) -> pd.DataFrame:
    """Rows of one run for the chosen entries of a call; ``seconds`` is the training time after each entry."""
    import pandas as pd

    scalars = {name: values[run, chosen] for name, values in sorted(metrics.scalars.items())}
    axes = np.indices(next(iter(scalars.values())).shape).reshape(2 if engine.seeds is None else 3, -1)
    entry, *_, agent = axes
    iteration = metrics.iteration[run, chosen].astype(np.int64)[entry]
    columns = {"iteration": iteration, **_seed_column(axes, engine.seeds), "agent": agent}
    if engine.steps_per_iteration:
        columns["steps"] = (iteration + 1) * engine.steps_per_iteration
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
                    **_seed_column(axes, engine.seeds),
                    "agent": agent,
                    "opponent": np.asarray(engine.kinds, dtype=object)[kind],
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


def _seed_column(axes: np.ndarray, seeds: Sequence[int] | None) -> dict[str, np.ndarray]:
    return {} if seeds is None else {"seed": np.asarray(seeds, dtype=np.int64)[axes[1]]}


def non_finite(metrics: Metrics, run: int, count: int, seeds: Sequence[int] | None) -> str | None:
    """The first loss, agent and iteration that is not a finite number, in words.

    Means over opponents are NaN where none of the kind was met; losses always have something to report.
    """
    found = []
    for name, values in metrics.scalars.items():
        of_run = values[run, :count]
        bad = ~np.isfinite(of_run) if name in _ALWAYS_TOLD else np.isinf(of_run)
        if bad.any():
            entry, *seed, agent = np.argwhere(bad)[0].tolist()
            found.append((int(metrics.iteration[run, entry]), name, agent, seed))
    if not found:
        return None
    iteration, name, agent, seed = min(found)
    return f"{name} of agent {agent}{_of_seed(seed, seeds)} is not finite at iteration {iteration}"


def non_finite_parameters(finite: np.ndarray, seeds: Sequence[int] | None) -> str | None:
    """The first agent of one run whose parameters are not all finite numbers, in words; ``finite`` is the engine's."""
    if finite.all():
        return None
    *seed, agent = np.argwhere(~finite)[0].tolist()
    return f"a parameter of agent {agent}{_of_seed(seed, seeds)} is not finite"


def _of_seed(place: Sequence[int], seeds: Sequence[int] | None) -> str:
    return "" if seeds is None else f" of seed {seeds[place[0]]}"


_ALWAYS_TOLD = ("policy_loss", "value_loss", "entropy", "kl", "grad_norm")
