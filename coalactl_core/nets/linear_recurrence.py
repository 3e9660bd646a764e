"""The linear recurrence h_t = a_t h_{t−1} + x_t along a sequence, with a derivative of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from coalactl_core.nets.recurrence_kernel import kernel_fits, states_by_kernel

State = Float[Array, "width"]
Sequence = Float[Array, "steps width"]
Blocks = Float[Array, "blocks length width"]
# How all states come from the decays, the inputs and the state before the first step.
Scan = Callable[[Sequence, Sequence, State], Sequence]
# Coefficients of a stretch of the recurrence: product of decays, and state from zero.
Stretch = tuple[Float[Array, "*lead width"], Float[Array, "*lead width"]]


@partial(jax.custom_vjp, nondiff_argnames=("scan",))
def linear_recurrence(decays: Sequence, inputs: Sequence, initial: State, scan: Scan) -> Sequence:
    """All states of the recurrence, computed in one of the ways of ``SCANS``, and so is the derivative."""
    return _states(decays, inputs, initial, scan)


def _forward(
    decays: Sequence, inputs: Sequence, initial: State, scan: Scan
) -> tuple[Sequence, tuple[Sequence, Sequence, State]]:
    states = _states(decays, inputs, initial, scan)
    return states, (decays, states, initial)


def _backward(
    scan: Scan, saved: tuple[Sequence, Sequence, State], gradient: Sequence
) -> tuple[Sequence, Sequence, State]:
    """The adjoint λ_t = g_t + a_{t+1} λ_{t+1} is the same recurrence backwards in time, and so are its derivatives."""
    decays, states, initial = saved
    decays_ahead = jnp.concatenate([decays[1:], jnp.zeros_like(decays[:1])])
    adjoint = linear_recurrence(decays_ahead[::-1], gradient[::-1], jnp.zeros_like(initial), scan)[::-1]
    before = jnp.concatenate([initial[None], states[:-1]])
    return adjoint * before, adjoint, adjoint[0] * decays[0]


linear_recurrence.defvjp(_forward, _backward)


def _states(decays: Sequence, inputs: Sequence, initial: State, scan: Scan) -> Sequence:
    if decays.shape[0] == 1:
        return decays * initial + inputs
    return scan(decays, inputs, initial)


def associative(decays: Sequence, inputs: Sequence, initial: State) -> Sequence:
    """Logarithmic depth, for accelerators."""
    inputs = inputs.at[0].add(decays[0] * initial)
    return jax.lax.associative_scan(_compose, (decays, inputs))[1]


def sequential(decays: Sequence, inputs: Sequence, initial: State) -> Sequence:
    """Few operations, for CPUs: all blocks advance side by side from zero, then each takes in the state at its start.

    The loop has fewer, wider steps than one along the whole sequence, where starting each step costs most.
    """
    shape = decays.shape
    length = _block_length(shape[0])
    blocks = shape[0] // length
    decays, inputs = (array.reshape(blocks, length, -1) for array in (decays, inputs))
    products, states = _advance_blocks(decays, inputs)

    def join(state: Array, block: tuple[Array, Array]) -> tuple[Array, Array]:
        product, local = block
        return product * state + local, state

    _, starts = jax.lax.scan(join, initial, (products[:, -1], states[:, -1]))
    return (states + products * starts[:, None]).reshape(shape)


def kernel(decays: Sequence, inputs: Sequence, initial: State) -> Sequence:
    """One pass through memory on a GPU; :func:`associative` where there is no kernel for the device or the width."""
    return (states_by_kernel if kernel_fits(decays.shape[1]) else associative)(decays, inputs, initial)


SCANS: dict[str, Scan] = {"sequential": sequential, "associative": associative, "kernel": kernel}


def _block_length(steps: int) -> int:
    """The divisor of the number of steps at which blocks are about as many as the steps in one."""
    return min((length for length in range(1, steps + 1) if steps % length == 0), key=lambda n: abs(n * n - steps))


def _advance_blocks(decays: Blocks, inputs: Blocks) -> tuple[Blocks, Blocks]:
    """Products of decays and states from zero within each block."""

    def advance(step: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        product, state, products, states = carry
        decay, input_ = (jax.lax.dynamic_slice_in_dim(array, step, 1, 1) for array in (decays, inputs))
        product, state = decay * product, decay * state + input_
        write = partial(jax.lax.dynamic_update_slice_in_dim, start_index=step, axis=1)
        return product, state, write(products, product), write(states, state)

    one = jnp.ones_like(decays[:, :1])
    empty = jnp.zeros_like(decays)
    _, _, products, states = jax.lax.fori_loop(0, decays.shape[1], advance, (one, jnp.zeros_like(one), empty, empty))
    return products, states


def _compose(earlier: Stretch, later: Stretch) -> Stretch:
    return earlier[0] * later[0], later[0] * earlier[1] + later[1]
