"""The batched co-player shaping POMDP (§2.3): who plays what and how, and one inner episode of it.

B environments run in lockstep against one co-player; :mod:`coalactl_core.play.meta_episodes` goes from one inner
episode to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, Key, Num

from coalactl_core.envs.base import Environment, RecallsEnds, TellsStrategies
from coalactl_core.layout.sharding import Shards
from coalactl_core.loops.steps import scan_steps
from coalactl_core.nets.policy import Policy
from coalactl_core.opponents import automata
from coalactl_core.opponents.seam import Coplayer
from coalactl_core.types import (
    CARRIED,
    FIXED,
    FORGOTTEN,
    META,
    NAIVE,
    SHARED,
    EnvironmentState,
    NaiveHyperparameters,
    Opponents,
    Pairing,
    Params,
    PolicyCarry,
)


class Seat(NamedTuple):
    """How a player plays: its policy, and ``observe``, which gives what that takes, features or numbers.

    ``crossing``: how its memory crosses from one inner episode to the next; a naive one's is forgotten in any seat.
    """

    observe: Callable[[EnvironmentState, int], Num[Array, "*features"]]
    policy: Policy
    crossing: int = CARRIED


class Rollout(NamedTuple):
    """The static side of play: the environment, who sits where, how many trajectories and inner episodes there are.

    ``observe``, ``policy`` and ``crossing`` are the ego agent's, and both players' where ``coplayer`` is None;
    ``naive``: how naive co-players learn; ``learns``: whether the pool has some. ``meets_agents``: whether co-players
    may be trained agents, who act as their policy decides. Naive ones do so where they never learn, after the only
    inner episode: they are trained ones of another run.
    """

    environment: Environment
    observe: Callable[[EnvironmentState, int], Num[Array, "*features"]]
    policy: Policy
    batch_size: int
    inner_episodes: int
    naive: Coplayer
    naive_chunk: int
    learns: bool
    shards: Shards = Shards()
    coplayer: Seat | None = None
    crossing: int = CARRIED
    meets_agents: bool = True

    @property
    def seats(self) -> tuple[Seat, Seat]:
        """Those of the ego agent and of the co-player."""
        ego = Seat(observe=self.observe, policy=self.policy, crossing=self.crossing)
        return ego, self.coplayer or ego

    @property
    def recalling(self) -> RecallsEnds | None:
        """The environment if its inner episodes start with a view of how the one before ended."""
        return recalling_of(self.environment)

    def sight(self, player: int, opponent: Opponents) -> Callable[[EnvironmentState], Num[Array, "*features"]]:
        """What a player takes in of a state, in a meeting with one opponent.

        Who knows the inner episode alone does not see how the one before ended.
        """
        return self.seen_by(player, self.forgetting(opponent)[player])

    def seen_by(
        self, player: int, forgets: Bool[Array, ""] | bool
    ) -> Callable[[EnvironmentState], Num[Array, "*features"]]:
        """What a player takes in of a state, who forgets or not."""
        return sight_of(player, self.seats[player].observe, self.recalling, forgets)

    def forgetting(self, opponents: Opponents) -> tuple[bool, Bool[Array, "*meta_batch"]]:
        """Whether the ego agent knows the inner episode alone, and which opponents do."""
        return self.seats[0].crossing == FORGOTTEN, self.crossing_of(opponents) == FORGOTTEN

    def crossing_of(self, opponents: Opponents) -> Int[Array, "*meta_batch"]:
        """How opponents' memories cross from one inner episode to the next."""
        if opponents.crossing is not None:
            return opponents.crossing
        return jnp.where(opponents.kind == NAIVE, FORGOTTEN, self.seats[1].crossing)


def crossed(memory: PolicyCarry, fresh: PolicyCarry, seat: Seat) -> PolicyCarry:
    """Memories of one seat at the start of the next inner episode; they lead with the batch, and so do fresh ones."""
    if seat.crossing == FORGOTTEN:
        return fresh
    return seat.policy.share(memory) if seat.crossing == SHARED else memory


def recalling_of(environment: Environment) -> RecallsEnds | None:
    """The environment if its inner episodes start with a view of how the one before ended."""
    return environment if isinstance(environment, RecallsEnds) and environment.recalls else None


def sight_of(
    player: int,
    observe: Callable[[EnvironmentState, int], Num[Array, "*features"]],
    recalling: RecallsEnds | None,
    forgets: Bool[Array, ""] | bool,
) -> Callable[[EnvironmentState], Num[Array, "*features"]]:
    """What a player takes in of a state; who forgets does not see how the inner episode before ended."""
    if recalling is None:
        return lambda state: observe(state, player)

    def see(state: EnvironmentState) -> Num[Array, "*features"]:
        return observe(jax.tree.map(partial(jnp.where, forgets), recalling.forget(state), state), player)

    return see


class Moment(NamedTuple):
    """What goes on across the steps of one inner episode, for one trajectory.

    ``strategy_state``: the co-player's as a fixed strategy, None in a pool without them.
    """

    state: EnvironmentState
    ego_carry: PolicyCarry
    coplayer_carry: PolicyCarry
    strategy_state: Int[Array, "*batch"] | None


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


