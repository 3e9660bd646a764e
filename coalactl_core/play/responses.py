"""Best responses: a learner trained against one frozen player, in the second seat. What it earns in the end bounds
from below how exploitable that player is.

A response at the naive settings learns after each inner episode and remembers nothing of the one before, as a naive
co-player does, but keeps what it has learnt from one meta-episode to the next. One with memory plays whole
meta-episodes and learns from each of them at once, by the same algorithm.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key, Shaped

from coalactl_core.layout.sharding import Shards
from coalactl_core.play.duels import (
    AT_ONCE,
    Duel,
    DuelRecord,
    Player,
    experience_of,
    fresh,
    play_meta_episode,
)
from coalactl_core.types import CARRIED, FORGOTTEN, Learner


@partial(jax.jit, static_argnames=("duel", "remembers", "meta_episodes", "shards"))
def train_responses(
    keys: Key[Array, "duels"],
    players: tuple[Player, Player],
    *,
    duel: Duel,
    remembers: bool,
    meta_episodes: int,
    shards: Shards,
) -> Float[Array, "duels meta_episodes"]:
    """What responses earn a step in each meta-episode of their training; players lead with the duels.

    The second player of each duel learns, from its parameters on. The devices divide the number of duels.
    """
    train = partial(train_response, duel=duel, remembers=remembers, meta_episodes=meta_episodes)

    def train_part(keys: Key[Array, "part"], players: tuple[Player, Player]) -> Float[Array, "part meta_episodes"]:
        return jax.lax.map(lambda one: train(*one), (keys, players), batch_size=AT_ONCE)

    return shards.spread(shards.each(train_part, axes=(0, 0)))(keys, players)


def train_response(
    key: Key[Array, ""], players: tuple[Player, Player], *, duel: Duel, remembers: bool, meta_episodes: int
) -> Float[Array, "meta_episodes"]:
    """What one response earns a step in each meta-episode of its training."""
    coplayer, hyper = duel.sides[1].coplayer, players[1].hyper
    if coplayer is None or hyper is None:
        raise ValueError("the second player of the duel is to learn")
    acting = duel
    if remembers:  # It does not learn within the meta-episode, and it learns as who acts by logits.
        policy = duel.sides[1].policy
        plain = None if policy is None else policy._replace(decide=None)
        acting = duel._replace(sides=(duel.sides[0], duel.sides[1]._replace(coplayer=None, policy=plain)))
    keep = _all if remembers else _nothing
    response = players[1]._replace(crossing=jnp.asarray(CARRIED if remembers else FORGOTTEN))

    def meta_episode(learner: Learner, key: Key[Array, ""]) -> tuple[Learner, Float[Array, ""]]:
        own = players[0], response._replace(params=learner.params)
        start = fresh(own, acting)
        start = start._replace(learners=(start.learners[0], learner))
        after, (records, outcomes) = play_meta_episode(key, own, start, acting, keep=keep)
        learnt = after.learners[1]
        if remembers:
            learnt = coplayer.update(learner, experience_of(1, own, _joined(records), acting), hyper)
        return learnt, jnp.mean(outcomes["reward"][:, 1])

    keys = jax.random.split(key, meta_episodes)
    return jax.lax.scan(meta_episode, coplayer.init(response.params), keys)[1]


def _all(records: DuelRecord) -> DuelRecord | None:
    return records


def _nothing(records: DuelRecord) -> DuelRecord | None:
    del records
    return None


def _joined(records: Any) -> Any:
    """The inner episodes of a meta-episode as one: (inner_episodes, episode_steps) as (steps,)."""

    def join(leaf: Shaped[Array, "inner_episodes episode_steps *rest"]) -> Shaped[Array, "steps *rest"]:
        return leaf.reshape(-1, *leaf.shape[2:])

    return jax.tree.map(join, records)
