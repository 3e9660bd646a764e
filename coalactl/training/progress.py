"""What is shown of a training that goes on: how far it is, how fast, and the measures that matter."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from coalactl_core.measures import KINDS, parse, rewards_vs
from coalactl_core.types import Metrics


class Progress(NamedTuple):
    """Where a training stands; measures are means over runs and agents, by iteration (NaN: nothing to report)."""

    iteration: int
    iterations: int
    pace: str
    """``13.2 k steps/s``"""
    elapsed: float
    remaining: float | None
    history: Mapping[str, list[float]]


class View(Protocol):
    """Whoever watches a training."""

    def phase(self, name: str) -> None:
        """Tells what is going on: "compiling", "training"."""

    def progress(self, progress: Progress) -> None:
        """Tells how far the training is."""

    def message(self, text: str) -> None:
        """Tells one line."""

    def close(self) -> None:
        """Ends the display."""


class History:
    """Measures by iteration, of the current attempt."""

    def __init__(self) -> None:
        self.measures: dict[str, list[float]] = {}

    def extend(self, metrics: Metrics, count: int) -> None:
        """Takes the iterations of one call."""
        for name, values in metrics.scalars.items():
            if parse(name):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing is NaN: nothing to report
                    means = np.nanmean(values[:, :count], axis=(0, *range(2, values.ndim)))
                self.measures.setdefault(name, []).extend(float(mean) for mean in means)


def last_rewards(metrics: Metrics, lane: int, count: int) -> dict[str, float | None]:
    """The headline rewards of one run after a call: agent and co-player, by kind of opponent."""
    last: dict[str, float | None] = {}
    for kind in KINDS:
        for column in rewards_vs(kind):
            if column in metrics.scalars:
                values = metrics.scalars[column][lane, :count].reshape(count, -1)
                known = values[np.isfinite(values).any(axis=1)]
                last[column] = float(np.nanmean(known[-1])) if len(known) else None
    return last
