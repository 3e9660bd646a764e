"""Naive learners by name, as pool files and leagues take them: an algorithm, and values of ``[naive]`` for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.configuration import plain, validate
from coalactl.engines import sequence_engine_for, with_open_compute
from coalactl.errors import UserError
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment

if TYPE_CHECKING:
    from coalactl_core.opponents.seam import Coplayer
    from coalactl_core.play.rollout import Rollout
    from coalactl_core.types import NaiveHyperparameters


# What of an experiment says how naive agents play and learn.
_OF_LEARNERS = ("kind", "environment", "network", "rollout", "naive", "compute")


class NaiveLearner(NamedTuple):
    """How naive agents learn, and with which numbers."""

    coplayer: Coplayer
    hyper: NaiveHyperparameters


def learning_by(
    experiment: SequenceExperiment, algorithm: str, values: Mapping[str, Any], whose: str
) -> SequenceExperiment:
    """The game and the network of an experiment, whose naive agents all learn by one algorithm, whoever meets them.

    ``values`` are keys of ``[naive]``, dotted; raises :class:`UserError`, which begins with ``whose``.
    """
    tree = plain(with_open_compute(experiment))
    tree = {table: tree[table] for table in _OF_LEARNERS}
    tree |= {"naive": {**tree["naive"], "algorithm": algorithm}, "meta": {"minibatches": 1}}
    for key, value in values.items():
        section, dot, name = key.partition(".")
        if section != "naive" or not dot:
            raise UserError(f"{whose}: set: {key}: a learner takes keys of [naive] alone")
        tree["naive"][name] = value
    return of_sequence(validate(tree, whose))


def built(learning: SequenceExperiment) -> Rollout:
    """Play of naive agents who learn so; raises :class:`UserError` where they cannot play the game."""
    return sequence_engine_for(learning).pieces.rollout


def numbers_of(learning: SequenceExperiment, step: int = 0) -> NaiveHyperparameters:
    """The numbers that they learn with at an iteration."""
    from coalactl_core.numbers.hyperparameters import numbers_at

    return numbers_at(learning, step).naive


def of_sequence(experiment: Experiment) -> SequenceExperiment:
    """The experiment as what it is."""
    if not isinstance(experiment, SequenceExperiment):
        raise TypeError(f"an experiment of kind 'sequence' expected, one of kind {experiment.kind} given")
    return experiment
