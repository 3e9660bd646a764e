"""What a user sees: a live view on a terminal, plain lines elsewhere, and the table at the end.

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
from coalactl.summary import KINDS, POLICY, Means, RunSummary, measure_of
from coalactl.terminal import OurConsole, OurLive
from coalactl.training.progress import Progress, View

_TITLE = "untrained: iteration 0; trained: mean over the last tenth of the iterations"
_LINE_EVERY = 5.0
_SPARK_WIDTH = 32
_LABEL_WIDTH = 20
_GAP = 2
_FIRST_TO_LAST = "first to last episode"
_BLOCKS = "▁▂▃▄▅▆▇█"
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

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
        ascii_only = self._console.options.ascii_only
        spent = time.monotonic() - self._since
        spinner = "*" if ascii_only else _SPINNER[int(spent * 8) % len(_SPINNER)]
        title = Text(self._title, style="bold")
        if self._progress is None:
            return Group(title, Text(f"{spinner} {self._phase}  {duration(spent)}"))
        progress = self._progress
        line = Table.grid(padding=(0, 1))
        line.add_row(
            spinner,
            Text(self._phase),
            ProgressBar(progress.iterations, progress.iteration, width=30),
            f"{progress.iteration}/{progress.iterations}",
        )
        room = 0 if ascii_only else self._console.width
        return Group(title, line, Text(_pace(progress)), _measures(progress, room))


# --- tables ---------------------------------------------------------------------------------------------------------


def result_table(means: Means, method: str = "") -> Table:
    """Rewards a step and other measures of agent and co-player, trained beside untrained."""
    untrained, trained = means
    table = Table(title=_titled(method), title_justify="left", title_style="italic")
    table.add_column("against", no_wrap=True)
    table.add_column("measure", overflow="fold")
    for who in ("agent", "co-player"):
        table.add_column(f"{who}\nuntrained", justify="right", no_wrap=True)
        table.add_column(f"{who}\ntrained", justify="right", style="bold", no_wrap=True)
    for kind in KINDS:
        rows = _rows_of(kind, trained)
        for index, (label, own, other) in enumerate(rows):
            cells = [_number(values.get(column)) for column in (own, other) for values in (untrained, trained)]
            table.add_row(kind if index == 0 else "", label, *cells, end_section=index == len(rows) - 1)
    return table


def seeds_table(summary: RunSummary, seeds: int) -> Table:
    """A row a measure of a run that holds several seeds: median and quartiles over them, beside the untrained."""
    table = Table(
        title=f"{_TITLE};\nmedian and quartiles over {seeds} seeds", title_justify="left", title_style="italic"
    )
    for heading in ("measure", "untrained", "trained", "quartiles"):
        table.add_column(heading, justify="left" if heading == "measure" else "right", no_wrap=heading != "measure")

    def add(label: str, column: str) -> None:
        quartiles = ", ".join(map(_number, summary.quartiles.get(column, ())))
        values = _number(summary.untrained.get(column)), _number(summary.trained.get(column))
        table.add_row(label, *values, f"[{quartiles}]", style=None)

    for kind in KINDS:
        for label, own, other in _rows_of(kind, summary.trained):
            add(f"{label} vs {kind}", own)
            add(f"co-player's {label} vs {kind}", other)
        table.add_section()
    for column in filter(POLICY.fullmatch, summary.trained):
        add(column.replace("_", " "), column)
    return table


def pack_table(seeds: Sequence[int], summaries: Sequence[Means], method: str = "") -> Table:
    """A row a measure: each seed's, their mean, and the mean of the untrained agents."""
    columns = dict.fromkeys(name for summary in summaries for name in summary.trained)
    table = Table(title=_titled(method), title_justify="left", title_style="italic")
    table.add_column("measure", min_width=_LABEL_WIDTH)
    for seed in seeds:
        table.add_column(f"seed\n{seed}", justify="right", no_wrap=True)
    table.add_column("mean", justify="right", style="bold", no_wrap=True)
    table.add_column("mean\nuntrained", justify="right", no_wrap=True)
    for kind in KINDS:
        for label, own, other in _rows_of(kind, columns):
            name, _, place = label.partition(", ")
            for who, column in (("", own), ("co-player's ", other)):
                trained = [summary.trained.get(column) for summary in summaries]
                means = [_mean(values) for values in (trained, [one.untrained.get(column) for one in summaries])]
                words = f"{who}{name} vs {kind}" + (f", {place}" if place else "")
                table.add_row(words, *map(_number, [*trained, *means]))
        table.add_section()
    return table


