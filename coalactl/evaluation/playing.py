"""Plays each agent's lineup and turns what came of it into rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count as counted
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.errors import UserError
from coalactl.evaluation.contestants import Contestant
from coalactl.evaluation.lineups import Opponent
from coalactl_core.layout.sharding import Shards
from coalactl_core.opponents.strategies import always
from coalactl_core.play.asked_games import Sizes, play_asked, steps_of
from coalactl_core.play.evaluation import Encounters, Lineup, evaluate, strategy_automata
from coalactl_core.play.rollout import Rollout, Seat
from coalactl_core.types import FIXED, META, NAIVE

# Meta-episodes that are played at once. Random numbers depend on it, so that it is the same on every machine.
CHUNK = 16
_ANY = always(0.5, 0.5, 0.5, 0.5, 0.5)


class Played(NamedTuple):
    """What an agent's meta-episodes against one opponent came to."""

    opponent: Opponent
    encounters: Encounters


def play(
    index: int,
    agent: int,
    contestants: Sequence[Contestant],
    opponents: Sequence[tuple[Opponent, int]],
    seed: int,
    tell: Callable[[tuple[int, int]], None],
    *,
    by_step: bool = False,
) -> list[Played]:
    """One agent's meta-episodes against all its opponents, each as often as the number beside it says.

    Opponents whose network or memory is another one than the agent's are another program each, and so are naive ones
    that learn in another way, or with other numbers, than the first. Random numbers depend on the seed, the run's own
    seed, the agent and the opponents, not on which other runs are evaluated. Opponents that Python is to ask come last,
    and ``tell`` is called with how many of how many steps against these are behind.
    """
    own = contestants[index]
    key = jax.random.key(seed)
    for number in (own.entry.experiment.run.seed, agent):
        key = jax.random.fold_in(key, number)
    seats: dict[Any, list[tuple[Opponent, int]]] = {}
    asked = [met for met in opponents if met[0].asked is not None]
    for opponent, count in opponents:
        if opponent.asked is not None:
            continue
        seat = contestants[opponent.run].agents[_member(opponent)].seat
        seats.setdefault((*_plays_by(seat), opponent.learner), []).append((opponent, count))
    played = []
    for number, group in enumerate(seats.values()):
        played += _play_seat(jax.random.fold_in(key, number), own, agent, contestants, group, by_step)
    if asked:
        played += _play_asked(jax.random.fold_in(key, len(seats)), own, agent, asked, tell)
    return played


def _play_seat(
    key: Any,
    own: Contestant,
    agent: int,
    contestants: Sequence[Contestant],
    group: Sequence[tuple[Opponent, int]],
    by_step: bool,
) -> list[Played]:
    """Against opponents of one network, of whom naive ones learn alike."""
    strategies_key, play_key = jax.random.split(key)
    met = [opponent for opponent, count in group for _ in range(count)]
    theirs = contestants[met[0].run].agents[_member(met[0])].seat
    learner = own.learners[met[0].learner]
    rollout = _rollout(own.rollouts[agent], theirs, any(opponent.kind == "naive" for opponent in met))
    rollout = rollout._replace(naive=learner.coplayer)
    networks = list(dict.fromkeys(_network(opponent) for opponent in met))
    lineup = Lineup(
        kind=jnp.asarray([_kind(opponent) for opponent in met]),
        member=jnp.asarray([networks.index(_network(opponent)) for opponent in met]),
        automata=_automata(strategies_key, group, _draws(own)),
    )
    bank = jnp.stack([_parameters(network, contestants) for network in networks])
    chunks = jax.tree.map(lambda leaf: _in_chunks(leaf, rollout.shards.devices), lineup)
    encounters = evaluate(
        play_key, own.agents[agent].params, bank, chunks, learner.hyper, rollout=rollout, by_step=by_step
    )
    return _shared_out(group, jax.tree.map(np.asarray, encounters))


def _play_asked(
    key: Any,
    own: Contestant,
    agent: int,
    group: Sequence[tuple[Opponent, int]],
    tell: Callable[[tuple[int, int]], None],
) -> list[Played]:
    """Against opponents that are asked one by one; raises :class:`UserError` where one's own code fails."""
    rollout = own.rollouts[agent]
    sizes = Sizes(rollout.batch_size, rollout.inner_episodes, rollout.environment.episode_length)
    met = [opponent.asked for opponent, count in group for _ in range(count) if opponent.asked is not None]
    behind, total = counted(1), steps_of(met, sizes)
    try:
        encounters = play_asked(key, own.agents[agent], met, sizes, lambda: tell((next(behind), total)))
    except ValueError as error:
        raise UserError(f"{', '.join(opponent.name for opponent, _ in group)}: {error}") from error
    return _shared_out(group, encounters)


def _shared_out(group: Sequence[tuple[Opponent, int]], encounters: Encounters) -> list[Played]:
    """What came of the meta-episodes against each opponent."""
    ends = np.cumsum([count for _, count in group])
    return [
        Played(opponent, jax.tree.map(lambda leaf, end=end, count=count: leaf[end - count : end], encounters))
        for (opponent, count), end in zip(group, ends, strict=True)
    ]


def _rollout(own: Rollout, theirs: Seat, learns: bool) -> Rollout:
    """Play of an agent with opponents who play as ``theirs`` has it."""
    coplayer = None if _plays_by(theirs) == _plays_by(own.seats[0]) else theirs
    return own._replace(learns=learns, shards=Shards(jax.device_count()), coplayer=coplayer)


def _member(opponent: Opponent) -> int:
    """The agent of its run that plays as the opponent does; naive learners and strategies play as any."""
    return 0 if opponent.kind == "naive" or opponent.strategy is not None else opponent.number


def _plays_by(seat: Seat) -> Any:
    """What tells apart how two runs' agents play: the network, and how its memory crosses inner episodes."""
    return seat.policy, seat.crossing


def _kind(opponent: Opponent) -> int:
    if opponent.strategy is not None:
        return FIXED
    return NAIVE if opponent.kind == "naive" else META


def _network(opponent: Opponent) -> tuple[bool, int, int]:
    """Which network it plays by; a strategy has none and takes any."""
    return opponent.kind == "naive", opponent.run, opponent.number


def _parameters(network: tuple[bool, int, int], contestants: Sequence[Contestant]) -> Any:
    naive, run, number = network
    return contestants[run].naive[number] if naive else contestants[run].agents[number].params


def _draws(own: Contestant) -> int:
    """How many times a strategy with random numbers draws them, as in training: for each trajectory, or 0, once."""
    experiment = own.entry.experiment
    return experiment.rollout.batch_size if experiment.population.fixed_drawn == "trajectory" else 0


def _automata(key: Any, group: Sequence[tuple[Opponent, int]], draws: int) -> Any:
    """Of strategies theirs, of others any; None where there are no strategies."""
    if all(opponent.strategy is None for opponent, _ in group):
        return None
    return strategy_automata(key, [(opponent.strategy or _ANY, count) for opponent, count in group], draws)


def _in_chunks(leaf: Any, devices: int) -> Any:
    """Chunks as many as the devices can share; the last ones begin again from the start, and are not told."""
    size = min(CHUNK, len(leaf))
    chunks = -(-len(leaf) // size)
    chunks += -chunks % devices
    return jnp.asarray(np.resize(np.asarray(leaf), (chunks * size, *leaf.shape[1:]))).reshape(
        chunks, size, *leaf.shape[1:]
    )
