"""The seam between what was played and how the meta agents learn from it.

A learner is a pair of functions: ``init(params)`` for one agent, and ``update(key, state, episodes, opponents, hyper)``
for all agents of one run at once, which gives their new learners; ``hyper`` holds the numbers of this iteration, the
naive agents' too. Score-function learners (COALA-PG, M-FOS, batch-unaware; PPO or A2C) are built here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from coalactl_core.chunks import Map
from coalactl_core.estimators import centre_by_kind, targets_of_meta_episode
from coalactl_core.optimizers import fresh_learner
from coalactl_core.types import (
    KIND_NAMES,
    Hyperparameters,
    Learner,
    MetaEpisode,
    MetaHyperparameters,
    Opponents,
    Params,
    Targets,
    TrainState,
)
from coalactl_core.update import LearningBatch, Losses, Updater, update_agent

LossReport = dict[str, Float[Array, "*lead"]]


class MetaLearner(NamedTuple):
    """How meta agents learn; ``update`` gives the new learners and a report with one number an agent."""

    init: Callable[[Params], Learner]
    update: Callable[[Key[Array, ""], TrainState, MetaEpisode, Opponents, Hyperparameters], tuple[Learner, LossReport]]


def score_function_learner(updater: Updater, kinds: tuple[int, ...], map_agents: Map) -> MetaLearner:
    """The learner of all estimators that need no derivative of the co-player's updates."""

    def update(
        key: Key[Array, ""],
        state: TrainState,
        episodes: MetaEpisode,
        opponents: Opponents,
        hyper: Hyperparameters,
    ) -> tuple[Learner, LossReport]:
        keys = jax.random.split(key, opponents.kind.shape[0])
        learn = partial(_learn, updater=updater, kinds=kinds)
        agents = keys, state.meta, episodes, opponents, hyper.meta
        return map_agents(lambda agent: learn(*agent), agents)

    return MetaLearner(init=partial(fresh_learner, updater.optimizer), update=update)


def learning_targets(
    episodes: MetaEpisode,
    opponents: Opponents,
    hyper: MetaHyperparameters,
    *,
    inner_episode_length: int,
    bootstrap_end: bool = False,
) -> Targets:
    """Targets of one agent's whole meta-batch, advantages centred by kind of opponent if asked for."""
    trajectory = episodes.trajectory
    targets = jax.vmap(
        partial(targets_of_meta_episode, inner_episode_length=inner_episode_length, bootstrap_end=bootstrap_end),
        in_axes=(0, 0, 0, None),
    )(hyper.reward_scale * trajectory.rewards, trajectory.values, opponents.kind, hyper)
    return targets._replace(advantages=centre_by_kind(targets.advantages, opponents.kind, hyper.normalize_advantages))


def _learn(
    key: Key[Array, ""],
    learner: Learner,
    episodes: MetaEpisode,
    opponents: Opponents,
    hyper: MetaHyperparameters,
    *,
    updater: Updater,
    kinds: tuple[int, ...],
) -> tuple[Learner, LossReport]:
    """One agent's update and its report."""
    targets = learning_targets(
        episodes,
        opponents,
        hyper,
        inner_episode_length=updater.inner_episode_length,
        bootstrap_end=updater.bootstrap_end,
    )
    learner, losses = update_agent(key, learner, LearningBatch(episodes.trajectory, targets), hyper, updater)
    return learner, _report(episodes, opponents, targets, losses, kinds)


def _report(
    episodes: MetaEpisode, opponents: Opponents, targets: Targets, losses: Losses, kinds: tuple[int, ...]
) -> LossReport:
    errors = targets.value_targets - episodes.trajectory.values
    report = losses._asdict()
    variance = jnp.var(targets.value_targets)
    # Where all returns are equal, as in mutual defection, there is nothing to explain.
    report["explained_variance"] = jnp.where(variance > 0, 1 - jnp.var(errors) / variance, jnp.nan)
    for kind in kinds:
        of_kind = jnp.broadcast_to((opponents.kind == kind)[:, None, None], targets.advantages.shape)
        report[f"advantage_scale_{KIND_NAMES[kind]}"] = jnp.std(targets.advantages, where=of_kind)
    return report
