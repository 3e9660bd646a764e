"""What is reported of meta agents at a moment: rewards and defection in each pairing, their policies, their ZD fit."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from coalactl_core.analytical.games import RepeatedGame, occupancy, occupancy_of, returns_of_outcomes
from coalactl_core.analytical.naive import naive_learning
from coalactl_core.analytical.objectives import NaiveStep, Opposition
from coalactl_core.configuration.memory_one import STATES
from coalactl_core.fits.zero_determinant import fit_extortion
from coalactl_core.measures import Measure, cooperation_in, extortion_in

# Numbers by what they measure, and by the columns that tell it.
Measures = dict[Measure, Float[Array, "..."]]
Columns = dict[str, Float[Array, "..."]]


class ExactReport(NamedTuple):
    """Scalars of one agent, and its measures by inner episode against naive learners, by column."""

    scalars: Columns
    episodes: Columns


def report_on(
    policy: Float[Array, "5"], met: Opposition, random_key: Key[Array, ""], game: RepeatedGame, naive: NaiveStep
) -> ExactReport:
    """Everything that is told of one meta agent; rewards per step, normalised (§4, Figs. 3, 4 and 8-10).

    Against naive learners: means over the metabatch, and over m = 0..M or at its ends. The ZD fit of a policy that is
    drawn at random, each probability uniform, stands beside the agent's (Fig. 8).
    """
    cooperation = jax.nn.sigmoid(policy)
    learning = jax.vmap(lambda start: _while_learning(policy, start, game, naive))(met.learners)
    episodes = {measure: jnp.mean(values, 0) for measure, values in learning.items()}
    scalars: Columns = {}
    for measure, values in episodes.items():
        against = measure.against("naive")
        scalars[against.column] = jnp.mean(values)
        scalars[against.at("first").column], scalars[against.at("last").column] = values[0], values[-1]
    scalars |= {cooperation_in(state): cooperation[index] for index, state in enumerate(STATES)}
    drawn = jax.random.uniform(random_key, (4,), cooperation.dtype)
    for random, probabilities in ((False, cooperation[1:]), (True, drawn)):
        fit = fit_extortion(probabilities, game.payoffs)
        scalars |= {extortion_in(name, random=random): value for name, value in fit._asdict().items()}
    if met.others.shape[0]:
        outcomes = jax.vmap(lambda other: occupancy(policy, other, game))(met.others)
        scalars |= _means_against("meta", _measures(outcomes, game))
    if met.fixed.shape[0]:
        outcomes = jax.vmap(lambda other: occupancy_of(cooperation, other, game))(met.fixed)
        scalars |= _means_against("fixed", _measures(outcomes, game))
    return ExactReport(scalars=scalars, episodes={measure.column: values for measure, values in episodes.items()})


def _means_against(kind: str, measures: Measures) -> Columns:
    return {measure.against(kind).column: jnp.mean(values) for measure, values in measures.items()}


def _while_learning(
    policy: Float[Array, "5"], start: Float[Array, "5"], game: RepeatedGame, naive: NaiveStep
) -> Measures:
    learning = naive_learning(start, jax.nn.sigmoid(policy), game, naive.rate, naive.steps)
    return _measures(learning.outcomes, game)


def _measures(outcomes: Float[Array, "pairs 4"], game: RepeatedGame) -> dict[Measure, Float[Array, "pairs"]]:
    rewards = jax.vmap(returns_of_outcomes, (0, None))(outcomes, game)
    reward, defection = Measure("reward"), Measure("defection")
    return {
        reward: rewards[:, 0],
        reward.of_coplayer: rewards[:, 1],
        defection: outcomes[:, 2] + outcomes[:, 3],
        defection.of_coplayer: outcomes[:, 1] + outcomes[:, 3],
    }
