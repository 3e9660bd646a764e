"""``coalactl sweep``: from a request to a sweep folder, through an executor, and what is told at the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from coalactl.environment import log_to, python_running, usable_cores
from coalactl.errors import ExitCode
from coalactl.leaving import STOPPED
from coalactl.output import note
from coalactl.paths import typed
from coalactl.runs.directory import reserved
from coalactl.sweep.definition import DEFAULT_SWEEP, Sweep, find_sweep, read_sweep
from coalactl.sweep.folder import SweepFolder
from coalactl.sweep.outcome import describe, report
from coalactl.sweep.overview import Observer
from coalactl.sweep.plan import Trial, plan
from coalactl.sweep.request import Executor, SweepRequest
from coalactl.sweep.slurm import DEFAULT_TASKS, write_script
from coalactl.sweep.view import SweepView, choose_sweep_view
from coalactl.tracking.choice import keep, load
from coalactl.training.signals import StopSignals
from coalactl.working import working


def sweep(request: SweepRequest) -> ExitCode:
    """Does what the request asks; raises :class:`UserError`."""
    executor = executor_of(request)
    load(request.track or ())  # What is missing is told before anything is written.
    if request.resume is not None:
        folder = SweepFolder.open(request.resume)
        planned = folder.read_sweep()
        trials = planned_by(planned, quiet=request.quiet)
        folder.forget_failures()
    else:
        file = find_sweep(request.sweep or DEFAULT_SWEEP)
        planned = read_sweep(file, request.overrides)
        trials = planned_by(planned, quiet=request.quiet)
        if request.sweep is None and not request.quiet:
            note(f"no sweep given: taking {file.name}")
        if request.dry_run:
            describe(planned, trials, json=request.json)
            return ExitCode.OK
        folder = SweepFolder.create(request.out or reserved(Path("runs"), f"sweep-{planned.name}"), planned)
    if request.track is not None:
        keep(folder.trackers_file, request.track)
    if request.emit_slurm is not None:
        command = " ".join(typed(word) for word in python_running("coalactl"))
        write_script(request.emit_slurm, folder.path, planned.name, request.jobs or DEFAULT_TASKS, command)
        if not request.quiet:
            note(f"submit with: sbatch {typed(request.emit_slurm)}")
        return ExitCode.OK
    with working("looking at what is there", quiet=request.quiet):
        observer = Observer(folder, planned, trials)
        observer.final_jobs()  # Those of a sweep that was here before.
    code = work(observer, executor, quiet=request.quiet) if observer.is_open() else ExitCode.OK
    if code is not ExitCode.OK:
        note(f"{STOPPED[code]}; saved; go on with: coalactl sweep --resume {typed(folder.path)}")
        return code
    return report(observer, request)


def planned_by(sweep: Sweep, *, quiet: bool) -> tuple[Trial, ...]:
    """The sweep's plan; thousands of trials take a minute."""
    with working(f"planning {sweep.name}", quiet=quiet) as tell:
        return plan(sweep, lambda done, total: tell(f"planning the trials of {sweep.name}", done, total))


def work(observer: Observer, executor: Executing, *, quiet: bool) -> ExitCode:
    """Trains what is open, watched by the user; PREEMPTED or INTERRUPTED after a signal."""
    log_to(observer.folder.log_file)
    view = choose_sweep_view(_title(observer), quiet=quiet)
    try:
        with StopSignals() as stop:
            stop.on_first(
                lambda name: view.message(f"{name}: finishing the running call and saving; once more leaves at once")
            )
            view.show(observer.look())
            return executor(observer, view, stop)
    finally:
        view.close()


Executing = Callable[[Observer, SweepView, StopSignals], ExitCode]


def executor_of(request: SweepRequest) -> Executing:
    """Who works; found first, so that what is missing is told before anything is written."""
    from coalactl.sweep import executors

    if request.works_as is Executor.PACKED:
        workers = _array_tasks()
        return lambda observer, view, stop: executors.run_packed(observer, view, stop, workers)
    if request.works_as is Executor.RAY:
        from coalactl.sweep import executor_ray

        executor_ray.check_ray()
        return lambda observer, view, stop: executor_ray.run_ray(observer, view, stop, request.jobs)
    jobs = request.jobs or usable_cores()
    return lambda observer, view, stop: executors.run_processes(observer, view, stop, jobs)


def _array_tasks() -> int:
    """How many tasks of a Slurm array share the folder."""
    count = os.environ.get("SLURM_ARRAY_TASK_COUNT", "")
    return max(1, int(count)) if count.isdigit() else 1


def _title(observer: Observer) -> str:
    sweep = observer.sweep
    runs = sum(len(job.trial.seeds) for job in observer.jobs)
    return f"{sweep.label}: {len(observer.jobs)} trials, {runs} runs of {sweep.preset}, in {observer.folder.path}"
