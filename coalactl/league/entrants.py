"""Who plays, as numbers that play: the trained agents of each seed, learners' initialisations, strategies' tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.configuration import plain
from coalactl.engines import sequence_engine_for, with_open_compute
from coalactl.errors import UserError
from coalactl.evaluation.contestants import Contestant, contestants_of
from coalactl.evaluation.learners import built, learning_by, numbers_of, of_sequence
from coalactl.league.definition import FIVE_SEEDS, Definition, EntrantConfig
from coalactl.league.groups import EntrantGroup, Gathered
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.memory_one import classic
from coalactl_core.configuration.strategies import RANDOM_TABULAR, bare
from coalactl_core.envs.base import Environment, MemoryOneGame
from coalactl_core.errors import ConfigurationError
from coalactl_core.opponents.automata import crossing, is_memory_one, padded
from coalactl_core.opponents.strategies import KEY, Strategy, find_strategy
from coalactl_core.play.duels import DuelSide, Player
from coalactl_core.play.rollout import Rollout
from coalactl_core.types import FORGOTTEN


class LoadedEntrant(NamedTuple):
    """One who plays: how, and of each seed the agents of that training, one after the other.

    ``players`` lead with seeds times ``agents``; ``about`` is what ``league.json`` says of it.
    """

    name: str
    kind: str
    seeds: tuple[int, ...]
    agents: int
    side: DuelSide
    players: Player
    about: Mapping[str, Any]


class LeagueGame(NamedTuple):
    """What is played, and meta-episodes' sizes."""

    environment: Environment
    batch_size: int
    inner_episodes: int
    about: Mapping[str, Any]


class Assembled(NamedTuple):
    """All who play, and what; ``responder`` is the learner that best responses are trained from."""

    game: LeagueGame
    entrants: tuple[LoadedEntrant, ...]
    responder: LoadedEntrant


Sides = dict[str, DuelSide]
"""By what makes a program: those of one network, or of one way of learning with it, are the same."""


def check_players(gathered: Gathered) -> None:
    """Raises :class:`UserError` where a learner cannot play the game, or there is no such strategy.

    Nothing has been trained or written yet.
    """
    for group in gathered.groups:
        if group.kind == "learner":
            built(_learning(group, gathered.experiment))
        elif group.kind == "strategy":
            sizes = gathered.experiment.rollout
            _find(group, episode_length=sizes.inner_episode_length, inner_episodes=sizes.inner_episodes)


def assemble(definition: Definition, gathered: Gathered) -> Assembled:
    """All who play, from the newest checkpoints of their runs; raises :class:`UserError`."""
    rollout = sequence_engine_for(_laid_out(gathered.experiment)).pieces.rollout
    sizes, play = gathered.experiment.rollout, definition.play
    game = LeagueGame(
        environment=rollout.environment,
        batch_size=play.batch_size or sizes.batch_size,
        inner_episodes=play.inner_episodes or sizes.inner_episodes,
        about={
            **plain(gathered.experiment)["environment"],
            "inner_episode_length": sizes.inner_episode_length,
            "batch_size": play.batch_size or sizes.batch_size,
            "inner_episodes": play.inner_episodes or sizes.inner_episodes,
        },
    )
    rollout = rollout._replace(batch_size=game.batch_size, inner_episodes=game.inner_episodes)
    sides: Sides = {}
    contestants = contestants_of([entry for group in gathered.groups for entry in group.entries], None)
    taken = iter(contestants)
    entrants = []
    for group in gathered.groups:
        own = [next(taken) for _ in group.entries]
        entrants.append(_BUILDERS[group.kind](group, own, gathered.experiment, rollout, sides))
    first = EntrantConfig(learner=gathered.experiment.naive.algorithm, seeds=FIVE_SEEDS[:1])
    responder = _of_learner(EntrantGroup("response", first), [], gathered.experiment, rollout, sides)
    return Assembled(game, tuple(_of_one_program(entrants)), responder)


def _of_runs(
    group: EntrantGroup, own: Sequence[Contestant], experiment: SequenceExperiment, rollout: Rollout, sides: Sides
) -> LoadedEntrant:
    del experiment, rollout
    own = sorted(own, key=lambda each: each.entry.experiment.run.seed)
    seeds = tuple(each.entry.experiment.run.seed for each in own)
    if len(set(seeds)) < len(seeds):
        raise UserError(
            f"entrant {group.name!r}: several of its runs have seed {max(seeds, key=seeds.count)}; name each once"
        )
    agents = [agent for each in own for agent in each.agents]
    seat = agents[0].seat
    params = np.stack([np.asarray(agent.params) for agent in agents])
    runs = [
        {"run": each.entry.label, "step": each.step, "parameters": _digest(part)}
        for each, part in zip(own, np.split(params, len(own)), strict=True)
    ]
    return LoadedEntrant(
        name=group.name,
        kind="run",
        seeds=seeds,
        agents=len(own[0].agents),
        side=sides.setdefault(_network(own[0].entry.experiment), DuelSide(seat.observe, seat.policy)),
        players=Player(params, jnp.asarray([agent.seat.crossing for agent in agents])),
        about={"runs": runs},
    )


