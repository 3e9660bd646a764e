"""The Hawk actor-critic of App. B.3 as a policy, on features or on the numbers of a few observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array
from jaxtyping import Bool, Float

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.nets.hawk import HawkBlock, HawkCarry, RMSNorm, fresh_carry, lecun_normal
from coalactl_core.nets.linear_recurrence import SCANS, Scan, linear_recurrence
from coalactl_core.nets.modules import policy_of
from coalactl_core.nets.policy import Observations, Policy, PolicyOutput, Resets, as_sequences_of_one
from coalactl_core.nets.tabulated import (
    BeforeRecurrence,
    Letters,
    WindowCarry,
    Windows,
    coefficients,
    letters_of,
    look_up,
)
from coalactl_core.types import Params, PolicyCarry


def hawk_policy(config: NetworkConfig, observation_size: int, num_actions: int, scan: str) -> Policy:
    """Linear embedding, Hawk blocks, RMSNorm, and linear read-outs of value and logits that start at zero."""
    network = _HawkNetwork(config=config, num_actions=num_actions, scan=SCANS[scan])

    def initial_carry() -> tuple[HawkCarry, ...]:
        return tuple(fresh_carry(config.width) for _ in range(config.depth))

    return policy_of(network, initial_carry, observation_size)._replace(share=_share)


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
        step=as_sequences_of_one(unroll),
        unroll=unroll,
        prepare=prepare,
        takes_indices=True,
        share=_share,
    )


def _share(carries: tuple[WindowCarry | HawkCarry, ...]) -> tuple[WindowCarry | HawkCarry, ...]:
    """Recurrent states become their mean; what convolutions look back on stays each sequence's own."""

    def share(carry: WindowCarry | HawkCarry) -> WindowCarry | HawkCarry:
        return carry._replace(recurrent=jnp.broadcast_to(jnp.mean(carry.recurrent, 0), carry.recurrent.shape))

    return tuple(map(share, carries))


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
