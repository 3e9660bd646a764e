"""Mapping over an axis in chunks that fit the cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax

Tree = TypeVar("Tree")


def map_in_chunks(function: Callable[[Any], Tree], xs: Any, *, chunk: int) -> Tree:
    """``jax.vmap(function)(xs)``, ``chunk`` elements at a time; equal to the whole up to summation order."""
    size = jax.tree.leaves(xs)[0].shape[0]
    if chunk >= size:
        return jax.vmap(function)(xs)
    return jax.lax.map(function, xs, batch_size=None if chunk == 1 else chunk)
