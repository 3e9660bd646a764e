"""Whether a training fits the memory of its device, told before anything is compiled or written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from coalactl.errors import UserError
from coalactl.words import size

if TYPE_CHECKING:
    from coalactl.engines import Engine

# The estimate is off by up to a quarter; what it says to be larger than this share of the memory cannot fit.
_SURELY_TOO_LARGE = 1.25


def check_memory(engine: Engine, runs: int) -> None:
    """Raises :class:`UserError` for a training that cannot fit, naming settings with which it does."""
    limit, needed = available_memory(), engine.memory.needed(runs)
    if needed <= _SURELY_TOO_LARGE * limit:
        return
    changes = engine.memory.fitting_change(runs, limit)
    remedy = "make the run smaller" if changes is None else f"it fits with {_as_options(changes)}"
    raise UserError(f"memory: about {size(needed)} needed, there are {size(limit)}; {remedy}")


def available_memory() -> int:
    """Bytes of an accelerator's memory, or of this machine's where the CPU is the device."""
    from coalactl_core.training.fitting import accelerator_memory

    return accelerator_memory() or psutil.virtual_memory().total


def _as_options(changes: dict[str, int]) -> str:
    return " ".join(f"--set {key}={value}" for key, value in changes.items())
