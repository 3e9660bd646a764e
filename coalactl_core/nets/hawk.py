"""Hawk (De et al. 2024, arXiv:2402.19427), as App. B.3 uses it: residual blocks of an RG-LRU and a gated MLP.

The layers follow the authors' published reference in structure and agree with it on copied weights
(tests/core/test_hawk_parity.py); docs/algorithm.md says how kernels are initialised. All of them are written for one
sequence, shape (steps, width); one step of acting is a sequence of length 1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jaxtyping import Bool, Float, Key

from coalactl_core.nets.linear_recurrence import Scan, linear_recurrence

CONVOLUTION_WIDTH = 4
GATE_SHARPNESS = 8.0
# The derivative of √(1 − a²) is bounded, since it diverges where a gate closes.
MAX_SQRT_DERIVATIVE = 1000.0

lecun_normal = nn.initializers.variance_scaling(1.0, "fan_in", "normal")
# Each head of a block-diagonal gate is a layer of its own: its fan-in is the width of one head.
gate_init = nn.initializers.variance_scaling(1.0, "fan_in", "normal", batch_axis=(0, 1))
convolution_init = nn.initializers.normal(0.1)


class HawkCarry(NamedTuple):
    """What a Hawk block remembers between steps; ``fresh`` until the first step after a reset."""

    recurrent: Float[Array, "width"]
    convolution: Float[Array, "past width"]
    fresh: Bool[Array, ""]


def fresh_carry(width: int) -> HawkCarry:
    """The memory at the start of a sequence."""
    return HawkCarry(
        recurrent=jnp.zeros(width), convolution=jnp.zeros((CONVOLUTION_WIDTH - 1, width)), fresh=jnp.array(True)
    )


class RMSNorm(nn.Module):
    """Root-mean-square norm with its scale stored as (1 + s), ε = 1e-6."""

    @nn.compact
    def __call__(self, x: Float[Array, "*lead width"]) -> Float[Array, "*lead width"]:
        """Normalise the last axis."""
        scale = self.param("scale", nn.initializers.zeros, (x.shape[-1],))
        return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), -1, keepdims=True) + 1e-6) * (1 + scale)


class TemporalConvolution(nn.Module):
    """Causal depthwise convolution over the last four steps; it does not look past a reset."""

    width: int

    def setup(self) -> None:
        """The kernel's last row is that of the newest step."""
        self.kernel = self.param("kernel", convolution_init, (CONVOLUTION_WIDTH, self.width))
        self.bias = self.param("bias", nn.initializers.zeros, (self.width,))

    def __call__(
        self, x: Float[Array, "steps width"], past: Float[Array, "past width"], resets: Bool[Array, "steps"] | None
    ) -> tuple[Float[Array, "steps width"], Float[Array, "past width"]]:
        """Outputs, and the inputs to remember for the next call."""
        steps = x.shape[0]
        window = jnp.concatenate([past, x])
        sequence_ids = None if resets is None else jnp.cumsum(jnp.pad(resets, (CONVOLUTION_WIDTH - 1, 0)))
        output = jnp.broadcast_to(self.bias, x.shape)
        for shift in range(CONVOLUTION_WIDTH):
            start = CONVOLUTION_WIDTH - 1 - shift
            shifted = jax.lax.slice_in_dim(window, start, start + steps)
            if sequence_ids is not None and shift > 0:
                then = jax.lax.slice_in_dim(sequence_ids, start, start + steps)
                shifted = jnp.where((then == sequence_ids[CONVOLUTION_WIDTH - 1 :])[:, None], shifted, 0)
            output = output + self.kernel[start] * shifted
        remembered = window[steps:]
        if sequence_ids is not None:
            remembered = jnp.where((sequence_ids[steps:] == sequence_ids[-1])[:, None], remembered, 0)
        return output, remembered


class BlockDiagonalGates(nn.Module):
    """Two sigmoid gates of a linear map that keeps the heads apart."""

    heads: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "*lead width"]
    ) -> tuple[Float[Array, "*lead width"], Float[Array, "*lead width"]]:
        """Both gates, between 0 and 1."""
        width = x.shape[-1]
        size = width // self.heads
        kernel = self.param("kernel", gate_init, (2, self.heads, size, size))
        bias = self.param("bias", nn.initializers.zeros, (2, self.heads, size))
        # One dense product with zeros off the blocks is several times faster than one small product a head.
        dense = jnp.einsum("ghij,hk->higkj", kernel, jnp.eye(self.heads)).reshape(width, 2 * width)
        gates = nn.sigmoid(x @ dense + bias.reshape(2 * width))
        return gates[..., :width], gates[..., width:]


