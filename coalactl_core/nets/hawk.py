"""Hawk (De et al. 2024, arXiv:2402.19427), as App. B.3 uses it: residual blocks of an RG-LRU and a gated MLP.

The layers follow the authors' published reference in structure and agree with it on copied weights
(tests/core/test_hawk_parity.py); docs/algorithm.md says how kernels are initialised. All are written for one sequence, shape (steps, width); one step of acting is
a sequence of length 1, so that acting and learning share every line.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jaxtyping import Bool, Float

from coalactl_core.nets.linear_recurrence import linear_recurrence

CONVOLUTION_WIDTH = 4
GATE_SHARPNESS = 8.0
# The derivative of √(1 − a²) is bounded, since it diverges where a gate closes.
MAX_SQRT_DERIVATIVE = 1000.0

lecun_normal = nn.initializers.variance_scaling(1.0, "fan_in", "normal")
# Each head of a block-diagonal gate is a layer of its own: its fan-in is the width of one head.
gate_init = nn.initializers.variance_scaling(1.0, "fan_in", "normal", batch_axis=0)
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

    @nn.compact
    def __call__(
        self, x: Float[Array, "steps width"], past: Float[Array, "past width"], resets: Bool[Array, "steps"] | None
    ) -> tuple[Float[Array, "steps width"], Float[Array, "past width"]]:
        """Outputs, and the inputs to remember for the next call."""
        steps, width = x.shape
        kernel = self.param("kernel", convolution_init, (CONVOLUTION_WIDTH, width))
        bias = self.param("bias", nn.initializers.zeros, (width,))
        window = jnp.concatenate([past, x])
        sequence_ids = None if resets is None else jnp.cumsum(jnp.pad(resets, (CONVOLUTION_WIDTH - 1, 0)))
        output = jnp.broadcast_to(bias, x.shape)
        for shift in range(CONVOLUTION_WIDTH):
            start = CONVOLUTION_WIDTH - 1 - shift
            shifted = jax.lax.slice_in_dim(window, start, start + steps)
            if sequence_ids is not None and shift > 0:
                then = jax.lax.slice_in_dim(sequence_ids, start, start + steps)
                shifted = jnp.where((then == sequence_ids[CONVOLUTION_WIDTH - 1 :])[:, None], shifted, 0)
            output = output + kernel[start] * shifted
        remembered = window[steps:]
        if sequence_ids is not None:
            remembered = jnp.where((sequence_ids[steps:] == sequence_ids[-1])[:, None], remembered, 0)
        return output, remembered


class BlockDiagonalGate(nn.Module):
    """Sigmoid of a linear map that keeps the heads apart."""

    heads: int

    @nn.compact
    def __call__(self, x: Float[Array, "steps width"]) -> Float[Array, "steps width"]:
        """Gates between 0 and 1."""
        size = x.shape[-1] // self.heads
        kernel = self.param("kernel", gate_init, (self.heads, size, size))
        bias = self.param("bias", nn.initializers.zeros, (self.heads, size))
        by_head = x.reshape(x.shape[0], self.heads, size)
        gates = jnp.einsum("thi,hij->thj", by_head, kernel) + bias
        return nn.sigmoid(gates).reshape(x.shape)


class RGLRU(nn.Module):
    """Real-gated linear recurrent unit: h_t = a_t h_{t−1} + √(1 − a_t²) (i_t x_t), a_t = exp(−8 r_t softplus(Λ)).

    The first step after a reset forgets the state and takes its input with multiplier 1.
    """

    heads: int
    scan: str

    @nn.compact
    def __call__(
        self, x: Float[Array, "steps width"], initial: Float[Array, "width"], resets: Bool[Array, "steps"]
    ) -> Float[Array, "steps width"]:
        """All states; ``resets`` marks the steps that start afresh."""
        decay_rate = self.param("decay_rate", _ring_initializer, (x.shape[-1],))
        input_gate = BlockDiagonalGate(self.heads, name="input_gate")(x)
        recurrence_gate = BlockDiagonalGate(self.heads, name="recurrence_gate")(x)
        decays = jnp.exp(-GATE_SHARPNESS * recurrence_gate * nn.softplus(decay_rate))
        restart = resets[:, None]
        multiplier = jnp.where(restart, 1, _bounded_sqrt(1 - jnp.square(decays)))
        decays = jnp.where(restart, 0, decays)
        return linear_recurrence(decays, multiplier * input_gate * x, initial, scan=self.scan)


class HawkBlock(nn.Module):
    """A residual recurrent block and a residual gated MLP, each behind an RMSNorm."""

    width: int
    heads: int
    mlp_width: int
    depth: int
    scan: str

    @nn.compact
    def __call__(
        self, x: Float[Array, "steps width"], carry: HawkCarry, resets: Bool[Array, "steps"] | None
    ) -> tuple[Float[Array, "steps width"], HawkCarry]:
        """Outputs, and the memory after the last step; ``resets`` is None where nothing resets after the start."""
        # Output layers shrink with depth, so that the residual stream keeps its variance.
        output_init = nn.initializers.variance_scaling(2.0 / self.depth, "fan_in", "normal")
        restarts = jnp.zeros(x.shape[0], bool) if resets is None else resets
        restarts = restarts.at[0].set(restarts[0] | carry.fresh)

        normed = RMSNorm(name="recurrent_norm")(x)
        gate = nn.gelu(nn.Dense(self.width, kernel_init=lecun_normal, name="gate")(normed))
        inputs = nn.Dense(self.width, kernel_init=lecun_normal, name="inputs")(normed)
        inputs, convolution = TemporalConvolution(name="convolution")(inputs, carry.convolution, resets)
        states = RGLRU(self.heads, self.scan, name="rg_lru")(inputs, carry.recurrent, restarts)
        x = x + nn.Dense(self.width, kernel_init=output_init, name="recurrent_output")(states * gate)

        normed = RMSNorm(name="mlp_norm")(x)
        mlp_gate = nn.gelu(nn.Dense(self.mlp_width, kernel_init=lecun_normal, name="mlp_gate")(normed))
        hidden = nn.Dense(self.mlp_width, kernel_init=lecun_normal, name="mlp_inputs")(normed)
        x = x + nn.Dense(self.width, kernel_init=output_init, name="mlp_output")(mlp_gate * hidden)
        return x, HawkCarry(recurrent=states[-1], convolution=convolution, fresh=jnp.array(False))


def _ring_initializer(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """Λ such that the radius exp(−softplus(Λ)) is uniform by area on the ring between .9 and .999."""
    squared_radius = jax.random.uniform(key, shape, dtype, 0.9**2, 0.999**2)
    return jnp.log(jnp.expm1(-0.5 * jnp.log(squared_radius)))


@jax.custom_jvp
def _bounded_sqrt(x: Array) -> Array:
    return jnp.sqrt(x)


@_bounded_sqrt.defjvp
def _bounded_sqrt_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    return jnp.sqrt(x), tangent / jnp.sqrt(jnp.maximum(4 * x, 1 / MAX_SQRT_DERIVATIVE**2))
