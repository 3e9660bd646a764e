"""Estimates of what trainings would take on this machine: nothing is measured for them, and all are marked as such."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from coalactl.pace.records import Known, Pace, known
from coalactl.pace.shapes import Shape, shape_of
from coalactl_core.configuration.kinds import Experiment

# Seconds from the shell to the first compilation of training: libraries, fresh runs. Measured on two cores.
_START = 6.0
# Of the time of a compilation, what tracing takes and loading from the compile cache; measured on two cores.
_CACHED = 0.25
# Seconds of a unit, and up to how many of them it is told in it.
_UNITS = {"second": (1.0, 90), "minute": (60.0, 90), "hour": (3600.0, 48), "day": (86400.0, math.inf)}
_HOW = "unknown here; `coalactl doctor` measures this machine"
_ON_ACCELERATORS = "unknown here; on an accelerator a first training of these sizes tells"


class Planned(NamedTuple):
    """So many runs of an experiment, side by side or one after the other."""

    experiment: Experiment
    runs: int


# How much more work an iteration may be than that of the record that it is estimated by: what is done once an
# iteration, whatever its size, is most of what a tiny one takes.
_MOST_WORK = 30.0


class TimeEstimate(NamedTuple):
    """Seconds, None where nothing is known to estimate by; ``words`` say it, or how to have one."""

    seconds: float | None
    words: str


def estimate(trainings: Iterable[Planned], machine: Known | None = None) -> TimeEstimate:
    """What trainings take one after the other in one process; each program is compiled once."""
    machine = known() if machine is None else machine
    if machine is None:
        return TimeEstimate(None, _HOW)
    compiling: dict[str, float] = {}
    running = 0.0
    for training in trainings:
        shape = shape_of(training.experiment, machine.devices)
        records = [each for each in machine.records if shape.work <= _MOST_WORK * each.shape.work]
        if not records:
            return TimeEstimate(None, _HOW)
        record = min(records, key=lambda each: (each.shape.program != shape.program, shape.distance(each.shape)))
        if record.shape.program != shape.program and machine.backend != "cpu":
            return TimeEstimate(None, _ON_ACCELERATORS)
        if record.shape.kind != shape.kind:
            return TimeEstimate(None, _HOW)
        running += training.experiment.run.iterations * _iteration(record, shape, training.runs, machine.backend)
        compiling[shape.program] = _compiling(record, shape)
    seconds = _START + sum(compiling.values()) + running
    return TimeEstimate(seconds, f"{in_words(seconds)} here (an estimate)")


def remedy() -> str:
    """How to have an estimate where there is none."""
    machine = known()
    return _HOW if machine is None or machine.backend == "cpu" else _ON_ACCELERATORS


def in_words(seconds: float) -> str:
    """``about 40 seconds``, ``about 4 minutes``, ``about 3 hours``, ``about 5 days``."""
    unit, (size, _) = next(each for each in _UNITS.items() if round(seconds / each[1][0]) <= each[1][1])
    count = max(1, round(seconds / size))
    if unit == "second" and count > 10:
        count = round(count, -1)
    elif count > 100:
        count = round(count, 2 - len(str(count)))
    return f"about {count:,} {unit}{'' if count == 1 else 's'}"


def _compiling(record: Pace, shape: Shape) -> float:
    """Seconds to compile, or to load what was compiled before."""
    if record.shape.program != shape.program:
        return record.compile_seconds
    return min(record.load_seconds, _CACHED * record.compile_seconds)


def _iteration(record: Pace, shape: Shape, runs: int, backend: str) -> float:
    """Seconds of an iteration of all the runs; a CPU computes runs one after the other, others side by side."""
    share = runs / record.runs
    return record.iteration_seconds * shape.work / record.shape.work * (share if backend == "cpu" else max(1.0, share))
