"""The trained agent that credit_noise.py measures, against whom, and what it plays and sees."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from coalactl.engines import sequence_engine_for
from coalactl.evaluation.contestants import enter
from coalactl.runs.checkpoints import restore
from coalactl_core.configuration.compute import ComputeConfig
from coalactl_core.configuration.diagnostics import DiagnosticsConfig
from coalactl_core.numbers.hyperparameters import at_iteration
from coalactl_core.opponents.population import naive_set, opponents_of
from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.training.gradient_balance import Balance
from coalactl_core.types import NAIVE, Hyperparameters, MetaEpisode, Params, Trajectory


class Subject(NamedTuple):
    """The agent that is measured, and against whom; ``length`` is an inner episode's."""

    params: Params
    naive: Params
    hyper: Hyperparameters
    balance: Balance
    length: int


def subject_of(run: Path, step: int | None) -> Subject:
    """The first agent of a run at a checkpoint."""
    entry = enter([run], step)[0]
    size = entry.experiment.rollout.meta_batch_size
    diagnostics = DiagnosticsConfig(gradient_balance_every=1, gradient_balance_meta_batch=size)
    changes = {"compute": ComputeConfig(devices=1), "diagnostics": diagnostics}
    engine = sequence_engine_for(entry.experiment.model_copy(update=changes))
    balance = engine.pieces.balance
    if balance is None:
        raise SystemExit("the run has no naive co-players")
    _, state = restore(entry.run, engine.run_template, step)
    hyper = at_iteration(state.hyperparameters, state.step)
    first: Any = partial(jax.tree.map, itemgetter(0))
    naive = naive_set(jax.random.key(0), state.naive, state.meta.params, balance.population)
    length = balance.updater.inner_episode_length
    return Subject(first(state.meta.params), naive, hyper._replace(meta=first(hyper.meta)), balance, length)


def play(key: jax.Array, subject: Subject) -> MetaEpisode:
    """One meta-batch against naive learners."""
    draw, key = jax.random.split(key)
    population = subject.balance.population
    number = jax.random.randint(draw, (population.meta_batch_size,), 0, population.naive)
    params = jax.tree.map(itemgetter(number), subject.naive.params)
    opponents = opponents_of(jnp.full_like(number, NAIVE), number, params)
    return play_meta_trajectories(key, subject.params, opponents, subject.hyper.naive, subject.balance.rollout)


def observed(trajectory: Trajectory, subject: Subject) -> jax.Array:
    """What the policy takes in, leading with the axes of steps."""
    return jax.vmap(jax.vmap(lambda state: subject.balance.updater.observe(state, 0)))(trajectory.states)
