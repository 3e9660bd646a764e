"""What is handed through a training: its runs, their program at a state of theirs, and who else it has to do with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.runs.directory import RunDirectory
from coalactl.runs.pack import Pack
from coalactl.training.peers import ALONE, Peers
from coalactl.training.signals import StopSignals
from coalactl_core.configuration.kinds import Experiment

if TYPE_CHECKING:
    from coalactl.engines import Engine
    from coalactl.training.store import RunStore


class Runs(NamedTuple):
    """The runs that one program trains, with the configuration of each: one run, a pack, or several packs."""

    path: Path
    runs: tuple[RunDirectory, ...]
    experiments: tuple[Experiment, ...]
    parts: tuple[RunDirectory | Pack, ...]
    """What is locked as a whole."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one writer."""
        with ExitStack() as locks:
            for part in self.parts:
                locks.enter_context(part.lock())
            yield


class Training(NamedTuple):
    """Locked runs where an attempt takes them up: their program, their files, and their state after ``iteration``."""

    runs: Runs
    engine: Engine
    stores: Sequence[RunStore]
    state: Any
    """Of all runs, on a leading axis."""
    iteration: int = 0
    seconds: float = 0.0
    """Training time of earlier attempts."""


class Company(NamedTuple):
    """Who an attempt has to do with beside its runs: signals stop it, processes share it, trackers are told of it."""

    stop: StopSignals
    peers: Peers = ALONE
    trackers: Sequence[str] = ()