def _titled(method: str) -> str:
    """The title, with the method that the rows are of where a pool mixes several."""
    return f"agents of {method}; {_TITLE}" if method else _TITLE


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _rows_of(kind: str, columns: dict[str, float | None]) -> list[tuple[str, str, str]]:
    """(label, the agent's column, the co-player's column) of the measures against a kind."""
    rows: list[tuple[str, str, str]] = []
    places = {"first": "first inner episode", "last": "last inner episode"}
    for column in columns:
        measure = measure_of(column)
        if measure is None or measure.kind != kind or measure.name.startswith("coplayer_"):
            continue
        if measure.name == "reward" and not measure.place:
            rows.insert(0, ("reward a step", column, f"coplayer_{column}"))
        elif measure.place:
            rows.append((f"{measure.name}, {places[measure.place]}", column, f"coplayer_{column}"))
    return rows


# --- words ----------------------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """``0:07``, ``12:30`` or ``3:05:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def quantity(value: float) -> str:
    """``950``, ``13.2 k``, ``1.2 M``."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f}"


def size(count: float) -> str:
    """``12 kB``, ``1.3 GB``."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count:.0f} B"


def sparkline(values: Sequence[float], width: int = _SPARK_WIDTH) -> str:
    """A curve of at most ``width`` characters, each the mean of its share of the values."""
    known = [value for value in values if math.isfinite(value)]
    if not known or not width:
        return ""
    width = min(width, len(known))
    bounds = [len(known) * place // width for place in range(width + 1)]
    means = [sum(known[start:end]) / (end - start) for start, end in pairwise(bounds)]
    low, high = min(means), max(means)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BLOCKS[round((mean - low) * scale)] for mean in means)


def _counts(progress: Progress) -> str:
    return f"iteration {progress.iteration}/{progress.iterations}  {_pace(progress)}"


def _pace(progress: Progress) -> str:
    remaining = "" if progress.remaining is None else f"  remaining {duration(progress.remaining)}"
    return f"{progress.pace}  elapsed {duration(progress.elapsed)}{remaining}"


def _latest(progress: Progress) -> list[str]:
    """``reward vs naive 0.31 (co-player -0.11)``, ``defection vs naive 0.45 -> 0.80``."""
    last = {name: recent(values) for name, values in progress.history.items()}
    parts = []
    for kind in KINDS:
        for label, own, other in _rows_of(kind, dict(last)):
            if own == f"reward_vs_{kind}":
                parts.append(f"reward vs {kind} {_number(last[own])} (co-player {_number(last.get(other))})")
            elif "_first_" in own and not own.startswith("reward"):
                end = last.get(own.replace("_first_", "_last_"))
                name = label.partition(",")[0]
                parts.append(f"{name} vs {kind} {_number(last[own])} -> {_number(end)}")
    return parts


def _measures(progress: Progress, width: int) -> Table:
    """Newest values, and curves in what is left of the width: a curve that is cut would lose its newest end."""
    rows: list[tuple[str, str, str, str]] = []
    curves: dict[int, Sequence[float]] = {}
    last = {name: recent(values) for name, values in progress.history.items()}
    for kind in KINDS:
        for label, own, other in _rows_of(kind, dict(last)):
            if own == f"reward_vs_{kind}":
                curves[len(rows)] = progress.history[own]
                rows.append((f"reward against {kind}", _number(last[own]), f"co-player {_number(last.get(other))}", ""))
            elif "_first_" in own and not own.startswith("reward"):
                end = last.get(own.replace("_first_", "_last_"))
                name = label.partition(",")[0]
                rows.append((f"{name} against {kind}", _number(last[own]), f"to {_number(end)}", _FIRST_TO_LAST))
    left = width - sum(max((len(row[place]) for row in rows), default=0) + _GAP for place in range(3))
    table = Table.grid(padding=(0, _GAP))
    for place, row in enumerate(rows):
        curve = sparkline(curves[place], max(0, min(left, _SPARK_WIDTH))) if place in curves else row[3]
        table.add_row(*row[:3], Text(curve, style="green" if place in curves else ""))
    return table


def recent(values: Sequence[float]) -> float | None:
    """The mean of the last few known values."""
    known = [value for value in values if math.isfinite(value)][-5:]
    return sum(known) / len(known) if known else None


def _number(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.2f}"
