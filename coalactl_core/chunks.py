"""Mapping over an axis in chunks that fit the cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

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


def fitting_chunk(size: int, wish: int) -> int:
    """The largest divisor of ``size`` that is at most ``wish``."""
    return max(chunk for chunk in range(1, size + 1) if size % chunk == 0 and chunk <= max(wish, 1))
