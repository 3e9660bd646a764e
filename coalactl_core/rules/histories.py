"""Histories of games as a sequence model learns from them, and those that it begins with."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.envs.base import Environment, FewObservations
from coalactl_core.opponents.strategies import random_tabular
from coalactl_core.play.rollout import Record, Rollout
from coalactl_core.types import EnvironmentState, Pairing


class Histories(NamedTuple):
    """What one player saw, by the observations' numbers, and did in each round: small integers."""

    numbers: Int[Array, "*lead rounds"]
    actions: Int[Array, "*lead rounds"]


class Collected(NamedTuple):
    """All histories of an agent, D: the first ``size`` of a buffer, and how many models have learnt from it."""

    histories: Histories
    size: Int[Array, ""]
    phases: Int[Array, ""]


# From the number of an observation to probabilities of cooperating.
Chances = Float[Array, "states"]
Draw = Callable[[Key[Array, ""]], Chances]


def evenly(key: Key[Array, ""]) -> Chances:
    """Each action as likely as the other, whatever was seen."""
    return jnp.full(jax.eval_shape(random_tabular, key).shape, 0.5)


# What ``first_data`` names.
FIRST_PLAYERS: dict[str, Draw] = {"tabular": random_tabular, "random-actions": evenly}


def began_with(first: Histories, capacity: int, models: int = 0) -> Collected:
    """A buffer for so many histories that has the first of them; ``models`` that have learnt elsewhere."""
    size = first.numbers.shape[0]
    padding = [(0, capacity - size), (0, 0)]
    return Collected(
        histories=jax.tree.map(lambda leaf: jnp.pad(leaf, padding), first),
        size=jnp.int32(size),
        phases=jnp.int32(models),
    )


def with_games(collected: Collected, games: Histories) -> Collected:
    """D_k = D_(k-1) ∪ those games, and one phase more.

    Nothing is added before the first: the games are of an agent that has not learnt.
    """
    at = jnp.minimum(collected.size, collected.histories.numbers.shape[0] - games.numbers.shape[0])
    begun = collected.phases > 0

    def write(kept: Int[Array, "capacity rounds"], new: Int[Array, "games rounds"]) -> Int[Array, "capacity rounds"]:
        old = jax.lax.dynamic_slice_in_dim(kept, at, new.shape[0])
        return jax.lax.dynamic_update_slice_in_dim(kept, jnp.where(begun, new, old), at, 0)

    return Collected(
        histories=jax.tree.map(write, collected.histories, games),
        size=collected.size + jnp.where(begun, games.numbers.shape[0], 0),
        phases=collected.phases + 1,
    )


def kept_by(rollout: Rollout) -> Callable[[Pairing, Record], Histories]:
    """What is kept of inner episodes: the agent's histories, (meta_batch, episode_steps, batch)."""

    def keep(start: Pairing, records: Record) -> Histories:
        del start
        see: Callable[[EnvironmentState], Int[Array, "..."]] = jax.vmap(
            jax.vmap(jax.vmap(lambda state: rollout.observe(state, 0)))
        )
        return Histories(see(records.state).astype(jnp.int8), records.actions[..., 0].astype(jnp.int8))

    return keep


def games_of(kept: Histories) -> Histories:
    """One history a game: (meta_batch, inner_episodes, episode_steps, batch) as (games, rounds)."""
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 1).reshape(-1, leaf.shape[-2]), kept)


def first_histories(key: Key[Array, ""], environment: Environment, draw: Draw, count: int) -> Histories:
    """Both sides' histories of half as many games between two freshly drawn memory-one players."""
    keys = jax.random.split(key, -(-count // 2))
    games: Histories = jax.vmap(lambda key: _game(key, environment, draw))(keys)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[-1])[:count], games)


def _game(key: Key[Array, ""], environment: Environment, draw: Draw) -> Histories:
    """One game, led by its players."""
    if not isinstance(environment, FewObservations):
        raise TypeError(f"{environment!r} does not number its observations")
    reset_key, play_key, *player_keys = jax.random.split(key, 4)
    cooperation = jnp.stack([draw(key) for key in player_keys])

    def round_(state: EnvironmentState, number: Int[Array, ""]) -> tuple[EnvironmentState, Histories]:
        action_key, environment_key = jax.random.split(jax.random.fold_in(play_key, number))
        seen = jnp.stack([environment.observe_number(state, player) for player in range(2)])
        chances = jnp.take_along_axis(cooperation, seen[:, None].astype(int), 1)[:, 0]
        actions = (jax.random.uniform(action_key, (2,), dtype=chances.dtype) >= chances).astype(jnp.int8)
        state, _, _ = environment.step(environment_key, state, actions)
        return state, Histories(seen.astype(jnp.int8), actions)

    _, played = jax.lax.scan(round_, environment.reset(reset_key), jnp.arange(environment.episode_length))
    return jax.tree.map(jnp.transpose, played)
