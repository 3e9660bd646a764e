"""A trained agent as programs of StableHLO with its parameters in them, which JAX calls without this package.

They are written by :mod:`jax.export`. Memories are dictionaries of arrays there, so that whoever reads them needs to
know no types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Num, Shaped

from coalactl_core.play.agents import Agent
from coalactl_core.play.rollout import crossed
from coalactl_core.types import PolicyCarry

PLATFORMS = ("cpu", "cuda")

NamedMemory: TypeAlias = dict[str, Shaped[Array, "batch ..."]]


def exported(agent: Agent, batch: int | None = None, platforms: Sequence[str] = PLATFORMS) -> dict[str, bytes]:
    """Each program's bytes by name; all lead with the batch, of whatever size unless ``batch`` is given.

    ``start(observation)`` is the memory of fresh starts, one for each observation. ``act(observation, memory)`` gives
    the probabilities of actions, as :meth:`Agent.probabilities` does, and the memory after the observation.
    ``next_episode(memory)`` is the memory at the start of the next inner episode. An observation is an int32 where the
    game numbers them, else float32 features.
    """
    size = jax.export.symbolic_shape("batch")[0] if batch is None else batch
    fresh = jax.eval_shape(agent.seat.policy.initial_carry)
    memory = {name: jax.ShapeDtypeStruct((size, *leaf.shape), leaf.dtype) for name, leaf in _named(fresh).items()}
    features = () if agent.game.vocabulary is not None else (agent.game.environment.observation_size,)
    seen = jax.ShapeDtypeStruct((size, *features), jnp.float32 if features else jnp.int32)

    def start(observation: Num[Array, "batch *features"]) -> NamedMemory:
        return _named(_starts(agent, observation.shape[0]))

    def act(
        observation: Num[Array, "batch *features"], memory: NamedMemory
    ) -> tuple[Float[Array, "batch actions"], NamedMemory]:
        logits, after = jax.vmap(agent.decide)(observation, _unnamed(memory, fresh))
        return jax.nn.softmax(logits), _named(after)

    def next_episode(memory: NamedMemory) -> NamedMemory:
        before = _unnamed(memory, fresh)
        count = next((leaf.shape[0] for leaf in memory.values()), 1)
        return _named(crossed(before, _starts(agent, count), agent.seat))

    programs: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "start": (start, (seen,)),
        "act": (act, (seen, memory)),
        "next_episode": (next_episode, (memory,)),
    }
    return {
        name: bytes(jax.export.export(jax.jit(function), platforms=platforms)(*arguments).serialize())
        for name, (function, arguments) in programs.items()
    }


def memory_of(agent: Agent) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and types of a memory by name, without the batch."""
    return _named(jax.eval_shape(agent.seat.policy.initial_carry))


def _starts(agent: Agent, count: Any) -> PolicyCarry:
    """Memories of fresh starts; the count may be a symbol."""
    fresh = agent.seat.policy.initial_carry()
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), fresh)


def _named(memory: PolicyCarry) -> dict[str, Any]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(memory)
    return {jax.tree_util.keystr(path, simple=True, separator=".") or "memory": leaf for path, leaf in leaves}


def _unnamed(memory: NamedMemory, like: PolicyCarry) -> PolicyCarry:
    """The memory with the structure of another."""
    return jax.tree.unflatten(jax.tree.structure(like), [memory[name] for name in _named(like)])
