"""What a policy is, and the Hawk actor-critic of App. B.3.

Networks of other packages are named by an entry point in the group ``coalactl.networks`` or as ``module:Name``: a
function of (network configuration, observation size, number of actions, scan) that returns a :class:`Policy`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jaxtyping import Bool, Float

from coalactl_core.config import ConfigurationError, NetworkConfig
from coalactl_core.nets.hawk import HawkBlock, HawkCarry, RMSNorm, fresh_carry, lecun_normal
from coalactl_core.plugins import load_plugin
from coalactl_core.types import Params, PolicyCarry


class PolicyOutput(NamedTuple):
    """Action logits, and the value in rescaled rewards."""

    logits: Float[Array, "*lead actions"]
    value: Float[Array, "*lead"]


class Policy(NamedTuple):
    """A recurrent actor-critic for one sequence, as pure functions.

    ``init(key)`` gives parameters, ``initial_carry()`` the memory of a fresh start.
    ``step(prepare(params), observation, carry)`` acts; ``unroll(params, observations, carry, resets)`` gives the same
    outputs for a whole sequence, starting afresh at each step where ``resets`` is true (None: nowhere inside).
    ``prepare`` is for work that acting needs only once for many steps.
    """

    init: Callable[[Array], Params]
    initial_carry: Callable[[], PolicyCarry]
    step: Callable[[Params, Array, PolicyCarry], tuple[PolicyOutput, PolicyCarry]]
    unroll: Callable[[Params, Array, PolicyCarry, Array | None], tuple[PolicyOutput, PolicyCarry]]
    prepare: Callable[[Params], Params] = lambda params: params


def build_policy(config: NetworkConfig, *, observation_size: int, num_actions: int, scan: str) -> Policy:
    """The policy of a ``[network]`` table.

    Raises:
        ConfigurationError: the network is unknown or is not a policy.
    """
    if config.name == "hawk":
        return hawk_policy(config, observation_size, num_actions, scan)
    build = load_plugin("network.name", config.name, group="coalactl.networks", builtin=["hawk"])
    try:
        policy = build(config, observation_size, num_actions, scan)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"network.name: {config.name!r} builds no policy: {error}") from error
    if not isinstance(policy, Policy):
        raise ConfigurationError(f"network.name: {config.name!r} does not build a coalactl_core.nets.policy.Policy")
    return policy


def hawk_policy(config: NetworkConfig, observation_size: int, num_actions: int, scan: str) -> Policy:
    """Linear embedding, Hawk blocks, RMSNorm, and linear read-outs of value and logits that start at zero."""
    network = _HawkNetwork(config=config, num_actions=num_actions, scan=scan)

    def initial_carry() -> tuple[HawkCarry, ...]:
        return tuple(fresh_carry(config.width) for _ in range(config.depth))

    def init(key: Array) -> Params:
        return network.init(key, jnp.zeros((1, observation_size)), initial_carry(), None)["params"]

    def unroll(
        params: Params, observations: Array, carry: PolicyCarry, resets: Array | None
    ) -> tuple[PolicyOutput, PolicyCarry]:
        return network.apply({"params": params}, observations, carry, resets)

    def step(params: Params, observation: Array, carry: PolicyCarry) -> tuple[PolicyOutput, PolicyCarry]:
        output, carry = unroll(params, observation[None], carry, None)
        return jax.tree.map(lambda leaf: leaf[0], output), carry

    return Policy(init=init, initial_carry=initial_carry, step=step, unroll=unroll)


def packed(policy: Policy) -> tuple[Policy, Callable[[Array], Params]]:
    """The same policy with all parameters in one vector, and the function that names them again.

    Optimiser steps, choices between agents and sums of gradients are then one operation each instead of one for each
    of some twenty small arrays, which decides the speed of naive updates and the time of compilation.
    """
    like = jax.eval_shape(policy.init, jax.random.key(0))
    _, unpack = jax.flatten_util.ravel_pytree(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like))
    return (
        policy._replace(
            init=lambda key: jax.flatten_util.ravel_pytree(policy.init(key))[0],
            unroll=lambda params, *rest: policy.unroll(unpack(params), *rest),
            prepare=lambda params: policy.prepare(unpack(params)),
        ),
        unpack,
    )


class _HawkNetwork(nn.Module):
    config: NetworkConfig
    num_actions: int
    scan: str

    @nn.compact
    def __call__(
        self,
        observations: Float[Array, "steps features"],
        carry: tuple[HawkCarry, ...],
        resets: Bool[Array, "steps"] | None,
    ) -> tuple[PolicyOutput, tuple[HawkCarry, ...]]:
        config = self.config
        x = nn.Dense(config.width, kernel_init=lecun_normal, name="embedding")(observations)
        carries = []
        for layer in range(config.depth):
            block = HawkBlock(
                config.width, config.heads, config.mlp_width, config.depth, self.scan, name=f"block_{layer}"
            )
            x, block_carry = block(x, carry[layer], resets)
            carries.append(block_carry)
        x = RMSNorm(name="final_norm")(x)
        logits = nn.Dense(self.num_actions, kernel_init=nn.initializers.zeros, name="policy")(x)
        value = nn.Dense(1, kernel_init=nn.initializers.zeros, name="value")(x)[..., 0]
        return PolicyOutput(logits=logits, value=value), tuple(carries)
