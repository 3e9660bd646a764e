"""The meta-batch spread over several devices: each plays and learns from its part, sums go over all of them.

Everything but the meta-batch is the same on every device, random keys and parameters too, so that the result is that of
one device up to the order of summation. What runs inside of :meth:`Shards.spread` may use the other methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Shaped

from coalactl_core.types import Tree

_AXIS = "devices"


class Shards(NamedTuple):
    """On how many devices the meta-batch lies; with one, nothing is done."""

    devices: int = 1

    def part(self, whole: Tree, axis: int = 0) -> Tree:
        """The part of one device of what all have, along an axis that their number divides."""
        if self.devices == 1:
            return whole
        place = jax.lax.axis_index(_AXIS)

        def cut(leaf: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
            size = leaf.shape[axis] // self.devices
            return jax.lax.dynamic_slice_in_dim(leaf, place * size, size, axis)

        return jax.tree.map(cut, whole)

    def gather(self, parts: Tree) -> Tree:
        """The parts of all devices, joined along their first axis."""
        if self.devices == 1:
            return parts
        return jax.tree.map(lambda leaf: jax.lax.all_gather(leaf, _AXIS, tiled=True), parts)

    def mean(self, values: Tree) -> Tree:
        """The mean over devices, whose parts are equally large."""
        return values if self.devices == 1 else jax.lax.pmean(values, _AXIS)

    def spread(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function on all devices at once; its arguments and results are the same on each."""
        if self.devices == 1:
            return function
        same = PartitionSpec()
        return jax.shard_map(function, mesh=self._mesh(), in_specs=same, out_specs=same, check_vma=False)

    def place(self, tree: Tree) -> Tree:
        """The tree on all devices."""
        return tree if self.devices == 1 else jax.device_put(tree, NamedSharding(self._mesh(), PartitionSpec()))

    def _mesh(self) -> Mesh:
        return Mesh(np.asarray(jax.devices()[: self.devices]), (_AXIS,))
