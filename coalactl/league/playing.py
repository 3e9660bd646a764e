"""Plays a meeting: every pair of seeds of two entrants, who sit in one order, some meta-episodes each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from math import lcm
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from coalactl.league.entrants import LeagueGame, LoadedEntrant
from coalactl.report.league import COLUMNS
from coalactl_core.layout.sharding import Shards
from coalactl_core.play.duels import Duel, Player, play_duels

# Meta-episodes of one call: a number of its own for each size would be a program for each.
CALL = 32


class Encounter(NamedTuple):
    """One meta-episode: places of seeds and of agents in them, for both seats, and its number in the pair of seeds."""

    seeds: tuple[int, int]
    agents: tuple[int, int]
    number: int


def play(first: LoadedEntrant, second: LoadedEntrant, game: LeagueGame, *, episodes: int, seed: int) -> pd.DataFrame:
    """The rows of a meeting, means over the meta-episodes of each pair of seeds.

    Random numbers depend on the league's seed, both names, both seeds and the meta-episode, on nobody else who plays.
    """
    encounters = list(_encounters(first, second, episodes))
    duel = Duel(game.environment, (first.side, second.side), game.batch_size, game.inner_episodes)
    shards, size = Shards(jax.device_count()), CALL + -CALL % jax.device_count()
    keys = _keys(first, second, encounters, seed)
    parts = []
    for start in range(0, len(encounters), size):
        # The last call begins again from the start, and what is played twice is not told.
        numbers = np.arange(start, start + size) % len(encounters)
        players = tuple(_taken(each, seat, encounters, numbers) for seat, each in enumerate((first, second)))
        measured = play_duels(keys[numbers], players, duel=duel, shards=shards)
        parts.append(jax.tree.map(np.asarray, measured))
    values = {name: np.concatenate([part[name] for part in parts])[: len(encounters)] for name in parts[0]}
    return _rows(first, second, encounters, values)


def _encounters(first: LoadedEntrant, second: LoadedEntrant, episodes: int) -> Iterator[Encounter]:
    for own in range(len(first.seeds)):
        for other in range(len(second.seeds)):
            is_same = first.name == second.name and own == other
            for number in range(episodes):
                agents = _agents(number, first.agents, second.agents, is_same=is_same)
                yield Encounter((own, other), agents, number)


def _agents(number: int, own: int, other: int, *, is_same: bool) -> tuple[int, int]:
    """Which agents of two trainings meet: all pairs come in turn; within one training different ones, or a copy."""
    if is_same:
        return number % own, (number + 1 + number // own % max(own - 1, 1)) % own
    return number % own, (number + number // lcm(own, other)) % other


def _taken(entrant: LoadedEntrant, seat: int, encounters: Sequence[Encounter], numbers: Any) -> Player:
    """The players in a seat."""
    met = [encounters[number] for number in numbers]
    rows = np.asarray([one.seeds[seat] * entrant.agents + one.agents[seat] for one in met])
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows], entrant.players)


def _keys(first: LoadedEntrant, second: LoadedEntrant, encounters: Sequence[Encounter], seed: int) -> Any:
    key = jax.random.key(seed)
    for entrant in (first, second):
        key = jax.random.fold_in(key, zlib.crc32(entrant.name.encode()))
    numbers = np.asarray(
        [(first.seeds[one.seeds[0]], second.seeds[one.seeds[1]], one.number) for one in encounters], np.uint32
    )
    return _folded(key, numbers)


@jax.jit
def _folded(key: Any, numbers: Any) -> Any:
    def fold(numbers: Any) -> Any:
        folded = key
        for index in range(3):
            folded = jax.random.fold_in(folded, numbers[index])
        return folded

    return jax.vmap(fold)(numbers)


def _rows(
    first: LoadedEntrant, second: LoadedEntrant, encounters: Sequence[Encounter], values: dict[str, np.ndarray]
) -> pd.DataFrame:
    seeds = [(first.seeds[one.seeds[0]], second.seeds[one.seeds[1]]) for one in encounters]
    parts = []
    for measure, both in values.items():
        rows = pd.DataFrame(seeds, columns=list(COLUMNS[:2]))
        rows["measure"] = measure
        rows["first"], rows["second"] = np.asarray(both, float).T
        parts.append(rows)
    grouped = pd.concat(parts, ignore_index=True).groupby(list(COLUMNS[:3]), sort=False)
    means = grouped[["first", "second"]].mean()
    means["episodes"] = grouped.size()
    return means.reset_index()[list(COLUMNS)]
