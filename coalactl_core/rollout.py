"""The batched co-player shaping POMDP (§2.3): B environments in lockstep, and a co-player that may learn in between.

At every inner-episode boundary the environments reset; a naive co-player starts its memory afresh and takes one A2C
step on its own B trajectories. The ego agent's memory is carried through all M inner episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Bool, Float, Int, Key, Num, Shaped

from coalactl_core.chunks import map_in_chunks
from coalactl_core.envs.base import DerivesMeasures, Environment, RecallsEnds
from coalactl_core.loops import scan_steps
from coalactl_core.naive import naive_update
from coalactl_core.nets.policy import Policy, PolicyOutput
from coalactl_core.optimizers import Optimizer, fresh_learner
from coalactl_core.sharding import Shards
from coalactl_core.types import (
    FIXED,
    NAIVE,
    EnvironmentState,
    Experience,
    Learner,
    MetaEpisode,
    NaiveHyperparameters,
    Opponents,
    Pairing,
    Params,
    PolicyCarry,
    Trajectory,
    Tree,
)

_Outcomes = dict[str, Float[Array, "meta_batch players"]]


class Seat(NamedTuple):
    """How a player plays: its policy, and ``observe``, which gives what that takes, features or numbers.

    ``forgets``: it knows the inner episode alone, its memory starts afresh in each, as a naive co-player's in any seat.
    """

    observe: Callable[[EnvironmentState, int], Num[Array, "*features"]]
    policy: Policy
    forgets: bool = False


class Game(NamedTuple):
    """The static side of a rollout.

    ``observe``, ``policy`` and ``forgets`` are the ego agent's, and both players' where ``coplayer`` is None;
    ``learns``: whether the pool has naive co-players; ``keeps_starts``: whether meta-episodes hold their ``starts``;
    ``keeps_optimizers``: whether naive co-players' optimisers go on from one meta-episode to the next.
    """

    environment: Environment
    observe: Callable[[EnvironmentState, int], Num[Array, "*features"]]
    policy: Policy
    batch_size: int
    inner_episodes: int
    naive_optimizer: Optimizer
    naive_chunk: int
    learns: bool
    shards: Shards = Shards()
    coplayer: Seat | None = None
    forgets: bool = False
    keeps_starts: bool = False
    keeps_optimizers: bool = False

    @property
    def seats(self) -> tuple[Seat, Seat]:
        """Those of the ego agent and of the co-player."""
        ego = Seat(observe=self.observe, policy=self.policy, forgets=self.forgets)
        return ego, self.coplayer or ego

    @property
    def recalling(self) -> RecallsEnds | None:
        """The environment if its inner episodes start with a view of how the one before ended."""
        environment = self.environment
        return environment if isinstance(environment, RecallsEnds) and environment.recalls else None

    def sight(self, player: int, kind: Int[Array, ""] | int) -> Callable[[EnvironmentState], Num[Array, "*features"]]:
        """What a player takes in of a state; ``kind`` is the co-player's.

        Who knows the inner episode alone does not see how the one before ended.
        """
        seat, recalling = self.seats[player], self.recalling
        if recalling is None:
            return lambda state: seat.observe(state, player)
        forgets = jnp.logical_or(seat.forgets, jnp.logical_and(player == 1, kind == NAIVE))

        def see(state: EnvironmentState) -> Num[Array, "*features"]:
            visible = jax.tree.map(partial(jnp.where, forgets), recalling.forget(state), state)
            return seat.observe(visible, player)

        return see


class Moment(NamedTuple):
    """What goes on across the steps of one inner episode, for one trajectory."""

    state: EnvironmentState
    ego_carry: PolicyCarry
    coplayer_carry: PolicyCarry


class Record(NamedTuple):
    """One step of one trajectory, before what the learners and the report need is taken from it.

    ``state`` is the environment's before the step; the log-probability and the value are the ego agent's.
    """

    state: EnvironmentState
    actions: Int[Array, "*lead players"]
    rewards: Float[Array, "*lead players"]
    events: Any
    log_prob: Float[Array, "*lead"]
    value: Float[Array, "*lead"]


def play_meta_episodes(
    key: Key[Array, ""], ego_params: Params, opponents: Opponents, hyper: NaiveHyperparameters, game: Game
) -> MetaEpisode:
    """One agent's meta-episodes of one iteration, each device its part of them; leaves lead with ``meta_batch``.

    Every (opponent, trajectory, inner episode) has a random key of its own.
    """

    def keep(start: Pairing, records: Record) -> tuple[Trajectory, _Outcomes, Pairing | None]:
        return _ego_trajectory(records), _outcomes(records, game), start if game.keeps_starts else None

    (trajectory, outcomes, starts), opt_state = _play(key, ego_params, opponents, hyper, game, keep)
    # (meta_batch, episodes, episode_steps, batch) becomes (meta_batch, steps, batch).
    trajectory = jax.tree.map(_join_steps, trajectory)
    return MetaEpisode(trajectory, outcomes, starts, opt_state)


def record_meta_episodes(
    key: Key[Array, ""], ego_params: Params, opponents: Opponents, hyper: NaiveHyperparameters, game: Game
) -> Record:
    """All steps of the first of the B trajectories, of what :func:`play_meta_episodes` plays with the same arguments.

    Both players' actions and rewards, states and events; leaves lead with (meta_batch, inner_episodes, episode_steps).
    """

    def keep(start: Pairing, records: Record) -> Record:
        del start
        return jax.tree.map(lambda leaf: leaf[:, :, 0], records)

    return _play(key, ego_params, opponents, hyper, game, keep)[0]


def _play(
    key: Key[Array, ""],
    ego_params: Params,
    opponents: Opponents,
    hyper: NaiveHyperparameters,
    game: Game,
    keep: Callable[[Pairing, Record], Tree],
) -> tuple[Tree, optax.OptState | None]:
    """What is kept of each inner episode's start and records (meta_batch, episode_steps, batch).

    Also the opponents' optimiser states at the end, if they had one at the start. Both lead with ``meta_batch``.
    """
    keys = jax.random.split(key, (game.inner_episodes, opponents.kind.shape[0]))
    play = partial(_play_part, ego_params=ego_params, hyper=hyper, game=game, keep=keep)
    return game.shards.each(play, axes=(1, 0))(keys, opponents)


def _play_part(
    keys: Key[Array, "inner_episodes meta_batch"],
    opponents: Opponents,
    *,
    ego_params: Params,
    hyper: NaiveHyperparameters,
    game: Game,
    keep: Callable[[Pairing, Record], Tree],
) -> tuple[Tree, optax.OptState | None]:
    """The meta-episodes of one device."""
    count = opponents.kind.shape[0]
    own, others = game.seats
    fresh = {
        seat: _repeat(_repeat(seat.policy.initial_carry(), game.batch_size), count)
        for seat in dict.fromkeys(game.seats)
    }
    ego_fresh, coplayer_fresh = (fresh[seat] for seat in game.seats)
    learners = jax.vmap(partial(fresh_learner, game.naive_optimizer))(opponents.params)
    if opponents.opt_state is not None:
        learners = learners._replace(opt_state=opponents.opt_state)
    last = None
    if game.recalling is not None:
        last = _repeat(_repeat(game.recalling.before_first, game.batch_size), count)
    pairs = Pairing(learner=learners, ego_carry=ego_fresh, coplayer_carry=coplayer_fresh, last=last)
    is_naive = opponents.kind == NAIVE
    acting_params = game.policy.prepare(ego_params, keys.size * game.batch_size * game.environment.episode_length)

    def inner_episode(pairs: Pairing, keys: Key[Array, "meta_batch"]) -> tuple[Pairing, Tree]:
        coplayer_carry = _select(is_naive, coplayer_fresh, pairs.coplayer_carry)
        start = pairs._replace(
            ego_carry=ego_fresh if own.forgets else pairs.ego_carry,
            coplayer_carry=coplayer_fresh if others.forgets else coplayer_carry,
        )
        play = jax.vmap(partial(play_inner_episode, acting_params, game=game))
        moment, records = play(keys, opponents, start)
        learners = pairs.learner
        if game.learns:
            learners = _learn(learners, records, is_naive, hyper, game)
        pairs = Pairing(
            learner=learners,
            ego_carry=moment.ego_carry,
            coplayer_carry=moment.coplayer_carry,
            last=None if game.recalling is None else moment.state,
        )
        return pairs, keep(start, records)

    end, kept = jax.lax.scan(inner_episode, pairs, keys)
    opt_state = None if opponents.opt_state is None else end.learner.opt_state
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), kept), opt_state


def play_inner_episode(
    ego_params: Params, key: Key[Array, ""], opponent: Opponents, pair: Pairing, *, game: Game
) -> tuple[Moment, Record]:
    """T steps of B trajectories against one opponent; records lead with (episode_steps, batch)."""
    reset_key, play_key = jax.random.split(key)
    trajectory_keys = jax.random.split(play_key, (game.environment.episode_length, game.batch_size))
    states = jax.vmap(game.environment.reset)(jax.random.split(reset_key, game.batch_size))
    if game.recalling is not None:
        states = jax.vmap(game.recalling.recall)(states, pair.last)
    coplayer_params = game.seats[1].policy.prepare(
        pair.learner.params, game.batch_size * game.environment.episode_length
    )
    step = partial(_step, ego_params, coplayer_params, opponent, game=game)

    def advance(moment: Moment, keys: Key[Array, "batch"]) -> tuple[Moment, Record]:
        return jax.vmap(step)(keys, moment)

    start = Moment(states, pair.ego_carry, pair.coplayer_carry)
    return scan_steps(advance, start, trajectory_keys, at_once=10)


def _step(
    ego_params: Params,
    coplayer_params: Params,
    opponent: Opponents,
    key: Key[Array, ""],
    moment: Moment,
    *,
    game: Game,
) -> tuple[Moment, Record]:
    """One simultaneous move in one trajectory."""
    environment, (own, others) = game.environment, game.seats
    ego_key, coplayer_key, environment_key = jax.random.split(key, 3)
    seen, theirs = (game.sight(player, opponent.kind)(moment.state) for player in range(2))
    ego, ego_carry = own.policy.step(ego_params, seen, moment.ego_carry)
    coplayer, coplayer_carry = others.policy.step(coplayer_params, theirs, moment.coplayer_carry)
    forgotten = moment.state if game.recalling is None else game.recalling.forget(moment.state)
    logits = _coplayer_logits(coplayer, environment.observe(forgotten, 1), opponent)
    actions = jnp.stack([jax.random.categorical(ego_key, ego.logits), jax.random.categorical(coplayer_key, logits)])
    state, rewards, events = environment.step(environment_key, moment.state, actions)
    record = Record(
        state=moment.state,
        actions=actions.astype(jnp.int8),
        rewards=rewards,
        events=events,
        log_prob=jax.nn.log_softmax(ego.logits)[actions[0]],
        value=ego.value,
    )
    return Moment(state, ego_carry, coplayer_carry), record


def _coplayer_logits(
    network: PolicyOutput, observation: Float[Array, "observations"], opponent: Opponents
) -> Float[Array, "actions"]:
    """The network's logits, or the log-probabilities in a fixed strategy's table."""
    if opponent.tables is None:
        return network.logits
    return jnp.where(opponent.kind == FIXED, jnp.log(observation @ opponent.tables), network.logits)


def _learn(
    learners: Learner, records: Record, is_naive: Bool[Array, "meta_batch"], hyper: NaiveHyperparameters, game: Game
) -> Learner:
    """The naive co-players' updates, in chunks that see what was observed; other opponents stay as they are."""
    policy = game.seats[1].policy
    observe: Callable[[EnvironmentState], Num[Array, "*lead"]] = jax.vmap(jax.vmap(game.sight(1, NAIVE)))

    def update(pair: tuple[Learner, Record]) -> Learner:
        learner, record = pair
        experience = Experience(observe(record.state), record.actions[..., 1], record.rewards[..., 1])
        return naive_update(learner, experience, hyper, policy=policy, optimizer=game.naive_optimizer)

    updated = map_in_chunks(update, (learners, records), chunk=game.naive_chunk)
    return _select(is_naive, updated, learners)


