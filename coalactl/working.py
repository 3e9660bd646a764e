"""What is told of work that takes more than a moment, and that a signal ends at once.

On a terminal one line that changes in place, elsewhere a plain line after two seconds and then ever more seldom, at
least every minute; both on stderr.
Free of JAX: also what reads files alone says how far it is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from coalactl.errors import ExitCode
from coalactl.output import keep_stdout, note
from coalactl.paths import escaped
from coalactl.terminal import OurConsole, OurLive, duration, spinner
from coalactl.training.signals import StopSignals

# Seconds: of what takes less than the first no line tells; each wait is twice the one before, up to the last.
_FIRST, _LAST = 2.0, 60.0

Tell = Callable[..., None]
"""``tell("evaluating run-1", 3, 10)``: what is being done from now on, and how many parts of how many are done."""


def _nothing_more(code: ExitCode) -> None:
    """Leaves with no word."""


@contextmanager
def working(text: str, *, quiet: bool = False, leave: Callable[[ExitCode], None] = _nothing_more) -> Iterator[Tell]:
    """Tells what goes on inside, until its end; SIGINT, SIGTERM and SIGHUP leave at once, also from a compilation.

    ``leave`` is called before, with the exit code.
    """
    with StopSignals() as stop, stop.leaving_at_once(leave), _told(_Work(text), quiet) as work:
        yield work.tell


def unheard(text: str, done: int = 0, total: int = 0) -> None:
    """Nobody is told."""


class _Work:
    """What is being done."""

    def __init__(self, text: str) -> None:
        self._began = time.monotonic()
        self._told: tuple[str, int, int] = (text, 0, 0)

    def tell(self, text: str, done: int = 0, total: int = 0) -> None:
        """From now on it is this; ``done`` of ``total`` parts are behind."""
        self._told = (escaped(text), done, total)

    def line(self) -> str:
        """``evaluating run-1  3/10  elapsed 0:12``."""
        text, done, total = self._told
        return "  ".join([text, *([f"{done}/{total}"] if total else []), f"elapsed {duration(self._spent())}"])

    def shown(self, console: Console) -> RenderableType:
        """The line with a spinner, and a bar where there is something to count."""
        (text, done, total), spent = self._told, self._spent()
        row = Table.grid(padding=(0, 1))
        cells: list[RenderableType] = [spinner(console, spent), Text(text)]
        cells += [ProgressBar(total, done, width=20), f"{done}/{total}"] if total else []
        row.add_row(*cells, duration(spent))
        return row

    def _spent(self) -> float:
        return time.monotonic() - self._began


@contextmanager
def _told(work: _Work, quiet: bool) -> Iterator[_Work]:
    """The work, shown on what stderr is."""
    console = OurConsole(stderr=True, highlight=False)
    if quiet:
        yield work
    elif console.is_live:
        with _in_place(work, console):
            yield work
    else:
        with _in_lines(work):
            yield work


@contextmanager
def _in_place(work: _Work, console: Console) -> Iterator[None]:
    keep_stdout()  # Before the display takes both streams: results go past it.
    live = OurLive(console=console, get_renderable=lambda: work.shown(console), refresh_per_second=8, transient=True)
    with suppress(OSError):
        live.start()
    try:
        yield
    finally:
        with suppress(OSError):  # The terminal was closed.
            live.stop()


@contextmanager
def _in_lines(work: _Work) -> Iterator[None]:
    """By a thread: the work may be one long call."""
    ended = threading.Event()

    def tell() -> None:
        wait = _FIRST
        while not ended.wait(wait):
            note(work.line())
            wait = min(2 * wait, _LAST)

    thread = threading.Thread(target=tell, daemon=True, name="working")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()  # No line comes after what the work came to.
