"""How a sweep stands: trials done, running, failed; how much is left; the best so far. Read from its folder alone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from coalactl.sweep.claims import live_claims
from coalactl.sweep.definition import Sweep
from coalactl.sweep.folder import Failure, Job, SweepFolder
from coalactl.sweep.plan import Trial, plan
from coalactl.sweep.selection import Result, choose, result_of, write_derived


class Overview(NamedTuple):
    """What there is to show."""

    total: int
    """Trials, and the final runs of each method as one each."""
    finished: int
    running: int
    failures: Mapping[str, Failure]
    share: float
    """Of all iterations of all runs."""
    best: Mapping[str, Result]
    """By method, of the trials finished so far."""
    elapsed: float
    remaining: float | None


class Observer:
    """Looks at a sweep again and again; what is finished is read once."""

    def __init__(self, folder: SweepFolder, sweep: Sweep, trials: Sequence[Trial] | None = None) -> None:
        """``trials``: the sweep's plan, where it is known already."""
        self.folder = folder
        self.sweep = sweep
        self.jobs = [folder.job(trial) for trial in (plan(sweep) if trials is None else trials)]
        self._results: dict[str, Result] = {}
        self._finals: dict[str, Job] = {}
        self._began = time.monotonic()
        self._share_at_start: float | None = None

    def results(self) -> list[Result]:
        """The results of all trials as they stand, in the order of the plan."""
        return [self._result(job) for job in self.jobs]

    def final_jobs(self) -> list[Job]:
        """The final runs of the chosen trials, if there are to be any; none before every trial has ended."""
        results = self.results()
        if any(result.state == "open" for result in results):
            return []
        write_derived(self.folder, self.sweep, results)
        if not self.sweep.final_seeds:
            return []
        chosen = choose(results, self.sweep.selection.direction)
        for method, result in chosen.items():
            if method not in self._finals or self._finals[method].trial.id != result.trial.id:
                self._finals[method] = self.folder.final_job(self.sweep, result.trial)
        return list(self._finals.values())

    def is_open(self) -> bool:
        """Whether there is work left, as far as is known."""
        jobs = (*self.jobs, *self._finals.values())
        return any(self.folder.standing(job).state == "open" for job in jobs)

    def final_results(self) -> list[Result]:
        """The results of the final runs as they stand."""
        return [self._result(job) for job in self.final_jobs()]

    def failures(self) -> dict[str, Failure]:
        """Why jobs have no result, by name."""
        by_job = {}
        for job in (*self.jobs, *self._finals.values()):
            result = self._result(job)
            if result.failure is not None:
                by_job[job.name] = result.failure
            elif result.state == "finished" and result.mean is None:
                words = f"{self.sweep.selection.metric} has no value in the last tenth of its iterations"
                by_job[job.name] = Failure("no metric", words)
        return by_job

    def look(self) -> Overview:
        """The sweep as it stands."""
        jobs = (*self.jobs, *self._finals.values())
        standings = {job.name: self.folder.standing(job) for job in jobs}
        live = live_claims(self.folder)
        methods = len({job.trial.method for job in self.jobs}) if self.sweep.final_seeds else 0
        finished = [job for job in jobs if standings[job.name].state == "finished"]
        failures = {name: each.failure for name, each in standings.items() if each.failure is not None}
        done = sum(each.iterations for each in standings.values())
        # What has failed is not trained on: it counts as done.
        done += sum(
            _iterations(job) - standings[job.name].iterations for job in jobs if standings[job.name].state == "failed"
        )
        share = min(1.0, done / self._planned(methods))
        return Overview(
            total=len(self.jobs) + methods,
            finished=len(finished),
            running=sum(name in live and standings[name].state == "open" for name in standings),
            failures=failures,
            share=share,
            best=choose([self._result(job) for job in finished if job in self.jobs], self.sweep.selection.direction),
            elapsed=time.monotonic() - self._began,
            remaining=self._remaining(share),
        )

    def _planned(self, methods: int) -> int:
        final = len(self.sweep.final_seeds) * self.jobs[0].trial.experiment.run.iterations * methods
        return final + sum(_iterations(job) for job in self.jobs)

    def _remaining(self, share: float) -> float | None:
        """At the pace of this attempt; what earlier attempts did tells nothing of it."""
        if self._share_at_start is None:
            self._share_at_start = share
        won = share - self._share_at_start
        return (time.monotonic() - self._began) * (1 - share) / won if won > 0 else None

    def _result(self, job: Job) -> Result:
        key = f"{job.name}/{job.trial.id}"
        if key in self._results:
            return self._results[key]
        result = result_of(self.folder, job, self.sweep.selection.metric)
        if result.state == "finished":
            self._results[key] = result
        return result


def _iterations(job: Job) -> int:
    return len(job.trial.seeds) * job.trial.experiment.run.iterations
