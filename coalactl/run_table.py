"""Lists of runs as text: plain columns, never cut, since names are there to be copied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coalactl.output import emit
from coalactl.paths import escaped
from coalactl_core.measures import parse

_HEADINGS = ("run", "status", "setting", "progress", "last reward", "tags", "updated")
_INDENT = "  "


def print_runs(rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows as they come, those within a pack or a sweep set in below it; no empty column of labels."""
    levels: dict[str | None, int] = {}
    for row in rows:
        levels[row["run_dir"]] = levels.get(row["part_of"], -1) + 1
    cells = [_cells(row, levels[row["run_dir"]]) for row in rows]
    shown = [column for column, name in enumerate(_HEADINGS) if name != "tags" or any(line[column] for line in cells)]
    lines = [[line[column] for column in shown] for line in (_HEADINGS, *cells)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        emit("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def state_of(row: Mapping[str, Any]) -> str:
    """``failed: REASON`` where it is known."""
    return ": ".join(filter(None, (row["status"], row.get("reason", ""))))


def _cells(row: Mapping[str, Any], level: int) -> tuple[str, ...]:
    return (
        _INDENT * level + escaped(row["run_dir"]),
        escaped(state_of(row)),
        escaped(row["setting"]),
        row["progress"],
        ", ".join(_chosen(row) if row["kind"] == "sweep" else _rewards(row["last"])),
        ", ".join(row["tags"]),
        row.get("updated", ""),
    )


def _rewards(last: Mapping[str, float | None]) -> Iterator[str]:
    for column, value in last.items():
        measure = parse(column)
        if measure is not None and (measure.name, measure.whose) == ("reward", "agent") and value is not None:
            yield f"{value:.2f} vs {measure.kind}"


def _chosen(row: Mapping[str, Any]) -> Iterator[str]:
    """What a sweep has chosen by: ``0.45 coala-pg reward_in_pool, 0.46 m-fos``."""
    metric = ""
    for method, result in row["chosen"].items():
        if isinstance(result["mean"], int | float):
            named = "" if result["metric"] == metric else f" {result['metric']}"
            metric = result["metric"]
            yield escaped(f"{result['mean']:.2f} {method}{named}")
