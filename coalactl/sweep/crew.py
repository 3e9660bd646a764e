"""A crew of workers on one sweep: whoever runs them, one that dies is replaced, and a signal has all of them save."""

from __future__ import annotations

import math
import time
from typing import NamedTuple, Protocol

from coalactl.errors import ExitCode, UserError
from coalactl.sweep.overview import Observer
from coalactl.sweep.view import LOOK_EVERY, SweepView
from coalactl.training.signals import StopSignals

_MOST_DEATHS = 3
_POLL = 0.2
_TOLD_TO_END = (ExitCode.PREEMPTED, ExitCode.INTERRUPTED)


class Ended(NamedTuple):
    """How a worker has ended."""

    number: int
    code: ExitCode | None
    """None: it died."""
    words: str
    """What it said last; of one that died, of what."""


class Crew(Protocol):
    """Workers that are started, watched and told to end, wherever they run."""

    def start(self, number: int) -> None:
        """Another worker takes the place of that number."""

    def is_at_work(self) -> bool:
        """Whether a worker is there that has not been seen to end."""

    def ended(self) -> list[Ended]:
        """Those that have ended since the last call."""

    def forward(self, code: ExitCode, /) -> None:
        """Has all workers save and end, without waiting; only the first call tells them."""

    def close(self) -> None:
        """Has the workers save and end, and returns when they have."""


def supervise(crew: Crew, jobs: int, observer: Observer, view: SweepView, stop: StopSignals) -> ExitCode:
    """So many workers until one finds that nothing is left; one that dies is replaced.

    Raises :class:`UserError` with what a worker said, or that workers keep dying without finishing anything.
    """
    try:
        for number in range(jobs):
            crew.start(number)
        _watch(crew, observer, view, stop)
    finally:
        crew.close()
    view.show(observer.look())
    return ExitCode.OK if stop.code is None else stop.code


def _watch(crew: Crew, observer: Observer, view: SweepView, stop: StopSignals) -> None:
    deaths = _Deaths(observer)
    looked = -math.inf
    while crew.is_at_work():
        if stop.code is not None:
            crew.forward(stop.code)
        for ended in crew.ended():
            if ended.code is ExitCode.OK:  # It has seen every trial end: the others have nothing to do either.
                return
            if ended.code is not None and ended.code not in _TOLD_TO_END:
                raise UserError(ended.words, ended.code)
            if stop.code is None:  # It died, or somebody else told it to end.
                how = ended.words if ended.code is None else f"exit code {int(ended.code)}"
                deaths.count(how)
                view.message(f"worker {ended.number} died with {how}; another one takes its place")
                crew.start(ended.number)
        if time.monotonic() - looked > LOOK_EVERY:
            looked = time.monotonic()
            view.show(observer.look())
        time.sleep(_POLL)


class _Deaths:
    """Counts those between which nothing was finished."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._count = 0
        self._finished = -1

    def count(self, how: str) -> None:
        now = self._observer.look().finished
        self._count = self._count + 1 if now == self._finished else 1
        self._finished = now
        if self._count >= _MOST_DEATHS:
            raise UserError(f"{self._count} workers died, the last with {how}", ExitCode.FAILED)
