"""One worker of a sweep: it claims trials, trains them packed, and goes on until none is left; then the final runs.

Any number of workers may do so on the same folder, on one machine or on several: all find the same plan and, when every
trial has ended, the same choice.
"""

from __future__ import annotations

import logging
import math
import time
import traceback
from collections.abc import Sequence

from coalactl.errors import ExitCode, UserError, in_words
from coalactl.paths import one_line
from coalactl.sweep.claims import Claims, live_claims
from coalactl.sweep.folder import Failure, Job
from coalactl.sweep.overview import Observer
from coalactl.sweep.packing import Program, experiment_of_job, program_of, together
from coalactl.sweep.view import SessionView, SweepView
from coalactl.tracking.choice import kept_in
from coalactl.training.signals import StopSignals

MOST_EQUAL_FAILURES = 3
_WAIT = 0.5
_log = logging.getLogger(__name__)


class TooManyFailuresError(UserError):
    """Trials fail one after the other in the same way: what comes would fail too."""


class Worker:
    """Works on a sweep until nothing is left to do, a signal, or too many failures."""

    def __init__(self, observer: Observer, view: SweepView, stop: StopSignals, workers: int = 1) -> None:
        self._observer = observer
        self._folder = observer.folder
        self._view = view
        self._stop = stop
        self._workers = workers
        self._programs: dict[str, Program] = {}
        self._last_kind = ""
        self._equal_failures = 0

    def run(self) -> ExitCode:
        """Trials first, then the final runs of those that were chosen.

        Raises :class:`TooManyFailuresError`, or :class:`UserError` where a write failed.
        """
        with Claims(self._folder) as claims:
            self._work(claims, self._observer.jobs)
            if self._stop.code is None:
                self._work(claims, self._observer.final_jobs())
        return ExitCode.OK if self._stop.code is None else self._stop.code

    def _work(self, claims: Claims, jobs: Sequence[Job]) -> None:
        """Until every job has ended, here or elsewhere."""
        share = math.ceil(len(jobs) / self._workers)
        while self._stop.code is None:
            waiting = [job for job in jobs if self._folder.standing(job).state == "open"]
            if not waiting:
                return
            batch = self._claimed(claims, waiting, share)
            if batch:
                self._train(batch)
                claims.release([job.name for job in batch])
            else:
                time.sleep(_WAIT)
            self._view.show(self._observer.look())

    def _claimed(self, claims: Claims, waiting: Sequence[Job], share: int) -> list[Job]:
        """Jobs of one program that nobody else works on; a fair share where there are several workers."""
        live = live_claims(self._folder)
        free = [job for job in waiting if job.name not in live]
        if not free:
            return []
        batch = self._batch(free)[:share]
        taken = claims.take([job.name for job in batch])
        # Another worker may have ended one before this one took it.
        batch = [job for job in batch if job.name in taken and self._folder.standing(job).state == "open"]
        claims.release([name for name in taken if name not in {job.name for job in batch}])
        return batch

    def _batch(self, jobs: Sequence[Job]) -> list[Job]:
        """What trains next, cut so that batches are of one size where they can be: each size is compiled anew."""
        same = together(jobs, len(jobs) * len(jobs[0].trial.seeds))
        try:
            most = self._program(same[0]).runs_together()
        except UserError:  # It cannot be built: trained alone, it fails with its reason.
            return same[:1]
        per_batch = max(1, most // len(same[0].trial.seeds))
        batches = math.ceil(len(same) / per_batch)
        return same[: math.ceil(len(same) / batches)]

    def _train(self, batch: Sequence[Job]) -> None:
        """Trains a batch; where it fails as a whole its halves are tried, so that only those fail that must."""
        began = {job.name: self._folder.standing(job) for job in batch}
        _log.info("training %s", ", ".join(began))
        try:
            session = SessionView(self._view, self._observer.look)
            trackers = kept_in(self._folder.trackers_file)
            self._program(batch[0]).train(batch, self._observer.sweep.preset, session, self._stop, trackers)
        except Exception as error:  # A trial may fail in any way (memory, a game's own code); the other trials go on.
            if isinstance(error, UserError) and error.code is ExitCode.WRITE_FAILED:
                raise
            if isinstance(error, UserError) and error.code is ExitCode.DIVERGED:
                self._settle(batch, None)
            elif len(batch) > 1:
                _log.warning("trying halves of the batch: %s", error)
                self._halves(batch)
            elif isinstance(error, UserError) and error.code is ExitCode.RUN_CONFLICT:
                time.sleep(_WAIT)  # Another process writes there without a claim: a training that was begun by hand.
            else:
                self._settle(batch, error)
        else:
            self._settle(batch, None)

    def _halves(self, batch: Sequence[Job]) -> None:
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            waiting = [job for job in half if self._folder.standing(job).state == "open"]
            if waiting and self._stop.code is None:
                self._train(waiting)

    def _settle(self, batch: Sequence[Job], error: Exception | None) -> None:
        """Records what failed, in the order of the plan, and counts failures of one kind in a row."""
        for job in batch:
            standing = self._folder.standing(job)
            if standing.state == "finished":
                self._equal_failures = 0
                continue
            failure = standing.failure or _failure(error)
            if failure is None:  # Stopped by a signal before its end.
                continue
            self._folder.record_failure(job, failure)
            self._view.message(f"{job.name} failed: {failure.reason}")
            self._equal_failures = self._equal_failures + 1 if failure.kind == self._last_kind else 1
            self._last_kind = failure.kind
            if self._equal_failures >= MOST_EQUAL_FAILURES:
                raise TooManyFailuresError(
                    f"{MOST_EQUAL_FAILURES} failures of the same kind in a row, the last {job.name}: {failure.reason}; "
                    "the sweep stops here, `coalactl sweep --resume` tries again",
                    ExitCode.FAILED,
                )

    def _program(self, job: Job) -> Program:
        key = program_of(job)
        if key not in self._programs:
            self._programs[key] = Program(experiment_of_job(job))
        return self._programs[key]


def _failure(error: Exception | None) -> Failure | None:
    if error is None:
        return None
    if isinstance(error, UserError):
        return Failure(error.code.name.lower(), one_line(str(error)))
    _log.error("%s", "".join(traceback.format_exception(error)))
    return Failure(type(error).__name__, in_words(error))
