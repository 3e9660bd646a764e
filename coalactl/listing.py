"""``coalactl runs ls``: what is below a folder as rows. A pack or a sweep is one row, which unfolds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from coalactl.runs.directory import RunDirectory
from coalactl.runs.facts import PACK_FILES, RUN_FILES, SWEEP_FILES, pack_facts, run_facts, sweep_facts
from coalactl.runs.finding import RunTree, find, kind_at
from coalactl.runs.index import Facts, Index

Row = dict[str, Any]

FINISHED, DONE = "finished", "done"
DAMAGED = "damaged status"
_SUPERSEDED = "superseded"


class Listed(NamedTuple):
    """A row, with the rows of what is in it."""

    row: Row
    age: tuple[str, int]
    members: tuple[Listed, ...] = ()


class Filters(NamedTuple):
    """Which rows to list; None: all."""

    status: str | None = None
    setting: str | None = None
    tag: str | None = None

    def fits(self, row: Row, tags: Sequence[str]) -> bool:
        """Whether a row is wanted; ``tags`` are its own and those of what it is in."""
        status = FINISHED if self.status == DONE else self.status
        return (
            (status is None or any(state.startswith(status) for state in row["statuses"]))
            and (self.setting is None or self.setting in row["setting"])
            and (self.tag is None or self.tag in tags)
        )


def lines_below(root: Path, on_broken: Callable[[Path], None] | None = None) -> list[Listed]:
    """What is below a folder, first what was started last; of packs and sweeps their newest run counts."""
    index = Index(root)
    lines = [line for each in find(root, on_broken) if (line := _line(each, index, ())) is not None]
    index.save()
    return sorted(lines, key=lambda line: (*line.age, line.row["run_dir"]), reverse=True)


def wanted_lines(lines: Iterable[Listed], wanted: Filters, tags: Sequence[str] = ()) -> Iterator[Listed]:
    """Those that are wanted: packs and sweeps as a whole or by one of their runs, of which those stay that fit."""
    for line in lines:
        own = [*tags, *line.row["tags"]]
        members = tuple(wanted_lines(line.members, wanted, own))
        if members or wanted.fits(line.row, own):
            yield line._replace(members=members)


def unfolded(lines: Iterable[Listed], depth: int, tag: str | None = None) -> Iterator[Row]:
    """The rows, and behind each those of what is in it, so many levels deep.

    With a label that was looked for, what has it by a run inside alone unfolds down to that run.
    """
    for line in lines:
        yield line.row
        sought = None if tag in line.row["tags"] else tag
        if depth or sought is not None:
            yield from unfolded(line.members, depth - 1 if depth else 0, sought)


def is_group(path: Path) -> bool:
    """Whether a pack or a sweep is at the path, which unfolds where it is named itself."""
    return kind_at(path) in ("pack", "sweep")


def run_row(path: Path, facts: Facts | None = None) -> Row:
    """One run in a list; a damaged status is a status too."""
    facts = facts or run_facts(path)
    common = {"run_dir": str(path), "kind": "run", "part_of": None, "tags": facts["tags"], "started": facts["age"][0]}
    status = facts["status"]
    if status is None:
        return {**common, "status": DAMAGED, "setting": "", "progress": "", "last": {}, "statuses": {DAMAGED: 1}}
    state = status["state"]
    if state == "running" and RunDirectory(path).holder() is None:
        state = "stopped"  # Its process was killed: the state could not be told.
    method = status["method"] if facts["names"] is None else " + ".join(facts["names"])
    return {
        **common,
        "status": state,
        "statuses": {state: 1},
        "reason": status["reason"],
        "setting": f"{status['preset']} {method} seed {status['seed']}".strip(),
        "preset": status["preset"],
        "method": status["method"],
        "methods": facts["names"] or [status["method"]],
        "seed": status["seed"],
        "progress": f"{status['iteration']}/{status['iterations']}",
        "iteration": status["iteration"],
        "iterations": status["iterations"],
        "seconds": status["seconds"],
        "updated": status["updated"],
        "last": dict(status["last"]),
    }


def _line(tree: RunTree, index: Index, around: Sequence[str]) -> Listed | None:
    """None where it has been removed in this moment."""
    if tree.kind == "run":
        facts = index.facts(tree.path, RUN_FILES, run_facts)
        row = run_row(tree.path, facts)
        gone = row["status"] == DAMAGED and not tree.path.exists()
        return None if gone else Listed({**row, "part_of": around[-1] if around else None}, tuple(facts["age"]))
    path = str(tree.path)
    inside = (_line(member, index, (*around, path)) for member in sorted(tree.members, key=_in_order))
    members = tuple(line for line in inside if line is not None)
    if tree.kind == "pack":
        facts, counted = index.facts(tree.path, PACK_FILES, pack_facts), [*_runs(members)]
        own = _pack(facts, counted)
    else:
        by_folder = {name: [*_runs(lines)] for name, lines in groupby(members, lambda line: _folder(tree.path, line))}
        begun = len(by_folder.get("trials", ()))
        facts = index.facts(tree.path, SWEEP_FILES, sweep_facts)
        counted = [row for name, rows in by_folder.items() if name != _SUPERSEDED for row in rows]
        own = _sweep(facts, counted, begun)
    newest = max((line.age for line in members), default=tuple(facts.get("age", ("", 0))))
    common = {"run_dir": path, "kind": tree.kind, "part_of": around[-1] if around else None}
    common |= {"tags": facts["tags"], "started": newest[0]}
    return Listed({**common, **_together(counted), **own}, newest, members)


def _runs(lines: Iterable[Listed]) -> Iterator[Row]:
    for line in lines:
        if line.row["kind"] == "run":
            yield line.row
        yield from _runs(line.members)


def _together(rows: Sequence[Row]) -> Row:
    """What several runs come to: sums of iterations, means of the newest rewards."""
    readable = [row for row in rows if row["status"] != DAMAGED]
    done, planned = (sum(row[key] for row in readable) for key in ("iteration", "iterations"))
    names = dict.fromkeys(name for row in readable for name in row["last"])
    return {
        "runs": len(rows),
        "preset": ", ".join(dict.fromkeys(row["preset"] for row in readable)),
        "method": ", ".join(dict.fromkeys(row["method"] for row in readable)),
        "progress": f"{done}/{planned}",
        "iteration": done,
        "iterations": planned,
        "updated": max((row["updated"] for row in readable), default=""),
        "last": {name: _mean(row["last"].get(name) for row in readable) for name in names},
        "reason": _only(row["reason"] for row in readable),
    }


def _pack(facts: Facts, rows: Sequence[Row]) -> Row:
    seeds = len(facts["seeds"]) or len(rows)
    states = _states(rows)
    if seeds > len(rows):
        states["missing"] = seeds - len(rows)
    return {
        "seeds": facts["seeds"],
        "setting": f"{_settings(rows)} {seeds} seed{'s'[: seeds != 1]}".strip(),
        **_statuses(states),
    }


def _sweep(facts: Facts, rows: Sequence[Row], begun: int) -> Row:
    """Runs that a sweep has not begun yet are ``open``; final runs are known only when they begin."""
    states = _states(rows)
    if facts["trials"] * facts["seeds"] > begun:
        states["open"] = facts["trials"] * facts["seeds"] - begun
    trials = facts["trials"]
    setting = _settings(rows) or facts["preset"]
    return {
        "trials": trials,
        "chosen": facts["chosen"],
        "setting": f"{setting} {trials} trial{'s'[: trials != 1]}",
        "last": {},
        **_statuses(states),
    }


def _folder(sweep: Path, line: Listed) -> str:
    """``trials``, ``final`` or ``superseded``."""
    return Path(line.row["run_dir"]).relative_to(sweep).parts[0]


def _states(rows: Iterable[Row]) -> Counter[str]:
    return Counter(row["status"] for row in rows)


def _statuses(states: Mapping[str, int]) -> Row:
    """``3 done, 1 failed``, and the same as data."""
    ordered = sorted(states, key=lambda state: (state != FINISHED, state))
    words = [f"{states[state]} {DONE if state == FINISHED else state}" for state in ordered]
    return {"status": ", ".join(words) or "empty", "statuses": {state: states[state] for state in ordered}}


def _settings(rows: Sequence[Row]) -> str:
    """The preset and the methods of several runs."""
    readable = [row for row in rows if row["status"] != DAMAGED]
    presets = dict.fromkeys(row["preset"] for row in readable)
    methods = dict.fromkeys(" + ".join(row["methods"]) for row in readable)
    return f"{', '.join(filter(None, presets))} {'; '.join(methods)}".strip()


def _only(reasons: Iterable[str]) -> str:
    """The reason, where all that failed did so for the same."""
    different = set(filter(None, reasons))
    return different.pop() if len(different) == 1 else ""


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _in_order(tree: RunTree) -> list[tuple[int, str]]:
    """``seed-2`` before ``seed-10``."""
    parts = re.split(r"(\d+)", str(tree.path))  # words and numbers by turns
    return [(int(part) if index % 2 else 0, part) for index, part in enumerate(parts)]
