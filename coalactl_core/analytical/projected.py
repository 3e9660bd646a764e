"""Projected gradient ascent on the probabilities of cooperating, where Fig. 9 looks at mutual defection.

Logits cannot reach a pure policy, and their gradients vanish on the way to it. In probabilities unconditional defection
is a point like any other, a corner of the box [0, 1]^5, and what a gradient may do there is its projection onto the
directions that stay inside of the box. There only cooperation after DC survives, for any p_naive between 0 and 1: so it
is in expectation over naive learners, and at p_naive up to .5 in every metabatch of 16; at .9 one in 20 has another
component too, at .99 one in 3, by chance.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coalactl_core.analytical.games import RepeatedGame, own_gradient, returns_of_outcomes
from coalactl_core.analytical.naive import naive_learning
from coalactl_core.analytical.objectives import NaiveStep

Cooperation = Float[Array, "5"]


class GradientParts(NamedTuple):
    """The two gradients of a mixed group by one agent's own probabilities, of normalised returns."""

    learners: Cooperation
    others: Cooperation


def gradient_parts(
    cooperation: Cooperation,
    other: Cooperation,
    learners: Float[Array, "learners 5"],
    game: RepeatedGame,
    naive: NaiveStep,
) -> GradientParts:
    """The shaping gradient, of the mean over m = 0..M and the metabatch, and the partial one against another agent.

    Both agents are given as probabilities. ``learners`` are logits, where naive learners start: they are the same ones
    as in training and ascend in logits, for only the agents' part of the mixture is looked at here.
    """
    partial_gradient = own_gradient(tuple(cooperation), tuple(other), game)
    return GradientParts(
        learners=jax.grad(_shaping)(cooperation, learners, game, naive), others=jnp.stack(partial_gradient)
    )


def mixture(parts: GradientParts, p_naive: Float[Array, ""]) -> Cooperation:
    """p_naive · (against naive learners) + (1 - p_naive) · (against the other agent), before projection."""
    return p_naive * parts.learners + (1 - p_naive) * parts.others


def projected(gradient: Cooperation, cooperation: Cooperation) -> Cooperation:
    """The gradient's projection onto the tangent cone of the box: what would lead out of it is removed."""
    leaves = ((cooperation <= 0) & (gradient < 0)) | ((cooperation >= 1) & (gradient > 0))
    return jnp.where(leaves, 0, gradient)


def ascend(cooperation: Cooperation, gradient: Cooperation, learning_rate: Float[Array, ""]) -> Cooperation:
    """One step of projected ascent: along the gradient, and from there to the nearest point of the box."""
    return jnp.clip(cooperation + learning_rate * gradient, 0, 1)


def _shaping(
    cooperation: Cooperation, learners: Float[Array, "learners 5"], game: RepeatedGame, naive: NaiveStep
) -> Float[Array, ""]:
    def against(start: Float[Array, "5"]) -> Float[Array, "inner_episodes"]:
        outcomes = naive_learning(start, cooperation, game, naive.rate, naive.steps).outcomes
        return jax.vmap(lambda distribution: returns_of_outcomes(distribution, game)[0])(outcomes)

    return jnp.mean(jax.vmap(against)(learners))
