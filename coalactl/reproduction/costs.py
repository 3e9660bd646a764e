"""``coalactl reproduce ls``: the figures, the runs that each needs, and what they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from coalactl.output import emit_json, note
from coalactl.pace.estimates import estimate, in_words, remedy
from coalactl.papers.table import PAPERS, ExhibitEntry, entries
from coalactl.papers.trains import Scale, TrainingPart, each_once
from coalactl.reproduction.sweeps import sweep_of
from coalactl.sweep.outcome import needs, trainings_of
from coalactl.sweep.plan import plan
from coalactl.terminal import OurConsole
from coalactl.words import quantity
from coalactl.working import working


def describe(*, json: bool, quiet: bool = False) -> None:
    """Prints the table, or with ``json`` a list of objects; nothing is written or measured."""
    rows = []
    with working("planning the figures", quiet=quiet) as tell:
        listed = entries()
        for done, entry in enumerate(listed):
            tell(f"planning {entry.name}", done, len(listed))
            rows += _rows(entry)
    if json:
        emit_json(rows)
        return
    OurConsole(highlight=False).table(_table(rows))
    if any(row["estimated_seconds"] is None for row in rows) and not quiet:
        note(f"time to train: {remedy()}")


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A row for each figure and scale; what it takes here stands there where something is known of this machine."""
    known = any(row["estimated_seconds"] is not None for row in rows)
    here = "here: to train on this machine, an estimate; " if known else ""
    papers = "\n".join(f"{paper.title}, {paper.source}" for paper in PAPERS.values())
    title = f"{papers}\n{here}measured: minutes on two cores; figures share runs"
    table = Table(title=title, title_justify="left")
    for name in ("figure", "shows", "scale"):
        table.add_column(name)
    for name in ("runs", "steps", *(("here",) if known else ()), "measured"):
        table.add_column(name, justify="right")
    for row in rows:
        steps, minutes, seconds = row["steps"], row["minutes"], row["estimated_seconds"]
        costs = [quantity(steps) if steps else "exact"]
        costs += ["-" if seconds is None else in_words(seconds).removeprefix("about ")] if known else []
        costs += ["-" if minutes is None else f"{minutes:.1f}"]
        table.add_row(row["figure"], row["shows"], row["scale"], str(row["runs"]), *costs)
    return table


def _rows(entry: ExhibitEntry) -> list[dict[str, Any]]:
    """One for each scale; an exhibit of the exact game has one size."""
    trains = entry.load().trains
    if trains.has_one_size:
        return [_row(entry, each_once(trains.quick), "both")]
    return [_row(entry, each_once(trains.at(scale)), scale.value) for scale in Scale]


def _row(entry: ExhibitEntry, parts: Sequence[TrainingPart], scale: str) -> dict[str, Any]:
    runs = steps = 0
    minutes, trainings = [part.minutes for part in parts], []
    for part in parts:
        sweep = sweep_of(part, Path())
        trials = plan(sweep)
        needed = needs(sweep, trials)
        trainings += trainings_of(sweep, trials)
        runs += needed["selection_runs"] + needed["final_runs"]
        steps += needed["steps"]
    return {
        "figure": entry.name,
        "shows": entry.shows,
        "scale": scale,
        "parts": [part.name for part in parts],
        "runs": runs,
        "steps": steps or None,
        "minutes": None if None in minutes else sum(value for value in minutes if value is not None),
        "estimated_seconds": estimate(trainings).seconds,
    }
