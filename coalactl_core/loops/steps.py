"""Loops over the steps of an episode, whose turns on an accelerator hold several steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from coalactl_core.loops.chunks import fitting_chunk


def scan_steps(
    step: Callable[[Any, Any], tuple[Any, Any]], start: Any, steps: Any, *, at_once: int, reverse: bool = False
) -> tuple[Any, Any]:
    """``jax.lax.scan(step, start, steps)``; on an accelerator ``at_once`` steps, or a divisor's number, are one turn.

    There each turn costs its start, and what is written in it is copied once. On a CPU it would be code to compile.
    """
    length = jax.tree.leaves(steps)[0].shape[0]
    unroll = 1 if jax.default_backend() == "cpu" else fitting_chunk(length, at_once)
    return jax.lax.scan(step, start, steps, unroll=unroll, reverse=reverse)
