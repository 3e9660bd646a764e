"""From configuration to the numbers that the compiled program takes as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.learning import MetaConfig, NaiveConfig
from coalactl_core.configuration.numbers import Section, numbers_of
from coalactl_core.configuration.rule_settings import RuleSettings
from coalactl_core.credit.estimators import BATCH_UNAWARE, ESTIMATORS
from coalactl_core.methods import find_method
from coalactl_core.numbers.schedules import all_at, floats, points_of, schedule_of
from coalactl_core.types import (
    CriticHyperparameters,
    Hyperparameters,
    MetaHyperparameters,
    NaiveHyperparameters,
    PopulationHyperparameters,
    Scheduled,
    Tree,
)


def hyperparameters_of(experiments: Sequence[SequenceExperiment]) -> Scheduled[Hyperparameters]:
    """The numbers of several runs, stacked on a leading ``runs`` axis."""
    points = max(most_points(experiment) for experiment in experiments)
    return _stack([_hyperparameters_of_one(experiment, points) for experiment in experiments])


def at_iteration(hyperparameters: Scheduled[Hyperparameters], step: Int[Array, ""]) -> Hyperparameters:
    """The numbers that hold at a training iteration: every schedule evaluated."""
    return all_at(hyperparameters, step)


def numbers_at(experiment: SequenceExperiment, step: int) -> Hyperparameters:
    """The numbers of one run at a training iteration, without the ``runs`` axis."""
    return at_iteration(jax.tree.map(lambda leaf: leaf[0], hyperparameters_of([experiment])), jnp.int32(step))


def _hyperparameters_of_one(experiment: SequenceExperiment, points: int) -> Scheduled[Hyperparameters]:
    has_critic = experiment.batch_critic is not None
    meta = _stack([_meta_hyperparameters(config, points, has_critic) for config in experiment.agent_configs()])
    return Hyperparameters(
        meta=meta,
        naive=_naive_hyperparameters(experiment, points),
        population=PopulationHyperparameters(
            fixed_weights=floats([fixed.weight for fixed in experiment.population.fixed]),
            **_schedules(experiment.population, PopulationHyperparameters, points),
        ),
        rules=_of_rules(experiment, points),
    )


def _of_rules(experiment: SequenceExperiment, points: int) -> dict[str, dict[str, Any]]:
    """The numbers of the rules' own settings, by table."""
    return {
        table: {key: schedule_of(getattr(settings, key), points) for key in numbers_of(type(settings))}
        for table, settings in _rule_settings(experiment)
    }


def _rule_settings(experiment: SequenceExperiment) -> list[tuple[str, RuleSettings]]:
    tables = [(find_method(method).table, experiment.settings_of(method)) for method in experiment.methods]
    return [(table, settings) for table, settings in dict(tables).items() if settings is not None]


def _meta_hyperparameters(config: MetaConfig, points: int, has_critic: bool) -> Scheduled[MetaHyperparameters]:
    # A learner that is no estimator of the table has no use for a row.
    credit = ESTIMATORS.get(config.method, BATCH_UNAWARE)
    if config.batch_reduction == "mean":
        credit = credit._replace(sum_over_batch=False)
    return MetaHyperparameters(
        credit_assignment=jax.tree.map(np.asarray, credit),
        credit_from_returns=_flag(config.credit == "returns"),
        value_targets_average_future=_flag(config.value_targets == "average-future"),
        normalize_advantages=_flag(config.normalize_advantages),
        critic=CriticHyperparameters(
            used=_flag(config.batch_critic != "none"), **_schedules(config, CriticHyperparameters, points)
        )
        if has_critic
        else None,
        **_schedules(config, MetaHyperparameters, points),
    )


def _naive_hyperparameters(experiment: SequenceExperiment, points: int) -> Scheduled[NaiveHyperparameters]:
    """Of all naive agents; where not all learn alike, leading with the groups that ``naive_learners`` has."""
    configs = [learners.config for learners in experiment.naive_learners]
    keys = tuple(dict.fromkeys(key for config in configs for key in config.own_numbers))
    each = [_of_naive(config, keys, points) for config in configs]
    return each[0] if len(each) == 1 else _stack(each)


def _of_naive(config: NaiveConfig, keys: Sequence[str], points: int) -> Scheduled[NaiveHyperparameters]:
    own: dict[str, Any] = {key: schedule_of(getattr(config, key), points) for key in keys}
    return NaiveHyperparameters(
        normalize_advantages=_flag(config.normalize_advantages),
        own=own,
        **_schedules(config, NaiveHyperparameters, points),
    )


def _schedules(config: Section, record: Any, points: int) -> dict[str, Any]:
    """The schedule of every field that the record and the configuration share and that is a number."""
    shared = [field for field in record._fields if field in type(config).model_fields]
    return {field: schedule_of(getattr(config, field), points) for field in shared if field != "normalize_advantages"}


def most_points(experiment: SequenceExperiment) -> int:
    """How many points every schedule is padded to: a shape, so that only runs with as many share a program."""
    numbers: list[object] = [experiment.population.p_naive]
    for learners in experiment.naive_learners:
        numbers += _fields(learners.config)
    for _, settings in _rule_settings(experiment):
        numbers += _fields(settings)
    for config in experiment.agent_configs():
        numbers += _fields(config)
    return max(map(points_of, numbers))


def _fields(config: Section) -> list[object]:
    return [getattr(config, field) for field in type(config).model_fields]


def _stack(trees: Sequence[Tree]) -> Tree:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _flag(value: bool) -> Any:
    return np.asarray(value)
