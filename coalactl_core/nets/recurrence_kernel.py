"""The linear recurrence as one GPU kernel: a program a sequence, a thread a channel, a loop over steps.

Memory is passed through once. A loop of XLA's starts a kernel for each step, its associative scan passes several times.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
from jax import Array
from jaxtyping import Float

# Steps whose loads are under way at once: a load takes as long as hundreds of operations.
_STEPS_AT_ONCE = 16


def kernel_fits(width: int) -> bool:
    """Whether there is a kernel for this device and width: Triton has blocks of powers of two only."""
    return jax.default_backend() == "gpu" and width & (width - 1) == 0


def states_by_kernel(
    decays: Float[Array, "steps width"],
    inputs: Float[Array, "steps width"],
    initial: Float[Array, "width"],
    *,
    interpret: bool = False,
) -> Float[Array, "steps width"]:
    """All states h_t = a_t h_{t−1} + x_t; ``interpret`` runs the kernel without a GPU, slowly."""
    # Only where it is used: JAX takes a tenth of a second to load it.
    from jax.experimental import pallas
    from jax.experimental.pallas import triton

    return pallas.pallas_call(
        partial(_advance, steps=decays.shape[0]),
        out_shape=jax.ShapeDtypeStruct(decays.shape, decays.dtype),
        compiler_params=triton.CompilerParams(num_warps=1),
        interpret=interpret,
        name="linear_recurrence",
    )(decays, inputs, initial)


def _advance(decays: Any, inputs: Any, initial: Any, states: Any, *, steps: int) -> None:
    """The program of one sequence, on references to its arrays."""

    def stretch(start: Any, count: int, state: Array) -> Array:
        loaded = [(decays[start + step, :], inputs[start + step, :]) for step in range(count)]
        for step, (decay, entering) in enumerate(loaded):
            state = decay * state + entering
            states[start + step, :] = state
        return state

    whole = steps // _STEPS_AT_ONCE
    state = jax.lax.fori_loop(
        0, whole, lambda part, state: stretch(part * _STEPS_AT_ONCE, _STEPS_AT_ONCE, state), initial[...]
    )
    stretch(whole * _STEPS_AT_ONCE, steps % _STEPS_AT_ONCE, state)