def _of_learner(
    group: EntrantGroup, own: Sequence[Contestant], experiment: SequenceExperiment, rollout: Rollout, sides: Sides
) -> LoadedEntrant:
    """A learner's seeds are its initialisations: it is trained anew in every meta-episode."""
    del own, rollout
    learning = _learning(group, experiment)
    play, naive = built(learning), learning.naive
    key = json.dumps([_network(learning), *naive.static_choices], default=str)
    seeds = group.config.seeds
    params = jax.vmap(play.policy.init)(jnp.stack([jax.random.key(seed) for seed in seeds]))
    return LoadedEntrant(
        name=group.name,
        kind="learner",
        seeds=seeds,
        agents=1,
        side=sides.setdefault(key, DuelSide(play.observe, play.policy, play.naive)),
        players=_repeated(Player(params, jnp.asarray(FORGOTTEN), numbers_of(learning)), len(seeds)),
        about={"naive": naive.model_dump()},
    )


def _of_strategy(
    group: EntrantGroup, own: Sequence[Contestant], experiment: SequenceExperiment, rollout: Rollout, sides: Sides
) -> LoadedEntrant:
    """An automaton; random ones have as many as seeds."""
    del own, experiment
    environment = rollout.environment
    seeds = group.config.seeds if bare(group.config.strategy) == RANDOM_TABULAR else FIVE_SEEDS[:1]
    strategy = _find(
        group,
        episode_length=environment.episode_length,
        inner_episodes=rollout.inner_episodes,
        known=classic(environment.payoffs) if isinstance(environment, MemoryOneGame) else {},
    )
    automata = jax.tree.map(np.asarray, jax.vmap(strategy.draw)(jnp.stack([jax.random.key(seed) for seed in seeds])))
    about: dict[str, Any] = {"cooperation": np.round(automata.cooperation, 6).tolist()}
    if not is_memory_one(automata):
        about |= {"following": automata.following.tolist(), "carried": automata.carried.tolist()}
    return LoadedEntrant(
        name=group.name,
        kind="strategy",
        seeds=seeds,
        agents=1,
        side=sides.setdefault("strategy", DuelSide(environment.observe)),
        players=Player(automata, crossing(automata)),
        about=about,
    )


_BUILDERS: Mapping[str, Callable[..., LoadedEntrant]] = {
    "run": _of_runs,
    "learner": _of_learner,
    "strategy": _of_strategy,
}


def _of_one_program(entrants: Sequence[LoadedEntrant]) -> list[LoadedEntrant]:
    """Strategies with as many states as the largest has."""
    states = max((one.players.params.cooperation.shape[-1] for one in entrants if one.kind == "strategy"), default=0)

    def same(entrant: LoadedEntrant) -> LoadedEntrant:
        players = entrant.players
        if entrant.kind != "strategy":
            return entrant
        return entrant._replace(players=players._replace(params=padded(players.params, states)))

    return [same(entrant) for entrant in entrants]


def _find(group: EntrantGroup, **sizes: Any) -> Strategy:
    try:
        return find_strategy(group.config.strategy, **sizes)
    except ConfigurationError as error:
        raise UserError(f"entrant {group.name!r}: {str(error).replace(KEY, 'strategy')}") from error


def _learning(group: EntrantGroup, experiment: SequenceExperiment) -> SequenceExperiment:
    """The league's experiment with a learner's algorithm and numbers."""
    return learning_by(experiment, group.config.learner, group.config.set, f"entrant {group.name!r}")


def _laid_out(experiment: SequenceExperiment) -> SequenceExperiment:
    """Laid out for the machine at hand."""
    return of_sequence(with_open_compute(experiment))


def _network(experiment: SequenceExperiment) -> str:
    return json.dumps(experiment.network.model_dump(), sort_keys=True)


def _repeated(player: Player, count: int) -> Player:
    """With what is the same for all on the axis of players."""

    def repeat(leaf: Any) -> Any:
        return jnp.broadcast_to(leaf, (count, *jnp.shape(leaf)))

    hyper = None if player.hyper is None else jax.tree.map(repeat, player.hyper)
    return player._replace(crossing=repeat(player.crossing), hyper=hyper)


def _digest(params: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(params).tobytes()).hexdigest()[:16]
