"""One training iteration of one run, as a story."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int, Key

from coalactl_core.numbers.hyperparameters import at_iteration
from coalactl_core.opponents.population import naive_set, sample_opponents
from coalactl_core.opponents.starts import kept_after, with_kept_states
from coalactl_core.rules.seam import Report
from coalactl_core.training.groups import in_order, learn_groups, play_groups
from coalactl_core.training.metrics import summarize
from coalactl_core.training.pieces import Pieces
from coalactl_core.types import Hyperparameters, Learner, MetaAgents, Metrics, Opponents, Played, TrainState


class Iteration(NamedTuple):
    """What one run has played in an iteration, and what it takes to learn from it.

    ``naive`` are the learners that co-players began as; ``played`` has an entry for each group of agents.
    """

    key: Key[Array, ""]
    hyper: Hyperparameters
    naive: Learner
    opponents: Opponents
    played: tuple[Played, ...]


def train_step(state: TrainState, pieces: Pieces) -> tuple[TrainState, Metrics]:
    """One training iteration of one run (App. B.2): every meta agent updates simultaneously."""
    iteration = play_iteration(state, pieces)
    meta, report = learn_iteration(state, iteration, pieces)
    opponents, naive, groups = iteration.opponents, iteration.naive, pieces.groups
    outcomes = in_order([played.outcomes for played in iteration.played], groups)
    metrics = summarize(state.step, outcomes, opponents, report, pieces.population.kinds)
    ends = in_order([played.learners for played in iteration.played], groups)
    if ends is not None:
        naive = kept_after(naive, ends, opponents)
    key = _keys(state).next
    return state._replace(key=key, step=state.step + 1, meta=meta, naive=naive), metrics


def play_iteration(state: TrainState, pieces: Pieces) -> Iteration:
    """Every meta agent meets its opponents and plays its meta-episodes."""
    keys, hyper = _keys(state), at_iteration(state.hyperparameters, state.step)
    naive = naive_set(keys.shuffle, state.naive, state.meta.params, pieces.population)
    opponents = meet(keys.draw, state.meta, naive, hyper, pieces)
    played = play_groups(keys.play, state.meta, opponents, hyper, pieces.groups, pieces.map_agents)
    return Iteration(keys.learn, hyper, naive, opponents, played)


def learn_iteration(state: TrainState, iteration: Iteration, pieces: Pieces) -> tuple[MetaAgents, Report]:
    """Every meta agent learns from what it has played; a report has one number an agent."""
    key, hyper, _, opponents, played = iteration
    return learn_groups(key, state.meta, played, opponents, hyper, pieces.groups, pieces.map_agents)


class _Keys(NamedTuple):
    next: Key[Array, ""]
    shuffle: Key[Array, ""]
    draw: Key[Array, ""]
    play: Key[Array, ""]
    learn: Key[Array, ""]


def _keys(state: TrainState) -> _Keys:
    return _Keys(*jax.random.split(state.key, 5))


def meet(key: Key[Array, ""], meta: MetaAgents, naive: Learner, hyper: Hyperparameters, pieces: Pieces) -> Opponents:
    """The opponents of every meta agent in one iteration, leading with (agents, meta_batch)."""
    population = pieces.population

    def of_agent(agent: Int[Array, ""], key: Key[Array, ""]) -> Opponents:
        drawn = sample_opponents(key, agent, meta.params, naive, hyper.population, population)
        return with_kept_states(drawn, naive, pieces.rollout.naive)

    return jax.vmap(of_agent)(jnp.arange(population.meta), jax.random.split(key, population.meta))
