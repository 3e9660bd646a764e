"""Training as a user sees it: a live view on a terminal, plain lines elsewhere.

Progress goes to stderr, results to stdout. Rich respects ``NO_COLOR`` and terminals without cursor movement.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from coalactl.paths import escaped
from coalactl.summary import rows_of
from coalactl.terminal import OurConsole, OurLive, duration, spinner
from coalactl.training.progress import Progress, View
from coalactl.words import shown
from coalactl_core.measures import KINDS, Measure

_LINE_EVERY = 5.0
_SPARK_WIDTH = 32
_GAP = 2
_FIRST_TO_LAST = "first to last episode"
_BLOCKS = "▁▂▃▄▅▆▇█"

_log = logging.getLogger(__name__)


def choose_view(title: str, *, quiet: bool) -> View:
    """The view for this terminal, or none."""
    if quiet:
        return QuietView()
    console = OurConsole(stderr=True, highlight=False)
    return LiveView(console, title) if console.is_live else LineView(console, title)


class QuietView:
    """Shows nothing; warnings are in the log."""

    def phase(self, name: str) -> None:
        """Shows nothing."""

    def progress(self, progress: Progress) -> None:
        """Shows nothing."""

    def message(self, text: str) -> None:
        """Shows nothing."""
        _log.warning(text)

    def close(self) -> None:
        """Shows nothing."""


class LineView:
    """A plain line every few seconds, for logs and pipes."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._shown = -math.inf
        self._print(title)

    def phase(self, name: str) -> None:
        """One line for each phase."""
        self._print(name)

    def progress(self, progress: Progress) -> None:
        """One line, not more often than every few seconds, and the last."""
        now = time.monotonic()
        if now - self._shown > _LINE_EVERY or progress.iteration == progress.iterations:
            self._shown = now
            self._print("  ".join([_counts(progress), *_latest(progress)]))

    def message(self, text: str) -> None:
        """The line."""
        self._print(text)

    def close(self) -> None:
        """Nothing is left to show."""

    def _print(self, line: str) -> None:
        with suppress(OSError):  # Nobody can read it: no reason to end a training.
            self._console.print(escaped(line), markup=False, soft_wrap=True)


class LiveView:
    """A few lines that change in place."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = escaped(title)
        self._phase = ""
        self._since = time.monotonic()
        self._progress: Progress | None = None
        self._live = OurLive(console=console, get_renderable=self._render, refresh_per_second=8, transient=True)
        with suppress(OSError):
            self._live.start()

    def phase(self, name: str) -> None:
        """The phase, with a clock of its own."""
        self._phase, self._since = name, time.monotonic()

    def progress(self, progress: Progress) -> None:
        """The numbers to show from now on."""
        self._progress = progress

    def message(self, text: str) -> None:
        """A line above the display."""
        with suppress(OSError):  # The terminal was closed: no reason to end a training.
            self._console.print(escaped(text), markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leaves the terminal as it was."""
        with suppress(OSError):
            self._live.stop()

    def _render(self) -> RenderableType:
        spent = time.monotonic() - self._since
        turning = spinner(self._console, spent)
        title = Text(self._title, style="bold")
        if self._progress is None:
            return Group(title, Text(f"{turning} {self._phase}  {duration(spent)}"))
        progress = self._progress
        line = Table.grid(padding=(0, 1))
        line.add_row(
            turning,
            Text(self._phase),
            ProgressBar(progress.iterations, progress.iteration, width=30),
            f"{progress.iteration}/{progress.iterations}",
        )
        room = 0 if self._console.options.ascii_only else self._console.width
        return Group(title, line, Text(_pace(progress)), _measures(progress, room))


def _counts(progress: Progress) -> str:
    return f"iteration {progress.iteration}/{progress.iterations}  {_pace(progress)}"


def _pace(progress: Progress) -> str:
    remaining = "" if progress.remaining is None else f"  remaining {duration(progress.remaining)}"
    return f"{progress.pace}  elapsed {duration(progress.elapsed)}{remaining}"


def _latest(progress: Progress) -> list[str]:
    """``reward vs naive 0.31 (co-player -0.11)``, ``defection vs naive 0.45 -> 0.80``."""
    last = {column: _recent(values) for column, values in progress.history.items()}
    parts = []
    for kind in KINDS:
        for _, own in rows_of(kind, last):
            now = shown(last[own.column])
            if not own.place:
                parts.append(f"reward vs {kind} {now} (co-player {shown(last.get(own.of_coplayer.column))})")
            elif _begins_a_span(own):
                parts.append(f"{own.name} vs {kind} {now} -> {shown(last.get(own.at('last').column))}")
    return parts


def _measures(progress: Progress, width: int) -> Table:
    """Newest values, and curves in what is left of the width: a curve that is cut would lose its newest end."""
    rows: list[tuple[str, str, str, str]] = []
    curves: dict[int, Sequence[float]] = {}
    last = {column: _recent(values) for column, values in progress.history.items()}
    for kind in KINDS:
        for _, own in rows_of(kind, last):
            now = shown(last[own.column])
            if not own.place:
                curves[len(rows)] = progress.history[own.column]
                theirs = shown(last.get(own.of_coplayer.column))
                rows.append((f"reward against {kind}", now, f"co-player {theirs}", ""))
            elif _begins_a_span(own):
                end = shown(last.get(own.at("last").column))
                rows.append((f"{own.name} against {kind}", now, f"to {end}", _FIRST_TO_LAST))
    left = width - sum(max((len(row[column]) for row in rows), default=0) + _GAP for column in range(3))
    table = Table.grid(padding=(0, _GAP))
    for number, row in enumerate(rows):
        curve = sparkline(curves[number], max(0, min(left, _SPARK_WIDTH))) if number in curves else row[3]
        table.add_row(*row[:3], Text(curve, style="green" if number in curves else ""))
    return table


def _begins_a_span(measure: Measure) -> bool:
    """Whether it is shown from the first inner episode to the last; exact games tell of rewards there too."""
    return measure.place == "first" and measure.has_ends


def sparkline(values: Sequence[float], width: int = _SPARK_WIDTH) -> str:
    """A curve of at most ``width`` characters, each the mean of its share of the values."""
    known = [value for value in values if math.isfinite(value)]
    if not known or not width:
        return ""
    width = min(width, len(known))
    bounds = [len(known) * share // width for share in range(width + 1)]
    means = [sum(known[start:end]) / (end - start) for start, end in pairwise(bounds)]
    low, high = min(means), max(means)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BLOCKS[round((mean - low) * scale)] for mean in means)


def _recent(values: Sequence[float]) -> float | None:
    """The mean of the last few known values."""
    known = [value for value in values if math.isfinite(value)][-5:]
    return sum(known) / len(known) if known else None
