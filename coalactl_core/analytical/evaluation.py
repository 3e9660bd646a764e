"""What is reported of meta agents at a moment: rewards and defection in each pairing, their policies, their ZD fit."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from coalactl_core.analytical.games import Game, occupancy, occupancy_of, returns_of_outcomes
from coalactl_core.analytical.naive import naive_learning
from coalactl_core.analytical.objectives import NaiveStep, Opposition
from coalactl_core.analytical.starts import STATES
from coalactl_core.analytical.zero_determinant import fit_extortion

Measures = dict[str, Float[Array, "..."]]


class Report(NamedTuple):
    """Scalars of one agent, and its measures by inner episode against naive learners."""

    scalars: Measures
    episodes: Measures


def report_on(
    policy: Float[Array, "5"], met: Opposition, random_key: Key[Array, ""], game: Game, naive: NaiveStep
) -> Report:
    """Everything that is told of one meta agent; rewards per step, normalised (§4, Figs. 3, 4 and 8-10).

    Against naive learners: means over the metabatch, and over m = 0..M or at its ends. The ZD fit of a policy that is
    drawn at random, each probability uniform, stands beside the agent's (Fig. 8).
    """
    cooperation = jax.nn.sigmoid(policy)
    learning = jax.vmap(lambda start: _while_learning(policy, start, game, naive))(met.learners)
    episodes = {name: jnp.mean(values, 0) for name, values in learning.items()}
    scalars: Measures = {}
    for name, values in episodes.items():
        scalars[f"{name}_vs_naive"] = jnp.mean(values)
        scalars[f"{name}_first_vs_naive"], scalars[f"{name}_last_vs_naive"] = values[0], values[-1]
    scalars |= {f"cooperation_{state}": cooperation[place] for place, state in enumerate(STATES)}
    drawn = jax.random.uniform(random_key, (4,), cooperation.dtype)
    for prefix, probabilities in (("zd", cooperation[1:]), ("random_zd", drawn)):
        fit = fit_extortion(probabilities, game.payoffs)
        scalars |= {f"{prefix}_{name}": value for name, value in fit._asdict().items()}
    if met.others.shape[0]:
        outcomes = jax.vmap(lambda other: occupancy(policy, other, game))(met.others)
        scalars |= {f"{name}_vs_meta": jnp.mean(values) for name, values in _measures(outcomes, game).items()}
    if met.fixed.shape[0]:
        outcomes = jax.vmap(lambda other: occupancy_of(cooperation, other, game))(met.fixed)
        scalars |= {f"{name}_vs_fixed": jnp.mean(values) for name, values in _measures(outcomes, game).items()}
    return Report(scalars=scalars, episodes=episodes)


def _while_learning(policy: Float[Array, "5"], start: Float[Array, "5"], game: Game, naive: NaiveStep) -> Measures:
    learning = naive_learning(start, jax.nn.sigmoid(policy), game, naive.rate, naive.steps)
    return _measures(learning.outcomes, game)


def _measures(outcomes: Float[Array, "pairs 4"], game: Game) -> dict[str, Float[Array, "pairs"]]:
    rewards = jax.vmap(returns_of_outcomes, (0, None))(outcomes, game)
    return {
        "reward": rewards[:, 0],
        "coplayer_reward": rewards[:, 1],
        "defection": outcomes[:, 2] + outcomes[:, 3],
        "coplayer_defection": outcomes[:, 1] + outcomes[:, 3],
    }
