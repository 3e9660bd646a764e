"""Batch lambda returns: Algorithm 1 of the paper (App. A.2).

One recursion gives value targets, advantages and returns of every estimator: what differs is whether the credit of
future inner episodes is averaged over the batch that the co-player learns from, and whether the current episode's is
divided by the size of that batch.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from coalactl_core.loops import scan_steps
from coalactl_core.types import Flag, Number


def batch_lambda_returns(
    rewards: Float[Array, "batch steps"],
    next_values: Float[Array, "batch steps"],
    *,
    discount: float | Number,
    lambda_: float | Number,
    inner_episode_length: int,
    average_future_episodes: bool | Flag,
    normalize_current_episode: bool | Flag,
) -> Float[Array, "batch steps"]:
    """Lambda returns of one meta-episode, with credit that may cross the batch (Algorithm 1).

    ``next_values[:, t]`` is the bootstrap value V(h_{t+1}); the last column should be 0, since the meta-trajectory ends
    there (the alignment is OPEN in the paper; with any other the recursion is no TD(λ) target). Within the current
    inner episode the recursion follows each trajectory; at an episode's last step its accumulator is replaced, before
    that step's reward is added, by the mean over the batch if ``average_future_episodes``. The rewards of the current
    episode are divided by the batch size if ``normalize_current_episode``. Both flags may be traced.
    """
    batch, steps = rewards.shape
    norm = jnp.where(normalize_current_episode, batch, 1).astype(rewards.dtype)
    episode_ends = jnp.arange(steps) % inner_episode_length == inner_episode_length - 1

    def back_up(
        accumulators: tuple[Array, Array], step: tuple[Array, Array, Array]
    ) -> tuple[tuple[Array, Array], Array]:
        accumulator, global_accumulator = accumulators
        reward, next_value, episode_end = step
        accumulator = jnp.where(average_future_episodes & episode_end, global_accumulator, accumulator)
        bootstrap = (1 - lambda_) * next_value
        accumulator = reward / norm + discount * (bootstrap + lambda_ * accumulator)
        global_accumulator = jnp.mean(reward + discount * (bootstrap + lambda_ * global_accumulator))
        return (accumulator, global_accumulator), accumulator

    last_values = next_values[:, -1]
    start = (last_values, jnp.mean(last_values))
    _, returns = scan_steps(back_up, start, (rewards.T, next_values.T, episode_ends), at_once=20, reverse=True)
    return returns.T


def td_errors(
    rewards: Float[Array, "batch steps"],
    values: Float[Array, "batch steps"],
    *,
    discount: float | Number,
    bootstrap_end: bool = False,
) -> Float[Array, "batch steps"]:
    """TD errors δ_t = r_t + γ V(h_{t+1}) − V(h_t), where the value after the last step is as in ``values_after``."""
    return rewards + discount * values_after(values, bootstrap_end=bootstrap_end) - values


def values_after(values: Float[Array, "batch steps"], *, bootstrap_end: bool = False) -> Float[Array, "batch steps"]:
    """V(h_{t+1}) for each step; after the end of the trajectory 0, or the last value once more if ``bootstrap_end``."""
    if bootstrap_end:
        return jnp.concatenate([values[:, 1:], values[:, -1:]], 1)
    return jnp.pad(values[:, 1:], ((0, 0), (0, 1)))
