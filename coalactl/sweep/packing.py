"""Trials that share static shapes train together: seeds and numbers lie side by side in one compiled program."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from coalactl.configuration import plain
from coalactl.errors import ExitCode, UserError
from coalactl.runs.directory import RunDirectory, is_pack
from coalactl.runs.pack import Pack
from coalactl.runs.sources import digests_of
from coalactl.sweep.folder import Job
from coalactl.trained import experiment_of
from coalactl.training.attempt import stores_of, train_on
from coalactl.training.initial import sources_of
from coalactl.training.memory import check_memory
from coalactl.training.records import Company, Runs
from coalactl.training.resuming import status_in, take_up
from coalactl.training.signals import StopSignals
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment

if TYPE_CHECKING:
    from coalactl.engines import Engine
    from coalactl.training.progress import View

# A call of the program cannot be cut short: on a CPU an iteration of all its runs is at most about three seconds of two
# cores. Nothing is gained there by more: runs are computed one after the other (benchmarks/NOTES.md).
_STEPS_TOGETHER_ON_CPU = 2**20
# The share of an accelerator's memory that runs may take, of which the estimate is rough.
_MEMORY_SHARE = 0.8
_MOST_RUNS = 1024


class Program:
    """One compiled program and the jobs that it can train."""

    def __init__(self, experiment: Experiment) -> None:
        from coalactl.engines import engine_for

        self.engine: Engine = engine_for(experiment)

    def runs_together(self) -> int:
        """How many runs train at once: what fits the memory of an accelerator, on a CPU what takes seconds."""
        from coalactl_core.training.fitting import accelerator_memory

        engine = self.engine
        if engine.experiment.kind == "analytical":
            return 1  # A run holds all its seeds, and every number is part of the program.
        limit = accelerator_memory()
        if limit is None:
            return max(1, _STEPS_TOGETHER_ON_CPU // engine.sizes.steps_per_iteration)
        fitting = [2**power for power in range(11) if engine.memory.needed(2**power) <= _MEMORY_SHARE * limit]
        return min(_MOST_RUNS, max(fitting, default=1))

    def train(
        self, jobs: Sequence[Job], preset: str, view: View, stop: StopSignals, trackers: Sequence[str] = ()
    ) -> ExitCode:
        """Trains jobs from their newest common checkpoint to the end, or until told to stop; tells trackers of them.

        Raises :class:`UserError`: a run is in use, has diverged (the others are trained to the end first), is damaged,
        or a write failed.
        """
        with stop.leaving_at_once():
            check_memory(self.engine, sum(len(job.trial.seeds) for job in jobs))
            runs = _runs_of(jobs, self.engine)
        with runs.lock():
            stores = stores_of(runs, preset)
            with stop.leaving_at_once():
                training = take_up(runs, self.engine, stores, [status_in(run) for run in runs.runs])
            return train_on(training, view, Company(stop, trackers=trackers))


def program_of(job: Job) -> str:
    """What the program of a job's runs depends on, in words: jobs with equal ones can train together."""
    experiment = experiment_of_job(job)
    if not isinstance(experiment, SequenceExperiment):
        return json.dumps(plain(experiment), sort_keys=True)
    from coalactl_core.numbers.hyperparameters import most_points
    from coalactl_core.training.fitting import settled

    experiment = settled(experiment)
    run = {**plain(experiment)["run"], "seed": None}
    return json.dumps([experiment.static_choices, run, most_points(experiment)], sort_keys=True)


def experiment_of_job(job: Job) -> Experiment:
    """The experiment of a job's first run: that of its own files where it was begun."""
    return experiment_of(Pack.open(job.path).runs[0]) if is_pack(job.path) else job.trial.experiment


def common_steps(job: Job) -> frozenset[int]:
    """The iterations at which all runs of a job that have not diverged have checkpoints; only 0 before the first."""
    from coalactl.runs.manifests import steps

    if not is_pack(job.path):
        return frozenset({0})
    runs = [run for run in Pack.open(job.path).runs if not _has_diverged(run)]
    saved = [set(steps(run)) for run in runs]
    return frozenset(set.intersection(*saved) if saved else ()) or frozenset({0})


def together(jobs: Sequence[Job], most_runs: int) -> list[Job]:
    """The first jobs of one program that can go on from a common checkpoint, at most so many runs, at least one job."""
    ordered = sorted(jobs, key=lambda job: -max(common_steps(job)))
    program, common = program_of(ordered[0]), common_steps(ordered[0])
    chosen: list[Job] = []
    for job in ordered:
        runs = sum(len(other.trial.seeds) for other in (*chosen, job))
        here = common & common_steps(job)
        if here and (not chosen or runs <= most_runs) and program_of(job) == program:
            chosen.append(job)
            common = here
    return chosen


def _runs_of(jobs: Sequence[Job], engine: Engine) -> Runs:
    """The packs of jobs side by side; those that do not exist yet are made."""
    provenance: dict[str, Any] = {}
    packs = []
    for job in jobs:
        if is_pack(job.path):
            packs.append(Pack.open(job.path))
            continue
        provenance = provenance or _provenance()
        configurations = {experiment.run.seed: plain(experiment) for experiment in job.trial.experiments()}
        for configuration in configurations.values():  # What "auto" comes to on this device.
            configuration["compute"] = plain(engine.experiment)["compute"]
        begun_from = digests_of(
            source for experiment in job.trial.experiments() for source in sources_of(experiment).values()
        )
        packs.append(Pack.create(job.path, configurations, {**provenance, **begun_from}))
    runs = tuple(run for pack in packs for run in pack.runs)
    experiments = tuple(experiment_of(run) for run in runs)
    return Runs(jobs[0].path, runs, experiments, tuple(packs))


def _provenance() -> dict[str, Any]:
    import jax

    from coalactl.runs.provenance import collect, number_settings

    # Taking the runs up notes the attempt, the first like every other.
    return {**collect(["coalactl", *sys.argv[1:]], jax.devices(), number_settings()), "attempts": []}


def _has_diverged(run: RunDirectory) -> bool:
    try:
        return run.read_status().state == "diverged"
    except UserError:
        return False
