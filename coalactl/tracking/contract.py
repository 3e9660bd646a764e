"""What a tracker is: something that is opened for a run, takes rows in order, and is closed.

An entry point of the group ``coalactl.trackers`` names a callable that opens one, a class for instance:
``open_tracker(run: TrackedRun) -> Tracker``. All of it is called from one thread for each tracker, beside the training.
Whatever it raises is told the user once; then the tracker is left alone, and the training goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

Value = str | int | float | bool


class TrackedRun(NamedTuple):
    """The run that a tracker is opened for."""

    id: str
    """The same at every resume, and no other run's."""
    name: str
    group: str
    """The pack that the run is one of; empty where it is none's."""
    config: Mapping[str, Value]
    """By key, as ``meta.learning_rate``."""
    tags: Mapping[str, str]
    folder: Path
    """Where in the run directory its files may be; it exists."""
    shared: Path
    """The same for all runs of a pack; need not exist."""
    told: int
    """The iteration before which all rows were told by earlier attempts; 0 at first."""


class Row(NamedTuple):
    """What was measured in one iteration, as in ``metrics/``; without what is not a finite number."""

    iteration: int
    time: float
    """Seconds since the epoch: when the run was started, and the training time since."""
    values: Mapping[str, float]


class Tracker(Protocol):
    """An opened tracker."""

    @property
    def first(self) -> int:
        """The iteration that it has to be told from: ``told``, or an earlier one where it knows that rows are lost."""

    def log(self, rows: Sequence[Row]) -> None:
        """Takes rows of later iterations than all before; they are written, or on their way, when it returns.

        A process that is killed may tell those of the last call again to the tracker that is opened next.
        """

    def close(self, state: str, final: Row | None) -> None:
        """Ends it; ``state`` is that of the run's status, ``final`` what a finished run came to."""


Opener = Callable[[TrackedRun], Tracker]
