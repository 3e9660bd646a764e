"""Critics of the batch that credit_noise.py compares, each fitted on the half of the meta-batches that it is not of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from credit_subject import Subject, observed
from flax import linen as nn

from coalactl_core.credit import batch_critic
from coalactl_core.credit.batch_critic import BatchCritic, Predictions
from coalactl_core.types import MetaEpisode, Params, Trajectory

CRITICS = (*batch_critic.CRITICS, "memory", "play+memory", "network")
# Of the set network: width, meta-episodes a step, steps, learning rate, decay of weights.
WIDTH, SOME, STEPS, RATE, DECAY = 32, 32, 800, 3e-3, 1e-2

See = Callable[[MetaEpisode], jax.Array]
Predict = Callable[[MetaEpisode], Predictions]


def cross_fitted(name: str, played: list[MetaEpisode], wanted: Predictions, subject: Subject) -> Predictions:
    """What a critic expects in each meta-batch, having learnt from the half that it is not of; shaped as ``wanted``."""
    fit = partial(network, subject=subject) if name == "network" else partial(regression, see=seen_by(name, subject))
    halves = [(played[half::2], jax.tree.map(itemgetter(slice(half, None, 2)), wanted)) for half in (1, 0)]
    predicts = [fit(*half) for half in halves]
    found = [predicts[index % 2](episodes) for index, episodes in enumerate(played)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def regression(played: Sequence[MetaEpisode], wanted: Predictions, see: See) -> Predict:
    """A critic of the engine that learnt from these meta-batches."""
    see_all = jax.jit(partial(jax.lax.map, see))
    seen, answers = jnp.concatenate([see_all(episodes) for episodes in played]), jax.tree.map(jnp.concatenate, wanted)
    fresh = batch_critic.fresh_state(BatchCritic(see=see, features=seen.shape[-1]))
    state = batch_critic.learn(fresh, seen, answers, jnp.ones(len(seen), bool))
    return lambda episodes: batch_critic.predict(state, see_all(episodes))


def seen_by(name: str, subject: Subject) -> See:
    """What a critic sees of one meta-episode: as one of the engine's, the policy's memory, or several with a +."""
    environment = subject.balance.rollout.environment
    known = {each: batch_critic.build_batch_critic(each, environment).see for each in batch_critic.CRITICS}
    known["memory"] = partial(memories, subject=subject)
    return lambda episode: jnp.concatenate([known[part](episode) for part in name.split("+")], -1)


def memories(episode: MetaEpisode, subject: Subject) -> jax.Array:
    """The policy's memory at the start of each inner episode, as a mean over the batch."""
    policy = subject.balance.updater.policy
    prepared = policy.prepare(subject.params, episode.trajectory.actions.size)

    def remember(carry: Any, seen: jax.Array) -> tuple[Any, jax.Array]:
        # What is a whole number in a memory is the number of something.
        floats = [leaf.ravel() for leaf in jax.tree.leaves(carry) if jnp.issubdtype(leaf.dtype, jnp.floating)]
        return policy.unroll(prepared, seen, carry, None)[1], jnp.concatenate(floats)

    def of_trajectory(seen: jax.Array) -> jax.Array:
        return jax.lax.scan(remember, policy.initial_carry(), seen.reshape(-1, subject.length, *seen.shape[1:]))[1]

    return jnp.mean(jax.vmap(of_trajectory, in_axes=1)(observed(episode.trajectory, subject)), 0)


class SetNetwork(nn.Module):
    """U and c by inner episode, from means of embedded transitions: over the one before, and over all so far."""

    @nn.compact
    def __call__(self, transitions: jax.Array) -> jax.Array:
        embedded = nn.Dense(WIDTH)(nn.relu(nn.Dense(WIDTH)(transitions)))
        before = jnp.pad(jnp.mean(embedded, (1, 2)), ((1, 0), (0, 0)))[:-1]
        episode = jnp.arange(len(before))[:, None]
        known = [before, jnp.cumsum(before, 0) / jnp.maximum(episode, 1), 1 - episode / len(before)]
        return nn.Dense(2)(nn.tanh(nn.Dense(WIDTH)(jnp.concatenate(known, -1))))


def network(played: Sequence[MetaEpisode], wanted: Predictions, subject: Subject) -> Predict:
    """A set network that learnt from these meta-batches."""
    trajectories = jax.tree.map(lambda *leaves: np.concatenate(leaves), *(episodes.trajectory for episodes in played))
    answers = np.concatenate(np.stack(wanted, -1))
    level, size = answers.mean(0), answers.std()
    model, optimizer = SetNetwork(), optax.adamw(optax.cosine_decay_schedule(RATE, STEPS), weight_decay=DECAY)
    see = partial(transitions_of, subject=subject)
    apply = jax.vmap(lambda params, trajectory: model.apply(params, see(trajectory)), in_axes=(None, 0))

    @jax.jit
    def step(params: Params, state: Any, batch: Trajectory, answers: np.ndarray) -> tuple[Params, Any]:
        gradient = jax.grad(lambda params: jnp.mean((apply(params, batch) - answers) ** 2))(params)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    params: Params = model.init(jax.random.key(0), see(jax.tree.map(itemgetter(0), trajectories)))
    state = optimizer.init(params)
    for members in np.random.default_rng(0).integers(len(answers), size=(STEPS, SOME)):
        batch = jax.tree.map(itemgetter(members), trajectories)
        params, state = step(params, state, batch, (answers[members] - level) / size)
    found = jax.jit(lambda episodes: apply(params, episodes.trajectory) * size + level)
    return lambda episodes: Predictions(*jnp.moveaxis(found(episodes), -1, 0))


def transitions_of(trajectory: Trajectory, subject: Subject) -> jax.Array:
    """What was seen, done, earned and seen next in one meta-episode; nothing is next at an inner episode's end."""
    environment = subject.balance.rollout.environment
    seen = jax.vmap(jax.vmap(lambda state: environment.observe(state, 0)))(trajectory.states)
    steps = seen, jax.nn.one_hot(trajectory.actions, environment.num_actions), trajectory.rewards[..., None]
    seen, done, earned = (leaf.reshape(-1, subject.length, *leaf.shape[1:]) for leaf in steps)
    return jnp.concatenate([seen, done, earned, jnp.pad(seen[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0)))], -1)
