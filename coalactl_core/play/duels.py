"""Duels: meta-episodes of two players of any kind, in either seat; who learns within a meta-episode does so.

Training and evaluation know an ego agent and a co-player (:mod:`coalactl_core.play.rollout`); in a league both seats
are taken by trained networks, naive learners or strategies. What is here is written for one duel and mapped over many;
B environments run in lockstep, as in training (§2.3).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key, Num

from coalactl_core.envs.base import Environment, RecallsEnds
from coalactl_core.layout.sharding import Shards
from coalactl_core.loops.steps import scan_steps
from coalactl_core.nets.policy import Policy
from coalactl_core.opponents import automata
from coalactl_core.opponents.seam import Coplayer
from coalactl_core.play.outcomes import outcomes_of
from coalactl_core.play.rollout import recalling_of, sight_of
from coalactl_core.types import (
    FORGOTTEN,
    SHARED,
    EnvironmentState,
    Experience,
    Learner,
    NaiveHyperparameters,
    Params,
    PolicyCarry,
)

# Duels that are played at once on a device: what they work on should stay in the cache of a CPU.
AT_ONCE = 8


class DuelSide(NamedTuple):
    """How a player plays, the static part: by a network, which may learn between inner episodes, or by an automaton.

    ``policy`` is None where the player is a fixed strategy, ``coplayer`` where it does not learn.
    """

    observe: Callable[[EnvironmentState, int], Num[Array, "*features"]]
    policy: Policy | None = None
    coplayer: Coplayer | None = None


class Player(NamedTuple):
    """How a player plays, the numbers: its network's parameters, or a strategy's automaton (:class:`Automata`).

    ``crossing``: how its memory crosses from one inner episode to the next. ``hyper``: how it learns (None: not).
    """

    params: Params
    crossing: Int[Array, "*lead"]
    hyper: NaiveHyperparameters | None = None


class Duel(NamedTuple):
    """The static side of a duel: the game, who sits where, how many trajectories (B) and inner episodes (M)."""

    environment: Environment
    sides: tuple[DuelSide, DuelSide]
    batch_size: int
    inner_episodes: int

    @property
    def recalling(self) -> RecallsEnds | None:
        """The environment if its inner episodes start with a view of how the one before ended."""
        return recalling_of(self.environment)


class DuelState(NamedTuple):
    """What goes on from one inner episode to the next; memories and ``last`` states lead with ``batch``."""

    learners: tuple[Learner, Learner]
    memories: tuple[PolicyCarry, PolicyCarry]
    last: EnvironmentState | None


class DuelRecord(NamedTuple):
    """One step of one trajectory; ``state`` is the environment's before it."""

    state: EnvironmentState
    actions: Int[Array, "*lead players"]
    rewards: Float[Array, "*lead players"]
    events: Any


@partial(jax.jit, static_argnames=("duel", "shards"))
def play_duels(
    keys: Key[Array, "duels"], players: tuple[Player, Player], *, duel: Duel, shards: Shards
) -> dict[str, Float[Array, "duels players"]]:
    """Measures of each duel, means over its meta-episode: rewards a step, and what the environment describes.

    Players lead with the duels. Each duel has a key of its own, so that it does not depend on those beside it. The
    devices of the shards divide the number of duels.
    """

    def play_one(one: tuple[Key[Array, ""], tuple[Player, Player]]) -> dict[str, Float[Array, "players"]]:
        return jax.tree.map(lambda leaf: jnp.mean(leaf, 0), play_duel(*one, duel))

    def play_part(keys: Key[Array, "part"], players: tuple[Player, Player]) -> dict[str, Float[Array, "part players"]]:
        return jax.lax.map(play_one, (keys, players), batch_size=AT_ONCE)

    return shards.spread(shards.each(play_part, axes=(0, 0)))(keys, players)


def play_duel(
    key: Key[Array, ""], players: tuple[Player, Player], duel: Duel
) -> dict[str, Float[Array, "inner_episodes players"]]:
    """The measures of each inner episode of one meta-episode."""
    return play_meta_episode(key, players, fresh(players, duel), duel, keep=lambda _: None)[1][1]


