"""Numbers that change over training iterations: from configuration to data, and their value at an iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from coalactl_core.configuration.numbers import ScheduleConfig
from coalactl_core.types import Schedule, Scheduled, Values

_NEVER = np.iinfo(np.int32).max


def schedule_of(configured: float | ScheduleConfig, points: int) -> Schedule:
    """A number or a schedule of the configuration as data, padded to so many points."""
    pairs = configured.points if isinstance(configured, ScheduleConfig) else ((0, configured),)
    linear = isinstance(configured, ScheduleConfig) and configured.interpolation == "linear"
    padding = points - len(pairs)
    return Schedule(
        starts=np.asarray([start for start, _ in pairs] + [_NEVER] * padding, dtype=np.int32),  # type: ignore[arg-type]
        values=floats([value for _, value in pairs] + [pairs[-1][1]] * padding),
        linear=np.asarray(linear),  # type: ignore[arg-type]
    )


def points_of(configured: object) -> int:
    """How many points a number of the configuration has; 1 for what is no schedule."""
    return len(configured.points) if isinstance(configured, ScheduleConfig) else 1


def value_at(schedule: Schedule, step: Int[Array, ""]) -> Float[Array, "..."]:
    """The value of a schedule at an iteration, for any leading axes."""
    points = schedule.starts.shape[-1]
    here = jnp.sum(schedule.starts <= step, -1, keepdims=True) - 1
    next_ = jnp.minimum(here + 1, points - 1)
    start, value = (jnp.take_along_axis(array, here, -1)[..., 0] for array in (schedule.starts, schedule.values))
    end, goal = (jnp.take_along_axis(array, next_, -1)[..., 0] for array in (schedule.starts, schedule.values))
    fraction = (step - start) / jnp.maximum(end - start, 1)
    return jnp.where(schedule.linear, value + fraction * (goal - value), value)


def all_at(record: Scheduled[Values], step: Int[Array, ""]) -> Values:
    """A record with every schedule in it evaluated at an iteration."""

    def is_schedule(leaf: object) -> bool:
        return isinstance(leaf, Schedule)

    return jax.tree.map(lambda leaf: value_at(leaf, step) if is_schedule(leaf) else leaf, record, is_leaf=is_schedule)


def floats(values: Sequence[float]) -> Any:
    """Numbers in the precision of the moment."""
    return np.asarray(values, dtype=jax.dtypes.canonicalize_dtype(float))
