"""Meta-episodes: inner episodes one after the other, with a co-player that may learn in between.

At every inner-episode boundary the environments reset; a naive co-player starts its memory afresh and learns
from its own B trajectories. The ego agent's memory is carried through all M inner episodes, unless its rule says
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, Key, Num

from coalactl_core.loops.chunks import map_in_chunks
from coalactl_core.opponents.automata import STATE
from coalactl_core.opponents.starts import begun
from coalactl_core.play.outcomes import outcomes_of
from coalactl_core.play.rollout import Record, Rollout, Seat, crossed, play_inner_episode
from coalactl_core.types import (
    FORGOTTEN,
    NAIVE,
    SHARED,
    EnvironmentState,
    Experience,
    Learner,
    NaiveHyperparameters,
    Opponents,
    Pairing,
    Params,
    Played,
    PolicyCarry,
    Tree,
)


def play_meta_episodes(
    key: Key[Array, ""],
    ego_params: Params,
    opponents: Opponents,
    hyper: NaiveHyperparameters,
    rollout: Rollout,
    keep: Callable[[Pairing, Record], Any],
) -> Played:
    """One agent's meta-episodes of one iteration, each device its part of them; leaves lead with ``meta_batch``.

    ``keep`` takes what is needed from each inner episode's start and records (meta_batch, episode_steps, batch). Every
    (opponent, trajectory, inner episode) has a random key of its own.
    """

    def keep_all(start: Pairing, records: Record) -> tuple[Any, dict[str, Float[Array, "meta_batch players"]]]:
        return keep(start, records), jax.vmap(partial(outcomes_of, environment=rollout.environment))(records)

    keys = jax.random.split(key, (rollout.inner_episodes, opponents.kind.shape[0]))
    play = partial(_play_part, ego_params=ego_params, hyper=hyper, rollout=rollout, keep=keep_all)
    (kept, outcomes), learners = rollout.shards.each(play, axes=(1, 0))(keys, opponents)
    return Played(kept, outcomes, learners)


def first_trajectory(start: Pairing, records: Record) -> Record:
    """Of inner episodes all steps of the first of the B trajectories; both players' actions and rewards."""
    del start
    return jax.tree.map(lambda leaf: leaf[:, :, 0], records)


def _play_part(
    keys: Key[Array, "inner_episodes meta_batch"],
    opponents: Opponents,
    *,
    ego_params: Params,
    hyper: NaiveHyperparameters,
    rollout: Rollout,
    keep: Callable[[Pairing, Record], Tree],
) -> tuple[Tree, Learner | None]:
    """The meta-episodes of one device: what is kept of them, and learners that had begun before as they are then."""
    count = opponents.kind.shape[0]
    own, others = rollout.seats
    fresh = {
        seat: _repeat(_repeat(seat.policy.initial_carry(), rollout.batch_size), count)
        for seat in dict.fromkeys(rollout.seats)
    }
    ego_fresh, coplayer_fresh = (fresh[seat] for seat in rollout.seats)
    last = None
    if rollout.recalling is not None:
        last = _repeat(_repeat(rollout.recalling.before_first, rollout.batch_size), count)
    pairs = Pairing(
        learner=begun(opponents.learner, opponents.number, rollout.naive),
        ego_carry=ego_fresh,
        coplayer_carry=coplayer_fresh,
        last=last,
        strategy_state=None if opponents.automata is None else jnp.zeros((count, rollout.batch_size), STATE),
    )
    is_naive = opponents.kind == NAIVE
    # What is learnt from the only inner episode is never played.
    teaches = rollout.learns and (rollout.inner_episodes > 1 or opponents.learner.opt_state is not None)
    acting_params = rollout.policy.prepare(
        ego_params, keys.size * rollout.batch_size * rollout.environment.episode_length
    )

    def inner_episode(pairs: Pairing, keys: Key[Array, "meta_batch"]) -> tuple[Pairing, Tree]:
        start = pairs._replace(
            ego_carry=_crossed(pairs.ego_carry, ego_fresh, own),
            coplayer_carry=_crossed_by_opponents(pairs.coplayer_carry, coplayer_fresh, opponents, others),
            strategy_state=_crossed_by_strategies(pairs.strategy_state, opponents),
        )
        play = jax.vmap(partial(play_inner_episode, acting_params, hyper=hyper, rollout=rollout))
        moment, records = play(keys, opponents, start)
        learners = pairs.learner
        if teaches:
            learners = _learn(learners, records, is_naive, hyper, rollout)
        pairs = Pairing(
            learner=learners,
            ego_carry=moment.ego_carry,
            coplayer_carry=moment.coplayer_carry,
            last=None if rollout.recalling is None else moment.state,
            strategy_state=moment.strategy_state,
        )
        return pairs, keep(start, records)

    end, kept = jax.lax.scan(inner_episode, pairs, keys)
    learners = None if opponents.learner.opt_state is None else end.learner
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), kept), learners


def _crossed(memory: PolicyCarry, fresh: PolicyCarry, seat: Seat) -> PolicyCarry:
    """Memories of one seat at the start of an inner episode; they lead with (meta_batch, batch)."""
    return jax.vmap(partial(crossed, seat=seat))(memory, fresh)


def _crossed_by_opponents(memory: PolicyCarry, fresh: PolicyCarry, opponents: Opponents, seat: Seat) -> PolicyCarry:
    """The same of co-players, who may differ in how their memories cross."""
    if opponents.crossing is None:
        return _select(opponents.kind == NAIVE, fresh, _crossed(memory, fresh, seat))
    shared = _select(opponents.crossing == SHARED, jax.vmap(seat.policy.share)(memory), memory)
    return _select(opponents.crossing == FORGOTTEN, fresh, shared)


def _crossed_by_strategies(
    state: Int[Array, "meta_batch batch"] | None, opponents: Opponents
) -> Int[Array, "meta_batch batch"] | None:
    """States of fixed strategies at the start of an inner episode: as they were, or the first one."""
    if state is None or opponents.automata is None:
        return None
    carried = opponents.automata.carried
    return jnp.where(carried.reshape(carried.shape[0], -1), state, jnp.zeros_like(state))


def _learn(
    learners: Learner,
    records: Record,
    is_naive: Bool[Array, "meta_batch"],
    hyper: NaiveHyperparameters,
    rollout: Rollout,
) -> Learner:
    """The naive co-players' updates, in chunks that see what was observed; other opponents stay as they are."""
    observe: Callable[[EnvironmentState], Num[Array, "*lead"]] = jax.vmap(jax.vmap(rollout.seen_by(1, True)))

    def update(pair: tuple[Learner, Record]) -> Learner:
        learner, record = pair
        experience = Experience(observe(record.state), record.actions[..., 1], record.rewards[..., 1])
        return rollout.naive.update(learner, experience, hyper)

    updated = map_in_chunks(update, (learners, records), chunk=rollout.naive_chunk)
    return _select(is_naive, updated, learners)


def _repeat(tree: Tree, count: int) -> Tree:
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), tree)


def _select(mask: Bool[Array, "meta_batch"], chosen: Tree, otherwise: Tree) -> Tree:
    return jax.tree.map(
        lambda new, old: jnp.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old), chosen, otherwise
    )
