"""A naive learner: plain gradient steps on its own return against a policy that does not change (Eq. 17, §4)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coalactl_core.analytical.games import (
    Five,
    Four,
    RepeatedGame,
    occupancy_of,
    outcomes_and_gradient,
    returns_of_outcomes,
)


class NaiveLearning(NamedTuple):
    """A learner's logits before each of its steps and after the last, and the outcomes there.

    These are the distributions over CC, CD, DC, DD with the action of the one who is learnt from first.
    """

    logits: Float[Array, "inner_episodes 5"]
    outcomes: Float[Array, "inner_episodes 4"]


def naive_learning(
    start: Float[Array, "5"], cooperation: Float[Array, "5"], game: RepeatedGame, rate: Float[Array, ""], steps: int
) -> NaiveLearning:
    """A learner that starts at logits, against probabilities of cooperating: Δ_q = η ∂J/∂φ, all of it differentiable.

    ``rate`` is η for the normalised return (1 - γ) J. A rate η for the raw J is η / (1 - γ) here.
    """
    other = tuple(cooperation)

    @jax.checkpoint
    def step(policy: Five, _: None) -> tuple[Five, tuple[Five, Four]]:
        chances = tuple(map(jax.nn.sigmoid, policy))
        outcomes, slopes = outcomes_and_gradient(chances, other, game)
        moved = tuple(
            logit + rate * chance * (1 - chance) * slope
            for logit, chance, slope in zip(policy, chances, slopes, strict=True)
        )
        return moved, (policy, outcomes)

    # Numbers side by side: under ``vmap`` each is an array over learners, which vectorises.
    last, (logits, before) = jax.lax.scan(step, tuple(start), length=steps)
    end = jnp.stack(last)
    cc, cd, dc, dd = before
    return NaiveLearning(
        logits=jnp.concatenate([jnp.stack(logits, axis=-1), end[None]]),
        outcomes=jnp.concatenate(
            [jnp.stack([cc, dc, cd, dd], axis=-1), occupancy_of(cooperation, jax.nn.sigmoid(end), game)[None]]
        ),
    )


def returns_while_learning(
    policy: Float[Array, "5"], start: Float[Array, "5"], game: RepeatedGame, rate: Float[Array, ""], steps: int
) -> Float[Array, "inner_episodes players"]:
    """Normalised returns of a policy (logits) and of the naive learner that it meets, for m = 0..M of its steps."""
    outcomes = naive_learning(start, jax.nn.sigmoid(policy), game, rate, steps).outcomes
    return jax.vmap(returns_of_outcomes, (0, None))(outcomes, game)