def _ego_trajectory(records: Record) -> Trajectory:
    return Trajectory(
        states=records.state,
        actions=records.actions[..., 0],
        rewards=records.rewards[..., 0],
        log_probs=records.log_prob,
        values=records.value,
    )


def _outcomes(records: Record, game: Game) -> _Outcomes:
    """Measures of one inner episode: means of rewards and of what the environment describes, and what it derives."""
    environment = game.environment
    describe = jax.vmap(jax.vmap(jax.vmap(environment.describe)))
    measures = {"reward": records.rewards, **describe(records.state, records.actions, records.events)}
    means = {name: jnp.mean(values, (1, 2)) for name, values in measures.items()}
    return means | jax.vmap(environment.derive)(means) if isinstance(environment, DerivesMeasures) else means


def _repeat(tree: Tree, count: int) -> Tree:
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), tree)


def _select(mask: Bool[Array, "meta_batch"], chosen: Tree, otherwise: Tree) -> Tree:
    return jax.tree.map(
        lambda new, old: jnp.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old), chosen, otherwise
    )


def _join_steps(
    leaf: Shaped[Array, "meta_batch inner_episodes episode_steps *rest"],
) -> Shaped[Array, "meta_batch steps *rest"]:
    return leaf.reshape(leaf.shape[0], leaf.shape[1] * leaf.shape[2], *leaf.shape[3:])
