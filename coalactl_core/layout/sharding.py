"""The meta-batch spread over several devices: each plays and learns from its part, sums go over all of them.

Only where arrays lie is said here; XLA finds what the devices have to tell each other. Everything but the meta-batch is
the same on every device, random keys and parameters too, so that the result is that of one device up to the order of
summation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Shaped

from coalactl_core.types import Tree

_AXIS = "devices"


class Shards(NamedTuple):
    """On how many devices the meta-batch lies; with one, nothing is done."""

    devices: int = 1

    def each(self, function: Callable[..., Any], axes: Sequence[int]) -> Callable[..., Any]:
        """The function on every device's part of its arguments, along an axis of each, which the devices divide.

        Results are joined along their first axis, and then the same on all devices.
        """
        if self.devices == 1:
            return function

        def spread(*arguments: Any) -> Any:
            parts = [self._parts(argument, axis) for argument, axis in zip(arguments, axes, strict=True)]
            results = jax.vmap(function, in_axes=tuple(axes), spmd_axis_name=_AXIS)(*parts)
            return self._same(jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), results))

        return spread

    def mean(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The mean of what the function gives for the devices' parts of its argument, along the first axis."""
        if self.devices == 1:
            return function

        def mean(argument: Any) -> Any:
            results = jax.vmap(function, spmd_axis_name=_AXIS)(self._parts(argument, 0))
            return self._same(jax.tree.map(lambda leaf: jnp.mean(leaf, 0), results))

        return mean

    def place(self, tree: Tree) -> Tree:
        """The tree on all devices, the same on each; of several processes each gives the same."""
        return tree if self.devices == 1 else jax.tree.map(partial(_placed, sharding=self._sharding()), tree)

    def spread(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with results that are the same on all devices."""
        if self.devices == 1:
            return function
        return lambda *arguments: self._same(function(*arguments))

    def _parts(self, whole: Tree, axis: int) -> Tree:
        """Each device's part of an axis, which becomes two: (devices, part)."""
        sharding = self._sharding(*(None,) * axis, _AXIS)

        def cut(leaf: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
            before, size, after = leaf.shape[:axis], leaf.shape[axis], leaf.shape[axis + 1 :]
            parts = leaf.reshape(*before, self.devices, size // self.devices, *after)
            return jax.lax.with_sharding_constraint(parts, sharding)

        # Known everywhere before it is cut: what it came from would else be spread too, and take more exchanges.
        return jax.tree.map(cut, self._same(whole))

    def _same(self, tree: Tree) -> Tree:
        return jax.lax.with_sharding_constraint(tree, self._sharding())

    def _sharding(self, *axes: str | None) -> NamedSharding:
        return NamedSharding(Mesh(np.asarray(self._chosen()), (_AXIS,)), PartitionSpec(*axes))

    def _chosen(self) -> list[jax.Device]:
        """As many devices of each process."""
        processes = range(jax.process_count())
        owned = [[device for device in jax.devices() if device.process_index == process] for process in processes]
        return [device for own in owned for device in own[: self.devices // len(processes)]]


def _placed(leaf: Any, sharding: NamedSharding) -> Any:
    """An array on all devices; JAX does not send to other processes what one has, so that each places its own."""
    if sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    if not leaf.is_fully_addressable:
        return leaf  # the result of an earlier call
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = _placed(jax.random.key_data(leaf), sharding)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    return jax.device_put(np.asarray(leaf), sharding)
