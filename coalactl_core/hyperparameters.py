"""From configuration to the numbers that the compiled program takes as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from coalactl_core.config import MetaConfig, NaiveConfig, SequenceExperiment
from coalactl_core.config_numbers import ScheduleConfig
from coalactl_core.estimators import ESTIMATORS
from coalactl_core.types import (
    Hyperparameters,
    MetaHyperparameters,
    NaiveHyperparameters,
    PopulationHyperparameters,
    Schedule,
)

Tree = TypeVar("Tree")

_NEVER = np.iinfo(np.int32).max


def hyperparameters_of(experiments: Sequence[SequenceExperiment]) -> Hyperparameters:
    """The numbers of several runs, stacked on a leading ``runs`` axis."""
    points = max(_most_points(experiment) for experiment in experiments)
    return _stack([_hyperparameters_of_one(experiment, points) for experiment in experiments])


def at_iteration(hyperparameters: Hyperparameters, step: Array) -> Hyperparameters:
    """The numbers that hold at a training iteration: every schedule evaluated."""
    return jax.tree.map(
        lambda leaf: value_at(leaf, step) if isinstance(leaf, Schedule) else leaf,
        hyperparameters,
        is_leaf=lambda leaf: isinstance(leaf, Schedule),
    )


def value_at(schedule: Schedule, step: Array) -> Array:
    """The value of a schedule at an iteration, for any leading axes."""
    points = schedule.starts.shape[-1]
    here = jnp.sum(schedule.starts <= step, -1, keepdims=True) - 1
    next_ = jnp.minimum(here + 1, points - 1)
    start, value = (jnp.take_along_axis(array, here, -1)[..., 0] for array in (schedule.starts, schedule.values))
    end, goal = (jnp.take_along_axis(array, next_, -1)[..., 0] for array in (schedule.starts, schedule.values))
    fraction = (step - start) / jnp.maximum(end - start, 1)
    return jnp.where(schedule.linear, value + fraction * (goal - value), value)


def _hyperparameters_of_one(experiment: SequenceExperiment, points: int) -> Hyperparameters:
    meta = _stack([_meta_hyperparameters(config, points) for config in experiment.agent_configs()])
    naive: NaiveConfig = experiment.naive
    return Hyperparameters(
        meta=meta,
        naive=NaiveHyperparameters(
            normalize_advantages=_flag(naive.normalize_advantages),
            **_schedules(naive, NaiveHyperparameters, points),
        ),
        population=PopulationHyperparameters(
            p_naive=_schedule(experiment.population.p_naive, points),
            fixed_weights=_floats([fixed.weight for fixed in experiment.population.fixed]),
        ),
    )


def _meta_hyperparameters(config: MetaConfig, points: int) -> MetaHyperparameters:
    return MetaHyperparameters(
        credit_assignment=jax.tree.map(np.asarray, ESTIMATORS[config.method]),
        credit_from_returns=_flag(config.credit == "returns"),
        value_targets_average_future=_flag(config.value_targets == "average-future"),
        normalize_advantages=_flag(config.normalize_advantages),
        **_schedules(config, MetaHyperparameters, points),
    )


def _schedules(config: MetaConfig | NaiveConfig, record: Any, points: int) -> dict[str, Schedule]:
    """Every field that the record and the configuration share and that is a number."""
    shared = [field for field in record._fields if field in type(config).model_fields]
    return {field: _schedule(getattr(config, field), points) for field in shared if field != "normalize_advantages"}


def _schedule(given: float | ScheduleConfig, points: int) -> Schedule:
    pairs = given.points if isinstance(given, ScheduleConfig) else ((0, given),)
    linear = isinstance(given, ScheduleConfig) and given.interpolation == "linear"
    padding = points - len(pairs)
    return Schedule(
        starts=_integers([start for start, _ in pairs] + [_NEVER] * padding),
        values=_floats([value for _, value in pairs] + [pairs[-1][1]] * padding),
        linear=_flag(linear),
    )


def _most_points(experiment: SequenceExperiment) -> int:
    numbers = [*_fields(experiment.naive), experiment.population.p_naive]
    for config in experiment.agent_configs():
        numbers += _fields(config)
    return max(len(number.points) if isinstance(number, ScheduleConfig) else 1 for number in numbers)


def _fields(config: MetaConfig | NaiveConfig) -> list[object]:
    return [getattr(config, field) for field in type(config).model_fields]


def _stack(trees: Sequence[Tree]) -> Tree:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _floats(values: Sequence[float]) -> Any:
    return np.asarray(values, dtype=jax.dtypes.canonicalize_dtype(float))


def _integers(values: Sequence[int]) -> Any:
    return np.asarray(values, dtype=np.int32)


def _flag(value: bool) -> Any:
    return np.asarray(value)
