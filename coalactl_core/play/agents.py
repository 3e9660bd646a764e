"""Trained agents that play wherever somebody calls them on an observation: pure functions of parameters and memory.

What is here is what training plays by (:mod:`coalactl_core.play.rollout`): a policy that goes from observation and
memory to action and memory, and a rule for how memory crosses from one inner episode to the next. An action is drawn
from the policy's probabilities, as in training; nobody learns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key, Num

from coalactl_core.play.agent_games import AgentGame
from coalactl_core.play.rollout import Seat, crossed
from coalactl_core.types import SHARED, Params, PolicyCarry


@dataclass(frozen=True, eq=False)
class Agent:
    """A trained agent: ``number`` of its run's meta agents, after ``step`` iterations of training.

    ``seat``: how it plays, the static part. ``params``: its policy's. ``game``: what it plays, as it sees that.
    Observations and memories may lead with any axes, the same for both; the last of them is the batch whose members an
    agent that shares its memory (:data:`~coalactl_core.types.SHARED`) shares it with.
    """

    number: int
    step: int
    game: AgentGame
    seat: Seat
    params: Params

    def start(self, batch_shape: int | Sequence[int] = ()) -> PolicyCarry:
        """The memory of a fresh start; its leaves lead with the axes of ``batch_shape``, by default none."""
        lead = (batch_shape,) if isinstance(batch_shape, int) else tuple(batch_shape)
        return _fresh(seat=self.seat, lead=lead)

    def act(self, key: Any, observation: Any, memory: PolicyCarry) -> tuple[Int[Array, "*lead"], PolicyCarry]:
        """An action for each observation, and the memory after it.

        ``observation`` is a number or an array of numbers where the game numbers what is seen; of other games an array
        of features, its last axis. Numbers that lie on a device already are taken as they are, whether they stand for
        something or not. ``key`` is one that is split for all, or leads with the same axes: then each has its own.

        Raises:
            ValueError: the observation or the key has another shape, or the memory is none of this agent's.
        """
        observation, lead = self._checked(observation, memory)
        key = _typed(key)
        if key.shape not in {(), lead}:
            raise ValueError(f"key: leading axes {key.shape} given; use one key, or keys with the axes {lead}")
        return _act(self.params, key, observation, memory, seat=self.seat, game=self.game)

    def probabilities(self, observation: Any, memory: PolicyCarry) -> Float[Array, "*lead actions"]:
        """The probabilities that :meth:`act` draws from; the memory is what it was before the observation.

        Of an agent that decides by random numbers, as one that plans does, they are those of one key.

        Raises:
            ValueError: as :meth:`act` does.
        """
        observation, _ = self._checked(observation, memory)
        return _probabilities(self.params, observation, memory, seat=self.seat, game=self.game)

    def decide(
        self, observation: Num[Array, "*features"], memory: PolicyCarry
    ) -> tuple[Float[Array, "actions"], PolicyCarry]:
        """Logits of the actions, and the memory after one observation: what the others are made of, unchecked."""
        return _decided(self.params, jax.random.key(0), observation, memory, self.seat, self.game)

    def next_episode(self, memory: PolicyCarry) -> PolicyCarry:
        """The memory at the start of the next inner episode, by the agent's rule.

        It goes on, starts afresh, or becomes the mean over the batch, the last of the leading axes.

        Raises:
            ValueError: the memory is none of this agent's.
        """
        lead = self._lead_of(memory)
        if self.seat.crossing != SHARED:
            return crossed(memory, self.start(lead), self.seat)
        return _shared(memory, seat=self.seat, axes=len(lead))

    def player(self, seed: int) -> AgentPlayer:
        """The agent as one player that keeps its own memory, for loops in plain Python."""
        return AgentPlayer(self, seed)

    @cached_property
    def _one_memory(self) -> PolicyCarry:
        """Shapes and types of a memory without leading axes."""
        return jax.eval_shape(self.seat.policy.initial_carry)

    def _checked(self, observation: Any, memory: PolicyCarry) -> tuple[Any, tuple[int, ...]]:
        """The observation as an array, and its leading axes, which are the memory's."""
        observation = _checked(observation, self.game)
        lead = observation.shape if self.game.vocabulary is not None else observation.shape[:-1]
        of_memory = self._lead_of(memory)
        if jax.tree.leaves(memory) and of_memory != lead:
            raise ValueError(
                f"observation: leading axes {lead} given, with a memory of {of_memory}; both lead with the same axes, "
                f"begin with agent.start({lead})"
            )
        return observation, lead

    def _lead_of(self, memory: PolicyCarry) -> tuple[int, ...]:
        """The axes that a memory leads with."""
        given = jax.tree.leaves(memory)
        own = jax.tree.leaves(self._one_memory)
        lead = np.shape(given[0])[: np.ndim(given[0]) - own[0].ndim] if given and own else ()
        form: Any = jax.tree.structure(memory)
        if form != jax.tree.structure(self._one_memory) or any(
            np.shape(one) != (*lead, *like.shape) for one, like in zip(given, own, strict=True)
        ):
            raise ValueError("memory: none of this agent's given; begin with agent.start()")
        return lead


class AgentPlayer:
    """An agent as one player with a memory of its own: Python numbers in and out.

    ``seed`` decides what it draws; its memory begins afresh. Who shares a memory with a batch is alone here.
    """

    def __init__(self, agent: Agent, seed: int) -> None:
        self.agent, self.memory = agent, agent.start()
        self._key = jax.random.key(seed)

    def act(self, observation: Any) -> int:
        """The action that it takes, having seen the observation.

        Raises:
            ValueError: the observation has another shape.
        """
        agent = self.agent
        observation, _ = agent._checked(observation, self.memory)
        self._key, action, self.memory = _turn(
            agent.params, self._key, observation, self.memory, seat=agent.seat, game=agent.game
        )
        return int(action)

    def probabilities(self, observation: Any) -> list[float]:
        """How probable each action would be, had it seen the observation; it does not remember that."""
        return self.agent.probabilities(observation, self.memory).tolist()

    def next_episode(self) -> None:
        """The next inner episode begins."""
        self.memory = self.agent.next_episode(self.memory)

    def restart(self) -> None:
        """Another meta-episode begins: nothing is remembered."""
        self.memory = self.agent.start()


