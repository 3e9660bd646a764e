"""Critics of the batch: what a meta-episode still earns, from all that its B trajectories hold so far.

A critic is a ridge regression, online: of every meta-episode against a naive learner it keeps sums of products, with
forgetting, and predicts an iteration from those before it. So its state is two matrices, it has no step size, and it
never sees the data that it is used on. Critics differ in what they see; ``CRITICS`` has them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from coalactl_core.envs.base import DerivesMeasures, Environment, FewObservations
from coalactl_core.types import EnvironmentState, MetaEpisode, Number

# What an iteration leaves of what was known before it.
MEMORY = 0.75
# Strength of the prior, in rows of data (a row is an inner episode's start) with features of the size that they have.
PRIOR_ROWS = 0.4
# More pairs of observation and action than these are not counted one by one, but by so many random features.
MOST_CELLS = 64
RANDOM_FEATURES = 32

Seen = Float[Array, "meta_batch inner_episodes features"]


class CriticState(NamedTuple):
    """Sums over rows, the recent ones counting more: of features by features and by what was to be predicted."""

    products: Float[Array, "*lead terms terms"]
    answers: Float[Array, "*lead terms 2"]


class Predictions(NamedTuple):
    """Of what comes, per trajectory and in the environment's scale, at the start of each inner episode.

    ``at_starts``: with this inner episode, U; ``after_episodes``: without it, c.
    """

    at_starts: Float[Array, "meta_batch inner_episodes"]
    after_episodes: Float[Array, "meta_batch inner_episodes"]


class BatchCritic(NamedTuple):
    """The static side of a critic: what it sees of one meta-episode at the start of each inner episode, how much."""

    see: Callable[[MetaEpisode], Float[Array, "inner_episodes features"]]
    features: int


def build_batch_critic(name: str, environment: Environment) -> BatchCritic:
    """The critic of a name, for a game."""
    return CRITICS[name](environment)


def fresh_state(critic: BatchCritic) -> CriticState:
    """Nothing seen yet: it predicts 0."""
    terms = 2 * (1 + critic.features)
    return CriticState(products=jnp.zeros((terms, terms)), answers=jnp.zeros((terms, 2)))


def predict(state: CriticState, seen: Seen) -> Predictions:
    """What the critic expects of each inner episode's start."""
    products, answers = state
    # Features are shrunk by their own spread, so that no unit matters; levels, the first two terms, have none.
    kind = jnp.arange(len(products)) % 2
    weight, moment = jnp.diag(products)[kind], products[jnp.arange(len(products)), kind]
    spread = jnp.diag(products) - moment**2 / jnp.where(weight > 0, weight, 1)
    shrinkage = PRIOR_ROWS * jnp.maximum(spread, 0) / jnp.where(weight > 0, weight, 1)
    diagonal = jnp.diag(products) + shrinkage
    scale = jnp.where(diagonal > 0, 1 / jnp.sqrt(jnp.where(diagonal > 0, diagonal, 1)), 0)
    system = scale[:, None] * (products + jnp.diag(shrinkage)) * scale + 1e-5 * jnp.eye(len(products))
    solved = jax.scipy.linalg.solve(system, scale[:, None] * answers, assume_a="pos")
    predicted = _terms(seen) @ (scale[:, None] * solved)
    return Predictions(at_starts=predicted[..., 0], after_episodes=predicted[..., 1])


def learn(state: CriticState, seen: Seen, wanted: Predictions, where: Bool[Array, "meta_batch"]) -> CriticState:
    """The critic after these meta-episodes, of which it learns from some; ``wanted`` is what came."""
    rows = _terms(seen) * where[:, None, None]
    answers = jnp.stack(wanted, -1)
    return CriticState(
        products=MEMORY * state.products + jnp.einsum("nmi,nmj->ij", rows, rows),
        answers=MEMORY * state.answers + jnp.einsum("nmi,nmj->ij", rows, answers),
    )


def returns_from_starts(earned: Float[Array, "meta_batch inner_episodes"], discount: float | Number) -> Predictions:
    """What the predictions should have been; ``earned`` is each inner episode's, ``discount`` an inner episode's."""

    def back_up(after: Float[Array, "meta_batch"], earned: Float[Array, "meta_batch"]) -> tuple[Array, Predictions]:
        total = earned + discount * after
        return total, Predictions(at_starts=total, after_episodes=after)

    _, wanted = jax.lax.scan(back_up, jnp.zeros_like(earned[:, 0]), earned.T, reverse=True)
    return Predictions(*(column.T for column in wanted))


def explained_variance(
    expected: Float[Array, "meta_batch inner_episodes"],
    came: Float[Array, "meta_batch inner_episodes"],
    where: Bool[Array, "meta_batch"],
) -> Number:
    """Share of the variance between meta-episodes that was expected, on average over inner episodes' starts.

    NaN where nothing varies.
    """
    variance = jnp.sum(jnp.var(came, 0, where=where[:, None]))
    left = jnp.sum(jnp.var(came - expected, 0, where=where[:, None]))
    return jnp.where(variance > 0, 1 - left / variance, jnp.nan)


