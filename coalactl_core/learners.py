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

from coalactl_core import batch_critic
from coalactl_core.batch_credit import batch_critic_advantages
from coalactl_core.batch_critic import BatchCritic, CriticState, Predictions
from coalactl_core.chunks import Map, map_in_chunks
from coalactl_core.estimators import centre_by_kind, targets_of_meta_episode
from coalactl_core.optimizers import fresh_learner
from coalactl_core.types import (
    KIND_NAMES,
    NAIVE,
    Hyperparameters,
    Learner,
    MetaEpisode,
    MetaHyperparameters,
    Number,
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


def score_function_learner(
    updater: Updater, kinds: tuple[int, ...], map_agents: Map, critic: BatchCritic | None = None
) -> MetaLearner:
    """The learner of all estimators that need no derivative of the co-player's updates.

    ``critic``: that of the batch, where some agent takes its credit from one; its state is a part of every agent.
    """

    def init(params: Params) -> Learner:
        learner = fresh_learner(updater.optimizer, params)
        return learner if critic is None else learner._replace(state=batch_critic.fresh_state(critic))

    def update(
        key: Key[Array, ""],
        state: TrainState,
        episodes: MetaEpisode,
        opponents: Opponents,
        hyper: Hyperparameters,
    ) -> tuple[Learner, LossReport]:
        keys = jax.random.split(key, opponents.kind.shape[0])
        learn = partial(_learn, updater=updater, kinds=kinds, critic=critic)
        agents = keys, state.meta, episodes, opponents, hyper.meta
        return map_agents(lambda agent: learn(*agent), agents)

    return MetaLearner(init=init, update=update)


def learning_targets(
    episodes: MetaEpisode,
    opponents: Opponents,
    hyper: MetaHyperparameters,
    *,
    inner_episode_length: int,
    bootstrap_end: bool = False,
    expected: Predictions | None = None,
) -> Targets:
    """Targets of one agent's whole meta-batch, advantages centred by kind of opponent if asked for.

    ``expected`` is what the critic of the batch expects, in the environment's scale; against naive co-players credit
    then comes from it, if the agent uses it.
    """
    trajectory = episodes.trajectory
    rewards = hyper.reward_scale * trajectory.rewards
    targets = jax.vmap(
        partial(targets_of_meta_episode, inner_episode_length=inner_episode_length, bootstrap_end=bootstrap_end),
        in_axes=(0, 0, 0, None),
    )(rewards, trajectory.values, opponents.kind, hyper)
    if expected is not None and hyper.critic is not None:
        credit = partial(
            batch_critic_advantages,
            discount=hyper.discount,
            episode_lambda=hyper.critic.episode_lambda,
            inner_episode_length=inner_episode_length,
            normalize_current_episode=hyper.credit_assignment.normalize_current_episode,
        )
        across = jax.vmap(lambda rewards, *expected: credit(rewards.T, *expected).T)(
            rewards, *(hyper.reward_scale * column for column in expected)
        )
        used = ((opponents.kind == NAIVE) & hyper.critic.used)[:, None, None]
        targets = targets._replace(advantages=jnp.where(used, across, targets.advantages))
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
    critic: BatchCritic | None,
) -> tuple[Learner, LossReport]:
    """One agent's update and its report."""
    expected, report = None, {}
    if critic is not None and hyper.critic is not None:
        expected, state, explained = _consult(critic, learner.state, episodes, opponents, hyper.discount, updater)
        learner = learner._replace(state=state)
        report["batch_critic_explained_variance"] = jnp.where(hyper.critic.used, explained, jnp.nan)
    targets = learning_targets(
        episodes,
        opponents,
        hyper,
        inner_episode_length=updater.inner_episode_length,
        bootstrap_end=updater.bootstrap_end,
        expected=expected,
    )
    learner, losses = update_agent(key, learner, LearningBatch(episodes.trajectory, targets), hyper, updater)
    return learner, _report(episodes, opponents, targets, losses, kinds) | report


def _consult(
    critic: BatchCritic,
    state: CriticState,
    episodes: MetaEpisode,
    opponents: Opponents,
    discount: Number,
    updater: Updater,
) -> tuple[Predictions, CriticState, Number]:
    """What the critic of the batch expected of these meta-episodes, what it becomes of them, and how good it was.

    It predicts before it learns: on data of its own its errors would depend on what was done.
    """
    see = partial(map_in_chunks, critic.see, chunk=updater.chunk)
    seen, is_naive = updater.shards.each(see, axes=(0,))(episodes), opponents.kind == NAIVE
    rewards = episodes.trajectory.rewards
    length = rewards.shape[1] // seen.shape[1]
    discounted = rewards.reshape(*seen.shape[:2], length, -1) * (discount ** jnp.arange(length))[:, None]
    wanted = batch_critic.returns_from_starts(jnp.mean(jnp.sum(discounted, 2), -1), discount**length)
    expected = batch_critic.predict(state, seen)
    explained = batch_critic.explained_variance(expected.at_starts, wanted.at_starts, is_naive)
    return expected, batch_critic.learn(state, seen, wanted, is_naive), explained


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
