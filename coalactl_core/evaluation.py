"""Evaluation: a trained agent's meta-episodes against a lineup of opponents, reduced where they are played.

Nobody learns but naive co-players, which do so as in training. The agent is not told whom it faces (§5.1). The result
is what Figs. 5B and 5C show, for each meta-episode by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.analytical.zero_determinant import fit_extortion
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.rollout import Game, Record, play_meta_episodes, record_meta_episodes
from coalactl_core.sharding import Shards
from coalactl_core.strategies import Strategy
from coalactl_core.types import MetaEpisode, NaiveHyperparameters, Opponents, Params, Trajectory

# What a memory-one policy goes by in a matrix game, in the order of its states.
OUTCOMES = ("start", "cc", "cd", "dc", "dd")


class Lineup(NamedTuple):
    """The opponents of one agent, a meta-episode each; one chunk is played at a time.

    ``member`` is the place of an opponent's parameters in the bank of networks. ``tables`` are the action
    probabilities of fixed strategies (None where there are none).
    """

    kind: Int[Array, "*chunks meta_batch"]
    member: Int[Array, "*chunks meta_batch"]
    tables: Float[Array, "*chunks meta_batch observations actions"] | None


class Encounters(NamedTuple):
    """What came of each meta-episode, means over its batch and the steps of each inner episode.

    ``cooperation`` sums the agent's probabilities of cooperating after each outcome of a matrix game, which was there
    ``visits`` times; None in other environments.
    """

    outcomes: dict[str, Float[Array, "*meta_batch inner_episodes players"]]
    cooperation: Float[Array, "*meta_batch inner_episodes observations"] | None
    visits: Float[Array, "*meta_batch inner_episodes observations"] | None


@partial(jax.jit, static_argnames="game")
def evaluate(
    key: Key[Array, ""],
    agent: Params,
    bank: Params,
    lineup: Lineup,
    hyper: NaiveHyperparameters,
    *,
    game: Game,
) -> Encounters:
    """The meta-episodes of one agent in one program; leaves lead with the lineup's chunks and meta-batch, joined.

    ``bank`` leads with the members that the lineup names. The chunks are shared among the devices of ``game.shards``,
    a divisor of their number; what is played depends neither on that nor on how many chunks there are.
    """
    return game.shards.spread(partial(_play_lineup, game=game))(key, agent, bank, lineup, hyper)


@partial(jax.jit, static_argnames="game")
def watch(
    key: Key[Array, ""], agent: Params, opponents: Opponents, hyper: NaiveHyperparameters, *, game: Game
) -> Record:
    """Every step of one trajectory of each meta-episode; leaves lead with (meta_batch, inner_episodes, episode_steps).

    Naive co-players learn from all B trajectories in between, of which the first is given.
    """
    return record_meta_episodes(key, agent, opponents, hyper, game)


def strategy_tables(
    key: Key[Array, ""], strategies: Sequence[tuple[Strategy, int]]
) -> Float[Array, "meta_batch observations actions"]:
    """Action probabilities of as many opponents as the number beside each strategy says, each with its own key."""
    keys = jax.random.split(key, sum(count for _, count in strategies))
    ends = accumulate(count for _, count in strategies)
    drawn = [
        jax.vmap(strategy)(keys[end - count : end]) for (strategy, count), end in zip(strategies, ends, strict=True)
    ]
    cooperation = jnp.concatenate(drawn)
    return jnp.stack([cooperation, 1 - cooperation], -1)


def extortion_of(
    cooperation: Float[Array, "4"], payoffs: tuple[tuple[float, float], tuple[float, float]]
) -> dict[str, float]:
    """χ, φ and mean squared error of the closest extortion policy (Eq. 18); NaN in games that are no dilemma."""
    fit = jax.jit(fit_extortion)(cooperation, jnp.asarray(payoffs, cooperation.dtype))
    return {f"zd_{name}": float(value) for name, value in fit._asdict().items()}


def _play_lineup(
    key: Key[Array, ""], agent: Params, bank: Params, lineup: Lineup, hyper: NaiveHyperparameters, *, game: Game
) -> Encounters:
    alone = game._replace(shards=Shards())

    def play_chunk(chunk: tuple[Int[Array, ""], Lineup]) -> Encounters:
        number, met = chunk
        opponents = Opponents(
            kind=met.kind,
            number=met.member,
            params=jax.tree.map(lambda leaf: leaf[met.member], bank),
            tables=met.tables,
        )
        episodes = play_meta_episodes(jax.random.fold_in(key, number), agent, opponents, hyper, alone)
        return _reduced(episodes, game)

    def play_chunks(numbers: Int[Array, "chunks"], part: Lineup) -> Encounters:
        return jax.lax.map(play_chunk, (numbers, part))

    encounters = game.shards.each(play_chunks, axes=(0, 0))(jnp.arange(lineup.kind.shape[0]), lineup)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), encounters)


def _reduced(episodes: MetaEpisode, game: Game) -> Encounters:
    if not isinstance(game.environment, MatrixGame):
        return Encounters(outcomes=episodes.outcomes, cooperation=None, visits=None)
    # A start after a joint action is a start, as it is to memory-one policies.
    trajectory = episodes.trajectory._replace(states=game.environment.forget(episodes.trajectory.states))
    cooperation, visits = jax.vmap(partial(_cooperation, inner_episodes=game.inner_episodes))(trajectory)
    return Encounters(outcomes=episodes.outcomes, cooperation=cooperation, visits=visits)


def _cooperation(
    trajectory: Trajectory, *, inner_episodes: int
) -> tuple[Float[Array, "inner_episodes observations"], Float[Array, "inner_episodes observations"]]:
    """Sums of the agent's probabilities of cooperating by the state before the step, and how often that occurred."""
    taken = jnp.exp(trajectory.log_probs)
    probabilities = jnp.where(trajectory.actions == 0, taken, 1 - taken)
    states = jax.nn.one_hot(trajectory.states, len(OUTCOMES), dtype=probabilities.dtype)
    sums = probabilities[..., None] * states
    by_episode = [leaf.reshape(inner_episodes, -1, len(OUTCOMES)).sum(1) for leaf in (sums, states)]
    return by_episode[0], by_episode[1]