def _checked(observation: Any, game: AgentGame) -> Any:
    """The observation as an array of the right kind; numbers on the host are in the vocabulary."""
    on_host = not isinstance(observation, Array)
    seen = np.asarray(observation) if on_host else observation
    vocabulary, size = game.vocabulary, game.environment.observation_size
    if vocabulary is None:
        if seen.ndim == 0 or seen.shape[-1] != size:
            raise ValueError(f"observation: shape {seen.shape} given; {game.name} has {size} features, (..., {size})")
        return seen.astype(float) if on_host else seen
    last = len(vocabulary) - 1
    if not jnp.issubdtype(seen.dtype, jnp.integer):
        raise ValueError(
            f"observation: {seen.dtype}{list(seen.shape)} given; {game.name} numbers what is seen, use 0 to {last}"
        )
    if on_host and seen.size and not 0 <= seen.min() <= seen.max() <= last:
        raise ValueError(f"observation: {seen} given; {game.name} numbers what is seen, use 0 to {last}")
    # As environments number what is seen, so that one program does for both.
    return seen.astype(np.int8 if last < 128 else np.int32) if on_host else seen


def _typed(key: Any) -> Key[Array, "*keys"]:
    """A key of JAX's, which may be an older one, of two numbers."""
    if isinstance(key, Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key
    if np.shape(key)[-1:] != (2,):
        raise ValueError(f"key: {key!r} given; use one of JAX, jax.random.key(seed)")
    return jax.random.wrap_key_data(jnp.asarray(key, jnp.uint32))


@partial(jax.jit, static_argnames=("seat", "lead"))
def _fresh(*, seat: Seat, lead: tuple[int, ...]) -> PolicyCarry:
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*lead, *leaf.shape)), seat.policy.initial_carry())


@partial(jax.jit, static_argnames=("seat", "game"))
def _act(
    params: Params,
    key: Key[Array, "*keys"],
    observation: Num[Array, "..."],
    memory: PolicyCarry,
    *,
    seat: Seat,
    game: AgentGame,
) -> tuple[Int[Array, "*lead"], PolicyCarry]:
    lead = observation.shape[: observation.ndim - (game.vocabulary is None)]
    keys = key if key.shape == lead else jax.random.split(key, lead)
    logits, memory = _decided(params, keys, observation, memory, seat, game)
    draw: Callable[..., Int[Array, "*lead"]] = _mapped(jax.random.categorical, len(lead))
    return draw(keys, logits), memory


@partial(jax.jit, static_argnames=("seat", "game"))
def _turn(
    params: Params,
    key: Key[Array, ""],
    observation: Num[Array, "*features"],
    memory: PolicyCarry,
    *,
    seat: Seat,
    game: AgentGame,
) -> tuple[Key[Array, ""], Int[Array, ""], PolicyCarry]:
    """One move of a player, with the key for the moves after it."""
    later, now = jax.random.split(key)
    return later, *_act(params, now, observation, memory, seat=seat, game=game)


@partial(jax.jit, static_argnames=("seat", "game"))
def _probabilities(
    params: Params, observation: Num[Array, "..."], memory: PolicyCarry, *, seat: Seat, game: AgentGame
) -> Float[Array, "*lead actions"]:
    return jax.nn.softmax(_decided(params, jax.random.key(0), observation, memory, seat, game)[0])


@partial(jax.jit, static_argnames=("seat", "axes"))
def _shared(memory: PolicyCarry, *, seat: Seat, axes: int) -> PolicyCarry:
    """Memories that lead with so many axes, of which the last is the batch; one alone is a batch of one."""
    if axes == 0:
        alone = crossed(jax.tree.map(lambda leaf: leaf[None], memory), memory, seat)
        return jax.tree.map(lambda leaf: leaf[0], alone)
    share: Callable[..., PolicyCarry] = _mapped(partial(crossed, seat=seat), axes - 1)
    return share(memory, memory)


def _decided(
    params: Params,
    key: Key[Array, "*keys"],
    observation: Num[Array, "..."],
    memory: PolicyCarry,
    seat: Seat,
    game: AgentGame,
) -> tuple[Float[Array, "*lead actions"], PolicyCarry]:
    """Logits, and the memory after the observation; one key is that of all, or each has its own."""
    vocabulary, policy = game.vocabulary, seat.policy
    axes = observation.ndim - (vocabulary is None)
    if vocabulary is not None and not policy.takes_indices:
        observation = jnp.asarray(vocabulary, dtype=float)[observation]
    prepared = policy.prepare(params, math.prod(observation.shape[:axes]))

    def decide(
        key: Key[Array, ""], seen: Num[Array, "*features"], carry: PolicyCarry
    ) -> tuple[Float[Array, "actions"], PolicyCarry]:
        output, carry = policy.step(prepared, seen, carry)
        return policy.acting_logits(key, prepared, carry, output), carry

    return _mapped(decide, axes)(jnp.broadcast_to(key, observation.shape[:axes]), observation, memory)


def _mapped(function: Callable[..., Any], axes: int) -> Callable[..., Any]:
    """The function over so many leading axes of all its arguments."""
    for _ in range(axes):
        function = jax.vmap(function)
    return function
