"""Batch lambda returns: Algorithm 1 of the paper (App. A.2).

One recursion gives value targets, advantages and returns of every estimator: what differs is whether the credit of
future inner episodes is averaged over the batch that the co-player learns from, and whether the current episode's is
divided by the size of that batch.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from coalactl_core.loops.steps import scan_steps
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

    For trajectory b of B, backwards from the last step t = MT - 1, with V_{b,t+1} = ``next_values[b, t]``::

        G_{b,t} = r_{b,t} / n + γ ((1 - λ) V_{b,t+1} + λ A_{b,t})
        Ḡ_t     = 1/B Σ_b [ r_{b,t} + γ ((1 - λ) V_{b,t+1} + λ Ḡ_{t+1}) ]

        A_{b,t} = Ḡ_{t+1}     at an inner episode's last step, if ``average_future_episodes``
                  G_{b,t+1}   else
        n       = B           if ``normalize_current_episode``, else 1

    begun with G_{b,MT} = V_{b,MT} and Ḡ_{MT} = 1/B Σ_b V_{b,MT}. G is what is returned; both flags may be traced. The
    last values should be 0, since the meta-trajectory ends there (the alignment is OPEN in the paper; with any other
    the recursion is no TD(λ) target).
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


def discounted_past(
    terms: Float[Array, "*lead steps batch"], discount: float | Number
) -> Float[Array, "*lead steps batch"]:
    """Σ_{k<t} γ^{t−1−k} x_k for each step t; 0 at the first one, which has no past."""

    def step(past: Float[Array, "*lead batch"], now: Float[Array, "*lead batch"]) -> tuple[Array, Array]:
        return now + discount * past, past

    by_step = jnp.moveaxis(terms, -2, 0)
    return jnp.moveaxis(jax.lax.scan(step, jnp.zeros_like(by_step[0]), by_step)[1], 0, -2)
