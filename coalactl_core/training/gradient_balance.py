"""Gradient balance (Fig. 12): how much of each estimator's policy gradient comes from future inner episodes.

Eqs. 5-7 give each action the rest of its own inner episode and what comes in later ones. An estimator is therefore the
sum of two vectors, its current part and its future part, and their balance is the ratio of the norms. All estimators
are measured on the same meta-episodes against naive learners, on returns, without a critic. Our addition: returns count
less a baseline that no action of theirs has a part in; without it the paper's 2048 meta-episodes show noise.

How the ratio scales: one action moves the co-player's update by O(1/B), since that learns from a mean over the batch.
COALA-PG's future part sums B own actions over a mean of B futures, B² pairs of 1/B · O(1/B), which is O(1) as its
current part, the mean of the B trajectories' own. M-FOS's current part is B times as large, so that its ratio is
COALA-PG's over B, exactly and in every sample. Batch-unaware gradients pair an action with its own future only: B pairs
of 1/B · O(1/B), which is O(1/B), beside what the agent's own memory carries over.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, Key

from coalactl_core.credit.estimators import ESTIMATORS
from coalactl_core.credit.returns import batch_lambda_returns, values_after
from coalactl_core.learning.objectives import a2c_policy_loss
from coalactl_core.learning.update import LearningBatch, Updater, minibatch_gradient
from coalactl_core.loops.chunks import Map
from coalactl_core.opponents.population import Population, naive_set, opponents_of
from coalactl_core.opponents.starts import with_kept_states
from coalactl_core.play.rollout import Rollout
from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.types import (
    NAIVE,
    Hyperparameters,
    Learner,
    MetaHyperparameters,
    Number,
    Params,
    Targets,
    TrainState,
    Trajectory,
)

# The stream of an iteration's key that measures; training splits the same key into a few, numbered from 0.
_STREAM = 12


class Credit(NamedTuple):
    """What an action is credited with, by where it comes from: an estimator takes the first and one of the others.

    ``future`` is that of the action's own trajectory, ``shared_future`` the mean over the batch.
    """

    current: Float[Array, "*lead steps batch"]
    future: Float[Array, "*lead steps batch"]
    shared_future: Float[Array, "*lead steps batch"]


class Balance(NamedTuple):
    """The static side of the measurement: at which iterations, and from how many of the training's meta-batches."""

    every: int
    portions: int
    rollout: Rollout
    updater: Updater
    population: Population
    map_agents: Map


def gradient_balance(state: TrainState, hyper: Hyperparameters, balance: Balance) -> dict[str, Float[Array, "agents"]]:
    """Each estimator's ratio, future over current, for each agent of one run at its present parameters.

    The rollout's co-players must be learners. NaN where nothing is earned in the current episode.
    """
    shuffle, measure = jax.random.split(jax.random.fold_in(state.key, _STREAM))
    naive = naive_set(shuffle, state.naive, state.meta.params, balance.population)

    def of_agent(agent: tuple[Key[Array, ""], Params, MetaHyperparameters]) -> dict[str, Number]:
        key, params, own = agent
        parts = _sampled_parts(key, params, naive, hyper._replace(meta=own), balance)
        return ratios(parts, batch_size=balance.rollout.batch_size)

    agents = jax.random.split(measure, balance.population.meta), state.meta.params, hyper.meta
    return columns(balance.map_agents(of_agent, agents))


def columns(ratios: dict[str, Float[Array, "*lead"]]) -> dict[str, Float[Array, "*lead"]]:
    """The ratios by the names that they have among the metrics."""
    return {f"gradient_balance_{name.replace('-', '_')}": ratio for name, ratio in ratios.items()}


def ratios(parts: Credit, *, batch_size: int) -> dict[str, Number]:
    """‖future part‖ / ‖current part‖ of each estimator; ``parts`` are vectors, the gradients of the three credits.

    Whether an estimator then sums over the batch or averages is no matter to the ratio.
    """
    by_estimator = {}
    for name, credit in ESTIMATORS.items():
        current = parts.current / (batch_size if credit.normalize_current_episode else 1)
        future = parts.shared_future if credit.average_future_episodes else parts.future
        norm = jnp.linalg.norm(current)
        by_estimator[name] = jnp.where(norm > 0, jnp.linalg.norm(future) / norm, jnp.nan)
    return by_estimator


