"""A naive learner: plain gradient steps on its own return against a policy that does not change (Eq. 17, §4)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coalactl_core.analytical.games import Game, Scalar, normalized_returns, own_gradient


def naive_trajectory(
    start: Float[Array, "5"], opponent: Float[Array, "5"], game: Game, rate: Float[Array, ""], steps: int
) -> Float[Array, "inner_episodes 5"]:
    """Logits of the learner before each of its steps and after the last: Δ_q = η ∂J/∂φ, differentiable throughout.

    ``rate`` is η for the normalised return (1 - γ) J. A rate η for the raw J is η / (1 - γ) here.
    """
    return trajectory_against(start, jax.nn.sigmoid(opponent), game, rate, steps)


def trajectory_against(
    start: Float[Array, "5"], cooperation: Float[Array, "5"], game: Game, rate: Float[Array, ""], steps: int
) -> Float[Array, "inner_episodes 5"]:
    """:func:`naive_trajectory` against an opponent that is given as probabilities of cooperating."""
    other = tuple(cooperation)

    @jax.checkpoint
    def step(policy: tuple[Scalar, ...], _: None) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
        cooperation = tuple(map(jax.nn.sigmoid, policy))
        slopes = own_gradient(cooperation, other, game)
        moved = tuple(
            logit + rate * chance * (1 - chance) * slope
            for logit, chance, slope in zip(policy, cooperation, slopes, strict=True)
        )
        return moved, moved

    # Five numbers side by side: under ``vmap`` each is an array over learners, which vectorises.
    _, later = jax.lax.scan(step, tuple(start), length=steps)
    return jnp.concatenate([start[None], jnp.stack(later, axis=-1)])


def returns_while_learning(
    policy: Float[Array, "5"], start: Float[Array, "5"], game: Game, rate: Float[Array, ""], steps: int
) -> Float[Array, "inner_episodes players"]:
    """Normalised returns of a policy and of the naive learner that it meets, for m = 0..M steps of the learner."""
    trajectory = naive_trajectory(start, policy, game, rate, steps)
    return jax.vmap(normalized_returns, (None, 0, None))(policy, trajectory, game)
