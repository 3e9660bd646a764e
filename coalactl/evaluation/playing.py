"""Plays each agent's lineup and turns what came of it into rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.evaluation.contestants import Contestant
from coalactl.evaluation.lineups import Opponent
from coalactl_core.evaluation import Encounters, Lineup, evaluate, strategy_tables
from coalactl_core.rollout import Game
from coalactl_core.sharding import Shards
from coalactl_core.strategies import always
from coalactl_core.types import FIXED, META, NAIVE

# Meta-episodes that are played at once. Random numbers depend on it, so that it is the same on every machine.
CHUNK = 16
_ANY = always(0.5, 0.5, 0.5, 0.5, 0.5)


class Played(NamedTuple):
    """What an agent's meta-episodes against one opponent came to."""

    opponent: Opponent
    encounters: Encounters


def play(
    place: int,
    agent: int,
    contestants: Sequence[Contestant],
    opponents: Sequence[tuple[Opponent, int]],
    seed: int,
) -> list[Played]:
    """One agent's meta-episodes against all its opponents, each as often as the number beside it says.

    Opponents whose network or memory is another one than the agent's are another program each. Random numbers depend
    on the seed, the run's own seed, the agent and the opponents, not on which other runs are evaluated.
    """
    own = contestants[place]
    key = jax.random.key(seed)
    for number in (own.entry.experiment.run.seed, agent):
        key = jax.random.fold_in(key, number)
    seats: dict[Any, list[tuple[Opponent, int]]] = {}
    for opponent, count in opponents:
        game = contestants[opponent.run].engine.pieces.game
        seats.setdefault(_plays_by(game), []).append((opponent, count))
    found = []
    for number, group in enumerate(seats.values()):
        found += _play_seat(jax.random.fold_in(key, number), own, agent, contestants, group)
    return found


def _play_seat(
    key: Any, own: Contestant, agent: int, contestants: Sequence[Contestant], group: Sequence[tuple[Opponent, int]]
) -> list[Played]:
    """Against opponents of one network."""
    strategies_key, play_key = jax.random.split(key)
    met = [opponent for opponent, count in group for _ in range(count)]
    game = _game(own, contestants[met[0].run], any(opponent.kind == "naive" for opponent in met))
    networks = list(dict.fromkeys(_network(opponent) for opponent in met))
    lineup = Lineup(
        kind=jnp.asarray([_kind(opponent) for opponent in met]),
        member=jnp.asarray([networks.index(_network(opponent)) for opponent in met]),
        tables=_tables(strategies_key, group),
    )
    bank = jnp.stack([_parameters(network, contestants) for network in networks])
    chunks = jax.tree.map(lambda leaf: _in_chunks(leaf, game.shards.devices), lineup)
    encounters = evaluate(play_key, own.agents[agent], bank, chunks, own.hyper, game=game)
    encounters = jax.tree.map(np.asarray, encounters)
    ends = np.cumsum([count for _, count in group])
    return [
        Played(opponent, jax.tree.map(lambda leaf, end=end, count=count: leaf[end - count : end], encounters))
        for (opponent, count), end in zip(group, ends, strict=True)
    ]


def _game(own: Contestant, other: Contestant, learns: bool) -> Game:
    game, theirs = own.engine.pieces.game, other.engine.pieces.game
    coplayer = None if _plays_by(theirs) == _plays_by(game) else theirs.seats[0]
    shards = Shards(jax.device_count())
    return game._replace(learns=learns, shards=shards, coplayer=coplayer, keeps_starts=False)


def _plays_by(game: Game) -> Any:
    """What tells apart how two runs' agents play: the network, and whether it forgets."""
    return game.policy, game.forgets


def _kind(opponent: Opponent) -> int:
    if opponent.strategy is not None:
        return FIXED
    return NAIVE if opponent.kind == "naive" else META


def _network(opponent: Opponent) -> tuple[bool, int, int]:
    """Which network it plays by; a strategy has none and takes any."""
    return opponent.kind == "naive", opponent.run, opponent.number


def _parameters(network: tuple[bool, int, int], contestants: Sequence[Contestant]) -> Any:
    naive, run, number = network
    return (contestants[run].naive if naive else contestants[run].agents)[number]


def _tables(key: Any, group: Sequence[tuple[Opponent, int]]) -> Any:
    """Of strategies theirs, of others any; None where there are no strategies."""
    if all(opponent.strategy is None for opponent, _ in group):
        return None
    return strategy_tables(key, [(opponent.strategy or _ANY, count) for opponent, count in group])


def _in_chunks(leaf: Any, devices: int) -> Any:
    """Chunks as many as the devices can share; the last ones begin again from the start, and are not told."""
    size = min(CHUNK, len(leaf))
    chunks = -(-len(leaf) // size)
    chunks += -chunks % devices
    return jnp.asarray(np.resize(np.asarray(leaf), (chunks * size, *leaf.shape[1:]))).reshape(
        chunks, size, *leaf.shape[1:]
    )
