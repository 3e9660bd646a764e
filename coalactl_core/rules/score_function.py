"""The rule of all estimators that need no derivative of the co-player's updates: COALA-PG, M-FOS, batch-unaware.

By PPO or A2C, and with a critic of the batch where an agent takes its credit from one.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Key

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.learning import MetaConfig
from coalactl_core.credit import batch_critic
from coalactl_core.credit.batch_credit import batch_critic_advantages
from coalactl_core.credit.batch_critic import BatchCritic, CriticState, Predictions, build_batch_critic
from coalactl_core.credit.estimators import centre_by_kind, targets_of_meta_episode
from coalactl_core.layout.compute import table_copies
from coalactl_core.learning.objectives import POLICY_LOSSES
from coalactl_core.learning.optimizers import OPTIMIZERS, fresh_learner
from coalactl_core.learning.update import LearningBatch, Losses, Updater, update_agent
from coalactl_core.loops.chunks import map_in_chunks
from coalactl_core.measures import KINDS
from coalactl_core.play.rollout import Rollout
from coalactl_core.play.trajectories import ego_trajectory, joined
from coalactl_core.rules.seam import Met, Numbers, Report, Rule, Setting
from coalactl_core.types import (
    NAIVE,
    Learner,
    MetaEpisode,
    MetaHyperparameters,
    Number,
    Opponents,
    Params,
    Targets,
)


def build(setting: Setting) -> Rule:
    """The rule of a group of agents with estimators of the table; which one is a number of each agent."""
    updater = updater_of(setting.experiment, setting.group.meta, setting.rollout)
    name = setting.group.batch_critic if setting.experiment.population.has_naive else None
    critic = None if name is None else build_batch_critic(name, setting.rollout.environment)
    return score_function_rule(updater, setting.kinds, critic)


def score_function_rule(updater: Updater, kinds: tuple[int, ...], critic: BatchCritic | None = None) -> Rule:
    """``critic``: that of the batch, where some agent takes its credit from one; its state is a part of every agent."""

    def init(key: Key[Array, ""], params: Params) -> Learner:
        del key
        learner = fresh_learner(updater.optimizer, params)
        return learner if critic is None else learner._replace(state=batch_critic.fresh_state(critic))

    return Rule(init=init, keep=ego_trajectory, update=partial(_learn, updater=updater, kinds=kinds, critic=critic))


def updater_of(experiment: SequenceExperiment, meta: MetaConfig, rollout: Rollout) -> Updater:
    """The static side of an update of what is played like this."""
    compute = experiment.compute
    epochs, minibatches = meta.passes
    return Updater(
        observe=rollout.observe,
        policy=rollout.policy,
        inner_episode_length=experiment.rollout.inner_episode_length,
        policy_loss=POLICY_LOSSES[meta.algorithm],
        optimizer=OPTIMIZERS[meta.optimizer],
        epochs=epochs,
        minibatches=minibatches,
        chunk=compute.layout.meta_batch_chunk,
        trajectory_chunk=compute.layout.trajectory_chunk,
        rematerialize=compute.rematerialize,
        copies=table_copies(rollout.policy),
        bootstrap_end=meta.value_after_end == "last-value",
        shards=rollout.shards,
    )


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


def targets_by(
    updater: Updater,
    episodes: MetaEpisode,
    opponents: Opponents,
    hyper: MetaHyperparameters,
    expected: Predictions | None = None,
) -> Targets:
    """The same, of what an agent with this updater has played."""
    return learning_targets(
        episodes,
        opponents,
        hyper,
        inner_episode_length=updater.inner_episode_length,
        bootstrap_end=updater.bootstrap_end,
        expected=expected,
    )


def _learn(
    key: Key[Array, ""],
    learner: Learner,
    met: Met,
    numbers: Numbers,
    *,
    updater: Updater,
    kinds: tuple[int, ...],
    critic: BatchCritic | None,
) -> tuple[Learner, Report]:
    """One agent's update and its report."""
    episodes, opponents, hyper = MetaEpisode(joined(met.kept), met.outcomes), met.opponents, numbers.meta
    expected, report = None, {}
    if critic is not None and hyper.critic is not None:
        expected, state, explained = _consult(critic, learner.state, episodes, opponents, hyper.discount, updater)
        learner = learner._replace(state=state)
        report["batch_critic_explained_variance"] = jnp.where(hyper.critic.used, explained, jnp.nan)
    targets = targets_by(updater, episodes, opponents, hyper, expected)
    learner, losses = update_agent(key, learner, LearningBatch(episodes.trajectory, targets), hyper, updater)
    return learner, report_of(episodes, opponents, targets, losses, kinds) | report


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


def report_of(
    episodes: MetaEpisode, opponents: Opponents, targets: Targets, losses: Losses, kinds: tuple[int, ...]
) -> Report:
    """Losses, how much of the value targets' variance the critic explained, and the advantages' scale by kind."""
    errors = targets.value_targets - episodes.trajectory.values
    report = losses._asdict()
    variance = jnp.var(targets.value_targets)
    # Where all returns are equal, as in mutual defection, there is nothing to explain.
    report["explained_variance"] = jnp.where(variance > 0, 1 - jnp.var(errors) / variance, jnp.nan)
    for kind in kinds:
        of_kind = jnp.broadcast_to((opponents.kind == kind)[:, None, None], targets.advantages.shape)
        report[f"advantage_scale_{KINDS[kind]}"] = jnp.std(targets.advantages, where=of_kind)
    return report
