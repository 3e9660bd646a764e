"""What a user sees of a sweep: trials done, running and failed, what is left, the best so far of each method."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from coalactl.paths import escaped
from coalactl.sweep.overview import Overview
from coalactl.sweep.plan import in_words
from coalactl.terminal import OurConsole, OurLive, duration
from coalactl.training.progress import Progress

LOOK_EVERY = 2.0
_LINE_EVERY = 10.0

_log = logging.getLogger(__name__)


class SweepView(Protocol):
    """Whoever watches a sweep."""

    def show(self, overview: Overview) -> None:
        """Tells how it stands."""

    def message(self, text: str) -> None:
        """Tells one line."""

    def close(self) -> None:
        """Ends the display."""


def choose_sweep_view(title: str, *, quiet: bool) -> SweepView:
    """The view for this terminal, or none."""
    if quiet:
        return QuietSweep()
    console = OurConsole(stderr=True, highlight=False)
    live = console.is_live
    return LiveSweep(console, title) if live else LineSweep(console, title)


class QuietSweep:
    """Shows nothing; messages are in the log."""

    def show(self, overview: Overview) -> None:
        """Shows nothing."""

    def message(self, text: str) -> None:
        """Shows nothing."""
        _log.warning(text)

    def close(self) -> None:
        """Shows nothing."""


class LineSweep:
    """A plain line when a trial has ended, and every few seconds."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._shown = -math.inf
        self._ended = -1
        self.message(title)

    def show(self, overview: Overview) -> None:
        """One line, if there is news or time for it."""
        ended, now = overview.finished + len(overview.failures), time.monotonic()
        if ended == self._ended and now - self._shown < _LINE_EVERY:
            return
        self._ended, self._shown = ended, now
        best = [
            f"best {method} {result.mean:.3f}" for method, result in overview.best.items() if result.mean is not None
        ]
        self.message("  ".join([counts(overview), f"{overview.share:.0%}", times(overview), *best]))

    def message(self, text: str) -> None:
        """The line."""
        with suppress(OSError):  # Nobody can read it: no reason to end a sweep.
            self._console.print(escaped(text), markup=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is left to show."""


class LiveSweep:
    """A few lines that change in place."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = escaped(title)
        self._overview: Overview | None = None
        self._live = OurLive(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)
        with suppress(OSError):
            self._live.start()

    def show(self, overview: Overview) -> None:
        """The numbers to show from now on."""
        self._overview = overview

    def message(self, text: str) -> None:
        """A line above the display."""
        with suppress(OSError):
            self._console.print(escaped(text), markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leaves the terminal as it was."""
        with suppress(OSError):
            self._live.stop()

    def _render(self) -> RenderableType:
        title = Text(self._title, style="bold")
        if self._overview is None:
            return Group(title, Text("starting"))
        overview = self._overview
        line = Table.grid(padding=(0, 1))
        line.add_row(ProgressBar(1.0, overview.share, width=30), f"{overview.share:.0%}", times(overview))
        best = Table.grid(padding=(0, 2))
        for method, result in overview.best.items():
            if result.mean is not None:
                best.add_row(f"best {method}", f"{result.mean:.3f}", in_words(result.trial.values))
        return Group(title, line, Text(counts(overview)), best)


class SessionView:
    """The sweep's view as the loop of training calls it: each call of the engine is a moment to look at the folder."""

    def __init__(self, view: SweepView, look: Callable[[], Overview]) -> None:
        self._view = view
        self._look = look
        self._looked = -math.inf

    def phase(self, name: str) -> None:
        """Compiling or training: what runs now has changed."""
        _log.info(name)
        self._view.show(self._look())

    def progress(self, progress: Progress) -> None:
        """Shows the sweep, not more often than every few seconds."""
        del progress
        if time.monotonic() - self._looked > LOOK_EVERY:
            self._looked = time.monotonic()
            self._view.show(self._look())

    def message(self, text: str) -> None:
        """Tells one line."""
        self._view.message(text)

    def close(self) -> None:
        """The sweep's view goes on."""


def counts(overview: Overview) -> str:
    """``3 of 12 done, 4 running, 1 failed``."""
    failed = f", {len(overview.failures)} failed" if overview.failures else ""
    return f"{overview.finished} of {overview.total} done, {overview.running} running{failed}"


def times(overview: Overview) -> str:
    """``elapsed 0:40  remaining 3:20``."""
    left = "" if overview.remaining is None else f"  remaining {duration(overview.remaining)}"
    return f"elapsed {duration(overview.elapsed)}{left}"
