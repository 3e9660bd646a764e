"""What a policy is, and the Hawk actor-critic of App. B.3.

Networks of other packages are named by an entry point in the group ``coalactl.networks`` or as ``module:Name``: a
function of (network configuration, observation size, number of actions, scan) that returns a :class:`Policy`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array
from jaxtyping import Bool, Float, Key, Num

from coalactl_core.chunks import fitting_chunk
from coalactl_core.config import ConfigurationError, NetworkConfig
from coalactl_core.contracts import Part, first_line, told
from coalactl_core.nets.contract import check_policy
from coalactl_core.nets.hawk import HawkBlock, HawkCarry, RMSNorm, fresh_carry, lecun_normal
from coalactl_core.nets.linear_recurrence import SCANS, Scan, linear_recurrence
from coalactl_core.nets.tabulated import (
    BeforeRecurrence,
    Letters,
    WindowCarry,
    Windows,
    coefficients,
    letters_of,
    look_up,
)
from coalactl_core.plugins import load_plugin
from coalactl_core.types import Params, PolicyCarry

Prepared = Any


class PolicyOutput(NamedTuple):
    """Action logits, and the value in rescaled rewards."""

    logits: Float[Array, "*lead actions"]
    value: Float[Array, "*lead"]


def _as_they_are(params: Params, uses: int) -> Prepared:
    del uses
    return params


Observation = Num[Array, "*features"]
Observations = Num[Array, "steps *features"]
Resets = Bool[Array, "steps"] | None
Step = Callable[[Prepared, Observation, PolicyCarry], tuple[PolicyOutput, PolicyCarry]]
Unpack = Callable[[Float[Array, "parameters"]], Params]
Unroll = Callable[[Prepared, Observations, PolicyCarry, Resets], tuple[PolicyOutput, PolicyCarry]]


class Policy(NamedTuple):
    """A recurrent actor-critic for one sequence, as pure functions.

    ``init(key)`` gives parameters, ``initial_carry()`` the memory of a fresh start. ``prepare(params, uses)`` does the
    work that parameters need only once for about so many steps; it is differentiated through.
    ``step(prepared, observation, carry)`` acts; ``unroll(prepared, observations, carry, resets)`` gives the same
    outputs for a whole sequence, starting afresh at each step where ``resets`` is true (None: nowhere inside).
    ``takes_indices``: observations are numbers of the environment's vocabulary instead of features.
    """

    init: Callable[[Key[Array, ""]], Params]
    initial_carry: Callable[[], PolicyCarry]
    step: Step
    unroll: Unroll
    prepare: Callable[[Params, int], Prepared] = _as_they_are
    takes_indices: bool = False


def build_policy(
    config: NetworkConfig,
    *,
    observation_size: int,
    num_actions: int,
    scan: str,
    vocabulary: Float[np.ndarray, "vocabulary features"] | None = None,
) -> Policy:
    """The policy of a ``[network]`` table; ``vocabulary`` holds all observations where they are a few.

    Raises:
        ConfigurationError: the network is unknown or does not give what a policy must.
    """
    if config.name == "hawk":
        if vocabulary is not None and Windows.fit(len(vocabulary)):
            return tabulated_hawk_policy(config, vocabulary, num_actions, scan)
        return hawk_policy(config, observation_size, num_actions, scan)
    build = load_plugin("network.name", config.name, group="coalactl.networks", builtin=["hawk"])
    try:
        policy = build(config, observation_size, num_actions, scan)
    except Exception as error:  # Another's code may raise anything: it is told as that network's own mistake.
        raise ConfigurationError(f"network.name: {config.name!r} builds no policy: {first_line(error)}") from error
    if not isinstance(policy, Policy):
        raise ConfigurationError(
            f"network.name: {config.name!r} gives {told(policy)}; a coalactl_core.nets.policy.Policy expected"
        )
    part = Part("network.name", config.name, getattr(build, "__module__", None) or "")
    check_policy(part, policy, observation_size=observation_size, num_actions=num_actions)
    return policy


def unroll_from_start(
    policy: Policy, prepared: Prepared, observations: Num[Array, "steps batch *features"], *, copies: int = 1
) -> PolicyOutput:
    """Outputs along a batch of sequences, each from a fresh start; leaves lead with (steps, batch)."""
    batch = observations.shape[1]
    carry = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *leaf.shape)), policy.initial_carry())
    return unroll_from(policy, prepared, observations, carry, copies=copies)


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

    def unroll(
        prepared: Prepared, observations: Num[Array, "part steps *features"], carry: PolicyCarry
    ) -> PolicyOutput:
        unroll_one: Callable[..., PolicyOutput] = jax.vmap(
            lambda seen, carry: policy.unroll(prepared, seen, carry, None)[0]
        )
        return unroll_one(observations, carry)

    # Each sequence in one piece of memory: its recurrence then needs no copies in another order.
    observations = jnp.swapaxes(observations, 0, 1)
    copies = fitting_chunk(observations.shape[0], copies)
    if copies > 1:
        prepared = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (copies, *leaf.shape)), prepared)
        parts = jax.tree.map(lambda leaf: leaf.reshape(copies, -1, *leaf.shape[1:]), (observations, carry))
        output = jax.vmap(unroll)(prepared, *parts)
        output = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), output)
    else:
        output = unroll(prepared, observations, carry)
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), output)


def hawk_policy(config: NetworkConfig, observation_size: int, num_actions: int, scan: str) -> Policy:
    """Linear embedding, Hawk blocks, RMSNorm, and linear read-outs of value and logits that start at zero."""
    network = _HawkNetwork(config=config, num_actions=num_actions, scan=SCANS[scan])

    def initial_carry() -> tuple[HawkCarry, ...]:
        return tuple(fresh_carry(config.width) for _ in range(config.depth))

    def init(key: Key[Array, ""]) -> Params:
        return network.init(key, jnp.zeros((1, observation_size)), initial_carry(), None)["params"]

    def unroll(
        params: Params, observations: Observations, carry: PolicyCarry, resets: Resets
    ) -> tuple[PolicyOutput, PolicyCarry]:
        return network.apply({"params": params}, observations, carry, resets)

    return Policy(init=init, initial_carry=initial_carry, step=_as_sequences_of_one(unroll), unroll=unroll)


class _PreparedHawk(NamedTuple):
    """Parameters with what single observations and, for long use, all windows come to."""

    params: Params
    letters: Letters
    table: BeforeRecurrence | None


def tabulated_hawk_policy(
    config: NetworkConfig, vocabulary: Float[np.ndarray, "vocabulary features"], num_actions: int, scan: str
) -> Policy:
    """The policy of :func:`hawk_policy` where observations are indices into a vocabulary; equal up to rounding."""
    plain = hawk_policy(config, vocabulary.shape[1], num_actions, scan)
    network = _HawkNetwork(config=config, num_actions=num_actions, scan=SCANS[scan])
    windows = Windows(len(vocabulary))

    def initial_carry() -> tuple[WindowCarry | HawkCarry, ...]:
        return windows.fresh_carry(config.width), *plain.initial_carry()[1:]

    def apply(method: Any, params: Params, *arguments: Any) -> Any:
        return network.apply({"params": params}, *arguments, method=method)

    def prepare(params: Params, uses: int) -> _PreparedHawk:
        letters = apply(_HawkNetwork.letters, params, jnp.asarray(vocabulary))
        table = None
        if uses >= windows.count:
            every = jnp.arange(windows.count)
            table = apply(_HawkNetwork.coefficients, params, letters, *windows.look_up(every))
        return _PreparedHawk(params=params, letters=letters, table=table)

    def unroll(
        prepared: _PreparedHawk, observations: Observations, carry: PolicyCarry, resets: Resets
    ) -> tuple[PolicyOutput, PolicyCarry]:
        numbers, past = windows.along(observations, carry[0].past, resets)
        if prepared.table is not None:
            before = look_up(prepared.table, numbers)
        else:
            before = apply(_HawkNetwork.coefficients, prepared.params, prepared.letters, *windows.look_up(numbers))
        states = linear_recurrence(before.decays, before.inputs, carry[0].recurrent, network.scan)
        output, carries = apply(_HawkNetwork.after_recurrence, prepared.params, before, states, carry[1:], resets)
        return output, (WindowCarry(recurrent=states[-1], past=past), *carries)

    return Policy(
        init=plain.init,
        initial_carry=initial_carry,
        step=_as_sequences_of_one(unroll),
        unroll=unroll,
        prepare=prepare,
        takes_indices=True,
    )


def packed(policy: Policy) -> tuple[Policy, Unpack]:
    """The same policy with all parameters in one vector, and the function that names them again.

    Optimiser steps, choices between agents and sums of gradients are then one operation each instead of one for each
    of some twenty small arrays, which decides the speed of naive updates and the time of compilation.
    """
    like = jax.eval_shape(policy.init, jax.random.key(0))
    _, unpack = jax.flatten_util.ravel_pytree(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like))
    return (
        policy._replace(
            init=lambda key: jax.flatten_util.ravel_pytree(policy.init(key))[0],
            prepare=lambda params, uses: policy.prepare(unpack(params), uses),
        ),
        unpack,
    )


def _as_sequences_of_one(unroll: Unroll) -> Step:
    """Acting is learning on a sequence of length 1, so that the two cannot drift apart."""

    def step(prepared: Prepared, observation: Observation, carry: PolicyCarry) -> tuple[PolicyOutput, PolicyCarry]:
        output, carry = unroll(prepared, observation[None], carry, None)
        return jax.tree.map(lambda leaf: leaf[0], output), carry

    return step


class _HawkNetwork(nn.Module):
    config: NetworkConfig
    num_actions: int
    scan: Scan

    def setup(self) -> None:
        config = self.config
        self.embedding = nn.Dense(config.width, kernel_init=lecun_normal)
        self.blocks = [
            HawkBlock(config.width, config.heads, config.mlp_width, config.depth, self.scan, name=f"block_{layer}")
            for layer in range(config.depth)
        ]
        self.final_norm = RMSNorm()
        self.policy = nn.Dense(self.num_actions, kernel_init=nn.initializers.zeros)
        self.value = nn.Dense(1, kernel_init=nn.initializers.zeros)

    def __call__(
        self,
        observations: Float[Array, "steps features"],
        carry: tuple[HawkCarry, ...],
        resets: Resets,
    ) -> tuple[PolicyOutput, tuple[HawkCarry, ...]]:
        return self._read(self.embedding(observations), self.blocks, carry, resets)

    def letters(self, vocabulary: Float[Array, "vocabulary features"]) -> Letters:
        return letters_of(self.blocks[0], self.embedding(vocabulary))

    def coefficients(
        self, letters: Letters, placed: Float[Array, "*lead taps"], fresh: Bool[Array, "*lead"]
    ) -> BeforeRecurrence:
        return coefficients(self.blocks[0], letters, placed, fresh)

    def after_recurrence(
        self,
        before: BeforeRecurrence,
        states: Float[Array, "steps width"],
        carry: tuple[HawkCarry, ...],
        resets: Resets,
    ) -> tuple[PolicyOutput, tuple[HawkCarry, ...]]:
        x = self.blocks[0].leave(before.embedded, before.gate, states)
        return self._read(x, self.blocks[1:], carry, resets)

    def _read(
        self, x: Float[Array, "steps width"], blocks: Sequence[HawkBlock], carry: tuple[HawkCarry, ...], resets: Resets
    ) -> tuple[PolicyOutput, tuple[HawkCarry, ...]]:
        carries = []
        for block, block_carry in zip(blocks, carry, strict=True):
            x, block_carry = block(x, block_carry, resets)  # noqa: PLW2901
            carries.append(block_carry)
        x = self.final_norm(x)
        return PolicyOutput(logits=self.policy(x), value=self.value(x)[..., 0]), tuple(carries)
