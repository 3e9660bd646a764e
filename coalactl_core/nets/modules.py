"""From a module of flax to a policy."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jaxtyping import Key

from coalactl_core.nets.policy import Observations, Policy, PolicyOutput, Resets, as_sequences_of_one
from coalactl_core.types import Params, PolicyCarry


def policy_of(network: nn.Module, initial_carry: Callable[[], PolicyCarry], observation_size: int) -> Policy:
    """The policy of a module that is called with (observations, carry, resets), as :class:`Policy` unrolls."""

    def init(key: Key[Array, ""]) -> Params:
        return network.init(key, jnp.zeros((1, observation_size)), initial_carry(), None)["params"]

    def unroll(
        params: Params, observations: Observations, carry: PolicyCarry, resets: Resets
    ) -> tuple[PolicyOutput, PolicyCarry]:
        return network.apply({"params": params}, observations, carry, resets)

    return Policy(init=init, initial_carry=initial_carry, step=as_sequences_of_one(unroll), unroll=unroll)
