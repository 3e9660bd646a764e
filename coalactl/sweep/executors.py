"""Who works on a sweep: this process, or several on this machine, each with a share of its cores or devices."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, NamedTuple

from coalactl.environment import prepare_jax, usable_cores
from coalactl.errors import ExitCode, UserError
from coalactl.runs.directory import is_pack
from coalactl.runs.pack import Pack
from coalactl.sweep.overview import Observer
from coalactl.sweep.view import LOOK_EVERY, SweepView
from coalactl.sweep.worker import Worker
from coalactl.training.signals import StopSignals

_MOST_DEATHS = 3
_POLL = 0.2
_FOREWARNED = (ExitCode.FAILED, ExitCode.USAGE, ExitCode.WRITE_FAILED, ExitCode.DAMAGED)


def run_packed(observer: Observer, view: SweepView, stop: StopSignals, workers: int = 1) -> ExitCode:
    """All in this process; ``workers``: how many such processes share the folder."""
    with stop.leaving_at_once():
        prepare_jax(max(usable_cores(), devices_begun_with(observer)))
    return Worker(observer, view, stop, workers).run()


def run_processes(observer: Observer, view: SweepView, stop: StopSignals, jobs: int) -> ExitCode:
    """So many worker processes; one that dies is replaced, unless they die without finishing anything.

    Raises :class:`UserError` with what a worker said, or that workers keep dying.
    """
    crew = _Crew(observer.folder.path, jobs)
    deaths, finished, looked = 0, -1, -math.inf
    try:
        while crew.processes:
            if stop.code is not None:
                crew.forward(stop.code)
            for number, code in crew.ended():
                if code in (ExitCode.OK, ExitCode.PREEMPTED, ExitCode.INTERRUPTED):
                    continue
                if code in _FOREWARNED:
                    raise UserError(crew.last_words(number), ExitCode(code))
                now = observer.look().finished
                deaths, finished = (deaths + 1, finished) if now == finished else (1, now)
                if deaths >= _MOST_DEATHS:
                    raise UserError(f"{deaths} workers died, the last with {_death(code)}", ExitCode.FAILED)
                view.message(f"worker {number} died with {_death(code)}; another one takes its place")
                crew.start(number)
            if time.monotonic() - looked > LOOK_EVERY:
                looked = time.monotonic()
                view.show(observer.look())
            time.sleep(_POLL)
    finally:
        crew.close()
    view.show(observer.look())
    return ExitCode.OK if stop.code is None else stop.code


def devices_begun_with(observer: Observer) -> int:
    """Devices that the runs begun so far are spread over: a run goes on with as many as it was begun with."""
    counts = [1]
    for job in observer.jobs:
        if is_pack(job.path):
            given = Pack.open(job.path).runs[0].read_config().get("compute", {}).get("devices")
            counts.append(given if isinstance(given, int) else 1)
    return max(counts)


class _Share(NamedTuple):
    """What of the machine a worker has."""

    cores: list[int]
    variables: dict[str, str]


class _Crew:
    """The worker processes. Each ends when this process does: it waits for the end of its standard input."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self._folder = folder
        self._jobs = jobs
        self._said: dict[int, IO[bytes]] = {}
        self._told: ExitCode | None = None
        for number in range(jobs):
            self.start(number)

    def start(self, number: int) -> None:
        share = _share(number, self._jobs)
        cores = ",".join(map(str, share.cores))
        command = [sys.executable, "-m", "coalactl.sweep.child", str(self._folder), str(self._jobs), cores]
        self._said[number] = tempfile.TemporaryFile()  # noqa: SIM115  Open as long as the worker.
        self.processes[number] = subprocess.Popen(  # noqa: S603  (our words)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said[number],
            env={**os.environ, **share.variables},
            start_new_session=True,  # Ctrl-C is for this process, which passes it on once.
        )

    def ended(self) -> list[tuple[int, int]]:
        found = [(number, code) for number, each in self.processes.items() if (code := each.poll()) is not None]
        for number, _ in found:
            self._forget(number)
        return found

    def forward(self, code: ExitCode) -> None:
        if self._told is None:
            self._told = code
            for process in self.processes.values():
                process.send_signal(signal.SIGINT if code is ExitCode.INTERRUPTED else signal.SIGTERM)

    def last_words(self, number: int) -> str:
        self._said[number].seek(0)
        lines = self._said[number].read().decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("coalactl: ") if lines else "a worker failed without a word"

    def close(self) -> None:
        """Has the workers save and end."""
        for number, process in list(self.processes.items()):
            if process.poll() is None:
                process.terminate()
                process.wait()
            self._forget(number)
        for said in self._said.values():
            said.close()

    def _forget(self, number: int) -> None:
        process = self.processes.pop(number)
        assert process.stdin is not None  # noqa: S101  a pipe
        process.stdin.close()


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
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name.strip()]
    found = Path("/proc/driver/nvidia/gpus")
    return [str(number) for number, _ in enumerate(found.iterdir())] if found.is_dir() else []


def _death(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
