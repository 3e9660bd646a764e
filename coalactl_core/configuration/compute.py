"""How work is laid out on a machine: the table ``[compute]``."""

from __future__ import annotations

from typing import Literal, NamedTuple

from coalactl_core.configuration.numbers import Few, Section, Size
from coalactl_core.errors import ConfigurationError

Chunk = Size | Literal["auto"]


class Layout(NamedTuple):
    """How work is laid out, in whole numbers."""

    meta_batch_chunk: int
    trajectory_chunk: int
    naive_chunk: int
    agent_chunk: int
    run_chunk: int
    devices: int


class ComputeConfig(Section):
    """How the work is laid out on the device; changes no result beyond the order of summation."""

    meta_batch_chunk: Chunk = "auto"
    trajectory_chunk: Chunk = "auto"
    naive_chunk: Chunk = "auto"
    agent_chunk: Chunk = "auto"
    run_chunk: Chunk = "auto"
    devices: Few | Literal["auto", "all"] = "auto"
    rematerialize: bool = False
    scan: Literal["auto", "sequential", "associative", "kernel"] = "auto"

    @property
    def layout(self) -> Layout:
        """What the table has come to; of one that is settled, where nothing is left "auto"."""
        return Layout(*(int(getattr(self, name)) for name in Layout._fields))


def check_devices(count: int, available: int, size: int, shared: str, sizes: tuple[str, int]) -> None:
    """Whether the devices to use are there and share the work of so many parts evenly.

    ``shared`` is the work in words; ``sizes``: a key, and of what its value must be a multiple for so many devices.

    Raises:
        ConfigurationError: it names the numbers of devices that do, and the sizes.
    """
    if count > available:
        raise ConfigurationError(f"compute.devices: {count} given, but JAX has {available} here; use at most that")
    if size % count:
        fitting = ", ".join(str(fewer) for fewer in range(1, available + 1) if size % fewer == 0)
        remedy = f"use {fitting}, or a {sizes[0]} that is a multiple of {sizes[1]}"
        raise ConfigurationError(f"compute.devices: {count} does not divide {shared}; {remedy}")
