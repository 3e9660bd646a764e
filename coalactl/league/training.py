"""Trains the entrants of a league that are presets, those runs that are not there yet, by the machinery of sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coalactl.errors import ExitCode, UserError
from coalactl.league.groups import TRAINING, EntrantGroup
from coalactl.league.request import LeagueRequest
from coalactl.reproduction.sweeps import folder_of
from coalactl.runs.files import write_failures
from coalactl.sweep.launch import executor_of, work
from coalactl.sweep.overview import Observer
from coalactl.working import working


def train_missing(groups: Sequence[EntrantGroup], request: LeagueRequest) -> ExitCode:
    """Trains until all runs are finished; PREEMPTED or INTERRUPTED after a signal.

    Raises :class:`UserError` (failed) that names what failed.
    """
    parts = [group.part for group in groups if group.part is not None]
    if not parts:
        return ExitCode.OK
    executor = executor_of(request.as_sweep())
    out: Path = request.folder / TRAINING
    with write_failures(out):
        out.mkdir(exist_ok=True)
    for part in parts:
        with working(f"looking at what there is of {part.name}", quiet=request.quiet):
            folder = folder_of(part, out)
            observer = Observer(folder, folder.read_sweep())
        if observer.is_open():
            code = work(observer, executor, quiet=request.quiet)
            if code is not ExitCode.OK:
                return code
        if failures := observer.failures():
            reasons = "; ".join(f"{name} ({failure.reason})" for name, failure in failures.items())
            raise UserError(f"entrant {part.name!r} was not trained: {reasons}", ExitCode.FAILED)
    return ExitCode.OK
