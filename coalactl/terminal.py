"""The terminal as Rich sees it, with what our output needs otherwise."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console
from rich.live import Live  # noqa: TID251
from rich.table import Table

from coalactl.leaving import shown, taken_off
from coalactl.output import results
from coalactl.wide_tables import print_table

_NOT_KNOWN = (("COLUMNS", "0"), ("LINES", "0"))
# Columns of a terminal, below which tables have no rules between their columns.
_NARROW = 72
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class OurConsole(Console):
    """Rich's console, but a reader that has gone is told by an exception instead of by the end of the process."""

    def __init__(self, **options: Any) -> None:
        # A width of 0, as some terminals tell it, means that it is not known.
        environ = {name: value for name, value in os.environ.items() if (name, value) not in _NOT_KNOWN}
        defaults: dict[str, Any] = {"file": None if options.get("stderr") else results(), "_environ": environ}
        super().__init__(**{**defaults, **options})

    @property
    def is_live(self) -> bool:
        """Whether lines may change in place: FORCE_COLOR asks for colours, a file is no terminal for that."""
        try:
            return self.is_terminal and not self.is_dumb_terminal and self.file.isatty()
        except ValueError:  # closed
            return False

    def table(self, table: Table) -> None:
        """Prints a table; on a narrow terminal the numbers' headings need the room of its rules."""
        if self.width < _NARROW:
            table.box, table.padding = None, (0, 1, 0, 0)
        print_table(self, table)

    def on_broken_pipe(self) -> None:
        """Called while the BrokenPipeError is handled."""
        raise BrokenPipeError

    def show_cursor(self, show: bool = True) -> bool:
        """The cursor is never hidden: however a process ends, and were it killed, the terminal has one."""
        return super().show_cursor() if show else False


class OurLive(Live):
    """Rich's display that changes in place, but who ends the process without unwinding it can take it off."""

    def start(self, refresh: bool = False) -> None:
        """Begins to show."""
        shown(self.stop)
        super().start(refresh)

    def stop(self) -> None:
        """Leaves the terminal as it was."""
        taken_off(self.stop)
        super().stop()


def spinner(console: Console, spent: float) -> str:
    """The character of what goes on, after so many seconds."""
    return "*" if console.options.ascii_only else _SPINNER[int(spent * 8) % len(_SPINNER)]


def duration(seconds: float) -> str:
    """``0:07``, ``12:30`` or ``3:05:00``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
