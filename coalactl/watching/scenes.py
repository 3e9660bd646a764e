"""What is looked at: one trajectory of a meta-episode, as arrays of the host, and who played it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.evaluation.contestants import Contestant
from coalactl.evaluation.lineups import Opponent
from coalactl_core.envs.base import Environment
from coalactl_core.layout.sharding import Shards
from coalactl_core.opponents.population import opponents_of
from coalactl_core.play import evaluation
from coalactl_core.play.rollout import Record, Rollout
from coalactl_core.types import META, NAIVE

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
    learner = contestant.learners[opponent.learner]
    rollout = _rollout(contestant, agent, opponent)._replace(learns=naive, naive=learner.coplayer, shards=Shards())
    theirs = contestant.naive[opponent.number] if naive else contestant.agents[opponent.number].params
    met = opponents_of(jnp.asarray([NAIVE if naive else META]), jnp.asarray([opponent.number]), theirs[None])
    key = jax.random.fold_in(jax.random.key(seed), contestant.entry.experiment.run.seed)
    record: Any = evaluation.watch(key, contestant.agents[agent].params, met, learner.hyper, rollout=rollout)
    return Scenes(
        record=jax.tree.map(lambda leaf: np.asarray(leaf)[0], record),
        environment=rollout.environment,
        names=(f"agent {agent}", _name(agent, opponent)),
    )


def _rollout(contestant: Contestant, agent: int, opponent: Opponent) -> Rollout:
    """As both play, of whom one may know the inner episode alone."""
    rollout = contestant.rollouts[agent]
    if opponent.kind == "naive":
        return rollout
    return rollout._replace(coplayer=contestant.agents[opponent.number].seat)


def _name(agent: int, opponent: Opponent) -> str:
    if opponent.kind == "naive":
        return f"naive learner {opponent.name}"
    return "its copy" if opponent.number == agent else f"agent {opponent.number}"
