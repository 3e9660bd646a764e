"""What a policy is, how it is unrolled along a batch of sequences, and its parameters as one vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Key, Num, Shaped

from coalactl_core.loops.chunks import fitting_chunk
from coalactl_core.types import Params, PolicyCarry

Prepared = Any


class PolicyOutput(NamedTuple):
    """Action logits, and the value in rescaled rewards."""

    logits: Float[Array, "*lead actions"]
    value: Float[Array, "*lead"]


def _as_they_are(params: Params, uses: int) -> Prepared:
    del uses
    return params


# The stream of an action's key that is decided with, beside the one that the action is drawn with.
_DECIDING = 7
Observation = Num[Array, "*features"]
Observations = Num[Array, "steps *features"]
Resets = Bool[Array, "steps"] | None
# Memories lead with the batch whose members share them.
Share = Callable[[PolicyCarry], PolicyCarry]
# From a key, what is prepared, the memory after the observation and what came of it, to the logits to act by.
Decide = Callable[[Key[Array, ""], Prepared, PolicyCarry, "PolicyOutput"], Float[Array, "actions"]]
Step = Callable[[Prepared, Observation, PolicyCarry], tuple[PolicyOutput, PolicyCarry]]
Unpack = Callable[[Float[Array, "parameters"]], Params]
Unroll = Callable[[Prepared, Observations, PolicyCarry, Resets], tuple[PolicyOutput, PolicyCarry]]


def _means(carry: PolicyCarry) -> PolicyCarry:
    def mean(leaf: Shaped[Array, "batch *leaf"]) -> Shaped[Array, "batch *leaf"]:
        is_number = jnp.issubdtype(leaf.dtype, jnp.floating)
        return jnp.broadcast_to(jnp.mean(leaf, 0), leaf.shape) if is_number else leaf

    return jax.tree.map(mean, carry)


class Policy(NamedTuple):
    """A recurrent actor-critic for one sequence, as pure functions.

    ``init(key)`` gives parameters, ``initial_carry()`` the memory of a fresh start. ``prepare(params, uses)`` does the
    work that parameters need only once for about so many steps; it is differentiated through.
    ``step(prepared, observation, carry)`` acts; ``unroll(prepared, observations, carry, resets)`` gives the same
    outputs for a whole sequence, starting afresh at each step where ``resets`` is true (None: nowhere inside).
    ``takes_indices``: observations are numbers of the environment's vocabulary instead of features. ``share(carries)``
    makes the memories of a batch of sequences one; without it floating-point numbers become their means.
    ``decide``: how a trained agent acts that does not do so by its logits alone, one who plans, say (None: by these).
    """

    init: Callable[[Key[Array, ""]], Params]
    initial_carry: Callable[[], PolicyCarry]
    step: Step
    unroll: Unroll
    prepare: Callable[[Params, int], Prepared] = _as_they_are
    takes_indices: bool = False
    share: Share = _means
    decide: Decide | None = None

    def acting_logits(
        self, key: Key[Array, ""], prepared: Prepared, carry: PolicyCarry, output: PolicyOutput
    ) -> Float[Array, "actions"]:
        """The logits that a trained agent draws its action from with this key, after a step that gave the rest."""
        if self.decide is None:
            return output.logits
        return self.decide(jax.random.fold_in(key, _DECIDING), prepared, carry, output)


def unroll_from_start(
    policy: Policy, prepared: Prepared, observations: Num[Array, "steps batch *features"], *, copies: int = 1
) -> PolicyOutput:
    """Outputs along a batch of sequences, each from a fresh start; leaves lead with (steps, batch)."""
    return unroll_from(policy, prepared, observations, _fresh(policy, observations.shape[1]), copies=copies)


def unroll_from(
    policy: Policy,
    prepared: Prepared,
    observations: Num[Array, "steps batch *features"],
    carry: PolicyCarry,
    *,
    copies: int = 1,
) -> PolicyOutput:
    """Outputs along a batch of sequences, each from its own memory; leaves lead with (steps, batch).

    With several ``copies`` of what is prepared, each is read by a part of the batch and gets a gradient of its own.
    """
    return _unrolled(policy, prepared, observations, carry, copies=copies)[0]


def unroll_sharing(
    policy: Policy,
    prepared: Prepared,
    observations: Num[Array, "steps batch *features"],
    *,
    every: int,
    sharing: int,
    copies: int = 1,
) -> PolicyOutput:
    """Outputs along a batch of sequences from a fresh start, of which so many at a time are ``sharing`` their memory.

    They do so after ``every`` so many steps. Each sequence is differentiated through what all that it shares with saw.
    """
    steps, batch = observations.shape[:2]

    def along(carry: PolicyCarry, seen: Num[Array, "every batch *features"]) -> tuple[PolicyCarry, PolicyOutput]:
        output, carry = _unrolled(policy, prepared, seen, carry, copies=copies)
        together = jax.tree.map(lambda leaf: leaf.reshape(batch // sharing, sharing, *leaf.shape[1:]), carry)
        shared = jax.vmap(policy.share)(together)
        return jax.tree.map(lambda leaf, like: leaf.reshape(like.shape), shared, carry), output

    parts = observations.reshape(steps // every, every, *observations.shape[1:])
    output = jax.lax.scan(along, _fresh(policy, batch), parts)[1]
    return jax.tree.map(lambda leaf: leaf.reshape(steps, *leaf.shape[2:]), output)


def _fresh(policy: Policy, batch: int) -> PolicyCarry:
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *leaf.shape)), policy.initial_carry())


def _unrolled(
    policy: Policy,
    prepared: Prepared,
    observations: Num[Array, "steps batch *features"],
    carry: PolicyCarry,
    *,
    copies: int,
) -> tuple[PolicyOutput, PolicyCarry]:
    """Outputs that lead with (steps, batch), and memories after the last step."""

    def unroll(
        prepared: Prepared, observations: Num[Array, "part steps *features"], carry: PolicyCarry
    ) -> tuple[PolicyOutput, PolicyCarry]:
        unroll_one: Callable[..., tuple[PolicyOutput, PolicyCarry]] = jax.vmap(
            lambda seen, carry: policy.unroll(prepared, seen, carry, None)
        )
        return unroll_one(observations, carry)

    # Each sequence in one piece of memory: its recurrence then needs no copies in another order.
    observations = jnp.swapaxes(observations, 0, 1)
    copies = fitting_chunk(observations.shape[0], copies)
    if copies > 1:
        prepared = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (copies, *leaf.shape)), prepared)
        parts = jax.tree.map(lambda leaf: leaf.reshape(copies, -1, *leaf.shape[1:]), (observations, carry))
        unrolled = jax.vmap(unroll)(prepared, *parts)
        output, after = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), unrolled)
    else:
        output, after = unroll(prepared, observations, carry)
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), output), after


def packed(policy: Policy) -> tuple[Policy, Unpack]:
    """The same policy with all parameters in one vector, and the function that names them again.

    Optimiser steps, choices between agents and sums of gradients are then one operation each instead of one for each
    of some twenty small arrays, which decides the speed of naive updates and the time of compilation.
    """
    unpack = _unpack_of(policy)
    return (
        policy._replace(
            init=lambda key: jax.flatten_util.ravel_pytree(policy.init(key))[0],
            prepare=lambda params, uses: policy.prepare(unpack(params), uses),
        ),
        unpack,
    )


def on_numbers(policy: Policy, vocabulary: Float[np.ndarray, "vocabulary features"]) -> Policy:
    """The same policy for numbers of observations, of which it takes in the rows of a vocabulary."""

    def step(prepared: Prepared, observation: Observation, carry: PolicyCarry) -> tuple[PolicyOutput, PolicyCarry]:
        return policy.step(prepared, jnp.asarray(vocabulary, float)[observation], carry)

    def unroll(
        prepared: Prepared, observations: Observations, carry: PolicyCarry, resets: Resets
    ) -> tuple[PolicyOutput, PolicyCarry]:
        return policy.unroll(prepared, jnp.asarray(vocabulary, float)[observations], carry, resets)

    return policy._replace(step=step, unroll=unroll, takes_indices=True)


def _unpack_of(policy: Policy) -> Unpack:
    """From a vector to the named parameters; made while shapes are found, so that nothing is computed."""
    found: list[Unpack] = []

    def flatten(key: Key[Array, ""]) -> Float[Array, "parameters"]:
        vector, unpack = jax.flatten_util.ravel_pytree(policy.init(key))
        found.append(unpack)
        return vector

    jax.eval_shape(flatten, jax.random.key(0))
    return found[0]


def as_sequences_of_one(unroll: Unroll) -> Step:
    """Acting is learning on a sequence of length 1, so that the two cannot drift apart."""

    def step(prepared: Prepared, observation: Observation, carry: PolicyCarry) -> tuple[PolicyOutput, PolicyCarry]:
        output, carry = unroll(prepared, observation[None], carry, None)
        return jax.tree.map(lambda leaf: leaf[0], output), carry

    return step
