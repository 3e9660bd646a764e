"""The loop over training iterations: its length is data, so that cutting a run into calls changes no bit of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from coalactl_core.types import Metrics

State = TypeVar("State")


def iterate(
    step: Callable[[State], tuple[State, Metrics]], state: State, count: Int[Array, ""], *, capacity: int
) -> tuple[State, Metrics]:
    """``count`` iterations of all runs, at most ``capacity``; state and a step's metrics lead with ``runs``.

    Metrics are written into a buffer that leads with (runs, capacity), and is 0 beyond ``count``.
    """
    # Under jit, so that it is traced once for the shapes and the loop together.
    step = jax.jit(step)
    shapes = jax.eval_shape(step, state)[1]
    buffer = jax.tree.map(lambda leaf: jnp.zeros((leaf.shape[0], capacity, *leaf.shape[1:]), leaf.dtype), shapes)

    def advance(index: Int[Array, ""], carry: tuple[State, Metrics]) -> tuple[State, Metrics]:
        state, buffer = carry
        state, metrics = step(state)
        write = partial(jax.lax.dynamic_update_index_in_dim, index=index, axis=1)
        return state, jax.tree.map(write, buffer, metrics)

    return jax.lax.fori_loop(0, count, advance, (state, buffer))
