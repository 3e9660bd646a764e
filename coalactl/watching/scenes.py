"""What is looked at: one trajectory of a meta-episode, as arrays of the host, and who played it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.evaluation.contestants import Contestant
from coalactl.evaluation.lineups import Opponent
from coalactl_core import evaluation
from coalactl_core.envs.base import Environment
from coalactl_core.rollout import Record
from coalactl_core.sharding import Shards
from coalactl_core.types import META, NAIVE, Opponents

PLAYERS = ("A", "B")


class Scenes(NamedTuple):
    """One trajectory: leaves of ``record`` lead with (inner_episodes, episode_steps), ``names`` with the players."""

    record: Record
    environment: Environment
    names: tuple[str, str]

    @property
    def inner_episodes(self) -> int:
        """How many there are."""
        return len(self.record.actions)

    def of_episode(self, number: int) -> Record:
        """The steps of one inner episode."""
        record: Record = jax.tree.map(lambda leaf: leaf[number], self.record)
        return record


def play(contestant: Contestant, agent: int, opponent: Opponent, seed: int) -> Scenes:
    """A meta-episode of one of the run's agents; a naive opponent learns from all B trajectories, of which one is kept.

    Random numbers depend on the seed and the run's own seed.
    """
    naive = opponent.kind == "naive"
    game = contestant.engine.pieces.game._replace(learns=naive, shards=Shards())
    met = Opponents(
        kind=jnp.asarray([NAIVE if naive else META]),
        number=jnp.asarray([opponent.number]),
        params=jax.tree.map(lambda leaf: leaf[opponent.number][None], contestant.naive if naive else contestant.agents),
        tables=None,
    )
    ego = jax.tree.map(lambda leaf: leaf[agent], contestant.agents)
    key = jax.random.fold_in(jax.random.key(seed), contestant.entry.experiment.run.seed)
    record: Any = evaluation.watch(key, ego, met, contestant.hyper, game=game)
    return Scenes(
        record=jax.tree.map(lambda leaf: np.asarray(leaf)[0], record),
        environment=game.environment,
        names=(f"agent {agent}", _name(agent, opponent)),
    )


def _name(agent: int, opponent: Opponent) -> str:
    if opponent.kind == "naive":
        return f"naive learner {opponent.number}"
    return "its copy" if opponent.number == agent else f"agent {opponent.number}"
