"""What the time of a training iteration depends on, and how two iterations compare: a rough count of their work.

The numbers are microseconds of ``coalactl bench`` on two quiet cores (ipd-128, benchmarks/results) or ratios between
finished trainings; only ratios between shapes are used. On accelerators, where small sizes wait instead of computing,
no such ratio holds.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, NamedTuple

from coalactl.configuration import plain
from coalactl_core.configuration.analytical import AnalyticalExperiment
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment
from coalactl_core.games import words_of

# Microseconds of an environment step: playing it, teaching a naive co-player, one pass of learning from it.
_PLAY = 0.20
_TEACH = 0.56
_PASS = 0.29
# Of meta and naive co-players in one meta-batch.
_BOTH = 0.4
# A look-ahead of LOLA-DiCE.
_LOOK_AHEAD = 2.3
# A step of a network in a rule's own roll-outs.
_NETWORK_STEP = 0.1
# Observations that are too many for tables (nets/tabulated.py), or a network without any.
_WITHOUT_TABLES = 2.2
# A GRU of one table (nets/gru_policy.py): 511 thousand steps a second of A2C where Hawk's PPO has 166, on one core.
_GRU = 1.3
# Four times the width takes 6.2 times as long.
_WIDTH, _OF_WIDTH = 32, 1.3
# Of each step of a meta-episode whatever the batch: loops over steps are turned and chunks begun.
_TURN = 20.0
# Of a further device of a CPU.
_EACH_FURTHER = 0.6
# Microseconds of an analytical iteration: whatever its sizes, a naive step of the objective, a look-ahead.
_ITERATION, _STEP, _EXACT_LOOK_AHEAD = 200.0, 0.1, 0.4
_BOOKKEEPING = {"iterations", "seed", "log_every", "checkpoint_every", "keep"}


class Shape(NamedTuple):
    """An iteration of one run: ``work`` in microseconds of a machine that does not matter, and of what kind it is."""

    program: str
    """What its program depends on: equal ones take equally long."""
    kind: str
    tables: bool
    plays_more: bool
    work: float

    def distance(self, other: Shape) -> float:
        """How little the time of one says about the other; infinite between kinds of experiments."""
        if self.kind != other.kind:
            return math.inf
        differing = (self.tables != other.tables) + (self.plays_more != other.plays_more)
        return 10.0 * differing + abs(math.log(self.work / other.work))


def shape_of(experiment: Experiment, devices: int) -> Shape:
    """The shape of an experiment on a machine with so many devices; loads no JAX."""
    used = _devices_used(experiment, devices)
    speed = 1 + _EACH_FURTHER * (used - 1)
    if isinstance(experiment, AnalyticalExperiment):
        work = _ITERATION + _exact_steps(experiment) / speed
        return Shape(_program(_exact_choices(experiment), used), experiment.kind, True, _is_lola(experiment), work)
    slowness = _slowness(experiment)
    choices = {key: value for key, value in experiment.static_choices.items() if key != "compute"}
    work = experiment.population.meta_agents * experiment.rollout.steps * _TURN
    work += experiment.steps_per_iteration * _step_work(experiment) * slowness / speed
    return Shape(
        _program(choices, used),
        experiment.kind,
        slowness == 1.0,
        _further_plays(experiment) + _network_steps(experiment) > 0,
        work,
    )


def _slowness(experiment: SequenceExperiment) -> float:
    """How much longer a step takes than one of Hawk with tables."""
    if not words_of(experiment.environment.name).few_observations:
        return _WITHOUT_TABLES
    return {"hawk": 1.0, "gru": _GRU}.get(experiment.network.name, _WITHOUT_TABLES)


def _step_work(experiment: SequenceExperiment) -> float:
    """Of an environment step, with tables."""
    population = experiment.population
    # Mapped over opponents a choice between ways of learning computes all of them.
    ways = {learners.config.static_choices: learners.config.passes for learners in experiment.naive_learners}
    teach = _TEACH * sum(ways.values()) if population.has_naive else 0.0
    both = _BOTH if population.has_naive and population.has_meta else 0.0
    configs = experiment.agent_configs()
    learn = _PASS * sum(config.passes[0] for config in configs) / len(configs)
    learn += _LOOK_AHEAD * _further_plays(experiment) + _NETWORK_STEP * _network_steps(experiment)
    measured = _balance_share(experiment) * (_PLAY + teach)
    network = experiment.network
    size = (max(network.width, network.mlp_width) / _WIDTH) ** _OF_WIDTH * network.depth
    return (_PLAY + teach + both + learn + measured) * size


def _further_plays(experiment: SequenceExperiment) -> float:
    """How many more times agents' rules play each inner episode, on average."""
    settings = [experiment.settings_of(method) for method in experiment.methods]
    return sum(0 if own is None else own.further_plays for own in settings) / len(settings)


def _network_steps(experiment: SequenceExperiment) -> float:
    """How many steps of networks agents' rules take for a step of the environment, on average."""
    settings = [experiment.settings_of(method) for method in experiment.methods]
    return sum(0 if own is None else own.network_steps(experiment) for own in settings) / len(settings)


def _balance_share(experiment: SequenceExperiment) -> float:
    """Meta-episodes that are played to measure gradient balance, beside those of training."""
    diagnostics, iterations = experiment.diagnostics, experiment.run.iterations
    if not diagnostics.gradient_balance_every:
        return 0.0
    times = -(-iterations // diagnostics.gradient_balance_every) / iterations
    return times * diagnostics.gradient_balance_meta_batch / experiment.rollout.meta_batch_size


def _exact_steps(experiment: AnalyticalExperiment) -> float:
    """Work of all agents' exact gradients and of what is reported."""
    naive, policies = experiment.naive, len(experiment.seeds) * experiment.population.meta
    reported = policies * naive.learners * naive.steps * _STEP / experiment.run.evaluate_every
    if _is_lola(experiment):
        return policies * experiment.lola.look_aheads * _EXACT_LOOK_AHEAD + reported
    return policies * naive.learners * naive.steps * _STEP + reported


def _is_lola(experiment: AnalyticalExperiment) -> bool:
    return experiment.meta.method == "lola-dice"


def _exact_choices(experiment: AnalyticalExperiment) -> dict[str, Any]:
    """Every number is part of an analytical program."""
    tree = plain(experiment)
    del tree["compute"]
    return {**tree, "run": {key: value for key, value in tree["run"].items() if key not in _BOOKKEEPING}}


def _program(choices: dict[str, Any], devices: int) -> str:
    text = json.dumps([choices, devices], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _devices_used(experiment: Experiment, devices: int) -> int:
    """As many as share the work evenly, where that is left to the tool."""
    choice = experiment.compute.devices
    if isinstance(choice, int):
        return choice
    parts = len(experiment.seeds) if isinstance(experiment, AnalyticalExperiment) else experiment.minibatch_size
    return max(count for count in range(1, max(devices, 1) + 1) if parts % count == 0)