def play_inner_episode(
    ego_params: Params,
    key: Key[Array, ""],
    opponent: Opponents,
    pair: Pairing,
    *,
    hyper: NaiveHyperparameters,
    rollout: Rollout,
) -> tuple[Moment, Record]:
    """T steps of B trajectories against one opponent; records lead with (episode_steps, batch)."""
    if (opponent.automata is None) != (pair.strategy_state is None):
        raise ValueError("fixed strategies and their states go together")
    reset_key, play_key = jax.random.split(key)
    trajectory_keys = jax.random.split(play_key, (rollout.environment.episode_length, rollout.batch_size))
    states = jax.vmap(rollout.environment.reset)(jax.random.split(reset_key, rollout.batch_size))
    if rollout.recalling is not None:
        states = jax.vmap(rollout.recalling.recall)(states, pair.last)
    coplayer_params = rollout.seats[1].policy.prepare(
        pair.learner.params, rollout.batch_size * rollout.environment.episode_length
    )
    opponent = opponent._replace(learner=pair.learner)
    each_its_own = opponent.automata is not None and opponent.automata.carried.ndim == 1
    if isinstance(rollout.environment, TellsStrategies) and opponent.automata is not None:
        told = jnp.where(opponent.kind == FIXED, opponent.automata.cooperation, -1.0)
        states = jax.vmap(rollout.environment.tell, in_axes=(0, 0 if each_its_own else None))(states, told)
    axes = Opponents._make(0 if name == "automata" else None for name in Opponents._fields) if each_its_own else None
    step = jax.vmap(partial(_step, ego_params, coplayer_params, hyper=hyper, rollout=rollout), in_axes=(axes, 0, 0))

    def advance(moment: Moment, keys: Key[Array, "batch"]) -> tuple[Moment, Record]:
        return step(opponent, keys, moment)

    start = Moment(states, pair.ego_carry, pair.coplayer_carry, pair.strategy_state)
    return scan_steps(advance, start, trajectory_keys, at_once=10)


def _step(
    ego_params: Params,
    coplayer_params: Params,
    opponent: Opponents,
    key: Key[Array, ""],
    moment: Moment,
    *,
    hyper: NaiveHyperparameters,
    rollout: Rollout,
) -> tuple[Moment, Record]:
    """One simultaneous move in one trajectory."""
    environment, (own, others) = rollout.environment, rollout.seats
    ego_key, coplayer_key, environment_key = jax.random.split(key, 3)
    seen, theirs = (rollout.sight(player, opponent)(moment.state) for player in range(2))
    ego, ego_carry = own.policy.step(ego_params, seen, moment.ego_carry)
    coplayer, coplayer_carry = others.policy.step(coplayer_params, theirs, moment.coplayer_carry)
    own_logits, behaviour = own.policy.acting_logits(ego_key, ego_params, ego_carry, ego), coplayer.logits
    if rollout.meets_agents and others.policy.decide is not None:
        decided = others.policy.acting_logits(coplayer_key, coplayer_params, coplayer_carry, coplayer)
        trained = opponent.kind != FIXED if rollout.inner_episodes == 1 else opponent.kind == META
        behaviour = jnp.where(trained, decided, behaviour)
    if rollout.learns and rollout.naive.behave is not None:
        explored = rollout.naive.behave(opponent.learner, theirs, coplayer, hyper)
        behaviour = jnp.where(opponent.kind == NAIVE, explored, behaviour)
    logits = _coplayer_logits(behaviour, moment, opponent)
    actions = jnp.stack([jax.random.categorical(ego_key, own_logits), jax.random.categorical(coplayer_key, logits)])
    state, rewards, events = environment.step(environment_key, moment.state, actions)
    record = Record(
        state=moment.state,
        actions=actions.astype(jnp.int8),
        rewards=rewards,
        events=events,
        log_prob=jax.nn.log_softmax(own_logits)[actions[0]],
        value=ego.value,
    )
    return Moment(state, ego_carry, coplayer_carry, _strategy_moved(moment, state, opponent, environment)), record


def _coplayer_logits(
    behaviour: Float[Array, "actions"], moment: Moment, opponent: Opponents
) -> Float[Array, "actions"]:
    """Those of a network, or the log-probabilities of a fixed strategy."""
    if opponent.automata is None or moment.strategy_state is None:
        return behaviour
    strategy = automata.log_probs(opponent.automata, moment.strategy_state)
    return jnp.where(opponent.kind == FIXED, strategy, behaviour)


def _strategy_moved(
    moment: Moment, state: EnvironmentState, opponent: Opponents, environment: Environment
) -> Int[Array, ""] | None:
    """The state of a fixed strategy after a step, by what it sees of it: the last one of an inner episode as well."""
    if opponent.automata is None or moment.strategy_state is None:
        return None
    return automata.moved(opponent.automata, moment.strategy_state, environment.observe(state, 1))