def play_meta_episode(
    key: Key[Array, ""],
    players: tuple[Player, Player],
    start: DuelState,
    duel: Duel,
    *,
    keep: Callable[[DuelRecord], Any],
) -> tuple[DuelState, tuple[Any, dict[str, Float[Array, "inner_episodes players"]]]]:
    """Where both stand after it, and of each inner episode what ``keep`` takes of its steps, and the measures."""
    prepared = prepared_of(players, duel)

    def inner_episode(
        standing: DuelState, key: Key[Array, ""]
    ) -> tuple[DuelState, tuple[Any, dict[str, Float[Array, "players"]]]]:
        after, records = play_inner_episode(key, players, prepared, standing, duel)
        first, second = (_learnt(player, players, after.learners, records, duel) for player in range(2))
        return after._replace(learners=(first, second)), (keep(records), outcomes_of(records, duel.environment))

    return jax.lax.scan(inner_episode, start, jax.random.split(key, duel.inner_episodes))


def fresh(players: tuple[Player, Player], duel: Duel) -> DuelState:
    """Where both stand before the first inner episode."""
    recalling = duel.recalling
    first, second = (
        Learner(player.params) if side.coplayer is None else side.coplayer.init(player.params)
        for side, player in zip(duel.sides, players, strict=True)
    )
    return DuelState(
        learners=(first, second),
        memories=_fresh_memories(duel),
        last=None if recalling is None else _repeat(recalling.before_first, duel.batch_size),
    )


def prepared_of(players: tuple[Player, Player], duel: Duel) -> tuple[Any, Any]:
    """What those who do not learn act by; None of the others, who prepare in each inner episode."""
    uses = duel.inner_episodes * duel.batch_size * duel.environment.episode_length
    first, second = (
        side.policy.prepare(player.params, uses) if side.policy is not None and side.coplayer is None else None
        for side, player in zip(duel.sides, players, strict=True)
    )
    return first, second


def play_inner_episode(
    key: Key[Array, ""],
    players: tuple[Player, Player],
    prepared: tuple[Any, Any],
    standing: DuelState,
    duel: Duel,
) -> tuple[DuelState, DuelRecord]:
    """T steps of B trajectories, in which nobody learns; records lead with (episode_steps, batch)."""
    environment, batch = duel.environment, duel.batch_size
    reset_key, play_key = jax.random.split(key)
    keys = jax.random.split(play_key, (environment.episode_length, batch))
    states = jax.vmap(environment.reset)(jax.random.split(reset_key, batch))
    if duel.recalling is not None:
        states = jax.vmap(duel.recalling.recall)(states, standing.last)
    acting = tuple(_acting(player, prepared, standing.learners, duel) for player in range(2))
    step = partial(_step, acting, standing.learners, players, duel=duel)

    def advance(moment: tuple[Any, Any], keys: Key[Array, "batch"]) -> tuple[tuple[Any, Any], DuelRecord]:
        return jax.vmap(step)(keys, *moment)

    memories = _at_start(players, standing.memories, duel)
    (states, memories), records = scan_steps(advance, (states, memories), keys, at_once=10)
    last = None if duel.recalling is None else states
    return standing._replace(memories=memories, last=last), records


def seen_by(player: int, crossing: Int[Array, ""], duel: Duel) -> Callable[[EnvironmentState], Num[Array, "*features"]]:
    """What a player takes in of a state; who knows the inner episode alone does not see how the one before ended."""
    return sight_of(player, duel.sides[player].observe, duel.recalling, crossing == FORGOTTEN)


def _acting(player: int, prepared: tuple[Any, Any], learners: tuple[Learner, Learner], duel: Duel) -> Any:
    side, params = duel.sides[player], learners[player].params
    if side.policy is None:
        return params
    if prepared[player] is not None:
        return prepared[player]
    return side.policy.prepare(params, duel.batch_size * duel.environment.episode_length)