def _terms(seen: Seen) -> Float[Array, "meta_batch inner_episodes terms"]:
    """A level and all features, each by the share of the meta-episode that is left and by its square."""
    count, episodes, _ = seen.shape
    left = 1 - jnp.arange(episodes) / episodes
    features = jnp.concatenate([jnp.ones((count, episodes, 1), seen.dtype), seen], -1)
    powers = jnp.stack([left, left**2], -1).astype(seen.dtype)
    return (features[..., None] * powers[:, None, :]).reshape(count, episodes, -1)


# --- what critics see -----------------------------------------------------------------------------------------------


def _measures(environment: Environment) -> BatchCritic:
    """All measures that the game describes, of both players, and the policy's own values."""
    return BatchCritic(see=partial(_see, of_episodes=_described), features=2 * _described_size(environment) + 1)


def _play(environment: Environment) -> BatchCritic:
    """The measures, and what was done where: a set network whose embedding is fixed.

    Means over the batch and the steps of an embedding of observation and action, and of its product with the reward:
    one number for each pair of them where they are few, else random features, of which a regression makes what a
    trained embedding would (deep sets, Zaheer et al. 2017, arXiv:1703.06114; Rahimi & Recht 2007).
    """
    embed, width = _embedding(environment)

    def of_episodes(episode: MetaEpisode) -> Float[Array, "inner_episodes features"]:
        return jnp.concatenate([_described(episode), _means(episode, embed)], -1)

    features = 2 * (_described_size(environment) + 2 * width) + 1
    return BatchCritic(see=partial(_see, of_episodes=of_episodes), features=features)


CRITICS: dict[str, Callable[[Environment], BatchCritic]] = {"measures": _measures, "play": _play}

_Embedding = Callable[[EnvironmentState, Int[Array, ""]], Float[Array, "width"]]


def _see(
    episode: MetaEpisode, *, of_episodes: Callable[[MetaEpisode], Float[Array, "inner_episodes features"]]
) -> Float[Array, "inner_episodes features"]:
    """Of the inner episode before, on average so far, and the mean value at the start."""
    # A measure that is not defined in an inner episode, as a ratio of nothing, tells nothing.
    measured = jnp.nan_to_num(of_episodes(episode), posinf=0.0, neginf=0.0)
    count = measured.shape[0]
    before = jnp.pad(measured, ((1, 0), (0, 0)))[:-1]
    so_far = jnp.cumsum(before, 0) / jnp.maximum(jnp.arange(count), 1)[:, None]
    values = episode.trajectory.values
    return jnp.concatenate([before, so_far, jnp.mean(values[:: len(values) // count], 1, keepdims=True)], -1)


def _described(episode: MetaEpisode) -> Float[Array, "inner_episodes features"]:
    return jnp.concatenate([measure for _, measure in sorted(episode.outcomes.items())], -1)


def _described_size(environment: Environment) -> int:
    """How many numbers the engine reports of an inner episode."""

    def one_step() -> dict[str, Array]:
        key, actions = jax.random.key(0), jnp.zeros(2, jnp.int8)
        state = environment.reset(key)
        _, rewards, events = environment.step(key, state, actions)
        means = {"reward": rewards, **environment.describe(state, actions, events)}
        return means | environment.derive(means) if isinstance(environment, DerivesMeasures) else means

    return 2 * len(jax.eval_shape(one_step))


def _embedding(environment: Environment) -> tuple[_Embedding, int]:
    """Of what the ego agent saw and did in a step, and how wide it is."""
    actions = environment.num_actions
    if isinstance(environment, FewObservations) and len(environment.vocabulary) * actions <= MOST_CELLS:
        few, cells = environment, len(environment.vocabulary) * actions

        def cell(state: EnvironmentState, action: Int[Array, ""]) -> Float[Array, "width"]:
            return jax.nn.one_hot(few.observe_number(state, 0).astype(jnp.int32) * actions + action, cells)

        return cell, cells

    inputs = environment.observation_size + actions
    # A part of the program, the same for all runs.
    weights = np.random.default_rng(0).normal(size=(RANDOM_FEATURES, inputs + 1)) / np.sqrt(inputs)

    def random(state: EnvironmentState, action: Int[Array, ""]) -> Float[Array, "width"]:
        seen = jnp.concatenate([environment.observe(state, 0), jax.nn.one_hot(action, actions), jnp.ones(1)])
        return jax.nn.relu(jnp.asarray(weights, seen.dtype) @ seen)

    return random, RANDOM_FEATURES


def _means(episode: MetaEpisode, embed: _Embedding) -> Float[Array, "inner_episodes features"]:
    """Means over steps and batch of an embedding, and of it times the reward, by inner episode."""
    trajectory, count = episode.trajectory, len(episode.outcomes["reward"])
    embedded = jax.vmap(jax.vmap(embed))(trajectory.states, trajectory.actions)
    weighted = jnp.concatenate([embedded, embedded * trajectory.rewards[..., None]], -1)
    return jnp.mean(weighted.reshape(count, -1, weighted.shape[-1]), 1)
