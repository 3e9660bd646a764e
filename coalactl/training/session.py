"""The loop: calls of the engine, rows and checkpoints in between, until the end, a signal or a non-finite number.

A call runs about two seconds' worth of iterations and never crosses a checkpoint. How the iterations are cut into
calls changes no bit of the result, so a run may be interrupted, resumed and extended at will.
"""

from __future__ import annotations

import logging
import time

import jax
import numpy as np

from coalactl.callbacks import ending_with_failures
from coalactl.errors import ExitCode, UserError
from coalactl.pace.records import leave
from coalactl.runs.directory import State
from coalactl.training.progress import History, Progress, View
from coalactl.training.records import Company, Training
from coalactl.training.rows import non_finite, non_finite_parameters
from coalactl.training.store import lane_of
from coalactl.words import quantity
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.types import Metrics

SECONDS_PER_CALL = 2.0
_STATUS_EVERY = 2.0

_log = logging.getLogger(__name__)


class Session:
    """One attempt at training the runs of one program, all at the same iteration."""

    def __init__(self, training: Training, view: View, company: Company) -> None:
        self.engine = training.engine
        self.stores = training.stores
        self.state = training.state
        self._begins_at = training.iteration, training.seconds
        self._view = view
        self._stop = company.stop
        self._peers = company.peers
        self._code: ExitCode | None = None
        self._settings = self.stores[0].settings
        self._history = History()
        self._status_at = -np.inf
        self._compiling = 0.0
        experiment = self.engine.experiment
        self._mixed = isinstance(experiment, SequenceExperiment) and len(experiment.groups) > 1

    def run(self) -> ExitCode:
        """Trains to the end or until told to stop.

        Raises :class:`UserError`: diverged, or a failed write; the last good checkpoint stands.
        """
        iteration, seconds = self._begins_at
        if iteration < self._settings.iterations and self._stop.code is None:
            self._compile(iteration, seconds)
            self._view.phase("training")
        before, saved, per_iteration = seconds, iteration, float("inf")
        first: tuple[int, float] | None = None
        while self._going_on() and (count := self._next(iteration, per_iteration)):
            began = time.perf_counter()
            metrics = self._advance(count)
            took = time.perf_counter() - began
            per_iteration = took / count
            clock = seconds + per_iteration * np.arange(1, count + 1)
            iteration, seconds = iteration + count, seconds + took
            self._take(metrics, count, iteration, clock)
            if iteration % self._settings.checkpoint_every == 0 and self._going_on():
                saved = self._save(iteration)
            self._show(iteration, seconds - before, per_iteration)
            # The first call also does what is done once.
            first = first or (iteration, time.perf_counter())
        if first is not None:
            self._leave_pace(iteration - first[0], time.perf_counter() - first[1])
        if iteration > saved:
            self._save(iteration)
        return self._end(iteration, seconds)

    def _compile(self, iteration: int, seconds: float) -> None:
        """Nothing is to be saved while compiling, and a compilation cannot be cut short: a signal leaves at once."""
        began = time.perf_counter()

        def leave(code: ExitCode) -> None:
            self._tell_status(_STATES[code], iteration, seconds)

        with self._stop.leaving_at_once(leave):
            self._view.phase("compiling")
            self.engine.compile(self.state)
        self._compiling = time.perf_counter() - began
        _log.info("compiled in %.1f s", self._compiling)

    def _leave_pace(self, iterations: int, seconds: float) -> None:
        """For estimates of what comes later, rows and checkpoints included."""
        runs = len(self.stores)
        leave(self.engine, runs=runs, iterations=iterations, seconds=seconds, compile_seconds=self._compiling)

    def _next(self, iteration: int, per_iteration: float) -> int:
        """Iterations of the next call, 0 after the last or where any process has got a signal."""
        if iteration >= self._settings.iterations:
            return 0
        self._code, count = self._peers.agree(self._stop.code, self._count(iteration, per_iteration))
        return 0 if self._code else count

    def _count(self, iteration: int, per_iteration: float) -> int:
        """How many iterations a call should have; the first is one iteration long, to measure."""
        every = self._settings.checkpoint_every
        wanted = max(1, int(SECONDS_PER_CALL / per_iteration)) if np.isfinite(per_iteration) else 1
        to_checkpoint = every - iteration % every
        return min(wanted, to_checkpoint, self._settings.iterations - iteration, self.engine.sizes.call_capacity)

    def _advance(self, count: int) -> Metrics:
        with ending_with_failures(self._fail):
            self.state, metrics = self.engine.advance(self.state, count)
            host: Metrics = jax.device_get(metrics)
        return host

    def _fail(self, reason: str) -> None:
        for store in self.stores:
            store.fail(reason)

    def _take(self, metrics: Metrics, count: int, iteration: int, clock: np.ndarray) -> None:
        """Rows, divergence and status of one call."""
        self._history.extend(metrics, count)
        summary, seeds = self.engine.summary(self._peers.here(self.state)), self.engine.sizes.seeds
        due = time.monotonic() - self._status_at > _STATUS_EVERY
        for lane, store in enumerate(self.stores):
            if store.diverged is not None:
                continue
            store.append(metrics, lane, count, self.engine, clock)
            reason = non_finite(metrics, lane, count, seeds, mixed=self._mixed)
            if reason is None and (words := non_finite_parameters(summary, lane, seeds)):
                reason = f"{words} after iteration {iteration - 1}"
            if reason is not None:
                store.diverge(reason, iteration, float(clock[-1]))
                self._view.message(f"{store.run.path}: diverged: {reason}")
                _log.error("diverged: %s", reason)
            elif due:
                store.tell("running", iteration, float(clock[-1]))
                self._status_at = time.monotonic()

    def _going_on(self) -> bool:
        return any(store.diverged is None for store in self.stores)

    def _save(self, iteration: int) -> int:
        for lane, store in enumerate(self.stores):
            if store.diverged is None:
                store.save(lane_of(self._peers.here(self.state), lane), iteration)
        return iteration

    def _show(self, iteration: int, elapsed: float, per_iteration: float) -> None:
        self._view.progress(
            Progress(
                iteration=iteration,
                iterations=self._settings.iterations,
                pace=self._pace(per_iteration),
                elapsed=elapsed,
                remaining=(self._settings.iterations - iteration) * per_iteration,
                history=self._history.measures,
            )
        )

    def _pace(self, per_iteration: float) -> str:
        steps = self.engine.sizes.steps_per_iteration * len(self.stores)
        return f"{quantity((steps or 1) / per_iteration)} {'steps' if steps else 'iterations'}/s"

    def _end(self, iteration: int, seconds: float) -> ExitCode:
        finished = iteration >= self._settings.iterations
        code = ExitCode.OK if finished or self._code is None else self._code
        self._tell_status("finished" if finished else _STATES[code], iteration, seconds)
        diverged = [store for store in self.stores if store.diverged is not None]
        if diverged:
            words = "; ".join(f"{store.run.path}: {store.diverged}" for store in diverged)
            raise UserError(f"diverged: {words}; the last good checkpoint is kept", ExitCode.DIVERGED)
        return code

    def _tell_status(self, state: State, iteration: int, seconds: float) -> None:
        for store in self.stores:
            if store.diverged is None:
                store.tell(state, iteration, seconds)


_STATES: dict[ExitCode, State] = {
    ExitCode.OK: "running",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.PREEMPTED: "preempted",
}