def _step(
    acting: tuple[Any, Any],
    learners: tuple[Learner, Learner],
    players: tuple[Player, Player],
    key: Key[Array, ""],
    state: EnvironmentState,
    memories: tuple[PolicyCarry, PolicyCarry],
    *,
    duel: Duel,
) -> tuple[tuple[EnvironmentState, tuple[PolicyCarry, PolicyCarry]], DuelRecord]:
    """One simultaneous move in one trajectory."""
    *action_keys, environment_key = jax.random.split(key, 3)
    actions, remembered = [], []
    for player, (side, numbers) in enumerate(zip(duel.sides, players, strict=True)):
        seen = seen_by(player, numbers.crossing, duel)(state)
        key, mind = action_keys[player], (acting[player], learners[player], memories[player])
        logits, memory = _decide(key, side, numbers, mind, seen)
        actions.append(jax.random.categorical(key, logits))
        remembered.append(memory)
    taken = jnp.stack(actions)
    after, rewards, events = duel.environment.step(environment_key, state, taken)
    record = DuelRecord(state=state, actions=taken.astype(jnp.int8), rewards=rewards, events=events)
    first, second = (_moved(player, acting[player], remembered[player], after, duel) for player in range(2))
    return (after, (first, second)), record


def _decide(
    key: Key[Array, ""], side: DuelSide, player: Player, mind: tuple[Any, Learner, PolicyCarry], seen: Num[Array, "..."]
) -> tuple[Float[Array, "actions"], PolicyCarry]:
    """Logits of the next action, and what is remembered."""
    acting, learner, memory = mind
    if side.policy is None:
        return automata.log_probs(acting, memory), memory
    output, memory = side.policy.step(acting, seen, memory)
    if side.coplayer is None:
        return side.policy.acting_logits(key, acting, memory, output), memory
    if side.coplayer.behave is None or player.hyper is None:
        return output.logits, memory
    return side.coplayer.behave(learner, seen, output, player.hyper), memory


def _moved(player: int, acting: Any, memory: PolicyCarry, after: EnvironmentState, duel: Duel) -> PolicyCarry:
    """A strategy's memory after it has seen what came of a step; a network's is as it was."""
    side = duel.sides[player]
    return memory if side.policy is not None else automata.moved(acting, memory, side.observe(after, player))


def _learnt(
    player: int, players: tuple[Player, Player], learners: tuple[Learner, Learner], records: DuelRecord, duel: Duel
) -> Learner:
    """A player after it has learnt from an inner episode, if it is one that learns."""
    coplayer, hyper = duel.sides[player].coplayer, players[player].hyper
    if coplayer is None or hyper is None:
        return learners[player]
    return coplayer.update(learners[player], experience_of(player, players, records, duel), hyper)


def experience_of(player: int, players: tuple[Player, Player], records: DuelRecord, duel: Duel) -> Experience:
    """What a player learns from; records lead with (steps, batch)."""
    see = seen_by(player, players[player].crossing, duel)
    return Experience(
        jax.vmap(jax.vmap(see))(records.state), records.actions[..., player], records.rewards[..., player]
    )


def _at_start(
    players: tuple[Player, Player], memories: tuple[PolicyCarry, PolicyCarry], duel: Duel
) -> tuple[PolicyCarry, PolicyCarry]:
    """Memories at the start of an inner episode: fresh ones of those who know that alone, one of those who share it."""
    first, second = (
        _crossed(player.crossing, old, new, side)
        for player, side, new, old in zip(players, duel.sides, _fresh_memories(duel), memories, strict=True)
    )
    return first, second


def _crossed(crossing: Int[Array, ""], memory: PolicyCarry, fresh: PolicyCarry, side: DuelSide) -> PolicyCarry:
    shared = memory if side.policy is None else side.policy.share(memory)
    choices = [crossing == FORGOTTEN, crossing == SHARED]
    return jax.tree.map(lambda new, one, old: jnp.select(choices, [new, one], old), fresh, shared, memory)


def _fresh_memories(duel: Duel) -> tuple[PolicyCarry, PolicyCarry]:
    first, second = (automata.START if side.policy is None else side.policy.initial_carry() for side in duel.sides)
    return _repeat(first, duel.batch_size), _repeat(second, duel.batch_size)


def _repeat(tree: Any, count: int) -> Any:
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), tree)
