"""``coalactl runs compare A B``: in what two runs or packs differ, and what each came to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from coalactl.output import emit_json
from coalactl.report.configurations import in_words, result_keys
from coalactl.report.statistics import Interval, t_interval
from coalactl.runs.pack import runs_at
from coalactl.summary import RunSummary, note_missing, summarize
from coalactl.terminal import OurConsole


class Side(NamedTuple):
    """A run or a pack: its values, and each measure's estimate over its seeds."""

    path: str
    values: Mapping[str, Any]
    seeds: tuple[int, ...]
    measures: Mapping[str, Interval]


def compare(first: Path, second: Path, *, json: bool) -> None:
    """Prints what differs in the configurations and, side by side, what was measured."""
    sides = [_side(first), _side(second)]
    differing = dict(_differing(*sides))
    if json:
        emit_json({"runs": [_as_json(side) for side in sides], "differences": differing})
        return
    console = OurConsole(highlight=False)
    for name, side in zip("AB", sides, strict=True):
        console.print(
            f"{name}: {side.path}, seed{'s'[: len(side.seeds) > 1]} {_shown(side.seeds)}", markup=False, soft_wrap=True
        )
    if differing:
        console.table(
            _table("values that differ", "key", ((key, *map(in_words, pair)) for key, pair in differing.items()))
        )
    else:
        console.print("no value differs on which results depend, but seeds")
    names = dict.fromkeys(name for side in sides for name in side.measures)
    rows = ((name, *(_told(side.measures.get(name)) for side in sides)) for name in names)
    console.table(_table("mean over the last tenth of the iterations", "measure", rows))


def _side(path: Path) -> Side:
    runs = runs_at(path)
    summaries = [summarize(run) for run in runs]
    note_missing(runs, summaries)
    configs = [run.read_config() for run in runs]
    seeds = tuple(config["run"]["seed"] for config in configs)
    return Side(str(path), result_keys(configs[0]), seeds, dict(_measures(summaries)))


def _measures(summaries: Sequence[RunSummary]) -> Iterator[tuple[str, Interval]]:
    for name in dict.fromkeys(name for summary in summaries for name in summary.trained):
        values = [summary.trained.get(name) for summary in summaries]
        known = [value for value in values if value is not None]
        if known:
            yield name, t_interval(known)


def _differing(first: Side, second: Side) -> Iterator[tuple[str, list[Any]]]:
    for key in sorted({*first.values, *second.values}):
        pair = [side.values.get(key) for side in (first, second)]
        if pair[0] != pair[1]:
            yield key, pair


def _as_json(side: Side) -> dict[str, Any]:
    measures = {name: interval._asdict() for name, interval in side.measures.items()}
    return {"run_dir": side.path, "seeds": list(side.seeds), "measures": measures}


def _table(title: str, heading: str, rows: Iterator[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="italic")
    table.add_column(heading, overflow="fold")
    for name in "AB":
        table.add_column(name, justify="right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _told(interval: Interval | None) -> str:
    """The estimate, and between which ends it lies where there are seeds enough."""
    if interval is None:
        return "-"
    ends = "" if math.isnan(interval.low) else f" ({interval.low:.2f} to {interval.high:.2f})"
    return f"{interval.estimate:.2f}{ends}"


def _shown(seeds: Sequence[int]) -> str:
    return str(seeds[0]) if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)} ({len(seeds)})"
