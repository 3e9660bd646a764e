"""Tables that may be wider than the terminal: no number is ever cut."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_NO_LIMIT = 100_000


def print_table(console: Console, table: Table) -> None:
    """Prints a table: as wide as it is into a file or pipe, in parts that fit on a terminal.

    Words are folded there first, and each part has the first column again.
    """
    if not console.is_terminal:
        _print(console, table, _width(console, table).maximum)
        return
    for part in _parts(console, table):
        _print(console, part, _width(console, part).minimum)


def _print(console: Console, table: Table, width: int) -> None:
    """On so many columns at least, whatever the console has."""
    own_width = console.width
    console.width = max(own_width, width)
    console.print(table, markup=False)
    console.width = own_width


def _parts(console: Console, table: Table) -> Iterator[Table]:
    """The table if it fits, else one with the columns that do, then one with the first column and those of the rest."""
    left, title = list(range(1, len(table.columns))), table.title
    while left:
        count = 1
        while count < len(left) and _width(console, _of_columns(table, left[: count + 1])).minimum <= console.width:
            count += 1
        part = _of_columns(table, left[:count])
        part.title, title = title, None
        yield part
        left = left[count:]


def _of_columns(table: Table, numbers: Sequence[int]) -> Table:
    """The table with its first column and those of the numbers, without a title."""
    part = copy.copy(table)
    chosen = [table.columns[number] for number in (0, *numbers)]
    part.columns = [replace(column, _index=index) for index, column in enumerate(chosen)]
    part.title = None
    return part


def _width(console: Console, table: Table) -> Measurement:
    return Measurement.get(console, console.options.update(max_width=_NO_LIMIT), table)
