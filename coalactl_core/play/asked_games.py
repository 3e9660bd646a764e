"""Meta-episodes of a trained agent against opponents that only Python can ask: a loop on the host.

All games are advanced together. In each step the opponents are asked one by one, and one compiled call then decides for
the agent in all games and moves these on. Inner episodes begin and end as in :mod:`coalactl_core.play.meta_episodes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, Key

from coalactl_core.envs.base import MemoryOneGame
from coalactl_core.opponents.asked import AskedPlayer, AskedStrategy
from coalactl_core.play.agent_games import AgentGame
from coalactl_core.play.agents import Agent
from coalactl_core.play.duels import DuelRecord
from coalactl_core.play.evaluation import Encounters, by_outcome
from coalactl_core.play.outcomes import outcomes_by_step, outcomes_of
from coalactl_core.play.rollout import Seat, recalling_of, sight_of
from coalactl_core.types import FORGOTTEN, EnvironmentState, PolicyCarry

# Games that are advanced together at most: players of thousands of games are in memory at once.
AT_ONCE = 8192
_SEEDS = 2**31 - 1


class Sizes(NamedTuple):
    """Trajectories of a meta-episode, its inner episodes, and the steps of each."""

    batch_size: int
    inner_episodes: int
    episode_length: int


class _Standing(NamedTuple):
    """Where all games stand; leaves lead with (meta_batch, batch)."""

    states: EnvironmentState
    memory: PolicyCarry


class _Step(NamedTuple):
    """One step of all games; ``cooperation``: with which probability the agent would have taken action 0."""

    record: DuelRecord
    cooperation: Float[Array, "*lead"]


class _Players:
    """The opponents of all games, in one order: meta-episode by meta-episode, trajectory by trajectory."""

    def __init__(self, met: Sequence[AskedStrategy], batch_size: int) -> None:
        self.met = [strategy for strategy in met for _ in range(batch_size)]
        self.shape = len(met), batch_size
        self.playing: list[AskedPlayer] = []

    def begin(self, seeds: Int[np.ndarray, "meta_batch batch"]) -> None:
        """The next inner episode; those that are carried go on."""
        begun = bool(self.playing)
        self.playing = [
            self.playing[number] if begun and strategy.carried else strategy.begin(int(seed))
            for number, (strategy, seed) in enumerate(zip(self.met, seeds.flat, strict=True))
        ]

    def act(self, flips: Bool[np.ndarray, "meta_batch batch"]) -> Int[np.ndarray, "meta_batch batch"]:
        """What all do next, each having been asked; where it flips, an action is the other one."""
        asked = np.fromiter((player.action() for player in self.playing), np.int8, len(self.playing))
        return asked.reshape(self.shape) ^ flips

    def saw(self, own: Int[np.ndarray, "meta_batch batch"], others: Int[np.ndarray, "meta_batch batch"]) -> None:
        """What was played: by them, and by the agent."""
        for player, mine, other in zip(self.playing, own.flat, others.flat, strict=True):
            player.saw(int(mine), int(other))


def _nobody() -> None:
    """Nobody is told."""


def play_asked(
    key: Key[Array, ""],
    agent: Agent,
    met: Sequence[AskedStrategy],
    sizes: Sizes,
    told: Callable[[], None] = _nobody,
) -> Encounters:
    """What came of the agent's meta-episodes, one against each opponent; leaves lead with these.

    ``told`` is called after each of the steps that :func:`steps_of` counts.

    Raises:
        ValueError: an opponent's own code fails.
    """
    encounters = [
        _play(jax.random.fold_in(key, number), agent, part, sizes, told)
        for number, part in enumerate(_parts(met, sizes))
    ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *encounters)


def steps_of(met: Sequence[AskedStrategy], sizes: Sizes) -> int:
    """How many steps all of them take, games that are advanced together being one."""
    return len(_parts(met, sizes)) * sizes.inner_episodes * sizes.episode_length


def _parts(met: Sequence[AskedStrategy], sizes: Sizes) -> list[Sequence[AskedStrategy]]:
    at_once = max(1, AT_ONCE // sizes.batch_size)
    return [met[start : start + at_once] for start in range(0, len(met), at_once)]


def _play(
    key: Key[Array, ""], agent: Agent, met: Sequence[AskedStrategy], sizes: Sizes, told: Callable[[], None]
) -> Encounters:
    game, seat, shape = agent.game, agent.seat, (len(met), sizes.batch_size)
    seeds_key, flips_key, play_key = jax.random.split(key, 3)
    seeds = np.asarray(jax.random.randint(seeds_key, (sizes.inner_episodes, *shape), 0, _SEEDS))
    draws = np.random.default_rng(np.asarray(jax.random.key_data(flips_key)))
    noise = np.asarray([strategy.noise for strategy in met])[:, None]
    prepared = _prepared(agent.params, seat=seat, uses=int(np.prod((*shape, *sizes[1:]))))
    players, memory = _Players(met, sizes.batch_size), agent.start(shape)
    states, kept = None, []
    for episode in range(sizes.inner_episodes):
        players.begin(seeds[episode])
        episode_key = jax.random.fold_in(play_key, episode)
        standing = _Standing(
            _begun(episode_key, states, game=game, shape=shape), agent.next_episode(memory) if episode else memory
        )
        steps = []
        for number in range(sizes.episode_length):
            theirs = players.act(draws.random(shape) < noise)
            standing, step = _turn(prepared, episode_key, number, standing, theirs, seat=seat, game=game)
            players.saw(theirs, np.asarray(step.record.actions[..., 0]))
            steps.append(step)
            told()
        states, memory = standing
        kept.append(jax.tree.map(np.asarray, _reduced(steps, game=game)))
    return jax.tree.map(lambda *leaves: np.stack(leaves, 1), *kept)


@partial(jax.jit, static_argnames=("seat", "uses"))
def _prepared(params: Any, *, seat: Seat, uses: int) -> Any:
    return seat.policy.prepare(params, uses)


@partial(jax.jit, static_argnames=("game", "shape"))
def _begun(
    key: Key[Array, ""], last: EnvironmentState | None, *, game: AgentGame, shape: tuple[int, int]
) -> EnvironmentState:
    """The states of all games at the start of an inner episode, after one that ended in the last states."""
    environment, recalling = game.environment, recalling_of(game.environment)
    states = jax.vmap(jax.vmap(environment.reset))(jax.random.split(key, shape))
    if recalling is None:
        return states
    if last is None:
        last = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*shape, *jnp.shape(leaf))), recalling.before_first)
    return jax.vmap(jax.vmap(recalling.recall))(states, last)


@partial(jax.jit, static_argnames=("seat", "game"))
def _turn(
    prepared: Any,
    key: Key[Array, ""],
    number: Int[Array, ""],
    standing: _Standing,
    theirs: Int[Array, "meta_batch batch"],
    *,
    seat: Seat,
    game: AgentGame,
) -> tuple[_Standing, _Step]:
    """One simultaneous move in all games, in which the opponents do what they said."""
    environment = game.environment
    see = sight_of(0, seat.observe, recalling_of(environment), seat.crossing == FORGOTTEN)

    def move(
        key: Key[Array, ""], state: EnvironmentState, memory: PolicyCarry, other: Int[Array, ""]
    ) -> tuple[_Standing, _Step]:
        own_key, environment_key = jax.random.split(key)
        output, remembered = seat.policy.step(prepared, see(state), memory)
        logits = seat.policy.acting_logits(own_key, prepared, remembered, output)
        actions = jnp.stack([jax.random.categorical(own_key, logits), other]).astype(jnp.int8)
        after, rewards, events = environment.step(environment_key, state, actions)
        record = DuelRecord(state=state, actions=actions, rewards=rewards, events=events)
        return _Standing(after, remembered), _Step(record, jax.nn.softmax(logits)[0])

    keys = jax.random.split(jax.random.fold_in(key, number), theirs.shape)
    return jax.vmap(jax.vmap(move))(keys, *standing, theirs)


@partial(jax.jit, static_argnames="game")
def _reduced(steps: Sequence[_Step], *, game: AgentGame) -> Encounters:
    """What came of one inner episode; leaves lead with ``meta_batch``."""
    environment = game.environment
    record, cooperation = jax.tree.map(lambda *leaves: jnp.stack(leaves, 1), *steps)
    outcomes, by_step = (
        jax.vmap(partial(measure, environment=environment))(record) for measure in (outcomes_of, outcomes_by_step)
    )
    if not isinstance(environment, MemoryOneGame):
        return Encounters(outcomes, by_step, cooperation=None, visits=None)
    sums, visits = by_outcome(cooperation, environment.outcome(record.state))
    return Encounters(outcomes, by_step, sums.sum((1, 2)), visits.sum((1, 2)))
