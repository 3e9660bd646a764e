"""Who works on a sweep: this process, or several on this machine, each with a share of its cores or devices."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import NamedTuple

from coalactl.environment import prepare_jax, usable_cores
from coalactl.errors import ExitCode
from coalactl.runs.directory import is_pack
from coalactl.runs.pack import Pack
from coalactl.sweep.child_process import ChildProcess
from coalactl.sweep.crew import Ended, supervise
from coalactl.sweep.overview import Observer
from coalactl.sweep.view import SweepView
from coalactl.sweep.worker import Worker
from coalactl.training.signals import StopSignals


def run_packed(observer: Observer, view: SweepView, stop: StopSignals, workers: int = 1) -> ExitCode:
    """All in this process; ``workers``: how many such processes share the folder."""
    with stop.leaving_at_once():
        prepare_jax(max(usable_cores(), devices_begun_with(observer)))
    return Worker(observer, view, stop, workers).run()


def run_processes(observer: Observer, view: SweepView, stop: StopSignals, jobs: int) -> ExitCode:
    """So many worker processes; raises :class:`UserError` as :func:`supervise` does."""
    return supervise(_Processes(observer.folder.path, jobs), jobs, observer, view, stop)


def devices_begun_with(observer: Observer) -> int:
    """Devices that the runs begun so far are spread over: a run goes on with as many as it was begun with."""
    counts = [1]
    for job in observer.jobs:
        if is_pack(job.path):
            devices = Pack.open(job.path).runs[0].read_config().get("compute", {}).get("devices")
            counts.append(devices if isinstance(devices, int) else 1)
    return max(counts)


class _Share(NamedTuple):
    """What of the machine a worker has."""

    cores: list[int]
    variables: dict[str, str]


class _Processes:
    """The worker processes on this machine."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self._folder = folder
        self._jobs = jobs
        self._children: dict[int, ChildProcess] = {}
        self._told = False

    def start(self, number: int) -> None:
        share = _share(number, self._jobs)
        self._children[number] = ChildProcess(
            self._folder, self._jobs, devices=len(share.cores), cores=share.cores, variables=share.variables
        )

    def is_at_work(self) -> bool:
        return bool(self._children)

    def ended(self) -> list[Ended]:
        numbers = [number for number, child in self._children.items() if child.has_ended()]
        return [self._children.pop(number).end(number) for number in numbers]

    def forward(self, code: ExitCode) -> None:
        if not self._told:
            self._told = True
            for child in self._children.values():
                child.tell(signal.SIGINT if code is ExitCode.INTERRUPTED else signal.SIGTERM)

    def close(self) -> None:
        self.forward(ExitCode.PREEMPTED)
        while self._children:
            number, child = self._children.popitem()
            child.end(number)


def _share(number: int, jobs: int) -> _Share:
    """Every ``jobs``-th core, and of several GPUs as well; where there are fewer than workers, one is shared."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(usable_cores()))
    own = cores[number::jobs] or [cores[number % len(cores)]]
    gpus = _gpus()
    if not gpus:
        return _Share(own, {})
    mine = gpus[number::jobs] or [gpus[number % len(gpus)]]
    variables = {"CUDA_VISIBLE_DEVICES": ",".join(mine)}
    if jobs > len(gpus):
        variables["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    return _Share(own, variables)


def _gpus() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip()]
    folder = Path("/proc/driver/nvidia/gpus")
    return [str(number) for number, _ in enumerate(folder.iterdir())] if folder.is_dir() else []
