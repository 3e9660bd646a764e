"""Telling trackers of runs while they train: a thread for each tracker, which the training waits for only at its end.

Rows are told once they are in the metric files and a checkpoint stands behind them, read from there. A mark in the run
directory follows, so that a resume tells what is missing, whatever the reason: a kill, a tracker that failed, one that
was asked for only now.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

from coalactl.errors import in_words
from coalactl.runs.directory import RunDirectory
from coalactl.tracking.choice import keep, kept_file, load
from coalactl.tracking.contract import Opener, Tracker
from coalactl.tracking.marks import Mark, read_mark, tracked, write_mark

# Seconds that the end of a training waits for a tracker.
PATIENCE = 60.0
_ITERATIONS_AT_ONCE = 1000

_log = logging.getLogger(__name__)

Reached = Callable[[RunDirectory, int], None]
"""Tells of a run that its rows before an iteration are on disk."""


@contextmanager
def telling(
    runs: Sequence[RunDirectory], names: Sequence[str], reached: int, tell: Callable[[str], None]
) -> Iterator[Reached]:
    """Trackers are told of the locked runs while entered; those that fail are told the user, once.

    ``reached``: the iteration before which the rows are on disk already. The names are kept for the next resume.
    """
    for run in runs:
        keep(kept_file(run.path), names)
    threads = [_Telling(name, opener, runs, tell) for name, opener in load(names).items()]

    def advance(run: RunDirectory, iteration: int) -> None:
        for thread in threads:
            thread.advance(run, iteration)

    for run in runs:
        advance(run, reached)
    try:
        yield advance
    finally:
        for thread in threads:
            thread.close()


def is_told(runs: Sequence[RunDirectory], names: Sequence[str], iterations: int) -> bool:
    """Whether all trackers have been told all of runs that have so many iterations, and their ends."""
    return all(read_mark(run, name).ended == iterations for run in runs for name in names)


class _Telling:
    """One tracker, and the thread that tells it of runs."""

    def __init__(self, name: str, opener: Opener, runs: Sequence[RunDirectory], tell: Callable[[str], None]) -> None:
        self._name = name
        self._tell = tell
        self._runs = {run.path: _ToldRun(name, opener, run) for run in runs}
        self._waiting: SimpleQueue[tuple[RunDirectory, int] | None] = SimpleQueue()
        self._dropped = False
        # A daemon: one that hangs must not keep the process.
        self._thread = threading.Thread(target=self._work, daemon=True, name=f"tracker {name}")
        self._thread.start()

    def advance(self, run: RunDirectory, iteration: int) -> None:
        self._waiting.put((run, iteration))

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            self._drop(f"no answer within {PATIENCE:g} seconds")

    def _work(self) -> None:
        try:
            while (item := self._waiting.get()) is not None:
                run, iteration = item
                for _ in self._runs[run.path].tell_until(iteration):
                    if self._dropped:
                        return
            for each in self._runs.values():
                each.close()
        except (Exception, SystemExit) as error:  # noqa: BLE001  Whatever a tracker raises, it must not end a training.
            _log.error("tracker %s", self._name, exc_info=error)
            self._drop(in_words(error))

    def _drop(self, why: str) -> None:
        if not self._dropped:
            self._dropped = True
            words = (
                f"--track {self._name}: {why}; the training goes on without it, and a resume tells it what it missed"
            )
            _log.warning("%s", words)
            self._tell(words)


class _ToldRun:
    """A run as one tracker is told of it."""

    def __init__(self, name: str, opener: Opener, run: RunDirectory) -> None:
        self._name = name
        self._opener = opener
        self._run = run
        self._tracker: Tracker | None = None
        self._first = 0

    def tell_until(self, end: int) -> Iterator[int]:
        """Tells the rows before an iteration that it was not told yet; gives how far it is after each part."""
        from coalactl.tracking.rows import rows_between  # Loads pandas, which training begins without.

        tracker = self._opened()
        while self._first < end:
            after = min(self._first + _ITERATIONS_AT_ONCE, end)
            rows = rows_between(self._run, self._first, after, self._mark.started)
            if rows:
                tracker.log(rows)
            self._first = after
            self._keep(self._mark._replace(told=after))
            yield after

    def close(self) -> None:
        """Ends it, a finished run with what it came to."""
        if self._tracker is None:
            return
        from coalactl.tracking.rows import final_row

        status = self._run.read_status()
        finished = status.state == "finished"
        self._tracker.close(status.state, final_row(self._run, self._mark.started) if finished else None)
        if finished:
            self._keep(self._mark._replace(ended=status.iteration))

    def _opened(self) -> Tracker:
        if self._tracker is None:
            self._keep(read_mark(self._run, self._name))
            self._tracker = self._opener(tracked(self._run, self._name, self._mark))
            self._first = self._tracker.first
        return self._tracker

    def _keep(self, mark: Mark) -> None:
        self._mark = mark
        write_mark(self._run, self._name, mark)
