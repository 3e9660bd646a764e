"""A table once, and how it is written as CSV with all digits and as Markdown; LaTeX is in ``latex``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

Cell = str | int | float | None


MOST_TOLD = 12
"""Names that a table's own legend explains; of more the table of settings does."""


class Table(NamedTuple):
    """Rows of numbers, and how they are shown where all digits would be too many."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    shown_columns: tuple[str, ...]
    shown: tuple[tuple[str, ...], ...]
    words: int
    """How many columns at the left hold words; the others hold numbers."""
    keys: int
    """How many columns at the left of the CSV file tell one row from the others."""
    note: str = ""
    legend: Mapping[str, str] = MappingProxyType({})
    """What short names in it stand for."""


def to_csv(table: Table) -> str:
    """All digits; what is missing is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([_exact(cell) for cell in row])
    return text.getvalue()


def to_markdown(table: Table) -> str:
    """With its title and note."""
    lines = [f"## {table.title}", ""]
    if table.note:
        lines += [table.note, ""]
    if len(table.legend) > MOST_TOLD:
        lines += ["Names are those of settings.md.", ""]
    elif table.legend:
        lines += [*(f"- {short}: {full}" for short, full in table.legend.items()), ""]
    lines += [_markdown_row(table.shown_columns), _markdown_row(["---"] * len(table.shown_columns))]
    return "\n".join([*lines, *(_markdown_row(row) for row in table.shown)]) + "\n"


def number(value: float | None, digits: int = 3) -> str:
    """A number as it is shown; an en dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−") if math.isfinite(value) else "∞"


def span(low: float, high: float) -> str:
    """``[0.12, 0.34]``, or nothing where the seeds give no interval."""
    return "" if math.isnan(low) or math.isnan(high) else f"[{number(low)}, {number(high)}]"


def _exact(cell: Cell) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    return repr(cell) if isinstance(cell, float) else str(cell)


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
