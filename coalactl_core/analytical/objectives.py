"""What a meta agent ascends: shaping (Eq. 17), exact LOLA-DiCE (Eq. 4), and the mixed group of both with others.

All are functions of the agent's logits, in normalised returns, and differentiated exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coalactl_core.analytical.games import RepeatedGame, normalized_returns, occupancy_of, returns_of_outcomes
from coalactl_core.analytical.naive import returns_while_learning

Policy = Float[Array, "5"]


class Opposition(NamedTuple):
    """Whom one meta agent meets: fresh naive learners, other meta agents (logits), fixed policies (probabilities)."""

    learners: Float[Array, "learners 5"]
    others: Float[Array, "others 5"]
    fixed: Float[Array, "strategies 5"]


class Weights(NamedTuple):
    """The shares of a meta agent's gradient: against learners (p_naive), against other meta agents, and fixed ones."""

    learners: Float[Array, ""]
    others: Float[Array, ""]
    fixed: Float[Array, "strategies"]


class NaiveStep(NamedTuple):
    """What a naive learner does: the rate for normalised returns, and how many steps are differentiated through."""

    rate: Float[Array, ""]
    steps: int


Objective = Callable[[Policy, Opposition, RepeatedGame, NaiveStep], Float[Array, ""]]


def mean_shaping(policy: Policy, met: Opposition, game: RepeatedGame, naive: NaiveStep) -> Float[Array, ""]:
    """Eq. 17 divided by M + 1: the mean return over a naive learner's trajectory, and over the metabatch."""
    return _mean_while_learning(policy, met.learners, game, naive)


def summed_shaping(policy: Policy, met: Opposition, game: RepeatedGame, naive: NaiveStep) -> Float[Array, ""]:
    """Eq. 17 as it stands: the sum over m = 0..M."""
    return (naive.steps + 1) * mean_shaping(policy, met, game, naive)


def look_ahead(policy: Policy, met: Opposition, game: RepeatedGame, naive: NaiveStep) -> Float[Array, ""]:
    """Eq. 4: the return after the other agent's look-ahead steps from where it is, whose effect is differentiated."""

    def against(other: Policy) -> Float[Array, ""]:
        return returns_while_learning(policy, other, game, naive.rate, naive.steps)[-1, 0]

    return jnp.mean(jax.vmap(against)(met.others))


def mean_look_ahead(policy: Policy, met: Opposition, game: RepeatedGame, naive: NaiveStep) -> Float[Array, ""]:
    """The mean return over m = 0..K look-ahead steps: Eq. 17 for a learner that starts where the other agent is."""
    return _mean_while_learning(policy, met.others, game, naive)


def summed_look_ahead(policy: Policy, met: Opposition, game: RepeatedGame, naive: NaiveStep) -> Float[Array, ""]:
    """The sum over m = 0..K look-ahead steps: the objective of Theorem D.2/E.1."""
    return (naive.steps + 1) * mean_look_ahead(policy, met, game, naive)


def partial_return(policy: Policy, met: Opposition, game: RepeatedGame) -> Float[Array, ""]:
    """The mean return against the other meta agents as they are: its gradient is the partial one."""
    return jnp.mean(jax.vmap(lambda other: normalized_returns(policy, other, game)[0])(met.others))


def mixed_gradient(
    policy: Policy, met: Opposition, game: RepeatedGame, naive: NaiveStep, weights: Weights, against_learners: Objective
) -> Policy:
    """The mixed group's update (App. C): p_naive · ∇(against learners) + (1 - p_naive) · ∇(partial), and fixed ones.

    What has weight 0 is not computed.
    """

    def learners(policy: Policy) -> Policy:
        return jax.grad(against_learners)(policy, met, game, naive)

    gradient = jax.lax.cond(weights.learners > 0, learners, jnp.zeros_like, policy) * weights.learners
    if met.others.shape[0]:
        gradient += weights.others * jax.grad(partial_return)(policy, met, game)
    if met.fixed.shape[0]:
        gradient += jax.grad(_against_fixed)(policy, met.fixed, weights.fixed, game)
    return gradient


def _mean_while_learning(
    policy: Policy, starts: Float[Array, "learners 5"], game: RepeatedGame, naive: NaiveStep
) -> Float[Array, ""]:
    def against(start: Policy) -> Float[Array, "inner_episodes players"]:
        return returns_while_learning(policy, start, game, naive.rate, naive.steps)

    return jnp.mean(jax.vmap(against)(starts)[..., 0])


def _against_fixed(
    policy: Policy, fixed: Float[Array, "strategies 5"], weights: Float[Array, "strategies"], game: RepeatedGame
) -> Float[Array, ""]:
    cooperation = jax.nn.sigmoid(policy)

    def against(strategy: Policy) -> Float[Array, ""]:
        return returns_of_outcomes(occupancy_of(cooperation, strategy, game), game)[0]

    return weights @ jax.vmap(against)(fixed)