def credit_of(rewards: Float[Array, "steps batch"], *, discount: float | Number, inner_episode_length: int) -> Credit:
    """What comes after each step of one meta-episode: in its inner episode, and in later ones (Eqs. 5-7)."""
    steps, batch = rewards.shape
    returns = partial(batch_lambda_returns, lambda_=1.0, average_future_episodes=False, normalize_current_episode=False)
    episodes = rewards.T.reshape(-1, inner_episode_length)
    within = returns(
        episodes, jnp.zeros_like(episodes), discount=discount, inner_episode_length=inner_episode_length
    ).reshape(batch, -1, inner_episode_length)
    # From each boundary on, what comes in all later inner episodes, worth so much at the boundary.
    whole, length = within[..., 0], inner_episode_length
    later = values_after(returns(whole, jnp.zeros_like(whole), discount=discount**length, inner_episode_length=1))
    to_boundary = discount ** (length - jnp.arange(length))
    future = (later[..., None] * to_boundary).reshape(batch, steps).T
    shared = jnp.broadcast_to(jnp.mean(future, 1, keepdims=True), future.shape)
    return Credit(current=within.reshape(batch, steps).T, future=future, shared_future=shared)


def less_baseline(credit: Credit) -> Credit:
    """Credit less its mean over the batches of the other meta-episodes at the same step.

    Those depend on none of its actions, so that expected gradients stay as they are, and most of the noise goes.
    """

    def less(values: Float[Array, "meta_batch steps batch"]) -> Float[Array, "meta_batch steps batch"]:
        own = jnp.mean(values, 2, keepdims=True)
        return values - (jnp.sum(own, 0) - own) / max(values.shape[0] - 1, 1)

    return Credit(*map(less, credit))


def gradient_parts(
    params: Params,
    trajectory: Trajectory,
    credit: Credit,
    weights: Float[Array, "meta_batch"],
    hyper: MetaHyperparameters,
    updater: Updater,
) -> Credit:
    """The policy gradient by credit: weighted means over meta-episodes, steps and batch, as vectors."""
    policy_alone = hyper._replace(value_coefficient=jnp.zeros(()), entropy=jnp.zeros(()))
    score_function = updater._replace(policy_loss=a2c_policy_loss)

    def gradient(advantages: Float[Array, "meta_batch steps batch"]) -> Float[Array, "parameters"]:
        targets = Targets(advantages=advantages, value_targets=trajectory.values, weight=weights)
        gradients, _ = minibatch_gradient(params, LearningBatch(trajectory, targets), policy_alone, score_function)
        return -ravel_pytree(gradients)[0]

    return Credit(*jax.lax.map(gradient, jnp.stack(credit)))


def _sampled_parts(
    key: Key[Array, ""],
    params: Params,
    naive: Learner,
    hyper: Hyperparameters,
    balance: Balance,
) -> Credit:
    """Sums over portions of one agent's meta-episodes against naive learners, drawn as in training."""
    population, size = balance.population, balance.population.meta_batch_size
    credit_of_all = jax.vmap(
        partial(credit_of, discount=hyper.meta.discount, inner_episode_length=balance.updater.inner_episode_length)
    )

    def portion(total: Credit, key: Key[Array, ""]) -> tuple[Credit, None]:
        draw, play = jax.random.split(key)
        number = jax.random.randint(draw, (size,), 0, population.naive)
        params_met = jax.tree.map(lambda leaf: leaf[number], naive.params)
        opponents = with_kept_states(
            opponents_of(jnp.full(size, NAIVE), number, params_met), naive, balance.rollout.naive
        )
        trajectory = play_meta_trajectories(play, params, opponents, hyper.naive, balance.rollout).trajectory
        credit = less_baseline(credit_of_all(trajectory.rewards))
        ones = jnp.ones(size, trajectory.rewards.dtype)
        parts = gradient_parts(params, trajectory, credit, ones, hyper.meta, balance.updater)
        return jax.tree.map(jnp.add, total, parts), None

    keys = jax.random.split(key, balance.portions)
    nothing = jnp.zeros_like(ravel_pytree(params)[0])
    return jax.lax.scan(portion, Credit(nothing, nothing, nothing), keys)[0]
