"""A table once, written as CSV with all digits, as Markdown, and as LaTeX for ``booktabs``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

Cell = str | int | float | None

_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
    "χ": r"$\chi$",
    "φ": r"$\phi$",
    "γ": r"$\gamma$",
}


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
    note: str = ""


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
    lines += [_markdown_row(table.shown_columns), _markdown_row(["---"] * len(table.shown_columns))]
    return "\n".join([*lines, *(_markdown_row(row) for row in table.shown)]) + "\n"


def to_latex(table: Table) -> str:
    """A floating table; the document needs the package ``booktabs``."""
    alignment = "l" * table.words + "r" * (len(table.shown_columns) - table.words)
    caption = f"{table.title}. {table.note}" if table.note else table.title
    lines = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{_latex(caption)}}}",
        f"  \\label{{tab:{table.name}}}",
        f"  \\begin{{tabular}}{{{alignment}}}",
        r"    \toprule",
        _latex_row(table.shown_columns),
        r"    \midrule",
        *(_latex_row(row) for row in table.shown),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


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


def _latex_row(cells: Sequence[str]) -> str:
    return f"    {' & '.join(map(_latex, cells))} \\\\"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
