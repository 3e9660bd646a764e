"""Credit across the batch from a critic of the batch: advantages of one meta-episode against a naive co-player.

App. A.3 of the paper estimates what later inner episodes bring by the temporal differences of a critic that sees one
trajectory. At λ 1 that is unbiased and nearly all noise; below it is blind, since the value of another trajectory
cannot know what this one did in the same inner episode, which is the very effect that crosses the batch. A critic of
all B histories knows it. See docs/batch-critic.md for the derivation and for what it brings.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from coalactl_core.credit.returns import batch_lambda_returns, td_errors, values_after
from coalactl_core.types import Flag, Number


def batch_critic_advantages(
    rewards: Float[Array, "batch steps"],
    at_starts: Float[Array, "inner_episodes"],
    after_episodes: Float[Array, "inner_episodes"],
    *,
    discount: float | Number,
    episode_lambda: float | Number,
    inner_episode_length: int,
    normalize_current_episode: bool | Flag,
) -> Float[Array, "batch steps"]:
    """Advantages of a shaping estimator (Eqs. 3 and 7) by generalised advantage estimation over inner episodes.

    With s_m all that the batch holds at the start of inner episode m, r̄_m the mean over b of its discounted rewards,
    D = γ^T, U(s_m) = ``at_starts[m]`` ≈ E[Σ_{j≥m} D^{j−m} r̄_j | s_m] and c(s_m) = ``after_episodes[m]`` ≈
    E[Σ_{j>m} D^{j−m−1} r̄_j | s_m], an action of inner episode m, t steps into it, is credited with

        (what its own inner episode still earns − (1 − t/T) (U(s_m) − D c(s_m))) / norm + γ^{T−t} C_m
        C_m = U(s_{m+1}) − c(s_m) + λ_e Σ_{j>m} (λ_e D)^{j−m−1} (r̄_j + D U(s_{j+1}) − U(s_j)),    U after the end = 0

    where norm is B if ``normalize_current_episode``, else 1. At λ_e = 1 it is unbiased whatever U and c are, as long as
    they were fitted on other data: U cancels, and c precedes the action. Below, its bias is U's error as a function of
    what was done in m. No value of the policy's own critic is in it: that of a step after the inner episode's end would
    count the own future twice, and those before it, which hold all later inner episodes, add noise as a baseline.
    (Schulman et al. 2016, arXiv:1506.02438, over inner episodes instead of steps.)
    """
    batch, steps = rewards.shape
    position = jnp.arange(inner_episode_length)
    by_episode = rewards.reshape(batch, steps // inner_episode_length, inner_episode_length)
    per_episode = discount**inner_episode_length

    earned = jnp.mean(jnp.sum(by_episode * discount**position, -1), 0)
    errors = td_errors(earned[None], at_starts[None], discount=per_episode)
    later = values_after(_discounted_sums(errors, episode_lambda * per_episode))[0]
    across = values_after(at_starts[None])[0] - after_episodes + episode_lambda * later

    current = _discounted_sums(by_episode.reshape(-1, inner_episode_length), discount).reshape(by_episode.shape)
    expected = (at_starts - per_episode * after_episodes)[:, None] * (1 - position / inner_episode_length)
    norm = jnp.where(normalize_current_episode, batch, 1).astype(rewards.dtype)
    to_boundary = discount ** (inner_episode_length - position)
    return ((current - expected) / norm + across[:, None] * to_boundary).reshape(batch, steps)


def _discounted_sums(errors: Float[Array, "rows steps"], discount: float | Number) -> Float[Array, "rows steps"]:
    """Σ_{k≥l} discount^{k−l} errors_k in each row."""
    return batch_lambda_returns(
        errors,
        jnp.zeros_like(errors),
        discount=discount,
        lambda_=1.0,
        inner_episode_length=errors.shape[1],
        average_future_episodes=False,
        normalize_current_episode=False,
    )
