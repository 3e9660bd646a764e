"""Evaluation: a trained agent's meta-episodes against a lineup of opponents, reduced where they are played.

Nobody learns but naive co-players, which do so as in training. The agent is not told whom it faces (§5.1). The result
is what Figs. 5B and 5C show, for each meta-episode by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.configuration.memory_one import STATES
from coalactl_core.envs.base import MemoryOneGame
from coalactl_core.layout.sharding import Shards
from coalactl_core.opponents.automata import padded
from coalactl_core.opponents.population import opponents_of
from coalactl_core.opponents.strategies import Strategy
from coalactl_core.play.meta_episodes import first_trajectory, play_meta_episodes
from coalactl_core.play.outcomes import outcomes_by_step
from coalactl_core.play.rollout import Record, Rollout
from coalactl_core.play.trajectories import ego_trajectory, joined
from coalactl_core.types import Automata, NaiveHyperparameters, Opponents, Pairing, Params, Played, Trajectory


class Lineup(NamedTuple):
    """The opponents of one agent, a meta-episode each; one chunk is played at a time.

    ``member`` is the place of an opponent's parameters in the bank of networks. ``automata`` are the fixed strategies
    (None where there are none).
    """

    kind: Int[Array, "*chunks meta_batch"]
    member: Int[Array, "*chunks meta_batch"]
    automata: Automata | None


class Encounters(NamedTuple):
    """What came of each meta-episode, means over its batch: over the steps of each inner episode, and of each step.

    ``cooperation`` sums the agent's probabilities of cooperating after each outcome of a memory-one game, which was
    there ``visits`` times; None in other environments.
    """

    outcomes: dict[str, Float[Array, "*meta_batch inner_episodes players"]]
    steps: dict[str, Float[Array, "*meta_batch inner_episodes episode_steps players"]]
    cooperation: Float[Array, "*meta_batch inner_episodes observations"] | None
    visits: Float[Array, "*meta_batch inner_episodes observations"] | None


@partial(jax.jit, static_argnames=("rollout", "by_step"))
def evaluate(
    key: Key[Array, ""],
    agent: Params,
    bank: Params,
    lineup: Lineup,
    hyper: NaiveHyperparameters,
    *,
    rollout: Rollout,
    by_step: bool = True,
) -> Encounters:
    """The meta-episodes of one agent in one program; leaves lead with the lineup's chunks and meta-batch, joined.

    ``bank`` leads with the members that the lineup names. The chunks are shared among the devices of the rollout's
    shards, a divisor of their number; what is played depends neither on that nor on how many chunks there are. Without
    ``by_step`` nothing is told of single steps.
    """
    play = partial(_play_lineup, rollout=rollout, by_step=by_step)
    return rollout.shards.spread(play)(key, agent, bank, lineup, hyper)


@partial(jax.jit, static_argnames="rollout")
def watch(
    key: Key[Array, ""], agent: Params, opponents: Opponents, hyper: NaiveHyperparameters, *, rollout: Rollout
) -> Record:
    """Every step of one trajectory of each meta-episode; leaves lead with (meta_batch, inner_episodes, episode_steps).

    Naive co-players learn from all B trajectories in between, of which the first is given.
    """
    record: Record = play_meta_episodes(key, agent, opponents, hyper, rollout, first_trajectory).kept
    return record


def strategy_automata(key: Key[Array, ""], strategies: Sequence[tuple[Strategy, int]], draws: int = 0) -> Automata:
    """As many opponents as the number beside each strategy says, each with its own key, padded to the largest.

    ``draws``: as many of each opponent, one for each trajectory; 0: one for all.
    """
    keys = jax.random.split(key, sum(count for _, count in strategies))
    if draws:
        keys = jax.vmap(lambda key: jax.random.split(key, draws))(keys)
    ends = accumulate(count for _, count in strategies)
    states = max(strategy.states for strategy, _ in strategies)
    drawn = [
        padded(_drawn(strategy, keys[end - count : end]), states)
        for (strategy, count), end in zip(strategies, ends, strict=True)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *drawn)


def _drawn(strategy: Strategy, keys: Key[Array, "*lead"]) -> Automata:
    draw = strategy.draw
    for _ in range(keys.ndim):
        draw = jax.vmap(draw)
    return draw(keys)


def _play_lineup(
    key: Key[Array, ""],
    agent: Params,
    bank: Params,
    lineup: Lineup,
    hyper: NaiveHyperparameters,
    *,
    rollout: Rollout,
    by_step: bool,
) -> Encounters:
    alone = rollout._replace(shards=Shards())

    def keep(start: Pairing, records: Record) -> tuple[Trajectory, Any]:
        measure = jax.vmap(partial(outcomes_by_step, environment=rollout.environment))
        return ego_trajectory(start, records), measure(records) if by_step else {}

    def play_chunk(chunk: tuple[Int[Array, ""], Lineup]) -> Encounters:
        number, met = chunk
        params = jax.tree.map(lambda leaf: leaf[met.member], bank)
        opponents = opponents_of(met.kind, met.member, params, automata=met.automata)
        of_this_chunk = jax.random.fold_in(key, number)
        return _reduced(play_meta_episodes(of_this_chunk, agent, opponents, hyper, alone, keep), rollout)

    def play_chunks(numbers: Int[Array, "chunks"], part: Lineup) -> Encounters:
        return jax.lax.map(play_chunk, (numbers, part))

    encounters = rollout.shards.each(play_chunks, axes=(0, 0))(jnp.arange(lineup.kind.shape[0]), lineup)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), encounters)


def _reduced(played: Played, rollout: Rollout) -> Encounters:
    environment, (kept, steps) = rollout.environment, played.kept
    if not isinstance(environment, MemoryOneGame):
        return Encounters(played.outcomes, steps, cooperation=None, visits=None)
    trajectory = joined(kept)
    trajectory = trajectory._replace(states=environment.outcome(trajectory.states))
    cooperation, visits = jax.vmap(partial(_cooperation, inner_episodes=rollout.inner_episodes))(trajectory)
    return Encounters(played.outcomes, steps, cooperation, visits)


def _cooperation(
    trajectory: Trajectory, *, inner_episodes: int
) -> tuple[Float[Array, "inner_episodes observations"], Float[Array, "inner_episodes observations"]]:
    """Sums of the agent's probabilities of cooperating by the state before the step, and how often that occurred."""
    taken = jnp.exp(trajectory.log_probs)
    probabilities = jnp.where(trajectory.actions == 0, taken, 1 - taken)
    sums, visits = (
        leaf.reshape(inner_episodes, -1, len(STATES)).sum(1) for leaf in by_outcome(probabilities, trajectory.states)
    )
    return sums, visits


def by_outcome(
    cooperation: Float[Array, "*steps"], outcomes: Int[Array, "*steps"]
) -> tuple[Float[Array, "*steps observations"], Float[Array, "*steps observations"]]:
    """Probabilities of cooperating, and ones, each at the place of the outcome that was there before the step."""
    places = jax.nn.one_hot(outcomes, len(STATES), dtype=cooperation.dtype)
    return cooperation[..., None] * places, places