class RGLRU(nn.Module):
    """Real-gated linear recurrent unit: h_t = a_t h_{t−1} + √(1 − a_t²) (i_t x_t), a_t = exp(−8 r_t softplus(Λ)).

    The first step after a reset forgets the state and takes its input with multiplier 1.
    """

    heads: int

    @nn.compact
    def __call__(
        self, x: Float[Array, "*lead width"], restarts: Bool[Array, "*lead"]
    ) -> tuple[Float[Array, "*lead width"], Float[Array, "*lead width"]]:
        """The recurrence's coefficients: decays a_t and inputs; ``restarts`` marks the steps that start afresh."""
        decay_rate = self.param("decay_rate", _ring_initializer, (x.shape[-1],))
        input_gate, recurrence_gate = BlockDiagonalGates(self.heads, name="gates")(x)
        decays = jnp.exp(-GATE_SHARPNESS * recurrence_gate * nn.softplus(decay_rate))
        restart = restarts[..., None]
        multiplier = jnp.where(restart, 1, _bounded_sqrt(1 - jnp.square(decays)))
        return jnp.where(restart, 0, decays), multiplier * input_gate * x


class HawkBlock(nn.Module):
    """A residual recurrent block and a residual gated MLP, each behind an RMSNorm."""

    width: int
    heads: int
    mlp_width: int
    depth: int
    scan: Scan

    def setup(self) -> None:
        """Layers; two branches of the same input are one layer, the gating one first."""
        # Output layers shrink with depth, so that the residual stream keeps its variance.
        output_init = nn.initializers.variance_scaling(2.0 / self.depth, "fan_in", "normal")
        self.recurrent_norm = RMSNorm()
        self.branches = nn.Dense(2 * self.width, kernel_init=lecun_normal)
        self.convolution = TemporalConvolution(self.width)
        self.rg_lru = RGLRU(self.heads)
        self.recurrent_output = nn.Dense(self.width, kernel_init=output_init)
        self.mlp_norm = RMSNorm()
        self.mlp_branches = nn.Dense(2 * self.mlp_width, kernel_init=lecun_normal)
        self.mlp_output = nn.Dense(self.width, kernel_init=output_init)

    def __call__(
        self, x: Float[Array, "steps width"], carry: HawkCarry, resets: Bool[Array, "steps"] | None
    ) -> tuple[Float[Array, "steps width"], HawkCarry]:
        """Outputs, and the memory after the last step; ``resets`` is None where nothing resets after the start."""
        restarts = jnp.zeros(x.shape[0], bool) if resets is None else resets
        restarts = restarts.at[0].set(restarts[0] | carry.fresh)
        gate, inputs = self.enter(x)
        inputs, convolution = self.convolution(inputs, carry.convolution, resets)
        decays, inputs = self.rg_lru(inputs, restarts)
        states = linear_recurrence(decays, inputs, carry.recurrent, self.scan)
        return self.leave(x, gate, states), HawkCarry(
            recurrent=states[-1], convolution=convolution, fresh=jnp.array(False)
        )

    def enter(self, x: Float[Array, "*lead width"]) -> tuple[Float[Array, "*lead width"], Float[Array, "*lead width"]]:
        """What the recurrent block makes of one step alone: the gate of its output, and the convolution's input."""
        gate, inputs = jnp.split(self.branches(self.recurrent_norm(x)), 2, -1)
        return nn.gelu(gate), inputs

    def leave(
        self, x: Float[Array, "*lead width"], gate: Float[Array, "*lead width"], states: Float[Array, "*lead width"]
    ) -> Float[Array, "*lead width"]:
        """What follows the recurrence: the recurrent block's output, and the gated MLP."""
        x = x + self.recurrent_output(states * gate)
        mlp_gate, hidden = jnp.split(self.mlp_branches(self.mlp_norm(x)), 2, -1)
        return x + self.mlp_output(nn.gelu(mlp_gate) * hidden)


def _ring_initializer(key: Key[Array, ""], shape: tuple[int, ...], dtype: Any = float) -> Float[Array, "..."]:
    """Λ such that the radius exp(−softplus(Λ)) is uniform by area on the ring between .9 and .999."""
    squared_radius = jax.random.uniform(key, shape, dtype, 0.9**2, 0.999**2)
    return jnp.log(jnp.expm1(-0.5 * jnp.log(squared_radius)))


@jax.custom_jvp
def _bounded_sqrt(x: Float[Array, "*lead"]) -> Float[Array, "*lead"]:
    return jnp.sqrt(x)


@_bounded_sqrt.defjvp
def _bounded_sqrt_jvp(
    primals: tuple[Float[Array, "*lead"]], tangents: tuple[Float[Array, "*lead"]]
) -> tuple[Float[Array, "*lead"], Float[Array, "*lead"]]:
    (x,), (tangent,) = primals, tangents
    # By its own name: LOLA-DiCE differentiates this rule once more.
    return _bounded_sqrt(x), tangent / jnp.sqrt(jnp.maximum(4 * x, 1 / MAX_SQRT_DERIVATIVE**2))
