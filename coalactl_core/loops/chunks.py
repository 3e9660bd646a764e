"""Mapping over an axis in chunks that fit the cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from coalactl_core.types import Tree

# ``map_(function, xs)`` is ``jax.vmap(function)(xs)`` up to summation order.
Map = Callable[[Callable[[Any], Any], Any], Any]


def agent_map(chunk: int) -> Map:
    """How the work of several meta agents is mapped, ``chunk`` agents at a time.

    In turn there is a loop even around a single agent: without it the program rounds otherwise, and runs that were
    begun with it would not go on bit by bit.
    """
    return jax.lax.map if chunk == 1 else partial(map_in_chunks, chunk=chunk)


def map_in_chunks(function: Callable[[Any], Tree], xs: Any, *, chunk: int) -> Tree:
    """``jax.vmap(function)(xs)``, ``chunk`` elements at a time; equal to the whole up to summation order."""
    size = jax.tree.leaves(xs)[0].shape[0]
    if chunk >= size:
        return jax.vmap(function)(xs)
    return jax.lax.map(function, xs, batch_size=None if chunk == 1 else chunk)


def sum_over_chunks(function: Callable[[Any], Tree], xs: Any, *, chunk: int) -> Tree:
    """The sum of ``function`` over parts of ``chunk`` elements, which divides their number, one after the other."""
    parts = jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[0] // chunk, chunk, *leaf.shape[1:]), xs)
    function = jax.jit(function, inline=True)  # traced once for the shapes and the loop together
    like = jax.eval_shape(function, jax.tree.map(lambda leaf: leaf[0], parts))
    start = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)
    return jax.lax.scan(lambda total, part: (jax.tree.map(jnp.add, total, function(part)), None), start, parts)[0]


def fitting_chunk(size: int, wish: int) -> int:
    """The largest divisor of ``size`` that is at most ``wish``."""
    return max(chunk for chunk in range(1, size + 1) if size % chunk == 0 and chunk <= max(wish, 1))
