"""A worker process: ``python -m coalactl.sweep.child SWEEP WORKERS DEVICES [CORE...]``. It ends with its parent."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from coalactl.environment import log_to, prepare_jax
from coalactl.errors import ExitCode, UserError
from coalactl.output import note
from coalactl.paths import one_line
from coalactl.sweep.executors import devices_begun_with
from coalactl.sweep.folder import SweepFolder
from coalactl.sweep.overview import Observer
from coalactl.sweep.view import QuietSweep
from coalactl.sweep.worker import Worker
from coalactl.training.signals import StopSignals


def work(path: str, workers: int, devices: int, cores: Sequence[int] = ()) -> ExitCode:
    """Works on a sweep that so many workers share, with a CPU as so many devices, on the given cores or on any."""
    if cores and hasattr(os, "sched_setaffinity"):  # Linux only; elsewhere the number of devices is the share.
        with suppress(OSError):
            os.sched_setaffinity(0, cores)
    with StopSignals() as stop:
        threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()
        folder = SweepFolder.open(path)
        observer = Observer(folder, folder.read_sweep())
        log_to(folder.log_file)
        with stop.leaving_at_once():
            prepare_jax(max(devices, devices_begun_with(observer)))
        return Worker(observer, QuietSweep(), stop, workers).run()


def _end_with_parent() -> None:
    """The parent never writes: there is an end to read when it has gone."""
    # Not through the buffer of Python's stdin: at exit a thread inside of it would abort the process.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.path.append(os.getcwd())  # Parts of other packages may be named as module:Name from where the user is.
    try:
        worker_count, device_count, *core_ids = map(int, sys.argv[2:])
        sys.exit(int(work(sys.argv[1], worker_count, device_count, core_ids)))
    except UserError as error:
        note(f"coalactl: {one_line(str(error))}")
        sys.exit(int(error.code))
