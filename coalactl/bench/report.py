"""The results of a benchmark as a table and as a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from coalactl.errors import UserError
from coalactl.runs.files import write_failures, write_text
from coalactl.terminal import OurConsole
from coalactl.words import quantity, size


def check_target(path: Path) -> None:
    """Raises :class:`UserError` before anything is measured when the results could not be written there."""
    if path.exists():
        raise UserError(f"{path}: exists already; give another name")
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such directory")


def write_results(path: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """The list that ``--json`` prints, in a file."""
    with write_failures(path):
        write_text(path, json.dumps(list(results), indent=2) + "\n")


def show(results: Sequence[Mapping[str, Any]]) -> None:
    """The table, and the machine below it."""
    console = OurConsole(highlight=False)
    console.table(results_table(results))
    facts, source = results[-1], results[-1]["source"]
    revision = f"{source['revision'][:12]}{' modified' if source['modified'] else ''}" if source else "unknown"
    jax = facts["packages"].get("jax", "unknown")
    line = f"{facts['cpu']}, cores: {facts['cores']}, {', '.join(facts['devices'])}, jax {jax}, revision {revision}"
    console.print(line, markup=False, soft_wrap=True)


def results_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """A row a measure, a column a size: the median, and the quartiles where a measure was repeated."""
    table = Table(title="medians; in brackets the quartiles", title_justify="left", title_style="italic")
    table.add_column("")
    for result in results:
        table.add_column(result["size"], justify="right")
    for label, (name, words) in _ROWS.items():
        table.add_row(label, *[_cell(result, name, words) for result in results])
    return table


def _cell(result: Mapping[str, Any], name: str, words: Callable[[float], str]) -> str:
    if name not in result["quartiles"]:
        return words(result[name])
    low, high = result["quartiles"][name]
    return f"{words(result[name])} \\[{words(low)}, {words(high)}]"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s"


_ROWS: dict[str, tuple[str, Callable[[float], str]]] = {
    "steps a second": ("steps_per_second", quantity),
    "iteration": ("iteration_seconds", _milliseconds),
    "rollout": ("rollout_seconds", _milliseconds),
    "naive updates": ("naive_seconds", _milliseconds),
    "learning": ("learn_seconds", _milliseconds),
    "compiling": ("compile_seconds", _seconds),
    "peak memory": ("max_rss_bytes", size),
    "GFLOP/s of products": ("sgemm_gflops", quantity),
    "steps a GFLOP": ("steps_per_gflop", quantity),
}
