"""The loop: calls of the engine, rows and checkpoints in between, until the end, a signal or a non-finite number.

A call runs about two seconds' worth of iterations and never crosses a checkpoint. How the iterations are cut into
calls changes no bit of the result, so a run may be interrupted, resumed and extended at will.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from coalactl.console import quantity
from coalactl.engines import Engine
from coalactl.errors import ExitCode, UserError
from coalactl.runs.directory import State
from coalactl.training.peers import ALONE, Peers
from coalactl.training.progress import History, Progress, View, last_rewards
from coalactl.training.rows import non_finite, non_finite_parameters
from coalactl.training.signals import StopSignals
from coalactl.training.store import RunStore, lane
from coalactl_core.types import Metrics

SECONDS_PER_CALL = 2.0
_STATUS_EVERY = 2.0

_log = logging.getLogger(__name__)


class Session:
    """One attempt at training the runs of one program, all at the same iteration."""

    def __init__(
        self,
        engine: Engine,
        stores: Sequence[RunStore],
        state: Any,
        view: View,
        stop: StopSignals,
        peers: Peers = ALONE,
    ) -> None:
        self.engine = engine
        self.stores = stores
        self.state = state
        self._view = view
        self._stop = stop
        self._peers = peers
        self._code: ExitCode | None = None
        self._settings = stores[0].settings
        self._history = History()
        self._status_at = -np.inf

    def run(self, iteration: int, seconds: float) -> ExitCode:
        """Trains from an iteration, after ``seconds`` of earlier attempts, to the end or until told to stop.

        Raises :class:`UserError`: diverged, or a failed write; the last good checkpoint stands.
        """
        if iteration < self._settings.iterations and self._stop.code is None:
            self._compile(iteration, seconds)
            self._view.phase("training")
        before, saved, per_iteration = seconds, iteration, float("inf")
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
        if iteration > saved:
            self._save(iteration)
        return self._end(iteration, seconds)

    def _compile(self, iteration: int, seconds: float) -> None:
        """Nothing is to be saved while compiling, and a compilation cannot be cut short: a signal leaves at once."""
        self._view.phase("compiling")
        began = time.perf_counter()

        def leave(code: ExitCode) -> None:
            self._tell_status(_STATES[code], iteration, seconds)

        with self._stop.leaving_at_once(leave):
            self.engine.compile(self.state)
        _log.info("compiled in %.1f s", time.perf_counter() - began)

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
        return min(wanted, to_checkpoint, self._settings.iterations - iteration, self.engine.call_capacity)

    def _advance(self, count: int) -> Metrics:
        self.state, metrics = self.engine.advance(self.state, count)
        host: Metrics = jax.device_get(metrics)
        return host

    def _take(self, metrics: Metrics, count: int, iteration: int, clock: np.ndarray) -> None:
        """Rows, divergence and status of one call."""
        self._history.extend(metrics, count)
        finite = self.engine.finite_parameters(self.state)
        due = time.monotonic() - self._status_at > _STATUS_EVERY
        for place, store in enumerate(self.stores):
            if store.diverged is not None:
                continue
            store.append(metrics, place, count, self.engine, clock)
            store.status = store.status._replace(last=last_rewards(metrics, place, count))
            store.diverged = non_finite(metrics, place, count, self.engine.seeds)
            if store.diverged is None and (words := non_finite_parameters(finite[place], self.engine.seeds)):
                store.diverged = f"{words} after iteration {iteration - 1}"
            if store.diverged is not None:
                store.flush()
                store.tell("diverged", iteration, float(clock[-1]), dict(store.status.last))
                self._view.message(f"{store.run.path}: diverged: {store.diverged}")
                _log.error("diverged: %s", store.diverged)
            elif due:
                store.tell("running", iteration, float(clock[-1]), dict(store.status.last))
                self._status_at = time.monotonic()

    def _going_on(self) -> bool:
        return any(store.diverged is None for store in self.stores)

    def _save(self, iteration: int) -> int:
        for place, store in enumerate(self.stores):
            if store.diverged is None:
                store.save(lane(self._peers.here(self.state), place), iteration)
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
        steps = self.engine.steps_per_iteration * len(self.stores)
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
                store.tell(state, iteration, seconds, dict(store.status.last))


_STATES: dict[ExitCode, State] = {
    ExitCode.OK: "running",
    ExitCode.INTERRUPTED: "interrupted",
    ExitCode.PREEMPTED: "preempted",
}
